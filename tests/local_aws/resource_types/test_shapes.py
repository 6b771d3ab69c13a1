"""CloudFormation's values in the shapes of requests."""

from typing import Any

import pytest
from botocore.model import Shape

from local_aws.resource_types.shapes import fitted, operation


def _shape(call: str) -> Shape:
    shape = operation(call).input_shape
    assert shape is not None
    return shape


@pytest.mark.parametrize(
    ("call", "given", "expected"),
    [
        (
            "batch.RegisterJobDefinition",
            {"ContainerProperties": {"Image": "a", "Environment": [{"Name": "a", "Value": "b"}]}},
            {"containerProperties": {"image": "a", "environment": [{"name": "a", "value": "b"}]}},
        ),
        ("logs.CreateLogGroup", {"Tags": [{"Key": "a", "Value": "b"}]}, {"tags": {"a": "b"}}),
        ("ssm.PutParameter", {"Tags": {"a": "b"}}, {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("iam.CreateRole", {"AssumeRolePolicyDocument": {"a": 1}}, {"AssumeRolePolicyDocument": '{"a": 1}'}),
        ("batch.RegisterJobDefinition", {"Parameters": {"Aa": 5}}, {"parameters": {"Aa": "5"}}),
        ("sqs.CreateQueue", {"Attributes": {"FifoQueue": True}}, {"Attributes": {"FifoQueue": "true"}}),
        ("lambda.CreateFunction", {"Timeout": "5", "Publish": "True"}, {"Timeout": 5, "Publish": True}),
        ("cloudwatch.PutMetricAlarm", {"Threshold": "1"}, {"Threshold": 1.0}),
        ("lambda.CreateFunction", {"Code": {"ZipFile": b"a"}}, {"Code": {"ZipFile": b"a"}}),
        ("scheduler.CreateSchedule", {"StartDate": "2026-01-01T00:00:00Z"}, {"StartDate": "2026-01-01T00:00:00Z"}),
    ],
)
def test_values_fit_the_request(call: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert fitted(_shape(call), given) == expected


def test_a_member_that_the_request_does_not_have_is_an_error_with_its_path() -> None:
    with pytest.raises(ValueError, match=r"^ContainerProperties/Colour$"):
        fitted(_shape("batch.RegisterJobDefinition"), {"ContainerProperties": {"Colour": "red"}})


def test_a_member_that_an_update_does_not_have_is_left_out_when_it_did_not_change() -> None:
    given = {"LustreConfiguration": {"DeploymentType": "SCRATCH_2", "DataCompressionType": "LZ4"}}
    old = {"LustreConfiguration": {"DeploymentType": "SCRATCH_2"}}
    expected = {"LustreConfiguration": {"DataCompressionType": "LZ4"}}
    assert fitted(_shape("fsx.UpdateFileSystem"), given, old=old) == expected


def test_a_member_that_an_update_does_not_have_is_an_error_when_it_changed() -> None:
    given = {"LustreConfiguration": {"DeploymentType": "SCRATCH_2"}}
    old = {"LustreConfiguration": {"DeploymentType": "PERSISTENT_2"}}
    with pytest.raises(ValueError, match=r"^LustreConfiguration/DeploymentType$"):
        fitted(_shape("fsx.UpdateFileSystem"), given, old=old)
