"""What the registry schemas say."""

import pytest

from local_aws.schemas import Schema, at, gettable, schema


def _schema(type_name: str) -> Schema:
    found = schema(type_name)
    assert found is not None
    return found


def test_a_type_that_aws_does_not_have_has_no_schema() -> None:
    assert schema("AWS::No::Such") is None


def test_a_property_that_the_type_does_not_have_is_a_problem_with_its_path() -> None:
    problems = _schema("AWS::EC2::FlowLog").problems({"ResourceId": "vpc-1", "ResourceType": "VPC", "Colour": "red"})
    assert problems == ["Properties: extraneous key [Colour] is not permitted"]


def test_a_missing_property_is_a_problem_with_the_path_of_what_lacks_it() -> None:
    problems = _schema("AWS::EC2::VPC").problems({"CidrBlock": "10.0.0.0/16", "Tags": [{"Key": "a"}]})
    assert problems == ["Properties/Tags/0: required key [Value] not found"]


def test_a_wrong_value_is_a_problem() -> None:
    (problem,) = _schema("AWS::EC2::FlowLog").problems({"ResourceId": "vpc-1", "ResourceType": "Planet"})
    assert problem.startswith("Properties/ResourceType: 'Planet' is not one of ['NetworkInterface'")


def test_what_only_aws_sets_is_a_problem() -> None:
    assert "Properties/TopicArn: read-only" in _schema("AWS::SNS::Topic").problems({"TopicArn": "arn:aws:sns:a:b:c"})


@pytest.mark.parametrize(
    ("given", "coerced"),
    [
        ({"EnableDnsSupport": "true"}, {"EnableDnsSupport": True}),
        ({"EnableDnsSupport": "False"}, {"EnableDnsSupport": False}),
        ({"Ipv4NetmaskLength": "16"}, {"Ipv4NetmaskLength": 16}),
        ({"CidrBlock": 5}, {"CidrBlock": "5"}),
        ({"CidrBlock": True}, {"CidrBlock": "true"}),
        ({"Tags": [{"Key": "a", "Value": 1.5}]}, {"Tags": [{"Key": "a", "Value": "1.5"}]}),
        ({"EnableDnsSupport": "perhaps"}, {"EnableDnsSupport": "perhaps"}),
        ({"Unknown": "5"}, {"Unknown": "5"}),
    ],
)
def test_values_are_coerced_to_what_the_schema_has(given: dict[str, object], coerced: dict[str, object]) -> None:
    assert _schema("AWS::EC2::VPC").coerced(given) == coerced


def test_decimal_texts_become_numbers() -> None:
    assert _schema("AWS::CloudWatch::Alarm").coerced({"Threshold": "1.5"}) == {"Threshold": 1.5}


def test_tags_may_be_a_map() -> None:
    assert _schema("AWS::SSM::Parameter").is_map("Tags")


def test_tags_may_be_a_list() -> None:
    assert not _schema("AWS::EC2::VPC").is_map("Tags")


def test_the_property_that_holds_the_tags_need_not_be_called_tags() -> None:
    assert _schema("AWS::Budgets::Budget").tag_property == "ResourceTags"


def test_parts_of_objects_can_be_create_only() -> None:
    assert "Budget/BudgetName" in _schema("AWS::Budgets::Budget").create_only


def test_paths_go_through_lists() -> None:
    assert at({"Rules": [{"Id": "a"}, {"Id": "b"}, {}]}, "Rules/*/Id") == ["a", "b"]


def test_a_path_that_leads_nowhere_finds_nothing() -> None:
    assert at({"Rules": "none"}, "Rules/*/Id") == []


def test_the_paths_inside_a_property_leave_out_what_only_aws_sets() -> None:
    paths = {"/".join(path) for path in _schema("AWS::Batch::ComputeEnvironment").paths("ComputeResources")}
    assert "ComputeResources/Ec2Configuration/ImageType" in paths
    assert "ComputeResources/Ec2Configuration/BatchImageStatus" not in paths


def test_a_template_can_get_what_only_aws_sets() -> None:
    assert "TopicArn" in gettable("AWS::SNS::Topic")
