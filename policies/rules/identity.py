"""Rules about identity: who takes roles on, what they are given and may pass on, and whom resources let in.

The rule about the Denies of roles is in guardrails.py.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from policies.evaluator import Context, Request, is_about
from policies.rules.documents import ROLE, Statement, statements, trust
from policies.rules.permissions import GROUP, USER, Permission, permissions
from policies.rules.rule import RuleBook
from policies.rules.template import App, Finding, Resource, text
from trainyard.sagemaker_actions import CONDITION_KEYS, FORBIDDEN, PRESIGNED

RULES = RuleBook()

FOR_OTHERS = ("sagemaker.amazonaws.com", "ecs-tasks.amazonaws.com")
"""Services that take on roles for whoever asks them, and say for which account."""
RUN_CODE = {*FOR_OTHERS, "ec2.amazonaws.com"}

BROAD = re.compile(r":aws:policy/(?:.*/)?(\w*FullAccess\w*|AdministratorAccess[\w-]*|PowerUserAccess)$")
"""Managed policies of AWS that allow all of a service, or of every service."""
CREATING = [f"sagemaker:{each}" for each in (*CONDITION_KEYS, *FORBIDDEN, *PRESIGNED) if each.startswith("Create")]

FROM = ("aws:SourceVpc", "aws:SourceVpce")
ELSEWHERE: tuple[Context, ...] = ({}, {"aws:SourceVpc": "vpc-elsewhere", "aws:SourceVpce": "vpce-elsewhere"})
"""What a request says that comes from the internet, or from a network of somebody else."""
TAG_PREFIXES = ("aws:resourcetag/", "sagemaker:resourcetag/")

TOPIC = "AWS::SNS::Topic"
TOPIC_POLICIES = ("AWS::SNS::TopicPolicy", "AWS::SNS::TopicInlinePolicy")
RESOURCE_POLICIES = {
    **dict.fromkeys((*TOPIC_POLICIES, "AWS::SQS::QueuePolicy", "AWS::SQS::QueueInlinePolicy"), "PolicyDocument"),
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::ECR::RegistryPolicy": "PolicyText",
    "AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
    "AWS::SageMaker::ModelPackageGroup": "ModelPackageGroupPolicy",
    **dict.fromkeys(("AWS::CodeArtifact::Domain", "AWS::CodeArtifact::Repository"), "PermissionsPolicyDocument"),
    ROLE: "AssumeRolePolicyDocument",
}
"""Type to the property that says who may use the resource."""

OF_CALLER = (
    *("aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "kms:CallerAccount"),
    *("aws:SourceAccount", "aws:SourceArn", "aws:SourceOwner", "aws:SourceOrgID", *FROM),
)
"""Condition keys that say whose request it is, or for whom it is made."""
ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")


@RULES.rule(
    "I1",
    "A role that SageMaker or ECS takes on is for this account alone, and one that people's code runs as has a ceiling",
    why="A service acts for whoever asks it: without the account in the trust, somebody else's request will do; "
    "without a permissions boundary, one more policy makes any role an admin. A host takes its role on in its own "
    "account, and roles of other services run AWS's code or the platform's",
    source="AWS docs IAM/latest/UserGuide/confused-deputy.html and access_policies_boundaries.html; Prowler "
    "iam_role_cross_service_confused_deputy_prevention",
    fix="Add StringEquals aws:SourceAccount to the trust policy; set PermissionsBoundary",
)
def trusted_services(app: App) -> Iterator[Finding]:
    for role in app.of(ROLE):
        trusting = [each for each in trust(role) if each.allows]
        for each in trusting:
            services = [text(value) for kind, value in each.principals if kind == "Service"]
            asked = [service for service in services if service in FOR_OTHERS]
            if asked and not each.is_confined_by("aws:SourceAccount"):
                yield role.broken(each.path, f"lets {asked[0]} act for any account", "SourceAccount")
        principals = [principal for each in trusting for principal in each.principals]
        if any(kind != "Service" or text(value) in RUN_CODE for kind, value in principals):
            yield from role.must_have("PermissionsBoundary", "PermissionsBoundary")


@RULES.rule(
    "I2",
    "What is allowed is named: no policy of AWS that allows a whole service, no wildcard over what SageMaker makes",
    why="AWS adds actions, and many that make something have no condition to confine them: a wildcard allows what "
    "nobody has looked at yet",
    source="AWS docs sagemaker/latest/dg/security-iam-awsmanpol.html; "
    "IAM/latest/UserGuide/reference_policies_elements_notaction.html",
    fix="Write a policy that lists the actions, and attach it in place of the managed one",
)
def named_actions(app: App) -> Iterator[Finding]:
    for principal in app.of(ROLE, USER, GROUP):
        for index, arn in enumerate(principal.list("ManagedPolicyArns")):
            if found := BROAD.search(text(arn)):
                yield principal.broken(f"ManagedPolicyArns.{index}", f"is {found[1]}", found[1])
    for allowed in permissions(app).allowed():
        statement, policy = allowed.statement, allowed.policy
        if "NotAction" in statement.body:
            yield policy.broken(statement.path, "allows everything but some actions", "NotAction")
        for action in statement.actions:
            if re.search(r"[*?]", action) and any(is_about({"Action": action}, each) for each in CREATING):
                yield policy.broken(statement.path, f"allows {action}", f"Action.{action}")


@RULES.rule(
    "I3",
    "Only named roles can be passed, to named services, and none with more rights than its holder",
    why="Whoever passes a role to a job runs code with its rights",
    source="AWS docs IAM/latest/UserGuide/id_roles_use_passrole.html; Prowler iam_policy_allows_privilege_escalation",
    fix="Name roles by their ARNs in Resource, none of them an admin or the role itself, and services in "
    "iam:PassedToService",
)
def passed_roles(app: App) -> Iterator[Finding]:
    given = permissions(app)
    for each in given.allowed():
        statement, policy = each.statement, each.policy
        if not each.is_about("iam:PassRole"):
            continue
        if "NotResource" in statement.body or any(re.search(r"[*?]", text(arn)) for arn in statement.resources):
            yield policy.broken(f"{statement.path}.Resource", "has roles with a wildcard", "Resource")
        services = [value for _, key, values in statement.conditions for value in values if _is_passed_to(key)]
        if not statement.is_confined_by("iam:PassedToService") or any("*" in text(value) for value in services):
            yield policy.broken(statement.path, "passes roles to any service", "PassedToService")
        holders = given.holders.get(policy, [])
        for passed in filter(None, (_role(app, arn, policy) for arn in statement.resources)):
            if passed in holders:
                yield policy.broken(f"{statement.path}.Resource", f"lets {passed.logical_id} pass itself", "Self")
            if _is_admin(app, passed):
                yield policy.broken(f"{statement.path}.Resource", f"passes {passed.logical_id}, an admin", "Admin")


def _is_passed_to(key: str) -> bool:
    return key.lower() == "iam:passedtoservice"


def _role(app: App, arn: Any, policy: Resource) -> Resource | None:
    """The role of the app that an ARN is of, be it by reference or by name."""
    if found := app.target(arn, policy):
        return found if found.type == ROLE else None
    name = text(arn).rpartition("/")[2]
    return next((role for role in app.of(ROLE) if role.get("RoleName") == name), None)


def _is_admin(app: App, role: Resource) -> bool:
    given = permissions(app)
    allowed = [each for policy in given.policies[role] for each in given.read(policy) if each.statement.allows]
    return any(BROAD.search(text(arn)) for arn in role.list("ManagedPolicyArns")) or any(
        action in ("*", "*:*", "iam:*") for each in allowed for action in each.statement.actions
    )


@RULES.rule(
    "I5",
    "URLs that open a notebook are asked for from the own network alone, and each person's only by that person",
    why="Such a URL needs no password: whoever has it is in, with that person's role",
    source="AWS docs sagemaker/latest/dg/studio-interface-endpoint.html and notebook-interface-endpoint.html",
    fix="Add StringEquals aws:SourceVpc to the Allow, or give the role a Deny with StringNotEquals; name the profile "
    "in Resource, with ${sagemaker:UserProfileName}, or add a condition on aws:ResourceTag",
)
def presigned_urls(app: App) -> Iterator[Finding]:
    given = permissions(app)
    denied = cache(given.denied)
    for each in given.allowed():
        statement, policy = each.statement, each.policy
        actions = sorted(each.about(PRESIGNED))
        if not actions:
            continue
        if not statement.is_confined_by(*FROM):
            # One that no role of the app has is judged by itself.
            denies = [denied(role) for role in given.holders.get(policy, ())] or [[]]
            for action in actions:
                if not all(_stops(role_denies, action) for role_denies in denies):
                    yield policy.broken(statement.path, f"allows {action} from anywhere", f"{action}:Network")
        tags = [key for _, key, _ in statement.conditions if key.lower().startswith(TAG_PREFIXES)]
        everyones = [arn for arn in statement.resources if re.search(r"(?:^|[/:])\*+$", text(arn))]
        if (everyones or "NotResource" in statement.body) and not statement.is_confined_by(*tags):
            for action in actions:
                yield policy.broken(
                    f"{statement.path}.Resource", f"allows {action} for everybody's", f"{action}:Resource"
                )


def _stops(denies: list[Permission], action: str) -> bool:
    """Whether Denies about the network stop a request from the internet, and one from somebody else's network."""
    about_network = [each for each in denies if each.keys & {key.lower() for key in FROM}]
    requests = [Request(f"sagemaker:{action}", "arn:aws:sagemaker:::made-up", context) for context in ELSEWHERE]
    return all(any(each.applies(request) for each in about_network) for request in requests)


@RULES.rule(
    "I6",
    "Nobody of another account is let in, and topics take encrypted messages over TLS",
    why="A resource policy lets others in without a word in their own account being needed here; an alarm's text tells "
    "what runs and what it costs",
    source="Security Hub SNS.4; AWS docs IAM/latest/UserGuide/reference_policies_elements_principal.html; "
    "sns/latest/dg/sns-security-best-practices.html",
    fix="Name principals of this account, or confine everybody by a condition such as aws:PrincipalAccount; accounts "
    "that may be named are the app's setting foreign_accounts. For a topic set KmsMasterKeyId to a customer key and "
    "deny sns:Publish where aws:SecureTransport is false",
)
def foreign_accounts(app: App) -> Iterator[Finding]:
    own = cache(_own_accounts)
    for resource in app.of(*RESOURCE_POLICIES):
        path = RESOURCE_POLICIES[resource.type]
        known = {*own(Path(resource.stack.path).parent), *app.settings.foreign_accounts}
        for statement in statements(_document(resource.get(path)), path):
            if statement.allows:
                if _lets_everybody_in(statement):
                    yield resource.broken(statement.path, "lets everybody in", "Everybody")
                for account in sorted(_accounts(statement) - known):
                    yield resource.broken(statement.path, f"lets account {account} in", f"Account.{account}")
    for topic in app.of(TOPIC):
        yield from topic.must_have_key("KmsMasterKeyId", "Key")
        policies = app.users(topic, *TOPIC_POLICIES)
        if not any(_asks_for_tls(each) for policy in policies for each in statements(policy.get("PolicyDocument"), "")):
            yield topic.broken("", "takes messages without TLS", "Tls")


def _own_accounts(folder: Path) -> set[str]:
    """The accounts that the stacks of an assembly are for, as far as it says."""
    manifest = folder / "manifest.json"
    artifacts = json.loads(manifest.read_text())["artifacts"].values() if manifest.exists() else ()
    return {account for each in artifacts for account in ACCOUNT.findall(each.get("environment", ""))}


def _document(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _lets_everybody_in(statement: Statement) -> bool:
    everybody = "NotPrincipal" in statement.body or ("AWS", "*") in statement.principals
    return everybody and not statement.is_confined_by(*OF_CALLER)


def _accounts(statement: Statement) -> set[str]:
    """The accounts that a statement writes out, among principals and conditions on whose request it is."""
    callers = {key.lower() for key in OF_CALLER}
    values = [value for kind, value in statement.principals if kind == "AWS"]
    values += [value for _, key, named in statement.conditions if key.lower() in callers for value in named]
    return {account for value in values for account in ACCOUNT.findall(text(value))}


def _asks_for_tls(statement: Statement) -> bool:
    publishes = any(re.fullmatch(r"(?i)\*|sns:(\*|publish)", each) for each in statement.actions)
    conditions = [
        (operator, key.lower(), [str(each).lower() for each in values])
        for operator, key, values in statement.conditions
    ]
    everybody = ("AWS", "*") in statement.principals
    return statement.denies and publishes and everybody and conditions == [("Bool", "aws:securetransport", ["false"])]
