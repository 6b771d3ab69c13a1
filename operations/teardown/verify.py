"""What is left of an environment: kept on purpose, waiting for its day, or left behind."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import jmespath  # type: ignore[import-untyped]

from operations.teardown.inventory import Inventory, Thing
from operations.teardown.kinds import KINDS, Kind
from operations.teardown.network import (
    HOMES_OF,
    domains_of_kept,
    groups_of_homes,
    interfaces_of_kept,
    targets_of_homes,
)
from operations.teardown.places import PLACES, RECORDS, Place, look_at, place_of
from operations.teardown.policy import Policy
from operations.teardown.schedule import Waits

BY_TYPE = {place.type: place for place in PLACES}

LOOKED_AT = frozenset({*BY_TYPE, *(type_ for kind in KINDS for type_ in kind.types)})
"""Types whose resources are found if they are there; of others only their tags tell."""

VALUES = 20
"""Values of one filter of GetResources."""


class Why(StrEnum):
    """Why something is still there."""

    KEPT = "kept"
    """Somebody asked for it."""
    WAITING = "waiting"
    """It goes by itself on its day."""
    ORPHANED = "orphaned"
    """Nobody asked for it."""


@dataclass(frozen=True)
class Left:
    """Something that is still there.

    Args:
        kind: what it is.
        name: what its service calls it.
        why: why it is there.
        because: what says so, in a few words.
        billed: whether it costs money; None where that is not known.
        gib: its size in GiB.
        until: when it goes by itself.
    """

    kind: str
    name: str
    why: Why
    because: str
    billed: bool | None
    gib: int | None = None
    until: datetime | None = None


def is_clean(left: Iterable[Left]) -> bool:
    """Whether nothing costs money that nobody asked to keep."""
    return not any(each.why is Why.ORPHANED and each.billed for each in left)


def verify(inventory: Inventory, policy: Policy, project: str, needed: Iterable[str] = ()) -> Waits:
    """All that is left.

    Args:
        inventory: of the environment, with all that earlier runs recorded in its scope.
        policy: what was decided.
        project: the value of its tag Project.
        needed: what may stay because something needs it that is kept, by the names that CloudFormation has for it.
    """
    scope = inventory.scope
    found = [
        Left("stack", stack.name, Why.ORPHANED, f"it is {stack.status}", bool(stack.resources))
        for stack in scope.stacks
        if stack.status != "REVIEW_IN_PROGRESS" or stack.resources
    ]
    there = yield from inventory.all()
    found += [_of_thing(kind, each, policy) for kind in KINDS for each in there[kind.name]]
    found += yield from _of_stacks(inventory, policy)
    found += yield from _of_domains(inventory, policy)
    found += yield from _of_networks(inventory)
    found += yield from _of_homes(inventory, domains_of_kept(there, policy))
    found += yield from _of_keys(inventory)
    known = {part for each in found for part in (each.name, *each.name.split("/"))}
    needing = frozenset(needed)
    gone = [each for each in scope.gone if each.type in LOOKED_AT or each.kept or each.physical_id in needing]
    for each in (*(each for stack in scope.stacks for each in stack.resources), *gone):
        known |= {each.physical_id, each.physical_id.rpartition("/")[2]}
    found += yield from _tagged(inventory, project, known)
    if any(each.why is Why.KEPT for each in found):
        names = {_parts(name) for name in (*needing, *interfaces_of_kept(there, policy))}
        found = [_of_needed(each, names) for each in found]
    return sorted(found, key=lambda each: (list(Why).index(each.why), each.kind, each.name))


def _of_needed(left: Left, needed: set[frozenset[str]]) -> Left:
    if left.why is not Why.ORPHANED or _parts(left.name) not in needed:
        return left
    return replace(left, why=Why.KEPT, because="something that is kept needs it")


def _parts(name: str) -> frozenset[str]:
    """A name without the order of its parts, which CloudFormation and services see otherwise."""
    return frozenset(re.split(r"[|/]", name))


def _of_thing(kind: Kind, thing: Thing, policy: Policy) -> Left:
    undecided = kind.name not in policy.volumes and not policy.purges(kind.name, thing.name)
    kept = policy.keeps(kind, thing) or (thing.kept and undecided)
    because = "asked for" if kept else f"it is {thing.state}" if thing.state else "found by role, domain or tag"
    return Left(
        kind.name, thing.name, Why.KEPT if kept else Why.ORPHANED, because, kind.billed, Inventory.size(kind, thing)
    )


def _of_stacks(inventory: Inventory, policy: Policy) -> Waits:
    """What is left of the resources of stacks that are gone."""
    there = {stack.name for stack in inventory.scope.stacks}
    found = []
    for each in inventory.scope.resources:
        place = BY_TYPE.get(each.type)
        if place and each.physical_id and each.stack not in there:
            kept = each.kept and not policy.purges(each.type, each.physical_id)
            told = yield from look_at(inventory.aws, place, each.physical_id)
            if told:
                found.append(_left(place, each.physical_id, told, f"of the stack {each.stack}", kept=kept))
    return found


def _left(place: Place, name: str, told: Any, because: str, *, kept: bool = False) -> Left:
    until = jmespath.search(place.goes, told) if place.goes else None
    why = Why.WAITING if until else Why.KEPT if kept else Why.ORPHANED
    size = jmespath.search(place.size, told) if place.size else None
    return Left(place.type, name, why, because, place.billed and not until, size, until)


def _of_domains(inventory: Inventory, policy: Policy) -> Waits:
    """The homes that SageMaker made for a domain."""
    scope = inventory.scope
    domains = {
        f"arn:{scope.partition}:sagemaker:{scope.region}:{scope.account}:domain/{each}"
        for each in scope.ids("AWS::SageMaker::Domain")
    }
    if not domains:
        return []
    homes = yield from inventory.aws.pages("efs", "describe_file_systems", "FileSystems[]")
    return [
        _left(
            BY_TYPE["AWS::EFS::FileSystem"],
            each["FileSystemId"],
            each,
            "homes of the domain, which SageMaker keeps",
            kept=not policy.purges("AWS::EFS::FileSystem", each["FileSystemId"]),
        )
        for each in homes
        if any(tag["Key"] == HOMES_OF and tag["Value"] in domains for tag in each.get("Tags", ()))
    ]


def _of_networks(inventory: Inventory) -> Waits:
    """Interfaces in networks whose stack is gone: they hold the network."""
    scope = inventory.scope
    there = {stack.name for stack in scope.stacks}
    networks = [each.physical_id for each in scope.gone if each.type == "AWS::EC2::VPC" and each.stack not in there]
    if not networks:
        return []
    interfaces = yield from inventory.aws.pages(
        "ec2",
        "describe_network_interfaces",
        "NetworkInterfaces[]",
        Filters=[{"Name": "vpc-id", "Values": sorted(networks)}],
    )
    return [
        Left(
            "AWS::EC2::NetworkInterface",
            each["NetworkInterfaceId"],
            Why.ORPHANED,
            f"in {each['VpcId']}, {each['Status']}: {each.get('Description') or 'without a description'}",
            billed=False,
        )
        for each in interfaces
    ]


def _of_homes(inventory: Inventory, staying: Collection[str]) -> Waits:
    """What else SageMaker made for the homes of domains that do not stay: it holds their network, whosever that is."""
    targets = yield from targets_of_homes(inventory.aws, inventory.scope, staying)
    groups = yield from groups_of_homes(inventory.aws, inventory.scope, staying)
    named = [("AWS::EFS::MountTarget", each["MountTargetId"], each["VpcId"]) for each in targets]
    named += [("AWS::EC2::SecurityGroup", each["GroupId"], each["VpcId"]) for each in groups]
    return [Left(type_, id_, Why.ORPHANED, f"of homes, in {vpc}", billed=False) for type_, id_, vpc in named]


BY_KEY: tuple[tuple[str, str, str, dict[str, Any], str, str, str], ...] = (
    ("ec2", "describe_volumes", "Volumes[]", {}, "AWS::EC2::Volume", "VolumeId", "Size"),
    (
        "ec2",
        "describe_snapshots",
        "Snapshots[]",
        {"OwnerIds": ["self"]},
        "AWS::EC2::Snapshot",
        "SnapshotId",
        "VolumeSize",
    ),
    ("fsx", "describe_backups", "Backups[]", {}, "AWS::FSx::Backup", "BackupId", "FileSystem.StorageCapacity"),
)
"""What is encrypted under a key of the environment and may outlive all else: service, operation, where they stand in
the answer, arguments, type, and the members with id and GiB."""


def _of_keys(inventory: Inventory) -> Waits:
    keys = set(inventory.scope.ids("AWS::KMS::Key"))
    found: list[Left] = []
    if not keys:
        return found
    for service, operation, items, arguments, type_, id_, size in BY_KEY:
        listed = yield from inventory.aws.pages(service, operation, items, **arguments)
        found += [
            Left(type_, each[id_], Why.ORPHANED, "under a key of the environment", True, jmespath.search(size, each))
            for each in listed
            if str(each.get("KmsKeyId", "")).rpartition("/")[2] in keys
        ]
    return found


def _tagged(inventory: Inventory, project: str, known: set[str]) -> Waits:
    """What carries the tags of the environment, or of a stack of it.

    Tags are told of for a while after what carried them is gone: each is looked at, where that can be done.
    """
    scope = inventory.scope
    stacks = sorted({each.stack for each in scope.resources} - {stack.name for stack in scope.stacks})
    filters = [[_filter("Environment", [scope.environment]), _filter("Project", [project])]]
    filters += [[_filter("aws:cloudformation:stack-name", some)] for some in _portions(stacks)]
    there = {stack.name for stack in scope.stacks}
    arns: dict[str, str] = {}
    for some in filters:
        resources = yield from inventory.aws.pages(
            "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList[]", TagFilters=some
        )
        for each in resources:
            tags = {tag["Key"]: tag["Value"] for tag in each.get("Tags", ())}
            if tags.get("aws:cloudformation:stack-name") not in there:
                arns[each["ResourceARN"]] = " and ".join(tag["Key"] for tag in some)
    found = []
    for arn, by in sorted(arns.items()):
        place, id_ = place_of(arn)
        if known & {arn, id_, id_.rpartition("/")[2]} or RECORDS.match(":".join((arn.split(":")[2], id_))):
            continue
        told = (yield from look_at(inventory.aws, place, id_)) if place else None
        if place and told:
            found.append(_left(place, id_, told, f"by its tags {by}"))
        elif not place:
            found.append(Left(arn.split(":")[2], arn, Why.ORPHANED, f"by its tags {by}", billed=None))
    return found


def _filter(key: str, values: list[str]) -> dict[str, Any]:
    return {"Key": key, "Values": values}


def _portions(names: list[str]) -> list[list[str]]:
    return [names[start : start + VALUES] for start in range(0, len(names), VALUES)]
