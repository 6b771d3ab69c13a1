"""Custom resources: what CloudFormation does for ``Custom::*`` and ``AWS::CloudFormation::CustomResource``.

The CDK's own are done natively, Python Lambda functions run in a process of their own, also behind the CDK's provider
framework; all others are refused by name.

Source: AWS docs AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from local_aws import cdk_handlers, lambda_functions
from local_aws.clients import Clients
from local_aws.errors import ResourceError
from local_aws.lambda_functions import CannotRunError, Function

Event = dict[str, Any]
Answer = Mapping[str, Any]

CREATE_FAILED = "AWSCDK::CustomResourceProviderFramework::CREATE_FAILED"
"""The physical id with which the CDK marks what it could not create: its deletion does nothing."""

POLL_SECONDS = 5
POLL_ATTEMPTS = 360
"""How often and how long the CDK's provider framework asks whether a resource is complete: for 30 minutes."""


def run(
    *,
    request_type: str,
    resource_type: str,
    service_token: str,
    properties: Mapping[str, Any],
    old_properties: Mapping[str, Any] | None,
    physical_id: str | None,
    stack_id: str,
    logical_id: str,
    clients: Clients,
) -> tuple[str, dict[str, Any]]:
    """The physical id and the attributes of a custom resource, after its program did what it is asked.

    Args:
        request_type: ``Create``, ``Update`` or ``Delete``.
        resource_type: as ``Custom::Thing``.
        service_token: the ARN of its Lambda function.
        properties: its properties.
        old_properties: those before an update.
        physical_id: the one it has, unless it is created.
        stack_id: the ARN of the stack.
        logical_id: its name in the template.
        clients: clients of the stack's region.

    Raises:
        ResourceError: when the program fails, or does not run here.
    """
    event: Event = {
        "RequestType": request_type,
        "RequestId": str(uuid.uuid4()),
        "ServiceToken": service_token,
        "StackId": stack_id,
        "LogicalResourceId": logical_id,
        "ResourceType": resource_type,
        "ResourceProperties": _texts(properties),
    }
    if physical_id is not None:
        event["PhysicalResourceId"] = physical_id
    if request_type == "Update":
        event["OldResourceProperties"] = _texts(old_properties or {})
    try:
        return _made(event, _answer(event, clients))
    except CannotRunError as error:
        raise ResourceError(f"{resource_type} {logical_id} does not run here: {error}") from error


def _texts(value: Any) -> Any:
    """CloudFormation sends numbers and booleans as text."""
    match value:
        case Mapping():
            return {key: _texts(each) for key, each in value.items()}
        case list():
            return [_texts(each) for each in value]
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
    return value


def _made(event: Event, answer: Answer) -> tuple[str, dict[str, Any]]:
    physical_id = answer.get("PhysicalResourceId")
    if answer.get("Status") != "SUCCESS":
        raise ResourceError(
            f"Received response status [{answer.get('Status')}] from custom resource. Message returned: "
            f"{answer.get('Reason')} (RequestId: {event['RequestId']})",
            physical_id,
        )
    if not isinstance(physical_id, str) or not physical_id:
        raise ResourceError("Invalid PhysicalResourceId")
    return physical_id, dict(answer.get("Data") or {})


def _answer(event: Event, clients: Clients) -> Answer:
    if handler := cdk_handlers.HANDLERS.get(event["ResourceType"]):
        return _of_cdk(event, lambda: handler(event, clients) or {})
    if event["ServiceToken"].startswith("arn:aws:sns:"):
        raise CannotRunError("its service token is an SNS topic")
    function = lambda_functions.find(event["ServiceToken"])
    if "USER_ON_EVENT_FUNCTION_ARN" in function.environment:
        return _of_cdk(event, lambda: _of_framework(event, function, clients))
    outcome = lambda_functions.invoke(function, event, clients.endpoint)
    if outcome.answer is None:
        raise ResourceError(
            "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId "
            f"[{event['RequestId']}]." + (f" {outcome.error}" if outcome.error else "")
        )
    answer: Answer = outcome.answer
    return answer


def _of_cdk(event: Event, handler: Callable[[], Answer]) -> Answer:
    """The answer that the CDK's entry point makes of what a handler returns.

    Source: aws-cdk-lib, custom-resource-handlers/dist/core/nodejs-entrypoint-handler
    """
    known = event.get("PhysicalResourceId")
    if event["RequestType"] == "Delete" and known == CREATE_FAILED:
        return {"Status": "SUCCESS", "PhysicalResourceId": known}
    try:
        returned = handler()
        physical_id = returned.get("PhysicalResourceId") or known or event["RequestId"]
        if event["RequestType"] == "Delete" and physical_id != known:
            raise _FailedError(
                f'DELETE: cannot change the physical resource ID from "{known}" to "{physical_id}" during deletion'
            )
    except (ClientError, _FailedError) as error:
        return {"Status": "FAILED", "Reason": str(error), "PhysicalResourceId": known or CREATE_FAILED}
    return {"Status": "SUCCESS", "PhysicalResourceId": physical_id, "Data": returned.get("Data")}


class _FailedError(Exception):
    """What a function of the CDK's provider framework failed with."""


def _of_framework(event: Event, framework: Function, clients: Clients) -> Answer:
    """What the user's functions behind the CDK's provider framework return.

    Source: aws-cdk-lib, custom-resources/lib/provider-framework/runtime/framework.js
    """
    returned = _call(framework.environment["USER_ON_EVENT_FUNCTION_ARN"], event, clients)
    physical_id = returned.get("PhysicalResourceId") or event.get("PhysicalResourceId") or event["RequestId"]
    made = {**event, **returned, "PhysicalResourceId": physical_id}
    is_complete = framework.environment.get("USER_IS_COMPLETE_FUNCTION_ARN")
    if not is_complete:
        return made
    for _ in range(POLL_ATTEMPTS):
        complete = _call(is_complete, made, clients)
        data = complete.get("Data") or {}
        if complete.get("IsComplete"):
            return {**made, **complete, "Data": {**(made.get("Data") or {}), **data}}
        if data:
            raise _FailedError('"Data" is not allowed if "IsComplete" is "False"')
        clients.clock.sleep(POLL_SECONDS)
    raise _FailedError("Operation timed out")


def _call(arn: str, event: Event, clients: Clients) -> Answer:
    function = lambda_functions.find(arn)
    outcome = lambda_functions.invoke(function, event, clients.endpoint)
    if outcome.error:
        raise _FailedError(f"{outcome.error}\n\nLogs: /aws/lambda/{function.name}\n")
    return outcome.returned or {}
