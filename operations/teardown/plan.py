"""What a teardown will do, in which order, and what it will leave: made by looking alone."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from operations.teardown.inventory import Inventory
from operations.teardown.kinds import KINDS
from operations.teardown.policy import Policy
from operations.teardown.refusals import telling
from operations.teardown.schedule import Step, Waits
from operations.teardown.scope import Scope
from operations.teardown.stacks import NEVER_WITH, needed_by
from operations.teardown.stages import EXPORT, INTAKE, WRITERS, Stage, Things, of_kinds, of_stacks
from operations.teardown.volumes import BACK_UP


@dataclass(frozen=True)
class Action:
    """One line of a plan.

    Args:
        stage: what is done.
        to: the names of what it is done to.
        after: the names of the actions before it.
    """

    stage: Stage
    to: tuple[str, ...]
    after: frozenset[str]


@dataclass(frozen=True)
class Kept:
    """Something that stays, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Args:
        scope: the environment.
        policy: what was decided.
        things: what there is.
        actions: what is done, in an order in which it could be done.
        needed: stack and logical id of what things need that are kept.
        kept: what stays.
        blockers: why it cannot be run as it is.
        scheduled: the actions, with those that found nothing and look again; empty when there are none of these.
    """

    scope: Scope
    policy: Policy
    things: Things
    actions: tuple[Action, ...]
    needed: frozenset[tuple[str, str]]
    kept: tuple[Kept, ...]
    blockers: tuple[str, ...]
    scheduled: tuple[Action, ...] = ()

    @property
    def hash(self) -> str:
        """The same for the same actions on the same things, whatever states they are in."""
        done = sorted([each.stage.name, sorted(each.to)] for each in self.actions)
        kept = sorted(each.name for each in self.kept)
        return hashlib.sha256(json.dumps([done, kept]).encode()).hexdigest()[:12]

    def steps(self, inventory: Inventory, told: Callable[[str, str, str], None]) -> list[Step]:
        """The actions as a schedule runs them; ``told`` gets the action, the thing and what it is now."""
        return [
            Step(
                action.stage.name,
                partial(action.stage.work, inventory, self.policy, partial(told, action.stage.name)),
                action.after,
            )
            for action in self.scheduled or self.actions
        ]


def make(inventory: Inventory, policy: Policy, others: Sequence[Stage], blockers: Sequence[str] = ()) -> Waits:
    """The plan of a teardown.

    Args:
        inventory: what is there.
        policy: what was decided.
        others: the stages beside the verbs of kinds and the deletion of stacks.
        blockers: what speaks against it already.
    """
    things = yield from inventory.all()
    kept = [each for kind in KINDS for each in things[kind.name] if policy.keeps(kind, each)]
    # What people made stands in no template: it tells itself where it is.
    made = [each.told for each in kept if not each.stack and each.kind in policy.volumes]
    texts = [json.dumps(each, default=str) for each in made]
    used = {
        (each.stack, each.logical_id)
        for each in inventory.scope.resources
        if each.physical_id and _told(each.physical_id, texts) and not each.type.startswith(NEVER_WITH)
    }
    needed = used | needed_by(inventory.scope, {(each.stack, each.logical_id) for each in kept if each.stack} | used)
    needed |= {(each.stack, each.logical_id) for each in inventory.scope.resources if each.needed}
    drains = [*of_kinds(), *others]
    # What is purged once a stack is gone is nothing that a stack waits for.
    before = [stage.name for stage in drains if not any(name.startswith("stack.") for name in stage.after)]
    stages = {stage.name: telling(stage) for stage in (*drains, *of_stacks(inventory.scope, before, needed))}
    found = {}
    for stage in stages.values():
        found[stage.name] = yield from stage.finds(inventory, things, policy)
    present = {name for name in found if found[name]}
    # Until the intake is closed, somebody may start what could not be found.
    again = WRITERS if INTAKE in present else WRITERS & present
    # What ends now wrote until then, whatever an earlier run rescued.
    late = stages.keys() & (again | {BACK_UP, EXPORT}) - present if again else set()
    return Plan(
        inventory.scope,
        policy,
        things,
        _actions(stages, found, present),
        frozenset(needed),
        (),
        tuple(blockers),
        _actions(stages, found, present | late) if late else (),
    )


def _actions(
    stages: Mapping[str, Stage], found: Mapping[str, list[str]], present: Collection[str]
) -> tuple[Action, ...]:
    return tuple(
        Action(stage, tuple(sorted(found[name])), _before(stage, stages, present))
        for name, stage in stages.items()
        if name in present
    )


def _told(physical_id: str, texts: Collection[str]) -> bool:
    """Whether something tells of it; CloudFormation may have several names for one, with bars between them."""
    return any(all(f'"{name}"' in text for name in physical_id.split("|")) for text in texts)


def _before(stage: Stage, stages: Mapping[str, Stage], present: Collection[str]) -> frozenset[str]:
    """What is in the plan before a stage: where one before it is not in it, what is before that one."""
    names: set[str] = set()
    for name in stage.after & stages.keys():
        names |= {name} if name in present else _before(stages[name], stages, present)
    return frozenset(names)
