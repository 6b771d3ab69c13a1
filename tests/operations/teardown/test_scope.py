"""What an environment is, also of stacks that somebody deleted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations.teardown.aws import Aws
from operations.teardown.schedule import Waits
from operations.teardown.scope import Scope, look
from tests.operations.teardown.made import Made, made

TEMPLATE = {
    "Resources": {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Bucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
    }
}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Made]:
    with made(tmp_path) as account:
        yield account


def deploy(account: Made, name: str = "trainyard-dev-data", environment: str = "dev") -> None:
    account.client("cloudformation").create_stack(
        StackName=name, TemplateBody=json.dumps(TEMPLATE), Tags=[{"Key": "Environment", "Value": environment}]
    )


def delete(account: Made, name: str = "trainyard-dev-data") -> None:
    account.client("cloudformation").delete_stack(StackName=name)


def scope(account: Made) -> Scope:
    found: Scope = account.finish(look(account.aws, "dev"))
    return found


def test_what_was_in_a_deleted_stack_is_known(account: Made) -> None:
    deploy(account)
    before = {(each.logical_id, each.physical_id, each.kept) for each in scope(account).resources}
    delete(account)
    after = scope(account)
    assert (after.stacks, {(each.logical_id, each.physical_id, each.kept) for each in after.gone}) == ((), before)


def test_of_several_it_is_the_last(account: Made) -> None:
    deploy(account)
    delete(account)
    deploy(account)
    last = {each.physical_id for each in scope(account).resources}
    delete(account)
    assert {each.physical_id for each in scope(account).gone} == last


def test_one_that_is_there_again_stands_for_itself(account: Made) -> None:
    deploy(account)
    delete(account)
    deploy(account)
    assert scope(account).gone == ()


@pytest.mark.parametrize(
    ("name", "environment"), [("trainyard-dev-data", "other"), ("trainyard-dev2-data", "dev"), ("data", "dev")]
)
def test_a_deleted_stack_of_somebody_else_is_not(account: Made, name: str, environment: str) -> None:
    deploy(account, name, environment)
    delete(account, name)
    assert scope(account).gone == ()


def test_what_a_run_wrote_down_is_not_asked_for_again(account: Made) -> None:
    recorded = {
        "stack": "trainyard-dev-data",
        "logical_id": "Old",
        "type": "AWS::SNS::Topic",
        "physical_id": "old",
        "kept": False,
        "status": "CREATE_COMPLETE",
    }
    deploy(account)
    delete(account)
    found: Scope = account.finish(look(account.aws, "dev", [recorded]))
    assert [each.logical_id for each in found.gone] == ["Old"]


class Templates(Aws):
    """Answers ``get_template`` as a test says."""

    def __init__(self, account: Made, answer: Any) -> None:
        super().__init__(account.client, account.aws.region, account.local.clock, account.journal)
        self._answer = answer

    def call(self, service: str, operation: str, **arguments: Any) -> Waits:
        if operation != "get_template":
            return (yield from super().call(service, operation, **arguments))
        if isinstance(self._answer, str):
            raise ClientError({"Error": {"Code": self._answer, "Message": "no"}}, "GetTemplate")
        return self._answer


@pytest.mark.parametrize("answer", ["ValidationError", {}, {"TemplateBody": ""}])
def test_a_stack_without_a_template_keeps_nothing(account: Made, answer: Any) -> None:
    """https://github.com/cdklabs/awscdk-v1-stack-finder/issues/273"""
    deploy(account)
    found: Scope = account.finish(look(Templates(account, answer), "dev"))
    assert [each.template for each in found.stacks] == [{}]


def test_a_template_that_nobody_may_read_is_none_without_contents(account: Made) -> None:
    """Or nothing would be kept, and stacks would go in any order."""
    deploy(account)
    with pytest.raises(ClientError, match="AccessDenied"):
        account.result(look(Templates(account, "AccessDenied"), "dev"))
