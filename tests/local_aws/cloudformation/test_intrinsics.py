import json
from collections.abc import Mapping
from typing import Any

import pytest

from local_aws.cloudformation.intrinsics import NO_VALUE, Intrinsics, assert_rules, outputs
from local_aws.cloudformation.template import parse
from local_aws.errors import AwsError


class Surroundings:
    """A stack of which a few things are known."""

    def ref(self, name: str) -> Any:
        known: dict[str, Any] = {"Bucket": "datasets", "Zones": ["a", "b"], "Size": "2", "AWS::NoValue": NO_VALUE}
        return known[name]

    def attribute(self, logical_id: str, name: str) -> Any:
        return f"{logical_id}'s {name}"

    def import_value(self, name: str) -> str:
        return f"imported {name}"

    def zones(self, region: str) -> list[str]:
        return [f"{region or 'here'}-a", f"{region or 'here'}-b"]

    def dynamic(self, service: str, reference: str) -> str:
        return f"<{service} {reference}>"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("plain", "plain"),
        (7, 7),
        (None, None),
        ({"Ref": "Bucket"}, "datasets"),
        ({"Ref": "Zones"}, ["a", "b"]),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "Bucket's Arn"),
        ({"Fn::GetAtt": "Database.Endpoint.Address"}, "Database's Endpoint.Address"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Bucket"}, 3, True]]}, "a-datasets-3-true"),
        ({"Fn::Join": ["", {"Ref": "Zones"}]}, "ab"),
        ({"Fn::Split": [",", "a,b"]}, ["a", "b"]),
        ({"Fn::Select": ["1", {"Ref": "Zones"}]}, "b"),
        ({"Fn::Select": [0, {"Fn::Split": ["/", "x/y"]}]}, "x"),
        ({"Fn::Sub": "s3://${Bucket}/${Bucket.Arn}/${!Kept}"}, "s3://datasets/Bucket's Arn/${Kept}"),
        ({"Fn::Sub": ["${one}-${Bucket}", {"one": {"Ref": "Size"}}]}, "2-datasets"),
        ({"Fn::Base64": {"Ref": "Bucket"}}, "ZGF0YXNldHM="),
        ({"Fn::FindInMap": ["Sizes", "large", "gib"]}, 1200),
        ({"Fn::FindInMap": ["Sizes", "none", "gib", {"DefaultValue": 1}]}, 1),
        ({"Fn::GetAZs": ""}, ["here-a", "here-b"]),
        ({"Fn::GetAZs": "eu-west-2"}, ["eu-west-2-a", "eu-west-2-b"]),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::Cidr": ["10.0.0.0/16", "1"]}, ["10.0.0.0/24"]),
        ({"Fn::ImportValue": {"Fn::Sub": "${Bucket}-arn"}}, "imported datasets-arn"),
        ({"Fn::ToJsonString": {"a": {"Ref": "Size"}}}, '{"a":"2"}'),
        ({"Fn::Length": {"Ref": "Zones"}}, 2),
        ({"Fn::If": ["Large", "yes", "no"]}, "yes"),
        ({"Fn::If": ["Small", "yes", {"Ref": "Bucket"}]}, "datasets"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": 1}, {"b": 1}),
        ([{"Ref": "AWS::NoValue"}, 1], [1]),
        ({"a": {"Fn::If": ["Small", 1, {"Ref": "AWS::NoValue"}]}}, {}),
        ("{{resolve:ssm:/path/name:3}}!", "<ssm /path/name:3>!"),
        (
            {"Fn::Sub": "{{resolve:secretsmanager:${Bucket}:SecretString:key}}"},
            "<secretsmanager datasets:SecretString:key>",
        ),
        # A statement of a policy is no function, even one that has nothing but a condition.
        (
            {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        ),
    ],
)
def test_a_part_of_a_template_becomes(part: Any, value: Any) -> None:
    assert _intrinsics().value(part) == value


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"Fn::Equals": ["a", "a"]}, True),
        ({"Fn::Equals": [{"Ref": "Size"}, 2]}, True),
        ({"Fn::Equals": ["a", "b"]}, False),
        ({"Fn::Not": [{"Condition": "Large"}]}, False),
        ({"Fn::And": [{"Condition": "Large"}, {"Condition": "Small"}]}, False),
        ({"Fn::Or": [{"Condition": "Large"}, {"Condition": "Small"}]}, True),
    ],
)
def test_a_condition_holds_or_not(condition: Any, holds: bool) -> None:
    assert _intrinsics(Conditions={"Asked": condition}).condition("Asked") is holds


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"Fn::Transform": {"Name": "AWS::Include"}}, "Fn::Transform is not a function that is emulated"),
        ({"Fn::Select": [2, ["a", "b"]]}, "Fn::Select cannot select nonexistent value at index 2"),
        ({"Fn::FindInMap": ["Sizes", "none", "gib"]}, "Unable to get mapping for Sizes::none::gib"),
        ({"Fn::If": ["Unheard", 1, 2]}, "condition Unheard is not defined"),
        ({"Fn::Join": ["-", "text"]}, "Fn::Join"),
        ({"Fn::Join": ["-"]}, "Fn::Join"),
        ({"Fn::Join": ["-", [["a"], {}]]}, "Fn::Join"),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 40]}, "Fn::Cidr"),
    ],
)
def test_a_function_that_leads_nowhere_is_refused(part: Any, message: str) -> None:
    with pytest.raises(AwsError, match=message):
        _intrinsics().value(part)


def test_outputs_have_the_shape_of_the_api() -> None:
    given = {
        "Plain": {"Value": {"Ref": "Bucket"}, "Description": "The bucket"},
        "Exported": {"Value": 3, "Export": {"Name": {"Fn::Sub": "${Bucket}-3"}}},
        "Absent": {"Value": "x", "Condition": "Small"},
        "Present": {"Value": "x", "Condition": "Large"},
    }
    template = _template(Outputs=given)
    assert outputs(template, Intrinsics(template, Surroundings())) == [
        {"OutputKey": "Plain", "OutputValue": "datasets", "Description": "The bucket"},
        {"OutputKey": "Exported", "OutputValue": "3", "ExportName": "datasets-3"},
        {"OutputKey": "Present", "OutputValue": "x"},
    ]


def test_an_assertion_that_does_not_hold_is_said() -> None:
    assertion = {
        "Assert": {"Fn::Not": [{"Fn::Contains": [["1", "2"], {"Ref": "Size"}]}]},
        "AssertDescription": "Version 6 is needed.",
    }
    with pytest.raises(AwsError, match="Version 6 is needed"):
        _assert({"Assertions": [assertion]})


def test_an_assertion_that_holds_is_not_said() -> None:
    _assert({"Assertions": [{"Assert": {"Fn::Contains": [["1", "2"], {"Ref": "Size"}]}}]})


def test_a_rule_whose_condition_does_not_hold_asserts_nothing() -> None:
    _assert({"RuleCondition": {"Fn::Equals": ["a", "b"]}, "Assertions": [{"Assert": {"Fn::Equals": ["a", "b"]}}]})


def _assert(rule: Mapping[str, Any]) -> None:
    template = _template(Rules={"Rule": rule})
    assert_rules(template, Intrinsics(template, Surroundings()))


def _intrinsics(**sections: Any) -> Intrinsics:
    return Intrinsics(_template(**sections), Surroundings())


def _template(**sections: Any) -> Any:
    conditions = {
        "Large": {"Fn::Equals": ["1", 1]},
        "Small": {"Fn::Equals": ["1", "2"]},
        **sections.pop("Conditions", {}),
    }
    resources = {name: {"Type": "AWS::S3::Bucket"} for name in ("Bucket", "Size", "Zones")}
    body = {
        "Mappings": {"Sizes": {"large": {"gib": 1200}}},
        "Conditions": conditions,
        "Resources": resources,
        **sections,
    }
    return parse(json.dumps(body))
