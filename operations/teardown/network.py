"""Clears a VPC of what no stack made in it, so that it can be deleted.

SageMaker leaves mount targets and two security groups of a home file system, GuardDuty plants an endpoint with a group,
and services leave network interfaces, or let them go late.

Source: AWS docs sagemaker/latest/dg/gs-studio-delete-domain.html; vpc/latest/userguide/delete-vpc.html;
guardduty/latest/ug/runtime-monitoring-agent-resource-clean-up.html
"""

from collections.abc import Collection, Iterable
from typing import Any

from botocore.exceptions import ClientError

from operations.teardown.aws import Aws, code_of
from operations.teardown.inventory import Inventory
from operations.teardown.kinds import KINDS
from operations.teardown.policy import Policy
from operations.teardown.schedule import StepError, Waits
from operations.teardown.scope import Json, Scope
from operations.teardown.stacks import users
from operations.teardown.stages import SWEEP, Stage, Things, Told

POLL = 30.0
"""Seconds between two looks at a VPC."""
MINUTES = 75
"""After how long it is given up: interfaces of a function go after an hour at the latest."""

NFS_GROUPS = ("security-group-for-inbound-nfs-{}", "security-group-for-outbound-nfs-{}")
"""Names of the groups that SageMaker makes for a domain."""
HOMES_OF = "ManagedByAmazonSageMakerResource"
"""The tag by which a file system of homes and its groups have their domain's ARN, also once that is gone.

Source: AWS docs sagemaker/latest/dg/gs-studio-delete-domain.html
"""

LATER = ("DependencyViolation", "InvalidNetworkInterface.InUse", "InvalidParameterValue", "FileSystemInUse")
"""Codes for what will be possible once something else is gone."""
GONE = (
    *("InvalidGroup.NotFound", "InvalidNetworkInterfaceID.NotFound", "InvalidPermission.NotFound"),
    *("InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound"),
    *("MountTargetNotFound", "FileSystemNotFound"),
)


def stage(scope: Scope) -> Stage:
    """The sweep, once all stacks are gone but the one of the VPC and those that it needs itself."""
    with_vpc = {stack.name for stack in scope.stacks if any(each.type == VPC for each in stack.resources)}
    using = users(scope)
    staying: set[str] = set()
    while with_vpc - staying:
        staying |= with_vpc
        with_vpc = {name for name, others in using.items() if others & staying}
    after = frozenset(f"stack.{stack.name}" for stack in scope.stacks if stack.name not in staying)
    return Stage(SWEEP, after, _finds, _work)


VPC, DOMAIN = "AWS::EC2::VPC", "AWS::SageMaker::Domain"


def _finds(inventory: Inventory, things: Things, policy: Policy) -> Waits:
    """All VPCs of stacks that are there, as what hangs on them is only known when all else is gone; homes elsewhere."""
    elsewhere = yield from _elsewhere(inventory, domains_of_kept(things, policy))
    return [*(yield from _of_stacks(inventory)), *(f"homes in {vpc}" for vpc in elsewhere)]


def _of_stacks(inventory: Inventory) -> Waits:
    ids = inventory.scope.ids(VPC)
    if not ids:
        return []
    # Not by their ids: of one that is gone the answer would be an error.
    there = yield from inventory.aws.pages("ec2", "describe_vpcs", "Vpcs[].VpcId", Filters=_filters(**{"vpc-id": ids}))
    return list(there)


def _elsewhere(inventory: Inventory, staying: Collection[str]) -> Waits:
    """VPCs that are somebody else's, with what SageMaker made in them for the environment's domains."""
    aws, scope = inventory.aws, inventory.scope
    groups = yield from groups_of_homes(aws, scope, staying)
    targets = yield from targets_of_homes(aws, scope, staying)
    return sorted({each["VpcId"] for each in (*groups, *targets)} - set(scope.ids(VPC)))


def _work(inventory: Inventory, policy: Policy, told: Told) -> Waits:
    aws, scope = inventory.aws, inventory.scope
    things = yield from inventory.all()
    domains = domains_of_kept(things, policy)
    targets = yield from targets_of_homes(aws, scope, set(scope.ids(DOMAIN)) - domains)
    kept = interfaces_of_kept(things, policy) | {each["NetworkInterfaceId"] for each in targets}
    for vpc in (yield from _of_stacks(inventory)):
        yield from _Sweep(aws, scope, vpc, kept, domains, told).run()
    for vpc in (yield from _elsewhere(inventory, domains)):
        yield from _HomesSweep(aws, scope, vpc, kept, domains, told).run()


def domains_of_kept(things: Things, policy: Policy) -> set[str]:
    """Ids of the domains that something is in that is kept, and that so stay too."""
    return {
        domain
        for kind in KINDS
        for each in things.get(kind.name, ())
        if policy.keeps(kind, each) and (domain := dict(each.key).get("DomainId"))
    }


def interfaces_of_kept(things: Things, policy: Policy) -> set[str]:
    """Ids of the network interfaces of what is kept: a notebook instance has its own while it is stopped."""
    return {
        str(interface)
        for kind in KINDS
        for each in things[kind.name]
        if policy.keeps(kind, each) and (interface := each.told.get("NetworkInterfaceId"))
    }


def home_file_systems(aws: Aws, scope: Scope, but: Collection[str] = ()) -> Waits:
    """Ids of the file systems that SageMaker made for the environment's domains, but some: their tag outlives them."""
    domains = _arns(scope, but)
    there = yield from aws.pages("efs", "describe_file_systems", "FileSystems[]") if domains else _nothing()
    return [
        each["FileSystemId"]
        for each in there
        if any(tag["Key"] == HOMES_OF and tag["Value"] in domains for tag in each["Tags"])
    ]


def targets_of_homes(aws: Aws, scope: Scope, but: Collection[str] = ()) -> Waits:
    """The mount targets of these file systems."""
    found = []
    for each in (yield from home_file_systems(aws, scope, but)):
        found += yield from _mount_targets(aws, each)
    return found


def groups_of_homes(aws: Aws, scope: Scope, but: Collection[str] = ()) -> Waits:
    """The groups that SageMaker made for the environment's domains, but some, by name and tag."""
    domains = _arns(scope, but)
    if not domains:
        return []
    names = [name.format(arn.rpartition("/")[2]) for arn in domains for name in NFS_GROUPS]
    filters = _filters(**{"group-name": names, f"tag:{HOMES_OF}": domains})
    return (yield from aws.pages("ec2", "describe_security_groups", "SecurityGroups[]", Filters=filters))


def _arns(scope: Scope, but: Collection[str]) -> list[str]:
    return [
        f"arn:{scope.partition}:sagemaker:{scope.region}:{scope.account}:domain/{each}"
        for each in scope.ids(DOMAIN)
        if each not in but
    ]


def _nothing() -> Waits:
    yield from ()
    return []


def _mount_targets(aws: Aws, file_system: str) -> Waits:
    try:
        return (yield from aws.pages("efs", "describe_mount_targets", "MountTargets[]", FileSystemId=file_system))
    except ClientError as error:
        if code_of(error) not in GONE:
            raise
        return []


def remove_mount_targets(aws: Aws, file_system: str, vpc: str | None = None) -> Waits:
    """Deletes the mount targets of a file system, whose files stay; gives how many there still were."""
    ours = [each for each in (yield from _mount_targets(aws, file_system)) if vpc in (None, each.get("VpcId"))]
    for each in ours:
        if each["LifeCycleState"] == "available":
            yield from attempt(aws, "efs", "delete_mount_target", MountTargetId=each["MountTargetId"])
    return len(ours)


def attempt(aws: Aws, service: str, operation: str, **arguments: Any) -> Waits:
    """Does what may be impossible now and possible later, or be done already."""
    try:
        yield from aws.call(service, operation, **arguments)
    except ClientError as error:
        if code_of(error) not in (*LATER, *GONE):
            raise


class _Sweep:
    """Of a VPC that is the environment's."""

    def __init__(self, aws: Aws, scope: Scope, vpc: str, kept: set[str], staying: set[str], told: Told) -> None:
        self._aws, self._scope, self._vpc, self._kept, self._told = aws, scope, vpc, kept, told
        self._staying = staying
        domains = [each for each in scope.ids(DOMAIN) if each not in staying]
        self._groups = [name.format(domain) for domain in domains for name in NFS_GROUPS]
        self._groups.append(f"GuardDutyManagedSecurityGroup-{vpc}")
        self._endpoints = frozenset(scope.ids("AWS::EC2::VPCEndpoint"))

    def run(self) -> Waits:
        started = self._aws.clock.now()
        shown: set[str] = set()
        while left := (yield from self._once()):
            for name in left.keys() - shown:
                self._told(name, left[name])
            for name in shown - left.keys():
                self._told(name, "gone")
            shown = set(left)
            if self._aws.clock.now() - started > MINUTES * 60:
                listed = ", ".join(f"{name} ({what})" for name, what in sorted(left.items()))
                raise StepError(
                    f"network {self._vpc}: still held after {MINUTES} minutes by {listed}: "
                    "delete them, or what uses them"
                )
            yield POLL
        for name in shown:
            self._told(name, "gone")

    def _once(self) -> Waits:
        """Deletes what can be deleted now; gives what still has to go, by id, and what it is."""
        left: dict[str, str] = yield from self._mount_targets()
        endpoints = yield from self._all("describe_vpc_endpoints", "VpcEndpoints[]")
        for each in endpoints:
            planted = each["VpcEndpointId"] not in self._endpoints and "guardduty-data" in each["ServiceName"]
            # One that is deleted stays listed for a while.
            if planted and each["State"].lower() != "deleted":
                left[each["VpcEndpointId"]] = f"endpoint of GuardDuty, {each['State']}"
                if each["State"].lower() != "deleting":
                    yield from attempt(self._aws, "ec2", "delete_vpc_endpoints", VpcEndpointIds=[each["VpcEndpointId"]])
        left |= yield from self._interfaces(endpoints)
        groups = yield from self._all("describe_security_groups", "SecurityGroups[]", **{"group-name": self._groups})
        return left | (yield from self._delete(groups))

    def _mount_targets(self) -> Waits:
        left = {}
        for file_system in (yield from home_file_systems(self._aws, self._scope, self._staying)):
            if count := (yield from remove_mount_targets(self._aws, file_system, self._vpc)):
                left[file_system] = f"{count} mount targets"
        return left

    def _interfaces(self, endpoints: Iterable[Json]) -> Waits:
        """Interfaces but those of endpoints in stacks, which go with their stack, and of things that are kept."""
        staying = self._kept | {
            interface
            for each in endpoints
            if each["VpcEndpointId"] in self._endpoints
            for interface in each.get("NetworkInterfaceIds", ())
        }
        left = {}
        for each in (yield from self._all("describe_network_interfaces", "NetworkInterfaces[]")):
            id_ = each["NetworkInterfaceId"]
            if id_ in staying:
                continue
            left[id_] = f"{each.get('Description') or 'an interface'}, {each['Status']}"
            if each["Status"] == "available":
                yield from attempt(self._aws, "ec2", "delete_network_interface", NetworkInterfaceId=id_)
        return left

    def _delete(self, groups: list[Json]) -> Waits:
        # All rules first: the two of a domain name each other.
        for each in groups:
            yield from self._revoke(each["GroupId"], "revoke_security_group_ingress", each.get("IpPermissions"))
            yield from self._revoke(each["GroupId"], "revoke_security_group_egress", each.get("IpPermissionsEgress"))
        for each in groups:
            yield from attempt(self._aws, "ec2", "delete_security_group", GroupId=each["GroupId"])
        return {each["GroupId"]: each["GroupName"] for each in groups}

    def _revoke(self, group: str, operation: str, rules: list[Json] | None) -> Waits:
        if rules:
            yield from attempt(self._aws, "ec2", operation, GroupId=group, IpPermissions=rules)

    def _all(self, operation: str, expression: str, **filters: list[str]) -> Waits:
        return (
            yield from self._aws.pages(
                "ec2", operation, expression, Filters=_filters(**{"vpc-id": [self._vpc], **filters})
            )
        )


class _HomesSweep(_Sweep):
    """Of a VPC that is somebody else's: what SageMaker made in it for the environment's domains, and nothing else."""

    def _once(self) -> Waits:
        left: dict[str, str] = yield from self._mount_targets()
        groups = yield from groups_of_homes(self._aws, self._scope, self._staying)
        return left | (yield from self._delete([each for each in groups if each["VpcId"] == self._vpc]))


def _filters(**values: list[str]) -> list[Json]:
    return [{"Name": name, "Values": each} for name, each in values.items()]
