"""The tables: one row per resource type, read from ``tables/*.yaml`` and checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from jmespath.exceptions import JMESPathError  # type: ignore[import-untyped]

from local_aws.resource_types.expressions import roots

TABLES = Path(__file__).parent / "tables"

Template = Any
"""What becomes a parameter: an expression, or objects and lists of them."""


class TableError(ValueError):
    """A row that cannot be."""


@dataclass(frozen=True)
class Wait:
    """What is waited for.

    Args:
        value: the expression that is looked at.
        is_: what it is when the wait is over.
        fails: what it is when it never will be.
        because: why it failed, an expression.
    """

    value: str
    is_: tuple[Any, ...]
    fails: tuple[Any, ...] = ()
    because: str | None = None


@dataclass(frozen=True)
class Step:
    """One call.

    Args:
        call: the operation, as ``ec2.CreateVpc``.
        parameters: what it is called with, besides the properties that it takes by name.
        of: the properties whose change asks for the call; empty means those that its parameters start from.
        leave: properties that it does not take by name although it could.
        each: an expression; the call is made for each of what it finds, which is ``each`` in the parameters.
        when: an expression; the call is made only when it finds something.
        unset: the call instead when the first of ``of`` is taken away.
        wait: what is waited for before the next step.
        ignore: error codes that are as good as success.
        changed: whether it takes only the properties that changed.
    """

    call: str
    parameters: Mapping[str, Template]
    of: frozenset[str] = frozenset()
    leave: frozenset[str] = frozenset()
    each: str | None = None
    when: str | None = None
    unset: "Step | None" = None
    wait: Wait | None = None
    ignore: tuple[str, ...] = ()
    changed: bool = False

    def roots(self) -> frozenset[str]:
        """The names that its expressions start from."""
        return roots([dict(self.parameters), self.each or [], self.when or []])


@dataclass(frozen=True)
class Read:
    """How a resource is looked up.

    Args:
        step: the call.
        record: the expression that finds the resource in ``answer``.
        gone: error codes that mean that there is none, some with a part of the message: ``Code: part``.
        deleted: an expression; the resource counts as gone when it finds something in ``record``.
    """

    step: Step
    record: str
    gone: tuple[str, ...] = ()
    deleted: str | None = None


@dataclass(frozen=True)
class Name:
    """A physical name that CloudFormation makes up.

    Args:
        property: the property that gives it.
        max: its greatest length.
        lower: whether it has small letters only.
        of: the expression that finds it again in ``id``.
        suffix: the expression that finds its last letters in the properties.
    """

    property: str
    max: int
    lower: bool = False
    of: str = "id"
    suffix: str | None = None


@dataclass(frozen=True)
class Tags:
    """How a resource is tagged.

    Args:
        property: the property, where the schema does not say.
        specification: EC2's name of the type in ``TagSpecifications``.
        arn: the expression that finds what is tagged.
        add: the call that sets tags of a resource that is there.
        remove: the call that takes tags away.
        fixed: why they do not change.
    """

    property: str | None = None
    specification: str | None = None
    arn: str = "id"
    add: Step | None = None
    remove: Step | None = None
    fixed: str | None = None


@dataclass(frozen=True)
class Row:
    """One resource type.

    Args:
        create: the call that makes it; None: the steps of ``then`` do, or there is nothing behind it.
        id: the expression that finds the physical id; None: a name that is made up.
        read: how it is looked up; None: what ``create`` answered is all there is to know.
        update: the call for the properties that change in place.
        then: calls for named properties, after ``create`` and when they change.
        delete: the calls that delete it; none: deleting what it belongs to does.
        related: what is looked up besides, for attributes: ``related`` in their expressions.
        name: the name that is made up.
        tags: how it is tagged.
        put: whether ``create`` would silently overwrite another resource of the same name.
        ready: what is waited for after ``create`` and after a change.
        attributes: what ``Fn::GetAtt`` gives, name to expression; the given properties come on top.
        without: attributes of the schema that are not there, name to reason.
        defaults: what properties are when they are not given.
        rename: path of a part of a property to its path in the request, beside it.
        replaces: paths whose change replaces the resource, besides those of the schema.
        replaces_when: path to the expression on which its change does.
        not_kept: paths that are sent and that moto forgets, to reason.
        not_sent: paths that no request has a place for, to reason.
        refused: paths that are refused because no call takes them.
        fixed: properties whose change is refused because no call makes it, to reason.
        source: what the row rests on besides the schema and the model.
    """

    create: Step | None = None
    id: str | None = None
    read: Read | None = None
    update: Step | None = None
    then: tuple[Step, ...] = ()
    delete: tuple[Step, ...] = ()
    related: Mapping[str, Read] | None = None
    name: Name | None = None
    tags: Tags = Tags()
    put: bool = False
    ready: Wait | None = None
    attributes: Mapping[str, str] | None = None
    without: Mapping[str, str] | None = None
    defaults: Mapping[str, Any] | None = None
    rename: Mapping[str, str] | None = None
    replaces: tuple[str, ...] = ()
    replaces_when: Mapping[str, str] | None = None
    not_kept: Mapping[str, str] | None = None
    not_sent: Mapping[str, str] | None = None
    refused: tuple[str, ...] = ()
    fixed: Mapping[str, str] | None = None
    source: str = ""


Made = TypeVar("Made")


class _Place:
    """Where in a table something is, for messages."""

    def __init__(self, where: str) -> None:
        self._where = where

    def inside(self, name: object) -> "_Place":
        return _Place(f"{self._where}: {name}")

    def wrong(self, message: str) -> TableError:
        return TableError(f"{self._where}: {message}")

    def known(self, given: object, names: Iterable[str]) -> dict[str, Any]:
        """The given object, when it has no other names."""
        if not isinstance(given, dict):
            raise self.wrong("must be an object")
        for name in given:
            if name not in names:
                raise self.wrong(f"unknown key {name!r}")
        return given

    def expression(self, template: Template) -> Template:
        """The given template, when its expressions can be read."""
        try:
            roots(template)
        except JMESPathError as error:
            raise self.wrong(f"{template!r}: {error}") from None
        return template


def _step(place: _Place, given: object) -> Step:
    known = place.known(given, ("call", "with", "of", "leave", "each", "if", "unset", "wait", "ignore", "changed"))
    if "." not in str(known.get("call")):
        raise place.wrong("call: must be service.Operation")
    return Step(
        call=known["call"],
        parameters=place.expression(known.get("with", {})),
        of=frozenset(_names(known.get("of", ()))),
        leave=frozenset(_names(known.get("leave", ()))),
        each=place.expression(known.get("each")),
        when=place.expression(known.get("if")),
        unset=_step(place.inside("unset"), known["unset"]) if "unset" in known else None,
        wait=_wait(place.inside("wait"), known["wait"]) if "wait" in known else None,
        ignore=_names(known.get("ignore", ())),
        changed=bool(known.get("changed")),
    )


def _wait(place: _Place, given: object) -> Wait:
    known = place.known(given, ("value", "is", "fails", "because"))
    if not {"value", "is"} <= known.keys():
        raise place.wrong("needs value and is")
    return Wait(
        value=place.expression(known["value"]),
        is_=_names(known["is"]),
        fails=_names(known.get("fails", ())),
        because=place.expression(known.get("because")),
    )


def _read(place: _Place, given: object) -> Read:
    known = place.known(given, ("call", "with", "record", "gone", "deleted"))
    if "record" not in known:
        raise place.wrong("needs record")
    return Read(
        step=_step(place, {key: known[key] for key in ("call", "with") if key in known}),
        record=place.expression(known["record"]),
        gone=_names(known.get("gone", ())),
        deleted=place.expression(known.get("deleted")),
    )


def _name(place: _Place, given: object) -> Name:
    known = place.known(given, ("property", "max", "lower", "of", "suffix"))
    if not {"property", "max"} <= known.keys():
        raise place.wrong("needs property and max")
    place.expression([known.get("of"), known.get("suffix")])
    return Name(**known)


def _tags(place: _Place, given: object) -> Tags:
    known = dict(place.known(given, [each.name for each in fields(Tags)]))
    for key in known.keys() & {"add", "remove"}:
        known[key] = _step(place.inside(key), known[key])
    return Tags(**known)


def _steps(place: _Place, given: object) -> tuple[Step, ...]:
    items = given if isinstance(given, list) else [given]
    return tuple(_step(place.inside(index), each) for index, each in enumerate(items))


def _related(place: _Place, given: object) -> Mapping[str, Read]:
    if not isinstance(given, dict):
        raise place.wrong("must be an object")
    return {name: _read(place.inside(name), each) for name, each in given.items()}


def _expressions(place: _Place, given: object) -> object:
    return place.expression(given)


def _same(place: _Place, given: object) -> object:  # noqa: ARG001 (as the others)
    return given


def _names(given: object) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, list | tuple) else (given,)


_PARSERS: Mapping[str, Any] = {
    "create": _step,
    "id": _expressions,
    "read": _read,
    "update": _step,
    "then": _steps,
    "delete": _steps,
    "related": _related,
    "name": _name,
    "tags": _tags,
    "put": _same,
    "ready": _wait,
    "attributes": _expressions,
    "without": _same,
    "defaults": _same,
    "rename": _same,
    "replaces": lambda place, given: _names(given),  # noqa: ARG005 (as the others)
    "replaces_when": _expressions,
    "not_kept": _same,
    "not_sent": _same,
    "refused": lambda place, given: _names(given),  # noqa: ARG005 (as the others)
    "fixed": lambda place, given: given if isinstance(given, dict) else dict.fromkeys(given, "no call here does"),  # noqa: ARG005
    "source": _same,
}


def row(where: str, given: object) -> Row:
    """A row as a table has it.

    Raises:
        TableError: when it cannot be; the message says where.
    """
    place = _Place(where)
    known = place.known(given or {}, _PARSERS)
    return Row(**{key: _PARSERS[key](place.inside(key), value) for key, value in known.items()})


@cache
def rows() -> Mapping[str, Row]:
    """All rows, by the name of the type.

    Raises:
        TableError: when one cannot be, or a type has two.
    """
    found: dict[str, Row] = {}
    for path in sorted(TABLES.glob("*.yaml")):
        for type_name, given in (yaml.safe_load(path.read_text()) or {}).items():
            if type_name in found:
                raise TableError(f"{path.name}: {type_name}: has a row already")
            found[type_name] = row(f"{path.name}: {type_name}", given)
    return found


@cache
def tagging() -> Mapping[str, tuple[Step, Step]]:
    """The calls that add and remove tags of what is there, by service."""
    path = Path(__file__).parent / "tagging.yaml"
    given = yaml.safe_load(path.read_text())
    return {
        service: (
            _step(_Place(f"{path.name}: {service}: add"), calls["add"]),
            _step(_Place(f"{path.name}: {service}: remove"), calls["remove"]),
        )
        for service, calls in given.items()
    }
