"""The tables."""

from typing import Any

import pytest

from local_aws.resource_types import names
from local_aws.resource_types.check import gaps
from local_aws.resource_types.resource_type import ResourceType
from local_aws.resource_types.rows import TableError, row, rows, tagging
from local_aws.resource_types.shapes import operation
from local_aws.schemas import schema
from tests.local_aws.resource_types.account import kind


@pytest.mark.parametrize("type_name", sorted(names()))
def test_a_row_says_what_becomes_of_everything_in_its_schema(type_name: str) -> None:
    assert gaps(kind(type_name)) == []


@pytest.mark.parametrize("type_name", sorted(names()))
def test_a_row_speaks_of_properties_that_there_are(type_name: str) -> None:
    tested = kind(type_name)
    row = tested.row
    spoken = [*(row.not_kept or ()), *(row.not_sent or ()), *row.refused, *(row.fixed or ()), *(row.rename or ())]
    spoken += [*row.replaces, *(row.replaces_when or ()), *(row.defaults or ())]
    top = tested.schema.properties
    known = {"/".join(path) for name in top for path in tested.schema.paths(name)} | top
    assert set(spoken) <= known


@pytest.mark.parametrize("type_name", sorted(names()))
def test_a_row_is_without_attributes_that_there_are(type_name: str) -> None:
    tested = kind(type_name)
    assert not tested.attributes & (tested.row.without or {}).keys()


@pytest.mark.parametrize("service", sorted(tagging()))
def test_the_calls_that_tag_have_their_parameters(service: str) -> None:
    for step in tagging()[service]:
        shape = operation(step.call).input_shape
        assert shape is not None
        assert set(shape.required_members) <= set(step.parameters) <= set(shape.members)


WRONG: list[tuple[Any, str]] = [
    ({"colour": "red"}, r"^t: A: unknown key 'colour'$"),
    ({"create": {"call": "ec2.CreateVpc", "colour": "red"}}, r"^t: A: create: unknown key 'colour'$"),
    ({"create": {"call": "CreateVpc"}}, r"^t: A: create: call: must be service.Operation$"),
    ({"create": {"call": "ec2.CreateVpc", "with": {"A": "b["}}}, r"^t: A: create: .*b\["),
    ({"create": "ec2.CreateVpc"}, r"^t: A: create: must be an object$"),
    ({"id": "a["}, r"^t: A: id: 'a\['"),
    ({"read": {"call": "ec2.DescribeVpcs"}}, r"^t: A: read: needs record$"),
    ({"ready": {"value": "a"}}, r"^t: A: ready: needs value and is$"),
    ({"name": {"property": "Name"}}, r"^t: A: name: needs property and max$"),
    ({"then": [{"call": "ec2.A", "unset": {"colour": 1}}]}, r"^t: A: then: 0: unset: unknown key 'colour'$"),
    ({"related": ["a"]}, r"^t: A: related: must be an object$"),
    ({"attributes": {"A": "b["}}, r"^t: A: attributes: .*b\["),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_a_row_that_cannot_be_is_an_error_that_says_where(given: object, message: str) -> None:
    with pytest.raises(TableError, match=message):
        row("t: A", given)


def _gaps(type_name: str, given: dict[str, Any]) -> list[str]:
    published = schema(type_name)
    assert published is not None
    return gaps(ResourceType(type_name, row("t", given), published))


def test_a_property_that_no_call_takes_is_a_gap() -> None:
    assert "VpcId: no call takes it" in _gaps("AWS::EC2::RouteTable", {"create": {"call": "ec2.CreateVpc"}})


def test_a_property_that_nothing_changes_is_a_gap() -> None:
    found = _gaps("AWS::Logs::LogGroup", {"create": {"call": "logs.CreateLogGroup"}})
    assert "KmsKeyId: nothing changes it" in found


def test_a_part_of_a_property_that_the_request_lacks_is_a_gap() -> None:
    found = _gaps(
        "AWS::S3::Bucket", {"then": [{"call": "s3.PutBucketCors", "with": {"CORSConfiguration": "CorsConfiguration"}}]}
    )
    assert "CorsConfiguration/CorsRules/MaxAge: the request has no such member" in found


def test_a_parameter_that_the_request_lacks_is_a_gap() -> None:
    found = _gaps("AWS::EC2::VPC", {"create": {"call": "ec2.CreateVpc", "with": {"Colour": "'red'"}}})
    assert "ec2.CreateVpc: has no parameter Colour" in found


def test_an_attribute_that_the_row_lacks_is_a_gap() -> None:
    assert "Arn: no such attribute" in _gaps("AWS::Logs::LogGroup", {"create": {"call": "logs.CreateLogGroup"}})


def test_the_tables_are_read_once() -> None:
    assert rows() is rows()
