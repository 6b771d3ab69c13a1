"""A part of an environment: what of one team, person, notebook or pool must end before a deployment without it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jmespath  # type: ignore[import-untyped]

from operations.errors import InputError
from operations.teardown.aws import Aws
from operations.teardown.inventory import Inventory, Thing
from operations.teardown.kinds import KINDS, Kind
from operations.teardown.schedule import Waits
from operations.teardown.scope import Scope, Stack

Logical = tuple[str, str]
"""Stack and logical id."""

PEOPLE = "AWS::SageMaker::UserProfile"
QUEUE = "AWS::Batch::JobQueue"
OF_POOLS = ("job queues", "batch jobs")


@dataclass(frozen=True)
class Part:
    """What somebody named.

    Args:
        team, user, notebook, pool: their names in the environment file; a notebook may be told by its team too.
    """

    team: str = ""
    user: str = ""
    notebook: str = ""
    pool: str = ""

    def __bool__(self) -> bool:
        return bool(self.team or self.user or self.notebook or self.pool)

    def __str__(self) -> str:
        named = {"team": self.team, "user": self.user, "notebook": self.notebook, "pool": self.pool}
        return ", ".join(f"{name} {value}" for name, value in named.items() if value)


class PartInventory(Inventory):
    """Lists the things of a part alone.

    Args:
        aws: the account.
        scope: the environment without its stacks, of which none is deleted.
        has: whether a thing is of the part.
    """

    def __init__(self, aws: Aws, scope: Scope, has: Callable[[Kind, Thing], bool]) -> None:
        super().__init__(aws, scope)
        self._has = has

    def things(self, kind: Kind) -> Waits:
        """All things of a kind that are of the part."""
        found = yield from super().things(kind)
        return [each for each in found if self._has(kind, each)]


def part_of(aws: Aws, scope: Scope, part: Part) -> Waits:
    """The inventory of a part.

    Raises:
        InputError: when what is deployed has no such part.
    """
    resources, owners = _resources(scope, part)
    if not resources:
        raise InputError(f"{part}: not in what is deployed of {scope.environment}")
    if part.pool:
        # Jobs are listed of queues, and these are all that the rest of it is known by.
        alone = tuple(each for each in scope.resources if (each.stack, each.logical_id) in resources)
        return PartInventory(aws, replace(scope, stacks=(), gone=alone), lambda kind, _thing: kind.name in OF_POOLS)
    (spaces,) = (kind for kind in KINDS if kind.name == "spaces")
    found = yield from Inventory(aws, scope).things(spaces)
    # Apps name their space, and not always the person that it belongs to.
    owners |= {dict(each.key)["SpaceName"] for each in found if _has(resources, owners, spaces, each)}
    without_stacks = replace(scope, stacks=(), gone=scope.resources)
    return PartInventory(aws, without_stacks, partial(_has, resources, owners))


def _has(resources: set[Logical], owners: set[str], kind: Kind, thing: Thing) -> bool:
    if (thing.stack, thing.logical_id) in resources:
        return True
    said: Any = jmespath.search(kind.owner, thing.told) if kind.owner else None
    return bool(owners.intersection(said if isinstance(said, list) else [said]))


def _resources(scope: Scope, part: Part) -> tuple[set[Logical], set[str]]:
    """The resources of a part, and the owners by whom the rest of it is known."""
    team = [stack for stack in scope.stacks if stack.name == f"trainyard-{scope.environment}-team-{part.team}"]
    teams = [stack for stack in scope.stacks if f"trainyard-{scope.environment}-team-" in stack.name]
    if part.notebook:
        return _at(team if part.team else teams, f"/Notebooks/{part.notebook}/"), set()
    if part.user:
        profiles = [
            each
            for stack in teams
            for each in stack.resources
            if each.type == PEOPLE and part.user in each.physical_id.split("|")
        ]
        return {(each.stack, each.logical_id) for each in profiles}, {part.user} if profiles else set()
    if part.pool:
        environments = _at(scope.stacks, f"/Pool-{part.pool}/")
        return environments | _only_of(scope.stacks, environments), set()
    resources, owners = _of_team(scope, team)
    # Jobs of Batch name their team, by which they get their share.
    return resources, owners | {part.team}


def _of_team(scope: Scope, team: list[Stack]) -> tuple[set[Logical], set[str]]:
    resources = [each for stack in team for each in stack.resources]
    roles = {each.physical_id for each in resources if each.type == "AWS::IAM::Role"}
    owners = {arn for arn in scope.roles if arn.rpartition("/")[2] in roles}
    owners |= {name for each in resources if each.type == PEOPLE for name in each.physical_id.split("|")}
    return {(each.stack, each.logical_id) for each in resources}, owners


def _at(stacks: Iterable[Stack], path: str) -> set[Logical]:
    """The resources of the construct at a path."""
    return {
        (stack.name, logical_id)
        for stack in stacks
        for logical_id, resource in stack.template.get("Resources", {}).items()
        if path in f"{resource.get('Metadata', {}).get('aws:cdk:path', '')}/"
    }


def _only_of(stacks: Iterable[Stack], environments: set[Logical]) -> set[Logical]:
    """The queues whose compute environments are all among these."""
    return {
        (stack.name, logical_id)
        for stack in stacks
        for logical_id, resource in stack.template.get("Resources", {}).items()
        if resource["Type"] == QUEUE
        and {(stack.name, name) for name in _environments(resource["Properties"])} <= environments
    }


def _environments(queue: dict[str, Any]) -> list[str]:
    """The logical ids of the compute environments of a queue."""
    named = [each["ComputeEnvironment"] for each in queue["ComputeEnvironmentOrder"]]
    return [each["Fn::GetAtt"][0] if "Fn::GetAtt" in each else each.get("Ref", "") for each in named]
