"""CloudFormation's API, as the CDK CLI and boto3 call it."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError

from local_aws.clients import Clients
from local_aws.cloudformation.engine import Engine, changes
from local_aws.cloudformation.stack import ChangeSet, Inputs, Shape, Stack, StackResource
from local_aws.cloudformation.template import Template, invalid, parse
from local_aws.errors import AwsError
from local_aws.front import Call, Front

PAGE = 100
"""Entries of one answer of a list."""

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."

_NAMING = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}
_IAM = {*_NAMING, "AWS::IAM::AccessKey", "AWS::IAM::Policy", "AWS::IAM::UserToGroupAddition"}


class CloudFormation:
    """Answers CloudFormation's operations.

    Args:
        clients_of: gives the clients of a region.
        background: whether operations run on while their callers go on.

    Source: AWS docs AWSCloudFormation/latest/APIReference/
    """

    def __init__(self, clients_of: Callable[[str], Clients], *, background: bool) -> None:
        self._clients_of = clients_of
        self._background = background
        self._engines: dict[tuple[str, str], Engine] = {}

    def install(self, front: Front) -> None:
        """Takes CloudFormation over from moto."""
        operations: dict[str, Callable[[Engine, Call], Shape]] = {
            "CreateChangeSet": _create_change_set,
            "CreateStack": _create_stack,
            "DeleteChangeSet": _delete_change_set,
            "DeleteStack": _delete_stack,
            "DescribeChangeSet": lambda engine, call: _change_set(engine, call).details(),
            "DescribeStackEvents": _describe_stack_events,
            "DescribeStackResource": _describe_stack_resource,
            "DescribeStackResources": _describe_stack_resources,
            "DescribeStacks": _describe_stacks,
            "ExecuteChangeSet": _execute_change_set,
            "GetTemplate": _get_template,
            "GetTemplateSummary": _get_template_summary,
            "ListChangeSets": _list_change_sets,
            "ListExports": _list_exports,
            "ListImports": _list_imports,
            "ListStackResources": _list_stack_resources,
            "ListStacks": _list_stacks,
            "UpdateStack": _update_stack,
            "UpdateTerminationProtection": _update_termination_protection,
            "ValidateTemplate": _validate_template,
        }
        for name, answer in operations.items():
            front.handle("cloudformation", name, self._handler(answer))

    def _handler(self, answer: Callable[[Engine, Call], Shape]) -> Callable[[Call], Shape]:
        def handle(call: Call) -> Shape:
            key = call.account, call.region
            if key not in self._engines:
                engine = Engine(call.account, self._clients_of(call.region), background=self._background)
                self._engines.setdefault(key, engine)
            return answer(self._engines[key], call)

        return handle


# ---- stacks ----


def _create_stack(engine: Engine, call: Call) -> Shape:
    name = call.parameters["StackName"]
    if any(stack.name == name for stack in engine.live()):
        raise AwsError("AlreadyExistsException", f"Stack [{name}] already exists")
    inputs = _inputs(engine, call, None)
    engine.check(Stack(name, account=engine.account, region=call.region, tags={}), inputs)
    stack = engine.add(name, inputs.tags)
    stack.protected = call.parameters.get("EnableTerminationProtection", False)
    stack.token = call.parameters.get("ClientRequestToken")
    engine.create(stack, inputs, _on_failure(call))
    return {"StackId": stack.id}


def _update_stack(engine: Engine, call: Call) -> Shape:
    stack = engine.find(call.parameters["StackName"], deleted=False)
    inputs = _inputs(engine, call, stack)
    engine.refuse_update(stack)
    if _same(stack, inputs):
        raise invalid("No updates are to be performed.")
    stack.token = call.parameters.get("ClientRequestToken")
    engine.update(stack, inputs)
    return {"StackId": stack.id}


def _delete_stack(engine: Engine, call: Call) -> Shape:
    try:
        stack = engine.find(call.parameters["StackName"])
    except AwsError:
        return {}  # as AWS does
    if not stack.gone:
        force = call.parameters.get("DeletionMode") == "FORCE_DELETE_STACK"
        retain = call.parameters.get("RetainResources", [])
        engine.delete(stack, retain=retain, force=force, token=call.parameters.get("ClientRequestToken"))
    return {}


def _update_termination_protection(engine: Engine, call: Call) -> Shape:
    stack = engine.find(call.parameters["StackName"], deleted=False)
    stack.protected = call.parameters["EnableTerminationProtection"]
    return {"StackId": stack.id}


def _describe_stacks(engine: Engine, call: Call) -> Shape:
    name = call.parameters.get("StackName")
    stacks = [engine.find(name)] if name else engine.live()
    for stack in stacks if name else ():
        engine.let_end(stack)
    return _page(call, "Stacks", [stack.description() for stack in stacks])


def _list_stacks(engine: Engine, call: Call) -> Shape:
    wanted = call.parameters.get("StackStatusFilter")
    stacks = [stack for stack in engine.stacks if not wanted or stack.status in wanted]
    return _page(call, "StackSummaries", [stack.summary() for stack in stacks])


def _describe_stack_events(engine: Engine, call: Call) -> Shape:
    return _page(call, "StackEvents", engine.find(call.parameters["StackName"]).events[::-1])


def _resources(engine: Engine, call: Call) -> tuple[Stack, list[StackResource]]:
    stack = engine.find(call.parameters["StackName"])
    wanted = call.parameters.get("LogicalResourceId")
    return stack, [each for each in stack.resources.values() if wanted in (None, each.logical_id)]


def _describe_stack_resources(engine: Engine, call: Call) -> Shape:
    physical_id = call.parameters.get("PhysicalResourceId")
    if "StackName" in call.parameters:
        found = [_resources(engine, call)]
    else:
        found = [
            (stack, list(stack.resources.values()))
            for stack in engine.live()
            if any(each.physical_id == physical_id for each in stack.resources.values())
        ]
        if not found:
            raise invalid(f"Stack for {physical_id} does not exist")
    return {
        "StackResources": [
            _renamed(each.summary()) | {"StackName": stack.name, "StackId": stack.id}
            for stack, resources in found
            for each in resources
        ]
    }


def _describe_stack_resource(engine: Engine, call: Call) -> Shape:
    stack, found = _resources(engine, call)
    if not found:
        name = call.parameters["LogicalResourceId"]
        raise invalid(f"Resource {name} does not exist for stack {stack.name}")
    return {"StackResourceDetail": found[0].summary() | {"StackName": stack.name, "StackId": stack.id}}


def _renamed(summary: Shape) -> Shape:
    return {"Timestamp" if name == "LastUpdatedTimestamp" else name: value for name, value in summary.items()}


def _list_stack_resources(engine: Engine, call: Call) -> Shape:
    _, found = _resources(engine, call)
    return _page(call, "StackResourceSummaries", [each.summary() for each in found])


# ---- exports ----


def _list_exports(engine: Engine, call: Call) -> Shape:
    exports = [
        {"ExportingStackId": stack.id, "Name": name, "Value": value}
        for stack in engine.live()
        for name, value in stack.exports().items()
    ]
    return _page(call, "Exports", exports)


def _list_imports(engine: Engine, call: Call) -> Shape:
    name = call.parameters["ExportName"]
    users = engine.importers(name)
    if not users:
        raise invalid(f"Export '{name}' is not imported by any stack.")
    return _page(call, "Imports", users)


# ---- change sets ----


def _create_change_set(engine: Engine, call: Call) -> Shape:
    name, kind = call.parameters["StackName"], call.parameters.get("ChangeSetType", "UPDATE")
    if kind not in ("CREATE", "UPDATE"):
        raise invalid(f"ChangeSetType {kind}: not emulated")
    stack = next((each for each in engine.live() if name in (each.name, each.id)), None)
    if kind == "UPDATE":
        stack = engine.find(name, deleted=False)
        if stack.status == "REVIEW_IN_PROGRESS":
            raise invalid(f"Stack [{name}] does not exist")
        engine.refuse_update(stack)
    elif stack and stack.status != "REVIEW_IN_PROGRESS":
        raise invalid(f"Stack [{name}] already exists and cannot be created again with the changeSet [{name}].")
    candidate = stack or Stack(name, account=engine.account, region=call.region, tags={})
    inputs = _inputs(engine, call, stack)
    parameters = engine.check(candidate, inputs)
    if stack is None:
        stack = candidate
        engine.stacks.append(stack)
        stack.tags = inputs.tags
        stack.say("REVIEW_IN_PROGRESS", "User Initiated")
    change_set = ChangeSet(
        name=call.parameters["ChangeSetName"],
        stack=stack,
        inputs=inputs,
        kind=kind,
        changes=changes(engine, stack, inputs, parameters.values),
        description=call.parameters.get("Description"),
    )
    if kind == "UPDATE" and _same(stack, inputs):
        change_set.status, change_set.execution_status, change_set.reason = "FAILED", "UNAVAILABLE", NO_CHANGES
    engine.change_sets.append(change_set)
    return {"Id": change_set.id, "StackId": stack.id}


def _change_set(engine: Engine, call: Call) -> ChangeSet:
    name, stack = call.parameters["ChangeSetName"], call.parameters.get("StackName")
    for each in reversed(engine.change_sets):
        if name == each.id or (name == each.name and stack in (each.stack.name, each.stack.id)):
            return each
    raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")


def _execute_change_set(engine: Engine, call: Call) -> Shape:
    change_set = _change_set(engine, call)
    if change_set.execution_status != "AVAILABLE":
        raise AwsError(
            "InvalidChangeSetStatus",
            f"ChangeSet [{change_set.id}] cannot be executed in its current status of [{change_set.status}]",
        )
    stack, inputs = change_set.stack, change_set.inputs
    inputs.disable_rollback = call.parameters.get("DisableRollback", inputs.disable_rollback)
    stack.token = call.parameters.get("ClientRequestToken")
    if change_set.kind == "CREATE":
        engine.create(stack, inputs, "DO_NOTHING" if inputs.disable_rollback else "ROLLBACK")
    else:
        engine.update(stack, inputs)
    change_set.execution_status = "EXECUTE_COMPLETE"
    # The others were made for a stack that is no more what it was.
    engine.change_sets = [each for each in engine.change_sets if each is change_set or each.stack is not stack]
    return {}


def _delete_change_set(engine: Engine, call: Call) -> Shape:
    try:
        engine.change_sets.remove(_change_set(engine, call))
    except AwsError as error:
        if "StackName" not in call.parameters:
            raise error from None
    return {}


def _list_change_sets(engine: Engine, call: Call) -> Shape:
    stack = engine.find(call.parameters["StackName"])
    found = [each.summary() for each in engine.change_sets if each.stack is stack]
    return _page(call, "Summaries", found)


# ---- templates ----


def _get_template(engine: Engine, call: Call) -> Shape:
    if "ChangeSetName" in call.parameters:
        inputs: Inputs | None = _change_set(engine, call).inputs
    else:
        inputs = engine.find(call.parameters["StackName"]).inputs
    return {"TemplateBody": inputs.template.text if inputs else "", "StagesAvailable": ["Original", "Processed"]}


def _get_template_summary(engine: Engine, call: Call) -> Shape:
    stack = engine.find(call.parameters["StackName"]) if "StackName" in call.parameters else None
    template = _template(engine, call, stack)
    capabilities = _needed_capabilities(template)
    return _validated(template) | {
        "ResourceTypes": sorted({each.type for each in template.resources.values()}),
        "Version": template.body.get("AWSTemplateFormatVersion"),
        "Metadata": str(template.body["Metadata"]) if "Metadata" in template.body else None,
        "Capabilities": capabilities,
    }


def _validate_template(engine: Engine, call: Call) -> Shape:
    template = _template(engine, call, None)
    return _validated(template) | {"Capabilities": _needed_capabilities(template)}


def _validated(template: Template) -> Shape:
    parameters = [
        {
            "ParameterKey": name,
            "DefaultValue": str(each["Default"]) if "Default" in each else None,
            "ParameterType": each["Type"],
            "NoEcho": bool(each.get("NoEcho")),
            "Description": each.get("Description"),
        }
        for name, each in template.section("Parameters").items()
    ]
    return {"Description": template.body.get("Description"), "Parameters": parameters}


# ---- what is given ----


def _inputs(engine: Engine, call: Call, stack: Stack | None) -> Inputs:
    given = call.parameters
    template = _template(engine, call, stack)
    previous = stack.inputs.parameters if stack and stack.inputs else {}
    parameters: dict[str, str] = {}
    for each in given.get("Parameters", []):
        name = each["ParameterKey"]
        if each.get("UsePreviousValue"):
            if name in previous:
                parameters[name] = previous[name]
        elif "ParameterValue" in each:
            parameters[name] = each["ParameterValue"]
    tags = {each["Key"]: each["Value"] for each in given.get("Tags", [])}
    if "Tags" not in given and stack:
        tags = stack.tags
    capabilities = given.get("Capabilities", [])
    needed = _needed_capabilities(template)
    if needed and not {"CAPABILITY_NAMED_IAM", *needed} & set(capabilities):
        raise AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(needed)}]")
    return Inputs(
        template,
        parameters,
        tags,
        capabilities,
        given.get("RoleARN"),
        given.get("NotificationARNs", []),
        given.get("DisableRollback", False),
    )


def _needed_capabilities(template: Template) -> list[str]:
    resources = [each for each in template.resources.values() if each.type in _IAM]
    if any(_NAMING.get(each.type) in each.properties for each in resources):
        return ["CAPABILITY_NAMED_IAM"]
    return ["CAPABILITY_IAM"] if resources else []


def _template(engine: Engine, call: Call, stack: Stack | None) -> Template:
    given = call.parameters
    if "TemplateURL" in given:
        return parse(_fetched(given["TemplateURL"], engine))
    if "TemplateBody" in given:
        return parse(given["TemplateBody"])
    if stack and stack.inputs and (given.get("UsePreviousTemplate") or call.operation == "GetTemplateSummary"):
        return stack.inputs.template
    raise invalid("Either Template URL or Template Body must be specified.")


def _fetched(url: str, engine: Engine) -> str:
    """A template in S3: the bucket stands in the host's name or first in the path."""
    parts = urlsplit(url)
    path = unquote(parts.path.lstrip("/"))
    in_host = re.match(r"(.+?)\.s3[.-]", parts.hostname or "")
    bucket, key = (in_host[1], path) if in_host else path.split("/", 1)
    try:
        return str(engine.clients.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())
    except (ClientError, ValueError):
        raise invalid(f"S3 error: The template {url} cannot be read") from None


def _on_failure(call: Call) -> str:
    if call.parameters.get("DisableRollback"):
        return "DO_NOTHING"
    return str(call.parameters.get("OnFailure", "ROLLBACK"))


def _same(stack: Stack, inputs: Inputs) -> bool:
    old = stack.inputs
    if old is None:
        return False
    before = _compared(old.template), old.parameters, stack.tags
    return before == (_compared(inputs.template), inputs.parameters, inputs.tags)


def _compared(template: Template) -> Shape:
    """What of a template makes a change when it differs: all but the order of its resources."""
    resources = {
        name: {key: value for key, value in resource.items() if key != "DependsOn"}
        for name, resource in template.body["Resources"].items()
    }
    return {**template.body, "Resources": resources}


def _page(call: Call, name: str, entries: list[Any]) -> Shape:
    start = int(call.parameters.get("NextToken", 0))
    more = {"NextToken": str(start + PAGE)} if len(entries) > start + PAGE else {}
    return {name: entries[start : start + PAGE], **more}
