"""The tables: one file per service, one row per kind of record; the README here says how they are written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from local_aws.services import expressions

TABLES = Path(__file__).with_name("tables")

Template = Any
"""A value whose texts hold expressions."""


class TableError(ValueError):
    """A table that cannot be."""


@dataclass(frozen=True)
class Error:
    """What AWS says when it refuses.

    Args:
        code: the error code.
        message: the message, a text with expressions.
    """

    code: str
    message: str


@dataclass(frozen=True)
class Refusal:
    """When AWS refuses.

    Args:
        when: an expression that finds something where it does.
        error: what it says.
    """

    when: str
    error: Error


@dataclass(frozen=True)
class Request:
    """A call to another service, as the service itself makes it.

    Args:
        service: botocore's name of the service.
        operation: the operation.
        parameters: what it is called with.
        name: the name of its answer in later expressions.
        each: an expression; the call is made for each of what it finds, which is ``each`` in the parameters.
        when: an expression; the call is made only when it finds something.
        ignore: error codes that are as good as success.
        error: what the caller is told when it fails; else the error as it is.
    """

    service: str
    operation: str
    parameters: Template
    name: str | None = None
    each: str | None = None
    when: str | None = None
    ignore: tuple[str, ...] = ()
    error: Error | None = None


@dataclass(frozen=True)
class Operation:
    """What one operation does with records of its kind.

    Args:
        name: the operation.
        does: ``create``, ``show``, ``list``, ``change`` or ``delete``.
        of: an expression that finds the identifier, when the request does not have the key's members by their names.
        states: the states of the record from which it goes.
        passes: states in which it changes nothing, and is not refused.
        needs: kinds of which the request must name a record that is there, to the expression that finds its identifier
            when the request does not have the key's members by their names.
        asks: questions to other services, whose answers the refusals may look at.
        refuses: when it is refused.
        calls: calls to other services, before the record changes.
        sets: members that it gives the record besides those of the request.
        becomes: states, and the seconds that they last, in turn; after a last number the record is gone. A text that
            begins with a brace gives seconds, and a request is made when its time comes.
        afterwards: calls to other services, when the record is gone.
        later: the seconds between that and those calls.
        parts: an expression that finds how many parts a new record has: records like it, but for ``part``.
        part: members of a part, by its ``index`` and its parent, the ``record``.
        answer: members of the answer besides those of the record.
        wrap: the member of the answer that holds the record, or the list of them.
        ids: the parameter of a list with the identifiers that are wanted, and whether one that is missing is an error.
        filters: parameter of a list to the expression that finds something in a ``record`` that is wanted.
        named: name in the parameter ``Filters`` of a list to the expression that finds the value in a ``record``.
        having: members with the values that every ``record`` of the list has; null asks for nothing.
        only: an expression that finds something in every ``record`` of the list.
        shows: members that it shows besides those of the record.
        pages: how many a list gives at a time.
        ignores: parameters that change nothing.
    """

    name: str
    does: str
    of: str | None = None
    states: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()
    needs: Mapping[str, str | None] = field(default_factory=dict)
    asks: tuple[Request, ...] = ()
    refuses: tuple[Refusal, ...] = ()
    calls: tuple[Request, ...] = ()
    sets: Mapping[str, Template] = field(default_factory=dict)
    becomes: tuple[Template | Request, ...] = ()
    afterwards: tuple[Request, ...] = ()
    later: float = 0
    parts: str | None = None
    part: Mapping[str, Template] = field(default_factory=dict)
    answer: Mapping[str, Template] = field(default_factory=dict)
    wrap: str | None = None
    ids: tuple[str, bool] | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)
    having: Mapping[str, Template] = field(default_factory=dict)
    only: str | None = None
    shows: Mapping[str, Template] = field(default_factory=dict)
    pages: int | None = None
    ignores: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A kind of record.

    Args:
        name: its name.
        key: the members that identify a record.
        operations: what can be done with it.
        unique: the members of which no two records have the same; those of the key when the request has them all.
        identifiers: more members by which one is found.
        arn: the member with its ARN.
        resource: the end of the ARN, a text with expressions.
        status: the member with its state.
        free: states in which its name is free for another one.
        defaults: members of a new record unless the request has them.
        sets: members of a new record besides those of the request.
        rename: parameter to the member that it becomes.
        unset_by: the text that takes a member away when an update gives it.
        takes: the records that go with it: kind to the members, with the values, by which they belong to it.
        missing: what AWS says when there is none.
        exists: what AWS says when there is one already.
        wrong: what AWS says when it is in the wrong state.
        source: what the row rests on.
    """

    name: str
    key: tuple[str, ...]
    operations: tuple[Operation, ...]
    missing: Error
    exists: Error
    wrong: Error
    unique: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    arn: str | None = None
    resource: str = ""
    status: str | None = None
    free: tuple[str, ...] = ()
    defaults: Mapping[str, Template] = field(default_factory=dict)
    sets: Mapping[str, Template] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    unset_by: str | None = None
    takes: Mapping[str, Mapping[str, Template]] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True)
class Tagging:
    """How records are tagged by their ARN.

    Args:
        arn: the parameter with the ARN, or with a list of identifiers.
        tags: the parameter with the tags, and the member of the answer.
        keys: the parameter with the keys that are taken away.
        add: the operation that sets tags.
        remove: the operation that takes tags away.
        list: the operation that tells them; None: moto's does.
        missing: what AWS says of an ARN that is nobody's; None: moto knows more of them.
    """

    arn: str
    tags: str
    keys: str
    add: str
    remove: str
    list: str | None = None
    missing: Error | None = None


@dataclass(frozen=True)
class Table:
    """What is answered of one service.

    Args:
        service: botocore's name of the service.
        kinds: the kinds of records, by name.
        created: the members that tell when a record was made.
        changed: the members that tell when it last changed.
        size: the parameter that limits a page.
        token: the parameter, and the member of the answer, of the next page.
        pages: how many a list gives at a time unless an operation says otherwise.
        invalid: what AWS says of a token that is none.
        tagging: how records are tagged.
        times: what times are in the model: ``timestamp``, ``text`` or ``millis``.
        settles: operations of other services that may see what time has done here.
    """

    service: str
    kinds: Mapping[str, Kind]
    created: tuple[str, ...]
    changed: tuple[str, ...]
    size: str
    token: str
    pages: int
    invalid: Error
    tagging: Tagging | None = None
    times: str = "timestamp"
    settles: tuple[tuple[str, str], ...] = ()


def read(text: str, *more: str) -> Table:
    """A table in YAML; ``more`` are further records of it.

    Raises:
        TableError: when it cannot be; the message says where.
    """
    place = _Place("table")
    given = place.known(
        yaml.safe_load(text),
        needs=("service", "errors", "pages", "records"),
        may=("source", "created", "changed", "tagging", "times", "settles", "ignores"),
    )
    place = _Place(given["service"])
    for part in map(yaml.safe_load, more):
        if twice := sorted(part.keys() & given["records"].keys()):
            raise place.wrong(f"{twice[0]} is there twice")
        given["records"] |= part
    errors = {name: _error(place.inside(name), each) for name, each in given["errors"].items()}
    pages = place.inside("pages").known(given["pages"], needs=("size", "limit", "token", "invalid"))
    return Table(
        service=given["service"],
        kinds={
            name: _kind(place.inside(name), name, row, errors, tuple(given.get("ignores", ())))
            for name, row in given["records"].items()
        },
        created=tuple(given.get("created", ())),
        changed=tuple(given.get("changed", ())),
        size=pages["limit"],
        token=pages["token"],
        pages=pages["size"],
        invalid=_error(place.inside("pages"), pages["invalid"]),
        tagging=_tagging(place.inside("tagging"), given["tagging"]) if "tagging" in given else None,
        times=given.get("times", "timestamp"),
        settles=tuple(_operation_name(each) for each in given.get("settles", ())),
    )


class _Place:
    """Where in a table something is, for messages."""

    def __init__(self, where: str) -> None:
        self._where = where

    def inside(self, name: object) -> "_Place":
        return _Place(f"{self._where}: {name}")

    def wrong(self, message: str) -> TableError:
        return TableError(f"{self._where}: {message}")

    def known(self, given: object, needs: Iterable[str] = (), may: Iterable[str] = ()) -> dict[str, Any]:
        """The given object, when it has these names and no others."""
        if not isinstance(given, dict):
            raise self.wrong("must be an object")
        for name in needs:
            if name not in given:
                raise self.wrong(f"needs {name}")
        for name in given:
            if name not in {*needs, *may}:
                raise self.wrong(f"unknown key {name!r}")
        return given

    def template(self, given: Template) -> Template:
        """The given template, when its expressions can be read."""
        try:
            expressions.check(given)
        except ValueError as error:
            raise self.wrong(str(error)) from error
        return given

    def expression(self, given: str | None) -> str | None:
        """The given expression, when it can be read."""
        if given is not None:
            self.template(f"{{{given}}}")
        return given


def _names(of: type) -> tuple[str, ...]:
    return tuple(of.__dataclass_fields__)  # type: ignore[attr-defined]  # they are dataclasses


def _kind(place: _Place, name: str, given: object, errors: Mapping[str, Error], ignores: tuple[str, ...]) -> Kind:
    row = dict(place.known(given, needs=("key", "operations"), may=_names(Kind)))
    for each in ("missing", "exists", "wrong"):
        row[each] = _error(place.inside(each), row[each]) if each in row else errors[each]
    for each in ("key", "unique", "identifiers", "free"):
        row[each] = tuple(row.get(each, ()))
    row["operations"] = tuple(
        _operation(place.inside(operation), operation, each, ignores) for operation, each in row["operations"].items()
    )
    for each in ("defaults", "sets", "resource", "takes"):
        place.inside(each).template(row.get(each, ""))
    return Kind(name=name, **row)


def _tagging(place: _Place, given: object) -> Tagging:
    row = place.known(given, needs=("arn", "tags", "keys", "add", "remove"), may=("list", "missing"))
    missing = _error(place, row["missing"]) if "missing" in row else None
    return Tagging(**{**row, "missing": missing})


_DOES = ("create", "show", "list", "change", "delete")


def _operation(place: _Place, name: str, given: object, ignores: tuple[str, ...]) -> Operation:
    row = dict(place.known({"does": given} if isinstance(given, str) else given, needs=("does",), may=_OPERATION))
    if row["does"] not in _DOES:
        raise place.wrong(f"does: must be one of {', '.join(_DOES)}")
    for each in ("states", "passes", "becomes"):
        row[each] = tuple(row.get(each, ()))
    needs = row.get("needs", {})
    row["needs"] = needs if isinstance(needs, dict) else dict.fromkeys(needs)
    for each in ("asks", "calls", "afterwards"):
        row[each] = tuple(_request(place.inside(each), call) for call in row.get(each, ()))
    for each in ("sets", "part", "answer", "shows", "having"):
        place.inside(each).template(row.get(each, {}))
    row["becomes"] = tuple(
        _request(place.inside("becomes"), each) if isinstance(each, dict) and "call" in each else each
        for each in row["becomes"]
    )
    place.inside("becomes").template(list(row["becomes"]))
    for expression in (
        row.get("of"),
        row.get("only"),
        row.get("parts"),
        *row["needs"].values(),
        *row.get("filters", {}).values(),
        *row.get("named", {}).values(),
    ):
        place.expression(expression)
    row["refuses"] = tuple(_refusal(place.inside("refuses"), each) for each in row.get("refuses", ()))
    row["ignores"] = (*ignores, *row.get("ignores", ()))
    if "ids" in row:
        ids = place.inside("ids").known(row["ids"], needs=("parameter", "strict"))
        row["ids"] = (ids["parameter"], ids["strict"])
    row["wrap"] = row.pop("as", None)
    return Operation(name=name, **row)


_OPERATION = tuple({*_names(Operation), "as"} - {"wrap", "name"})


def _error(place: _Place, given: object) -> Error:
    error = Error(**place.known(given, needs=_names(Error)))
    place.template([error.code, error.message])
    return error


def _refusal(place: _Place, given: object) -> Refusal:
    row = place.known(given, needs=("when", "code", "message"))
    place.expression(row["when"])
    return Refusal(row["when"], _error(place, {"code": row["code"], "message": row["message"]}))


def _request(place: _Place, given: object) -> Request:
    row = place.known(given, needs=("call",), may=("with", "as", "each", "when", "ignore", "error"))
    service, operation = _operation_name(row["call"])
    return Request(
        service=service,
        operation=operation,
        parameters=place.template(row.get("with", {})),
        name=row.get("as"),
        each=place.expression(row.get("each")),
        when=place.expression(row.get("when")),
        ignore=tuple(row.get("ignore", ())),
        error=_error(place.inside("error"), row["error"]) if "error" in row else None,
    )


def _operation_name(name: str) -> tuple[str, str]:
    service, _, operation = name.partition(".")
    return service, operation
