"""How an account is after its environment was taken away, against how it would be if nobody had done that."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from operations.teardown.journal import Journal
from operations.teardown.options import Options
from operations.teardown.policy import Policy
from tests.operations.teardown.described import Described
from tests.operations.teardown.world import DISCARD, World, in_child, left_in
from tests.support import Json

DATA = {
    ("feature groups", "kept", "local-thing"),
    ("model package groups", "kept", "local-thing"),
    ("model packages", "kept", "local-thing/1"),
}
"""What people make that is kept unless it is named."""


@dataclass(frozen=True)
class Whole:
    """An environment with what people left in it, and how all else is once everything is at rest."""

    world: World
    control: Described

    def taken_away(
        self, policy: Policy = DISCARD, before: Callable[[World], Any] = lambda _world: None, again: int = 0
    ) -> "After":
        """How the account is after something was done to it and the environment taken away; it is as it was then."""
        return After(**in_child(lambda: self._after(policy, before, again)))

    def _after(self, policy: Policy, before: Callable[[World], Any], again: int) -> Json:
        folder = self.world.folder / str(os.getpid())
        before(replace(self.world, folder=folder))
        options = Options(policy, yes=True, discard_unexported=True)
        ran = [self.world.run(options, Journal(folder / "journal.jsonl")) for _ in range(again + 1)]
        there = self.world.at_rest()
        return {
            "codes": [each.code for each in ran],
            "told": [each.told for each in ran],
            "left": [[each["kind"], each["why"], each["name"]] for each in left_in(folder)],
            "billed": sorted({each["kind"] for each in left_in(folder) if each["billed"]}),
            "foreign": [key for key in sorted(self.world.foreign) if there.get(key) != self.control.get(key)],
            "there": [list(key) for key in there],
        }


@dataclass(frozen=True)
class After:
    """How an account is after runs.

    Args:
        codes, told: the exit code of each, and what it printed.
        left: kind, reason and name of what is left.
        billed: the kinds of what of it costs money.
        foreign: what is not the environment's and is otherwise than without a run.
        there: operation and id of all that is told of.
    """

    codes: list[int]
    told: list[str]
    left: list[list[str]]
    billed: list[str]
    foreign: list[list[str]]
    there: list[list[str]] = field(repr=False)

    @property
    def named(self) -> set[tuple[str, ...]]:
        """What is left, but for keys, whose ids say nothing."""
        return {tuple(each) for each in self.left if each[0] != "AWS::KMS::Key"}

    def is_clean(self) -> bool:
        """Whether the last run ended well, only data is left, and nobody else lost or won anything."""
        return (self.codes[-1], self.named, self.foreign) == (0, DATA, [])


def whole_of(made: World) -> Whole:
    """An account with its environment, and how all else will be."""
    told = in_child(lambda: [(*key, each) for key, each in made.at_rest().items()])
    return Whole(made, {(kind, name): each for kind, name, each in told})
