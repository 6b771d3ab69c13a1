"""A resource type: its row, carried out with boto3 calls."""

import copy
import random
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from local_aws.clients import Clients
from local_aws.errors import ResourceError
from local_aws.resource_types import shapes
from local_aws.resource_types.expressions import filled, found
from local_aws.resource_types.rows import Name, Read, Row, Step, Wait, tagging
from local_aws.schemas import Schema, at, gettable

INTERVAL = 5.0
"""Seconds between two looks at a resource that is not ready."""

LIMIT = 3 * 3600.0
"""Seconds after which a resource counts as stuck."""


@dataclass(frozen=True)
class Request:
    """What a resource type is told of a resource.

    Args:
        logical_id: its name in the template.
        stack_name: the stack.
        stack_id: its ARN.
        account: the account.
        region: the region.
        properties: its properties, resolved.
        tags: the stack's tags.
        clients: where the calls go.
        old_tags: the stack's tags before an update.
    """

    logical_id: str
    stack_name: str
    stack_id: str
    account: str
    region: str
    properties: Mapping[str, Any]
    tags: Mapping[str, str]
    clients: Clients
    old_tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """A resource that is there.

    Args:
        physical_id: what ``Ref`` gives.
        attributes: what ``Fn::GetAtt`` gives.
    """

    physical_id: str
    attributes: Mapping[str, Any]


Scope = dict[str, Any]


class ResourceType:
    """One resource type.

    Args:
        name: as ``AWS::EC2::VPC``.
        row: its row.
        schema: its registry schema.
    """

    def __init__(self, name: str, row: Row, schema: Schema) -> None:
        self.name = name
        self.row = row
        self.schema = schema

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The names that ``Fn::GetAtt`` may ask for."""
        return frozenset(self.row.attributes or ()) | self._given_attributes

    @cached_property
    def _given_attributes(self) -> frozenset[str]:
        """Attributes that are properties, or parts of them, as a template gives them."""
        given = (name for name in gettable(self.name) if name.partition(".")[0] in self.schema.properties)
        return frozenset(name for name in given if name.replace(".", "/") not in self.schema.read_only)

    def problems(self, properties: Mapping[str, Any]) -> list[str]:
        """What is wrong with properties, each as ``Properties/Path: message``."""
        coerced = self.schema.coerced(properties)
        refused = [
            f"Properties/{path}: the local AWS does not have this property"
            for path in self.row.refused
            if any(at(coerced, each) for each in _with_stars(path))
        ]
        return self.schema.problems(coerced) + refused

    def replaces(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Whether new properties need another resource."""
        before, after = self._effective(old), self._effective(new)
        if any(at(before, path) != at(after, path) for path in (*self.schema.create_only, *self.row.replaces)):
            # What the name that was made up is, is not among the properties: it never counts as changed.
            return True
        return any(
            at(before, path) != at(after, path) and bool(found(when, {**after, "old": before}))
            for path, when in (self.row.replaces_when or {}).items()
        )

    def create(self, request: Request) -> Made:
        """Makes a resource and waits until it is ready.

        Raises:
            ResourceError: when it cannot be; with the physical id when it was made before it failed.
            botocore.exceptions.ClientError: when AWS refuses to make it.
        """
        scope = self._scope(request, None, {})
        self._must_be_new(request, scope)
        if self.row.create:
            scope["answer"] = self._call(request, self.row.create, scope, self.created_with)
        scope["id"] = self._physical_id(scope)
        try:
            self._ready(request, scope)
            steps = [step for step in self.row.then if self.properties_of(step) - self.created_with.keys()]
            if self._run_changed(request, steps, scope) | self._tag(request, scope, created=True):
                self._ready(request, scope)
            return self._made(request, scope)
        except (ClientError, BotoCoreError, ResourceError) as error:
            raise ResourceError(_said(error), scope["id"]) from error

    def update(self, request: Request, physical_id: str, old_properties: Mapping[str, Any]) -> Made:
        """Changes a resource in place and waits until it is ready.

        Raises:
            ResourceError: when it cannot be.
            botocore.exceptions.ClientError: when AWS refuses.
        """
        scope = self._scope(request, physical_id, old_properties)
        self._must_not_be_fixed(scope)
        if self.row.read:
            scope["record"] = self._record(request, scope)
        update = self.row.update
        if update and self._changed(scope, self.updated_with.keys() | self.properties_of(update)):
            if update.when is None or found(update.when, scope):
                scope["answer"] = self._call(request, update, scope, self.updated_with)
                if self.row.create and update.call == self.row.create.call:
                    scope["id"] = self._physical_id(scope)
            self._ready(request, scope)
        if self._run_changed(request, self.row.then, scope) | self._tag(request, scope):
            self._ready(request, scope)
        return self._made(request, scope)

    def delete(self, request: Request, physical_id: str) -> None:
        """Deletes a resource and waits until it is gone; that it is gone already is as good.

        Raises:
            ResourceError: when it does not go.
            botocore.exceptions.ClientError: when AWS refuses.
        """
        scope = self._scope(request, physical_id, request.properties)
        if self.row.read:
            scope["record"] = self._record(request, scope)
            if scope["record"] is None:
                return
        for step in self.row.delete:
            self._run(request, step, scope, forgiving=True)
        if self.row.read and self.row.delete:
            self._wait_until_gone(request, scope)

    def properties_of(self, step: Step) -> frozenset[str]:
        """The properties whose change asks for a step: what only a new resource can have just tells which it is."""
        return step.of or step.roots() & self.schema.properties - {*self.schema.create_only}

    @cached_property
    def created_with(self) -> Mapping[str, str]:
        """The properties that the create call takes, to the parameter, or to nothing for those in its expressions."""
        return self._taken_by(self.row.create)

    @cached_property
    def updated_with(self) -> Mapping[str, str]:
        """The same of the update call."""
        taken = self._taken_by(self.row.update)
        others = frozenset().union(*(self.properties_of(step) for step in self.row.then), {self.tag_property})
        return {name: each for name, each in taken.items() if name not in others}

    @property
    def tag_property(self) -> str | None:
        """The property that holds the tags."""
        return self.row.tags.property or self.schema.tag_property

    def _taken_by(self, step: Step | None) -> Mapping[str, str]:
        if step is None:
            return {}
        explicit = (step.roots() | step.of) & self.schema.properties
        shape = shapes.operation(step.call).input_shape
        taken = dict.fromkeys(explicit, "")
        for name in self.schema.properties - explicit - step.leave - {*(self.row.not_sent or ())}:
            parameter = shapes.member(shape, name)
            if parameter and parameter not in step.parameters:
                taken[name] = parameter
        if self.row.tags.specification and step is self.row.create and self.tag_property:
            taken[self.tag_property] = ""
        return taken

    def _effective(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        coerced = self.schema.coerced(properties)
        return {**(self.row.defaults or {}), **coerced}

    def _scope(self, request: Request, physical_id: str | None, old_properties: Mapping[str, Any]) -> Scope:
        generated = self._generated(request)
        scope: Scope = {
            "old": {},
            "id": physical_id,
            "generated": generated,
            "account": request.account,
            "region": request.region,
            "stack": request.stack_name,
            "logical_id": request.logical_id,
            "record": None,
            "answer": None,
        }
        new, old = self._effective(request.properties), self._effective(old_properties)
        given = self.schema.coerced(request.properties)
        for properties, tags in ((new, request.tags), (given, request.tags), (old, request.old_tags)):
            self._add_tags(properties, tags)
        if self.row.name and self.row.name.property not in given:
            made = generated if physical_id is None else found(self.row.name.of, scope)
            for each in (new, given, *([old] if physical_id else [])):
                each[self.row.name.property] = made
        scope["given"] = self._renamed(given)
        scope["old"] = self._renamed(old)
        return {**self._renamed(new), **scope}

    def _add_tags(self, properties: dict[str, Any], tags: Mapping[str, str]) -> None:
        name = self.tag_property
        if not name or not tags:
            return
        if self.schema.is_map(name):
            properties[name] = {**tags, **properties.get(name, {})}
            return
        own = properties.get(name, [])
        keys = {tag["Key"] for tag in own}
        properties[name] = own + [{"Key": key, "Value": value} for key, value in tags.items() if key not in keys]

    def _generated(self, request: Request) -> str:
        letters = "".join(random.choices(string.ascii_uppercase + string.digits, k=12))  # noqa: S311 (no secret)
        name = self.row.name or Name("", 255)
        suffix = found(name.suffix, self.schema.coerced(request.properties)) if name.suffix else ""
        made = f"{request.stack_name}-{request.logical_id}"[: name.max - 13 - len(suffix)] + f"-{letters}{suffix}"
        return made.lower() if name.lower else made

    def _renamed(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        made = copy.deepcopy(dict(properties))
        for path in self.row.not_sent or ():
            if "/" in path:
                _move(made, path.split("/"), None)
        # What is inside first: paths are those of the schema.
        for path, target in sorted((self.row.rename or {}).items(), key=lambda each: -each[0].count("/")):
            _move(made, path.split("/"), target.split("/"))
        return made

    def _must_be_new(self, request: Request, scope: Scope) -> None:
        if not self.row.put or not self.row.name or self.row.name.property not in request.properties:
            return
        name = scope[self.row.name.property]
        if self.row.read and self._record(request, {**scope, "id": name}) is not None:
            raise ResourceError(f"Resource of type '{self.name}' with identifier '{name}' already exists.")

    def _must_not_be_fixed(self, scope: Scope) -> None:
        for name, reason in (self.row.fixed or {}).items():
            if self._changed(scope, {name}):
                raise ResourceError(f"Properties/{name}: the local AWS cannot change it in place: {reason}")

    def _physical_id(self, scope: Scope) -> str:
        physical_id = found(self.row.id or "generated", scope)
        if physical_id is None:
            raise LookupError(f"{self.name}: the answer has no {self.row.id}")
        return str(physical_id)

    def _changed(self, scope: Scope, names: Any) -> bool:
        return any(scope.get(name) != scope["old"].get(name) for name in names)

    def _run_changed(self, request: Request, steps: Any, scope: Scope) -> bool:
        ran = False
        for step in steps:
            names = self.properties_of(step)
            if self._changed(scope, names):
                if scope["record"] is None and self.row.read:
                    scope["record"] = self._record(request, scope)
                unset = step.unset and all(scope.get(name) is None for name in names)
                self._run(request, step.unset if unset else step, scope)
                ran = True
        return ran

    def _tag(self, request: Request, scope: Scope, *, created: bool = False) -> bool:
        name = self.tag_property
        if not name or self.row.tags.fixed or name in self._stepped or (created and name in self.created_with):
            return False
        new, old = _tags(scope.get(name)), {} if created else _tags(scope["old"].get(name))
        changed = {key: value for key, value in new.items() if old.get(key) != value}
        removed = sorted(old.keys() - new.keys())
        if not changed and not removed:
            return False
        service = self.row.create.call.partition(".")[0] if self.row.create else ""
        add, remove = tagging().get(service, (None, None))
        scope["record"] = self._record(request, scope) if self.row.read else scope["answer"]
        scope["arn"] = found(self.row.tags.arn, scope)
        scope["set_tags"] = [{"Key": key, "Value": value} for key, value in changed.items()]
        scope["unset_tags"] = removed
        for wanted, step in ((changed, self.row.tags.add or add), (removed, self.row.tags.remove or remove)):
            if wanted and step is None:
                raise ResourceError(f"Properties/{name}: the local AWS cannot change it in place")
            if wanted and step:
                self._run(request, step, scope)
        return True

    @cached_property
    def _stepped(self) -> frozenset[str]:
        return frozenset().union(*(self.properties_of(step) for step in self.row.then))

    def _run(self, request: Request, step: Step, scope: Scope, *, forgiving: bool = False) -> None:
        if step.when is not None and not found(step.when, scope):
            return
        elements = found(step.each, scope) or [] if step.each else [None]
        for each in elements:
            try:
                scope["answer"] = self._call(request, step, {**scope, "each": each})
            except ClientError as error:
                gone = self.row.read.gone if self.row.read and forgiving else ()
                if not _means(error, (*step.ignore, *gone)):
                    raise
        if step.wait:
            self._wait(request, step.wait, scope)

    def _call(self, request: Request, step: Step, scope: Scope, taken: Mapping[str, str] | None = None) -> Any:
        service = step.call.partition(".")[0]
        model = shapes.operation(step.call)
        # A put without what was taken away takes it away; an update sends what is so by default.
        values = scope["given"] if step is self.row.create else scope
        parameters = {
            name: values.get(prop)
            for prop, name in (taken or {}).items()
            if name and (not step.changed or self._changed(scope, {prop}))
        }
        template = dict(step.parameters)
        if step is self.row.create and self.row.tags.specification and scope.get(self.tag_property or ""):
            kind = {"ResourceType": f"'{self.row.tags.specification}'", "Tags": self.tag_property}
            template["TagSpecifications"] = [kind]
        parameters.update(filled(template, scope) or {})
        parameters = {name: value for name, value in parameters.items() if value is not None}
        # What a change does not touch need not be in the request that makes it.
        old = {name: scope["old"].get(prop) for prop, name in (taken or {}).items() if name}
        old |= {name: scope["old"].get(each) for name, each in template.items() if isinstance(each, str)}
        try:
            arguments = shapes.fitted(model.input_shape, parameters, old=old) if model.input_shape else {}
        except ValueError as error:
            raise ResourceError(f"Properties/{error}: the local AWS does not have this property") from error
        return getattr(request.clients.client(service), xform_name(model.name))(**arguments)

    def _record(self, request: Request, scope: Scope) -> Any:
        """What the service says of the resource; None when it is gone."""
        return self._look(request, self.row.read, scope) if self.row.read else scope["answer"]

    def _look(self, request: Request, read: Read, scope: Scope) -> Any:
        try:
            answer = self._call(request, read.step, scope)
        except ClientError as error:
            if _means(error, read.gone):
                return None
            raise
        record = found(read.record, {**scope, "answer": answer})
        if record in (None, [], {}) or (read.deleted and found(read.deleted, {**scope, "record": record})):
            return None
        return record

    def _ready(self, request: Request, scope: Scope) -> None:
        if self.row.ready:
            self._wait(request, self.row.ready, scope)

    def _wait(self, request: Request, wait: Wait, scope: Scope) -> None:
        for record in self._looks(request, scope):
            scope["record"] = record
            value = found(wait.value, scope)
            if value in wait.is_:
                return
            if record is None or value in wait.fails:
                because = found(wait.because, scope) if wait.because and record is not None else None
                raise ResourceError(
                    f"Resource of type '{self.name}' with identifier '{scope['id']}' did not stabilize."
                    + (f" {because}" if because else f" It is {value}." if value else "")
                )

    def _wait_until_gone(self, request: Request, scope: Scope) -> None:
        for record in self._looks(request, scope):
            if record is None:
                return
            # Every service that can fail to delete has such a state: "Delete_Failed", "DELETE_FAILED", "DeleteFailed".
            failed = found(self.row.ready.value, {**scope, "record": record}) if self.row.ready else None
            if isinstance(failed, str) and "delet" in failed.lower() and "fail" in failed.lower():
                raise ResourceError(f"Resource of type '{self.name}' with identifier '{scope['id']}' is {failed}.")

    def _looks(self, request: Request, scope: Scope) -> Iterator[Any]:
        """Looks at the resource again and again.

        Raises:
            ResourceError: when nobody has been satisfied for too long.
        """
        clock = request.clients.clock
        started = clock.now()
        while True:
            yield self._record(request, scope)
            if clock.now() - started > LIMIT:
                raise ResourceError(
                    f"Resource of type '{self.name}' with identifier '{scope['id']}' did not stabilize."
                )
            clock.sleep(INTERVAL)

    def _made(self, request: Request, scope: Scope) -> Made:
        record = self._record(request, scope)
        if record is None and self.row.read:
            raise ResourceError(f"Resource of type '{self.name}' with identifier '{scope['id']}' was not found.")
        scope["record"] = record
        scope["related"] = {name: self._look(request, read, scope) for name, read in (self.row.related or {}).items()}
        given = self.schema.coerced(request.properties)
        attributes: dict[str, Any] = {}
        for name in self._given_attributes:
            values = at(given, name.replace(".", "/"))
            if values and not isinstance(values[0], dict):
                attributes[name] = values[0]
        for name, expression in (self.row.attributes or {}).items():
            value = found(expression, scope)
            if value is not None:
                attributes[name] = value
        return Made(scope["id"], {name: _shown(value) for name, value in attributes.items()})


def _shown(value: Any) -> Any:
    """An attribute as a template sees it: texts and lists."""
    if isinstance(value, list):
        return [_shown(each) for each in value]
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else value.isoformat() if hasattr(value, "isoformat") else str(value)


def _tags(value: Any) -> dict[str, str]:
    if isinstance(value, list):
        return {each["Key"]: each["Value"] for each in value}
    return dict(value or {})


def _means(error: ClientError, gone: tuple[str, ...]) -> bool:
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    for each in gone:
        wanted, _, part = each.partition(": ")
        if code == wanted and part in message:
            return True
    return False


def _said(error: Exception) -> str:
    if not isinstance(error, ClientError):
        return str(error)
    details = error.response["Error"]
    return f'Resource handler returned message: "{details["Message"]}" (HandlerErrorCode: {details["Code"]})'


def _move(value: Any, path: list[str], target: list[str] | None) -> None:
    """Moves what is at a path, in every item of every list, to another path beside it; or drops it."""
    if isinstance(value, list):
        for each in value:
            _move(each, path, target)
    elif isinstance(value, dict) and path[0] in value:
        if path[1:]:
            _move(value[path[0]], path[1:], target)
        else:
            moved = value.pop(path[0])
            if target is not None:
                *outer, name = target
                for part in outer:
                    value = value.setdefault(part, {})
                value[name] = moved


def _with_stars(path: str) -> list[str]:
    """The path as it is, and with any of its parts in lists."""
    first, *rest = path.split("/")
    paths = [first]
    for part in rest:
        paths = [f"{each}/{between}{part}" for each in paths for between in ("", "*/")]
    return paths
