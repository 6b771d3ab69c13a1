from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from local_aws.errors import AwsError
from local_aws.front import Answer, Call, Front

PROTOCOLS: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "ec2": ("ec2", "CreatePlacementGroup", {"GroupName": "close"}, {"PlacementGroup": {"GroupName": "close"}}),
    "json": ("sagemaker", "DescribeSpace", {"DomainId": "d-1", "SpaceName": "a"}, {"SpaceName": "a"}),
    "query": ("cloudformation", "DescribeStacks", {"StackName": "a"}, {"Stacks": []}),
    "rest-json": ("batch", "DescribeJobQueues", {"jobQueues": ["a"]}, {"jobQueues": []}),
}
"""Protocol to service, operation, parameters, and an answer."""


@pytest.fixture
def front() -> Iterator[Front]:
    front = Front()
    with mock_aws(), front.installed():
        yield front


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_our_answer_reaches_the_caller_in_every_protocol(front: Front, protocol: str) -> None:
    service, operation, parameters, answer = PROTOCOLS[protocol]
    calls: list[Call] = []

    def handler(call: Call) -> Answer:
        calls.append(call)
        return answer

    front.handle(service, operation, handler)
    given = _call(service, operation, parameters)
    assert {key: value for key, value in given.items() if key != "ResponseMetadata"} == answer
    assert [(each.service, each.operation, each.parameters) for each in calls] == [(service, operation, parameters)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_refusal_reaches_the_caller_in_every_protocol(front: Front, protocol: str) -> None:
    service, operation, parameters, _ = PROTOCOLS[protocol]
    front.handle(service, operation, _refuse)
    with pytest.raises(ClientError) as refused:
        _call(service, operation, parameters)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert refused.value.response["Error"]["Message"] == "Not this, not now"


def test_a_call_has_its_account_and_region(front: Front) -> None:
    calls: list[Call] = []

    def handler(call: Call) -> Answer:
        calls.append(call)
        return {"SpaceName": "a"}

    front.handle("sagemaker", "DescribeSpace", handler)
    _call("sagemaker", "DescribeSpace", {"DomainId": "d-1", "SpaceName": "a"})
    assert calls[0].arn("space/a") == "arn:aws:sagemaker:eu-west-1:123456789012:space/a"


def test_what_is_checked_and_not_refused_is_answered_by_moto(front: Front) -> None:
    front.check("ec2", "CreateVpc", lambda _: None)
    assert _call("ec2", "CreateVpc", {"CidrBlock": "10.0.0.0/16"})["Vpc"]["CidrBlock"] == "10.0.0.0/16"


def test_what_is_refused_does_not_reach_moto(front: Front) -> None:
    front.check("ec2", "CreateKeyPair", _refuse)
    with pytest.raises(ClientError, match="ValidationException"):
        _call("ec2", "CreateKeyPair", {"KeyName": "mine"})
    assert _call("ec2", "DescribeKeyPairs", {})["KeyPairs"] == []


def test_a_check_comes_before_our_own_answer(front: Front) -> None:
    front.handle("sagemaker", "DescribeSpace", lambda _: {"SpaceName": "a"})
    front.check("sagemaker", "DescribeSpace", _refuse)
    with pytest.raises(ClientError, match="ValidationException"):
        _call("sagemaker", "DescribeSpace", {"DomainId": "d-1", "SpaceName": "a"})


def test_everything_else_is_motos(front: Front) -> None:
    front.handle("sagemaker", "DescribeSpace", _refuse)
    assert _call("sns", "CreateTopic", {"Name": "alerts"})["TopicArn"].endswith(":alerts")


@pytest.mark.usefixtures("front")
def test_what_nobody_has_is_refused_by_its_name() -> None:
    with pytest.raises(ClientError, match=r"The local AWS does not have sagemaker.ListHubs"):
        _call("sagemaker", "ListHubs", {})


def test_an_operation_that_botocore_does_not_know_is_refused(front: Front) -> None:
    with pytest.raises(ValueError, match=r"sagemaker\.CreateCastle: botocore knows no such operation"):
        front.handle("sagemaker", "CreateCastle", _refuse)
    with pytest.raises(ValueError, match=r"sagemaker\.CreateCastle: botocore knows no such operation"):
        front.check("sagemaker", "CreateCastle", _refuse)


def test_two_handlers_of_one_operation_are_refused(front: Front) -> None:
    front.handle("sagemaker", "DescribeSpace", _refuse)
    with pytest.raises(ValueError, match=r"sagemaker\.DescribeSpace: has a handler already"):
        front.handle("sagemaker", "DescribeSpace", _refuse)


def test_moto_is_itself_again_afterwards() -> None:
    front = Front()
    front.check("sns", "CreateTopic", _refuse)
    with mock_aws():
        with front.installed(), pytest.raises(ClientError, match="ValidationException"):
            _call("sns", "CreateTopic", {"Name": "alerts"})
        _call("sns", "CreateTopic", {"Name": "alerts"})


def _refuse(_: Call) -> Any:
    raise AwsError("ValidationException", "Not this, not now")


def _call(service: str, operation: str, parameters: dict[str, Any]) -> Any:
    client: Any = boto3.client(service, "eu-west-1")  # type: ignore[call-overload]
    method = next(name for name, each in client.meta.method_to_api_mapping.items() if each == operation)
    return getattr(client, method)(**parameters)


@pytest.mark.parametrize(
    ("protocol", "together"),
    [("json", False), ("rest-json", False), ("query", True)],
    ids=["other services", "Batch", "CloudFormation"],
)
def test_calls_are_answered_one_at_a_time_unless_an_answer_waits_for_other_calls(
    front: Front, protocol: str, together: bool
) -> None:
    service, operation, parameters, answer = PROTOCOLS[protocol]
    both_are_inside = Barrier(2)

    def handler(_: Call) -> Answer:
        # Only the first of two that come alone waits: the second finds it broken.
        with suppress(BrokenBarrierError):
            both_are_inside.wait(10 if together else 0.2)
        return answer

    front.handle(service, operation, handler)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: _call(service, operation, parameters), range(2)))
    assert both_are_inside.broken is not together
