"""What a plan says, of a small environment."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from operations.teardown.plan import Plan, make
from operations.teardown.policy import Policy, Volumes
from operations.teardown.volumes import NOTEBOOKS
from tests.operations.teardown.made import ACCOUNT, Made, made

KEEP = Policy({NOTEBOOKS: Volumes.KEEP})
DISCARD = Policy({NOTEBOOKS: Volumes.DISCARD})


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Made]:
    with made(tmp_path) as account:
        yield account


@pytest.fixture
def subnet(account: Made) -> str:
    """Where somebody made a notebook instance; its logical id, as that of its network, is R0 and R1."""
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made_ = str(ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"])
    group = ec2.create_security_group(GroupName="notebooks", Description="notebooks", VpcId=vpc)["GroupId"]
    account.client("iam").create_role(RoleName="notebooks", AssumeRolePolicyDocument="{}")
    account.client("sagemaker").create_notebook_instance(
        NotebookInstanceName="exploration",
        InstanceType="ml.t3.medium",
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/notebooks",
        SubnetId=made_,
        SecurityGroupIds=[group],
    )
    network = account.add("AWS::EC2::VPC", vpc)
    account.add("AWS::EC2::Subnet", made_, VpcId={"Ref": network})
    account.add("AWS::IAM::Role", "notebooks")
    account.add("AWS::EC2::Subnet", "subnet-0", VpcId={"Ref": network})
    return made_


def plan(account: Made, policy: Policy) -> Plan:
    found: Plan = account.finish(make(account.inventory, policy, ()))
    return found


@pytest.mark.usefixtures("subnet")
def test_what_a_kept_thing_is_in_that_somebody_made_may_stay(account: Made) -> None:
    assert {name for _, name in plan(account, KEEP).needed} == {"R0", "R1"}


@pytest.mark.usefixtures("subnet")
def test_what_a_thing_is_in_that_goes_may_not_stay(account: Made) -> None:
    assert plan(account, DISCARD).needed == frozenset()
