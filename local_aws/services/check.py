"""Tables held against botocore's service models: what a row says must be there, and nothing may be lost in silence."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.model import ListShape, Shape, StructureShape
from moto.core.utils import get_service_model

from local_aws.services import lists
from local_aws.services.expressions import expressions
from local_aws.services.shapes import inputs, operation_model, outputs, record_members, shown_as
from local_aws.services.table import TABLES, Kind, Operation, Request, Table, TableError, read


@cache
def tables() -> tuple[Table, ...]:
    """All tables.

    Raises:
        TableError: when one cannot be.
    """
    return tuple(
        checked(path.read_text(), *(part.read_text() for part in sorted(TABLES.glob(f"{path.stem}/*.yaml"))))
        for path in sorted(TABLES.glob("*.yaml"))
    )


def checked(text: str, *more: str) -> Table:
    """A table in YAML, with further records, that fits botocore's models.

    Raises:
        TableError: when it does not; the message has all that is wrong.
    """
    table = read(text, *more)
    if problems := list(_problems(table)):
        raise TableError("\n".join(problems))
    return table


def _problems(table: Table) -> Iterator[str]:
    operations = get_service_model(table.service).operation_names
    for kind in table.kinds.values():
        where = f"{table.service}: {kind.name}"
        unknown = [each.name for each in kind.operations if each.name not in operations]
        if unknown:
            yield from (f"{where}: botocore knows no {each}" for each in unknown)
            continue
        unwrapped = [each for each in kind.operations if not _has_wrap(table, each)]
        if unwrapped:
            yield from (f"{where}: {each.name}: as: botocore knows no {each.wrap}" for each in unwrapped)
            continue
        members = record_members(table.service, kind)
        yield from _unknown_members(where, kind.defaults, members)
        yield from _unknown_members(where, kind.sets, members)
        yield from _unknown_states(where, kind, members)
        for each in kind.operations:
            yield from _operation(f"{where}: {each.name}", table, kind, each, members)


def _has_wrap(table: Table, operation: Operation) -> bool:
    if operation.wrap is None:
        return operation.does != "list"
    shape = outputs(table.service, operation.name).get(operation.wrap)
    return isinstance(shape, ListShape if operation.does == "list" else StructureShape)


def _operation(
    where: str, table: Table, kind: Kind, operation: Operation, members: Mapping[str, Shape]
) -> Iterator[str]:
    shape = shown_as(table.service, operation)
    yield from _unknown_members(where, operation.shows, shape.members if shape else {})
    yield from _unknown_members(where, operation.answer, outputs(table.service, operation.name))
    yield from _unknown_members(where, operation.having, members)
    for sets in (operation.sets, operation.part, *(each for each in operation.becomes if isinstance(each, dict))):
        yield from _unknown_members(where, sets, members)
    for request in _requests(operation):
        yield from _request(where, request)
    for name in operation.needs:
        if name not in table.kinds:
            yield f"{where}: needs: the table has no {name}"
    text = " ".join(_texts(kind, operation))
    for name in sorted(set(re.findall(r"\brecords\.(\w+)", text))):
        if name not in table.kinds:
            yield f"{where}: the table has no {name}"
    for parameter in inputs(table.service, operation.name):
        if not _is_used(parameter, table, kind, operation, members, text):
            yield f"{where}: {parameter}: changes nothing; it must be in ignores"


def _is_used(
    parameter: str, table: Table, kind: Kind, operation: Operation, members: Mapping[str, Shape], text: str
) -> bool:
    if parameter in operation.ignores or re.search(rf"\brequest\.{parameter}\b", text):
        return True
    if operation.does == "list":
        return lists.understood(parameter, table, operation) or bool(
            lists.wanted_by(parameter, kind, operation, members)
        )
    if parameter in kind.key or any(
        parameter in table.kinds[name].key for name, of in operation.needs.items() if not of
    ):
        return True
    if operation.does == "create" and parameter in _TAGS:
        return True
    return operation.does in ("create", "change") and kind.rename.get(parameter, parameter) in members


_TAGS = ("Tags", "tags", "TagSpecifications")


def _requests(operation: Operation) -> Iterator[Request]:
    """All calls to other services that an operation makes, at once or later."""
    yield from (*operation.asks, *operation.calls, *operation.afterwards)
    yield from (each for each in operation.becomes if isinstance(each, Request))


def _texts(kind: Kind, operation: Operation) -> Iterator[str]:
    """The expressions of an operation."""
    if operation.does == "create":
        yield from expressions([dict(kind.defaults), dict(kind.sets), kind.resource])
    yield from (each for each in (operation.of, operation.only, operation.parts, *operation.needs.values()) if each)
    yield from operation.filters.values()
    for refusal in operation.refuses:
        yield refusal.when
        yield from expressions(refusal.error.message)
    for request in _requests(operation):
        yield from (each for each in (request.each, request.when) if each)
        yield from expressions(request.parameters)
    templates = (operation.sets, operation.part, operation.answer, operation.shows, operation.having)
    yield from expressions([*map(dict, templates), [*operation.becomes]])


def _unknown_members(where: str, given: Mapping[str, Any], members: Mapping[str, Shape]) -> Iterator[str]:
    """The members that are neither in the model nor ours alone."""
    for name, value in given.items():
        if name.startswith("_"):
            continue
        if name not in members:
            yield f"{where}: botocore knows no {name}"
        elif isinstance(value, dict) and isinstance(shape := members[name], StructureShape):
            yield from _unknown_members(f"{where}: {name}", value, shape.members)


def _unknown_states(where: str, kind: Kind, members: Mapping[str, Shape]) -> Iterator[str]:
    for name in (*kind.key, *kind.unique, *kind.identifiers, *(each for each in (kind.arn, kind.status) if each)):
        if name not in members and not name.startswith("_"):
            yield f"{where}: botocore knows no {name}"
    known = getattr(members.get(kind.status or ""), "enum", None)
    if not known:
        return
    for operation in kind.operations:
        becomes = [each.get(kind.status) if isinstance(each, dict) else each for each in operation.becomes]
        for each in (*operation.states, *operation.passes, *becomes):
            if isinstance(each, str) and "{" not in each and each not in known:
                yield f"{where}: {operation.name}: {kind.status} is never {each}"


def _request(where: str, request: Request) -> Iterator[str]:
    if request.operation not in get_service_model(request.service).operation_names:
        yield f"{where}: botocore knows no {request.service}.{request.operation}"
        return
    shape = operation_model(request.service, request.operation).input_shape
    yield from _unknown_members(where, request.parameters, shape.members if shape else {})
