"""What happens to the resources of one stack: made, changed, replaced, taken back, deleted."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.clients import Clients
from local_aws.cloudformation.graph import in_order, reversed_needs
from local_aws.cloudformation.intrinsics import Intrinsics, outputs
from local_aws.cloudformation.kinds import Kind
from local_aws.cloudformation.stack import Inputs, Shape, Stack, StackResource, now
from local_aws.cloudformation.template import Template
from local_aws.cloudformation.values import Values
from local_aws.errors import AwsError, ResourceError
from local_aws.resource_types import Made, Request


class DeploymentError(Exception):
    """Why a deployment does not go on."""


class World(Protocol):
    """What a deployment needs of the account that it runs in."""

    account: str
    clients: Clients

    def exports(self) -> Mapping[str, str]:
        """Export name to value, of all stacks."""

    def kind_of(self, resource_type: str) -> Kind:
        """The resource type of that name."""

    def refuse_exports(self, stack: Stack, outputs: list[Shape]) -> None:
        """Raises ``AwsError`` for an export that another stack has or still uses."""


@dataclass
class Done:
    """What a deployment has done so far, in order, so that it can be taken back."""

    made: list[StackResource] = field(default_factory=list)
    changed: list[tuple[StackResource, StackResource]] = field(default_factory=list)
    """Before and after."""
    replaced: list[tuple[StackResource, StackResource]] = field(default_factory=list)


class Deployment:
    """Brings a stack to a template.

    Args:
        world: the account.
        stack: the stack; its resources are what there is.
        inputs: what it shall be.
        parameters: the parameters' values.
    """

    def __init__(self, world: World, stack: Stack, inputs: Inputs, parameters: Mapping[str, Any]) -> None:
        self._world = world
        self._stack = stack
        self._template: Template = inputs.template
        self._tags = inputs.tags
        self._before = dict(stack.resources)
        self._values = Values(stack, parameters, world.exports, world.clients, world.account)
        self._intrinsics = Intrinsics(self._template, self._values)
        self._done = Done()
        self._lock = threading.Lock()

    def apply(self) -> list[Shape]:
        """Makes, changes and replaces resources; gives the stack's outputs. What is to go is still there then.

        Raises:
            DeploymentError: when something failed; nothing is taken back yet.
        """
        wanted = self._wanted()
        needs = {name: self._template.needs(name) & wanted for name in wanted}
        failures = in_order(needs, self._apply_one)
        _raise_faults(failures.values())
        if failures:
            made = sorted(failures.keys() - self._before.keys())
            changed = sorted(failures.keys() & self._before.keys())
            said = [
                f"The following resource(s) failed to {verb}: [{', '.join(names)}]."
                for verb, names in (("create", made), ("update", changed))
                if names
            ]
            raise DeploymentError(" ".join(said))
        try:
            found = outputs(self._template, self._intrinsics)
            self._world.refuse_exports(self._stack, found)
        except AwsError as error:
            raise DeploymentError(error.message) from None
        self._stack.imports = self._values.imported
        return found

    def clean_up(self) -> list[str]:
        """Deletes what was replaced and what the template has no longer; gives what could not be deleted."""
        wanted = self._wanted()
        leaving = [(old, new.update_replace_policy) for old, new in self._done.replaced] + [
            (old, old.deletion_policy) for name, old in self._before.items() if name not in wanted
        ]
        for old, _ in leaving:
            if old.logical_id not in wanted:
                self._stack.resources.pop(old.logical_id, None)
        return delete_all(self._world, self._stack, leaving)

    def take_back(self) -> list[str]:
        """Undoes what ``apply`` did; gives what could not be undone."""
        made = [*self._done.made, *(new for _, new in self._done.replaced)]
        failed: list[str] = []
        for old, new in reversed(self._done.changed):
            self._stack.say_of(old, "UPDATE_IN_PROGRESS")
            try:
                request = self._request(old, new)
                self._world.kind_of(old.type).update(request, old.physical_id or "", new.properties)
                self._stack.say_of(old, "UPDATE_COMPLETE")
            except FAILURES as error:
                self._stack.say_of(old, "UPDATE_FAILED", said(error))
                failed.append(old.logical_id)
        policies = ((each, "Retain" if each.deletion_policy == "Retain" else "Delete") for each in made)
        failed += delete_all(self._world, self._stack, list(policies))
        kept = {each.logical_id: each for each in made if each.logical_id in failed}
        self._stack.resources = {**self._before, **kept}
        return failed

    def _wanted(self) -> set[str]:
        return {
            name
            for name, resource in self._template.resources.items()
            if resource.condition is None or self._intrinsics.condition(resource.condition)
        }

    def _apply_one(self, name: str) -> None:
        wanted, old = self._template.resources[name], self._before.get(name)
        new = StackResource(
            logical_id=name,
            type=wanted.type,
            properties={},
            tags=self._tags,
            deletion_policy=wanted.deletion_policy,
            update_replace_policy=wanted.update_replace_policy,
            needs=frozenset(self._template.needs(name)),
        )
        verb = "UPDATE" if old else "CREATE"
        try:
            new.properties = self._intrinsics.value(wanted.properties)
            if old and (old.properties, old.tags) == (new.properties, new.tags):
                self._keep(old, new)
                return
            kind = self._world.kind_of(wanted.type)
            problems = kind.problems(new.properties)
            if problems:
                raise ResourceError(
                    f"Properties validation failed for resource {name} with message:\n" + "\n".join(problems)
                )
            if old and not kind.replaces(old.properties, new.properties):
                self._change(kind, old, new)
            else:
                self._make(kind, old, new)
        except FAILURES as error:
            self._stack.say_of(new if new.physical_id or not old else old, f"{verb}_FAILED", said(error))
            raise

    def _keep(self, old: StackResource, new: StackResource) -> None:
        kept = replace(
            old,
            deletion_policy=new.deletion_policy,
            update_replace_policy=new.update_replace_policy,
            needs=new.needs,
        )
        with self._lock:
            self._stack.resources[old.logical_id] = kept

    def _change(self, kind: Kind, old: StackResource, new: StackResource) -> None:
        new.physical_id = old.physical_id
        self._stack.say_of(new, "UPDATE_IN_PROGRESS")
        made = kind.update(self._request(new, old), old.physical_id or "", old.properties)
        self._take(new, made)
        with self._lock:
            if made.physical_id == old.physical_id:
                self._done.changed.append((old, new))
            else:  # custom resources and job definitions say so only now
                self._done.replaced.append((old, new))
        self._stack.say_of(new, "UPDATE_COMPLETE")

    def _make(self, kind: Kind, old: StackResource | None, new: StackResource) -> None:
        verb = "UPDATE" if old else "CREATE"
        reason = "Requested update requires the creation of a new physical resource; hence creating one."
        self._stack.say_of(new, f"{verb}_IN_PROGRESS", reason if old else None)
        try:
            self._take(new, kind.create(self._request(new)))
        except ResourceError as error:
            if error.physical_id:  # something is there, and must go with the rest
                self._take(new, Made(error.physical_id, {}))
                self._note_made(old, new)
            raise
        self._stack.say_of(new, f"{verb}_IN_PROGRESS", "Resource creation Initiated")
        self._note_made(old, new)
        self._stack.say_of(new, f"{verb}_COMPLETE")

    def _note_made(self, old: StackResource | None, new: StackResource) -> None:
        with self._lock:
            if old:
                self._done.replaced.append((old, new))
            else:
                self._done.made.append(new)

    def _take(self, resource: StackResource, made: Made) -> None:
        resource.physical_id, resource.attributes = made.physical_id, dict(made.attributes)
        with self._lock:
            self._stack.resources[resource.logical_id] = resource

    def _request(self, resource: StackResource, before: StackResource | None = None) -> Request:
        return request_for(self._world, self._stack, resource, before)


FAILURES = (AwsError, ResourceError, ClientError, BotoCoreError)
"""What a resource can fail with; anything else is a fault of ours."""


def said(error: Exception) -> str:
    """The reason that the event of a failed resource gives."""
    if isinstance(error, ClientError):
        details = error.response["Error"]
        return f'Resource handler returned message: "{details["Message"]}" (HandlerErrorCode: {details["Code"]})'
    return error.message if isinstance(error, AwsError) else str(error)


def request_for(world: World, stack: Stack, resource: StackResource, before: StackResource | None = None) -> Request:
    """What a resource type is told of a resource, and of what it was before."""
    return Request(
        logical_id=resource.logical_id,
        stack_name=stack.name,
        stack_id=stack.id,
        account=world.account,
        region=world.clients.region,
        properties=resource.properties,
        tags=resource.tags,
        clients=world.clients,
        old_tags=before.tags if before else {},
    )


def delete_all(world: World, stack: Stack, leaving: Iterable[tuple[StackResource, str]]) -> list[str]:
    """Deletes resources, what needs them first, or leaves them as their policy says; gives what it could not delete."""
    by_key = {f"{index} {resource.logical_id}": (resource, policy) for index, (resource, policy) in enumerate(leaving)}
    keys_of: dict[str, set[str]] = {}
    for key, (resource, _) in by_key.items():
        keys_of.setdefault(resource.logical_id, set()).add(key)
    needs = {
        key: {other for name in resource.needs for other in keys_of.get(name, ())}
        for key, (resource, _) in by_key.items()
    }

    def delete(key: str) -> None:
        resource, policy = by_key[key]
        if policy != "Delete":
            stack.say_of(resource, "DELETE_SKIPPED")
            return
        stack.say_of(resource, "DELETE_IN_PROGRESS")
        try:
            if resource.physical_id is not None:
                world.kind_of(resource.type).delete(request_for(world, stack, resource), resource.physical_id)
        except FAILURES as error:
            stack.say_of(resource, "DELETE_FAILED", said(error))
            raise
        stack.say_of(resource, "DELETE_COMPLETE")

    failures = in_order(reversed_needs(needs), delete, go_on=True)
    _raise_faults(failures.values())
    return [by_key[key][0].logical_id for key in failures]


def _raise_faults(errors: Iterable[Exception]) -> None:
    for error in errors:
        if not isinstance(error, FAILURES):
            raise error


def create(world: World, stack: Stack, inputs: Inputs, parameters: Mapping[str, Any], on_failure: str) -> None:
    """Makes the resources of a new stack; ``on_failure`` is ``ROLLBACK``, ``DELETE`` or ``DO_NOTHING``."""
    stack.inputs = inputs
    deployment = Deployment(world, stack, inputs, parameters)
    try:
        stack.outputs = deployment.apply()
    except DeploymentError as error:
        if on_failure == "DO_NOTHING":
            stack.say("CREATE_FAILED", str(error))
            return
        verb = "DELETE" if on_failure == "DELETE" else "ROLLBACK"
        stack.say(f"{verb}_IN_PROGRESS", f"{str(error).rstrip('.')}. {verb.title()} requested by user.")
        failed = deployment.take_back()
        if failed:
            stack.say(f"{verb}_FAILED", f"The following resource(s) failed to delete: [{', '.join(failed)}].")
        else:
            stack.deleted = now() if verb == "DELETE" else None
            stack.say(f"{verb}_COMPLETE")
        return
    stack.say("CREATE_COMPLETE")


def update(world: World, stack: Stack, inputs: Inputs, parameters: Mapping[str, Any]) -> None:
    """Brings a stack to another template, or back when that fails."""
    before = stack.inputs, stack.tags
    stack.inputs, stack.tags = inputs, inputs.tags
    deployment = Deployment(world, stack, inputs, parameters)
    stack.updated = now()
    try:
        stack.outputs = deployment.apply()
    except DeploymentError as error:
        if inputs.disable_rollback:
            stack.say("UPDATE_FAILED", str(error))
            return
        stack.say("UPDATE_ROLLBACK_IN_PROGRESS", str(error))
        failed = deployment.take_back()
        stack.inputs, stack.tags = before
        if failed:
            stack.say("UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed: [{', '.join(failed)}].")
            return
        stack.say("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        stack.say("UPDATE_ROLLBACK_COMPLETE")
        return
    stack.say("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    left = deployment.clean_up()
    stack.say("UPDATE_COMPLETE", f"Left behind, for they could not be deleted: [{', '.join(left)}]." if left else None)


_RETAINING = ("Retain", "RetainExceptOnCreate")


def delete(world: World, stack: Stack, *, retain: Iterable[str] = (), force: bool = False) -> None:
    """Deletes a stack's resources, but for those that its template or the caller retains."""
    retained = set(retain)
    leaving = [
        (each, "Retain" if each.logical_id in retained or each.deletion_policy in _RETAINING else "Delete")
        for each in stack.resources.values()
    ]
    failed = delete_all(world, stack, leaving)
    # What was not reached, because something that needs it is still there, stays too.
    stack.resources = {
        name: each for name, each in stack.resources.items() if each.status not in ("DELETE_COMPLETE", "DELETE_SKIPPED")
    }
    if failed and not force:
        stack.say("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(sorted(failed))}].")
        return
    stack.deleted = now()
    stack.say("DELETE_COMPLETE")
