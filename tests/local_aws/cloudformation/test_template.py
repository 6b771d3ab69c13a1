import json
from typing import Any

import pytest

from local_aws.cloudformation.template import parse, references
from local_aws.errors import AwsError

TOPIC = {"Type": "AWS::SNS::Topic"}


def test_json_and_yaml_say_the_same() -> None:
    in_json = parse(
        json.dumps({"Resources": {"Topic": {**TOPIC, "Properties": {"TopicName": {"Ref": "AWS::Region"}}}}})
    )
    in_yaml = parse(
        """
        Resources:
          Topic:
            Type: AWS::SNS::Topic
            Properties: {TopicName: !Ref AWS::Region}
        """
    )
    assert in_json.body == in_yaml.body


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("!Ref Name", {"Ref": "Name"}),
        ("!GetAtt Bucket.Arn", {"Fn::GetAtt": ["Bucket", "Arn"]}),
        ("!GetAtt [Bucket, Arn]", {"Fn::GetAtt": ["Bucket", "Arn"]}),
        ("!GetAtt Database.Endpoint.Address", {"Fn::GetAtt": ["Database", "Endpoint.Address"]}),
        ("!Sub 'a-${Name}'", {"Fn::Sub": "a-${Name}"}),
        ("!Join ['-', [a, !Ref Name]]", {"Fn::Join": ["-", ["a", {"Ref": "Name"}]]}),
        ("!If [Large, 1, !Sub ['${x}', {x: 2}]]", {"Fn::If": ["Large", 1, {"Fn::Sub": ["${x}", {"x": 2}]}]}),
        ("!Condition Large", {"Condition": "Large"}),
    ],
)
def test_the_short_forms_of_yaml_are_the_functions(short: str, full: dict[str, Any]) -> None:
    template = parse(f"Metadata: {{x: {short}}}\nResources: {{Topic: {{Type: AWS::SNS::Topic}}}}")
    assert template.section("Metadata")["x"] == full


def test_a_date_in_yaml_stays_text() -> None:
    template = parse("AWSTemplateFormatVersion: 2010-09-09\nResources: {Topic: {Type: AWS::SNS::Topic}}")
    assert template.body["AWSTemplateFormatVersion"] == "2010-09-09"


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ({"Ref": "A"}, ["A"]),
        ({"Fn::GetAtt": ["A", "Arn"]}, ["A"]),
        ({"Fn::GetAtt": "A.Arn"}, ["A"]),
        ({"Fn::GetAtt": ["A", {"Ref": "B"}]}, ["A", "B"]),
        ({"Fn::Sub": "${A}-${B.Arn}-${!C}-${AWS::Region}"}, ["A", "B", "AWS::Region"]),
        ({"Fn::Sub": ["${A}-${x}", {"x": {"Ref": "B"}}]}, ["A", "B"]),
        ({"Fn::If": ["Large", {"Ref": "A"}, [{"Ref": "B"}]]}, ["A", "B"]),
        ({"Ref": "A", "Other": {"Ref": "B"}}, ["B"]),
        ("plain ${A}", []),
    ],
)
def test_what_a_part_refers_to_is_found(part: Any, names: list[str]) -> None:
    assert list(references(part)) == names


def test_a_resource_needs_what_it_refers_to_and_what_it_depends_on() -> None:
    resources = {
        "A": TOPIC,
        "B": TOPIC,
        "C": {
            **TOPIC,
            "DependsOn": "A",
            "Properties": {"DisplayName": {"Ref": "B"}, "TopicName": {"Ref": "AWS::Region"}},
        },
    }
    assert parse(json.dumps({"Resources": resources})).needs("C") == {"A", "B"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("[1]", "unsupported structure"),
        ("{", "Template format error"),
        ("a: [", "Template format error"),
        ({}, "At least one Resources member must be defined."),
        ({"Resources": {"A": TOPIC}, "Extra": {}}, r"Invalid template property or properties \['Extra'\]"),
        ({"Resources": {"A": {}}}, r"\[/Resources/A\] Every Resources object must contain a Type member."),
        ({"Resources": {"A": {**TOPIC, "Propertys": {}}}}, "Invalid template resource property 'Propertys'"),
        ({"Resources": {"A": {**TOPIC, "DeletionPolicy": "Keep"}}}, "DeletionPolicy Keep of resource A: not emulated"),
        ({"Resources": {"A": TOPIC}, "Transform": "AWS::Serverless-2016-10-31"}, "Serverless-2016-10-31: not emulated"),
        (
            {"Resources": {"A": {**TOPIC, "Properties": {"TopicName": {"Ref": "B"}}}}},
            r"Unresolved resource dependencies \[B\] in the Resources block of the template",
        ),
        (
            {"Resources": {"A": TOPIC}, "Outputs": {"X": {"Value": {"Ref": "B"}}}},
            r"Unresolved resource dependencies \[B\] in the Outputs block of the template",
        ),
        ({"Resources": {"A": {**TOPIC, "DependsOn": "B"}}}, r"Unresolved resource dependencies \[B\]"),
        ({"Resources": {"A": {**TOPIC, "Condition": "Large"}}}, "Unresolved condition dependency Large of resource A"),
        (
            {"Resources": {"A": {**TOPIC, "DependsOn": "B"}, "B": {**TOPIC, "DependsOn": ["A"]}}},
            r"Circular dependency between resources: \[A, B\]",
        ),
    ],
)
def test_what_is_no_template_is_refused_in_cloudformations_words(body: Any, message: str) -> None:
    with pytest.raises(AwsError, match=message) as refused:
        parse(body if isinstance(body, str) else json.dumps(body))
    assert refused.value.code == "ValidationError"


def test_a_template_has_at_most_500_resources() -> None:
    parse(json.dumps({"Resources": {f"T{number}": TOPIC for number in range(500)}}))
    with pytest.raises(AwsError, match="Number of resources, 501, is greater than maximum allowed, 500"):
        parse(json.dumps({"Resources": {f"T{number}": TOPIC for number in range(501)}}))
