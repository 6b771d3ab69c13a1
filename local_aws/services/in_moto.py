"""Operations that moto lacks on things that moto keeps, and operations on many of ours at once."""

from dataclasses import replace
from functools import partial
from typing import Any

from moto.backends import get_backend

from local_aws.errors import AwsError
from local_aws.front import Answer, Call, Front, Handler


def install(front: Front) -> None:
    """Lets them be answered."""
    front.handle("logs", "AssociateKmsKey", _associate_key)
    front.handle("logs", "DisassociateKmsKey", _disassociate_key)
    front.handle("logs", "CreateLogGroup", _create_log_group)
    front.handle("logs", "PutLogGroupDeletionProtection", _protect_log_group)
    front.check("logs", "DeleteLogGroup", _delete_no_protected_log_group)
    for bulk, single in _BULK.items():
        front.handle("batch", bulk, partial(_one_by_one, front.handlers["batch", single], single))


def _log_group(call: Call) -> Any:
    """A log group of moto, by its name or its ARN.

    Raises:
        AwsError: when there is none.
    """
    given = call.parameters
    identifier = given.get("logGroupName") or given.get("logGroupIdentifier") or given["resourceIdentifier"]
    group = _logs(call).groups.get(identifier.rpartition(":log-group:")[2])
    if group is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    return group


def _logs(call: Call) -> Any:
    return get_backend("logs")[call.account][call.region]


def _create_log_group(call: Call) -> Answer | None:
    """Moto makes it, but for its protection."""
    given = call.parameters
    if not given.get("deletionProtectionEnabled") or given["logGroupName"] in _logs(call).groups:
        return None
    made = _logs(call).create_log_group(given["logGroupName"], given.get("tags", {}), kmsKeyId=given.get("kmsKeyId"))
    made.deletion_protection = True
    return {}


def _protect_log_group(call: Call) -> Answer:
    _log_group(call).deletion_protection = call.parameters["deletionProtectionEnabled"]
    return {}


def _delete_no_protected_log_group(call: Call) -> None:
    """Refuses it; the code is the model's, the words are inferred.

    Source: AWS docs AmazonCloudWatch/latest/logs/protecting-log-groups-from-deletion.html
    """
    name = call.parameters["logGroupName"]
    if getattr(_logs(call).groups.get(name), "deletion_protection", False):
        raise AwsError("ValidationException", f"Log group {name} is protected from deletion.")


def _associate_key(call: Call) -> Answer:
    _log_group(call).kms_key_id = call.parameters["kmsKeyId"]
    return {}


def _disassociate_key(call: Call) -> Answer:
    _log_group(call).kms_key_id = None
    return {}


def _one_by_one(handler: Handler, single: str, call: Call) -> Answer:
    """Does for each job what the operation for one job does.

    A job that does not exist counts as done. Source: AWS docs batch/latest/APIReference/API_TerminateJobs.html.
    """
    jobs, reason = call.parameters["jobs"], call.parameters["reason"]
    if len(jobs) > 50:
        raise AwsError("ClientException", "There can be 50 jobs at most")
    successful, errors = [], []
    for job in jobs:
        try:
            handler(replace(call, operation=single, parameters={"jobId": job.rpartition("/")[2], "reason": reason}))
            successful.append(job)
        except AwsError as error:
            if "does not exist" in error.message:
                successful.append(job)
            else:
                errors.append({"job": job, "code": error.code, "message": error.message})
    return {"successful": successful, "errors": errors}


_BULK = {"CancelJobs": "CancelJob", "TerminateJobs": "TerminateJob", "TerminateServiceJobs": "TerminateServiceJob"}
