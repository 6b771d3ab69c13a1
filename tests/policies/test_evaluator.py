"""The evaluator answers as AWS documents it: the pages named there, and the table of traps in a Deny."""

from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from policies.evaluator import Context, Decision, Request, applies, decide, is_about, plain
from tests.support import Json, documents

ALLOWED, DENIED, IMPLICIT = Decision.ALLOWED, Decision.EXPLICITLY_DENIED, Decision.IMPLICITLY_DENIED

BUCKET = "arn:aws:s3:::a-bucket"


def test_what_no_policy_mentions_is_not_allowed() -> None:
    assert decide(Request("s3:GetObject"), []) is IMPLICIT


def test_an_allow_allows() -> None:
    assert decide(Request("s3:GetObject", BUCKET), [_policy("Allow", "s3:GetObject", BUCKET)]) is ALLOWED


def test_a_deny_beats_every_allow_wherever_it_stands() -> None:
    allow, deny = _policy("Allow", "s3:*"), _policy("Deny", "s3:GetObject")
    assert decide(Request("s3:GetObject"), [deny, allow]) is DENIED
    assert decide(Request("s3:GetObject"), [allow, deny]) is DENIED


def test_a_deny_of_something_else_changes_nothing() -> None:
    policies = [_policy("Allow", "s3:*"), _policy("Deny", "s3:PutObject")]
    assert decide(Request("s3:GetObject"), policies) is ALLOWED


def test_action_and_condition_of_different_statements_do_not_add_up() -> None:
    policies = [_policy("Allow", "s3:GetObject", "arn:other"), _policy("Allow", "s3:PutObject", BUCKET)]
    assert decide(Request("s3:GetObject", BUCKET), policies) is IMPLICIT


@pytest.mark.parametrize(
    ("boundary", "decision"),
    [
        ([], IMPLICIT),
        ([("Allow", "s3:GetObject")], ALLOWED),
        ([("Allow", "s3:PutObject")], IMPLICIT),
        ([("Allow", "s3:*"), ("Deny", "s3:GetObject")], DENIED),
    ],
)
def test_a_boundary_is_a_ceiling(boundary: list[tuple[str, str]], decision: Decision) -> None:
    ceiling = {"Statement": [statement for each in boundary for statement in _policy(*each)["Statement"]]}
    assert decide(Request("s3:GetObject"), [_policy("Allow", "s3:GetObject")], ceiling) is decision


def test_a_boundary_grants_nothing() -> None:
    assert decide(Request("s3:GetObject"), [], _policy("Allow", "*")) is IMPLICIT


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("s3:GetObject", True),
        ("S3:getobject", True),
        ("s3:Get*", True),
        ("s3:*Object", True),
        ("s3:?etObject", True),
        ("*", True),
        ("s3:Get", False),
        ("s3:GetObject?", False),
        ("s3:Get.bject", False),
    ],
)
def test_actions_have_wildcards_and_no_case(pattern: str, matches: bool) -> None:
    assert (decide(Request("s3:GetObject"), [_policy("Allow", pattern)]) is ALLOWED) is matches


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("arn:aws:s3:::a-bucket/folder/file", True),
        ("arn:aws:s3:::a-bucket/*", True),
        ("arn:aws:s3:::a-bucket/*/fil?", True),
        ("*", True),
        ("arn:aws:s3:::A-bucket/*", False),
        ("arn:aws:s3:::a-bucket", False),
        ("arn:aws:s3:::a-bucket/folder/?", False),
    ],
)
def test_resources_have_wildcards_and_case(pattern: str, matches: bool) -> None:
    request = Request("s3:GetObject", f"{BUCKET}/folder/file")
    assert (decide(request, [_policy("Allow", "s3:GetObject", pattern)]) is ALLOWED) is matches


@pytest.mark.parametrize(
    ("excepted", "decision"), [("s3:Get*", ALLOWED), ("s3:PutObject", DENIED), (["s3:Put*", "s3:Get*"], ALLOWED)]
)
def test_a_statement_may_be_about_all_actions_but_some(excepted: str | list[str], decision: Decision) -> None:
    deny = {"Effect": "Deny", "NotAction": excepted, "Resource": "*"}
    assert decide(Request("s3:GetObject"), [_policy("Allow", "s3:GetObject"), {"Statement": deny}]) is decision


@pytest.mark.parametrize(
    ("excepted", "decision"), [(f"{BUCKET}/*", ALLOWED), ("arn:other", DENIED), (["arn:other", "*"], ALLOWED)]
)
def test_a_statement_may_be_about_all_resources_but_some(excepted: str | list[str], decision: Decision) -> None:
    deny = {"Effect": "Deny", "Action": "s3:GetObject", "NotResource": excepted}
    request = Request("s3:GetObject", f"{BUCKET}/file")
    assert decide(request, [_policy("Allow", "s3:GetObject"), {"Statement": [deny]}]) is decision


@pytest.mark.parametrize(
    ("statement", "about"),
    [
        ({"Action": "sagemaker:Create*"}, True),
        ({"Action": ["s3:*", "sagemaker:CreateModel"]}, True),
        ({"Action": "sagemaker:Delete*"}, False),
        ({"NotAction": "s3:*"}, True),
        ({"NotAction": "sagemaker:*"}, False),
    ],
)
def test_a_statement_is_about_the_actions_that_it_names_or_does_not_except(statement: Json, about: bool) -> None:
    assert is_about({**statement, "Resource": "arn:other"}, "sagemaker:CreateModel") is about


def test_a_statement_applies_when_its_conditions_hold() -> None:
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"k:key": "a"}}}
    assert applies(deny, Request("s3:GetObject", context={"k:key": "a"}))
    assert not applies(deny, Request("s3:GetObject", context={"k:key": "b"}))


def test_an_action_without_resources_needs_a_star() -> None:
    assert decide(Request("s3:ListAllMyBuckets"), [_policy("Allow", "s3:*", f"{BUCKET}*")]) is IMPLICIT


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("${aws:username}", "anna", True),
        ("${AWS:UserName}", "anna", True),
        ("${aws:username}", "bert", False),
        ("${aws:username}", "", False),
        ("${aws:username}", "*", False),
        ("${*}", "anna", False),
        ("${aws:username}*", "ann", True),
    ],
)
def test_a_policy_variable_stands_for_the_plain_value_in_the_request(pattern: str, name: str, matches: bool) -> None:
    context = {"aws:username": name} if name else {}
    request = Request("s3:GetObject", f"{BUCKET}/anna", context)
    assert (decide(request, [_policy("Allow", "s3:GetObject", f"{BUCKET}/{pattern}")]) is ALLOWED) is matches


def test_a_star_in_braces_is_a_star() -> None:
    policies = [_policy("Allow", "s3:GetObject", f"{BUCKET}/${{*}}")]
    assert decide(Request("s3:GetObject", f"{BUCKET}/*"), policies) is ALLOWED


@pytest.mark.parametrize(
    ("operator", "expected", "actual", "holds"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "${k:other}", "other", True),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringLike", "a?c*", "abcd", True),
        ("StringLike", "a?c", "ac", False),
        ("StringNotLike", ["a*", "b*"], "bc", False),
        ("StringNotLike", ["a*", "b*"], "cc", True),
        ("ArnEquals", "arn:aws:iam::*:role/a", "arn:aws:iam::111111111111:role/a", True),
        ("ArnEquals", "arn:aws:iam::*:role/b", "arn:aws:iam::111111111111:role/a", False),
        ("ArnLike", "arn:aws:*:role/a", "arn:aws:iam::111111111111:role/a", False),
        ("ArnLike", "arn:aws:iam::*:role/a", "no arn", False),
        ("ArnNotEquals", "arn:aws:iam::*:role/a", "arn:aws:iam::111111111111:role/a", False),
        ("ArnNotLike", "arn:aws:iam::*:role/b", "arn:aws:iam::111111111111:role/a", True),
        ("ArnLike", "arn:aws:iam::1:role/${k:other}/a", "arn:aws:iam::1:role/other/a", True),
        ("Bool", "true", True, True),
        ("Bool", True, "true", True),
        ("Bool", "false", True, False),
        ("NumericEquals", "5", 5, True),
        ("NumericNotEquals", "5", 5, False),
        ("NumericLessThan", "5", 5, False),
        ("NumericLessThanEquals", "5", 5, True),
        ("NumericGreaterThan", "5", 10, True),
        ("NumericGreaterThanEquals", "5", 5, True),
        ("DateEquals", "2026-03-01", "2026-03-01T00:00:00Z", True),
        ("DateEquals", "2026-03-01T12:00:00Z", "2026-03-01T14:00:00+02:00", True),
        ("DateEquals", "0", "1970-01-01T00:00:00Z", True),
        ("DateNotEquals", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", True),
        ("DateLessThan", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", False),
        ("DateLessThan", "2026-03-01T00:00:00Z", "2026-02-28T23:59:59Z", True),
        ("DateLessThanEquals", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", True),
        ("DateGreaterThan", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", False),
        ("DateGreaterThan", "2026-03-01T00:00:00Z", 1772323201, True),
        ("DateGreaterThanEquals", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", True),
        ("IpAddress", "10.1.0.0/16", "10.1.2.3", True),
        ("IpAddress", ["10.1.0.0/16", "10.3.0.0/16"], "10.2.2.3", False),
        ("IpAddress", "10.1.2.3", "10.1.2.3", True),
        ("IpAddress", "2001:db8::/32", "2001:db8::1", True),
        ("IpAddress", "10.1.0.0/16", "2001:db8::1", False),
        ("NotIpAddress", ["10.1.0.0/16", "10.3.0.0/16"], "10.2.2.3", True),
        ("NotIpAddress", "10.1.0.0/16", "10.1.2.3", False),
        ("Null", "true", "here", False),
        ("Null", "false", "here", True),
        ("Null", "true", [], True),
        ("Null", "true", "", True),
        ("StringEqualsIfExists", "a", "b", False),
        ("BoolIfExists", "false", True, False),
        ("ForAnyValue:StringEquals", ["a", "b"], ["b", "c"], True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c"], False),
        ("ForAnyValue:StringEquals", ["a"], [], False),
        ("ForAnyValue:StringEquals", ["a"], "a", True),
        ("ForAllValues:StringEquals", ["a", "b"], ["b", "a"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["b", "c"], False),
        ("ForAllValues:StringEquals", ["a"], [], True),
        ("ForAnyValue:StringNotLike", ["m*", "g*"], ["m5", "g5"], False),
        ("ForAnyValue:StringNotLike", ["m*", "g*"], ["m5", "p5"], True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "d"], True),
    ],
)
def test_an_operator_compares(operator: str, expected: Any, actual: Any, holds: bool) -> None:
    assert _holds({operator: {"k:key": expected}}, {"k:key": actual, "k:other": "other"}) is holds


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("StringEquals", False),
        ("StringLike", False),
        ("ArnLike", False),
        ("Bool", False),
        ("NumericGreaterThan", False),
        ("DateGreaterThan", False),
        ("IpAddress", False),
        ("NotIpAddress", True),
        ("StringNotEquals", True),
        ("StringNotLike", True),
        ("ArnNotEquals", True),
        ("ArnNotEqualsIfExists", True),
        ("StringEqualsIfExists", True),
        ("BoolIfExists", True),
        ("Null", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAllValues:StringEquals", True),
        ("ForAllValues:StringNotEquals", True),
    ],
)
def test_an_operator_on_a_key_that_the_request_leaves_out(operator: str, holds: bool) -> None:
    expected = {"IpAddress": "10.0.0.0/8", "NotIpAddress": "10.0.0.0/8", "DateGreaterThan": "2026-03-01"}
    assert _holds({operator: {"k:key": expected.get(operator, "true")}}, {}) is holds


def test_one_foreign_value_among_good_ones_is_any_value_and_not_all_values() -> None:
    mixed = {"k:subnets": ["good", "foreign"]}
    assert _holds({"ForAnyValue:StringNotEquals": {"k:subnets": ["good"]}}, mixed)
    assert not _holds({"ForAllValues:StringNotEquals": {"k:subnets": ["good"]}}, mixed)


@pytest.mark.parametrize(
    "conditions",
    [
        {"Null": {"k:one": "true", "k:two": "true"}},
        {"Null": {"k:one": "true"}, "StringNotEquals": {"k:two": "2"}},
    ],
)
def test_keys_and_operators_must_all_hold(conditions: Json) -> None:
    assert _holds(conditions, {})
    assert not _holds(conditions, {"k:two": "2"})


def test_names_of_keys_have_no_case() -> None:
    assert _holds({"StringEquals": {"AWS:RequestTag/team": "a"}}, {"aws:RequestTag/Team": "a"})


@pytest.mark.parametrize(
    "operator",
    [
        *("BinaryEquals", "StringEqual", "NullIfExists", "ForAnyValue:Null", "ForSome:StringEquals"),
        "ForAnyValue:StringEqualsIfExists",
    ],
)
def test_an_unknown_operator_is_refused(operator: str) -> None:
    with pytest.raises(ValueError, match="does not know this operator"):
        _holds({"StringEquals": {"k:other": "2"}, operator: {"k:key": "1"}}, {"k:key": "1"})


@pytest.mark.parametrize("element", ["NotPrincipal", "Principal"])
def test_an_unknown_element_is_refused(element: str) -> None:
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*", element: "*"}
    with pytest.raises(ValueError, match=f"{element}: the evaluator does not know this element"):
        decide(Request("s3:GetObject"), [{"Statement": [statement]}])


def test_several_values_without_a_quantifier_are_refused() -> None:
    with pytest.raises(ValueError, match="needs ForAnyValue or ForAllValues"):
        _holds({"StringEquals": {"k:key": "1"}}, {"k:key": ["1", "2"]})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Ref": "AWS::AccountId"}, "111111111111"),
        ({"Ref": "Bucket"}, "ref-Bucket"),
        ({"Fn::GetAtt": ["Key", "Arn"]}, "arn:aws:made-up:::Key"),
        ({"Fn::GetAtt": ["Group", "GroupId"]}, "Group.GroupId"),
        ({"Fn::ImportValue": "data:FnGetAttKeyArn0123ABCD"}, "arn:aws:made-up:::data:FnGetAttKeyArn0123ABCD"),
        ({"Fn::ImportValue": "network:RefSubnet0123ABCD"}, "import-network:RefSubnet0123ABCD"),
        ({"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}]]}, "a-eu-west-1"),
        ({"Fn::Sub": "${AWS::Region}/${Bucket}/${!aws:username}"}, "eu-west-1/ref-Bucket/${aws:username}"),
        ({"Fn::Sub": ["${AWS::Partition}", {}]}, "aws"),
        ({"Fn::Select": [0, {"Ref": "Subnets"}]}, "made-up-Fn-Select-0-Ref-Subnets-"),
        ({"Key": [{"Ref": "Bucket"}, 1]}, {"Key": ["ref-Bucket", 1]}),
    ],
)
def test_intrinsic_functions_become_text(value: Json, text: object) -> None:
    assert plain(value) == text


def test_the_managed_policies_of_a_template_are_found() -> None:
    stack = Stack(App(), "Test")
    statement = iam.PolicyStatement(actions=["s3:GetObject"], resources=[stack.partition])
    iam.ManagedPolicy(stack, "Policy", statements=[statement])
    iam.Group(stack, "Group").add_to_policy(statement)
    (document,) = documents(Template.from_stack(stack)).values()
    assert decide(Request("s3:GetObject", "aws"), [document]) is ALLOWED


def _policy(effect: str, action: str, resource: str = "*") -> Json:
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": [resource]}]}


def _holds(conditions: Json, context: Context) -> bool:
    statement = {"Effect": "Deny", "Action": ["*"], "Resource": "*", "Condition": conditions}
    return decide(Request("s3:GetObject", "*", context), [{"Statement": [statement]}]) is DENIED
