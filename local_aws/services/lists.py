"""How lists of records are filtered, sorted and cut into pages."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.model import Shape

from local_aws.services.expressions import found
from local_aws.services.store import Record, refused
from local_aws.services.table import Kind, Operation, Table

Wanted = Callable[[Record, Any], bool]
"""Whether a record is wanted, by the value of a parameter."""

_SORTING = ("SortBy", "SortOrder")
_FILTERS = ("Filters", "filters")


def wanted_by(parameter: str, kind: Kind, operation: Operation, members: Mapping[str, Shape]) -> Wanted | None:
    """What a parameter of a list asks for; None when nobody knows."""
    if expression := operation.filters.get(parameter):
        return lambda record, value: bool(found(expression, {"record": record.members, "value": value}))
    if parameter in _FILTERS and operation.named:
        return lambda record, value: all(_has(operation.named, record, each) for each in value)
    for ending, compare in _ENDINGS.items():
        if parameter.endswith(ending) and (member := _member(parameter.removesuffix(ending), kind, members)):
            return _comparison(member, compare)
    return None


def _comparison(member: str, compare: Callable[[Any, Any], bool]) -> Wanted:
    return lambda record, value: record.members.get(member) is not None and compare(record.members[member], value)


_ENDINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda mine, value: mine == value,
    "Contains": lambda mine, value: value in mine,
    "Before": lambda mine, value: mine < value,
    "After": lambda mine, value: mine > value,
    "": lambda mine, value: mine == value,
}


def _member(name: str, kind: Kind, members: Mapping[str, Shape]) -> str | None:
    """The member that SageMaker and others mean by a name in a filter or ``SortBy``."""
    camel = "".join(part.capitalize() for part in name.split("_")) if name.isupper() else name
    meant = {"Name": kind.key[-1], "Status": kind.status, "Created": "CreationTime", "ModifiedTime": "LastModifiedTime"}
    if camel in members:
        return camel
    return meant.get(camel)


def _has(named: Mapping[str, str], record: Record, wanted: Mapping[str, Any]) -> bool:
    """Whether a record fits one of ``Filters``, which are names with values."""
    name, values = wanted.get("Name", wanted.get("name")), wanted.get("Values", wanted.get("values")) or ()
    if isinstance(name, str) and name.startswith("tag:"):
        return record.tags.get(name.removeprefix("tag:")) in values
    if name == "tag-key":
        return any(each in record.tags for each in values)
    value = found(named[name], {"record": record.members}) if name in named else None
    return any(each in values for each in value) if isinstance(value, list) else value in values


def understood(parameter: str, table: Table, operation: Operation) -> bool:
    """Whether a parameter of a list is none that filters."""
    paging = (table.size, table.token, *_SORTING, *operation.ignores)
    return parameter in paging or bool(operation.ids and parameter == operation.ids[0])


def sorted_by(
    records: Sequence[Record], kind: Kind, members: Mapping[str, Shape], request: Mapping[str, Any]
) -> "Order":
    """The records in the order that the request asks for: else the oldest first."""
    member = _member(request["SortBy"], kind, members) if "SortBy" in request else None
    return Order(records, member, str(request.get("SortOrder", "")).upper().startswith("DESC"))


class Order:
    """Records in an order, which gives them page by page.

    A token is the place of the last record in the order: records that come and go meanwhile harm nobody.
    """

    def __init__(self, records: Sequence[Record], member: str | None, descending: bool) -> None:
        self._member = member
        self._descending = descending
        self._records = sorted(records, key=self._place, reverse=descending)

    def _place(self, record: Record) -> tuple[str, int]:
        value = record.members.get(self._member) if self._member else None
        if isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, int):
            value = f"{value:020}"
        return value or "", record.number

    def page(self, table: Table, size: int, token: str | None) -> tuple[list[Record], str | None]:
        """A page, and the token of the next one.

        Raises:
            AwsError: for a token that is none.
        """
        records = self._records
        if token is not None:
            try:
                value, number = json.loads(base64.b64decode(token, validate=True))
            except ValueError:
                raise refused(table.invalid, {}) from None
            last = (value, number)
            records = [each for each in records if _after(self._place(each), last, self._descending)]
        if len(records) <= size:
            return records, None
        return records[:size], base64.b64encode(json.dumps(self._place(records[size - 1])).encode()).decode()


def _after(place: tuple[str, int], last: tuple[str, int], descending: bool) -> bool:
    return place < last if descending else place > last
