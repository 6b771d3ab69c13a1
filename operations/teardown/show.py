"""What people read of a teardown: its plan, how it goes on, and what is left."""

import re
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from operations.teardown.inventory import Inventory, Thing
from operations.teardown.kinds import GONE, KINDS
from operations.teardown.plan import Action, Kept, Plan
from operations.teardown.schedule import Clock, Outcome, Result
from operations.teardown.scope import Scope
from operations.teardown.verify import Left, Why
from trainyard.regions import ENDPOINT_HOUR_USD

Json = dict[str, Any]

NAMES = 10
"""Names under one line of a plan; JSON has all of them."""

TYPICAL = (
    # https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1754
    (r"apps\.delete", 20 * 60.0),
    # AWS docs lambda/latest/dg/configuration-vpc.html: interfaces that AWS made go up to twenty minutes later
    (r"network\.sweep", 20 * 60.0),
)
"""Seconds that a step takes of which no journal tells."""

NEEDED = "may stay: something that is kept needs it"
"""Why something is in a plan that CloudFormation deletes if AWS lets it."""

WORDS = {Why.KEPT: "kept on purpose", Why.WAITING: "goes by itself", Why.ORPHANED: "left behind"}


def as_json(plan: Plan) -> Json:
    """A plan for machines."""
    return {
        "environment": plan.scope.environment,
        "account": plan.scope.account,
        "region": plan.scope.region,
        "hash": plan.hash,
        "actions": [
            {
                "name": each.stage.name,
                "turn": turn,
                "to": list(each.to),
                "after": sorted(each.after),
                "gib": gib(plan, each),
            }
            for each, turn in turns(plan)
        ],
        "kept": [{"name": each.name, "why": each.why} for each in kept(plan)],
        "blockers": list(plan.blockers),
        "endpoint_usd_an_hour": endpoint_usd(plan.scope),
    }


def differences(before: Json, now: Json) -> list[str]:
    """What one plan has and the other has not: lines that begin with - and +."""
    told = []
    for sign, some, others in (("-", before, now), ("+", now, before)):
        known = {each["name"]: set(each["to"]) for each in others["actions"]}
        for each in some["actions"]:
            told += [f"{sign} {each['name']}: {name}" for name in each["to"] if name not in known.get(each["name"], ())]
        names = {each["name"] for each in others["kept"]}
        told += [f"{sign} kept: {each['name']}" for each in some["kept"] if each["name"] not in names]
    return told


def turns(plan: Plan) -> list[tuple[Action, int]]:
    """The actions in order, each with its turn: those of one turn are done at the same time."""
    found: dict[str, int] = {}
    waiting = list(plan.actions)
    while waiting:
        ready = [each for each in waiting if each.after <= found.keys()]
        # Before its time no step is done that waits for itself: schedule.run says so.
        for each in ready or waiting:
            found[each.stage.name] = 1 + max((found.get(name, 0) for name in each.after), default=0)
        waiting = [each for each in waiting if each.stage.name not in found]
    return sorted(((each, found[each.stage.name]) for each in plan.actions), key=lambda one: one[1])


def gib(plan: Plan, action: Action) -> int | None:
    """GiB of all that an action is done to; None where nothing of it has a size."""
    sizes = [
        size
        for kind in KINDS
        for thing in plan.things.get(kind.name, ())
        if action.stage.name.startswith(f"{kind.name}.") and thing.name in action.to
        if (size := Inventory.size(kind, thing)) is not None
    ]
    return sum(sizes) if sizes else None


def kept(plan: Plan) -> list[Kept]:
    """What stays of a plan, and after it what may stay."""
    return sorted(plan.kept, key=lambda each: (each.why == NEEDED, each.name))


def endpoint_usd(scope: Scope) -> float | None:
    """What the interface endpoints cost an hour; None where the price is not known."""
    price = ENDPOINT_HOUR_USD.get(scope.region)
    zones = sum(
        len(resource["Properties"].get("SubnetIds", ()))
        for stack in scope.stacks
        for resource in stack.template.get("Resources", {}).values()
        if resource["Type"] == "AWS::EC2::VPCEndpoint" and resource["Properties"].get("VpcEndpointType") == "Interface"
    )
    return None if price is None else round(zones * price, 3)


def plan_tree(plan: Plan, part: str = "") -> Tree:
    """A plan as people read it."""
    scope = plan.scope
    of = f"{part} of {scope.environment}" if part else scope.environment
    tree = Tree(Text(f"teardown of {of} (account {scope.account}, {scope.region}): plan {plan.hash}"))
    branches: dict[int, Tree] = {}
    for action, turn in turns(plan):
        branch = branches.get(turn) or branches.setdefault(turn, tree.add(Text(f"{turn}")))
        size = gib(plan, action)
        heading = f"{action.stage.name} ({len(action.to)}{f', {size} GiB' if size else ''})"
        _add(branch, heading, action.to)
    if not plan.actions:
        tree.add(Text("nothing to do"))
    if plan.kept:
        _add(tree, f"kept ({len(plan.kept)})", [f"{each.name}: {each.why}" for each in kept(plan)])
    if plan.blockers:
        _add(tree, f"it cannot be run as it is ({len(plan.blockers)})", plan.blockers, most=len(plan.blockers))
    if (usd := endpoint_usd(scope)) and not part:
        tree.add(Text(f"the interface endpoints cost {usd} USD an hour; what the rest costs is not known here"))
    return tree


def _add(tree: Tree, heading: str, names: Iterable[str], most: int = NAMES) -> None:
    branch = tree.add(Text(heading))
    all_ = list(names)
    for name in all_[:most]:
        branch.add(Text(name))
    if len(all_) > most:
        branch.add(Text(f"and {len(all_) - most} more: --json names them"))


def left_table(left: Iterable[Left]) -> RenderableType:
    """What ``verify`` found."""
    table = Table(box=None, pad_edge=False)
    for heading in ("what", "kind", "why", "GiB", "costs money"):
        table.add_column(heading, overflow="fold")
    for each in left:
        why = f"{WORDS[each.why]}: {each.because}" + (f" until {each.until:%Y-%m-%d}" if each.until else "")
        billed = {True: "yes", False: "no", None: "perhaps"}[each.billed]
        table.add_row(*map(Text, (each.name, each.kind, why, str(each.gib or "-"), billed)))
    return table if table.row_count else Text("nothing is left")


class Progress:
    """How a run goes on: on a terminal the steps that run, at the end of lines that tell each change.

    Args:
        console: where it is told.
        plan: what is run.
        clock: what it is timed by.
        seconds: how long steps took in earlier runs.
    """

    def __init__(self, console: Console, plan: Plan, clock: Clock, seconds: Mapping[str, float]) -> None:
        self._console, self._plan, self._clock = console, plan, clock
        self._after = {each.stage.name: each.after for each in plan.actions}
        self._expected = {name: _expected(name, seconds) for name in self._after}
        self._began = clock.now()
        self._running: dict[str, float] = {}
        self._ended: dict[str, Result] = {}
        self._states: dict[str, dict[str, str]] = defaultdict(dict)
        self._lock = threading.Lock()
        self._live = Live(get_renderable=self._now, console=console, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def thing(self, step: str, name: str, state: str) -> None:
        """Something is in another state now."""
        with self._lock:
            self._states[step][name] = state
        self._tell(f"{step}: {name}: {state}")

    def step(self, name: str, result: Result | None) -> float:
        """A step began, or ended; how many seconds it took. Of one that is not shown only a failure is told."""
        with self._lock:
            if not result:
                self._running[name] = self._clock.now()
                return 0.0
            took = self._clock.now() - self._running.pop(name, self._clock.now())
            if name in self._after:
                self._ended[name] = result
            elif result.outcome is Outcome.DONE:
                return took
        said = f": {result.value}" if result.outcome is not Outcome.DONE else ""
        self._tell(f"{name}: {result.outcome}{said}; {self.total()}")
        return took

    def total(self) -> str:
        """How far all of it is, and how long the rest will take as far as that is known."""
        with self._lock:
            done = sum(each.outcome is Outcome.DONE for each in self._ended.values())
            seconds, known = self._rest()
        if len(self._ended) == len(self._after):
            return f"{done} of {len(self._after)} steps done"
        about = f"{'about' if known else 'at least'} {round(seconds / 60)} min" if known or seconds else "unknown time"
        return f"{done} of {len(self._after)} steps done, {about} to go"

    def _rest(self) -> tuple[float, bool]:
        """Seconds of the longest chain of steps that are still to do, and whether all of them are known."""
        found: dict[str, float] = {}

        def until(name: str) -> float:
            if name not in found:
                began = self._running.get(name)
                spent = self._clock.now() - began if began is not None else 0.0
                own = 0.0 if name in self._ended else max(0.0, (self._expected[name] or 0.0) - spent)
                found[name] = own + max((until(each) for each in self._after[name]), default=0.0)
            return found[name]

        seconds = max((until(name) for name in self._after), default=0.0)
        return seconds, all(self._expected[name] for name in self._after.keys() - self._ended.keys())

    def _tell(self, line: str) -> None:
        minutes, seconds = divmod(round(self._clock.now() - self._began), 60)
        self._console.print(f"{minutes:4}:{seconds:02}  {line}", markup=False, highlight=False, soft_wrap=True)

    def _now(self) -> RenderableType:
        table = Table(box=None, pad_edge=False)
        for heading in ("step", "ready", "now", "min"):
            table.add_column(heading)
        with self._lock:
            rows = [(name, dict(self._states[name]), began) for name, began in self._running.items()]
        for name, states, began in rows:
            counts = Counter(states.values())
            shown = ", ".join(f"{number} {state}" for state, number in counts.most_common(3))
            minutes = round((self._clock.now() - began) / 60)
            table.add_row(*map(Text, (name, f"{counts[GONE]} of {len(states)}", shown, str(minutes))))
        return Group(table, Text(self.total()))


def _expected(name: str, seconds: Mapping[str, float]) -> float | None:
    typical = next((each for pattern, each in TYPICAL if re.fullmatch(pattern, name)), None)
    return seconds.get(name, typical)


def things_table(rows: Iterable[tuple[Thing, Mapping[str, str]]]) -> RenderableType:
    """What ``status`` found: things with what is known of each."""
    table = Table(box=None, pad_edge=False)
    headings = ("kind", "name", "state", "owner", "since", "last used", "instances", "GiB")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for thing, known in rows:
        table.add_row(
            *map(Text, (thing.kind, thing.name, thing.state, *(known.get(each, "-") for each in headings[3:])))
        )
    return table if table.row_count else Text("nothing runs")
