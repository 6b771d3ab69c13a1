"""A small environment that a test makes by hand, in the local AWS."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local_aws import LocalAws
from operations.teardown.aws import Aws
from operations.teardown.inventory import Inventory
from operations.teardown.journal import Journal
from operations.teardown.kinds import KINDS
from operations.teardown.policy import Policy
from operations.teardown.schedule import Outcome, Result, Step, Waits, run
from operations.teardown.scope import Resource, Scope, Stack
from operations.teardown.stages import Stage
from operations.teardown.volumes import NOTEBOOKS, SPACES

ACCOUNT, REGION = "111111111111", "eu-west-1"
NOTHING_DECIDED = Policy({})


class Made:
    """An account, and what in it is the environment's."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.local = aws
        self.journal = Journal(folder / "journal.jsonl")
        self.aws = Aws(aws.client, REGION, aws.clock, self.journal)
        self.told: list[tuple[str, str]] = []
        self._resources: list[tuple[str, Resource, dict[str, Any]]] = []

    def client(self, service: str) -> Any:
        return self.local.client(service)

    def add(self, type_: str, physical_id: str, *, stack: str = "one", kept: bool = False, **properties: Any) -> str:
        """Says that something is in a stack of the environment; gives its logical id."""
        logical_id = f"R{len(self._resources)}"
        resource = Resource(f"trainyard-dev-{stack}", logical_id, type_, physical_id, kept, "CREATE_COMPLETE")
        self._resources.append((stack, resource, properties))
        return logical_id

    def forget(self, physical_id: str) -> None:
        """Takes back that something is in a stack."""
        self._resources = [each for each in self._resources if each[1].physical_id != physical_id]

    @property
    def scope(self) -> Scope:
        stacks = []
        for stack in dict.fromkeys(stack for stack, _, _ in self._resources):
            own = [(resource, properties) for each, resource, properties in self._resources if each == stack]
            template = {"Resources": {each.logical_id: {"Type": each.type, "Properties": p} for each, p in own}}
            name = f"trainyard-dev-{stack}"
            resources = tuple(each for each, _ in own)
            stacks.append(Stack(name, f"arn:{name}", "CREATE_COMPLETE", False, resources, template))
        return Scope("dev", ACCOUNT, REGION, "aws", tuple(stacks))

    @property
    def inventory(self) -> Inventory:
        return Inventory(self.aws, self.scope)

    def finish(self, work: Waits) -> Any:
        """What a work returns, which must not fail."""
        result = self.result(work)
        assert result.outcome is Outcome.DONE, result
        return result.value

    def failure(self, work: Waits) -> str:
        """Why a work fails, which it must."""
        result = self.result(work)
        assert result.outcome is Outcome.FAILED, result
        return str(result.value)

    def result(self, work: Waits) -> Result:
        return run([Step("work", lambda: work)], self.local.clock)["work"]

    def finds(self, stage: Stage, policy: Policy = NOTHING_DECIDED) -> list[str]:
        before = len(self.journal.entries())
        found: list[str] = self.finish(stage.finds(self.inventory, self.things(), policy))
        assert len(self.journal.entries()) == before, "a look changed something"
        return found

    def work(self, stage: Stage, policy: Policy = NOTHING_DECIDED) -> Waits:
        return stage.work(self.inventory, policy, lambda name, now: self.told.append((name, now)))

    def do(self, stage: Stage, policy: Policy = NOTHING_DECIDED) -> None:
        self.finish(self.work(stage, policy))

    def things(self) -> dict[str, Any]:
        """Of the kinds whose volumes people write to."""
        wanted = [kind for kind in KINDS if kind.name in (NOTEBOOKS, SPACES)]
        return {kind.name: self.finish(self.inventory.things(kind)) for kind in wanted}

    def calls(self) -> list[str]:
        """What was called that changes something."""
        return [each["call"] for each in self.journal.entries() if "arguments" in each]


@contextmanager
def made(folder: Path) -> Iterator[Made]:
    with LocalAws(account=ACCOUNT, region=REGION) as aws:
        yield Made(aws, folder)
