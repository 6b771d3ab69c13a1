"""Several works at the same time within one step."""

from threading import Barrier

import pytest

from operations.teardown.schedule import Outcome, Result, Step, StepError, Waits, run
from operations.teardown.together import together


class Virtual:
    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def waiting(*pauses: float, gives: str = "") -> Waits:
    yield from pauses
    return gives


def ended(clock: Virtual, *works: Waits) -> Result:
    return run([Step("step", lambda: together(works, clock))], clock)["step"]


def test_results_come_in_the_order_of_the_works() -> None:
    assert ended(Virtual(), waiting(5, gives="a"), waiting(gives="b"), waiting(1, 1, gives="c")).value == [
        "a",
        "b",
        "c",
    ]


def test_without_works_there_are_no_results() -> None:
    assert ended(Virtual()).value == []


def test_each_waits_for_itself() -> None:
    clock = Virtual()
    ended(clock, waiting(10, 20), waiting(15), waiting(25))
    assert clock.time == 30


def test_they_ask_at_the_same_time() -> None:
    barrier = Barrier(2, timeout=10)

    def meeting() -> Waits:
        barrier.wait()
        yield from ()

    assert ended(Virtual(), meeting(), meeting()).outcome is Outcome.DONE


@pytest.mark.parametrize("first", [0.0, 3.0])
def test_one_that_fails_ends_all(first: float) -> None:
    def failing() -> Waits:
        yield first
        raise StepError("no")

    clock = Virtual()
    assert ended(clock, failing(), waiting(100)) == Result(Outcome.FAILED, "no")
    assert clock.time == first


def test_more_than_ask_at_a_time_all_end() -> None:
    assert ended(Virtual(), *(waiting(1, gives=str(number)) for number in range(50))).value == [
        str(number) for number in range(50)
    ]
