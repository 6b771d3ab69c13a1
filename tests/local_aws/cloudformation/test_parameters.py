import json
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local_aws.clients import Clients
from local_aws.clock import VirtualClock
from local_aws.cloudformation.parameters import Parameters, resolve
from local_aws.cloudformation.template import parse
from local_aws.errors import AwsError


def test_a_given_value_comes_before_the_default() -> None:
    assert _resolve({"Type": "String", "Default": "a"}, "b").values == {"Name": "b"}


def test_the_default_counts_where_nothing_is_given() -> None:
    assert _resolve({"Type": "String", "Default": "a"}).values == {"Name": "a"}


@pytest.mark.parametrize("kind", ["CommaDelimitedList", "List<Number>", "List<AWS::EC2::Subnet::Id>"])
def test_a_list_is_split(kind: str) -> None:
    assert _resolve({"Type": kind}, "1, 2").values == {"Name": ["1", "2"]}


@mock_aws
def test_a_value_of_the_parameter_store_is_looked_up() -> None:
    boto3.client("ssm", "eu-west-1").put_parameter(Name="/version", Value="30", Type="String")
    found = _resolve({"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/version"})
    assert found.values == {"Name": "30"}
    assert found.shown == [{"ParameterKey": "Name", "ParameterValue": "/version", "ResolvedValue": "30"}]


@mock_aws
def test_a_value_that_the_parameter_store_does_not_have_is_refused() -> None:
    with pytest.raises(AwsError, match=r"Unable to fetch parameters \[/version\] from parameter store"):
        _resolve({"Type": "AWS::SSM::Parameter::Value<String>"}, "/version")


def test_what_must_not_be_echoed_is_hidden() -> None:
    found = _resolve({"Type": "String", "NoEcho": True}, "secret")
    assert (found.values, found.shown[0]["ParameterValue"]) == ({"Name": "secret"}, "****")


@pytest.mark.parametrize(
    ("declaration", "value"),
    [
        ({"Type": "String", "AllowedValues": ["a", "b"]}, "b"),
        ({"Type": "Number", "AllowedValues": [1, 2]}, "2"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "abc"),
        ({"Type": "String", "MinLength": 2, "MaxLength": "3"}, "abc"),
        ({"Type": "Number", "MinValue": 1, "MaxValue": "3"}, "3"),
    ],
)
def test_a_value_within_its_constraints_is_taken(declaration: dict[str, Any], value: str) -> None:
    assert _resolve(declaration, value).values == {"Name": value}


@pytest.mark.parametrize(
    ("declaration", "value", "message"),
    [
        ({"Type": "String", "AllowedValues": ["a"]}, "b", "must be one of AllowedValues"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "abc1", r"must match pattern \[a-z\]\+"),
        ({"Type": "String", "MinLength": 2}, "a", "must contain at least 2 characters"),
        ({"Type": "String", "MaxLength": 2}, "abc", "must contain at most 2 characters"),
        ({"Type": "Number"}, "many", "must be a number"),
        ({"Type": "Number", "MinValue": 1}, "0", "must be a number not less than 1"),
        ({"Type": "Number", "MaxValue": 1}, "1.5", "must be a number not greater than 1"),
        (
            {"Type": "String", "AllowedValues": ["a"], "ConstraintDescription": "Say a."},
            "b",
            "^ValidationError: Say a.$",
        ),
    ],
)
def test_a_value_outside_its_constraints_is_refused(declaration: dict[str, Any], value: str, message: str) -> None:
    with pytest.raises(AwsError, match=message):
        _resolve(declaration, value)


def test_a_parameter_without_value_is_refused() -> None:
    with pytest.raises(AwsError, match=r"Parameters: \[Name\] must have values"):
        _resolve({"Type": "String"})


def test_a_parameter_that_the_template_does_not_have_is_refused() -> None:
    template = parse(json.dumps({"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}))
    with pytest.raises(AwsError, match=r"Parameters: \[Name\] do not exist in the template"):
        resolve(template, {"Name": "x"}, _clients())


def _resolve(declaration: dict[str, Any], value: str | None = None) -> Parameters:
    body = {"Parameters": {"Name": declaration}, "Resources": {"A": {"Type": "AWS::SNS::Topic"}}}
    given = {} if value is None else {"Name": value}
    return resolve(parse(json.dumps(body)), given, _clients())


def _clients() -> Clients:
    return Clients("eu-west-1", VirtualClock())
