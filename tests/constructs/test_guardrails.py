"""What the guardrails deny to a role that may do everything else, asked of an evaluator of policies."""

from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from policies.evaluator import Decision, Request, decide
from tests.support import Json, documents
from trainyard.guardrails import Allowed, Guardrails
from trainyard.sagemaker_actions import CONDITION_KEYS, WORK, Key

ALLOWED = Allowed(
    subnets=["subnet-0a", "subnet-0b"],
    security_groups=["sg-0a", "sg-0b"],
    volume_key="arn:aws:kms:eu-west-1:111111111111:key/volumes",
    output_key="arn:aws:kms:eu-west-1:111111111111:key/output",
)
EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

COMPLIANT: Mapping[Key, Any] = {
    Key.SUBNETS: ["subnet-0a", "subnet-0b"],
    Key.SECURITY_GROUPS: ["sg-0a"],
    Key.TRAFFIC_ENCRYPTION: True,
    Key.NETWORK_ISOLATION: True,
    Key.VOLUME_KEY: ALLOWED.volume_key,
    Key.OUTPUT_KEY: ALLOWED.output_key,
    Key.INSTANCE_TYPES: ["ml.m5.xlarge"],
    Key.REMOTE_DEBUG: False,
    Key.INTERNET_ACCESS: "Disabled",
    Key.ROOT_ACCESS: "Disabled",
    Key.METADATA_VERSION: "2",
    Key.DOMAIN_NETWORK: "VpcOnly",
    Key.REMOTE_ACCESS: "DISABLED",
}
WRONG: Mapping[Key, Any] = {
    Key.SUBNETS: ["subnet-99"],
    Key.SECURITY_GROUPS: ["sg-99"],
    Key.TRAFFIC_ENCRYPTION: False,
    Key.NETWORK_ISOLATION: False,
    Key.VOLUME_KEY: ALLOWED.output_key,
    Key.OUTPUT_KEY: ALLOWED.volume_key,
    Key.REMOTE_DEBUG: True,
    Key.INTERNET_ACCESS: "Enabled",
    Key.ROOT_ACCESS: "Enabled",
    Key.METADATA_VERSION: "1",
    Key.DOMAIN_NETWORK: "PublicInternetOnly",
    Key.REMOTE_ACCESS: "ENABLED",
}
MIXED: Mapping[Key, Any] = {
    Key.SUBNETS: ["subnet-0a", "subnet-99"],
    Key.SECURITY_GROUPS: ["sg-99", "sg-0b"],
}

# AWS's own default is the safe one, or the key says only what another one is about.
MAY_BE_LEFT_OUT = {Key.INSTANCE_TYPES, Key.REMOTE_DEBUG, Key.REMOTE_ACCESS}
# Models give an endpoint its network, and an update changes nothing in what it does not repeat.
NOT_REPEATED = {
    "CreateEndpointConfig": {Key.SUBNETS, Key.SECURITY_GROUPS, Key.NETWORK_ISOLATION},
    "UpdateNotebookInstance": {Key.ROOT_ACCESS, Key.METADATA_VERSION},
    "UpdateDomain": {Key.SUBNETS, Key.SECURITY_GROUPS, Key.DOMAIN_NETWORK},
    "UpdateCluster": {Key.SUBNETS, Key.SECURITY_GROUPS},
    "CreateUserProfile": {Key.SECURITY_GROUPS},
    "UpdateUserProfile": {Key.SECURITY_GROUPS},
}
# Each person has a group of their own, and an endpoint is as isolated as its models.
FREE = [
    ("CreateEndpointConfig", Key.NETWORK_ISOLATION),
    ("CreateUserProfile", Key.SECURITY_GROUPS),
    ("UpdateUserProfile", Key.SECURITY_GROUPS),
]

# In an order that is the same in every process.
CARRIED = [(action, key) for action, keys in CONDITION_KEYS.items() for key in sorted(keys)]
OPTIONAL = [(action, key) for action, key in CARRIED if key in MAY_BE_LEFT_OUT | NOT_REPEATED.get(action, set())]
COMPULSORY = [each for each in CARRIED if each not in OPTIONAL]
WITH_TYPE = [action for action, keys in CONDITION_KEYS.items() if {Key.VOLUME_KEY, Key.INSTANCE_TYPES} <= keys]


@pytest.fixture(scope="module")
def stack() -> Stack:
    stack = Stack(App(), "Test")
    Guardrails(stack, "Guardrails", allowed=ALLOWED)
    return stack


@pytest.fixture(scope="module")
def template(stack: Stack) -> Template:
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def policies(template: Template) -> list[Json]:
    return list(documents(template).values())


@pytest.mark.parametrize("action", CONDITION_KEYS)
def test_a_request_that_gives_what_its_action_takes_passes(policies: list[Json], action: str) -> None:
    assert _decision(policies, action) is Decision.ALLOWED


@pytest.mark.parametrize(("action", "key"), COMPULSORY)
def test_a_request_that_leaves_a_protected_parameter_out_is_denied(policies: list[Json], action: str, key: Key) -> None:
    assert _decision(policies, action, {key: None}) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize(("action", "key"), OPTIONAL)
def test_a_request_may_leave_out_what_it_does_not_decide(policies: list[Json], action: str, key: Key) -> None:
    assert _decision(policies, action, {key: None}) is Decision.ALLOWED


@pytest.mark.parametrize(
    ("action", "key"), [(action, key) for action, key in CARRIED if key in WRONG and (action, key) not in FREE]
)
def test_a_request_with_a_wrong_value_is_denied(policies: list[Json], action: str, key: Key) -> None:
    assert _decision(policies, action, {key: WRONG[key]}) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize(
    ("action", "key"), [(action, key) for action, key in CARRIED if key in MIXED and (action, key) not in FREE]
)
def test_one_foreign_value_among_good_ones_is_denied(policies: list[Json], action: str, key: Key) -> None:
    assert _decision(policies, action, {key: MIXED[key]}) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize(("action", "key"), FREE)
def test_what_others_decide_is_not_looked_at(policies: list[Json], action: str, key: Key) -> None:
    assert _decision(policies, action, {key: WRONG[key]}) is Decision.ALLOWED


@pytest.mark.parametrize("action", WITH_TYPE)
@pytest.mark.parametrize("instance_type", ["ml.g5.2xlarge", "ml.p4d.24xlarge", "ml.p5.48xlarge", "ml.m5d.large"])
def test_a_volume_on_local_storage_needs_no_key(policies: list[Json], action: str, instance_type: str) -> None:
    changes = {Key.VOLUME_KEY: None, Key.INSTANCE_TYPES: [instance_type]}
    assert _decision(policies, action, changes) is Decision.ALLOWED


@pytest.mark.parametrize("action", WITH_TYPE)
@pytest.mark.parametrize("types", [["ml.p3.2xlarge"], ["ml.g5.xlarge", "ml.m5.xlarge"]])
def test_every_other_volume_needs_the_key(policies: list[Json], action: str, types: list[str]) -> None:
    changes = {Key.VOLUME_KEY: None, Key.INSTANCE_TYPES: types}
    assert _decision(policies, action, changes) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize(
    "action",
    [
        "sagemaker:CreateNotebookInstanceLifecycleConfig",
        "sagemaker:UpdateNotebookInstanceLifecycleConfig",
        "sagemaker:CreateStudioLifecycleConfig",
        "sagemaker:StartSession",
        "s3:CreateBucket",
    ],
)
def test_code_that_runs_as_others_and_names_that_others_trust_are_denied(policies: list[Json], action: str) -> None:
    assert decide(Request(action), [EVERYTHING, *policies]) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize("action", sorted(action for work in WORK for action in work.follow))
def test_nothing_else_is_denied(policies: list[Json], action: str) -> None:
    assert decide(Request(f"sagemaker:{action}"), [EVERYTHING, *policies]) is Decision.ALLOWED


def test_guardrails_allow_nothing(policies: list[Json]) -> None:
    assert {statement["Effect"] for policy in policies for statement in policy["Statement"]} == {"Deny"}


def test_no_deny_looks_at_a_key_that_one_of_its_actions_lacks(policies: list[Json]) -> None:
    """It would deny the action for ever, or never."""
    lacking = [
        (statement["Sid"], action, key)
        for policy in policies
        for statement in policy["Statement"]
        for action in statement["Action"]
        for keys in statement.get("Condition", {}).values()
        for key in keys
        if key not in CONDITION_KEYS[action.removeprefix("sagemaker:")]
    ]
    assert lacking == []


def test_no_deny_names_its_actions_by_a_wildcard(policies: list[Json]) -> None:
    actions = [action for policy in policies for statement in policy["Statement"] for action in statement["Action"]]
    assert [action for action in actions if "*" in action] == []


def test_roles_are_given_every_policy_there_is(stack: Stack, template: Template) -> None:
    guardrails = stack.node.find_child("Guardrails")
    assert isinstance(guardrails, Guardrails)
    assert [stack.resolve(arn) for arn in guardrails.policies] == [{"Ref": each} for each in documents(template)]


def _decision(policies: list[Json], action: str, changes: Mapping[Key, Any] | None = None) -> Decision:
    """What a compliant request gets with some of it changed; None takes a parameter out."""
    given = {key: COMPLIANT[key] for key in CONDITION_KEYS[action]} | dict(changes or {})
    context = {str(key): value for key, value in given.items() if value is not None}
    return decide(Request(f"sagemaker:{action}", context=context), [EVERYTHING, *policies])
