"""What an environment is: its stacks, what is in them, and by what everything else that belongs to it is known."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from operations.teardown.aws import Aws, code_of
from operations.teardown.schedule import Waits

Json = dict[str, Any]

KEEPING = ("Retain", "RetainExceptOnCreate")


@dataclass(frozen=True)
class Resource:
    """A resource of a stack.

    Args:
        stack: the name of its stack.
        logical_id: its name in the template.
        type: its type.
        physical_id: what its service calls it.
        kept: whether it stays when its stack is deleted.
        status: what CloudFormation says of it.
        needed: whether an earlier run found that something needs it that is kept, in a stack that may be gone now.
    """

    stack: str
    logical_id: str
    type: str
    physical_id: str
    kept: bool
    status: str
    needed: bool = False


@dataclass(frozen=True)
class Stack:
    """A stack that is there.

    Args:
        name: its name.
        id: its ARN.
        status: its status.
        protected: whether CloudFormation refuses to delete it.
        resources: what is in it.
        template: what was deployed, whatever commit it comes from.
        exports: the names of its exports.
    """

    name: str
    id: str
    status: str
    protected: bool
    resources: tuple[Resource, ...]
    template: Json = field(hash=False)
    exports: frozenset[str] = frozenset()

    @cached_property
    def imports(self) -> frozenset[str]:
        """The names of the exports that it uses."""
        return frozenset(_imports(self.template))


@dataclass(frozen=True)
class Scope:
    """An environment as it is deployed.

    Args:
        environment: its name.
        account, region, partition: where it is.
        stacks: its stacks that are there.
        gone: resources that an earlier run recorded, of stacks that are not there any more.
    """

    environment: str
    account: str
    region: str
    partition: str
    stacks: tuple[Stack, ...]
    gone: tuple[Resource, ...] = ()

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """Everything that is or was in a stack of it."""
        return (*(each for stack in self.stacks for each in stack.resources), *self.gone)

    def ids(self, type_: str) -> list[str]:
        """The physical ids of all resources of a type."""
        return sorted({each.physical_id for each in self.resources if each.type == type_ and each.physical_id})

    @cached_property
    def roles(self) -> frozenset[str]:
        """ARNs of its roles, by which work is known that somebody started: nobody else may pass them."""
        return frozenset(f"arn:{self.partition}:iam::{self.account}:role/{name}" for name in self.ids("AWS::IAM::Role"))


def look(aws: Aws, environment: str, recorded: Iterable[Json] = ()) -> Waits:
    """The scope of an environment, asked from CloudFormation.

    A stack is the environment's when its name and its tag say so: either alone may be somebody else's.

    Args:
        aws: the account.
        environment: the environment's name.
        recorded: resources of earlier runs, as ``Resource`` has them.
    """
    before = {(each["stack"], each["logical_id"]): Resource(**each) for each in recorded}
    needed = {name for name, each in before.items() if each.needed}
    identity = yield from aws.call("sts", "get_caller_identity")
    partition, account = identity["Arn"].split(":")[1], identity["Account"]
    listed = yield from aws.pages("cloudformation", "describe_stacks", "Stacks[]")
    stacks = []
    for each in listed:
        tags = {tag["Key"]: tag["Value"] for tag in each.get("Tags", ())}
        if each["StackName"].startswith(f"trainyard-{environment}-") and tags.get("Environment") == environment:
            stacks.append((yield from _stack(aws, each, needed)))
    known = {stack.name for stack in stacks} | {name for name, _ in before}
    before |= {(each.stack, each.logical_id): each for each in (yield from _of_deleted(aws, environment, known))}
    there = {(each.stack, each.logical_id) for stack in stacks for each in stack.resources}
    return Scope(
        environment=environment,
        account=account,
        region=aws.region,
        partition=partition,
        stacks=tuple(stacks),
        gone=tuple(each for name, each in before.items() if name not in there),
    )


def _stack(aws: Aws, described: Json, needed: Collection[tuple[str, str]]) -> Waits:
    name = described["StackId"]
    template = yield from _template(aws, name)
    summaries = yield from aws.pages(
        "cloudformation", "list_stack_resources", "StackResourceSummaries[]", StackName=name
    )
    given = template.get("Resources", {})
    resources = [
        Resource(
            stack=described["StackName"],
            logical_id=each["LogicalResourceId"],
            type=each["ResourceType"],
            physical_id=each.get("PhysicalResourceId", ""),
            kept=given.get(each["LogicalResourceId"], {}).get("DeletionPolicy") in KEEPING,
            status=each["ResourceStatus"],
            needed=(described["StackName"], each["LogicalResourceId"]) in needed,
        )
        for each in summaries
        if each["ResourceStatus"] != "DELETE_COMPLETE"
    ]
    return Stack(
        name=described["StackName"],
        id=described["StackId"],
        status=described["StackStatus"],
        protected=bool(described.get("EnableTerminationProtection")),
        resources=tuple(resources),
        template=template,
        exports=frozenset(each["ExportName"] for each in described.get("Outputs", ()) if "ExportName" in each),
    )


def _template(aws: Aws, stack: str) -> Waits:
    try:
        answer = yield from aws.call("cloudformation", "get_template", StackName=stack)
    except ClientError as error:
        if code_of(error) != "ValidationError":
            raise
        answer = {}
    # That of a change set that was never executed has none.
    return answer.get("TemplateBody") or {}


def _of_deleted(aws: Aws, environment: str, known: Collection[str]) -> Waits:
    """Resources of stacks that somebody deleted: what people made hangs on them still.

    CloudFormation tells of them for 90 days. Of several with one name it is the last.

    Source: AWS docs AWSCloudFormation/latest/APIReference/API_ListStacks.html and API_DescribeStackEvents.html
    """
    listed = yield from aws.pages(
        "cloudformation", "list_stacks", "StackSummaries[]", StackStatusFilter=["DELETE_COMPLETE"]
    )
    last = {each["StackName"]: each for each in sorted(listed, key=lambda each: each["DeletionTime"])}
    found: list[Resource] = []
    for name, each in sorted(last.items()):
        if name in known or not name.startswith(f"trainyard-{environment}-"):
            continue
        id_ = each["StackId"]
        (told,) = (yield from aws.call("cloudformation", "describe_stacks", StackName=id_))["Stacks"]
        if {"Key": "Environment", "Value": environment} not in told.get("Tags", ()):
            continue
        given = (yield from _template(aws, id_)).get("Resources", {})
        events = yield from aws.pages("cloudformation", "describe_stack_events", "StackEvents[]", StackName=id_)
        # The latest first, and the stack among them as one of its own resources.
        latest = {event["LogicalResourceId"]: event for event in reversed(events) if event.get("PhysicalResourceId")}
        found += [
            Resource(
                stack=name,
                logical_id=logical_id,
                type=event["ResourceType"],
                physical_id=event["PhysicalResourceId"],
                kept=given[logical_id].get("DeletionPolicy") in KEEPING,
                status=event["ResourceStatus"],
            )
            for logical_id, event in latest.items()
            if logical_id in given
        ]
    return found


def _imports(part: Any) -> Iterable[str]:
    match part:
        case {"Fn::ImportValue": str(name)}:
            yield name
        case dict():
            for each in part.values():
                yield from _imports(each)
        case list():
            for each in part:
                yield from _imports(each)
