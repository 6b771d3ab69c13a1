"""An account with an environment, another one like it, and things of nobody's; and what people leave in them."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from environments import Environment, load
from environments.loading import parse
from local_aws import LocalAws
from operations.assembly import stacks_of
from operations.local.leftovers import HOUR, Place, leave
from operations.teardown.aws import Aws
from operations.teardown.inventory import Inventory
from operations.teardown.journal import Journal
from operations.teardown.kinds import OF_NAME
from operations.teardown.schedule import Outcome, Result, Step, Waits, run
from operations.teardown.scope import Resource, Scope, look
from tests.support import Assembly, Json, synthesize, text_of

TEAM = "vision"
"""The team of the environment of the tests."""
_QUALIFIER = "hnb659fds"
_NOTHING = b"PK\x05\x06" + bytes(18)
"""An archive of no files: nothing that is published runs here."""


def other_assembly(folder: Path) -> Assembly:
    """Another environment like ``local``, in the same account and region."""
    return synthesize(parse(text_of("local", {"name": "other"}), "other.yaml"), folder)


@dataclass(frozen=True)
class Account:
    """An account of the local AWS.

    Args:
        aws: the local AWS.
        environment: the environment that is taken away.
        assembly: the folder of its assembly.
        journal: a file for the journal of a run.
        refuses: asked before every call of the run: service, operation and arguments. What it raises, the call raises.
    """

    aws: LocalAws
    environment: Environment
    assembly: Path
    journal: Path
    refuses: list[Callable[[str, str, Json], None]] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """A boto3 client."""
        return self.aws.client(service)

    @cached_property
    def ours(self) -> Place:
        """The environment."""
        return self.place(self.environment.name)

    @cached_property
    def theirs(self) -> Place:
        """The other environment."""
        return self.place("other")

    @cached_property
    def bare(self) -> Place:
        """A place that is an environment for ``bare_inventory``, and takes no deployment."""
        return somewhere(self, "bare", {"Environment": "bare", "Team": TEAM})

    @cached_property
    def nobodys(self) -> Place:
        """What is in the account and in no environment."""
        return somewhere(self, "nobody", {"Team": TEAM})

    def place(self, name: str) -> Place:
        """An environment that is deployed."""
        stack = f"trainyard-{name}-team-{TEAM}"
        roles = {each: f"arn:aws:iam::{self.environment.account}:role/{each}" for each in self.ids(stack, "IAM::Role")}
        (job_role,) = (arn for each, arn in roles.items() if "RolesJobRole" in each)
        (domain,) = self.ids(f"trainyard-{name}-studio", "SageMaker::Domain")
        queue, *_ = self.ids(f"trainyard-{name}-batch", "Batch::JobQueue")
        return Place(name, domain, job_role, queue, {"Environment": name, "Team": TEAM})

    def ids(self, stack: str, type_: str) -> list[str]:
        """The physical ids of what a stack has of a type."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        resources = [each for page in pages for each in page["StackResourceSummaries"]]
        return sorted(each["PhysicalResourceId"] for each in resources if each["ResourceType"] == f"AWS::{type_}")

    def deploy(self, assembly: Path) -> None:
        """Makes the stacks of an assembly, with the tags that the CDK gives them."""
        manifest = json.loads((assembly / "manifest.json").read_text())["artifacts"]
        stacks = {each.name: each for each in stacks_of(assembly)}
        for name in TopologicalSorter({each.name: each.after for each in stacks.values()}).static_order():
            tags = manifest[stacks[name].key]["properties"].get("tags", {})
            self.client("cloudformation").create_stack(
                StackName=name,
                TemplateBody=json.dumps(stacks[name].template),
                Capabilities=["CAPABILITY_NAMED_IAM"],
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            )

    def bootstrap(self, assembly: Path) -> None:
        """What templates of the CDK count on: the version, and the published assets."""
        self.client("ssm").put_parameter(
            Name=f"/cdk-bootstrap/{_QUALIFIER}/version", Value="30", Type="String", Overwrite=True
        )
        s3 = self.client("s3")
        for file in assembly.glob("*.assets.json"):
            for asset in json.loads(file.read_text())["files"].values():
                for place in asset["destinations"].values():
                    if place["bucketName"] not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
                        location = {"LocationConstraint": self.environment.region}
                        s3.create_bucket(Bucket=place["bucketName"], CreateBucketConfiguration=location)
                    s3.put_object(Bucket=place["bucketName"], Key=place["objectKey"], Body=_NOTHING)

    @cached_property
    def asked(self) -> Aws:
        """The account as a run asks it."""

        def client(service: str) -> Any:
            return _Asked(service, self.client(service), self.refuses)

        return Aws(client, self.environment.region, self.aws.clock, Journal(self.journal))

    def result(self, work: Waits) -> Result:
        """How a step ends."""
        return run([Step("step", lambda: work)], self.aws.clock)["step"]

    def done(self, work: Waits) -> Any:
        """What a step returns."""
        result = self.result(work)
        assert result.outcome is Outcome.DONE, result.value
        return result.value

    def inventory(self, name: str | None = None) -> Inventory:
        """What there is of an environment, asked afresh."""
        return Inventory(self.asked, self.done(look(self.asked, name or self.environment.name)))

    def bare_inventory(self) -> Inventory:
        """What there is of ``bare``, asked afresh."""
        place = self.bare
        ids = {
            "IAM::Role": place.role.rpartition("/")[2],
            "SageMaker::Domain": place.domain,
            "Batch::JobQueue": place.queue,
        }
        resources = tuple(
            Resource(f"trainyard-bare-team-{TEAM}", type_, f"AWS::{type_}", id_, False, "CREATE_COMPLETE")
            for type_, id_ in ids.items()
        )
        scope = Scope(place.name, self.environment.account, self.environment.region, "aws", (), resources)
        return Inventory(self.asked, scope)

    def names(self, kind: str, inventory: Inventory | None = None) -> set[str]:
        """The names of the things of a kind that are the environment's."""
        return {each.name for each in self.done((inventory or self.inventory()).things(OF_NAME[kind]))}

    def passes(self, seconds: float) -> None:
        """Lets time pass."""
        self.aws.clock.sleep(seconds)


class _Asked:
    """A client, of which each call can be refused."""

    def __init__(self, service: str, client: Any, refuses: Sequence[Callable[[str, str, Json], None]]) -> None:
        self._service, self._client, self._refuses = service, client, refuses

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            for each in self._refuses:
                each(self._service, operation, arguments)
            return getattr(self._client, operation)(**arguments)

        return call


@contextmanager
def account(ours: Assembly, theirs: Assembly, folder: Path) -> Iterator[Account]:
    """An account with both environments deployed. Things of nobody's come with the first look at ``nobodys``."""
    environment = ours.environment
    with LocalAws(account=environment.account, region=environment.region) as aws:
        made = Account(aws, environment, ours.folder, folder / "journal.jsonl")
        for assembly in (ours, theirs):
            made.bootstrap(assembly.folder)
            made.deploy(assembly.folder)
        yield made


@contextmanager
def bare_account(folder: Path) -> Iterator[Account]:
    """An account with nothing in it: fast. ``bare`` and ``nobodys`` come with the first look at them."""
    environment = load("local")
    with LocalAws(account=environment.account, region=environment.region) as aws:
        yield Account(aws, environment, folder, folder / "journal.jsonl")


def leftovers(account: Account, place: Place | None = None) -> dict[str, set[str]]:
    """Makes what people leave behind in a place, one of each kind at least.

    Returns: name of a kind to the names of what was made of it, as the inventory has them.
    """
    return leave(account.client, place or account.ours, account.passes)


def somewhere(account: Account, name: str, tags: dict[str, str]) -> Place:
    """A place that no stack made: a domain, a role and a queue by this name."""
    iam, ec2, batch = account.client("iam"), account.client("ec2"), account.client("batch")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
    domain = account.client("sagemaker").create_domain(
        DomainName=name,
        AuthMode="IAM",
        DefaultUserSettings={"ExecutionRole": role, "SecurityGroups": [group]},
        SubnetIds=[subnet],
        VpcId=vpc,
    )
    environment = batch.create_compute_environment(
        computeEnvironmentName=name,
        type="MANAGED",
        computeResources={"type": "FARGATE", "maxvCpus": 4, "subnets": [subnet], "securityGroupIds": [group]},
    )
    account.passes(60)
    queue = batch.create_job_queue(
        jobQueueName=name,
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment["computeEnvironmentArn"]}],
    )
    # A domain takes longer than a queue.
    account.passes(HOUR / 6)
    return Place(name, domain["DomainArn"].rpartition("/")[2], role, queue["jobQueueArn"], tags)
