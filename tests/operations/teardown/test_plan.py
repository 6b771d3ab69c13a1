"""What a plan says, of a small environment."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations.teardown import intake, lustre
from operations.teardown.plan import Plan, make
from operations.teardown.policy import Policy, Volumes
from operations.teardown.schedule import run
from operations.teardown.stages import EXPORT, INTAKE, WRITERS
from operations.teardown.volumes import NOTEBOOKS, SPACES
from tests.operations.teardown.bounded import bound, closed
from tests.operations.teardown.made import ACCOUNT, Made, made
from tests.operations.teardown.test_lustre import associate, exported, file_system, tasks

KEEP = Policy({NOTEBOOKS: Volumes.KEEP})
DISCARD = Policy({NOTEBOOKS: Volumes.DISCARD})
TRAINING: dict[str, Any] = {
    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
    "StoppingCondition": {"MaxRuntimeInSeconds": 36000},
}


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


def space(account: Made, owner: str, other: str) -> None:
    """Somebody's own space, in a domain where a stack has the profiles of two people; these are R2 and R3."""
    sagemaker, ec2 = account.client("sagemaker"), account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="apps", Description="apps", VpcId=vpc)["GroupId"]
    role = account.client("iam").create_role(RoleName="apps", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    account.add("AWS::IAM::Role", "apps")
    domain = sagemaker.create_domain(
        DomainName="domain",
        AuthMode="IAM",
        DefaultUserSettings={"ExecutionRole": role, "SecurityGroups": [group]},
        SubnetIds=[subnet],
        VpcId=vpc,
    )["DomainArn"].rpartition("/")[2]
    account.add("AWS::SageMaker::Domain", domain)
    account.local.clock.sleep(600)
    for person in (owner, other):
        sagemaker.create_user_profile(DomainId=domain, UserProfileName=person)
        account.add("AWS::SageMaker::UserProfile", f"{person}|{domain}")
    sagemaker.create_space(
        DomainId=domain,
        SpaceName="mine",
        OwnershipSettings={"OwnerUserProfileName": owner},
        SpaceSharingSettings={"SharingType": "Private"},
        SpaceSettings={"AppType": "JupyterLab"},
    )


def test_the_profile_of_a_kept_space_that_somebody_made_may_stay(account: Made) -> None:
    space(account, "ada", "grace")
    assert {name for _, name in plan(account, Policy({SPACES: Volumes.KEEP})).needed} == {"R1", "R2"}


@pytest.mark.usefixtures("subnet")
def test_what_a_thing_is_in_that_goes_may_not_stay(account: Made) -> None:
    assert plan(account, DISCARD).needed == frozenset()


def whole(account: Made) -> Plan:
    """The plan with the intake and the export."""
    others = [intake.stage(account.journal), lustre.stage(account.scope, account.journal)]
    found: Plan = account.finish(make(account.inventory, DISCARD, others))
    return found


def scheduled(plan: Plan) -> dict[str, frozenset[str]]:
    """The steps that are run, and what each waits for."""
    return {each.name: each.after for each in plan.steps(None, lambda *_: None)}  # type: ignore[arg-type]


def test_what_may_still_be_started_is_looked_for_again(account: Made) -> None:
    bound(account)
    assert scheduled(whole(account)).keys() >= WRITERS


def test_what_found_nothing_is_not_shown(account: Made) -> None:
    bound(account)
    assert {each.stage.name for each in whole(account).actions} == {INTAKE, "stack.trainyard-dev-one"}


def test_the_export_waits_for_what_may_still_be_started(account: Made) -> None:
    bound(account)
    associate(account, file_system(account))
    plan = whole(account)
    assert scheduled(plan)[EXPORT] >= WRITERS
    assert {each.stage.name: each.after for each in plan.actions}[EXPORT] == {INTAKE}


def test_where_nobody_starts_anything_more_nothing_is_looked_for_again(account: Made) -> None:
    bound(account)
    closed(account)
    assert scheduled(whole(account)).keys() == {"stack.trainyard-dev-one"}


def test_a_job_that_comes_after_the_look_is_stopped(account: Made) -> None:
    bound(account)
    plan = whole(account)
    start(account)
    done(account, plan)
    described = account.client("sagemaker").describe_training_job(TrainingJobName="late")
    assert described["TrainingJobStatus"] == "Stopped"


def start(account: Made) -> None:
    """Somebody who has no boundary starts a job."""
    account.client("sagemaker").create_training_job(
        TrainingJobName="late", RoleArn=f"arn:aws:iam::{ACCOUNT}:role/worker", **TRAINING
    )


def done(account: Made, plan: Plan) -> None:
    """All of a plan but the deletion of stacks, which are none of CloudFormation's here."""
    steps = plan.steps(account.inventory, lambda *_: None)
    run([each for each in steps if not each.name.startswith("stack.")], account.local.clock)


def test_what_runs_although_it_is_closed_is_exported_once_it_ended(account: Made) -> None:
    exported(account)
    start(account)
    plan = whole(account)
    assert {each.stage.name for each in plan.actions} == {"training jobs.stop", "stack.trainyard-dev-one"}
    done(account, plan)
    assert len(tasks(account)) == 2


def test_without_intake_and_rescue_nothing_is_looked_for_again(account: Made) -> None:
    """As for the command ``stop``, which runs some of the actions."""
    account.add("AWS::IAM::Role", "worker")
    start(account)
    assert plan(account, DISCARD).scheduled == ()


def test_what_was_exported_is_not_exported_again_with_its_stack(account: Made) -> None:
    exported(account)
    done(account, whole(account))
    assert len(tasks(account)) == 1
