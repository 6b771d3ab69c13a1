"""What nobody's stack made in a VPC is cleared away, and nothing else is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from operations.teardown import network
from operations.teardown.policy import Policy, Volumes
from operations.teardown.volumes import SPACES
from tests.operations.teardown.made import ACCOUNT, NOTHING_DECIDED, REGION, Made, made

DOMAIN = "d-0123456789ab"


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Made]:
    with made(tmp_path) as account:
        yield account


def vpc(account: Made, *, ours: bool = True) -> tuple[str, str]:
    """A VPC and its subnet."""
    ec2 = account.client("ec2")
    id_ = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=id_, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    if ours:
        account.add("AWS::EC2::VPC", id_, stack="network")
        account.add("AWS::SageMaker::Domain", DOMAIN, stack="studio")
    return id_, subnet


def nfs_groups(account: Made, vpc: str, domain: str = DOMAIN) -> list[str]:
    """The two groups of a domain, which name each other."""
    ec2 = account.client("ec2")
    inbound, outbound = (
        ec2.create_security_group(GroupName=name.format(domain), Description="NFS", VpcId=vpc)["GroupId"]
        for name in network.NFS_GROUPS
    )
    ec2.authorize_security_group_ingress(GroupId=inbound, IpPermissions=nfs_from(outbound))
    ec2.authorize_security_group_egress(GroupId=outbound, IpPermissions=nfs_from(inbound))
    return [inbound, outbound]


def nfs_from(group: str) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049, "UserIdGroupPairs": [{"GroupId": group}]}]


def home(account: Made, subnet: str, domain: str = DOMAIN) -> str:
    """The home file system of a domain, with a mount target."""
    efs = account.client("efs")
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:domain/{domain}"
    id_ = efs.create_file_system(
        CreationToken=f"{domain}-{subnet}", Tags=[{"Key": "ManagedByAmazonSageMakerResource", "Value": arn}]
    )["FileSystemId"]
    account.local.clock.sleep(60)
    efs.create_mount_target(FileSystemId=id_, SubnetId=subnet)
    account.local.clock.sleep(600)
    return str(id_)


def groups(account: Made) -> set[str]:
    return {each["GroupId"] for each in account.client("ec2").describe_security_groups()["SecurityGroups"]}


def interfaces(account: Made) -> list[str]:
    found = account.client("ec2").describe_network_interfaces()["NetworkInterfaces"]
    return [each["NetworkInterfaceId"] for each in found]


def sweep(account: Made, policy: Policy = NOTHING_DECIDED) -> None:
    account.do(network.stage(account.scope), policy)


def test_the_vpc_can_be_deleted_afterwards(account: Made) -> None:
    id_, subnet = vpc(account)
    nfs_groups(account, id_)
    home(account, subnet)
    account.client("ec2").create_network_interface(SubnetId=subnet)
    sweep(account)
    account.client("ec2").delete_subnet(SubnetId=subnet)
    account.client("ec2").delete_vpc(VpcId=id_)


def test_the_groups_of_the_domain_go(account: Made) -> None:
    id_, _ = vpc(account)
    pair = nfs_groups(account, id_)
    sweep(account)
    assert not groups(account) & set(pair)


def test_the_groups_of_another_domain_stay(account: Made) -> None:
    id_, _ = vpc(account)
    others = nfs_groups(account, id_, "d-ffffffffffff")
    sweep(account)
    assert set(others) <= groups(account)


def test_groups_of_the_same_name_in_another_vpc_stay(account: Made) -> None:
    vpc(account)
    foreign, _ = vpc(account, ours=False)
    others = nfs_groups(account, foreign)
    sweep(account)
    assert set(others) <= groups(account)


def test_mount_targets_go_and_the_file_system_stays(account: Made) -> None:
    _, subnet = vpc(account)
    id_ = home(account, subnet)
    sweep(account)
    efs = account.client("efs")
    assert efs.describe_mount_targets(FileSystemId=id_)["MountTargets"] == []
    assert [each["FileSystemId"] for each in efs.describe_file_systems()["FileSystems"]] == [id_]


def test_the_home_of_another_domain_keeps_its_mount_targets(account: Made) -> None:
    vpc(account)
    _, subnet = vpc(account, ours=False)
    id_ = home(account, subnet, "d-ffffffffffff")
    sweep(account)
    assert len(account.client("efs").describe_mount_targets(FileSystemId=id_)["MountTargets"]) == 1


def domain(account: Made, *, ours: bool = True, own_vpc: bool = True) -> str:
    """A domain with homes, and its VPC: one for all of them."""
    subnets = account.client("ec2").describe_subnets(Filters=[{"Name": "cidr-block", "Values": ["10.0.0.0/24"]}])
    id_, subnet = next(((each["VpcId"], each["SubnetId"]) for each in subnets["Subnets"]), None) or vpc(
        account, ours=False
    )
    if own_vpc:
        account.add("AWS::EC2::VPC", id_, stack="network")
    name = f"domain-{ours}"
    role = account.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    made_ = account.client("sagemaker").create_domain(
        DomainName=name, AuthMode="IAM", DefaultUserSettings={"ExecutionRole": role}, SubnetIds=[subnet], VpcId=id_
    )["DomainArn"]
    if ours:
        account.add("AWS::SageMaker::Domain", made_.rpartition("/")[2], stack="studio")
    account.local.clock.sleep(600)
    return id_


def space(account: Made) -> None:
    """Somebody's space in the domain."""
    (id_,) = account.scope.ids("AWS::SageMaker::Domain")
    sagemaker = account.client("sagemaker")
    sagemaker.create_user_profile(DomainId=id_, UserProfileName="ada")
    sagemaker.create_space(
        DomainId=id_,
        SpaceName="own",
        OwnershipSettings={"OwnerUserProfileName": "ada"},
        SpaceSharingSettings={"SharingType": "Private"},
    )
    account.local.clock.sleep(600)


def of_homes(account: Made, vpc: str) -> tuple[int, int]:
    """How many mount targets and groups SageMaker has in a VPC."""
    ec2, efs = account.client("ec2"), account.client("efs")
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    groups = ec2.describe_security_groups(Filters=[*here, {"Name": "tag-key", "Values": [network.HOMES_OF]}])
    systems = [each["FileSystemId"] for each in efs.describe_file_systems()["FileSystems"]]
    targets = [
        target
        for each in systems
        for target in efs.describe_mount_targets(FileSystemId=each)["MountTargets"]
        if target["VpcId"] == vpc
    ]
    return len(targets), len(groups["SecurityGroups"])


KEEP, DISCARD = (Policy({SPACES: each}) for each in (Volumes.KEEP, Volumes.DISCARD))


@pytest.mark.parametrize("own_vpc", [True, False])
@pytest.mark.parametrize(("policy", "left"), [(KEEP, (1, 2)), (DISCARD, (0, 0))], ids=["kept", "discarded"])
def test_what_the_homes_of_a_domain_need_stays_as_long_as_it(
    account: Made, own_vpc: bool, policy: Policy, left: tuple[int, int]
) -> None:
    id_ = domain(account, own_vpc=own_vpc)
    space(account)
    sweep(account, policy)
    assert of_homes(account, id_) == left


def test_homes_in_an_adopted_vpc_are_in_the_plan(account: Made) -> None:
    id_ = domain(account, own_vpc=False)
    assert account.finds(network.stage(account.scope)) == [f"homes in {id_}"]


def test_those_of_a_domain_that_stays_are_not(account: Made) -> None:
    domain(account, own_vpc=False)
    space(account)
    assert account.finds(network.stage(account.scope), KEEP) == []


def test_nothing_but_homes_goes_in_an_adopted_vpc(account: Made) -> None:
    id_ = domain(account, own_vpc=False)
    ec2 = account.client("ec2")
    subnet = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [id_]}])["Subnets"][0]["SubnetId"]
    planted = guardduty(account, id_, subnet)
    free = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    sweep(account)
    assert of_homes(account, id_) == (0, 0)
    assert (planted[0] in endpoints(account), planted[1] in groups(account), free in interfaces(account)) == (True,) * 3


def test_homes_of_another_domain_stay_in_the_same_vpc(account: Made) -> None:
    id_ = domain(account, own_vpc=False)
    assert domain(account, ours=False, own_vpc=False) == id_
    sweep(account)
    assert of_homes(account, id_) == (1, 2)


def guardduty(account: Made, vpc: str, subnet: str) -> tuple[str, str]:
    """Its endpoint and its group."""
    ec2 = account.client("ec2")
    group = ec2.create_security_group(
        GroupName=f"GuardDutyManagedSecurityGroup-{vpc}", Description="GuardDuty", VpcId=vpc
    )["GroupId"]
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc,
        VpcEndpointType="Interface",
        ServiceName=f"com.amazonaws.{REGION}.guardduty-data",
        SubnetIds=[subnet],
        SecurityGroupIds=[group],
    )["VpcEndpoint"]["VpcEndpointId"]
    return endpoint, group


def endpoints(account: Made) -> list[str]:
    found = account.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    return [each["VpcEndpointId"] for each in found if each["State"].lower() != "deleted"]


def test_what_guardduty_planted_goes(account: Made) -> None:
    id_, subnet = vpc(account)
    endpoint, group = guardduty(account, id_, subnet)
    sweep(account)
    assert endpoint not in endpoints(account)
    assert group not in groups(account)


def test_what_guardduty_planted_elsewhere_stays(account: Made) -> None:
    vpc(account)
    foreign, subnet = vpc(account, ours=False)
    endpoint, group = guardduty(account, foreign, subnet)
    sweep(account)
    assert endpoint in endpoints(account)
    assert group in groups(account)


def test_endpoints_of_stacks_stay_for_their_stack(account: Made) -> None:
    id_, subnet = vpc(account)
    endpoint = account.client("ec2").create_vpc_endpoint(
        VpcId=id_, VpcEndpointType="Interface", ServiceName=f"com.amazonaws.{REGION}.sts", SubnetIds=[subnet]
    )["VpcEndpoint"]["VpcEndpointId"]
    account.add("AWS::EC2::VPCEndpoint", endpoint, stack="network")
    before = interfaces(account)
    sweep(account)
    assert (endpoints(account), interfaces(account)) == ([endpoint], before)


def test_a_free_interface_goes(account: Made) -> None:
    _, subnet = vpc(account)
    account.client("ec2").create_network_interface(SubnetId=subnet)
    sweep(account)
    assert interfaces(account) == []


def test_a_free_interface_of_another_vpc_stays(account: Made) -> None:
    vpc(account)
    _, subnet = vpc(account, ours=False)
    account.client("ec2").create_network_interface(SubnetId=subnet)
    sweep(account)
    assert len(interfaces(account)) == 1


def in_use(account: Made, subnet: str) -> str:
    """An interface that a host has."""
    ec2 = account.client("ec2")
    image = ec2.register_image(Name="image")["ImageId"]
    host = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"][0]
    return str(host["InstanceId"])


def test_an_interface_in_use_is_waited_for(account: Made) -> None:
    _, subnet = vpc(account)
    host = in_use(account, subnet)
    work = account.work(network.stage(account.scope))
    for _ in range(5):
        account.local.clock.sleep(next(work))
    account.client("ec2").terminate_instances(InstanceIds=[host])
    # The local AWS leaves it there.
    ec2_backends[ACCOUNT][REGION].enis.clear()
    account.finish(work)
    assert account.calls() == []


def test_what_stays_in_use_is_named(account: Made) -> None:
    id_, subnet = vpc(account)
    in_use(account, subnet)
    (interface,) = interfaces(account)
    said = account.failure(account.work(network.stage(account.scope)))
    assert said.startswith(f"network {id_}: still held after 75 minutes by {interface} (")
    assert interfaces(account) == [interface]


def test_the_second_time_nothing_is_called(account: Made) -> None:
    id_, subnet = vpc(account)
    nfs_groups(account, id_)
    home(account, subnet)
    sweep(account)
    before = account.calls()
    sweep(account)
    assert account.calls() == before


def test_a_vpc_of_a_stack_is_always_swept(account: Made) -> None:
    """What hangs on it is only known when all else is gone."""
    id_, _ = vpc(account)
    assert account.finds(network.stage(account.scope)) == [id_]


def test_a_vpc_that_is_gone_is_not(account: Made) -> None:
    account.add("AWS::EC2::VPC", "vpc-0123456789abcdef0")
    assert account.finds(network.stage(account.scope)) == []


def test_an_adopted_vpc_is_never_swept(account: Made) -> None:
    id_, _ = vpc(account, ours=False)
    account.add("AWS::SageMaker::Domain", DOMAIN, stack="studio")
    pair = nfs_groups(account, id_)
    assert account.finds(network.stage(account.scope)) == []
    sweep(account)
    assert set(pair) <= groups(account)


def test_it_comes_after_the_stacks_that_need_the_vpc(account: Made) -> None:
    vpc(account)
    assert network.stage(account.scope).after == {"stack.trainyard-dev-studio"}
