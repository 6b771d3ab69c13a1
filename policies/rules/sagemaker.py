"""Rules about SageMaker: notebook instances and Studio."""

import base64
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from policies.rules.rule import RuleBook
from policies.rules.secrets import secrets
from policies.rules.security_groups import IN, GroupRule
from policies.rules.security_groups import rules as group_rules
from policies.rules.template import App, Finding, Resource, is_known, is_one_of, text

RULES = RuleBook()

NOTEBOOK = "AWS::SageMaker::NotebookInstance"
NOTEBOOK_LIFECYCLE = "AWS::SageMaker::NotebookInstanceLifecycleConfig"
STUDIO_LIFECYCLE = "AWS::SageMaker::StudioLifecycleConfig"
DOMAIN, PROFILE, SPACE = "AWS::SageMaker::Domain", "AWS::SageMaker::UserProfile", "AWS::SageMaker::Space"

SHELL = r"(?:sudo\s+)?(?:/\S*/)?(?:ba|da|z)?sh\b"
DOWNLOAD_RUN = re.compile(
    rf"\b(?:curl|wget)\b[^\n;]*(?<!\|)\|\s*{SHELL}"
    rf"|(?:{SHELL}\s+(?:-\w+\s+)*|\b(?:source|eval)\s+)[\"']?[<$]\(\s*(?:curl|wget)\b"
)
"""``curl ... | bash``, and ``bash -c "$(curl ...)"``, ``bash <(curl ...)``, ``source <(curl ...)``."""

LUSTRE = ((988, 988), (1018, 1023))
"""Privileged ports, which AWS asks for between Lustre's clients. No app of Studio listens there.

Source: AWS docs fsx/latest/LustreGuide/limit-access-security-groups.html
"""


@RULES.rule(
    "S1",
    "A notebook instance runs Amazon Linux 2023 and version 2 of the instance metadata service alone",
    why="Older platforms get no more updates; version 1 of the metadata service hands the role's credentials to "
    "whatever can be made to send a request",
    source="Security Hub SageMaker.8; Checkov CKV_AWS_371; AWS docs sagemaker/latest/dg/nbi-al2023.html",
    fix='Set PlatformIdentifier to notebook-al2023-v1, and MinimumInstanceMetadataServiceVersion to "2"',
)
def platform(app: App) -> Iterator[Finding]:
    """Today AWS takes Amazon Linux 2023 when no platform is named (botocore, CreateNotebookInstance)."""
    metadata = "MinimumInstanceMetadataServiceVersion"
    for notebook in app.of(NOTEBOOK):
        yield from notebook.may_be("PlatformIdentifier", "notebook-al2023-v1", detail="PlatformIdentifier")
        yield from notebook.must_be(f"InstanceMetadataServiceConfiguration.{metadata}", 2, detail=metadata)


@RULES.rule(
    "S2",
    "Users of a notebook instance are not root",
    why="Root can switch off whatever a lifecycle configuration set up, the idle stop and the logs among it",
    source="Security Hub SageMaker.3; Control Tower CT.SAGEMAKER.PR.3",
    fix="Set RootAccess to Disabled; lifecycle scripts run as root all the same",
)
def no_root(app: App) -> Iterator[Finding]:
    for notebook in app.of(NOTEBOOK):
        yield from notebook.must_be("RootAccess", "Disabled")


@RULES.rule(
    "S3",
    "A notebook instance is in the VPC and has no way around it",
    why="With direct internet access its traffic leaves through a network of AWS, past endpoints, groups and flow logs",
    source="Security Hub SageMaker.1 and SageMaker.2",
    fix="Set SubnetId, SecurityGroupIds, and DirectInternetAccess to Disabled",
)
def in_vpc(app: App) -> Iterator[Finding]:
    for notebook in app.of(NOTEBOOK):
        yield from notebook.must_have("SubnetId", "SubnetId")
        yield from notebook.must_have("SecurityGroupIds", "SecurityGroupIds")
        yield from notebook.must_be("DirectInternetAccess", "Disabled", detail="DirectInternetAccess")


@RULES.rule(
    "S4",
    "Lifecycle scripts are the app's own, hold no secrets, and run nothing straight from a download",
    why="They run as root or as the person, with the role's credentials, and whoever may describe a lifecycle "
    "configuration reads them",
    source="Prowler sagemaker_notebook_instance_no_secrets; "
    "AWS docs sagemaker/latest/dg/notebook-lifecycle-config.html",
    fix="Define the lifecycle configuration in the app, read secrets when the script runs, and pin what it fetches",
)
def lifecycle_scripts(app: App) -> Iterator[Finding]:
    own = [each.get("NotebookInstanceLifecycleConfigName") for each in app.of(NOTEBOOK_LIFECYCLE)]
    for notebook in app.of(NOTEBOOK):
        name = notebook.get("LifecycleConfigName")
        if is_known(name) and name not in own:
            yield notebook.broken("LifecycleConfigName", f"is {name}, which is none of the app")
    for configuration in app.of(NOTEBOOK_LIFECYCLE):
        for hook in ("OnCreate", "OnStart"):
            for index, _ in enumerate(configuration.list(hook)):
                yield from _script_faults(configuration, f"{hook}.{index}.Content")
    for configuration in app.of(STUDIO_LIFECYCLE):
        yield from _script_faults(configuration, "StudioLifecycleConfigContent")


def _script_faults(configuration: Resource, path: str) -> Iterator[Finding]:
    content = configuration.get(path)
    try:
        script = _script(content)
    except ValueError:
        yield configuration.broken(path, "is not text in base64", f"{path}.Base64")
        return
    for kind in secrets(script):
        yield configuration.broken(path, f"has a secret in it, of kind {kind}", f"{path}.{kind}")
    if DOWNLOAD_RUN.search(script.replace("\\\n", " ")):
        yield configuration.broken(path, "runs what it downloads", f"{path}.Download")


def _script(content: Any) -> str:
    """The text of a script, as far as it is known.

    Raises:
        ValueError: when it is no text in base64.
    """
    if is_known(content):
        return base64.b64decode("".join(str(content).split()), validate=True).decode()
    return text(content) if content and "Fn::Base64" in content else ""


@RULES.rule(
    "S5",
    "Studio's apps have no network but the VPC",
    why="Otherwise they reach the internet through a network of AWS, past endpoints, groups and flow logs",
    source="AWS Config sagemaker-domain-in-vpc; AWS docs sagemaker/latest/dg/studio-updated-and-internet-access.html",
    fix="Set AppNetworkAccessType to VpcOnly",
)
def vpc_only(app: App) -> Iterator[Finding]:
    for domain in app.of(DOMAIN):
        yield from domain.must_be("AppNetworkAccessType", "VpcOnly")


@RULES.rule(
    "S6",
    "What Studio stores is under a customer key, and so is the output of notebooks that people share",
    why="Only a customer key can be taken away, and its use shows in CloudTrail; output holds the data it was made of",
    source="Checkov CKV_AWS_187; AWS docs sagemaker/latest/APIReference/API_SharingSettings.html",
    fix="Set KmsKeyId; leave NotebookOutputOption Disabled, or set S3KmsKeyId",
)
def studio_keys(app: App) -> Iterator[Finding]:
    for domain in app.of(DOMAIN):
        yield from domain.must_have_key("KmsKeyId", "KmsKeyId")
        yield from _shared_output(domain, "DefaultUserSettings.SharingSettings")
    for profile in app.of(PROFILE):
        yield from _shared_output(profile, "UserSettings.SharingSettings")


def _shared_output(resource: Resource, path: str) -> Iterator[Finding]:
    option = resource.get(f"{path}.NotebookOutputOption")
    if is_known(option) and is_one_of(option, ["Allowed"]):
        yield from resource.must_have_key(f"{path}.S3KmsKeyId", "SharingSettings")


@RULES.rule(
    "S7",
    "CloudTrail names the person behind each call of a Studio app",
    why="Otherwise it names a role, and nobody can tell who did what",
    source="AWS docs sagemaker/latest/APIReference/API_DomainSettings.html",
    fix="Set ExecutionRoleIdentityConfig to USER_PROFILE_NAME, and let the roles' trust policies allow "
    "sts:SetSourceIdentity",
)
def source_identity(app: App) -> Iterator[Finding]:
    for domain in app.of(DOMAIN):
        yield from domain.must_be("DomainSettings.ExecutionRoleIdentityConfig", "USER_PROFILE_NAME")


@RULES.rule(
    "S8",
    "Docker in Studio is off, or takes images of named accounts alone",
    why="An image from anywhere is software from anywhere, which runs with the person's role",
    source="AWS docs sagemaker/latest/APIReference/API_DockerSettings.html",
    fix="Set EnableDockerAccess to DISABLED, or name the accounts in VpcOnlyTrustedAccounts",
)
def docker(app: App) -> Iterator[Finding]:
    for domain in app.of(DOMAIN):
        if not domain.get("DomainSettings.DockerSettings.VpcOnlyTrustedAccounts"):
            yield from domain.must_not_be("DomainSettings.DockerSettings.EnableDockerAccess", "ENABLED")


@RULES.rule(
    "S9",
    "Each person in Studio has a role and a security group of their own, and lets nobody else's group in",
    why="Who reaches a person's apps uses them without a password; a role of several people tells none from another",
    source="AWS docs sagemaker/latest/dg/studio-updated-and-internet-access.html",
    fix="Give each user profile an ExecutionRole and a group that nobody else has; let its groups admit none that "
    "others have, but for Lustre's ports",
)
def people_apart(app: App) -> Iterator[Finding]:
    """Groups may be shared besides: those that only lead out, to endpoints and file systems."""
    profiles = [(each, "UserSettings") for each in app.of(PROFILE)]
    defaults = [(each, path) for each in app.of(DOMAIN) for path in ("DefaultUserSettings", "DefaultSpaceSettings")]
    roles = Counter(role for user in profiles + defaults for role in _identities(app, *user, "ExecutionRole"))
    groups = Counter(group for user in profiles + defaults for group in _identities(app, *user, "SecurityGroups"))
    let_in = _let_in(app)
    for profile, path in profiles:
        yield from profile.must_have(f"{path}.ExecutionRole", "ExecutionRole")
        yield from profile.must_have(f"{path}.SecurityGroups", "SecurityGroups")
        for role in _identities(app, profile, path, "ExecutionRole"):
            if roles[role] > 1:
                yield profile.broken(
                    f"{path}.ExecutionRole", f"{_name(role)} is not this person's alone", "ExecutionRole"
                )
        own = _identities(app, profile, path, "SecurityGroups")
        if own and all(groups[group] > 1 for group in own):
            yield profile.broken(f"{path}.SecurityGroups", "has none that nobody else has", "SecurityGroups")
        for group in own:
            if any(groups[other] > (other in own) for other in let_in.get(group, ())):
                what = f"{_name(group)} lets in a group that others have"
                yield profile.broken(f"{path}.SecurityGroups", what, f"SecurityGroups.{_name(group)}")


Identity = Resource | str
"""What is the same for two values exactly when they name the same thing."""


def _identities(app: App, user: Resource, path: str, name: str) -> dict[Identity, None]:
    """The roles or groups that someone's settings name, each once and in order."""
    value = user.get(f"{path}.{name}")
    values = value if isinstance(value, list) else [] if value is None else [value]
    return dict.fromkeys(_identity(app, each, user) for each in values)


def _identity(app: App, value: Any, user: Resource) -> Identity:
    if target := app.target(value, user):
        return target
    return str(value) if is_known(value) else f"{text(value)} of {user.stack.path}"


def _name(identity: Identity) -> str:
    return identity.logical_id if isinstance(identity, Resource) else identity


def _let_in(app: App) -> dict[Identity, list[Identity]]:
    """Group to the groups from which it admits more than Lustre."""
    found: dict[Identity, list[Identity]] = {}
    for rule in group_rules(app):
        if rule.direction == IN and rule.peer_id is not None and not _is_lustre(rule):
            group = rule.group or _identity(app, rule.holder.get("GroupId"), rule.holder)
            found.setdefault(group, []).append(_identity(app, rule.peer_id, rule.holder))
    return found


def _is_lustre(rule: GroupRule) -> bool:
    ports = [rule.body.get(end) for end in ("FromPort", "ToPort")]
    if rule.all_traffic or None in ports:
        return False
    if not all(is_known(port) for port in ports):
        return True
    first, last = (int(str(port)) for port in ports)
    return any(start <= first and last <= end for start, end in LUSTRE)


@RULES.rule(
    "S10",
    "A Studio space is one person's and is not reached from outside",
    why="Whoever is in a shared space works with its role and its files; remote access is a way around the web portal",
    source="AWS docs sagemaker/latest/dg/domain-space.html; sagemaker/latest/dg/remote-access.html",
    fix="Set OwnershipSettings, SharingType to Private, and RemoteAccess to DISABLED",
)
def private_spaces(app: App) -> Iterator[Finding]:
    for space in app.of(SPACE):
        yield from space.must_have("OwnershipSettings.OwnerUserProfileName", "OwnershipSettings")
        yield from space.must_be("SpaceSharingSettings.SharingType", "Private", detail="SharingType")
        yield from space.must_not_be("SpaceSettings.RemoteAccess", "ENABLED", detail="RemoteAccess")
