"""Where moto answers wrong: the smallest changes that put it right."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from moto.backends import get_backend
from moto.batch.models import JobDefinition
from moto.batch.responses import BatchResponse
from moto.ec2.models.elastic_network_interfaces import NetworkInterfaceBackend
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.efs.models import MountTarget
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import SERVICE_NAME_CONVERSION, AWSManagedPolicy
from moto.logs.metric_filters import MetricFilters
from moto.logs.models import LogGroup
from moto.s3.models import FakeBucket, S3Backend

from local_aws.acting import acting
from local_aws.errors import AwsError
from local_aws.front import Answer, Call, Front


@contextmanager
def fixed(front: Front) -> Iterator[None]:
    """Puts moto right until the end of the block; a front is for one such block."""
    for (service, operation), handler in _HANDLERS.items():
        if (service, operation) not in front.handlers:
            front.handle(service, operation, handler)
    for operation in _NAMING_A_POLICY:
        front.check("iam", operation, _know_policy)
    with ExitStack() as patches:
        patches.enter_context(patch.dict(SERVICE_NAME_CONVERSION, {"batch": "Batch"}))
        for owner, name, wrapper in _WRAPPERS:
            wrapped = wrapper(getattr(owner, name))
            is_static = isinstance(vars(owner)[name], staticmethod)
            patches.enter_context(patch.object(owner, name, staticmethod(wrapped) if is_static else wrapped))
        yield


def _update_budget(call: Call) -> Answer:
    budgets = get_backend("budgets")[call.account]["aws"].budgets[call.parameters["AccountId"]]
    new = call.parameters["NewBudget"]
    name = new["BudgetName"]
    if name not in budgets:
        raise AwsError("NotFoundException", f"Unable to update budget: {name} - the budget doesn't exist.")
    budget = budgets[name].budget
    kept = {"TimePeriod": budget["TimePeriod"], "LastUpdatedTime": datetime.now().timestamp()}  # noqa: DTZ005 (as moto)
    budget.clear()
    budget.update({**kept, **new})
    return {}


def _delete_model_package_group(call: Call) -> Answer:
    groups = get_backend("sagemaker")[call.account][call.region].model_package_groups
    name = call.parameters["ModelPackageGroupName"]
    if groups.pop(name, None) is None:
        raise AwsError(
            "ValidationException", f"ModelPackageGroup {call.arn(f'model-package-group/{name}')} does not exist."
        )
    return {}


_HANDLERS: Mapping[tuple[str, str], Callable[[Call], Answer]] = {
    ("budgets", "UpdateBudget"): _update_budget,
    ("sagemaker", "DeleteModelPackageGroup"): _delete_model_package_group,
}
"""What moto lacks, unless somebody else answers it."""


_NAMING_A_POLICY = ("AttachGroupPolicy", "AttachRolePolicy", "AttachUserPolicy", "GetPolicy", "GetPolicyVersion")


def _know_policy(call: Call) -> None:
    """Moto knows all of AWS's own policies or none, and all of them take it seconds: it learns them one by one."""
    arn = str(call.parameters.get("PolicyArn"))
    backend = get_backend("iam")[call.account]["aws"]
    name = arn.rpartition("/")[2]
    if arn in backend.managed_policies or name not in _policies_of_aws():
        return
    policy = AWSManagedPolicy.from_data(name, call.account, "us-east-1", _policies_of_aws()[name])
    if policy.arn == arn:
        backend.managed_policies[arn] = policy


@cache
def _policies_of_aws() -> dict[str, Any]:
    policies: dict[str, Any] = json.loads(aws_managed_policies_data)
    return policies


Method = Callable[..., Any]


def _unconditional_permission(_: Method) -> Method:
    """Moto reads no conditions: a policy that denies requests without TLS would deny them all."""

    def get_permission(self: FakeBucket, action: str, resource: str) -> PermissionResult:
        if self.policy is None:
            return PermissionResult.NEUTRAL
        document = json.loads(self.policy)
        statements = document["Statement"]
        document["Statement"] = [
            each for each in (statements if isinstance(statements, list) else [statements]) if "Condition" not in each
        ]
        return IAMPolicy(json.dumps(document)).is_action_permitted(action, resource)

    return get_permission


def _of_any_resource(original: Method) -> Method:
    """Moto takes the permission to deliver logs only from a statement whose resource is no list."""

    def log_permissions_enabled_policy(*, target_bucket: FakeBucket, target_prefix: str | None) -> Any:
        policy = target_bucket.policy
        if policy is None:
            return False
        document = json.loads(policy)
        document["Statement"] = [
            {**each, "Resource": resource}
            for each in document["Statement"]
            for resource in ([each["Resource"]] if isinstance(each["Resource"], str) else each["Resource"])
        ]
        # Not the bucket itself, which others read meanwhile.
        alike = SimpleNamespace(
            name=target_bucket.name, partition=target_bucket.partition, policy=json.dumps(document).encode()
        )
        return original(target_bucket=alike, target_prefix=target_prefix)

    return log_permissions_enabled_policy


def _delivering_later(_: Method) -> Method:
    """Moto writes a request into the log before it answers it. AWS takes hours, longer than anything lasts here.

    Source: AWS docs AmazonS3/latest/userguide/ServerLogs.html
    """

    def log_incoming_request(*_: object) -> None:
        return None

    return log_incoming_request


def _without_ports(original: Method) -> Method:
    """Moto demands ports of every protocol that has a number, as ESP."""

    def init(
        self: SecurityGroupRule,
        ec2_backend: Any,
        ip_protocol: str,
        group_id: str,
        from_port: Any,
        to_port: Any,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        original(self, ec2_backend, ip_protocol, group_id, from_port or 0, to_port or 0, *args, **kwargs)
        if from_port is None:
            self.from_port = self.to_port = None

    return init


def _keeping_priority(original: Method) -> Method:
    """Moto forgets the scheduling priority of a job definition."""

    def respond(self: BatchResponse) -> Any:
        answer = original(self)
        made = self.batch_backend.get_job_definition(json.loads(answer)["jobDefinitionArn"])
        vars(made)["priority"] = self._get_param("schedulingPriority")
        return answer

    return respond


def _showing_nodes(original: Method) -> Method:
    """Moto does not show a job definition's nodes."""

    def describe(self: JobDefinition) -> dict[str, Any]:
        more = {"nodeProperties": self.node_properties, "schedulingPriority": getattr(self, "priority", None)}
        return {**original(self), **{key: value for key, value in more.items() if value is not None}}

    return describe


def _replacing_filter(original: Method) -> Method:
    """Moto keeps the old metric filter of a name beside the new one."""

    def add_filter(self: MetricFilters, filter_name: str, filter_pattern: str, log_group_name: str, *args: Any) -> None:
        self.delete_filter(filter_name, log_group_name)
        original(self, filter_name, filter_pattern, log_group_name, *args)

    return add_filter


def _showing_protection(original: Method) -> Method:
    """Moto knows no protection of log groups from deletion."""

    def to_describe_dict(self: LogGroup) -> dict[str, Any]:
        return {**original(self), "deletionProtectionEnabled": getattr(self, "deletion_protection", False)}

    return to_describe_dict


def _in_use_by_its_service(original: Method) -> Method:
    """Moto makes the interfaces of services as if a person had made them.

    Source: AWS docs AWSEC2/latest/UserGuide/requester-managed-eni.html
    """

    def create_network_interface(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(self, *args, **kwargs)
        if service := acting():
            _use(made, service)
        return made

    return create_network_interface


def _in_use_by_efs(original: Method) -> Method:
    def set_network_interface(self: MountTarget, network_interface: Any) -> None:
        original(self, network_interface)
        _use(network_interface, "efs")

    return set_network_interface


def _use(interface: Any, service: str) -> None:
    interface.requester_managed, interface.requester_id, interface.status = True, f"amazon-{service}", "in-use"


_WRAPPERS: tuple[tuple[Any, str, Callable[[Method], Method]], ...] = (
    (FakeBucket, "get_permission", _unconditional_permission),
    (FakeBucket, "_log_permissions_enabled_policy", _of_any_resource),
    (S3Backend, "log_incoming_request", _delivering_later),
    (SecurityGroupRule, "__init__", _without_ports),
    (BatchResponse, "registerjobdefinition", _keeping_priority),
    (MetricFilters, "add_filter", _replacing_filter),
    (LogGroup, "to_describe_dict", _showing_protection),
    (NetworkInterfaceBackend, "create_network_interface", _in_use_by_its_service),
    (MountTarget, "set_network_interface", _in_use_by_efs),
    (JobDefinition, "describe", _showing_nodes),
)
