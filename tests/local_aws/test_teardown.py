"""What a teardown meets in a whole local AWS: services, refusals and time together."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import LocalAws
from tests.local_aws.guardduty import plant


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws() as here:
        yield here


@pytest.fixture
def vpc(aws: LocalAws) -> str:
    return str(aws.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def subnet(aws: LocalAws, vpc: str) -> str:
    return str(aws.client("ec2").create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"])


def test_a_planted_endpoint_holds_the_subnet_until_it_is_gone(aws: LocalAws, vpc: str, subnet: str) -> None:
    ec2 = aws.client("ec2")
    endpoint, _ = plant(aws, vpc, [subnet])
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    assert refused(ec2.delete_subnet, SubnetId=subnet) == "DependencyViolation"
    aws.clock.sleep(120)
    ec2.delete_subnet(SubnetId=subnet)


def test_a_planted_group_holds_the_vpc(aws: LocalAws, vpc: str, subnet: str) -> None:
    ec2 = aws.client("ec2")
    endpoint, group = plant(aws, vpc, [subnet])
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    aws.clock.sleep(120)
    ec2.delete_subnet(SubnetId=subnet)
    assert refused(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc)


def test_an_interface_of_an_endpoint_holds_subnet_and_group(aws: LocalAws, vpc: str, subnet: str) -> None:
    ec2 = aws.client("ec2")
    group = serve(aws, vpc, subnet)
    aws.client("sagemaker").delete_endpoint(EndpointName="serve")
    aws.clock.sleep(120 + 899)
    assert refused(ec2.delete_subnet, SubnetId=subnet) == "DependencyViolation"
    assert refused(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    aws.clock.sleep(1)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_subnet(SubnetId=subnet)


def test_hundreds_of_interfaces_are_released_at_once(aws: LocalAws, vpc: str, subnet: str) -> None:
    serve(aws, vpc, subnet)
    sagemaker = aws.client("sagemaker")
    for number in range(100):
        sagemaker.create_endpoint(EndpointName=f"serve-{number}", EndpointConfigName="config")
    aws.clock.sleep(300)
    for number in range(100):
        sagemaker.delete_endpoint(EndpointName=f"serve-{number}")
    aws.clock.sleep(86400)
    assert len(aws.client("ec2").describe_network_interfaces()["NetworkInterfaces"]) == 1


def test_nobody_but_its_service_deletes_an_interface(aws: LocalAws, vpc: str, subnet: str) -> None:
    serve(aws, vpc, subnet)
    ec2 = aws.client("ec2")
    (interface,) = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert (interface["Status"], interface["RequesterManaged"]) == ("in-use", True)
    assert refused(ec2.delete_network_interface, NetworkInterfaceId=interface["NetworkInterfaceId"]) == (
        "InvalidParameterValue"
    )


def test_the_groups_of_a_home_hold_each_other(aws: LocalAws, vpc: str, subnet: str) -> None:
    ec2, sagemaker = aws.client("ec2"), aws.client("sagemaker")
    domain = sagemaker.create_domain(
        DomainName="studio", AuthMode="IAM", VpcId=vpc, SubnetIds=[subnet], DefaultUserSettings={}
    )["DomainId"]
    aws.clock.sleep(300)
    sagemaker.delete_domain(DomainId=domain, RetentionPolicy={"HomeEfsFileSystem": "Delete"})
    aws.clock.sleep(120)
    assert aws.client("efs").describe_file_systems()["FileSystems"] == []
    names = [f"security-group-for-{way}-nfs-{domain}" for way in ("inbound", "outbound")]
    inbound, outbound = (group(aws, name) for name in names)
    for each in (inbound, outbound):
        assert refused(ec2.delete_security_group, GroupId=each["GroupId"]) == "DependencyViolation"
    ec2.revoke_security_group_ingress(GroupId=inbound["GroupId"], IpPermissions=inbound["IpPermissions"])
    ec2.delete_security_group(GroupId=outbound["GroupId"])
    ec2.delete_security_group(GroupId=inbound["GroupId"])


def test_the_nodes_of_a_job_are_found_by_their_parent(aws: LocalAws, vpc: str, subnet: str) -> None:
    batch = aws.client("batch")
    queue(aws, vpc, subnet)
    container = {"image": "image", "vcpus": 1, "memory": 8}
    nodes = {"numNodes": 2, "mainNode": 0, "nodeRangeProperties": [{"targetNodes": "0:", "container": container}]}
    batch.register_job_definition(jobDefinitionName="nodes", type="multinode", nodeProperties=nodes)
    parent = batch.submit_job(jobName="many", jobQueue="jobs", jobDefinition="nodes")["jobId"]
    aws.clock.sleep(100)
    listed = batch.list_jobs(multiNodeJobId=parent)["jobSummaryList"]
    assert [(each["jobId"], each["nodeProperties"]["isMainNode"]) for each in listed] == [
        (f"{parent}#0", True),
        (f"{parent}#1", False),
    ]


def test_an_environment_is_in_use_for_half_a_minute_after_its_queue(aws: LocalAws, vpc: str, subnet: str) -> None:
    batch = aws.client("batch")
    queue(aws, vpc, subnet)
    batch.update_job_queue(jobQueue="jobs", state="DISABLED")
    batch.update_compute_environment(computeEnvironment="hosts", state="DISABLED")
    aws.clock.sleep(10)
    batch.delete_job_queue(jobQueue="jobs")
    aws.clock.sleep(59)
    with pytest.raises(ClientError, match="found existing JobQueue relationship"):
        batch.delete_compute_environment(computeEnvironment="hosts")
    aws.clock.sleep(1)
    batch.delete_compute_environment(computeEnvironment="hosts")


def test_an_environment_has_a_cluster_until_it_is_gone(aws: LocalAws, vpc: str, subnet: str) -> None:
    batch, ecs = aws.client("batch"), aws.client("ecs")
    environment(aws, vpc, subnet)
    assert active_clusters(ecs) == 1
    batch.update_compute_environment(computeEnvironment="hosts", state="DISABLED")
    aws.clock.sleep(10)
    batch.delete_compute_environment(computeEnvironment="hosts")
    aws.clock.sleep(59)
    assert active_clusters(ecs) == 1
    aws.clock.sleep(1)
    assert active_clusters(ecs) == 0


def refused(call: Any, **parameters: Any) -> str:
    """The code of the error of a call."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return str(error.value.response["Error"]["Code"])


def group(aws: LocalAws, name: str) -> Any:
    """A security group by its name."""
    groups = aws.client("ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": [name]}])
    return groups["SecurityGroups"][0]


def serve(aws: LocalAws, vpc: str, subnet: str) -> str:
    """An endpoint ``serve`` in a subnet; gives its security group."""
    ec2, sagemaker = aws.client("ec2"), aws.client("sagemaker")
    made: str = ec2.create_security_group(GroupName="models", Description="models", VpcId=vpc)["GroupId"]
    sagemaker.create_model(ModelName="model", VpcConfig={"Subnets": [subnet], "SecurityGroupIds": [made]})
    variant = {"VariantName": "all", "ModelName": "model", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="config", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="serve", EndpointConfigName="config")
    aws.clock.sleep(300)
    return made


def active_clusters(ecs: Any) -> int:
    """How many clusters of ECS there are."""
    clusters = ecs.describe_clusters(clusters=ecs.list_clusters()["clusterArns"])["clusters"]
    return len([each for each in clusters if each["status"] == "ACTIVE"])


def environment(aws: LocalAws, vpc: str, subnet: str) -> None:
    """A compute environment ``hosts``."""
    batch = aws.client("batch")
    made = aws.client("ec2").create_security_group(GroupName="hosts", Description="hosts", VpcId=vpc)["GroupId"]
    resources = {"type": "FARGATE", "maxvCpus": 4, "subnets": [subnet], "securityGroupIds": [made]}
    batch.create_compute_environment(computeEnvironmentName="hosts", type="MANAGED", computeResources=resources)
    aws.clock.sleep(10)


def queue(aws: LocalAws, vpc: str, subnet: str) -> None:
    """A queue ``jobs`` with an environment ``hosts``."""
    environment(aws, vpc, subnet)
    order = [{"order": 1, "computeEnvironment": "hosts"}]
    aws.client("batch").create_job_queue(jobQueueName="jobs", priority=1, computeEnvironmentOrder=order)
    aws.clock.sleep(5)
