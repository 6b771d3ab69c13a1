"""Closes an environment: nobody starts or makes anything in it any more, and what runs goes on.

All roles of an environment have one permissions boundary. A Deny in it binds them all at once, whatever policies they
have; operators have no such boundary.

Source: AWS docs IAM/latest/UserGuide/access_policies_boundaries.html; access_policies_managed-versioning.html
"""

import json
from typing import Any

from botocore.exceptions import ClientError

from operations.teardown.aws import Aws, code_of, message_of
from operations.teardown.inventory import Inventory
from operations.teardown.journal import Journal
from operations.teardown.policy import Policy
from operations.teardown.schedule import StepError, Waits
from operations.teardown.scope import Json, Resource, Scope, Stack
from operations.teardown.stages import INTAKE, Stage, Things, Told
from trainyard.lengths import MAX_POLICY

SID = "TeardownClosedTheIntake"
"""By which the statement is known again."""

STARTS = (
    *("sagemaker:Create*", "sagemaker:Start*", "sagemaker:RetryPipelineExecution"),
    *("sagemaker:UpdateEndpoint*", "sagemaker:UpdateInferenceComponent*"),
    *("batch:SubmitJob", "batch:SubmitServiceJob", "batch:RegisterJobDefinition"),
)
"""What starts or makes something, links to sign in with among it.

Neither what jobs need to end nor what a backup needs: objects, logs, keys and network interfaces.
"""
CLOSED = {"Sid": SID, "Effect": "Deny", "Action": list(STARTS), "Resource": "*"}

SETTLES = 15.0
"""Seconds until a change of a policy has reached all that ask for it."""


def stage(journal: Journal) -> Stage:
    """The stage before all others.

    Args:
        journal: with which versions of the boundaries a run closed it.
    """

    def finds(inventory: Inventory, _things: Things, _policy: Policy) -> Waits:
        known = _closed(journal)
        found = []
        for arn in boundaries(inventory.scope):
            versions, document = yield from _look(inventory.aws, arn)
            if versions and (len(versions) > 1 or not _is_closed(document) or known.get(arn) != versions[0]):
                found.append(arn)
        return found

    def work(inventory: Inventory, _policy: Policy, told: Told) -> Waits:
        for arn in boundaries(inventory.scope):
            if (yield from _set(inventory.aws, arn, closed=True)):
                told(arn, "closed")
        versions = yield from _versions(inventory.aws, inventory.scope)
        closed = {arn: version for arn, version in versions.items() if version}
        if closed != _closed(journal):
            journal.write(closed=closed)

    return Stage(INTAKE, frozenset(), finds, work)


def since_closed(aws: Aws, scope: Scope, journal: Journal) -> Waits:
    """What was written down since a run closed the intake; nothing when it is, or was, opened again by anybody.

    IAM gives no two versions of a policy one id.
    """
    known = _closed(journal)
    if any(known.get(arn) != version for arn, version in (yield from _versions(aws, scope)).items()):
        return []
    entries = journal.entries()
    return entries[max((index for index, each in enumerate(entries, 1) if "closed" in each), default=0) :]


def _closed(journal: Journal) -> dict[str, str]:
    """The version of each boundary with which a run closed it last."""
    return next((each["closed"] for each in reversed(journal.entries()) if "closed" in each), {})


def _versions(aws: Aws, scope: Scope) -> Waits:
    """The default version of each boundary that is there; empty of one that is open."""
    found = {}
    for arn in boundaries(scope):
        versions, document = yield from _look(aws, arn)
        if versions:
            found[arn] = versions[0] if _is_closed(document) else ""
    return found


def reopen(aws: Aws, scope: Scope, told: Told) -> Waits:
    """The way back, while the stacks are there: boundaries and queues as they were; gives what could not be done."""
    for arn in boundaries(scope):
        if (yield from _set(aws, arn, closed=False)):
            told(arn, "open")
    return (yield from _enable(aws, scope, told))


def _enable(aws: Aws, scope: Scope, told: Told) -> Waits:
    """Lets queues take jobs that are deployed so."""
    wanted = [
        each.physical_id
        for stack in scope.stacks
        for each in stack.resources
        if each.type == "AWS::Batch::JobQueue" and _state(stack, each) == "ENABLED"
    ]
    failed = []
    listed = aws.pages("batch", "describe_job_queues", "jobQueues[]", jobQueues=wanted)
    for each in (yield from listed) if wanted else []:
        name = each["jobQueueName"]
        if each["state"] == "ENABLED":
            continue
        try:
            yield from aws.call("batch", "update_job_queue", jobQueue=name, state="ENABLED")
        except ClientError as error:
            failed.append(f"{name}: takes no jobs: it is {each['status']}: {message_of(error)}")
        else:
            told(name, "takes jobs")
    return failed


def _state(stack: Stack, queue: Resource) -> str:
    """What the template says of a queue."""
    properties = stack.template.get("Resources", {}).get(queue.logical_id, {}).get("Properties", {})
    return str(properties.get("State", "ENABLED"))


def boundaries(scope: Scope) -> list[str]:
    """ARNs of the policies that are the boundary of a role.

    But for one that is also the role's only policy, the auditor's: whoever has it starts nothing.
    """
    found = set()
    for stack in scope.stacks:
        for resource in stack.template.get("Resources", {}).values():
            properties = resource.get("Properties", {})
            named = properties.get("PermissionsBoundary")
            if resource["Type"] == "AWS::IAM::Role" and named and named not in properties.get("ManagedPolicyArns", ()):
                found.add(_physical_id(scope, stack.name, named))
    return sorted(found - {""})


def _physical_id(scope: Scope, stack: str, value: Any) -> str:
    """What a reference to a resource becomes; empty when that is not there."""
    match value:
        case {"Ref": str(name)}:
            ids = (each.physical_id for each in scope.resources if (each.stack, each.logical_id) == (stack, name))
            return next(ids, "")
        case {"Fn::ImportValue": str(export)}:
            for other in scope.stacks:
                for output in other.template.get("Outputs", {}).values():
                    if output.get("Export", {}).get("Name") == export:
                        return _physical_id(scope, other.name, output["Value"])
    return ""


def _is_closed(document: Json) -> bool:
    return any(each.get("Sid") == SID for each in document["Statement"])


def _look(aws: Aws, arn: str) -> Waits:
    """The versions of a policy, by id, and the document of the default one; nothing of a policy that is not there."""
    try:
        versions = yield from aws.pages("iam", "list_policy_versions", "Versions[]", PolicyArn=arn)
        default = next(each["VersionId"] for each in versions if each["IsDefaultVersion"])
        answer = yield from aws.call("iam", "get_policy_version", PolicyArn=arn, VersionId=default)
    except ClientError as error:
        if code_of(error) != "NoSuchEntity":
            raise
        return [], {}
    others = [each["VersionId"] for each in versions if each["VersionId"] != default]
    return [default, *others], answer["PolicyVersion"]["Document"]


def _set(aws: Aws, arn: str, *, closed: bool) -> Waits:
    """Makes a policy's only version one that is closed, or open; gives whether there was anything to do.

    Only one version stays: a policy has five at most, and one with several is not deleted.
    """
    versions, document = yield from _look(aws, arn)
    if not versions:
        return False
    default, *others = versions
    yield from _forget(aws, arn, others)
    if _is_closed(document) is closed:
        return bool(others)
    statements = [each for each in document["Statement"] if each.get("Sid") != SID]
    text = json.dumps({**document, "Statement": [*statements, *([CLOSED] if closed else [])]}, separators=(",", ":"))
    if len(text) > MAX_POLICY:
        raise StepError(f"policy {arn}: {len(text)} characters with the Deny, IAM takes {MAX_POLICY}: shorten it")
    made = yield from aws.call("iam", "create_policy_version", PolicyArn=arn, PolicyDocument=text, SetAsDefault=True)
    # Looked at again: there are two new ones when the answer to the first call was lost.
    versions, _ = yield from _look(aws, arn)
    yield from _forget(aws, arn, sorted({default, *versions} - {made["PolicyVersion"]["VersionId"]}))
    yield SETTLES
    return True


def _forget(aws: Aws, arn: str, versions: list[str]) -> Waits:
    for each in versions:
        try:
            yield from aws.call("iam", "delete_policy_version", PolicyArn=arn, VersionId=each)
        except ClientError as error:
            if code_of(error) != "NoSuchEntity":
                raise
