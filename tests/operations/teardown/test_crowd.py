"""What can wait at the same time does: a crowd is taken away nearly as fast as what takes longest of it."""

from collections.abc import Iterator

import pytest

from operations.teardown.plan import Action, Plan
from operations.teardown.policy import Policy
from operations.teardown.scope import Scope, Stack
from operations.teardown.stages import EXPORT, Stage
from tests.operations.teardown.crowd import (
    EXPORTING,
    Crowd,
    Took,
    longest_chain,
    seconds_of,
    seconds_of_stacks,
    taken_away,
)
from tests.operations.teardown.world import world

MOST = 1.3
"""Times the longest chain that a teardown may take."""


@pytest.fixture(scope="module")
def took(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Took]:
    """The tenth part of the crowd of ``tools/teardown_figures.py``."""
    folder = tmp_path_factory.mktemp("crowd")
    with world(folder, EXPORTING, second=False) as made:
        stacks = seconds_of_stacks(made)
        Crowd(people=20, notebooks=3, endpoints=4, jobs=200).come(made.account)
        yield taken_away(made, folder, stacks)


@pytest.mark.slow
def test_a_crowd_is_taken_away(took: Took) -> None:
    assert took.code == 0, took.told


@pytest.mark.slow
def test_it_takes_little_longer_than_the_longest_chain(took: Took) -> None:
    assert took.chain <= took.seconds <= MOST * took.chain


@pytest.mark.slow
def test_the_chain_has_at_least_an_app_and_a_file_system(took: Took) -> None:
    assert took.chain >= 1200 + 300


@pytest.mark.parametrize(
    ("service", "operation", "seconds"),
    [
        *(("sagemaker", "delete_app", 1200), ("sagemaker", "stop_notebook_instance", 90)),
        *(("sagemaker", "delete_endpoint", 120), ("batch", "terminate_jobs", 30)),
        *(("sagemaker", "delete_app_image_config", 0), ("fsx", "create_data_repository_task", 150)),
    ],
)
def test_seconds_are_those_of_the_tables(service: str, operation: str, seconds: float) -> None:
    assert seconds_of(service, operation) == seconds


def test_the_longest_chain_is_as_long_as_what_is_in_it() -> None:
    stack = Stack("one", "arn:one", "CREATE_COMPLETE", False, (), {})
    names = {"apps.delete": (), "spaces.delete": ("apps.delete",), EXPORT: (), "stack.one": ("spaces.delete", EXPORT)}
    actions = tuple(
        Action(Stage(name, frozenset(after), lambda *_: iter(()), lambda *_: iter(())), (), frozenset(after))  # type: ignore[arg-type]
        for name, after in names.items()
    )
    scope = Scope("dev", "111111111111", "eu-west-1", "aws", (stack,))
    plan = Plan(scope, Policy({}), {}, actions, frozenset(), (), ())
    assert longest_chain(plan, {"arn:one": 100.0}) == 1200 + 10 + 100
