"""Synthesised templates as the rules read them.

What only a deployment knows (an intrinsic function) counts as present and right; a rule judges what is missing and what
is written out. Otherwise a rule would find fault with what it cannot see.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What an app may decide about the rules.

    Args:
        image_accounts: further accounts whose container images may run.
        foreign_accounts: accounts that resource policies may name.
        internet: whether the app may have a way to the internet.
        production: whether users depend on the app.
        host_paths: folders and devices of Batch hosts that jobs may use.
        max_vcpus: how large one Batch compute environment may grow; any size when None.
    """

    image_accounts: Collection[str] = ()
    foreign_accounts: Collection[str] = ()
    internet: bool = False
    production: bool = False
    host_paths: Collection[str] = ("/fsx", "/dev/infiniband")
    max_vcpus: int | None = None


@dataclass(frozen=True)
class Finding:
    """A resource that breaks a rule.

    Args:
        resource: the resource.
        path: where in it, for example ``Properties.RootAccess``.
        what: what is wrong there.
        detail: tells it from other findings of the same rule on the same resource, for whoever acknowledges it.
    """

    resource: "Resource"
    path: str
    what: str
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Resource:
    """A resource of a template; two of them are equal only if they are the same one."""

    stack: "Stack" = field(repr=False)
    logical_id: str
    body: Json = field(repr=False)

    @property
    def type(self) -> str:
        return str(self.body["Type"])

    @property
    def properties(self) -> Json:
        properties: Json = self.body.get("Properties") or {}
        return properties

    def get(self, path: str) -> Any:
        """A property by its path, for example ``SharingSettings.NotebookOutputOption``; None when it is not there.

        A path that leads through an intrinsic function ends at the function.
        """
        return get(self.properties, path)

    def list(self, path: str) -> "list[Any]":
        """The entries of a list that is written out; none of one that only a deployment knows."""
        return listed(self.get(path))

    def broken(self, path: str, what: str, detail: str = "") -> Finding:
        """A finding on a property of this resource."""
        return Finding(self, f"Properties.{path}" if path else "Properties", what, detail)

    def must_be(self, path: str, *allowed: str | bool | int, detail: str = "") -> Iterator[Finding]:
        """A finding unless the property is there, and one of ``allowed`` or not known yet."""
        value = self.get(path)
        if value is None or (is_known(value) and not is_one_of(value, allowed)):
            wanted = " or ".join(_shown(each) for each in allowed)
            yield self.broken(path, f"is {_shown(value)} and must be {wanted}", detail)

    def may_be(self, path: str, *allowed: str | bool | int, detail: str = "") -> Iterator[Finding]:
        """A finding if the property is there and none of ``allowed``; it may be left out."""
        if self.get(path) is not None:
            yield from self.must_be(path, *allowed, detail=detail)

    def must_not_be(self, path: str, *refused: str | bool | int, detail: str = "") -> Iterator[Finding]:
        """A finding if the property is one of ``refused``; it may be left out."""
        value = self.get(path)
        if is_known(value) and is_one_of(value, refused):
            yield self.broken(path, f"must not be {_shown(value)}", detail)

    def must_have(self, path: str, detail: str = "") -> Iterator[Finding]:
        """A finding if the property is left out or empty."""
        if self.get(path) in (None, "", [], {}):
            yield self.broken(path, "is missing", detail)

    def must_have_key(self, path: str, detail: str = "") -> Iterator[Finding]:
        """A finding unless the property is a customer key: there, and no alias of a key of AWS."""
        yield from self.must_have(path, detail)
        if "alias/aws/" in text(self.get(path)):
            yield self.broken(path, "is a key of AWS and must be a customer key", detail)


@dataclass(frozen=True, eq=False)
class Stack:
    """One template."""

    path: str
    template: Json = field(repr=False)

    @cached_property
    def resources(self) -> dict[str, Resource]:
        """Logical id to resource."""
        return {id_: Resource(self, id_, body) for id_, body in (self.template.get("Resources") or {}).items()}


class App:
    """All templates of an app.

    Args:
        stacks: its stacks.
        settings: what it decided about the rules.
    """

    def __init__(self, stacks: Iterable[Stack], settings: Settings | None = None) -> None:
        self.stacks = tuple(stacks)
        self.settings = settings or Settings()

    @classmethod
    def read(cls, paths: Iterable[str], settings: Settings | None = None) -> "App":
        """The app whose templates lie at ``paths``."""
        return cls((Stack(path, json.loads(Path(path).read_text())) for path in paths), settings)

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types, stack by stack."""
        return [each for type_ in types for each in self._by_type.get(type_, ())]

    @cached_property
    def resources(self) -> list[Resource]:
        """Every resource of every stack."""
        return [resource for stack in self.stacks for resource in stack.resources.values()]

    @cached_property
    def _by_type(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for resource in self.resources:
            found.setdefault(resource.type, []).append(resource)
        return found

    def target(self, value: Any, user: Resource) -> Resource | None:
        """The resource that ``value``, which stands in ``user``, refers to; None when it refers to none of the app.

        Follows ``Ref``, ``Fn::GetAtt``, ``Fn::ImportValue`` of another stack's export, and ``Fn::Select``.
        """
        match value:
            case {"Ref": str(name)}:
                return user.stack.resources.get(name)
            case {"Fn::GetAtt": [str(name), *_]}:
                return user.stack.resources.get(name)
            case {"Fn::GetAtt": str(name)}:
                return user.stack.resources.get(name.partition(".")[0])
            case {"Fn::ImportValue": str(name)}:
                return self._exports.get(name)
            case {"Fn::Select": [_, list(values)]} if len(values) == 1:
                return self.target(values[0], user)
        return None

    @cached_property
    def _exports(self) -> dict[str, Resource]:
        found = {}
        for stack in self.stacks:
            for output in (stack.template.get("Outputs") or {}).values():
                name = (output.get("Export") or {}).get("Name")
                # Any resource of the stack can stand for the user: it says only which stack the names are of.
                target = self.target(output.get("Value"), Resource(stack, "", {"Type": ""}))
                if isinstance(name, str) and target:
                    found[name] = target
        return found

    def users(self, target: Resource, *types: str) -> list[Resource]:
        """The resources of these types that refer to ``target`` anywhere."""
        return [
            each for each in self.of(*types) if any(self.target(value, each) is target for value in walk(each.body))
        ]


def get(value: Any, path: str) -> Any:
    """What lies at a path such as ``A.B`` or ``A.0.B`` of nested objects and lists; None when it is not there."""
    for part in path.split("."):
        if not is_known(value) and value is not None:
            return value
        if isinstance(value, list):
            value = next(iter(value[int(part) :]), None) if part.isdigit() else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
        if value == {"Ref": "AWS::NoValue"}:
            return None
    return value


def listed(value: Any) -> list[Any]:
    """A value as a list: itself, or of one; empty when it is missing or not known yet."""
    if value is None or not is_known(value):
        return []
    return value if isinstance(value, list) else [value]


def is_known(value: Any) -> bool:
    """Whether the value is written out: it is there, and no intrinsic function."""
    if isinstance(value, Mapping) and len(value) == 1:
        (name,) = value
        return not (name in ("Ref", "Condition") or name.startswith("Fn::"))
    return value is not None


def is_one_of(value: Any, choices: Iterable[str | bool | int]) -> bool:
    """Whether a value is one of ``choices``, as CloudFormation compares: ``"true"`` is ``true`` and ``"2"`` is 2."""
    return _plain(value) in {_plain(each) for each in choices}


def walk(value: Any) -> Iterator[Any]:
    """The value and all that is in it."""
    yield value
    inner: Iterable[Any] = ()
    if isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, list):
        inner = value
    for each in inner:
        yield from walk(each)


def text(value: Any) -> str:
    """A value as one text, with ``${Name}`` or ``${Name.Attribute}`` for what only a deployment knows."""
    match value:
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(text(part) for part in parts)
        case {"Fn::Sub": [str(template), *_]}:
            return template
        case {"Fn::Sub": str(template)}:
            return template
        case {"Fn::Base64": inner}:
            return text(inner)
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [*parts]}:
            return f"${{{'.'.join(map(str, parts))}}}"
        case {"Fn::GetAtt": name}:
            return f"${{{name}}}"
        case {"Fn::ImportValue": name}:
            return f"${{{text(name)}}}"
        case dict():
            return "${" + next(iter(value), "") + "}"
    return str(value)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or str(value).lower() in ("true", "false") else str(value)


def _shown(value: Any) -> str:
    return "left out" if value is None else json.dumps(value, ensure_ascii=False)
