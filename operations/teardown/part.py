"""A part of an environment: what of one team, person, notebook or pool must end before a deployment without it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from environments.coherence import share_identifier
from operations.errors import InputError
from operations.teardown.inventory import Inventory, Thing, texts, uses_any
from operations.teardown.kinds import OF_NAME, Kind
from operations.teardown.plan import Kept
from operations.teardown.policy import Policy
from operations.teardown.schedule import Waits
from operations.teardown.scope import Scope, Stack

Logical = tuple[str, str]
"""Stack and logical id."""

Owner = tuple[str, str]
"""What somebody or something is that things belong to, and its name: a person may be called as a team is."""

OWNERS = {
    "person": "OwnershipSettingsSummary.OwnerUserProfileName || (!SpaceName && UserProfileName)",
    "space": "SpaceName",
    "team": "Tags.Team",
    "share": "shareIdentifier",
}
"""Who a thing belongs to, beside the roles that it runs as. Who started work is not here: it goes on without them."""
SHARED = "SpaceSharingSettingsSummary.SharingType == 'Shared'"
"""Whether a space has files of others than its owner: who is first in a team owns the one that all of it works in."""

SPACES = OF_NAME["spaces"]
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
        inventory: the environment.
        scope: the same without its stacks, of which none is deleted.
        policy: what was decided.
        has: whether a thing is of the part; None when it tells nobody that it belongs to.
    """

    def __init__(
        self, inventory: Inventory, scope: Scope, policy: Policy, has: Callable[[Kind, Thing], bool | None]
    ) -> None:
        super().__init__(inventory.aws, scope)
        self._policy, self._has = policy, has

    def things(self, kind: Kind) -> Waits:
        """All things of a kind that are of the part, or that are nobody's and use, or are in, what is of it."""
        found = yield from super().things(kind)
        has = {each.key: bool(kind.within) or self._has(kind, each) for each in found}
        names: dict[str, set[str]] = {}
        for name in kind.uses if None in has.values() else ():
            names[name] = {each.name for each in (yield from self.things(OF_NAME[name]))}
        return [
            # Its stack does not delete it in time, or at all.
            replace(each, kept=each.kept or self._policy.purges(kind.name, each.name))
            for each in found
            if has[each.key] or (has[each.key] is None and uses_any(kind, each.told, names))
        ]


def part_of(inventory: Inventory, part: Part, policy: Policy) -> Waits:
    """The inventory of a part, and what of it the next deployment could not delete.

    Raises:
        InputError: when what is deployed has no such part.
    """
    scope = inventory.scope
    resources, owners = _resources(scope, part)
    if not resources:
        raise InputError(f"{part}: not in what is deployed of {scope.environment}")
    if part.pool:
        # Jobs are listed of queues, and these are all that the rest of it is known by.
        alone = replace(
            scope, stacks=(), gone=tuple(each for each in scope.resources if (each.stack, each.logical_id) in resources)
        )
        return PartInventory(inventory, alone, policy, lambda kind, _thing: kind.name in OF_POOLS), ()

    def is_others(thing: Thing) -> bool:
        return bool(part.user and thing.tells(SHARED)) and not policy.purges(SPACES.name, thing.name)

    def has(kind: Kind, thing: Thing) -> bool | None:
        return not is_others(thing) and _has(resources, owners, kind, thing)

    spaces = [each for each in (yield from inventory.things(SPACES)) if _has(resources, owners, SPACES, each)]
    # Apps name their space, and not always the person that it belongs to.
    owners |= {("space", dict(each.key)["SpaceName"]) for each in spaces if not is_others(each)}
    without_stacks = replace(scope, stacks=(), gone=scope.resources)
    return PartInventory(inventory, without_stacks, policy, has), tuple(_held(spaces, is_others, policy))


def _held(spaces: Iterable[Thing], is_others: Callable[[Thing], bool], policy: Policy) -> Iterator[Kept]:
    """The people whom AWS does not delete because a space of theirs stays.

    Source: AWS docs sagemaker/latest/dg/domain-user-profile-remove.html
    """
    for each in spaces:
        person = f"{dict(each.key)['DomainId']}/{each.tells(SPACES.owner)}"
        why = "the next deployment cannot delete this person:"
        if is_others(each):
            yield Kept(person, f"{why} they own {each.name}, which others use: --purge {each.name} discards it")
        elif policy.keeps(SPACES, each):
            yield Kept(person, f"{why} they own {each.name}, which is kept")


def _has(resources: set[Logical], owners: set[Owner], kind: Kind, thing: Thing) -> bool | None:
    if (thing.stack, thing.logical_id) in resources:
        return True
    own = {
        (sort, name)
        for sort, expression in {**OWNERS, "role": kind.role}.items()
        if expression
        for name in texts(expression, thing.told)
    }
    return bool(own & owners) if own else None


def _resources(scope: Scope, part: Part) -> tuple[set[Logical], set[Owner]]:
    """The resources of a part, and the owners by which the rest of it is known."""
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
        return {(each.stack, each.logical_id) for each in profiles}, {("person", part.user)}
    if part.pool:
        environments = _at(scope.stacks, f"/Pool-{part.pool}/")
        return environments | _only_of(scope.stacks, environments), set()
    resources, owners = _of_team(scope, team)
    return resources, owners | {("team", part.team), ("share", share_identifier(part.team))}


def _of_team(scope: Scope, team: list[Stack]) -> tuple[set[Logical], set[Owner]]:
    resources = [each for stack in team for each in stack.resources]
    roles = {each.physical_id for each in resources if each.type == "AWS::IAM::Role"}
    owners = {("role", arn) for arn in scope.roles if arn.rpartition("/")[2] in roles}
    owners |= {("person", name) for each in resources if each.type == PEOPLE for name in each.physical_id.split("|")}
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
