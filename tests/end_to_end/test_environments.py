"""Every shipped environment, deployed to the local AWS in this process."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from environments import Environment
from local_aws import LocalAws
from operations.assembly import StackTemplate, stacks_of
from operations.local.inventory import things
from tests.support import Assembly

pytestmark = pytest.mark.slow

QUALIFIER = "hnb659fds"
NOTHING = b"PK\x05\x06" + bytes(18)
"""An archive of no files: nothing that is published runs here."""


@dataclass(frozen=True)
class Account:
    """An account that the CDK was bootstrapped in, and an environment for it."""

    aws: LocalAws
    environment: Environment
    assembly: Path

    @property
    def cloudformation(self) -> Any:
        return self.aws.client("cloudformation")

    @cached_property
    def stacks(self) -> list[StackTemplate]:
        """The stacks in the order of their deployment."""
        by_name = {stack.name: stack for stack in stacks_of(self.assembly)}
        order = TopologicalSorter({stack.name: stack.after for stack in by_name.values()}).static_order()
        return [by_name[name] for name in order]

    def bootstrap(self) -> None:
        """What templates of the CDK count on: the version, and the published assets."""
        self.aws.client("ssm").put_parameter(Name=f"/cdk-bootstrap/{QUALIFIER}/version", Value="30", Type="String")
        s3 = self.aws.client("s3")
        for file in self.assembly.glob("*.assets.json"):
            for asset in json.loads(file.read_text())["files"].values():
                for place in asset["destinations"].values():
                    bucket = place["bucketName"]
                    if bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
                        location = {"LocationConstraint": self.environment.region}
                        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
                    s3.put_object(Bucket=bucket, Key=place["objectKey"], Body=NOTHING)

    def deploy(self) -> dict[str, str]:
        """Stack name to its state after deployment."""
        for stack in self.stacks:
            self.cloudformation.create_stack(
                StackName=stack.name, TemplateBody=json.dumps(stack.template), Capabilities=["CAPABILITY_NAMED_IAM"]
            )
        return {each["StackName"]: each["StackStatus"] for each in self.cloudformation.describe_stacks()["Stacks"]}

    def destroy(self) -> dict[str, str]:
        """The state of each stack that is left after destruction, with its reason."""
        for stack in reversed(self.stacks):
            self.cloudformation.delete_stack(StackName=stack.name)
        left = self.cloudformation.describe_stacks()["Stacks"]
        return {each["StackName"]: each.get("StackStatusReason", each["StackStatus"]) for each in left}

    def things(self) -> set[tuple[str, str]]:
        """What there is."""
        return set(things(self.aws.client, self.environment.account))


@contextmanager
def account_for(assembly: Assembly) -> Iterator[Account]:
    environment = assembly.environment
    with LocalAws(account=environment.account, region=environment.region) as aws:
        account = Account(aws, environment, assembly.folder)
        account.bootstrap()
        yield account


@pytest.fixture
def account(assembly: Assembly) -> Iterator[Account]:
    """Each shipped environment's account in turn."""
    with account_for(assembly) as account:
        yield account


def test_every_stack_is_made(account: Account) -> None:
    assert account.deploy() == {stack.name: "CREATE_COMPLETE" for stack in account.stacks}


def test_what_is_deployed_is_what_the_file_says(account: Account) -> None:
    account.deploy()
    environment = account.environment
    sagemaker = account.aws.client("sagemaker")
    (domain,) = sagemaker.list_domains()["Domains"]
    described = sagemaker.describe_domain(DomainId=domain["DomainId"])
    assert (described["AppNetworkAccessType"], described["HomeEfsFileSystemCreation"]) == ("VpcOnly", "Disabled")
    pages = sagemaker.get_paginator("list_user_profiles").paginate()
    people = {each["UserProfileName"] for page in pages for each in page["UserProfiles"]}
    assert people == {member.name for team in environment.teams for member in team.members}
    instances = sagemaker.list_notebook_instances()["NotebookInstances"]
    assert len(instances) == sum(len(team.notebooks) for team in environment.teams)
    file_systems = account.aws.client("fsx").describe_file_systems()["FileSystems"]
    assert len(file_systems) == len(environment.lustre)
    assert {each["Lifecycle"] for each in file_systems} <= {"AVAILABLE"}


@pytest.mark.parametrize("name", ["local", "dev"])
def test_nothing_is_left_where_nothing_is_kept(assembly_of: Callable[[str], Assembly], name: str) -> None:
    with account_for(assembly_of(name)) as account:
        before = account.things()
        account.deploy()
        assert account.things() > before
        assert account.destroy() == {}
        assert account.things() == before


def test_people_stay_with_the_spaces_that_are_kept(assembly_of: Callable[[str], Assembly]) -> None:
    """As AWS has it: a profile with a space is not deleted, nor a lifecycle configuration that an instance uses."""
    with account_for(assembly_of("prod")) as account:
        account.deploy()
        account.destroy()
        events = [
            event
            for stack in account.stacks
            for event in account.cloudformation.describe_stack_events(StackName=stack.name)["StackEvents"]
            if event["ResourceStatus"] == "DELETE_FAILED" and event["LogicalResourceId"] != stack.name
        ]
        assert {event["ResourceType"] for event in events} == {
            "AWS::SageMaker::UserProfile",
            "AWS::SageMaker::NotebookInstanceLifecycleConfig",
        }
