"""Every row of the table of refusals has a case here: what is refused, in which words, and when it no longer is."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.backends import get_backend
from moto.batch.models import batch_backends

from local_aws import refusals
from local_aws.acting import acting_as
from local_aws.clients import Clients
from local_aws.clock import VirtualClock
from local_aws.front import Front

pytestmark = pytest.mark.slow

ACCOUNT = "123456789012"
REGION = "eu-west-1"
CLIENTS = Clients(REGION, VirtualClock())
Call = Callable[[], Any]


class World:
    """An empty account, and what the cases make in it."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __getattr__(self, service: str) -> Any:
        return CLIENTS.client(service)

    def vpc(self, **settings: bool) -> str:
        vpc: str = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        for name, value in settings.items():
            self.ec2.modify_vpc_attribute(VpcId=vpc, **{name: {"Value": value}})
        return vpc

    def subnet(self, vpc: str) -> str:
        cidr = f"10.0.{next(self._numbers)}.0/24"
        made = self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=f"{REGION}a")
        return str(made["Subnet"]["SubnetId"])

    def group(self, vpc: str) -> str:
        name = f"group-{next(self._numbers)}"
        return str(self.ec2.create_security_group(VpcId=vpc, GroupName=name, Description=name)["GroupId"])

    def interface(self, subnet: str, *groups: str) -> str:
        made = self.ec2.create_network_interface(SubnetId=subnet, Groups=groups)
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def gateway(self, vpc: str) -> str:
        gateway: str = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        return gateway

    def nat_gateway(self, subnet: str) -> tuple[str, str]:
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        made = self.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)
        return made["NatGateway"]["NatGatewayId"], address

    def endpoint(self, vpc: str, subnet: str, *groups: str, private: bool = False) -> dict[str, Any]:
        made: dict[str, Any] = self.ec2.create_vpc_endpoint(
            VpcId=vpc,
            ServiceName=f"com.amazonaws.{REGION}.ecr.api",
            VpcEndpointType="Interface",
            SubnetIds=[subnet],
            SecurityGroupIds=groups,
            PrivateDnsEnabled=private,
        )["VpcEndpoint"]
        return made

    def delete_endpoint(self, endpoint: dict[str, Any]) -> None:
        self.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])

    def instance(self, subnet: str) -> str:
        made = self.ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=subnet)
        return str(made["Instances"][0]["InstanceId"])

    def environment(self, name: str = "environment", kind: str = "FARGATE", state: str = "ENABLED") -> str:
        vpc = self.vpc()
        resources = {
            "type": kind,
            "maxvCpus": 1,
            "subnets": [self.subnet(vpc)],
            "securityGroupIds": [self.group(vpc)],
        }
        if kind == "EC2":
            with suppress(ClientError):
                self.iam.create_instance_profile(InstanceProfileName="hosts")
            hosts = f"arn:aws:iam::{ACCOUNT}:instance-profile/hosts"
            resources |= {"minvCpus": 0, "instanceTypes": ["m5.large"], "instanceRole": hosts}
        made = self.batch.create_compute_environment(
            computeEnvironmentName=name,
            type="MANAGED",
            state=state,
            serviceRole=self.role("batch"),
            computeResources=resources,
        )
        return str(made["computeEnvironmentArn"])

    def queue(self, *environments: str, name: str = "queue", **settings: Any) -> str:
        made = self.batch.create_job_queue(
            **{"jobQueueName": name, "state": "ENABLED", "priority": 1, "computeEnvironmentOrder": order(*environments)}
            | settings
        )
        return str(made["jobQueueArn"])

    def disable_queue(self, queue: str) -> None:
        self.batch.update_job_queue(jobQueue=queue, state="DISABLED")

    def delete_queue(self, queue: str) -> None:
        self.disable_queue(queue)
        self.batch.delete_job_queue(jobQueue=queue)

    def disable_environment(self, environment: str) -> None:
        self.batch.update_compute_environment(computeEnvironment=environment, state="DISABLED")

    def delete_environment(self, environment: str) -> None:
        self.disable_environment(environment)
        self.batch.delete_compute_environment(computeEnvironment=environment)

    def scheduling_policy(self, name: str = "fair") -> str:
        made = self.batch.create_scheduling_policy(name=name, fairsharePolicy={"shareDecaySeconds": 60})
        return str(made["arn"])

    def call(self, operation: str, **parameters: Any) -> Any:
        service, _, name = operation.partition(".")
        client = CLIENTS.client(service)
        return getattr(client, xform_name(name))(**parameters)

    def key(self) -> tuple[str, str]:
        made = self.kms.create_key()["KeyMetadata"]
        return made["KeyId"], made["Arn"]

    def restore_key(self, key: str) -> None:
        self.kms.cancel_key_deletion(KeyId=key)
        self.kms.enable_key(KeyId=key)

    def policy(self, name: str = "policy") -> str:
        return str(self.iam.create_policy(PolicyName=name, PolicyDocument=policy_of(200))["Policy"]["Arn"])

    def role(self, name: str) -> str:
        with suppress(ClientError):
            self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
        return str(self.iam.get_role(RoleName=name)["Role"]["Arn"])


def order(*environments: str) -> list[dict[str, Any]]:
    return [{"order": number, "computeEnvironment": each} for number, each in enumerate(environments)]


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


@dataclass(frozen=True)
class Case:
    """A refusal.

    Args:
        call: what is refused.
        says: the error code and the message.
        remedy: takes away what hinders.
        then: what is allowed then; the call unless it is given.
    """

    call: Call
    says: str
    remedy: Call
    then: Call | None = None


Maker = Callable[[World], Case]
CASES: dict[tuple[str, str], Maker] = {}


def case(rule: str, *operations: str) -> Callable[[Any], Any]:
    """Registers a maker of cases; it gets the operation when there is more than one."""

    def register(maker: Any) -> Any:
        for operation in operations:
            CASES[rule, operation] = maker if len(operations) == 1 else partial(maker, operation=operation)
        return maker

    return register


def nothing() -> None:
    """There is nothing to take away: another call is allowed."""


ROWS = [(row.rule, ".".join(operation)) for row in refusals.table() for operation in row.operations]
NO_CONTAINERS: Any = {"batch": {"use_docker": False}}
rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} ({row[1]})")


@pytest.fixture
def moto_alone() -> Iterator[World]:
    with mock_aws(config=NO_CONTAINERS):
        yield World()


@pytest.fixture
def world() -> Iterator[World]:
    front = Front()
    refusals.install(front, CLIENTS)
    with ExitStack() as open_:
        open_.enter_context(mock_aws(config=NO_CONTAINERS))
        open_.enter_context(front.installed())
        yield World()


@rows
def test_what_aws_refuses_is_refused_and_allowed_without_the_hindrance(row: tuple[str, str], world: World) -> None:
    made = CASES[row](world)

    assert outcome(made.call) == made.says
    made.remedy()
    assert outcome(made.then or made.call) is None


@rows
def test_moto_alone_does_not_refuse_it(row: tuple[str, str], moto_alone: World) -> None:
    made = CASES[row](moto_alone)

    # Not a refusal but a failure of moto: AttributeError.
    with suppress(AttributeError):
        assert outcome(made.call) != made.says


def test_no_case_is_of_a_rule_that_is_gone() -> None:
    assert set(CASES) <= set(ROWS)


def outcome(call: Call) -> str | None:
    try:
        call()
    except ClientError as error:
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
    return None


# EC2: networks


@case("A VPC with a security group of its own is not deleted", "ec2.DeleteVpc")
def vpc_with_group(world: World) -> Case:
    vpc = world.vpc()
    group = world.group(vpc)
    return Case(
        lambda: world.ec2.delete_vpc(VpcId=vpc),
        f"DependencyViolation: The vpc '{vpc}' has dependencies and cannot be deleted.",
        lambda: world.ec2.delete_security_group(GroupId=group),
    )


@case("A VPC with an endpoint is not deleted", "ec2.DeleteVpc")
def vpc_with_endpoint(world: World) -> Case:
    vpc = world.vpc()
    service = f"com.amazonaws.{REGION}.s3"
    endpoint = world.ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, VpcEndpointType="Gateway")["VpcEndpoint"]
    return Case(
        lambda: world.ec2.delete_vpc(VpcId=vpc),
        f"DependencyViolation: The vpc '{vpc}' has dependencies and cannot be deleted.",
        lambda: world.delete_endpoint(endpoint),
    )


@case("A VPC with an internet gateway is not deleted", "ec2.DeleteVpc")
def vpc_with_gateway(world: World) -> Case:
    vpc = world.vpc()
    gateway = world.gateway(vpc)
    return Case(
        lambda: world.ec2.delete_vpc(VpcId=vpc),
        f"DependencyViolation: The vpc '{vpc}' has dependencies and cannot be deleted.",
        lambda: world.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc),
    )


@case("A VPC with an egress-only internet gateway is not deleted", "ec2.DeleteVpc")
def vpc_with_egress_only_gateway(world: World) -> Case:
    vpc = world.vpc()
    made = world.ec2.create_egress_only_internet_gateway(VpcId=vpc)["EgressOnlyInternetGateway"]
    gateway = made["EgressOnlyInternetGatewayId"]
    return Case(
        lambda: world.ec2.delete_vpc(VpcId=vpc),
        f"DependencyViolation: The vpc '{vpc}' has dependencies and cannot be deleted.",
        lambda: world.ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=gateway),
    )


@case("A VPC has one internet gateway", "ec2.AttachInternetGateway")
def second_gateway(world: World) -> Case:
    vpc = world.vpc()
    first = world.gateway(vpc)
    second = world.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    return Case(
        lambda: world.ec2.attach_internet_gateway(InternetGatewayId=second, VpcId=vpc),
        f"InvalidParameterValue: Network {vpc} already has an internet gateway attached",
        lambda: world.ec2.detach_internet_gateway(InternetGatewayId=first, VpcId=vpc),
    )


@case("A subnet has at least 16 addresses", "ec2.CreateSubnet")
def small_subnet(world: World) -> Case:
    vpc = world.vpc()
    return Case(
        lambda: world.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/29"),
        "InvalidSubnet.Range: The CIDR '10.0.0.0/29' is invalid.",
        nothing,
        lambda: world.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/28"),
    )


@case("A subnet with a network interface is not deleted", "ec2.DeleteSubnet")
def subnet_with_nat_gateway(world: World) -> Case:
    subnet = world.subnet(world.vpc())
    gateway, _ = world.nat_gateway(subnet)
    return Case(
        lambda: world.ec2.delete_subnet(SubnetId=subnet),
        f"DependencyViolation: The subnet '{subnet}' has dependencies and cannot be deleted.",
        lambda: world.ec2.delete_nat_gateway(NatGatewayId=gateway),
    )


@case("A subnet with an FSx file system is not deleted", "ec2.DeleteSubnet")
def subnet_with_lustre(world: World) -> Case:
    subnet = world.subnet(world.vpc())
    system = world.fsx.create_file_system(
        FileSystemType="LUSTRE",
        StorageCapacity=1200,
        SubnetIds=[subnet],
        LustreConfiguration={"DeploymentType": "SCRATCH_2"},
    )["FileSystem"]["FileSystemId"]
    return Case(
        lambda: world.ec2.delete_subnet(SubnetId=subnet),
        f"DependencyViolation: The subnet '{subnet}' has dependencies and cannot be deleted.",
        lambda: world.fsx.delete_file_system(FileSystemId=system),
    )


@case("The main route table of a VPC is not deleted", "ec2.DeleteRouteTable")
def main_route_table(world: World) -> Case:
    vpc = world.vpc()
    tables = world.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    main = tables[0]["RouteTableId"]
    other = world.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    return Case(
        lambda: world.ec2.delete_route_table(RouteTableId=main),
        f"DependencyViolation: The routeTable '{main}' has dependencies and cannot be deleted.",
        nothing,
        lambda: world.ec2.delete_route_table(RouteTableId=other),
    )


@case("An internet gateway is not detached while the VPC has mapped public addresses", "ec2.DetachInternetGateway")
def gateway_with_addresses(world: World) -> Case:
    vpc = world.vpc()
    gateway = world.gateway(vpc)
    nat_gateway, _ = world.nat_gateway(world.subnet(vpc))
    return Case(
        lambda: world.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc),
        f"DependencyViolation: Network {vpc} has some mapped public address(es). Please unmap those public address(es) "
        "before detaching the gateway.",
        lambda: world.ec2.delete_nat_gateway(NatGatewayId=nat_gateway),
    )


@case("An address in use is not released", "ec2.ReleaseAddress")
def address_in_use(world: World) -> Case:
    nat_gateway, address = world.nat_gateway(world.subnet(world.vpc()))
    public = world.ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]["PublicIp"]
    return Case(
        lambda: world.ec2.release_address(AllocationId=address),
        f"InvalidIPAddress.InUse: Address {public} is in use.",
        lambda: world.ec2.delete_nat_gateway(NatGatewayId=nat_gateway),
    )


@case("A NAT gateway that does not exist is not deleted", "ec2.DeleteNatGateway")
def missing_nat_gateway(world: World) -> Case:
    return Case(
        lambda: world.ec2.delete_nat_gateway(NatGatewayId="nat-0123456789abcdef0"),
        "NatGatewayNotFound: NatGateway nat-0123456789abcdef0 was not found",
        nothing,
        lambda: world.ec2.delete_nat_gateway(NatGatewayId=world.nat_gateway(world.subnet(world.vpc()))[0]),
    )


@case("An attached network interface is not deleted", "ec2.DeleteNetworkInterface")
def attached_interface(world: World) -> Case:
    subnet = world.subnet(world.vpc())
    interface = world.interface(subnet)
    attachment = world.ec2.attach_network_interface(
        NetworkInterfaceId=interface, InstanceId=world.instance(subnet), DeviceIndex=1
    )["AttachmentId"]
    return Case(
        lambda: world.ec2.delete_network_interface(NetworkInterfaceId=interface),
        f"InvalidParameterValue: Network interface '{interface}' is currently in use.",
        lambda: world.ec2.detach_network_interface(AttachmentId=attachment),
    )


@case("A network interface that a service uses is not deleted", "ec2.DeleteNetworkInterface")
def interface_of_a_service(world: World) -> Case:
    interface = world.interface(world.subnet(world.vpc()))
    # As what a service makes in the local AWS.
    used = get_backend("ec2")[ACCOUNT][REGION].enis[interface]
    used.requester_managed, used.status = True, "in-use"

    def delete() -> None:
        world.ec2.delete_network_interface(NetworkInterfaceId=interface)

    def delete_as_the_service() -> None:
        with acting_as("sagemaker"):
            delete()

    return Case(
        delete,
        f"InvalidParameterValue: Network interface '{interface}' is currently in use.",
        nothing,
        delete_as_the_service,
    )


@case("A network interface of a VPC endpoint is not deleted", "ec2.DeleteNetworkInterface")
def endpoint_interface(world: World) -> Case:
    vpc = world.vpc()
    subnet = world.subnet(vpc)
    interface = world.endpoint(vpc, subnet)["NetworkInterfaceIds"][0]
    return Case(
        lambda: world.ec2.delete_network_interface(NetworkInterfaceId=interface),
        f"InvalidParameterValue: Network interface '{interface}' is currently in use.",
        nothing,
        lambda: world.ec2.delete_network_interface(NetworkInterfaceId=world.interface(subnet)),
    )


@case("A network interface of a NAT gateway is not deleted", "ec2.DeleteNetworkInterface")
def nat_gateway_interface(world: World) -> Case:
    gateway, _ = world.nat_gateway(world.subnet(world.vpc()))
    found = world.ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]
    interface = found["NatGatewayAddresses"][0]["NetworkInterfaceId"]
    return Case(
        lambda: world.ec2.delete_network_interface(NetworkInterfaceId=interface),
        f"InvalidParameterValue: Network interface '{interface}' is currently in use.",
        lambda: world.ec2.delete_nat_gateway(NatGatewayId=gateway),
    )


# EC2: security groups


def deletes_group(world: World, group: str, remedy: Call) -> Case:
    return Case(
        lambda: world.ec2.delete_security_group(GroupId=group),
        f"DependencyViolation: resource {group} has a dependent object",
        remedy,
    )


def from_group(group: str) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": group}]}]


@case("A security group of a network interface is not deleted", "ec2.DeleteSecurityGroup")
def group_of_interface(world: World) -> Case:
    vpc = world.vpc()
    group = world.group(vpc)
    interface = world.interface(world.subnet(vpc), group)
    return deletes_group(world, group, lambda: world.ec2.delete_network_interface(NetworkInterfaceId=interface))


@case("A security group that another one lets in is not deleted", "ec2.DeleteSecurityGroup")
def group_let_in(world: World) -> Case:
    vpc = world.vpc()
    group, other = world.group(vpc), world.group(vpc)
    for each in (group, other):
        world.ec2.authorize_security_group_ingress(GroupId=each, IpPermissions=from_group(group))
    revoke = world.ec2.revoke_security_group_ingress
    return deletes_group(world, group, lambda: revoke(GroupId=other, IpPermissions=from_group(group)))


@case("A security group that another one may reach is not deleted", "ec2.DeleteSecurityGroup")
def group_reached(world: World) -> Case:
    vpc = world.vpc()
    group, other = world.group(vpc), world.group(vpc)
    for each in (group, other):
        world.ec2.authorize_security_group_egress(GroupId=each, IpPermissions=from_group(group))
    revoke = world.ec2.revoke_security_group_egress
    return deletes_group(world, group, lambda: revoke(GroupId=other, IpPermissions=from_group(group)))


@case("A security group of a VPC endpoint is not deleted", "ec2.DeleteSecurityGroup")
def group_of_endpoint(world: World) -> Case:
    vpc = world.vpc()
    group = world.group(vpc)
    endpoint = world.endpoint(vpc, world.subnet(vpc), group)
    return deletes_group(world, group, lambda: world.delete_endpoint(endpoint))


@case("The default security group of a VPC is not deleted", "ec2.DeleteSecurityGroup")
def default_group(world: World) -> Case:
    vpc = world.vpc()
    groups = world.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    default = groups[0]["GroupId"]
    return Case(
        lambda: world.ec2.delete_security_group(GroupId=default),
        f'CannotDelete: the specified group: "{default}" name: "default" cannot be deleted by a user',
        nothing,
        lambda: world.ec2.delete_security_group(GroupId=world.group(vpc)),
    )


UNKNOWN = "sg-0123456789abcdef0"


def sets_groups(world: World, operation: str, subnet: str) -> Callable[[list[str]], Any]:
    if operation == "ec2.CreateNetworkInterface":
        return lambda groups: world.ec2.create_network_interface(SubnetId=subnet, Groups=groups)
    interface = world.interface(subnet)
    return lambda groups: world.ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=groups)


@case(
    "A network interface has no security group that does not exist",
    "ec2.CreateNetworkInterface",
    "ec2.ModifyNetworkInterfaceAttribute",
)
def interface_with_unknown_group(world: World, operation: str) -> Case:
    vpc = world.vpc()
    call = sets_groups(world, operation, world.subnet(vpc))
    return Case(
        lambda: call([UNKNOWN]),
        f"InvalidGroup.NotFound: The security group '{UNKNOWN}' does not exist",
        nothing,
        lambda: call([world.group(vpc)]),
    )


@case("A VPC endpoint has no security group that does not exist", "ec2.CreateVpcEndpoint")
def endpoint_with_unknown_group(world: World) -> Case:
    vpc = world.vpc()
    subnet = world.subnet(vpc)
    return Case(
        lambda: world.endpoint(vpc, subnet, UNKNOWN),
        f"InvalidGroup.NotFound: The security group '{UNKNOWN}' does not exist",
        nothing,
        lambda: world.endpoint(vpc, subnet, world.group(vpc)),
    )


@case("A network interface has security groups of its VPC only", "ec2.CreateNetworkInterface")
def interface_with_foreign_group(world: World) -> Case:
    vpc = world.vpc()
    subnet, foreign = world.subnet(vpc), world.group(world.vpc())
    return Case(
        lambda: world.interface(subnet, foreign),
        f"InvalidParameter: Security group {foreign} and subnet {subnet} belong to different networks.",
        nothing,
        lambda: world.interface(subnet, world.group(vpc)),
    )


TOO_MANY_GROUPS = (
    "SecurityGroupsPerInterfaceLimitExceeded: The maximum number of security groups per interface has been reached."
)


@case(
    "A network interface has five security groups at most",
    "ec2.CreateNetworkInterface",
    "ec2.ModifyNetworkInterfaceAttribute",
)
def interface_with_six_groups(world: World, operation: str) -> Case:
    vpc = world.vpc()
    groups = [world.group(vpc) for _ in range(6)]
    call = sets_groups(world, operation, world.subnet(vpc))
    return Case(lambda: call(groups), TOO_MANY_GROUPS, nothing, lambda: call(groups[:5]))


@case("A VPC endpoint has five security groups at most", "ec2.CreateVpcEndpoint")
def endpoint_with_six_groups(world: World) -> Case:
    vpc = world.vpc()
    subnet, groups = world.subnet(vpc), [world.group(vpc) for _ in range(6)]
    return Case(
        lambda: world.endpoint(vpc, subnet, *groups),
        TOO_MANY_GROUPS,
        nothing,
        lambda: world.endpoint(vpc, subnet, *groups[:5]),
    )


# EC2: endpoints


@case("A VPC endpoint with private DNS needs a VPC with DNS", "ec2.CreateVpcEndpoint")
def private_dns_without_dns(world: World) -> Case:
    vpc = world.vpc()
    subnet = world.subnet(vpc)
    return Case(
        lambda: world.endpoint(vpc, subnet, private=True),
        "InvalidParameter: Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes "
        f"set to true for {vpc}",
        lambda: world.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True}),
    )


@case("Two VPC endpoints of one service have no private DNS in one VPC", "ec2.CreateVpcEndpoint")
def private_dns_twice(world: World) -> Case:
    vpc = world.vpc(EnableDnsHostnames=True)
    subnet = world.subnet(vpc)
    first = world.endpoint(vpc, subnet, private=True)
    return Case(
        lambda: world.endpoint(vpc, subnet, private=True),
        "InvalidParameter: private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
        f"api.ecr.{REGION}.amazonaws.com in the VPC {vpc}",
        lambda: world.delete_endpoint(first),
    )


# Batch


@case("An enabled job queue is not deleted", "batch.DeleteJobQueue")
def enabled_queue(world: World) -> Case:
    queue = world.queue(world.environment())
    return Case(
        lambda: world.batch.delete_job_queue(jobQueue=queue),
        "ClientException: Cannot delete, the job queue must be DISABLED",
        lambda: world.disable_queue(queue),
    )


@case("A job queue that does not exist is not deleted", "batch.DeleteJobQueue")
def missing_queue(world: World) -> Case:
    return Case(
        lambda: world.batch.delete_job_queue(jobQueue="nothing"),
        "ClientException: Job queue nothing does not exist",
        lambda: world.queue(world.environment(), name="nothing", state="DISABLED"),
    )


@case("An enabled compute environment is not deleted", "batch.DeleteComputeEnvironment")
def enabled_environment(world: World) -> Case:
    environment = world.environment()
    return Case(
        lambda: world.batch.delete_compute_environment(computeEnvironment=environment),
        "ClientException: Cannot delete, the compute environment must be DISABLED",
        lambda: world.disable_environment(environment),
    )


@case("A compute environment of a job queue is not deleted", "batch.DeleteComputeEnvironment")
def environment_with_queue(world: World) -> Case:
    environment = world.environment("used")
    queue = world.queue(environment)
    world.disable_environment(environment)
    return Case(
        lambda: world.batch.delete_compute_environment(computeEnvironment="used"),
        "ClientException: Cannot delete, found existing JobQueue relationship",
        lambda: world.delete_queue(queue),
    )


@case("A compute environment that does not exist is not deleted", "batch.DeleteComputeEnvironment")
def missing_environment(world: World) -> Case:
    return Case(
        lambda: world.batch.delete_compute_environment(computeEnvironment="nothing"),
        "ClientException: Compute environment nothing does not exist",
        lambda: world.environment("nothing", state="DISABLED"),
    )


@case("An account has 50 compute environments at most", "batch.CreateComputeEnvironment")
def environment_51(world: World) -> Case:
    environments = [world.environment(f"environment-{number}") for number in range(50)]
    return Case(
        lambda: world.environment("one-more"),
        "ClientException: Maximum number of compute environments (50) reached",
        lambda: world.delete_environment(environments[0]),
    )


@case("An account has 50 job queues at most", "batch.CreateJobQueue")
def queue_51(world: World) -> Case:
    environment = world.environment()
    queues = [world.queue(environment, name=f"queue-{number}") for number in range(50)]
    return Case(
        lambda: world.queue(environment, name="one-more"),
        "ClientException: Maximum number of job queues (50) reached",
        lambda: world.delete_queue(queues[0]),
    )


def sets_queue(world: World, operation: str) -> Callable[..., Any]:
    if operation == "batch.CreateJobQueue":
        return partial(world.queue, name="new")
    queue = world.queue(world.environment("first"))

    def update(*environments: str, **settings: Any) -> Any:
        changed = {"computeEnvironmentOrder": order(*environments)} if environments else {}
        return world.batch.update_job_queue(jobQueue=queue, **changed, **settings)

    return update


@case("A job queue has three compute environments at most", "batch.CreateJobQueue", "batch.UpdateJobQueue")
def queue_with_four_environments(world: World, operation: str) -> Case:
    call = sets_queue(world, operation)
    environments = [world.environment(f"environment-{number}") for number in range(4)]
    return Case(
        lambda: call(*environments),
        "ClientException: computeEnvironmentOrder can have 3 compute environments at most",
        nothing,
        lambda: call(*environments[:3]),
    )


@case("A job queue has VALID compute environments only", "batch.CreateJobQueue", "batch.UpdateJobQueue")
def queue_with_invalid_environment(world: World, operation: str) -> Case:
    call = sets_queue(world, operation)
    environment = world.environment()
    # Environments of moto are always valid.
    moto = batch_backends[ACCOUNT][REGION]
    described = moto.describe_compute_environments
    vars(moto)[described.__name__] = lambda names=None: [{**each, "status": "INVALID"} for each in described(names)]
    return Case(
        lambda: call(environment),
        f"ClientException: {environment} is not VALID",
        lambda: vars(moto).pop(described.__name__),
    )


@case("A job queue has either EC2 or Fargate compute environments", "batch.CreateJobQueue", "batch.UpdateJobQueue")
def queue_with_mixed_environments(world: World, operation: str) -> Case:
    call = sets_queue(world, operation)
    fargate, ec2 = world.environment("fargate"), world.environment("hosts", "EC2")
    return Case(
        lambda: call(fargate, ec2),
        "ClientException: EC2 and Fargate compute environments cannot be mixed in a job queue",
        nothing,
        lambda: call(ec2),
    )


@case("A job queue has no scheduling policy that does not exist", "batch.CreateJobQueue", "batch.UpdateJobQueue")
def queue_with_missing_policy(world: World, operation: str) -> Case:
    call = sets_queue(world, operation)
    environment = world.environment()
    missing = f"arn:aws:batch:{REGION}:{ACCOUNT}:scheduling-policy/nothing"
    return Case(
        lambda: call(environment, schedulingPolicyArn=missing),
        f"ClientException: Scheduling policy {missing} does not exist",
        lambda: world.scheduling_policy("nothing"),
    )


@case("A scheduling policy has a name of its own", "batch.CreateSchedulingPolicy")
def second_policy(world: World) -> Case:
    first = world.scheduling_policy()
    return Case(
        world.scheduling_policy,
        "ClientException: Object already exists",
        lambda: world.batch.delete_scheduling_policy(arn=first),
    )


@case("A scheduling policy of a job queue is not deleted", "batch.DeleteSchedulingPolicy")
def policy_with_queue(world: World) -> Case:
    policy = world.scheduling_policy()
    queue = world.queue(world.environment(), schedulingPolicyArn=policy)
    return Case(
        lambda: world.batch.delete_scheduling_policy(arn=policy),
        "ClientException: Cannot delete, found existing JobQueue relationship",
        lambda: world.delete_queue(queue),
    )


@case("A scheduling policy that does not exist is not deleted", "batch.DeleteSchedulingPolicy")
def missing_policy(world: World) -> Case:
    missing = f"arn:aws:batch:{REGION}:{ACCOUNT}:scheduling-policy/nothing"
    return Case(
        lambda: world.batch.delete_scheduling_policy(arn=missing),
        f"ClientException: Scheduling policy {missing} does not exist",
        lambda: world.scheduling_policy("nothing"),
    )


# KMS


@case("A key is deleted after 7 to 30 days", "kms.ScheduleKeyDeletion")
def short_window(world: World) -> Case:
    key, _ = world.key()
    return Case(
        lambda: world.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=6),
        "ValidationException: PendingWindowInDays must be between 7 and 30",
        nothing,
        lambda: world.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7),
    )


KEY_CALLS: dict[str, dict[str, Any]] = {
    "Encrypt": {"Plaintext": b"text"},
    "GenerateDataKey": {"KeySpec": "AES_256"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
    "CreateGrant": {"GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:root", "Operations": ["Encrypt"]},
    "EnableKey": {},
    "DisableKey": {},
    "EnableKeyRotation": {},
    "DisableKeyRotation": {},
    "UpdateKeyDescription": {"Description": "text"},
    "ScheduleKeyDeletion": {"PendingWindowInDays": 7},
}


def uses_key(world: World, key: str, operation: str) -> Call:
    name = operation.partition(".")[2]
    return partial(world.call, operation, KeyId=key, **KEY_CALLS[name])


@case("A key that is to be deleted is not used or changed", *(f"kms.{name}" for name in KEY_CALLS))
def use_of_deleted_key(world: World, operation: str) -> Case:
    key, arn = world.key()
    world.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    return Case(
        uses_key(world, key, operation),
        f"KMSInvalidStateException: {arn} is pending deletion.",
        lambda: world.restore_key(key),
    )


@case("A key that is to be deleted gets no alias", "kms.CreateAlias", "kms.UpdateAlias")
def alias_of_deleted_key(world: World, operation: str) -> Case:
    key, arn = world.key()
    alias = "alias/new"
    if operation == "kms.UpdateAlias":
        world.kms.create_alias(AliasName=alias, TargetKeyId=world.key()[0])
    world.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    return Case(
        lambda: world.call(operation, AliasName=alias, TargetKeyId=key),
        f"KMSInvalidStateException: {arn} is pending deletion.",
        lambda: world.restore_key(key),
    )


def decrypts(world: World, key: str, operation: str) -> Call:
    blob = world.kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    if operation == "kms.Decrypt":
        return lambda: world.kms.decrypt(CiphertextBlob=blob)
    other, _ = world.key()
    return lambda: world.kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other)


@case("A key that is to be deleted does not decrypt", "kms.Decrypt", "kms.ReEncrypt")
def decryption_by_deleted_key(world: World, operation: str) -> Case:
    key, arn = world.key()
    call = decrypts(world, key, operation)
    world.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    return Case(call, f"KMSInvalidStateException: {arn} is pending deletion.", lambda: world.restore_key(key))


@case("Only the deletion of a key that is to be deleted is cancelled", "kms.CancelKeyDeletion")
def cancelled_deletion(world: World) -> Case:
    key, arn = world.key()
    return Case(
        lambda: world.kms.cancel_key_deletion(KeyId=key),
        f"KMSInvalidStateException: {arn} is not pending deletion.",
        lambda: world.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7),
    )


@case(
    "A disabled key is not used",
    *(
        f"kms.{name}"
        for name in KEY_CALLS
        if name not in ("EnableKey", "DisableKey", "UpdateKeyDescription", "ScheduleKeyDeletion")
    ),
)
def use_of_disabled_key(world: World, operation: str) -> Case:
    key, arn = world.key()
    world.kms.disable_key(KeyId=key)
    return Case(
        uses_key(world, key, operation),
        f"DisabledException: {arn} is disabled.",
        lambda: world.kms.enable_key(KeyId=key),
    )


@case("A disabled key does not decrypt", "kms.Decrypt", "kms.ReEncrypt")
def decryption_by_disabled_key(world: World, operation: str) -> Case:
    key, arn = world.key()
    call = decrypts(world, key, operation)
    world.kms.disable_key(KeyId=key)
    return Case(call, f"DisabledException: {arn} is disabled.", lambda: world.kms.enable_key(KeyId=key))


# IAM


def policy_of(characters: int) -> str:
    """A policy of that many characters that count, and some that do not."""
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": ""}]}
    room = characters - len(json.dumps(policy, separators=(",", ":")))
    policy["Statement"][0]["Resource"] = "arn:aws:s3:::bucket/".ljust(room, "x")  # type: ignore[index]
    return json.dumps(policy, indent=4)


def trust_of(characters: int) -> str:
    policy = json.loads(TRUST)
    policy["Statement"][0]["Sid"] = ""
    room = characters - len(json.dumps(policy, separators=(",", ":")))
    policy["Statement"][0]["Sid"] = "x" * room
    return json.dumps(policy, indent=4)


@case("A policy of a role is not deleted", "iam.DeletePolicy")
def attached_policy(world: World) -> Case:
    world.role("role")
    policy = world.policy()
    world.iam.attach_role_policy(RoleName="role", PolicyArn=policy)
    return Case(
        lambda: world.iam.delete_policy(PolicyArn=policy),
        "DeleteConflict: Cannot delete a policy attached to entities.",
        lambda: world.iam.detach_role_policy(RoleName="role", PolicyArn=policy),
    )


@case("A policy with several versions is not deleted", "iam.DeletePolicy")
def policy_with_versions(world: World) -> Case:
    policy = world.policy()
    version = world.iam.create_policy_version(PolicyArn=policy, PolicyDocument=policy_of(200))["PolicyVersion"]
    return Case(
        lambda: world.iam.delete_policy(PolicyArn=policy),
        "DeleteConflict: This policy has more than one version. Before you delete a policy, you must delete the "
        "policy's versions. The default version is deleted with the policy.",
        lambda: world.iam.delete_policy_version(PolicyArn=policy, VersionId=version["VersionId"]),
    )


@case("A role has ten managed policies at most", "iam.AttachRolePolicy")
def policy_11(world: World) -> Case:
    world.role("role")
    policies = [world.policy(f"policy-{number}") for number in range(11)]
    for policy in policies[:10]:
        world.iam.attach_role_policy(RoleName="role", PolicyArn=policy)
    return Case(
        lambda: world.iam.attach_role_policy(RoleName="role", PolicyArn=policies[10]),
        "LimitExceeded: Cannot exceed quota for PoliciesPerRole: 10",
        lambda: world.iam.detach_role_policy(RoleName="role", PolicyArn=policies[0]),
    )


@case("A managed policy has 6,144 characters at most", "iam.CreatePolicy", "iam.CreatePolicyVersion")
def long_policy(world: World, operation: str) -> Case:
    policy = world.policy()
    known = {"PolicyName": "new"} if operation == "iam.CreatePolicy" else {"PolicyArn": policy}
    return Case(
        lambda: world.call(operation, **known, PolicyDocument=policy_of(6145)),
        "LimitExceeded: Cannot exceed quota for PolicySize: 6144",
        nothing,
        lambda: world.call(operation, **known, PolicyDocument=policy_of(6144)),
    )


@case("An inline policy of a role has 10,240 characters at most", "iam.PutRolePolicy")
def long_inline_policy(world: World) -> Case:
    world.role("role")
    put = partial(world.iam.put_role_policy, RoleName="role", PolicyName="inline")
    return Case(
        lambda: put(PolicyDocument=policy_of(10241)),
        "LimitExceeded: Maximum policy size of 10240 bytes exceeded for role role",
        nothing,
        lambda: put(PolicyDocument=policy_of(10240)),
    )


TRUST_TOO_LONG = "LimitExceeded: Cannot exceed quota for ACLSizePerRole: 2048"


@case("The trust policy of a new role has 2,048 characters at most", "iam.CreateRole")
def long_trust(world: World) -> Case:
    return Case(
        lambda: world.iam.create_role(RoleName="role", AssumeRolePolicyDocument=trust_of(2049)),
        TRUST_TOO_LONG,
        nothing,
        lambda: world.iam.create_role(RoleName="role", AssumeRolePolicyDocument=trust_of(2048)),
    )


@case("A changed trust policy has 2,048 characters at most", "iam.UpdateAssumeRolePolicy")
def long_changed_trust(world: World) -> Case:
    world.role("role")
    return Case(
        lambda: world.iam.update_assume_role_policy(RoleName="role", PolicyDocument=trust_of(2049)),
        TRUST_TOO_LONG,
        nothing,
        lambda: world.iam.update_assume_role_policy(RoleName="role", PolicyDocument=trust_of(2048)),
    )


@case("A role has no permissions boundary that does not exist", "iam.CreateRole", "iam.PutRolePermissionsBoundary")
def missing_boundary(world: World, operation: str) -> Case:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    known = {"RoleName": "new", "AssumeRolePolicyDocument": TRUST}
    if operation == "iam.PutRolePermissionsBoundary":
        world.role("role")
        known = {"RoleName": "role"}
    return Case(
        lambda: world.call(operation, **known, PermissionsBoundary=boundary),
        f"NoSuchEntity: Scope ARN: {boundary} does not exist or is not attachable.",
        lambda: world.policy("boundary"),
    )


# EFS


@case("An access point that does not exist is not deleted", "efs.DeleteAccessPoint")
def missing_access_point(world: World) -> Case:
    system = world.efs.create_file_system(CreationToken="token")["FileSystemId"]
    point = world.efs.create_access_point(ClientToken="token", FileSystemId=system)["AccessPointId"]
    return Case(
        lambda: world.efs.delete_access_point(AccessPointId="fsap-0123456789abcdef0"),
        "AccessPointNotFound: Access Point fsap-0123456789abcdef0 does not exist.",
        nothing,
        lambda: world.efs.delete_access_point(AccessPointId=point),
    )


@case("An access point has a file system", "efs.CreateAccessPoint")
def access_point_of_nothing(world: World) -> Case:
    system = world.efs.create_file_system(CreationToken="token")["FileSystemId"]
    return Case(
        lambda: world.efs.create_access_point(ClientToken="token", FileSystemId="fs-0123456789abcdef0"),
        "FileSystemNotFound: File system 'fs-0123456789abcdef0' does not exist.",
        nothing,
        lambda: world.efs.create_access_point(ClientToken="token", FileSystemId=system),
    )


# Others


@case("Logs are kept for a number of days that AWS knows", "logs.PutRetentionPolicy")
def odd_retention(world: World) -> Case:
    world.logs.create_log_group(logGroupName="logs")
    return Case(
        lambda: world.logs.put_retention_policy(logGroupName="logs", retentionInDays=2),
        "InvalidParameterException: 1 validation error detected: Value '2' at 'retentionInDays' failed to satisfy "
        "constraint: Member must satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, "
        "731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]",
        nothing,
        lambda: world.logs.put_retention_policy(logGroupName="logs", retentionInDays=3),
    )


@case("A rule has five targets at most", "events.PutTargets")
def target_6(world: World) -> Case:
    world.events.put_rule(Name="rule", ScheduleExpression="rate(1 day)")
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"
    targets = [{"Id": str(number), "Arn": topic} for number in range(6)]
    world.events.put_targets(Rule="rule", Targets=targets[:3])
    return Case(
        lambda: world.events.put_targets(Rule="rule", Targets=targets[2:]),
        "LimitExceededException: The requested resource exceeds the maximum number allowed.",
        lambda: world.events.remove_targets(Rule="rule", Ids=["0"]),
    )


@case("An event bus with rules is not deleted", "events.DeleteEventBus")
def bus_with_rule(world: World) -> Case:
    world.events.create_event_bus(Name="bus")
    world.events.put_rule(Name="rule", EventBusName="bus", EventPattern='{"source": ["here"]}')
    return Case(
        lambda: world.events.delete_event_bus(Name="bus"),
        "ValidationException: Event bus bus has rules.",
        lambda: world.events.delete_rule(Name="rule", EventBusName="bus"),
    )


@case("A subscriber by mail has an address", "sns.Subscribe")
def mail_to_nobody(world: World) -> Case:
    topic = world.sns.create_topic(Name="topic")["TopicArn"]
    return Case(
        lambda: world.sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="nobody"),
        "InvalidParameter: Invalid parameter: Email address",
        nothing,
        lambda: world.sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="someone@example.com"),
    )


@case("A standard parameter has 4,096 characters at most", "ssm.PutParameter")
def long_parameter(world: World) -> Case:
    put = partial(world.ssm.put_parameter, Name="/long", Type="String")
    return Case(
        lambda: put(Value="x" * 4097),
        "ValidationException: Standard tier parameters support a maximum parameter value of 4096 characters. To create "
        "a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see "
        "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html",
        nothing,
        lambda: put(Value="x" * 4097, Tier="Advanced"),
    )


@case("A statement of a function's policy has an id of its own", "lambda.AddPermission")
def statement_twice(world: World) -> Case:
    functions = CLIENTS.client("lambda")
    functions.create_function(
        FunctionName="function",
        Role=world.role("role"),
        Handler="index.handler",
        Runtime="python3.12",
        Code={"ZipFile": EMPTY_ARCHIVE},
    )
    permission = {"FunctionName": "function", "StatementId": "statement"}
    add = partial(functions.add_permission, **permission, Action="lambda:InvokeFunction", Principal="sns.amazonaws.com")
    add()
    return Case(
        add,
        "ResourceConflictException: The statement id (statement) provided already exists. Please provide a new "
        "statement id, or remove the existing statement.",
        lambda: functions.remove_permission(**permission),
    )


EMPTY_ARCHIVE = b"PK\x05\x06" + bytes(18)


# What moto refuses by itself, and must go on refusing


def small_network(world: World) -> tuple[str, str]:
    vpc = world.vpc()
    return vpc, world.subnet(vpc)


def delete_vpc_with_subnet(world: World) -> None:
    vpc, _ = small_network(world)
    world.ec2.delete_vpc(VpcId=vpc)


def delete_vpc_with_route_table(world: World) -> None:
    vpc = world.vpc()
    world.ec2.create_route_table(VpcId=vpc)
    world.ec2.delete_vpc(VpcId=vpc)


def overlap(world: World) -> None:
    vpc = world.vpc()
    for cidr in ("10.0.0.0/24", "10.0.0.128/25"):
        world.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)


def delete_used_route_table(world: World) -> None:
    vpc, subnet = small_network(world)
    table = world.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    world.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    world.ec2.delete_route_table(RouteTableId=table)


def delete_attached_gateway(world: World) -> None:
    world.ec2.delete_internet_gateway(InternetGatewayId=world.gateway(world.vpc()))


def group_twice(world: World) -> None:
    vpc = world.vpc()
    for _ in range(2):
        world.ec2.create_security_group(VpcId=vpc, GroupName="name", Description="text")


def allow(world: World, group: str, *ports: int) -> None:
    cidr = [{"CidrIp": "10.0.0.0/16"}]
    rules = [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": cidr} for port in ports]
    world.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)


def rule_twice(world: World) -> None:
    group = world.group(world.vpc())
    allow(world, group, 443)
    allow(world, group, 443)


def egress_rule_twice(world: World) -> None:
    group = world.group(world.vpc())
    for _ in range(2):
        world.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=from_group(group))


def rule_61(world: World) -> None:
    allow(world, world.group(world.vpc()), *range(1000, 1061))


def role_with_policy(world: World) -> None:
    world.role("role")
    world.iam.attach_role_policy(RoleName="role", PolicyArn=world.policy())
    world.iam.delete_role(RoleName="role")


def role_with_inline_policy(world: World) -> None:
    world.role("role")
    world.iam.put_role_policy(RoleName="role", PolicyName="inline", PolicyDocument=policy_of(200))
    world.iam.delete_role(RoleName="role")


def profile_with_role(world: World) -> None:
    world.role("role")
    world.iam.create_instance_profile(InstanceProfileName="profile")
    world.iam.add_role_to_instance_profile(InstanceProfileName="profile", RoleName="role")


def role_with_profile(world: World) -> None:
    profile_with_role(world)
    world.iam.delete_role(RoleName="role")


def delete_profile_with_role(world: World) -> None:
    profile_with_role(world)
    world.iam.delete_instance_profile(InstanceProfileName="profile")


def policy_version_6(world: World) -> None:
    policy = world.policy()
    for _ in range(5):
        world.iam.create_policy_version(PolicyArn=policy, PolicyDocument=policy_of(200))


def delete_default_version(world: World) -> None:
    world.iam.delete_policy_version(PolicyArn=world.policy(), VersionId="v1")


def missing_environment_of_queue(world: World) -> None:
    world.queue(f"arn:aws:batch:{REGION}:{ACCOUNT}:compute-environment/nothing")


def queue_twice(world: World) -> None:
    environment = world.environment()
    for _ in range(2):
        world.queue(environment)


def job_for_missing_queue(world: World) -> None:
    world.batch.submit_job(jobName="job-1", jobQueue="nothing", jobDefinition="nothing")


def alias_twice(world: World) -> None:
    for _ in range(2):
        world.kms.create_alias(AliasName="alias/name", TargetKeyId=world.key()[0])


def alias_of_nothing(world: World) -> None:
    world.kms.create_alias(AliasName="alias/name", TargetKeyId="11111111-1111-1111-1111-111111111111")


def mounted_file_system(world: World) -> None:
    system = world.efs.create_file_system(CreationToken="token")["FileSystemId"]
    world.efs.create_mount_target(FileSystemId=system, SubnetId=small_network(world)[1])
    world.efs.delete_file_system(FileSystemId=system)


def mount_target_with_six_groups(world: World) -> None:
    vpc, subnet = small_network(world)
    system = world.efs.create_file_system(CreationToken="token")["FileSystemId"]
    groups = [world.group(vpc) for _ in range(6)]
    world.efs.create_mount_target(FileSystemId=system, SubnetId=subnet, SecurityGroups=groups)


def bucket_with_object(world: World) -> None:
    world.s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    world.s3.put_object(Bucket="bucket", Key="key", Body=b"text")
    world.s3.delete_bucket(Bucket="bucket")


def bucket_with_deleted_object(world: World) -> None:
    world.s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    world.s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    world.s3.put_object(Bucket="bucket", Key="key", Body=b"text")
    world.s3.delete_object(Bucket="bucket", Key="key")
    world.s3.delete_bucket(Bucket="bucket")


def repository_with_image(world: World) -> None:
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    config = {"mediaType": kind, "size": 1, "digest": f"sha256:{'a' * 64}"}
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []}
    world.ecr.create_repository(repositoryName="images")
    world.ecr.put_image(repositoryName="images", imageManifest=json.dumps(manifest), imageTag="latest")
    world.ecr.delete_repository(repositoryName="images")


def rule_with_target(world: World) -> None:
    world.events.put_rule(Name="rule", ScheduleExpression="rate(1 day)")
    world.events.put_targets(Rule="rule", Targets=[{"Id": "1", "Arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"}])
    world.events.delete_rule(Name="rule")


def parameter_twice(world: World) -> None:
    for _ in range(2):
        world.ssm.put_parameter(Name="/name", Type="String", Value="text")


def log_group_twice(world: World) -> None:
    for _ in range(2):
        world.logs.create_log_group(logGroupName="logs")


def terminate_protected_instance(world: World) -> None:
    instance = world.instance(small_network(world)[1])
    world.ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": True})
    world.ec2.terminate_instances(InstanceIds=[instance])


BY_MOTO: dict[Callable[[World], None], str] = {
    delete_vpc_with_subnet: "DependencyViolation",
    delete_vpc_with_route_table: "DependencyViolation",
    overlap: "InvalidSubnet.Conflict",
    delete_used_route_table: "DependencyViolation",
    delete_attached_gateway: "DependencyViolation",
    group_twice: "InvalidGroup.Duplicate",
    rule_twice: "InvalidPermission.Duplicate",
    egress_rule_twice: "InvalidPermission.Duplicate",
    rule_61: "RulesPerSecurityGroupLimitExceeded",
    role_with_policy: "DeleteConflict",
    role_with_inline_policy: "DeleteConflict",
    role_with_profile: "DeleteConflict",
    delete_profile_with_role: "DeleteConflict",
    policy_version_6: "LimitExceeded",
    delete_default_version: "DeleteConflict",
    missing_environment_of_queue: "ClientException",
    queue_twice: "ClientException",
    job_for_missing_queue: "ClientException",
    alias_twice: "AlreadyExistsException",
    alias_of_nothing: "NotFoundException",
    mounted_file_system: "FileSystemInUse",
    mount_target_with_six_groups: "SecurityGroupLimitExceeded",
    bucket_with_object: "BucketNotEmpty",
    bucket_with_deleted_object: "BucketNotEmpty",
    repository_with_image: "RepositoryNotEmptyException",
    rule_with_target: "ValidationException",
    parameter_twice: "ParameterAlreadyExists",
    log_group_twice: "ResourceAlreadyExistsException",
    terminate_protected_instance: "OperationNotPermitted",
}


@pytest.mark.parametrize("act", BY_MOTO, ids=lambda act: act.__name__)
def test_moto_refuses_it_by_itself(act: Callable[[World], None], moto_alone: World) -> None:
    with pytest.raises(ClientError) as raised:
        act(moto_alone)

    assert raised.value.response["Error"]["Code"] == BY_MOTO[act]


# The table itself

ROW = {
    "rule": "A thing stays",
    "refuses": "ec2.DeleteVpc",
    "when": "request.VpcId",
    "code": "Code",
    "message": "{request.VpcId}",
    "source": "inferred",
}


def table_of(*changes: dict[str, Any]) -> str:
    return json.dumps([{key: value for key, value in (ROW | each).items() if value is not None} for each in changes])


def test_a_table_is_read() -> None:
    (row,) = refusals.read(table_of({}))

    assert (row.rule, row.operations) == ("A thing stays", (("ec2", "DeleteVpc"),))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"source": None}, "lacks source"),
        ({"extra": 1}, "does not know extra"),
        ({"refuses": "ec2.DeleteNothing"}, "botocore knows no ec2.DeleteNothing"),
        ({"when": "request."}, "'request.' is no jmespath"),
        ({"message": "{request.}"}, "'request.' is no jmespath"),
        ({"code": "{request.}"}, "'request.' is no jmespath"),
        ({"ask": {"a": {"call": "ec2.DescribeVpcs", "with": "{"}}}, "'{' is no jmespath"),
        ({"ask": {"a": {"call": "ec2.Describe", "with": "@"}}}, "botocore knows no ec2.Describe"),
    ],
)
def test_a_wrong_row_is_named_with_what_is_wrong(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=rf"^refusals: A thing stays: {re.escape(problem)}"):
        refusals.read(table_of(change))


def test_two_rows_have_two_rules() -> None:
    with pytest.raises(ValueError, match=r"^refusals: A thing stays: is there twice$"):
        refusals.read(table_of({}, {}))


def test_rows_of_one_operation_ask_the_same_question_once(world: World) -> None:
    group = world.group(world.vpc())
    asked: list[Any] = []
    CLIENTS.client("ec2").meta.events.register(
        "provide-client-params.ec2.DescribeSecurityGroups", lambda params, **_: asked.append(params), unique_id="spy"
    )

    world.ec2.delete_security_group(GroupId=group)

    CLIENTS.client("ec2").meta.events.unregister("provide-client-params.ec2.DescribeSecurityGroups", unique_id="spy")
    assert len(asked) == len({json.dumps(each) for each in asked})
    assert {"GroupIds": [group]} in asked
