"""Stacks, their resources and their change sets, as CloudFormation shows them."""

import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local_aws.cloudformation.template import Template

Shape = dict[str, Any]
"""A structure of CloudFormation's API, by the names of botocore's model."""

STACK_TYPE = "AWS::CloudFormation::Stack"


def now() -> datetime:
    """The time of an event."""
    return datetime.now(UTC)


@dataclass
class StackResource:
    """One resource that a stack has made.

    Args:
        logical_id: its name in the template.
        type: its type.
        properties: its properties, resolved.
        tags: the stack's tags at that time.
        deletion_policy: what becomes of it when it leaves the stack.
        update_replace_policy: what becomes of it when another takes its place.
    """

    logical_id: str
    type: str
    properties: dict[str, Any]
    tags: dict[str, str] = field(default_factory=dict)
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    physical_id: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    status: str = ""
    reason: str | None = None
    changed: datetime = field(default_factory=now)

    def summary(self) -> Shape:
        """In the shape of ``StackResourceSummary``."""
        return {
            "LogicalResourceId": self.logical_id,
            "PhysicalResourceId": self.physical_id,
            "ResourceType": self.type,
            "LastUpdatedTimestamp": self.changed,
            "ResourceStatus": self.status,
            "ResourceStatusReason": self.reason,
            "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
        }


@dataclass
class Inputs:
    """What a stack is made of: a template, its parameters as given, and tags."""

    template: Template
    parameters: dict[str, str]
    tags: dict[str, str]
    capabilities: list[str] = field(default_factory=list)
    role_arn: str | None = None
    notification_arns: list[str] = field(default_factory=list)
    disable_rollback: bool = False


class Stack:
    """One stack.

    Args:
        name: its name.
        account: the account.
        region: the region.
        tags: the tags that it is made with.
    """

    def __init__(self, name: str, *, account: str, region: str, tags: dict[str, str]) -> None:
        self.name = name
        self.id = f"arn:aws:cloudformation:{region}:{account}:stack/{name}/{uuid.uuid4()}"
        self.created = now()
        self.updated: datetime | None = None
        self.deleted: datetime | None = None
        self.status = ""
        self.reason: str | None = None
        self.inputs: Inputs | None = None
        self.tags = tags
        self.protected = False
        self.shown_parameters: list[Shape] = []
        self.resources: dict[str, StackResource] = {}
        self.outputs: list[Shape] = []
        self.imports: set[str] = set()
        self.events: list[Shape] = []
        self.token: str | None = None
        self.busy = threading.Lock()
        """Held by the one operation that runs on the stack."""
        self._lock = threading.Lock()

    @property
    def gone(self) -> bool:
        """Whether it was deleted."""
        return self.status == "DELETE_COMPLETE"

    def exports(self) -> dict[str, str]:
        """Export name to value."""
        return {each["ExportName"]: each["OutputValue"] for each in self.outputs if "ExportName" in each}

    def say(self, status: str, reason: str | None = None) -> None:
        """Puts the stack into a state."""
        with self._lock:
            self.status, self.reason = status, reason
            self._record(self.name, self.id, STACK_TYPE, status, reason)

    def say_of(self, resource: StackResource, status: str, reason: str | None = None) -> None:
        """Puts one of its resources into a state."""
        with self._lock:
            resource.status, resource.reason, resource.changed = status, reason, now()
            self._record(resource.logical_id, resource.physical_id or "", resource.type, status, reason)

    def _record(self, logical_id: str, physical_id: str, kind: str, status: str, reason: str | None) -> None:
        event: Shape = {
            "StackId": self.id,
            "EventId": str(uuid.uuid4()),
            "StackName": self.name,
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": physical_id,
            "ResourceType": kind,
            "Timestamp": now(),
            "ResourceStatus": status,
        }
        if reason:
            event["ResourceStatusReason"] = reason
        if self.token:
            event["ClientRequestToken"] = self.token
        self.events.append(event)

    def description(self) -> Shape:
        """In the shape of ``Stack``."""
        shape: Shape = {
            "StackId": self.id,
            "StackName": self.name,
            "CreationTime": self.created,
            "LastUpdatedTime": self.updated,
            "DeletionTime": self.deleted,
            "StackStatus": self.status,
            "StackStatusReason": self.reason,
            "Parameters": self.shown_parameters,
            "Outputs": self.outputs,
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
            "EnableTerminationProtection": self.protected,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
            "RollbackConfiguration": {},
        }
        if self.inputs:
            shape |= {
                "Description": self.inputs.template.body.get("Description"),
                "Capabilities": self.inputs.capabilities,
                "NotificationARNs": self.inputs.notification_arns,
                "RoleARN": self.inputs.role_arn,
                "DisableRollback": self.inputs.disable_rollback,
            }
        return {key: value for key, value in shape.items() if value is not None}

    def summary(self) -> Shape:
        """In the shape of ``StackSummary``."""
        names = ("StackId", "StackName", "CreationTime", "LastUpdatedTime", "DeletionTime", "StackStatus")
        shape = self.description()
        described = {"TemplateDescription": shape["Description"]} if "Description" in shape else {}
        more = {name: shape[name] for name in (*names, "StackStatusReason", "DriftInformation") if name in shape}
        return more | described


@dataclass
class ChangeSet:
    """What a template would change in a stack."""

    name: str
    stack: Stack
    inputs: Inputs
    kind: str
    changes: list[Shape]
    description: str | None = None
    id: str = ""
    status: str = "CREATE_COMPLETE"
    execution_status: str = "AVAILABLE"
    reason: str | None = None
    created: datetime = field(default_factory=now)

    def __post_init__(self) -> None:
        prefix = self.stack.id.split(":stack/")[0]
        self.id = f"{prefix}:changeSet/{self.name}/{uuid.uuid4()}"

    def summary(self) -> Shape:
        """In the shape of ``ChangeSetSummary``."""
        shape: Shape = {
            "StackId": self.stack.id,
            "StackName": self.stack.name,
            "ChangeSetId": self.id,
            "ChangeSetName": self.name,
            "ExecutionStatus": self.execution_status,
            "Status": self.status,
            "StatusReason": self.reason,
            "CreationTime": self.created,
            "Description": self.description,
        }
        return {key: value for key, value in shape.items() if value is not None}

    def details(self) -> Shape:
        """In the shape of what ``DescribeChangeSet`` answers."""
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in self.inputs.parameters.items()]
        tags = [{"Key": key, "Value": value} for key, value in self.inputs.tags.items()]
        return self.summary() | {
            "Parameters": parameters,
            "Tags": tags,
            "Capabilities": self.inputs.capabilities,
            "Changes": self.changes,
        }
