"""What is deleted holds its network interfaces for a while."""

from typing import Any

import pytest

from tests.local_aws.services.conftest import Aws


def test_a_mount_target_is_there_for_a_minute_more(aws: Aws) -> None:
    target = _mount_target(aws)
    aws("efs.DeleteMountTarget", MountTargetId=target["MountTargetId"])
    aws.wait(59)
    (seen,) = aws("efs.DescribeMountTargets", FileSystemId=target["FileSystemId"])["MountTargets"]
    assert seen["LifeCycleState"] == "deleting"
    aws.wait(1)
    assert aws("efs.DescribeMountTargets", FileSystemId=target["FileSystemId"])["MountTargets"] == []


def test_a_file_system_is_in_use_until_its_mount_target_is_gone(aws: Aws) -> None:
    target = _mount_target(aws)
    aws("efs.DeleteMountTarget", MountTargetId=target["MountTargetId"])
    aws.wait(59)
    assert aws.refusal("efs.DeleteFileSystem", FileSystemId=target["FileSystemId"]).startswith("FileSystemInUse:")
    aws.wait(1)
    aws("efs.DeleteFileSystem", FileSystemId=target["FileSystemId"])


def test_a_mount_target_that_is_not_there_is_not_deleted(aws: Aws) -> None:
    assert aws.refusal("efs.DeleteMountTarget", MountTargetId="fsmt-12345678").startswith("MountTargetNotFound:")


@pytest.mark.parametrize(("seconds", "state", "interfaces"), [(119, "deleting", 1), (120, "deleted", 0)])
def test_an_endpoint_has_its_interface_for_two_minutes(aws: Aws, seconds: int, state: str, interfaces: int) -> None:
    endpoint = _endpoint(aws)
    aws("ec2.DeleteVpcEndpoints", VpcEndpointIds=[endpoint["VpcEndpointId"]])
    aws.wait(seconds)
    assert [each["State"] for each in aws("ec2.DescribeVpcEndpoints")["VpcEndpoints"]] == [state]
    assert len(aws.interfaces()) == interfaces


def test_an_endpoint_of_a_gateway_goes_at_once(aws: Aws) -> None:
    vpc, service = _vpc(aws), "com.amazonaws.eu-west-1.s3"
    made = aws("ec2.CreateVpcEndpoint", VpcId=vpc, ServiceName=service)["VpcEndpoint"]["VpcEndpointId"]
    aws("ec2.DeleteVpcEndpoints", VpcEndpointIds=[made])
    assert [each["State"] for each in aws("ec2.DescribeVpcEndpoints")["VpcEndpoints"]] == ["deleted"]


def test_an_endpoint_that_is_not_there_is_told(aws: Aws) -> None:
    (failed,) = aws("ec2.DeleteVpcEndpoints", VpcEndpointIds=["vpce-1"])["Unsuccessful"]
    assert (failed["ResourceId"], failed["Error"]["Code"]) == ("vpce-1", "InvalidVpcEndpointId.NotFound")


@pytest.mark.parametrize(("seconds", "state"), [(59, "deleting"), (60, "deleted")])
def test_a_nat_gateway_takes_a_minute(aws: Aws, seconds: int, state: str) -> None:
    made = aws("ec2.CreateNatGateway", SubnetId=aws.subnet())["NatGateway"]["NatGatewayId"]
    aws("ec2.DeleteNatGateway", NatGatewayId=made)
    aws.wait(seconds)
    assert aws("ec2.DescribeNatGateways", NatGatewayIds=[made])["NatGateways"][0]["State"] == state


def test_what_is_deleted_twice_takes_no_longer(aws: Aws) -> None:
    endpoint = _endpoint(aws)["VpcEndpointId"]
    aws("ec2.DeleteVpcEndpoints", VpcEndpointIds=[endpoint])
    aws.wait(60)
    aws("ec2.DeleteVpcEndpoints", VpcEndpointIds=[endpoint])
    aws.wait(60)
    assert aws.interfaces() == []


def _mount_target(aws: Aws) -> Any:
    system = aws("efs.CreateFileSystem", CreationToken="home")["FileSystemId"]
    return aws("efs.CreateMountTarget", FileSystemId=system, SubnetId=aws.subnet())


def _vpc(aws: Aws) -> str:
    return str(aws("ec2.DescribeVpcs")["Vpcs"][0]["VpcId"])


def _endpoint(aws: Aws) -> Any:
    made = aws(
        "ec2.CreateVpcEndpoint",
        VpcId=_vpc(aws),
        ServiceName="com.amazonaws.eu-west-1.ecr.api",
        VpcEndpointType="Interface",
        SubnetIds=[aws.subnet()],
    )
    return made["VpcEndpoint"]
