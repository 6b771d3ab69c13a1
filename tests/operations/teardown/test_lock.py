"""Two people at once: the second is told."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from local_aws import LocalAws
from operations.teardown.aws import Aws
from operations.teardown.journal import Journal
from operations.teardown.lock import HeldError, Lock, alone
from operations.teardown.schedule import Waits

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
NAME = "/trainyard/dev/teardown"


@pytest.fixture
def local() -> Iterator[LocalAws]:
    with LocalAws() as local:
        yield local


@pytest.fixture
def aws(local: LocalAws, tmp_path: Path) -> Aws:
    return Aws(local.client, "eu-west-1", local.clock, Journal(tmp_path / "journal.jsonl"))


def lock(aws: Aws, run: str, who: str = "arn:aws:iam::111111111111:user/ann", environment: str = "dev") -> Lock:
    return Lock(aws, environment, run, who)


def finish(aws: Aws, work: Waits) -> None:
    for seconds in work:
        aws.clock.sleep(seconds)


def parameters(local: LocalAws) -> list[str]:
    return [each["Name"] for each in local.client("ssm").describe_parameters()["Parameters"]]


def test_the_second_is_told_who_and_since_when(aws: Aws) -> None:
    finish(aws, lock(aws, "one").take(AT))
    told = "dev: arn:aws:iam::111111111111:user/ann has been at it since 2026-11-21T14:00:00"
    with pytest.raises(HeldError, match=told):
        finish(aws, lock(aws, "two", "arn:aws:iam::111111111111:user/bob").take(AT))


def test_another_environment_has_a_lock_of_its_own(aws: Aws) -> None:
    finish(aws, lock(aws, "one").take(AT))
    finish(aws, lock(aws, "two", environment="test").take(AT))


def test_the_same_journal_goes_on_with_its_own_lock(aws: Aws) -> None:
    finish(aws, lock(aws, "one").take(AT))
    finish(aws, lock(aws, "two").take(AT, ["one"]))


def test_after_it_went_on_the_lock_is_the_later_runs(aws: Aws) -> None:
    finish(aws, lock(aws, "one").take(AT))
    finish(aws, lock(aws, "two").take(AT, ["one"]))
    with pytest.raises(HeldError):
        finish(aws, lock(aws, "one").take(AT))


def test_it_can_be_taken_over(aws: Aws) -> None:
    finish(aws, lock(aws, "one").take(AT))
    finish(aws, lock(aws, "two").take(AT, over=True))


def test_released_it_is_gone(aws: Aws, local: LocalAws) -> None:
    finish(aws, lock(aws, "one").take(AT))
    assert parameters(local) == [NAME]
    finish(aws, lock(aws, "one").release())
    assert parameters(local) == []


def test_whoever_lost_it_does_not_release_it(aws: Aws, local: LocalAws) -> None:
    finish(aws, lock(aws, "one").take(AT))
    finish(aws, lock(aws, "two").take(AT, over=True))
    finish(aws, lock(aws, "one").release())
    assert parameters(local) == [NAME]


def test_releasing_what_is_gone_is_no_error(aws: Aws) -> None:
    finish(aws, lock(aws, "one").release())


def test_an_answer_that_was_lost_on_its_way_locks_nobody_out(local: LocalAws, tmp_path: Path) -> None:
    lost: list[bool] = []

    class Client:
        def __getattr__(self, operation: str) -> Any:
            def call(**arguments: Any) -> Any:
                answer = getattr(local.client("ssm"), operation)(**arguments)
                if operation == "put_parameter" and not lost:
                    lost.append(True)
                    raise ConnectionClosedError(endpoint_url="https://ssm")
                return answer

            return call

    aws = Aws(lambda _service: Client(), "eu-west-1", local.clock, Journal(tmp_path / "journal.jsonl"))
    finish(aws, lock(aws, "one").take(AT))
    assert lost


def test_a_parameter_that_says_nothing_is_somebodys(aws: Aws, local: LocalAws) -> None:
    local.client("ssm").put_parameter(Name=NAME, Value="mine", Type="String")
    with pytest.raises(HeldError, match="dev: somebody has been at it since 20"):
        finish(aws, lock(aws, "one").take(AT))


def test_two_processes_do_not_share_a_journal(tmp_path: Path) -> None:
    file = tmp_path / "new" / "journal.jsonl"
    with alone(file), pytest.raises(HeldError, match="another process on this machine is at it"), alone(file):
        pass


def test_a_journal_is_free_after_its_process(tmp_path: Path) -> None:
    for _ in range(2):
        with alone(tmp_path / "journal.jsonl"):
            pass
