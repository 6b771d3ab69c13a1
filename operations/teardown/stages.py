"""Everything that can be done in a teardown, and what comes before what."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from operations.teardown.drain import drain
from operations.teardown.inventory import Inventory, Thing
from operations.teardown.kinds import KINDS, Kind, Verb
from operations.teardown.policy import Policy
from operations.teardown.schedule import Waits
from operations.teardown.scope import Scope, Stack
from operations.teardown.stacks import remove, users

Told = Callable[[str, str], None]
"""Called with the name of a thing and what it is now."""

Things = Mapping[str, list[Thing]]
"""Name of a kind to what there is of it."""


@dataclass(frozen=True)
class Stage:
    """One thing that can be done.

    Args:
        name: what it is called, such as ``apps.delete``.
        after: the names of the stages before it.
        finds: the names of what it is done to, by looking alone; without any it is left out.
        work: does it; may find more than it found before, if somebody made it meanwhile.
    """

    name: str
    after: frozenset[str]
    finds: Callable[[Inventory, Things, Policy], Waits]
    work: Callable[[Inventory, Policy, Told], Waits]


INTAKE = "intake.close"
EXPORT = "lustre.export"
SWEEP = "network.sweep"
WRITERS = frozenset(
    {
        *(f"{kind.name}.{verb.name}" for kind in KINDS for verb in kind.verbs if verb.name != "delete"),
        *("apps.delete", "clusters.delete"),
    }
)
"""The stages after which nothing runs any more that writes to what others keep."""


def of_kinds() -> list[Stage]:
    """The verbs of all kinds, one after the other for each kind, and all of them once nobody can start anything."""
    return [
        _of_verb(kind, verb, frozenset({INTAKE, *verb.after, *(f"{kind.name}.{each.name}" for each in before)}))
        for kind in KINDS
        for before, verb in ((kind.verbs[:index], verb) for index, verb in enumerate(kind.verbs))
    ]


def _of_verb(kind: Kind, verb: Verb, after: frozenset[str]) -> Stage:
    needing = [other for other in KINDS if verb.name == "delete" and kind.name in other.needs]

    def finds(_inventory: Inventory, things: Things, policy: Policy) -> Waits:
        yield from ()
        needed = {each.key for each in needed_of(kind, things, policy)}
        return [each.name for each in things[kind.name] if policy.does(kind, verb, each) and each.key not in needed]

    def work(inventory: Inventory, policy: Policy, told: Told) -> Waits:
        things = {}
        for other in (kind, *needing) if needing else ():
            things[other.name] = yield from inventory.things(other)
        needed = {each.key for each in needed_of(kind, things, policy)}
        yield from drain(
            inventory, kind, verb, lambda thing: policy.does(kind, verb, thing) and thing.key not in needed, told
        )

    return Stage(f"{kind.name}.{verb.name}", after, finds, work)


def needed_of(kind: Kind, things: Things, policy: Policy) -> list[Thing]:
    """The things of a kind that people made and that something needs that is kept."""
    names = {
        each.tells(other.needs[kind.name])
        for other in KINDS
        if kind.name in other.needs
        for each in things.get(other.name, ())
        if policy.keeps(other, each)
    }
    return [each for each in things.get(kind.name, ()) if not each.stack and each.key[-1][1] in names]


def of_stacks(scope: Scope, drained: Iterable[str], needed: Collection[tuple[str, str]]) -> list[Stage]:
    """The deletion of every stack, after those that use its exports, and once nothing in it runs.

    Args:
        scope: the environment.
        drained: the names of the stages by which things end that run or that people made.
        needed: stack and logical id of what kept things need.
    """
    others = frozenset(drained) - {EXPORT, SWEEP}
    before = users(scope)
    stages = []
    for stack in scope.stacks:
        types = {each.type for each in stack.resources}
        after = others | {f"stack.{name}" for name in before[stack.name]}
        # The others need not wait for the export, which takes hours.
        after |= {EXPORT} if "AWS::FSx::FileSystem" in types else set()
        after |= {SWEEP} if "AWS::EC2::VPC" in types else set()
        stages.append(
            _of_stack(stack, after, frozenset(logical_id for name, logical_id in needed if name == stack.name))
        )
    return stages


def _of_stack(stack: Stack, after: frozenset[str], may_stay: frozenset[str]) -> Stage:
    def finds(_inventory: Inventory, _things: Things, _policy: Policy) -> Waits:
        yield from ()
        return [stack.name]

    def work(inventory: Inventory, _policy: Policy, told: Told) -> Waits:
        return remove(inventory.aws, stack, may_stay, told)

    return Stage(f"stack.{stack.name}", after, finds, work)
