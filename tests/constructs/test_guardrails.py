"""What the guardrails deny to a role that may do everything else, asked of an evaluator of policies."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk.assertions import Template

from policies.evaluator import Decision, Request, decide
from tests.support import Json, documents
from trainyard.guardrails import Allowed, NetworkGuardrails, PlatformGuardrails, TeamGuardrails, WorkGuardrails
from trainyard.sagemaker_actions import CONDITION_KEYS, FORBIDDEN, KEY_TYPES, PRESIGNED, PROTECTIONS, Demand, Key

SAGEMAKER = "arn:aws:sagemaker:eu-west-1:111111111111"
KEYS = "arn:aws:kms:eu-west-1:111111111111:key"
ALLOWED = Allowed(
    subnets=["subnet-0a", "subnet-0b"],
    security_groups=["sg-0a", "sg-0b"],
    volume_key=f"{KEYS}/volumes",
    sharing_key=f"{KEYS}/sharing",
    instance_types=["ml.m5.*", "ml.g5.*", "ml.p4d.24xlarge", "ml.p5.48xlarge"],
    max_runtime_hours=48,
    keep_alive_minutes=30,
    notebook_lifecycles="trainyard-test-team-",
    studio_lifecycles="trainyard-test-studio-",
    auth_mode="IAM",
    environment="test",
    presigned_urls_from="vpc-0a",
)
OUTPUT_KEY = f"{KEYS}/output"
EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

# What is known of whoever asks, and of the space that is asked about.
ALWAYS = {
    "aws:PrincipalTag/Team": "vision",
    "aws:SourceVpc": "vpc-0a",
    "aws:CurrentTime": "2026-11-21T12:00:00Z",
    "sagemaker:DomainId": "d-1",
    "sagemaker:UserProfileName": "vision-1",
}
COMPLIANT: Mapping[Key, Any] = {
    Key.SUBNETS: ["subnet-0a", "subnet-0b"],
    Key.SECURITY_GROUPS: ["sg-0a"],
    Key.TRAFFIC_ENCRYPTION: True,
    Key.NETWORK_ISOLATION: True,
    Key.VOLUME_KEY: ALLOWED.volume_key,
    Key.OUTPUT_KEY: OUTPUT_KEY,
    Key.SHARING_KEY: ALLOWED.sharing_key,
    Key.INSTANCE_TYPES: ["ml.m5.xlarge"],
    Key.MAX_RUNTIME: 48 * 3600,
    Key.KEEP_ALIVE: 1800,
    Key.FILE_SYSTEM: "fs-0a",
    Key.REMOTE_DEBUG: False,
    Key.INTERNET_ACCESS: "Disabled",
    Key.ROOT_ACCESS: "Disabled",
    Key.METADATA_VERSION: "2",
    Key.NOTEBOOK_LIFECYCLE: [f"{SAGEMAKER}:notebook-instance-lifecycle-config/trainyard-test-team-vision"],
    Key.STUDIO_LIFECYCLE: [f"{SAGEMAKER}:studio-lifecycle-config/trainyard-test-studio-0123"],
    Key.DOMAIN_NETWORK: "VpcOnly",
    Key.AUTH_MODE: "IAM",
    Key.OWNER: f"{SAGEMAKER}:user-profile/d-1/vision-1",
    Key.SHARING_TYPE: "Private",
    Key.REMOTE_ACCESS: "DISABLED",
    Key.APPROVAL: "PendingManualApproval",
    Key.TAGGING_ACTION: "CreateTrainingJob",
    Key.TEAM_TAG: "vision",
    Key.ENVIRONMENT_TAG: "test",
}
WRONG: Mapping[Key, Any] = {
    Key.SUBNETS: ["subnet-99"],
    Key.SECURITY_GROUPS: ["sg-99"],
    Key.TRAFFIC_ENCRYPTION: False,
    Key.NETWORK_ISOLATION: False,
    Key.VOLUME_KEY: f"{KEYS}/other",
    Key.OUTPUT_KEY: f"{KEYS}/other",
    Key.SHARING_KEY: f"{KEYS}/other",
    Key.INSTANCE_TYPES: ["ml.trn1.32xlarge"],
    Key.MAX_RUNTIME: 48 * 3600 + 1,
    Key.KEEP_ALIVE: 1801,
    Key.FILE_SYSTEM: "fs-99",
    Key.REMOTE_DEBUG: True,
    Key.INTERNET_ACCESS: "Enabled",
    Key.ROOT_ACCESS: "Enabled",
    Key.METADATA_VERSION: "1",
    Key.NOTEBOOK_LIFECYCLE: [f"{SAGEMAKER}:notebook-instance-lifecycle-config/mine"],
    Key.STUDIO_LIFECYCLE: [f"{SAGEMAKER}:studio-lifecycle-config/mine"],
    Key.DOMAIN_NETWORK: "PublicInternetOnly",
    Key.AUTH_MODE: "SSO",
    Key.OWNER: f"{SAGEMAKER}:user-profile/d-1/vision-2",
    Key.REMOTE_ACCESS: "ENABLED",
    Key.APPROVAL: "Approved",
    Key.TEAM_TAG: "language",
    Key.ENVIRONMENT_TAG: "prod",
}
COVERED = [(each, action) for each in PROTECTIONS for action in each.actions]


@pytest.fixture(scope="module")
def policies() -> list[Json]:
    return _policies()


@pytest.mark.parametrize("action", CONDITION_KEYS)
def test_a_request_that_gives_what_its_action_takes_passes(policies: list[Json], action: str) -> None:
    assert _decision(policies, action) is Decision.ALLOWED


@pytest.mark.parametrize(("protection", "action"), [(p, a) for p, a in COVERED if a in p.required])
def test_a_request_that_leaves_a_protected_parameter_out_is_denied(
    policies: list[Json], protection: Any, action: str
) -> None:
    assert _decision(policies, action, {protection.key: None}) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize(("protection", "action"), [(p, a) for p, a in COVERED if a in p.optional])
def test_a_request_may_leave_out_what_it_does_not_decide(policies: list[Json], protection: Any, action: str) -> None:
    assert _decision(policies, action, {protection.key: None}) is Decision.ALLOWED


@pytest.mark.parametrize(("protection", "action"), [(p, a) for p, a in COVERED if p.demand is not Demand.GIVEN])
def test_a_request_with_a_wrong_value_is_denied(policies: list[Json], protection: Any, action: str) -> None:
    assert _decision(policies, action, {protection.key: WRONG[protection.key]}) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize(("protection", "action"), [(p, a) for p, a in COVERED if KEY_TYPES[p.key].several])
def test_one_foreign_value_among_good_ones_is_denied(policies: list[Json], protection: Any, action: str) -> None:
    mixed = [*COMPLIANT[protection.key], *WRONG[protection.key]]
    assert _decision(policies, action, {protection.key: mixed}) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize(("key", "action"), sorted({(p.key, action) for p in PROTECTIONS for action in p.free}))
def test_what_others_decide_is_not_looked_at(policies: list[Json], key: Key, action: str) -> None:
    if key in CONDITION_KEYS[action]:
        assert _decision(policies, action, {key: WRONG[key]}) is Decision.ALLOWED


TRAINING = ["CreateTrainingJob", "CreateHyperParameterTuningJob", "CreateProcessingJob", "CreateTransformJob"]


@pytest.mark.parametrize("action", [*TRAINING, "CreateNotebookInstance", "CreateEndpointConfig"])
@pytest.mark.parametrize("instance_type", ["ml.g5.2xlarge", "ml.p4d.24xlarge", "ml.p5.48xlarge"])
def test_a_volume_on_local_storage_needs_no_key(policies: list[Json], action: str, instance_type: str) -> None:
    changes = {Key.VOLUME_KEY: None, Key.INSTANCE_TYPES: [instance_type]}
    assert _decision(policies, action, changes) is Decision.ALLOWED


@pytest.mark.parametrize("action", [*TRAINING, "CreateNotebookInstance", "CreateEndpointConfig"])
@pytest.mark.parametrize("types", [["ml.m5.2xlarge"], ["ml.g5.xlarge", "ml.m5.xlarge"]])
def test_every_other_volume_needs_the_key(policies: list[Json], action: str, types: list[str]) -> None:
    changes = {Key.VOLUME_KEY: None, Key.INSTANCE_TYPES: types}
    assert _decision(policies, action, changes) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize("action", ["CreateAutoMLJob", "CreateAutoMLJobV2", "CreateTransformJob"])
def test_what_carries_few_keys_is_not_blocked_for_ever(policies: list[Json], action: str) -> None:
    """These have no network isolation of their own; a Deny on it would hit every one of them."""
    assert Key.NETWORK_ISOLATION not in CONDITION_KEYS[action]
    assert _decision(policies, action) is Decision.ALLOWED


def test_the_key_of_a_domain_is_asked_for_whatever_its_apps_run_on(policies: list[Json]) -> None:
    changes = {Key.VOLUME_KEY: None, Key.INSTANCE_TYPES: ["ml.g5.xlarge"]}
    assert _decision(policies, "CreateDomain", changes) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize("action", ["CreateApp", "DeleteApp", "UpdateSpace", "DeleteSpace"])
def test_a_shared_space_is_everybodys(policies: list[Json], action: str) -> None:
    changes = {Key.SHARING_TYPE: "Shared", Key.OWNER: WRONG[Key.OWNER]}
    assert _decision(policies, action, changes) is Decision.ALLOWED


def test_the_servers_of_studio_run(policies: list[Json]) -> None:
    assert _decision(policies, "CreateApp", {Key.INSTANCE_TYPES: ["system"]}) is Decision.ALLOWED


def test_a_team_without_file_systems_reads_from_none() -> None:
    policies = _policies(file_systems=[])
    assert _decision(policies, "CreateTrainingJob") is Decision.EXPLICITLY_DENIED
    assert _decision(policies, "CreateTrainingJob", {Key.FILE_SYSTEM: None}) is Decision.ALLOWED


@pytest.mark.parametrize(
    ("now", "decision"),
    [
        ("2026-12-31T23:59:59Z", Decision.ALLOWED),
        ("2027-01-01T00:00:00Z", Decision.EXPLICITLY_DENIED),
        ("2027-06-01T00:00:00Z", Decision.EXPLICITLY_DENIED),
    ],
)
def test_an_exception_ends_on_its_day(now: str, decision: Decision) -> None:
    policies = _policies(isolated_from="2027-01-01")
    changes = {Key.NETWORK_ISOLATION: False}
    assert _decision(policies, "CreateTrainingJob", changes, {"aws:CurrentTime": now}) is decision


def test_an_exception_is_for_isolation_alone() -> None:
    policies = _policies(isolated_from="2027-01-01")
    assert _decision(policies, "CreateTrainingJob", {Key.SUBNETS: None}) is Decision.EXPLICITLY_DENIED
    assert _decision(policies, "CreateTrainingJob", {Key.TRAFFIC_ENCRYPTION: False}) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize("action", PRESIGNED)
@pytest.mark.parametrize("vpc", ["vpc-99", None])
def test_a_presigned_url_is_asked_for_inside_the_vpc(policies: list[Json], action: str, vpc: str | None) -> None:
    context = {key: value for key, value in {**ALWAYS, "aws:SourceVpc": vpc}.items() if value}
    request = Request(f"sagemaker:{action}", context=context)
    assert decide(request, [EVERYTHING, *policies]) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize("action", PRESIGNED)
def test_a_presigned_url_is_asked_for_anywhere_if_the_file_says_so(action: str) -> None:
    policies = _policies(allowed=replace(ALLOWED, presigned_urls_from=None))
    assert decide(Request(f"sagemaker:{action}"), [EVERYTHING, *policies]) is Decision.ALLOWED


@pytest.mark.parametrize("action", [*(f"sagemaker:{each}" for each in FORBIDDEN), "s3:CreateBucket"])
def test_some_things_are_never_done(policies: list[Json], action: str) -> None:
    assert decide(Request(action, context=ALWAYS), [EVERYTHING, *policies]) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize("action", ["DescribeTrainingJob", "StopTrainingJob", "ListModels", "StartPipelineExecution"])
def test_nothing_else_is_denied(policies: list[Json], action: str) -> None:
    assert decide(Request(f"sagemaker:{action}"), [EVERYTHING, *policies]) is Decision.ALLOWED


def test_guardrails_allow_nothing(policies: list[Json]) -> None:
    assert {statement["Effect"] for policy in policies for statement in policy["Statement"]} == {"Deny"}


def test_no_deny_names_its_actions_by_a_wildcard(policies: list[Json]) -> None:
    actions = [action for policy in policies for statement in policy["Statement"] for action in statement["Action"]]
    assert [action for action in actions if "*" in action] == []


def _policies(
    allowed: Allowed = ALLOWED, file_systems: list[str] | None = None, isolated_from: str | None = None
) -> list[Json]:
    stack = Stack(App(), "Test", env=Environment(account="111111111111", region="eu-west-1"))
    NetworkGuardrails(stack, "Network", allowed=allowed, isolated_from=isolated_from)
    WorkGuardrails(stack, "Work", allowed=allowed)
    PlatformGuardrails(stack, "Platform", allowed=allowed)
    TeamGuardrails(
        stack, "Team", output_key=OUTPUT_KEY, file_systems=["fs-0a", "fs-0b"] if file_systems is None else file_systems
    )
    return list(documents(Template.from_stack(stack)).values())


def _decision(
    policies: list[Json],
    action: str,
    changes: Mapping[Key, Any] | None = None,
    circumstances: Mapping[str, str] | None = None,
) -> Decision:
    """What a compliant request gets with some of it changed; None takes a parameter out."""
    given = {key: COMPLIANT[key] for key in CONDITION_KEYS[action]} | dict(changes or {})
    context = {str(key): value for key, value in given.items() if value is not None}
    request = Request(f"sagemaker:{action}", context={**ALWAYS, **(circumstances or {}), **context})
    return decide(request, [EVERYTHING, *policies])
