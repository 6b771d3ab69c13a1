"""Stacks: in which order they go, and how one goes whatever state it is in.

Source: AWS docs AWSCloudFormation/latest/UserGuide/troubleshooting.html (delete stack fails)
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from botocore.exceptions import ClientError

from operations.teardown.aws import Aws, code_of, message_of
from operations.teardown.schedule import StepError, Waits
from operations.teardown.scope import Scope, Stack

POLL = 15.0
"""Seconds between two looks at a stack."""
ATTEMPTS = 6
"""Deletions of one stack: interfaces of what was deleted stay for a quarter of an hour, and hold groups and subnets."""
BETWEEN = 300.0
"""Seconds from a deletion that failed to the next one."""
MINUTES = 360
"""After how long a stack that is busy is given up."""
IN_USE = "in use by"
"""What CloudFormation says of an export that others import: the stack stays as it was, and waiting does not help."""

NEVER_WITH = ("AWS::Batch::", "AWS::EC2::VPCEndpoint", "AWS::FSx::", "AWS::SageMaker::Mlflow")
"""Types that a kept thing may name and does not need: they go, as they cost money."""
SAYS_NO_MORE = ("AWS::IAM::ManagedPolicy", "AWS::SageMaker::NotebookInstanceLifecycleConfig")
"""Types whose references are names in a text, and no use of what they name."""


def users(scope: Scope) -> dict[str, frozenset[str]]:
    """Stack to those that use its exports, and so must go before it."""
    return {
        stack.name: frozenset(other.name for other in scope.stacks if other.imports & stack.exports and other != stack)
        for stack in scope.stacks
    }


def needed_by(scope: Scope, kept: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """What resources that are kept need, and AWS therefore does not delete: stack and logical id of each.

    Args:
        scope: the environment.
        kept: stack and logical id of resources that are kept.
    """
    exports = {
        output["Export"]["Name"]: (stack.name, output["Value"])
        for stack in scope.stacks
        for output in stack.template.get("Outputs", {}).values()
        if isinstance(output.get("Export", {}).get("Name"), str)
    }
    resources = {
        (stack.name, logical_id): resource
        for stack in scope.stacks
        for logical_id, resource in stack.template.get("Resources", {}).items()
    }
    found: set[tuple[str, str]] = set()
    new = set(kept)
    while new:
        found |= new
        new = {
            target
            for each in new
            if each in resources and not resources[each]["Type"].startswith(SAYS_NO_MORE)
            for target in _needs(each[0], resources[each], exports)
            if target in resources and not resources[target]["Type"].startswith(NEVER_WITH)
        } - found
    return found - set(kept)


def _needs(stack: str, resource: dict[str, Any], exports: dict[str, tuple[str, Any]]) -> Iterable[tuple[str, str]]:
    yield from _references(stack, resource.get("Properties", {}), exports)
    # A space names its person as text, and says by this that it needs the profile.
    before = resource.get("DependsOn", [])
    yield from ((stack, name) for name in ([before] if isinstance(before, str) else before))


def _references(stack: str, part: Any, exports: dict[str, tuple[str, Any]]) -> Iterable[tuple[str, str]]:
    match part:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            yield stack, name
        case {"Fn::ImportValue": str(name)} if name in exports:
            yield from _references(*exports[name], exports)
        case dict():
            for each in part.values():
                yield from _references(stack, each, exports)
        case list():
            for each in part:
                yield from _references(stack, each, exports)


def remove(aws: Aws, stack: Stack, may_stay: Collection[str], told: Callable[[str, str], None]) -> Waits:
    """Deletes a stack, from whatever state it is in.

    Args:
        aws: the account.
        stack: the stack.
        may_stay: logical ids of resources that stay if AWS refuses to delete them, because something kept needs them.
        told: called with the name of the stack and its status whenever that changes.

    Raises:
        StepError: when it cannot be deleted, with the resources that hold it.
    """
    shown, attempts, waited, started = "", 0, 0, aws.clock.now()
    while True:
        status, reason = yield from _status(aws, stack)
        if status == "DELETE_COMPLETE":
            break
        if status != shown:
            told(stack.name, status)
            shown = status
        if aws.clock.now() - started > MINUTES * 60:
            raise StepError(f"stack {stack.name}: still {status} after {MINUTES} minutes")
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            yield POLL
            continue
        held = (yield from _held(aws, stack)) if status == "DELETE_FAILED" and attempts else {}
        # A deletion that CloudFormation gave up need not end in DELETE_FAILED, and need not name a resource.
        if attempts and not (held and held.keys() <= set(may_stay)):
            if attempts == ATTEMPTS or IN_USE in reason:
                raise StepError(_not_deleted(stack, status, reason, held))
            if waited < attempts:
                waited = attempts
                yield BETWEEN
                continue
            held = {}
        attempts += 1
        yield from _delete(aws, stack, list(held))
        yield POLL
    told(stack.name, "gone")


def _delete(aws: Aws, stack: Stack, staying: list[str]) -> Waits:
    if stack.protected:
        yield from aws.call(
            "cloudformation", "update_termination_protection", StackName=stack.id, EnableTerminationProtection=False
        )
    retained = {"RetainResources": staying} if staying else {}
    try:
        yield from aws.call("cloudformation", "delete_stack", StackName=stack.id, **retained)
    except ClientError as error:
        raise StepError(f"stack {stack.name}: not deleted: {code_of(error)}: {message_of(error)}") from None


def _not_deleted(stack: Stack, status: str, reason: str, held: dict[str, str]) -> str:
    if held:
        return f"stack {stack.name}: not deleted, held by {_shown(held)}"
    return f"stack {stack.name}: not deleted: {status}: {reason}"


def _status(aws: Aws, stack: Stack) -> Waits:
    """Status and its reason, by its ARN: by its name, one that is deleted could not be told from one that never was."""
    try:
        answer = yield from aws.call("cloudformation", "describe_stacks", StackName=stack.id)
    except ClientError as error:
        if code_of(error) == "ValidationError" and "does not exist" in message_of(error):
            return "DELETE_COMPLETE", ""
        raise
    told = answer["Stacks"][0]
    return told["StackStatus"], " ".join(told.get("StackStatusReason", "").split())


def _held(aws: Aws, stack: Stack) -> Waits:
    """Logical id to reason, of the resources that could not be deleted."""
    found = yield from aws.pages(
        "cloudformation", "list_stack_resources", "StackResourceSummaries[]", StackName=stack.id
    )
    return {
        each["LogicalResourceId"]: " ".join(each.get("ResourceStatusReason", "").split())
        for each in found
        if each["ResourceStatus"] == "DELETE_FAILED"
    }


def _shown(held: dict[str, str]) -> str:
    return "; ".join(f"{name} ({reason})" for name, reason in sorted(held.items()))
