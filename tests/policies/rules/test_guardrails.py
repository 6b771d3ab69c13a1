"""The rule about guardrails finds whatever is taken out of them or turned round, and lets whole ones pass."""

import copy
from collections.abc import Sequence

import pytest

from policies.rules.template import Json
from tests.policies.rules.judged import found
from trainyard import sagemaker_actions as table
from trainyard.guardrails import denies
from trainyard.sagemaker_actions import CONDITION_KEYS, KEY_TYPES, PROTECTIONS, Demand, Protection, Type

ARN = "arn:aws:sagemaker:eu-west-1:111111111111:"
VALUES = {
    table.INSTANCE_TYPES: ["ml.m5.*", "system"],
    table.TEAM_TAG: ["${aws:PrincipalTag/Team}"],
    table.OWN_SPACES: [ARN + "user-profile/${sagemaker:DomainId}/${sagemaker:UserProfileName}"],
    table.NOTEBOOK_LIFECYCLE: [ARN + "notebook-instance-lifecycle-config/team-*"],
}
"""What an environment allows; for the rest, a value of the key's type will do."""
BY_TYPE = {Type.ARN: f"{ARN}key/a", Type.ARNS: f"{ARN}a/b*", Type.NUMBER: "3600"}

SWAPS = (
    *(("BoolIfExists", "Bool"), ("ForAnyValue:", "ForAllValues:"), ("ForAnyValue:", ""), ("Not", "")),
    *(("StringEquals", "StringNotEquals"), ("GreaterThan", "LessThan")),
)
"""Operators that are taken for one another."""


def _values(protection: Protection) -> list[str]:
    return VALUES.get(protection) or [BY_TYPE.get(KEY_TYPES[protection.key], "a-value")]


def _denies(*protections: Protection) -> list[Json]:
    return [statement.document() for each in protections for statement in denies(each, _values(each))]


def _policy(*statements: Json) -> Json:
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": {"Statement": list(statements)}}}


def _allow(*actions: str) -> Json:
    return _policy({"Effect": "Allow", "Action": [f"sagemaker:{each}" for each in actions], "Resource": "*"})


def _role(*policies: str, **properties: object) -> Json:
    arns = [{"Ref": each} for each in policies]
    return {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": arns, **properties}}


def _details(statements: Sequence[Json], actions: Sequence[str] = tuple(CONDITION_KEYS)) -> list[str]:
    """What is found on a role that may do these actions, with these Denies."""
    template = {"Role": _role("Work", "Denies"), "Work": _allow(*actions), "Denies": _policy(*statements)}
    return [each.detail for each in found("I4", template)]


def _without(protection: Protection) -> list[Json]:
    return _denies(*(each for each in PROTECTIONS if each is not protection))


def _each() -> list[tuple[Protection, int]]:
    return [(each, index) for each in PROTECTIONS for index in range(len(denies(each, _values(each))))]


def test_whole_guardrails_pass() -> None:
    assert _details(_denies(*PROTECTIONS)) == []


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda each: each.name)
def test_a_protection_that_is_not_there_is_found_for_each_of_its_actions(protection: Protection) -> None:
    assert _details(_without(protection)) == [f"{action}:{protection.name}" for action in protection.actions]


@pytest.mark.parametrize(("protection", "index"), _each(), ids=lambda each: getattr(each, "name", str(each)))
def test_a_deny_that_forgets_an_action_is_found(protection: Protection, index: int) -> None:
    for action in denies(protection, _values(protection))[index].actions:
        statements = _denies(protection)
        statements[index]["Action"].remove(action)
        name = action.removeprefix("sagemaker:")
        assert f"{name}:{protection.name}" in _details([*_without(protection), *statements], [name])


@pytest.mark.parametrize(("right", "wrong"), SWAPS)
def test_an_operator_that_is_taken_for_another_is_found(right: str, wrong: str) -> None:
    swapped = 0
    for protection, index in _each():
        statements = _denies(protection)
        conditions = statements[index]["Condition"]
        for operator in [each for each in conditions if right in each and each.replace(right, wrong) != each]:
            # "StringEquals" also says when a Deny is about private spaces alone; and a Deny that does not mention
            # the key is none.
            if wrong == "StringNotEquals" and protection.demand is not Demand.NONE_OF:
                continue
            changed = copy.deepcopy(statements)
            changed[index]["Condition"][operator.replace(right, wrong)] = changed[index]["Condition"].pop(operator)
            assert _details([*_without(protection), *changed], protection.actions), (protection.name, operator)
            swapped += 1
    assert swapped


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda each: each.name)
def test_a_null_turned_round_is_found(protection: Protection) -> None:
    statements = _denies(protection)
    nulls = [each["Condition"]["Null"] for each in statements if "Null" in each["Condition"]]
    for null in nulls:
        null[protection.key] = {"true": "false", "false": "true"}[null[protection.key]]
    assert bool(_details([*_without(protection), *statements], protection.actions)) is bool(nulls)


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda each: each.name)
@pytest.mark.parametrize(
    "condition",
    [
        {"DateGreaterThan": {"aws:CurrentTime": "2026-12-31T00:00:00Z"}},
        {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}},
        {"StringNotEquals": {"aws:PrincipalTag/Exempt": "yes"}},
    ],
)
def test_a_deny_with_an_exception_is_no_protection(protection: Protection, condition: Json) -> None:
    statements = _denies(protection)
    for each in statements:
        for operator, keys in condition.items():
            each["Condition"] = {**each["Condition"], operator: {**each["Condition"].get(operator, {}), **keys}}
    assert _details([*_without(protection), *statements]) == [
        f"{action}:{protection.name}" for action in protection.actions
    ]


def test_an_action_that_is_denied_altogether_needs_no_more() -> None:
    deny = {"Effect": "Deny", "Action": "sagemaker:CreateTrainingJob", "Resource": "*"}
    assert _details([deny], ["CreateTrainingJob"]) == []


def test_an_action_that_is_denied_on_some_resources_needs_more() -> None:
    deny = {"Effect": "Deny", "Action": "sagemaker:AddTags", "Resource": ARN + "training-job/some"}
    assert _details([deny], ["AddTags"]) == ["AddTags:TaggedLater"]


@pytest.mark.parametrize("actions", [["*"], "sagemaker:*", ["s3:*", "SageMaker:Add*"]])
def test_an_action_may_be_allowed_by_a_wildcard(actions: object) -> None:
    work = _policy({"Effect": "Allow", "Action": actions, "Resource": "*"})
    details = [each.detail for each in found("I4", {"Role": _role("Work"), "Work": work})]
    assert "AddTags:TaggedLater" in details


def test_an_action_may_be_allowed_by_leaving_out_others() -> None:
    work = _policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})
    assert "AddTags:TaggedLater" in [each.detail for each in found("I4", {"Role": _role("Work"), "Work": work})]


def test_a_role_without_sagemaker_needs_no_guardrails() -> None:
    work = _policy({"Effect": "Allow", "Action": ["s3:*", "sagemaker:Describe*"], "Resource": "*"})
    assert found("I4", {"Role": _role("Work"), "Work": work}) == []


def test_a_policy_that_no_role_has_needs_no_guardrails() -> None:
    assert found("I4", {"Work": _allow("AddTags")}) == []


def test_the_denies_of_a_boundary_count() -> None:
    role = _role("Work", PermissionsBoundary={"Ref": "Boundary"})
    template = {"Role": role, "Work": _allow("AddTags"), "Boundary": _policy(*_denies(table.TAGGED_LATER))}
    assert found("I4", template) == []


def test_what_a_boundary_allows_is_given_to_nobody() -> None:
    assert found("I4", {"Role": _role(PermissionsBoundary={"Ref": "Work"}), "Work": _allow("AddTags")}) == []


@pytest.mark.parametrize(
    "given",
    [
        {"Role": _role(Policies=[_allow("AddTags")["Properties"]])},
        {"Role": _role(), "Work": {"Type": "AWS::IAM::Policy", "Properties": {"Roles": [{"Ref": "Role"}]}}},
        {"Role": _role(), "Work": {"Type": "AWS::IAM::RolePolicy", "Properties": {"RoleName": {"Ref": "Role"}}}},
    ],
)
def test_permissions_are_seen_however_they_are_attached(given: Json) -> None:
    template = copy.deepcopy(given)
    if "Work" in template:
        template["Work"]["Properties"] |= _allow("AddTags")["Properties"]
    assert [(each.resource.logical_id, each.detail) for each in found("I4", template)] == [
        ("Role", "AddTags:TaggedLater")
    ]


def test_guardrails_of_another_stack_count() -> None:
    exported = {
        "Resources": {"Denies": _policy(*_denies(table.TAGGED_LATER))},
        "Outputs": {"Denies": {"Value": {"Ref": "Denies"}, "Export": {"Name": "access:Denies"}}},
    }
    role = {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": [{"Ref": "Work"}]}}
    assert found("I4", exported, {"Role": role, "Work": _allow("AddTags")})
    role["Properties"] = {"ManagedPolicyArns": [{"Ref": "Work"}, {"Fn::ImportValue": "access:Denies"}]}
    assert found("I4", exported, {"Role": role, "Work": _allow("AddTags")}) == []


@pytest.mark.parametrize("key", [{"Ref": "KeyArn"}, {"Fn::GetAtt": ["Key", "Arn"]}, {"Fn::Sub": "${KeyArn}"}])
def test_a_value_that_only_a_deployment_knows_is_right(key: Json) -> None:
    statements = [each.document() for each in denies(table.OUTPUT_KEYS, [key])]  # type: ignore[list-item]
    details = _details(statements, ["CreateJob"])
    assert "CreateJob:OtherOutputKeys" not in details


def test_a_number_that_only_a_deployment_knows_is_right() -> None:
    statements = [each.document() for each in denies(table.KEEP_ALIVE, [{"Ref": "Seconds"}])]  # type: ignore[list-item]
    assert "UpdateTrainingJob:LongKeepAlive" not in _details(statements, ["UpdateTrainingJob"])


def test_a_volume_key_that_local_storage_cannot_have_stops_work_for_ever() -> None:
    statements = _denies(*PROTECTIONS)
    for each in statements:
        if each["Sid"] == table.VOLUME_KEYS.name:
            del each["Condition"]["ForAnyValue:StringNotLike"]
    template = {"Role": _role("Work", "Denies"), "Work": _allow("CreateTrainingJob"), "Denies": _policy(*statements)}
    (finding,) = found("I4", template)
    assert finding.detail == "CreateTrainingJob:OtherVolumeKeys"
    assert finding.what.endswith("a Deny stops every request for an instance type that takes none")


def test_a_list_that_nothing_is_on_means_that_the_key_is_left_out() -> None:
    statements = [each.document() for each in denies(table.FILE_SYSTEMS, [])]
    assert "CreateTrainingJob:OtherFileSystems" not in _details(statements, ["CreateTrainingJob"])


def _lints(statement: Json) -> list[str]:
    policy = _policy({"Effect": "Deny", "Resource": "*", **statement})
    return [each.detail for each in found("I4", {"Denies": policy})]


@pytest.mark.parametrize(
    ("actions", "condition", "details"),
    [
        ("sagemaker:CreateModel", {"Null": {"sagemaker:VpcSubnets": "true"}}, []),
        (
            "sagemaker:CreateCompilationJob",
            {"Null": {"sagemaker:VpcSubnets": "true"}},
            ["CreateCompilationJob:VpcSubnets"],
        ),
        ("sagemaker:Create*Job", {"Null": {"sagemaker:VpcSubnets": "true"}}, ["Create*Job:VpcSubnets"]),
        ("sagemaker:CreateAutoMLJob*", {"Null": {"sagemaker:VpcSubnets": "true"}}, []),
        ("sagemaker:*", {"Bool": {"SageMaker:networkisolation": "false"}}, ["*:NetworkIsolation"]),
        ("*", {"Bool": {"sagemaker:NetworkIsolation": "false"}}, ["*:NetworkIsolation"]),
        ("sagemaker:UpdateDomain", {"Null": {"aws:RequestTag/Team": "true"}}, ["UpdateDomain:RequestTag/Team"]),
        ("sagemaker:CreateImage", {"Null": {"aws:RequestTag/Team": "true"}}, []),
        ("sagemaker:Create*", {"Null": {"aws:RequestTag/Team": "true"}}, ["Create*:RequestTag/Team"]),
        ("sagemaker:*", {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}, []),
        ("sagemaker:*", {"Null": {"sagemaker:TargetModel": "true"}}, []),
        ("s3:*", {"Null": {"aws:RequestTag/Team": "true"}}, []),
        (
            "sagemaker:CreateModel",
            {"ForAllValues:StringNotEquals": {"sagemaker:VpcSubnets": "subnet-1"}},
            ["ForAllValues:StringNotEquals:VpcSubnets"],
        ),
        (
            "sagemaker:CreateModel",
            {"StringNotEquals": {"sagemaker:VpcSubnets": "subnet-1"}},
            ["StringNotEquals:VpcSubnets"],
        ),
        (
            "sagemaker:CreateModel",
            {"Null": {"sagemaker:VpcSubnets": True, "sagemaker:VpcSecurityGroupIds": "true"}},
            ["Null"],
        ),
        (
            "sagemaker:CreateModel",
            {"Null": {"sagemaker:VpcSubnets": "true", "sagemaker:VpcSecurityGroupIds": "false"}},
            [],
        ),
    ],
)
def test_a_deny_that_stops_everything_or_nothing_is_found(actions: str, condition: Json, details: list[str]) -> None:
    assert _lints({"Action": actions, "Condition": condition}) == details


def test_an_allow_is_not_linted() -> None:
    allow = {"Effect": "Allow", "Action": "sagemaker:*", "Condition": {"Null": {"sagemaker:VpcSubnets": "true"}}}
    assert _lints(allow) == []
