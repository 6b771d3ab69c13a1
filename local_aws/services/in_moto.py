"""Operations that moto lacks on things that moto keeps."""

from collections.abc import Callable
from functools import partial
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from moto.backends import get_backend
from moto.batch.models import JobQueue

from local_aws.clients import Clients
from local_aws.errors import AwsError
from local_aws.front import Answer, Call, Front


def install(front: Front, clients: Callable[[str], Clients]) -> None:
    """Lets them be answered."""
    front.handle("logs", "AssociateKmsKey", _associate_key)
    front.handle("logs", "DisassociateKmsKey", _disassociate_key)
    batch = _Batch(clients)
    front.handle("batch", "CreateJobQueue", batch.create_queue)
    front.handle("batch", "UpdateJobQueue", batch.update_queue)
    for bulk, single in _BULK.items():
        front.handle("batch", bulk, partial(batch.one_by_one, xform_name(single)))


def _log_group(call: Call) -> Any:
    """A log group of moto, by its name or its ARN.

    Raises:
        AwsError: when there is none.
    """
    given = call.parameters
    name = given.get("logGroupName") or given["resourceIdentifier"].partition(":log-group:")[2]
    group = get_backend("logs")[call.account][call.region].groups.get(name)
    if group is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    return group


def _associate_key(call: Call) -> Answer:
    _log_group(call).kms_key_id = call.parameters["kmsKeyId"]
    return {}


def _disassociate_key(call: Call) -> Answer:
    _log_group(call).kms_key_id = None
    return {}


class _ServiceQueue(JobQueue):
    """A job queue of service environments."""

    def __init__(self, call: Call, backend: Any) -> None:
        given = call.parameters
        super().__init__(
            given["jobQueueName"],
            given["priority"],
            given.get("state", "ENABLED"),
            [],
            [],
            given.get("schedulingPolicyArn"),
            backend,
            given.get("tags"),
        )
        self.type = given.get("jobQueueType", "SAGEMAKER_TRAINING")
        self.service_environments = given["serviceEnvironmentOrder"]
        self.limits = given.get("jobStateTimeLimitActions", [])

    def describe(self) -> dict[str, Any]:
        """As moto's, with what it lacks."""
        more = {"jobQueueType": self.type, "serviceEnvironmentOrder": self.service_environments}
        return {**super().describe(), **more}


class _Batch:
    def __init__(self, clients: Callable[[str], Clients]) -> None:
        self._clients = clients

    def create_queue(self, call: Call) -> Answer | None:
        """Moto knows no queues of service environments; the others are its own."""
        given = call.parameters
        if not given.get("serviceEnvironmentOrder"):
            return None
        if given.get("computeEnvironmentOrder"):
            raise AwsError(
                "ClientException", "serviceEnvironmentOrder and computeEnvironmentOrder cannot both be specified"
            )
        backend = get_backend("batch")[call.account][call.region]
        if backend.get_job_queue_by_name(given["jobQueueName"]):
            raise AwsError("ClientException", f"Job queue {given['jobQueueName']} already exists")
        self._name_by_arn(call)
        queue = _ServiceQueue(call, backend)  # type: ignore[abstract]  # so is moto's own
        backend._job_queues[queue.arn] = queue  # noqa: SLF001 (moto has no other way in)
        return {"jobQueueName": queue.name, "jobQueueArn": queue.arn}

    def update_queue(self, call: Call) -> Answer | None:
        """Changes what moto does not know, and leaves the rest to it."""
        queue = get_backend("batch")[call.account][call.region].get_job_queue(call.parameters["jobQueue"])
        if isinstance(queue, _ServiceQueue) and "serviceEnvironmentOrder" in call.parameters:
            self._name_by_arn(call)
            queue.service_environments = call.parameters["serviceEnvironmentOrder"]
        return None

    def one_by_one(self, single: str, call: Call) -> Answer:
        """Does for each job what the operation for one job does.

        A job that does not exist counts as done. Source: AWS docs batch/latest/APIReference/API_TerminateJobs.html.
        """
        jobs, reason = call.parameters["jobs"], call.parameters["reason"]
        if len(jobs) > 50:
            raise AwsError("ClientException", "There can be 50 jobs at most")
        successful, errors = [], []
        for job in jobs:
            try:
                getattr(self._client(call), single)(jobId=job.rpartition("/")[2], reason=reason)
                successful.append(job)
            except ClientError as error:
                told = error.response["Error"]
                if "does not exist" in told["Message"]:
                    successful.append(job)
                else:
                    errors.append({"job": job, "code": told["Code"], "message": told["Message"]})
        return {"successful": successful, "errors": errors}

    def _name_by_arn(self, call: Call) -> None:
        """Names the service environments by their ARNs, as AWS does.

        Raises:
            AwsError: when one does not exist.
        """
        for each in call.parameters["serviceEnvironmentOrder"]:
            wanted = each["serviceEnvironment"]
            answer = self._client(call).describe_service_environments(serviceEnvironments=[wanted])
            if not answer["serviceEnvironments"]:
                raise AwsError("ClientException", f"Service environment {wanted} does not exist")
            each["serviceEnvironment"] = answer["serviceEnvironments"][0]["serviceEnvironmentArn"]

    def _client(self, call: Call) -> Any:
        return self._clients(call.region).client("batch")


_BULK = {"CancelJobs": "CancelJob", "TerminateJobs": "TerminateJob", "TerminateServiceJobs": "TerminateServiceJob"}
