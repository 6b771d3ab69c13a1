"""Where moto answers wrong: the smallest changes that put it right."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch

from moto.backends import get_backend
from moto.batch.models import BatchBackend, JobDefinition, JobQueue
from moto.batch.responses import BatchResponse
from moto.iam.exceptions import NotFoundException
from moto.iam.models import SERVICE_NAME_CONVERSION
from moto.logs.metric_filters import MetricFilters
from moto.s3.models import FakeBucket, S3Backend

from local_aws.errors import AwsError
from local_aws.front import Answer, Call, Front


@contextmanager
def fixed(front: Front) -> Iterator[None]:
    """Puts moto right until the end of the block; a front is for one such block."""
    front.handle("budgets", "UpdateBudget", _update_budget)
    with ExitStack() as patches:
        patches.enter_context(patch.dict(SERVICE_NAME_CONVERSION, {"batch": "Batch"}))
        for owner, name, wrapper in _WRAPPERS:
            wrapped = wrapper(getattr(owner, name))
            is_static = isinstance(vars(owner)[name], staticmethod)
            patches.enter_context(patch.object(owner, name, staticmethod(wrapped) if is_static else wrapped))
        yield


def _update_budget(call: Call) -> Answer:
    """Moto lacks it."""
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


Method = Callable[..., Any]


def _unconditional_permission(original: Method) -> Method:
    """Moto reads no conditions: a policy that denies requests without TLS would deny them all."""

    def get_permission(self: FakeBucket, action: str, resource: str) -> Any:
        policy = self.policy
        if policy is None:
            return original(self, action, resource)
        document = json.loads(policy)
        statements = document["Statement"]
        document["Statement"] = [
            each for each in (statements if isinstance(statements, list) else [statements]) if "Condition" not in each
        ]
        with patch.object(self, "policy", json.dumps(document).encode()):
            return original(self, action, resource)

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
        with patch.object(target_bucket, "policy", json.dumps(document).encode()):
            return original(target_bucket=target_bucket, target_prefix=target_prefix)

    return log_permissions_enabled_policy


def _delivering_later(_: Method) -> Method:
    """Moto writes a request into the log before it answers it. AWS takes hours, longer than anything lasts here.

    Source: AWS docs AmazonS3/latest/userguide/ServerLogs.html
    """

    def log_incoming_request(*_: object) -> None:
        return None

    return log_incoming_request


def _with_service_role(original: Method) -> Method:
    """Moto demands a role; AWS takes its own when the request has none.

    Source: AWS docs "Using service-linked roles for AWS Batch".
    """

    def create_compute_environment(self: BatchBackend, *args: Any, service_role: str | None, **kwargs: Any) -> Any:
        return original(self, *args, service_role=service_role or _batch_role(self), **kwargs)

    return create_compute_environment


def _batch_role(backend: BatchBackend) -> str:
    try:
        role = backend.iam_backend.get_role("AWSServiceRoleForBatch")
    except NotFoundException:
        role = backend.iam_backend.create_service_linked_role("batch.amazonaws.com", "", "")
    return str(role.arn)


def _changing_resources(original: Method) -> Method:
    """Moto forgets what an update of an environment says of its resources."""

    def update_compute_environment(self: BatchBackend, *args: Any, compute_resources: Any, **kwargs: Any) -> Any:
        name, arn = original(self, *args, compute_resources=compute_resources, **kwargs)
        environment = self.get_compute_environment(arn)
        if environment is not None and compute_resources:
            environment.compute_resources.update(compute_resources)
        return name, arn

    return update_compute_environment


def _keeping_limits(original: Method) -> Method:
    """Moto forgets the time limits of a queue's jobs."""

    def respond(self: BatchResponse) -> Any:
        answer = original(self)
        limits = self._get_param("jobStateTimeLimitActions")
        if limits is not None:
            vars(self.batch_backend.get_job_queue(json.loads(answer)["jobQueueArn"]))["limits"] = limits
        return answer

    return respond


def _showing_limits(original: Method) -> Method:
    def describe(self: JobQueue) -> dict[str, Any]:
        return {**original(self), "jobStateTimeLimitActions": getattr(self, "limits", [])}

    return describe


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


_WRAPPERS: tuple[tuple[Any, str, Callable[[Method], Method]], ...] = (
    (FakeBucket, "get_permission", _unconditional_permission),
    (FakeBucket, "_log_permissions_enabled_policy", _of_any_resource),
    (S3Backend, "log_incoming_request", _delivering_later),
    (BatchBackend, "create_compute_environment", _with_service_role),
    (BatchBackend, "update_compute_environment", _changing_resources),
    (BatchResponse, "createjobqueue", _keeping_limits),
    (BatchResponse, "updatejobqueue", _keeping_limits),
    (BatchResponse, "registerjobdefinition", _keeping_priority),
    (MetricFilters, "add_filter", _replacing_filter),
    (JobQueue, "describe", _showing_limits),
    (JobDefinition, "describe", _showing_nodes),
)
