"""Steps that wait for each other."""

from collections.abc import Generator

import pytest

from local_aws.clock import VirtualClock
from operations.teardown.schedule import Outcome, Result, Step, StepError, run


class Crash(BaseException):
    """The end of the process, at some call."""


def waiting(*seconds: float) -> Generator[float, None, float]:
    yield from seconds
    return sum(seconds)


def step(name: str, *seconds: float, after: tuple[str, ...] = ()) -> Step:
    return Step(name, lambda: waiting(*seconds), frozenset(after))


def failing(name: str, error: BaseException, after: tuple[str, ...] = ()) -> Step:
    def work() -> Generator[float, None, None]:
        yield 1
        raise error

    return Step(name, work, frozenset(after))


def test_a_step_says_what_it_found_out() -> None:
    assert run([step("one", 1, 2)], VirtualClock()) == {"one": Result(Outcome.DONE, 3)}


def test_nothing_to_do_is_done() -> None:
    assert run([], VirtualClock()) == {}


def test_a_step_that_waits_for_nothing_is_done_at_once() -> None:
    clock = VirtualClock()
    assert run([step("one")], clock)["one"].outcome is Outcome.DONE
    assert clock.now() == 0


def test_what_can_wait_at_the_same_time_does() -> None:
    clock = VirtualClock()
    run([step(f"step {index}", 10, 20, 30) for index in range(100)], clock)
    assert clock.now() == 60


def test_what_waits_for_another_begins_at_its_end() -> None:
    clock = VirtualClock()
    run([step("second", 5, after=("first",)), step("first", 7)], clock)
    assert clock.now() == 12


def test_it_takes_as_long_as_the_longest_chain() -> None:
    clock = VirtualClock()
    run([step("a", 10), step("b", 100), step("c", 50, after=("a",)), step("d", 5, after=("b", "c"))], clock)
    assert clock.now() == 105


def test_a_step_that_is_not_there_is_not_waited_for() -> None:
    assert run([step("one", after=("nobody",))], VirtualClock())["one"].outcome is Outcome.DONE


def test_a_step_that_fails_says_why() -> None:
    results = run([failing("one", StepError("it is in use"))], VirtualClock())
    assert results == {"one": Result(Outcome.FAILED, "it is in use")}


def test_what_waits_for_a_failed_step_is_not_started() -> None:
    steps = [failing("first", StepError("no")), step("second", after=("first",)), step("third", after=("second",))]
    results = run(steps, VirtualClock())
    assert results["second"] == Result(Outcome.NOT_STARTED, "waits for first, which is failed")
    assert results["third"] == Result(Outcome.NOT_STARTED, "waits for second, which is not started")


def test_what_waits_for_two_failed_steps_is_told_once() -> None:
    told: list[str] = []
    steps = [failing("a", StepError("no")), failing("b", StepError("no")), step("c", after=("a", "b"))]
    run(steps, VirtualClock(), told=lambda name, result: told.append(name) if result else None)
    assert sorted(told) == ["a", "b", "c"]


def test_others_go_on_when_a_step_fails() -> None:
    results = run([failing("one", StepError("no")), step("other", 60, 60)], VirtualClock())
    assert results["other"].outcome is Outcome.DONE


@pytest.mark.parametrize("error", [ValueError("a mistake"), Crash(), KeyboardInterrupt()])
def test_anything_else_ends_the_run(error: BaseException) -> None:
    with pytest.raises(type(error)):
        run([failing("one", error), step("other", 60)], VirtualClock())


def test_steps_that_wait_for_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="steps wait for each other: a, b"):
        run([step("a", after=("b",)), step("b", after=("a",)), step("c")], VirtualClock())


def test_the_start_and_the_end_of_a_step_are_told() -> None:
    told: list[tuple[str, Result | None]] = []
    run([step("one", 1)], VirtualClock(), told=lambda name, result: told.append((name, result)))
    assert told == [("one", None), ("one", Result(Outcome.DONE, 1))]


def test_thousands_of_steps_are_no_burden() -> None:
    clock = VirtualClock()
    run([step(f"step {index}", *[15] * 10) for index in range(2000)], clock)
    assert clock.now() == 150
