"""What GuardDuty puts into a VPC whose instances it watches, unasked.

Source: AWS docs guardduty/latest/ug/runtime-monitoring-agent-resource-clean-up.html
"""

from typing import Any

from local_aws import LocalAws

TAGS = [{"Key": "GuardDutyManaged", "Value": "true"}]


def plant(aws: LocalAws, vpc: str, subnets: list[str]) -> tuple[str, str]:
    """An endpoint of GuardDuty in a VPC, and its security group.

    Returns:
        The ids of the endpoint and of the group.
    """
    ec2 = aws.client("ec2")
    name = f"GuardDutyManagedSecurityGroup-{vpc}"
    group: str = ec2.create_security_group(
        GroupName=name, Description="Associated with VPC", VpcId=vpc, TagSpecifications=_tags("security-group")
    )["GroupId"]
    made: Any = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{aws.region}.guardduty-data",
        VpcEndpointType="Interface",
        SubnetIds=subnets,
        SecurityGroupIds=[group],
        PrivateDnsEnabled=False,
        TagSpecifications=_tags("vpc-endpoint"),
    )
    return made["VpcEndpoint"]["VpcEndpointId"], group


def _tags(resource: str) -> Any:
    return [{"ResourceType": resource, "Tags": TAGS}]
