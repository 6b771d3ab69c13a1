"""Calls that are made again while what fails is passing."""

import re
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from botocore.session import get_session

from environments.loading import ROOT
from local_aws.clock import VirtualClock
from operations.teardown.aws import ATTEMPTS, FIRST_WAIT, LONGEST_WAIT, Aws
from operations.teardown.journal import Journal
from operations.teardown.kinds import KINDS
from operations.teardown.schedule import Outcome, Result, Step, StepError, Waits, run
from operations.teardown.verify import BY_KEY

HOST = "https://api.sagemaker.eu-west-1.amazonaws.com/"


def refusal(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "DeleteApp")


class Service:
    """A client whose answers are given beforehand."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.asked.append(arguments)
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def result(clock: VirtualClock, waits: Waits) -> Result:
    return run([Step("one", lambda: waits)], clock)["one"]


def aws(service: Service, clock: VirtualClock, journal: Journal) -> Aws:
    return Aws(lambda _name: service, "eu-west-1", clock, journal)


def test_an_answer_is_given(clock: VirtualClock, journal: Journal) -> None:
    service = Service({"Apps": []})
    assert result(clock, aws(service, clock, journal).call("sagemaker", "list_apps")).value == {"Apps": []}
    assert clock.now() == 0


@pytest.mark.parametrize(
    "passing",
    [
        refusal("ThrottlingException"),
        refusal("TooManyRequestsException", 429),
        refusal("RequestLimitExceeded", 503),
        refusal("InternalFailure", 500),
        refusal("SomethingNew", 502),
        EndpointConnectionError(endpoint_url=HOST),
        ConnectionClosedError(endpoint_url=HOST),
        ReadTimeoutError(endpoint_url=HOST),
    ],
    ids=lambda error: error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__,
)
def test_what_passes_is_waited_for(clock: VirtualClock, journal: Journal, passing: Exception) -> None:
    service = Service(passing, passing, {})
    waits = aws(service, clock, journal).call("sagemaker", "delete_app", AppName="a")
    assert result(clock, waits).outcome is Outcome.DONE
    assert service.asked == [{"AppName": "a"}] * 3
    assert 0 < clock.now() <= FIRST_WAIT * 3


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceInUse", "ValidationException", "ResourceNotFound"])
def test_what_aws_says_against_it_is_said_at_once(clock: VirtualClock, journal: Journal, code: str) -> None:
    service = Service(refusal(code))
    with pytest.raises(ClientError):
        result(clock, aws(service, clock, journal).call("sagemaker", "delete_app"))
    assert len(service.asked) == 1


def test_what_does_not_pass_is_given_up(clock: VirtualClock, journal: Journal) -> None:
    service = Service(*[refusal("InternalFailure", 500)] * ATTEMPTS)
    told = result(clock, aws(service, clock, journal).call("sagemaker", "delete_app"))
    assert told.outcome is Outcome.FAILED
    assert told.value.startswith(f"sagemaker.delete_app: failed {ATTEMPTS} times, at last with ")
    assert clock.now() <= LONGEST_WAIT * ATTEMPTS


def test_all_wait_when_one_is_throttled(clock: VirtualClock, journal: Journal) -> None:
    """Or those that were not asked to wait would take the place of those that were."""
    service = Service(refusal("ThrottlingException"), {}, {})
    asked = aws(service, clock, journal)
    moments = []

    def second() -> Waits:
        yield 0.01  # after the first
        yield from asked.call("sagemaker", "delete_app", AppName="second")
        moments.append(clock.now())

    first = Step("first", lambda: asked.call("sagemaker", "delete_app", AppName="first"))
    run([first, Step("second", second)], clock, workers=1)
    assert service.asked[0] == {"AppName": "first"}
    assert moments[0] >= FIRST_WAIT / 2


@pytest.mark.parametrize(
    ("told", "ask"), [("NextToken", "NextToken"), ("nextToken", "nextToken"), ("NextMarker", "Marker")]
)
def test_all_pages_are_asked_for(clock: VirtualClock, journal: Journal, told: str, ask: str) -> None:
    service = Service({"Apps": [1], told: "a"}, {told: "b"}, {"Apps": [2]})
    waits = aws(service, clock, journal).pages("sagemaker", "list_apps", "Apps[]", DomainIdEquals="d")
    assert result(clock, waits).value == [1, 2]
    assert service.asked == [
        {"DomainIdEquals": "d"},
        {"DomainIdEquals": "d", ask: "a"},
        {"DomainIdEquals": "d", ask: "b"},
    ]


WRITTEN = re.compile(r'\bpages\(\s*"([a-z-]+)",\s*"([a-z_]+)"')
LISTINGS = sorted(
    {(kind.service, kind.listed) for kind in KINDS}
    | {(service, operation) for service, operation, *_ in BY_KEY}
    | {each for module in (ROOT / "operations").rglob("*.py") for each in WRITTEN.findall(module.read_text())}
)


@cache
def botocore_pages(service: str, operation: str) -> dict[str, Any]:
    """How botocore pages an operation, if it can."""
    known = get_session().get_component("data_loader").load_service_model(service, "paginators-1")["pagination"]
    return next((each for name, each in known.items() if xform_name(name) == operation), {})


@pytest.mark.parametrize(("service", "operation"), [each for each in LISTINGS if botocore_pages(*each)])
def test_pages_are_those_that_botocore_asks_for(
    clock: VirtualClock, journal: Journal, service: str, operation: str
) -> None:
    """Also where the answer repeats what it was asked by, as that of EFS does."""
    paged = botocore_pages(service, operation)
    ask, told, more = paged["input_token"], paged["output_token"], paged.get("more_results")
    pages: list[dict[str, Any]] = [{told: token, **({more: True} if more else {})} for token in ("a", "b")]
    pages.append({more: False} if more else {})
    if ask != told or more:
        for before, page in pairwise(pages):
            page.setdefault(ask, before[told])
    client = Service(*pages)
    assert result(clock, aws(client, clock, journal).pages(service, operation, "[]")).outcome is Outcome.DONE
    assert client.asked == [{}, {ask: "a"}, {ask: "b"}]


def test_only_what_changes_something_is_written_down(clock: VirtualClock, journal: Journal) -> None:
    service = Service({}, {}, {})
    asked = aws(service, clock, journal)
    for operation in ("list_apps", "describe_app", "delete_app"):
        result(clock, asked.call("sagemaker", operation))
    assert [entry["call"] for entry in journal.entries() if "arguments" in entry] == ["sagemaker.delete_app"]


def test_every_attempt_is_written_down(clock: VirtualClock, journal: Journal) -> None:
    service = Service(refusal("ThrottlingException"), {})
    result(clock, aws(service, clock, journal).call("sagemaker", "delete_app"))
    kinds = [
        next(kind for kind in ("arguments", "refused", "answered") if kind in entry) for entry in journal.entries()
    ]
    assert kinds == ["arguments", "refused", "arguments", "answered"]


def test_a_step_error_is_no_fault_of_aws(clock: VirtualClock, journal: Journal) -> None:
    def work() -> Waits:
        yield from aws(Service({}), clock, journal).call("sagemaker", "list_apps")
        raise StepError("not now")

    assert result(clock, work()) == Result(Outcome.FAILED, "not now")
