"""What people read of a teardown."""

from collections.abc import Mapping
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from operations.teardown import show
from operations.teardown.inventory import Thing
from operations.teardown.plan import Action, Kept, Plan
from operations.teardown.policy import Policy
from operations.teardown.schedule import Outcome, Result
from operations.teardown.scope import Scope, Stack
from operations.teardown.stages import Stage
from operations.teardown.verify import Left, Why

Json = dict[str, Any]

Steps = Mapping[str, tuple[list[str], list[str]]]
"""Name of a step to what it is done to, and what is before it."""


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def nothing(*_: Any) -> Any:
    yield from ()


def plan(
    steps: Steps,
    *,
    things: list[Thing] | None = None,
    kept: tuple[Kept, ...] = (),
    blockers: tuple[str, ...] = (),
    stacks: tuple[Stack, ...] = (),
) -> Plan:
    actions = tuple(
        Action(Stage(name, frozenset(after), nothing, nothing), tuple(to), frozenset(after))
        for name, (to, after) in steps.items()
    )
    by_kind: dict[str, list[Thing]] = {}
    for thing in things or ():
        by_kind.setdefault(thing.kind, []).append(thing)
    scope = Scope("dev", "222222222222", "eu-west-1", "aws", stacks)
    return Plan(scope, Policy({}), by_kind, actions, frozenset(), kept, blockers)


THREE: Steps = {
    "apps.delete": (["d-1/a", "d-1/b"], []),
    "stack.studio": (["studio"], ["apps.delete"]),
    "network.sweep": (["vpc-1"], []),
}
MANY: Steps = {"apps.delete": ([f"app-{number}" for number in range(200)], [])}


def text(shown: RenderableType) -> str:
    console = Console(file=StringIO(), width=120)
    console.print(shown)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_what_can_be_done_at_the_same_time_has_one_turn() -> None:
    assert {each.stage.name: turn for each, turn in show.turns(plan(THREE))} == {
        "apps.delete": 1,
        "network.sweep": 1,
        "stack.studio": 2,
    }


def test_the_tree_names_what_is_done() -> None:
    assert "apps.delete (2)\n" in text(show.plan_tree(plan(THREE)))
    assert "d-1/a" in text(show.plan_tree(plan(THREE)))


def test_the_tree_says_the_hash() -> None:
    assert f"plan {plan(THREE).hash}" in text(show.plan_tree(plan(THREE)))


def test_of_many_names_the_tree_has_some_and_their_number() -> None:
    shown = text(show.plan_tree(plan(MANY)))
    assert shown.count("app-") == show.NAMES
    assert "and 190 more" in shown


def test_of_many_names_json_has_all() -> None:
    assert len(show.as_json(plan(MANY))["actions"][0]["to"]) == 200


def test_every_blocker_is_shown() -> None:
    blockers = tuple(f"blocker {number}" for number in range(30))
    assert text(show.plan_tree(plan(THREE, blockers=blockers))).count("blocker ") == 30


def test_what_is_kept_is_shown_with_its_reason() -> None:
    assert "bucket: the stack keeps it" in text(
        show.plan_tree(plan(THREE, kept=(Kept("bucket", "the stack keeps it"),)))
    )


def test_an_empty_plan_says_so() -> None:
    assert "nothing to do" in text(show.plan_tree(plan({})))


def test_names_are_no_markup() -> None:
    assert "[bold]a" in text(show.plan_tree(plan({"apps.delete": (["[bold]a"], [])})))


def test_sizes_are_added_up() -> None:
    things = [
        Thing("notebook instances", (("NotebookInstanceName", name),), "InService", told={"VolumeSizeInGB": size})
        for name, size in (("a", 5), ("b", 50), ("c", 500))
    ]
    shown = text(show.plan_tree(plan({"notebook instances.stop": (["a", "b"], [])}, things=things)))
    assert "notebook instances.stop (2, 55 GiB)" in shown


def endpoints(region: str) -> Scope:
    properties = {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b"]}
    template = {
        "Resources": {
            "One": {"Type": "AWS::EC2::VPCEndpoint", "Properties": properties},
            "Gateway": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Gateway"}},
        }
    }
    stack = Stack("trainyard-dev-network", "arn", "CREATE_COMPLETE", False, (), template)
    return Scope("dev", "222222222222", region, "aws", (stack,))


def test_interface_endpoints_cost_their_price_in_every_zone() -> None:
    assert show.endpoint_usd(endpoints("eu-west-1")) == 0.022


def test_a_price_that_is_not_known_is_not_made_up() -> None:
    assert show.endpoint_usd(endpoints("eu-north-1")) is None


def test_equal_plans_do_not_differ() -> None:
    assert show.differences(show.as_json(plan(THREE)), show.as_json(plan(THREE))) == []


def test_differences_name_what_came_and_what_went() -> None:
    now = {**THREE, "apps.delete": (["d-1/b", "d-1/c"], [])}
    told = show.differences(show.as_json(plan(THREE)), show.as_json(plan(now)))
    assert told == ["- apps.delete: d-1/a", "+ apps.delete: d-1/c"]


def test_what_is_kept_no_more_is_a_difference() -> None:
    before = show.as_json(plan(THREE, kept=(Kept("bucket", "why"),)))
    assert show.differences(before, show.as_json(plan(THREE))) == ["- kept: bucket"]


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (Left("AWS::S3::Bucket", "b", Why.KEPT, "of a stack", billed=True), "kept on purpose: of a stack"),
        (Left("AWS::S3::Bucket", "b", Why.ORPHANED, "of a stack", billed=True), "left behind: of a stack"),
        (Left("sqs", "b", Why.ORPHANED, "by its tags", billed=None), "perhaps"),
    ],
)
def test_what_is_left_says_why(left: Left, said: str) -> None:
    assert said in text(show.left_table([left]))


def test_nothing_left_says_so() -> None:
    assert "nothing is left" in text(show.left_table([]))


class Run:
    """The progress of a plan."""

    def __init__(self, steps: Steps, seconds: Mapping[str, float]) -> None:
        self.clock = Clock()
        self.file = StringIO()
        self.progress = show.Progress(Console(file=self.file, width=200), plan(steps), self.clock, seconds)

    def done(self, name: str, after: float) -> None:
        self.progress.step(name, None)
        self.clock.sleep(after)
        self.progress.step(name, Result(Outcome.DONE))

    @property
    def lines(self) -> list[str]:
        return self.file.getvalue().splitlines()


def test_each_change_is_a_line_with_its_minute() -> None:
    run = Run(THREE, {})
    run.clock.sleep(90)
    run.progress.thing("apps.delete", "d-1/a", "Deleting")
    assert run.lines == ["   1:30  apps.delete: d-1/a: Deleting"]


def test_the_estimate_is_the_longest_chain() -> None:
    run = Run(THREE, {"apps.delete": 600, "stack.studio": 300, "network.sweep": 700})
    assert run.progress.total() == "0 of 3 steps done, about 15 min to go"


def test_the_estimate_shrinks_with_time() -> None:
    run = Run(THREE, {"apps.delete": 600, "stack.studio": 300, "network.sweep": 0.1})
    run.progress.step("apps.delete", None)
    run.clock.sleep(300)
    assert run.progress.total().endswith("about 10 min to go")


def test_a_step_that_is_not_known_makes_it_a_lower_bound() -> None:
    run = Run(THREE, {"apps.delete": 1800})
    assert run.progress.total() == "0 of 3 steps done, at least 30 min to go"


def test_nothing_known_is_said() -> None:
    assert Run({"stack.a": (["a"], [])}, {}).progress.total() == "0 of 1 steps done, unknown time to go"


def test_without_a_journal_typical_times_count() -> None:
    assert Run({"apps.delete": (["a"], [])}, {}).progress.total() == "0 of 1 steps done, about 20 min to go"


def test_a_step_that_failed_says_why() -> None:
    run = Run({"stack.a": (["a"], [])}, {})
    run.progress.step("stack.a", None)
    run.progress.step("stack.a", Result(Outcome.FAILED, "stack a: not deleted"))
    assert run.lines[-1].endswith("stack.a: failed: stack a: not deleted; 0 of 1 steps done")


def test_a_step_that_is_not_shown_and_ends_well_is_not_told() -> None:
    run = Run({"stack.a": (["a"], [])}, {})
    run.done("apps.delete", 15)
    assert (run.lines, run.progress.total()[:11]) == ([], "0 of 1 step")


def test_a_step_that_is_not_shown_and_fails_is_told() -> None:
    run = Run({"stack.a": (["a"], [])}, {})
    run.progress.step("apps.delete", None)
    run.progress.step("apps.delete", Result(Outcome.FAILED, "may not"))
    assert run.lines[-1].endswith("apps.delete: failed: may not; 0 of 1 steps done, unknown time to go")


def test_a_step_tells_how_long_it_took() -> None:
    run = Run(THREE, {})
    run.progress.step("apps.delete", None)
    run.clock.sleep(42)
    assert run.progress.step("apps.delete", Result(Outcome.DONE)) == 42


def test_a_terminal_shows_the_steps_that_run() -> None:
    file = StringIO()
    console = Console(file=file, width=100, force_terminal=True)
    with show.Progress(console, plan(THREE), Clock(), {}) as progress:
        progress.step("apps.delete", None)
        progress.thing("apps.delete", "d-1/a", "gone")
        progress.thing("apps.delete", "d-1/b", "Deleting")
    assert "1 of 2" in file.getvalue()
