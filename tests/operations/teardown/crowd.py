"""A teardown of an environment with many people in it, and how long it would take if only AWS took time."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from io import StringIO
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console

from local_aws.services.check import tables
from operations.local.leftovers import job_definition
from operations.teardown import connect, runs
from operations.teardown.journal import Journal
from operations.teardown.kinds import KINDS
from operations.teardown.options import Options
from operations.teardown.plan import Plan
from operations.teardown.stages import EXPORT
from tests.operations.teardown.account import TEAM, Account
from tests.operations.teardown.world import DISCARD, World, in_child

OPTIONS = Options(DISCARD, yes=True, discard_unexported=True)
EXPORTING = {"lustre.0.data_repository_associations.0.export_events": ["NEW", "CHANGED", "DELETED"]}
"""Changes to ``local`` with which what was written to Lustre is exported."""


@dataclass(frozen=True)
class Crowd:
    """How many there are: people with an app that runs, notebook instances, endpoints, and jobs of Batch."""

    people: int
    notebooks: int
    endpoints: int
    jobs: int

    def come(self, account: Account) -> None:
        """Makes all of it, and lets it come into service."""
        sagemaker, place = account.client("sagemaker"), account.ours
        for index in range(self.people):
            person = {"DomainId": place.domain, "UserProfileName": f"person-{index}"}
            sagemaker.create_user_profile(**person)
        account.passes(60)
        for index in range(self.people):
            space = {"DomainId": place.domain, "SpaceName": f"space-{index}"}
            sagemaker.create_space(
                **space,
                OwnershipSettings={"OwnerUserProfileName": f"person-{index}"},
                SpaceSharingSettings={"SharingType": "Private"},
                SpaceSettings={"AppType": "JupyterLab"},
            )
        account.passes(60)
        for index in range(self.people):
            sagemaker.create_app(
                DomainId=place.domain, SpaceName=f"space-{index}", AppType="JupyterLab", AppName="default"
            )
        for index in range(self.notebooks):
            sagemaker.create_notebook_instance(
                NotebookInstanceName=f"notebook-{index}", InstanceType="ml.t3.medium", RoleArn=place.role
            )
        self._serve(account)
        self._submit(account)
        account.passes(600)

    def _serve(self, account: Account) -> None:
        sagemaker = account.client("sagemaker")
        tags = account.ours.listed_tags
        sagemaker.create_model(
            ModelName="model", ExecutionRoleArn=account.ours.role, PrimaryContainer={"Image": "image"}, Tags=tags
        )
        variant = {
            "VariantName": "main",
            "ModelName": "model",
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
        }
        for index in range(self.endpoints):
            name = f"endpoint-{index}"
            sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], Tags=tags)
            sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=tags)

    def _submit(self, account: Account) -> None:
        batch, place = account.client("batch"), account.ours
        definition = job_definition(batch, "job")
        for index in range(self.jobs):
            batch.submit_job(
                jobName=f"job-{index}",
                jobQueue=place.queue,
                jobDefinition=definition,
                shareIdentifier=TEAM,
                tags=place.tags,
            )


@dataclass(frozen=True)
class Took:
    """What a teardown took.

    Args:
        code: its exit code.
        told: what it printed.
        calls: how many calls it made.
        seconds: on the clock of AWS.
        chain: seconds of the longest chain of what waits for one another, if only AWS took time.
        real: seconds on the wall.
    """

    code: int
    told: str
    calls: int
    seconds: float
    chain: float
    real: float


def taken_away(world: World, folder: Path, stacks: Mapping[str, float]) -> Took:
    """Takes the environment away, with threads as the program does.

    Args:
        world: the account.
        folder: for the journal.
        stacks: as ``seconds_of_stacks`` has them.
    """
    aws = world.account.aws
    asked = _Timed(aws.client, aws.clock.now)
    account = connect.Account(world.account.environment, asked, aws.clock, "arn:aws:iam::111111111111:user/me")
    _, plan = runs.planned(account, Journal(folder / "planned.jsonl"), OPTIONS)
    asked.calls, began, real, told = 0, aws.clock.now(), perf_counter(), StringIO()
    code = runs.run(account, Journal(folder / "journal.jsonl"), OPTIONS, Console(file=told, width=240), input)
    return Took(
        code=code,
        told=told.getvalue(),
        calls=asked.calls,
        seconds=aws.clock.now() - began,
        chain=longest_chain(plan, stacks),
        real=perf_counter() - real,
    )


def seconds_of_stacks(world: World) -> dict[str, float]:
    """ARN of a stack to the seconds of AWS that its deletion takes, of one after the other; nothing is deleted then."""
    found: dict[str, float] = in_child(lambda: _stacks_one_by_one(world))
    return found


def _stacks_one_by_one(world: World) -> dict[str, float]:
    asked = _Timed(world.account.aws.client, world.account.aws.clock.now)
    ran = world.run(OPTIONS, Journal(world.folder / str(os.getpid()) / "journal.jsonl"), asked)
    assert ran.code == 0, ran.told
    return asked.stacks


def longest_chain(plan: Plan, stacks: Mapping[str, float]) -> float:
    """Seconds of the longest chain of actions, each with those that AWS takes for one thing of it.

    Args:
        plan: what is done.
        stacks: seconds that AWS took for the deletion of each stack, by its ARN.
    """
    verbs = [(kind, verb) for kind in KINDS for verb in kind.verbs]
    seconds = {f"{kind.name}.{verb.name}": seconds_of(kind.service, verb.operation) for kind, verb in verbs}
    seconds[EXPORT] = seconds_of("fsx", "update_data_repository_association") + seconds_of(
        "fsx", "create_data_repository_task"
    )
    seconds |= {f"stack.{stack.name}": stacks[stack.id] for stack in plan.scope.stacks}
    after = {action.stage.name: action.after for action in plan.actions}
    ends: dict[str, float] = {}
    for name in TopologicalSorter(after).static_order():
        ends[name] = seconds.get(name, 0.0) + max((ends[each] for each in after[name]), default=0.0)
    return max(ends.values(), default=0.0)


SHOWN = 86400
"""Seconds for which services show what is over: from there on it is not waited for."""


def seconds_of(service: str, operation: str) -> float:
    """Seconds that the local AWS takes until a thing is where an operation leads; 0 where it is there at once."""
    # Of many things at once is as of one.
    names = {operation.replace("_", ""), operation.replace("_", "").removesuffix("s")}
    return sum(
        _seconds(part)
        for table in tables()
        if table.service == service
        for kind in table.kinds.values()
        for each in kind.operations
        if each.name.lower() in names
        for part in each.becomes
    )


def _seconds(part: Any) -> float:
    match part:
        case int() | float():
            return float(part) if part < SHOWN else 0.0
        case str() if part.startswith("{"):
            # By what it depends on: all but one are those of another case.
            return float(min((int(each) for each in re.findall(r"`(\d+)`", part) if int(each)), default=0))
    return 0.0


class _Timed:
    """Makes clients that count calls, and take the time of deletions of stacks."""

    def __init__(self, client: Callable[[str], Any], now: Callable[[], float]) -> None:
        self.calls, self.stacks = 0, dict[str, float]()
        self._client, self._now = client, now

    def __call__(self, service: str) -> Any:
        return _Client(self, self._client(service), self._now)


class _Client:
    def __init__(self, timed: _Timed, client: Any, now: Callable[[], float]) -> None:
        self._timed, self._client, self._now = timed, client, now

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self._timed.calls += 1
            began = self._now()
            answer = getattr(self._client, operation)(**arguments)
            if operation == "delete_stack":
                self._timed.stacks[arguments["StackName"]] = self._now() - began
            return answer

        return call
