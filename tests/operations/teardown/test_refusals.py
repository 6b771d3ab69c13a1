"""What AWS refuses in a stage is told in one line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from operations.teardown.refusals import telling
from operations.teardown.schedule import StepError, Waits
from operations.teardown.stages import Stage
from tests.operations.teardown.made import Made, made

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "You may not\n do this"}}, "DeleteVpc")
WRONG = StepError("what is wrong")


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Made]:
    with made(tmp_path) as account:
        yield account


def stage(error: Exception | None) -> Stage:
    def work(*_arguments: object) -> Waits:
        yield 1
        if error:
            raise error
        return ["found"]

    return telling(Stage("network.sweep", frozenset({"one"}), work, work))


def test_a_refused_call_is_named(account: Made) -> None:
    assert account.failure(account.work(stage(DENIED))) == "network.sweep: DeleteVpc: AccessDenied: You may not do this"


def test_a_refused_look_is_named(account: Made) -> None:
    said = account.failure(stage(DENIED).finds(account.inventory, {}, None))  # type: ignore[arg-type]
    assert said.startswith("network.sweep: DeleteVpc: ")


def test_what_a_stage_says_itself_stays(account: Made) -> None:
    assert account.failure(account.work(stage(WRONG))) == "what is wrong"


def test_what_it_finds_stays(account: Made) -> None:
    assert account.finds(stage(None)) == ["found"]


def test_it_stays_where_it_was() -> None:
    assert stage(None).name == "network.sweep"
    assert stage(None).after == {"one"}
