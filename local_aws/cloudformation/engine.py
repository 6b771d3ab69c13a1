"""The stacks of one account and region, and the operations that run on them."""

import threading
import traceback
from collections.abc import Callable, Mapping
from graphlib import TopologicalSorter

from local_aws.clients import Clients
from local_aws.cloudformation import deployment, kinds
from local_aws.cloudformation.intrinsics import Intrinsics, assert_rules
from local_aws.cloudformation.parameters import Parameters, resolve
from local_aws.cloudformation.stack import ChangeSet, Inputs, Shape, Stack, StackResource
from local_aws.cloudformation.template import Resource, invalid
from local_aws.cloudformation.values import Values

PATIENCE = 20
"""Seconds that an answer waits at most for what it tells of."""


class Engine:
    """CloudFormation of one account and region.

    Args:
        account: the account.
        clients: how resources are made.
        background: whether operations run on while their callers go on, as AWS's do; else they are done on return.
    """

    def __init__(self, account: str, clients: Clients, *, background: bool) -> None:
        self.account = account
        self.clients = clients
        self.stacks: list[Stack] = []
        self.change_sets: list[ChangeSet] = []
        self._background = background

    def live(self) -> list[Stack]:
        """The stacks that are there."""
        return [stack for stack in self.stacks if not stack.gone]

    def find(self, name_or_id: str, *, deleted: bool = True) -> Stack:
        """The stack of that name, or of that id even if it was deleted.

        Raises:
            AwsError: when there is none.
        """
        for stack in self.live():
            if name_or_id in (stack.name, stack.id):
                return stack
        for stack in self.stacks if deleted else ():
            if name_or_id == stack.id:
                return stack
        raise invalid(f"Stack with id {name_or_id} does not exist")

    def add(self, name: str, tags: dict[str, str]) -> Stack:
        """A new stack that has nothing yet."""
        stack = Stack(name, account=self.account, region=self.clients.region, tags=tags)
        self.stacks.append(stack)
        return stack

    # ---- what deployments ask ----

    def exports(self) -> dict[str, str]:
        """Export name to value, of all stacks."""
        return {name: value for stack in self.live() for name, value in stack.exports().items()}

    def importers(self, export: str) -> list[str]:
        """The names of the stacks that use an export."""
        return [stack.name for stack in self.live() if export in stack.imports]

    def kind_of(self, resource_type: str) -> kinds.Kind:
        """The resource type of that name.

        Raises:
            AwsError: when it is not emulated.
        """
        kind = kinds.find(resource_type)
        if kind is None:
            raise invalid(f"Template format error: Unrecognized resource types: [{resource_type}]")
        return kind

    def refuse_exports(self, stack: Stack, outputs: list[Shape]) -> None:
        """Refuses an export that another stack has or still uses.

        Raises:
            AwsError: in CloudFormation's words.
        """
        new = {each["ExportName"]: each["OutputValue"] for each in outputs if "ExportName" in each}
        for other in self.live():
            taken = sorted(new.keys() & other.exports().keys()) if other is not stack else []
            if taken:
                raise invalid(f"Export with name {taken[0]} is already exported by stack {other.name}")
        for name, value in stack.exports().items():
            users = self.importers(name) if new.get(name) != value else []
            if users:
                verb = "updated" if name in new else "deleted"
                raise invalid(f"Export {name} cannot be {verb} as it is in use by {' and '.join(users)}")

    # ---- operations ----

    def check(self, stack: Stack, inputs: Inputs) -> Parameters:
        """Refuses inputs that cannot be deployed; gives the parameters.

        Raises:
            AwsError: in CloudFormation's words.
        """
        template = inputs.template
        unknown = sorted({each.type for each in template.resources.values() if kinds.find(each.type) is None})
        if unknown:
            raise invalid(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")
        retyped = [
            name
            for name, each in template.resources.items()
            if name in stack.resources and stack.resources[name].type != each.type
        ]
        if retyped:
            raise invalid(
                "Update of resource type is not permitted. The new template modifies resource type of the following "
                f"resources: [{', '.join(retyped)}]"
            )
        parameters = resolve(template, inputs.parameters, self.clients)
        values = Values(stack, parameters.values, self.exports, self.clients, self.account)
        assert_rules(template, Intrinsics(template, values))
        return parameters

    def create(self, stack: Stack, inputs: Inputs, on_failure: str) -> None:
        """Makes a stack's resources.

        Raises:
            AwsError: when the inputs cannot be deployed.
        """
        parameters = self.check(stack, inputs)
        stack.shown_parameters = parameters.shown
        self._run("CREATE", stack, lambda: deployment.create(self, stack, inputs, parameters.values, on_failure))

    def update(self, stack: Stack, inputs: Inputs) -> None:
        """Brings a stack to another template.

        Raises:
            AwsError: when the inputs cannot be deployed, or the stack is in no state for it.
        """
        self.refuse_update(stack)
        parameters = self.check(stack, inputs)
        stack.shown_parameters = parameters.shown
        self._run("UPDATE", stack, lambda: deployment.update(self, stack, inputs, parameters.values))

    def delete(self, stack: Stack, *, retain: list[str], force: bool, token: str | None) -> None:
        """Deletes a stack.

        Raises:
            AwsError: when it is protected or in no state for it.
        """
        if stack.protected:
            raise invalid(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        if stack.status.endswith("IN_PROGRESS") and stack.status != "REVIEW_IN_PROGRESS":
            raise invalid(f"Stack [{stack.name}] cannot be deleted while in status {stack.status}")
        if retain and stack.status != "DELETE_FAILED":
            raise invalid(
                "Invalid operation on stack. Specify only resources which are in DELETE_FAILED state to retain"
            )
        if not set(retain) <= stack.resources.keys():
            # https://github.com/rebuy-de/aws-nuke/issues/270
            raise invalid(
                "The specified resources to retain must be in a valid state. Do not specify resources that are in the "
                "DELETE_COMPLETE state."
            )
        if force and stack.status != "DELETE_FAILED":
            # https://github.com/awslabs/eks-perf-tests/pull/517
            raise invalid(
                f"Invalid operation on stack [{stack.id}]. You can activate DeletionMode FORCE_DELETE_STACK in a "
                "delete stack operation only when the stack is in the DELETE_FAILED state."
            )
        used = {name: self.importers(name) for name in stack.exports()}
        for name, users in used.items():
            if users:
                # The stack stays as it was, and only says why.
                stack.say(stack.status, f"Export {name} cannot be deleted as it is in use by {' and '.join(users)}")
                return
        stack.token = token
        self._run("DELETE", stack, lambda: deployment.delete(self, stack, retain=retain, force=force))

    def refuse_update(self, stack: Stack) -> None:
        """Refuses what a stack's state does not allow.

        Raises:
            AwsError: in CloudFormation's words.
        """
        updatable = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "CREATE_FAILED")
        if stack.status not in updatable:
            raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")

    def let_end(self, stack: Stack) -> None:
        """Waits for the end of what runs on a stack, up to some seconds.

        The CDK CLI looks at a stack every five seconds: an answer that comes late spares it the next look.
        """
        if self._background and stack.busy.acquire(timeout=PATIENCE):
            stack.busy.release()

    def _run(self, verb: str, stack: Stack, operation: Callable[[], None]) -> None:
        def run() -> None:
            try:
                operation()
            except Exception as fault:  # noqa: BLE001 (a caller that polls must see an end, and the log the fault)
                traceback.print_exc()
                stack.say(f"{verb}_FAILED", f"Internal failure of the local AWS: {fault!r}")
            finally:
                stack.busy.release()

        # Before the caller goes on, so that nobody takes the state before for the one after.
        stack.busy.acquire()
        stack.say(f"{verb}_IN_PROGRESS", "User Initiated")
        if self._background:
            threading.Thread(target=run, name=f"{verb} of {stack.name}", daemon=True).start()
        else:
            run()


def changes(engine: Engine, stack: Stack, inputs: Inputs, parameters: Mapping[str, object]) -> list[Shape]:
    """What a template would change in a stack, as far as that can be known before.

    Source: AWS docs AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    # A new stack does not know its parameters yet; what refers to resources to come stays unknown.
    values = Values(stack, parameters, engine.exports, engine.clients, engine.account)
    intrinsics = Intrinsics(inputs.template, values)
    wanted = {
        name: each
        for name, each in inputs.template.resources.items()
        if each.condition is None or intrinsics.condition(each.condition)
    }
    added = {name for name in wanted if name not in stack.resources}
    found = [_change("Add", name, wanted[name].type) for name in wanted if name in added]
    to_come = set(added)
    order = TopologicalSorter({name: inputs.template.needs(name) & wanted.keys() for name in wanted}).static_order()
    for name in order:
        if name in added:
            continue
        old = stack.resources[name]
        unsure = bool(to_come & inputs.template.needs(name))
        new = {} if unsure else intrinsics.value(wanted[name].properties)
        policies = _changed_policies(old, wanted[name])
        if not unsure and not policies and (new, inputs.tags) == (old.properties, old.tags):
            continue
        shape = _change("Modify", name, old.type, old.physical_id)
        replaces = not unsure and engine.kind_of(old.type).replaces(old.properties, new)
        if replaces:
            to_come.add(name)
        names = sorted(key for key in {*new, *old.properties} if new.get(key) != old.properties.get(key))
        shape["ResourceChange"] |= {
            "Replacement": "Conditional" if unsure else str(replaces),
            "Scope": [
                *policies,
                *(["Properties"] if names else []),
                *(["Tags"] if unsure or inputs.tags != old.tags else []),
            ],
            "Details": [
                {
                    "Target": {"Attribute": "Properties", "Name": key, "RequiresRecreation": _recreation(replaces)},
                    "Evaluation": "Dynamic" if unsure else "Static",
                    "ChangeSource": "DirectModification",
                }
                for key in ([] if unsure else names)
            ],
        }
        found.append(shape)
    found += [
        _change("Remove", name, each.type, each.physical_id)
        for name, each in stack.resources.items()
        if name not in wanted
    ]
    return found


def _changed_policies(old: StackResource, new: Resource) -> list[str]:
    """The policies that differ: CloudFormation takes them for changes, and a DependsOn not.

    Source: https://github.com/ministackorg/ministack/pull/1646 (measured in an account)
    """
    named = {
        "DeletionPolicy": (old.deletion_policy, new.deletion_policy),
        "UpdateReplacePolicy": (old.update_replace_policy, new.update_replace_policy),
    }
    return [name for name, (before, after) in named.items() if before != after]


def _recreation(replaces: bool) -> str:
    return "Always" if replaces else "Never"


def _change(action: str, logical_id: str, kind: str, physical_id: str | None = None) -> Shape:
    change: Shape = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": kind}
    if physical_id:
        change["PhysicalResourceId"] = physical_id
    return {"Type": "Resource", "ResourceChange": change}
