"""The guardrails once more, as policies that an organisation lays over a whole account.

A role's guardrails bind that role. A service control policy (SCP) binds whoever is in the account, whatever roles
somebody makes there; a resource control policy (RCP) binds whoever comes from outside. Both are written before anything
is deployed: what only a deployment knows (subnets, groups, keys) must be given, whatever it is, and what AWS or the
environment file decides is denied as by the guardrails, from the same table.

Source: AWS docs, in organizations/latest/userguide: orgs_manage_policies_scps_syntax.html,
orgs_manage_policies_rcps_syntax.html, orgs_reference_limits.html
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from environments import Environment
from environments.teams import Team
from operations.errors import InputError
from stacks.platform_stack import stack_name
from trainyard import sagemaker_actions as table
from trainyard.guardrails import denies
from trainyard.managed_policy import Conditions, Statement
from trainyard.sagemaker_actions import Demand, Protection

MAX_DOCUMENT = 5120
"""Characters of one policy."""

MAX_DOCUMENTS = 4
"""Policies of one kind on an account or unit: five, of which one is AWS's own, without which nothing is allowed."""

LEFT_OUT = {
    table.OWN_SPACES: "only Studio says whose space it is, and who clears up deletes the spaces of others",
}
"""Protections that the roles of people have alone, each with the reason."""

DATA = ("s3:*", "kms:*")
# Who signs in with SAML or OpenID Connect has no organisation yet, and comes by other actions.
TAKE_ON = ("sts:AssumeRole",)

Document = dict[str, Any]


def write(environment: Environment, folder: Path, organization: str | None = None) -> list[str]:
    """Writes the documents in place of older ones, and gives a line for each.

    Args:
        environment: the environment whose account they are for.
        folder: where to write them.
        organization: the id of the organisation; without it there are no RCPs.

    Raises:
        InputError: for an id that is none, and when the documents are more than an account takes.
    """
    written = documents(environment, organization)
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("scp-*.json"), *folder.glob("rcp-*.json")]:
        old.unlink()
    for name, text in written.items():
        (folder / name).write_text(text)
    lines = [f"{folder / name}: {len(text)} of {MAX_DOCUMENT} characters" for name, text in written.items()]
    return lines if organization else [*lines, "no resource control policy: it needs ORGANIZATION=o-..."]


def documents(environment: Environment, organization: str | None = None) -> dict[str, str]:
    """Name of the file to text, for every policy; arguments and errors are those of ``write``."""
    if organization is not None and not re.fullmatch(r"o-[a-z0-9]{10,32}", organization):
        raise InputError(f"organization: {organization!r}: must be the id of an organisation, such as o-a1b2c3d4e5")
    service_controls = [each.document() for each in _service_controls(environment)]
    resource_controls = list(_resource_controls(organization)) if organization else []
    return {**_packed("scp", service_controls), **_packed("rcp", resource_controls)}


def _service_controls(environment: Environment) -> Iterator[Statement]:
    settings = environment.access
    # What CloudFormation deploys stands in a file that was reviewed.
    by_others = _unless(environment, [f"cdk-*-cfn-exec-role-{environment.account}-*"])
    approvers = [_made_role(environment, team, "Approver") for team in environment.teams if team.approvers]
    # Where the file names no approver, whoever runs the account must be one.
    left_out = {*LEFT_OUT, *([] if approvers else [table.APPROVAL])}
    decided: dict[Protection, Sequence[str]] = {
        table.INSTANCE_TYPES: [*settings.instance_types, "system"],
        table.MAX_RUNTIME: [str(settings.max_runtime_hours * 3600)],
        table.KEEP_ALIVE: [str(settings.keep_alive_minutes * 60)],
        table.NOTEBOOK_LIFECYCLE: [_scripts(environment, "notebook-instance-lifecycle-config", "Team-")],
        table.STUDIO_LIFECYCLE: [_scripts(environment, "studio-lifecycle-config", "Studio-")],
        table.AUTH_MODE: [environment.studio.auth_mode],
        table.ENVIRONMENT_TAG: [environment.name],
    }
    when: dict[Protection, Conditions] = {
        table.APPROVAL: _unless(environment, approvers),
        # The type of a notebook instance stands in the file by itself.
        table.INSTANCE_TYPES: by_others,
        # A tag that changes in the file changes on what is there already.
        table.TAGGED_LATER: by_others,
    }
    for protection in table.PROTECTIONS:
        if protection in left_out:
            continue
        if protection is table.NETWORK_ISOLATION:
            yield from _isolation(environment)
        elif protection in decided or protection.values or protection.demand in (Demand.TRUE, Demand.GIVEN):
            yield from denies(protection, decided.get(protection, ()), when.get(protection))
        elif protection.required:
            yield from denies(_given(protection))
    if settings.presigned_urls_from_vpc_only:
        yield _presigned_urls(environment)
    never = [f"sagemaker:{action}" for action in table.FORBIDDEN]
    yield Statement("Never", never, effect="Deny", conditions=by_others)


def _given(protection: Protection) -> Protection:
    """The same, when nobody knows the values yet."""
    return replace(
        protection, name=f"{protection.name}Missing", demand=Demand.GIVEN, only=protection.required, optional={}
    )


def _isolation(environment: Environment) -> Iterator[Statement]:
    """For everybody at once, and for the roles with an exception from the day on which it ends."""
    excepted: dict[str, list[str]] = {}
    for team in environment.teams:
        if team.without_network_isolation:
            role = _made_role(environment, team, "WithoutIsolation")
            excepted.setdefault(team.without_network_isolation.until, []).append(role)
    roles = [role for each in excepted.values() for role in each]
    yield from denies(table.NETWORK_ISOLATION, when=_unless(environment, roles))
    for until, of_that_day in sorted(excepted.items()):
        later = replace(table.NETWORK_ISOLATION, name=f"{table.NETWORK_ISOLATION.name}{until.replace('-', '')}")
        yield from denies(
            later,
            when={
                "ArnLike": {"aws:PrincipalArn": _roles(environment, of_that_day)},
                "DateGreaterThanEquals": {"aws:CurrentTime": f"{until}T00:00:00Z"},
            },
        )


def _presigned_urls(environment: Environment) -> Statement:
    existing = environment.network.existing_vpc
    elsewhere: Conditions = (
        {"StringNotEquals": {"aws:SourceVpc": existing.vpc_id}} if existing else {"Null": {"aws:SourceVpc": "true"}}
    )
    urls = [f"sagemaker:{action}" for action in table.PRESIGNED]
    return Statement("PresignedUrlsFromElsewhere", urls, effect="Deny", conditions=elsewhere)


def _resource_controls(organization: str) -> Iterator[Document]:
    """Data and roles are for the organisation, and for services of AWS that act for it.

    A service with a role of ours is a member of the organisation; one that comes in its own name says so, and mostly
    says for which account. Service-linked roles, those of FSx and EC2 Auto Scaling among them, are bound by no RCP.
    """
    for sid, actions, conditions in (
        (
            "FromOutside",
            [*DATA, *TAKE_ON],
            {
                "StringNotEqualsIfExists": {"aws:PrincipalOrgID": organization},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
        ),
        (
            "ServicesForOthers",
            [*DATA, *TAKE_ON],
            {
                "StringNotEqualsIfExists": {"aws:SourceOrgID": organization},
                # Not every service says for whom it acts.
                "Null": {"aws:SourceAccount": "false"},
                "Bool": {"aws:PrincipalIsAWSService": "true"},
            },
        ),
        ("WithoutTls", [*DATA, "sts:*"], {"Bool": {"aws:SecureTransport": "false"}}),
    ):
        yield {**Statement(sid, actions, effect="Deny", conditions=conditions).document(), "Principal": "*"}


def _scripts(environment: Environment, kind: str, stack: str) -> str:
    return f"arn:aws:sagemaker:{environment.region}:{environment.account}:{kind}/{stack_name(environment, stack)}*"


def _made_role(environment: Environment, team: Team, construct_id: str) -> str:
    """How CloudFormation names a role of a team.

    A name that is too long keeps 24 characters of the stack's and of the resource's at least.
    """
    stack = stack_name(environment, f"Team-{team.name}")[:24]
    return f"{stack}*-{f'Roles{construct_id}'[:24]}*"


def _roles(environment: Environment, names: Iterable[str]) -> list[str]:
    return [f"arn:aws:iam::{environment.account}:role/{name}" for name in dict.fromkeys(names)]


def _unless(environment: Environment, names: Sequence[str]) -> Conditions:
    return {"ArnNotLike": {"aws:PrincipalArn": _roles(environment, names)}} if names else {}


def _packed(kind: str, statements: Iterable[Document]) -> dict[str, str]:
    """As few documents as it takes: the longest statement first, each into the first document that has room."""
    packed: list[list[Document]] = []
    for statement in sorted(statements, key=lambda each: -len(_text([each]))):
        for document in packed:
            if len(_text([*document, statement])) <= MAX_DOCUMENT:
                document.append(statement)
                break
        else:
            packed.append([statement])
    texts = [_text(each) for each in packed]
    if len(texts) > MAX_DOCUMENTS or max(map(len, texts), default=0) > MAX_DOCUMENT:
        raise InputError(
            f"{kind}: {len(texts)} documents, the longest of {max(map(len, texts))} characters: "
            f"an account takes {MAX_DOCUMENTS} of {MAX_DOCUMENT} each"
        )
    return {f"{kind}-{index}.json": text for index, text in enumerate(texts, start=1)}


def _text(statements: Sequence[Document]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
