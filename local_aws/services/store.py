"""Records, and what time does to them."""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from local_aws.acting import acting_as
from local_aws.clients import Clients
from local_aws.clock import Clock
from local_aws.errors import AwsError
from local_aws.services.expressions import Scope, filled, found
from local_aws.services.table import Error, Kind, Operation, Request, Table


@dataclass(frozen=True)
class Phase:
    """What becomes of a record at a time.

    Args:
        at: the time, in seconds of the clock.
        sets: the members that change; None: the record is gone.
        scope: what is known of the request that led to it.
        calls: calls to other services.
        later: the seconds after which they are made.
    """

    at: float
    sets: Mapping[str, Any] | None
    scope: Scope
    calls: tuple[Request, ...] = ()
    later: float = 0


@dataclass(eq=False)
class Record:
    """One record.

    Args:
        kind: its kind.
        number: records are numbered as they are made.
        made: when it was made, in seconds of the clock.
        members: its members, by the names of botocore's model; those that begin with ``_`` are never shown.
        tags: its tags.
        ahead: what will become of it, the next first.
    """

    kind: Kind
    number: int
    made: float
    members: dict[str, Any]
    tags: dict[str, str] = field(default_factory=dict)
    ahead: list[Phase] = field(default_factory=list)

    @property
    def status(self) -> Any:
        """Its state."""
        return self.members.get(self.kind.status) if self.kind.status else None

    def merge(self, values: Mapping[str, Any]) -> None:
        """Changes members: objects are merged, everything else is replaced, and null takes away."""
        _merge(self.members, values, self.kind.unset_by)


def _merge(target: dict[str, Any], values: Mapping[str, Any], unset_by: str | None) -> None:
    for name, value in values.items():
        if value is None or (unset_by is not None and value == unset_by):
            target.pop(name, None)
        elif isinstance(value, dict):
            inner = target.get(name)
            target[name] = dict(inner) if isinstance(inner, dict) else {}
            _merge(target[name], value, unset_by)
        else:
            target[name] = value


class Shelf:
    """The records of one service in one account and region.

    Args:
        table: the table of the service.
        account: the account.
        region: the region.
        clock: what durations go by.
        clients: the clients of the region, for calls to other services.
        lag: the seconds after which lists show what was made or is gone.
    """

    def __init__(self, table: Table, account: str, region: str, clock: Clock, clients: Clients, lag: float = 0) -> None:
        self.table = table
        self.account = account
        self.region = region
        self._clock = clock
        self.clients = clients
        self._records: dict[str, dict[int, Record]] = {name: {} for name in table.kinds}
        self._named: dict[Any, list[Record]] = {}
        self._lag = lag
        self._gone: list[tuple[float, Record]] = []
        self._due: list[tuple[float, int, int, Record]] = []
        self._numbers = count(1)
        self._settles = False

    def of(self, kind: str) -> list[Record]:
        """The records of a kind, the oldest first."""
        return list(self._records[kind].values())

    def listed(self, kind: str) -> list[Record]:
        """The records of a kind that a list shows."""
        if not self._lag:
            return self.of(kind)
        seen = self._clock.now() - self._lag
        gone = [record for at, record in self._gone if at > seen and record.kind.name == kind]
        return [each for each in (*self.of(kind), *gone) if each.made <= seen]

    def keyed(self, kind: Kind, members: Mapping[str, Any]) -> list[Record]:
        """The records of a kind that have the values of ``members`` for its key, the oldest first."""
        return self._named.get((kind.name, tuple(members.get(name) for name in kind.key)), [])

    def identified(self, kind: Kind, identifier: Any) -> Record | None:
        """The oldest record of a kind that goes by an identifier."""
        return next(iter(self._named.get((kind.name, identifier), ())), None)

    def tagged(self, identifier: str) -> Record | None:
        """The record of any kind whose ARN that is, or by which it is identified."""
        return next(iter(self._named.get(identifier, ())), None)

    def add(self, kind: Kind) -> Record:
        """A new record without members, which is not yet among the others."""
        return Record(kind, next(self._numbers), self._clock.now(), {})

    def keep(self, record: Record) -> None:
        """Puts a record among the others."""
        self._records[record.kind.name][record.number] = record
        for name in _names(record):
            self._named.setdefault(name, []).append(record)

    def remove(self, record: Record) -> None:
        """Takes a record away at once."""
        record.ahead.clear()
        if self._records[record.kind.name].pop(record.number, None) is None:
            return
        for name in _names(record):
            self._named[name].remove(record)
        if self._lag:
            self._gone.append((self._clock.now(), record))
        for kind, belongs in record.kind.takes.items():
            values = filled(dict(belongs), self.scope(record=record.members))
            for each in self.of(kind):
                if all(each.members.get(name) == value for name, value in values.items()):
                    self.remove(each)

    def settle(self) -> None:
        """Does what time has done since somebody last looked."""
        # What is done calls other services, whose operations see to it that this service is settled.
        if self._settles:
            return
        self._settles = True
        try:
            while self._due and self._due[0][0] <= self._clock.now():
                self._go_on(heapq.heappop(self._due)[-1])
        finally:
            self._settles = False

    def _go_on(self, record: Record) -> None:
        """Does what time has done to a record, and remembers when to look at it again."""
        while record.ahead and record.ahead[0].at <= self._clock.now():
            self._apply(record, record.ahead.pop(0))
        if record.ahead:
            # The numbers only keep records out of the comparison; a record may be there twice.
            heapq.heappush(self._due, (record.ahead[0].at, record.number, next(self._numbers), record))

    def plan(self, record: Record, operation: Operation, scope: Scope) -> None:
        """Lays down what becomes of a record from now on."""
        at, gone = self._clock.now(), not operation.becomes
        record.ahead.clear()
        for template in operation.becomes:
            # What is only braces is a number of seconds.
            each = filled(template, scope) if isinstance(template, str) and template.startswith("{") else template
            gone = isinstance(each, int | float)
            if isinstance(each, int | float):
                at += each
            elif isinstance(each, Request):
                record.ahead.append(Phase(at, {}, scope, (each,)))
            else:
                sets = each if isinstance(each, dict) else {str(record.kind.status): each}
                record.ahead.append(Phase(at, sets, scope))
        if gone:
            record.ahead.append(Phase(at, None, scope, operation.afterwards, operation.later))
        self._go_on(record)

    def _apply(self, record: Record, phase: Phase) -> None:
        if phase.sets is None:
            self.remove(record)
            if phase.later:
                record.ahead.append(Phase(phase.at + phase.later, None, phase.scope, phase.calls))
            else:
                self.call(phase.calls, phase.scope)
            return
        scope = {**phase.scope, **self.scope(record=record.members)}
        self.call(phase.calls, scope)
        record.merge(filled(dict(phase.sets), scope))
        record.merge({name: scope["now"] for name in self.table.changed if name in record.members})

    def scope(self, **names: Any) -> dict[str, Any]:
        """What expressions know."""
        return {
            "account": self.account,
            "region": self.region,
            "now": _TIMES[self.table.times](datetime.now(UTC)),
            "records": _ByKind(self),
            **names,
        }

    def call(self, requests: tuple[Request, ...], scope: Scope) -> dict[str, Any]:
        """Makes calls to other services.

        Returns:
            What is known after them: ``scope`` and their answers, by their names.

        Raises:
            AwsError: when one fails.
        """
        known = dict(scope)
        for request in requests:
            if request.when and not found(request.when, known):
                answer = None
            elif request.each:
                answer = [self._answer(request, {**known, "each": each}) for each in found(request.each, known) or ()]
            else:
                answer = self._answer(request, known)
            if request.name:
                known[request.name] = answer
        return known

    def _answer(self, request: Request, scope: Scope) -> Any:
        method: Callable[..., Any] = getattr(
            self.clients.client(request.service, self.region), xform_name(request.operation)
        )
        parameters = {name: value for name, value in filled(request.parameters, scope).items() if value is not None}
        try:
            with acting_as(self.table.service):
                return method(**parameters)
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            if code in request.ignore:
                return None
            told = request.error or Error("{code}", "{message}")
            raise refused(told, {**scope, "code": code, "message": message}) from error


def _names(record: Record) -> list[Any]:
    """All by which a record is found: with its kind, and its ARN and identifiers without; they never change."""
    kind, members = record.kind, record.members
    own = {members.get(name) for name in (kind.arn, *kind.identifiers) if name} - {None}
    key = tuple(members.get(name) for name in kind.key)
    return [(kind.name, key), *((kind.name, each) for each in {*own, key[-1]}), *own]


_TIMES: Mapping[str, Callable[[datetime], Any]] = {
    # As moto reads the times of requests.
    "timestamp": lambda now: now.replace(tzinfo=None),
    "text": lambda now: f"{now.replace(tzinfo=None).isoformat()}Z",
    "millis": lambda now: int(now.timestamp() * 1000),
}


def refused(error: Error, scope: Scope) -> AwsError:
    """What AWS says, filled in."""
    return AwsError(filled(error.code, scope), str(filled(error.message, scope)))


class _ByKind:
    """The records of a shelf for expressions, which ask by ``get``."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def get(self, kind: str) -> list[dict[str, Any]]:
        return [each.members for each in self._shelf.of(kind)]
