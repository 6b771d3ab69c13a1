"""Whatever fails in a teardown: the next run ends as one without faults. `make faults` tries all of it."""

from collections.abc import Iterator

import pytest

from operations.teardown import aws
from operations.teardown.options import Options
from tests.operations.teardown.account import leftovers
from tests.operations.teardown.faults import (
    AFTER,
    End,
    Fault,
    Selects,
    Swept,
    Usual,
    each_nth,
    every,
    killed,
    sample,
    sweep,
    usual,
)
from tests.operations.teardown.world import BACK_UP, KEEPING, World, with_backups, world

# One process deploys for all of them.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("faults_of_teardown")]

OPTIONS = Options(BACK_UP, yes=True, discard_unexported=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("faults"), KEEPING) as made:
        leftovers(made.account)
        with_backups(made.account)
        yield made


@pytest.fixture(scope="module")
def expected(made: World) -> Usual:
    return usual(made, OPTIONS)


@pytest.fixture(scope="module")
def swept(made: World, expected: Usual) -> Swept:
    return sweep(made, OPTIONS, expected, sample)


def test_all_ends_are_as_without_a_fault(swept: Swept) -> None:
    assert [each.line for each in swept.tried if each.wrong] == []


def test_every_kind_of_fault_is_tried(swept: Swept) -> None:
    assert {each.fault for each in swept.tried} == set(Fault)


def test_calls_that_change_something_are_among_them(swept: Swept) -> None:
    assert len([each for each in swept.tried if each.call.split(".")[1].startswith(("delete_", "stop_"))]) >= 3


@pytest.mark.parametrize(("number", "after"), [(200, False), (500, True)])
def test_a_run_that_was_killed_is_ended_by_the_next(made: World, expected: Usual, number: int, after: bool) -> None:
    assert killed(made, OPTIONS, expected, number, after=after) == []


def test_a_run_that_does_not_go_on_is_noticed(made: World, expected: Usual, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "passes", lambda _error: False)
    at_one: Selects = lambda which, changing: [Fault.THROTTLE] if (which, changing) == (600, False) else []  # noqa: E731
    (tried,) = sweep(made, OPTIONS, expected, at_one).tried
    assert tried.wrong[0].startswith("the run did not go on")


def test_another_end_is_noticed() -> None:
    one, other = (
        End(frozenset({("keys", name, "kept")}), {("keys", name): name, ("keys", "c"): name}) for name in "ab"
    )
    assert [each.partition(":")[0] for each in one.differs(other, [("keys", "c")])] == [
        *("left", "not left", "there", "gone", "changed")
    ]


def test_all_faults_are_tried_at_a_call_that_changes_something() -> None:
    assert every(0, True) == list(Fault)


def test_faults_after_a_call_that_only_looks_are_faults_before_the_next() -> None:
    assert every(0, False) == [each for each in Fault if each not in AFTER]


def test_the_kinds_take_turns() -> None:
    assert [each_nth(2)(which, True) for which in range(4)] == [[Fault.THROTTLE], [], [Fault.SERVER], []]
