"""What the operations of a table do with its records."""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from botocore import xform_name

from local_aws.clients import Clients
from local_aws.clock import Clock
from local_aws.front import Answer, Call, Front
from local_aws.services import lists
from local_aws.services.expressions import filled, found
from local_aws.services.shapes import fit, given_tags, outputs, record_members, shown_as, tags_as, tags_from
from local_aws.services.store import Record, Shelf, refused
from local_aws.services.table import Kind, Operation, Table, Tagging


class Service:
    """Answers the operations of one service.

    Args:
        table: its table.
        clock: what durations go by.
        clients: the clients of a region, for calls to other services.
        lock: held while an operation works on records.
        lag: the seconds after which lists show what was made or is gone.
    """

    def __init__(
        self, table: Table, clock: Clock, clients: Callable[[str], Clients], lock: threading.RLock, lag: float = 0
    ) -> None:
        self._table = table
        self._clock = clock
        self._clients = clients
        self._lock = lock
        self._lag = lag
        self._shelves: dict[tuple[str, str], Shelf] = {}
        self._does = {
            "create": self._create,
            "show": self._show,
            "list": self._list,
            "change": self._change,
            "delete": self._delete,
        }
        self._members = {name: record_members(table.service, kind) for name, kind in table.kinds.items()}

    def install(self, front: Front) -> None:
        """Takes over the operations of the table."""
        service = self._table.service
        for kind in self._table.kinds.values():
            for operation in kind.operations:
                front.handle(service, operation.name, partial(self._answer, kind, operation))
        for other in self._table.settles:
            front.check(*other, self._settle)
        if tagging := self._table.tagging:
            if tagging.list:
                front.handle(service, tagging.list, self._list_tags)
            front.handle(service, tagging.add, self._add_tags)
            front.handle(service, tagging.remove, self._remove_tags)

    def tagged(self, call: Call) -> list[tuple[str, dict[str, str]]]:
        """The ARNs and tags of its records that have both, for somebody who calls another service."""
        with self._lock:
            shelf = self._shelf(call)
            records = [each for kind in self._table.kinds.values() if kind.arn for each in shelf.of(kind.name)]
            return [(each.members[str(each.kind.arn)], dict(each.tags)) for each in records if each.tags]

    def _shelf(self, call: Call) -> Shelf:
        key = (call.account, call.region)
        if key not in self._shelves:
            clients = self._clients(call.region)
            self._shelves[key] = Shelf(self._table, call.account, call.region, self._clock, clients, self._lag)
        self._shelves[key].settle()
        return self._shelves[key]

    def _settle(self, call: Call) -> None:
        with self._lock:
            self._shelf(call)

    def _answer(self, kind: Kind, operation: Operation, call: Call) -> Answer:
        with self._lock:
            return self._does[operation.does](self._shelf(call), kind, operation, call.parameters)

    def _create(self, shelf: Shelf, kind: Kind, operation: Operation, request: Mapping[str, Any]) -> Answer:
        scope = shelf.scope(request=request, does=operation.does)
        scope = shelf.call(operation.asks, scope)
        self._check(shelf, kind, operation, scope)
        taken = self._taken(shelf, kind, scope)
        record = shelf.add(kind)
        scope["record"] = record.members
        self._set(record, kind.defaults, scope)
        record.merge(self._own(kind, request))
        self._set(record, kind.sets, scope)
        if kind.arn:
            resource = filled(kind.resource, scope)
            record.merge({kind.arn: f"arn:aws:{self._table.service}:{shelf.region}:{shelf.account}:{resource}"})
        scope = shelf.call(operation.calls, scope)
        self._set(record, operation.sets, scope)
        record.merge({name: scope["now"] for name in self._table.created if name in self._members[kind.name]})
        record.tags = given_tags(request)
        for each in taken:
            shelf.remove(each)
        shelf.keep(record)
        if operation.parts:
            self._add_parts(shelf, record, operation, scope)
        if operation.becomes:
            shelf.plan(record, operation, scope)
        return self._shown(operation, record, scope)

    def _add_parts(self, shelf: Shelf, record: Record, operation: Operation, scope: dict[str, Any]) -> None:
        assert operation.parts
        for index in range(found(operation.parts, scope) or 0):
            part = shelf.add(record.kind)
            part.members = {**record.members, **filled(dict(operation.part), {**scope, "index": index})}
            part.tags = dict(record.tags)
            shelf.keep(part)
            shelf.plan(part, operation, {**scope, "record": part.members})

    def _taken(self, shelf: Shelf, kind: Kind, scope: Mapping[str, Any]) -> list[Record]:
        """The records that a new one takes the name of.

        Raises:
            AwsError: when one of them still needs it.
        """
        request = scope["request"]
        if not kind.unique and kind.key[-1] not in request:
            return []
        alike = shelf.of(kind.name) if kind.unique else shelf.keyed(kind, request)
        taken = [each for each in alike if all(each.members.get(name) == request.get(name) for name in kind.unique)]
        for each in taken:
            if each.status not in kind.free or not kind.free:
                raise refused(kind.exists, self._named(kind, {**scope, "record": each.members}))
        return taken

    def _show(self, shelf: Shelf, kind: Kind, operation: Operation, request: Mapping[str, Any]) -> Answer:
        scope = shelf.scope(request=request, does=operation.does)
        record = self._found(shelf, kind, operation, scope)
        scope = shelf.call(operation.asks, scope)
        self._check(shelf, kind, operation, scope, record)
        scope = shelf.call(operation.calls, scope)
        return self._shown(operation, record, scope)

    def _change(self, shelf: Shelf, kind: Kind, operation: Operation, request: Mapping[str, Any]) -> Answer:
        scope = shelf.scope(request=request, does=operation.does)
        record = self._found(shelf, kind, operation, scope)
        if record.status in operation.passes:
            return self._shown(operation, record, scope)
        scope = shelf.call(operation.asks, scope)
        self._check(shelf, kind, operation, scope, record)
        scope = shelf.call(operation.calls, scope)
        record.merge(self._own(kind, request))
        self._set(record, operation.sets, scope)
        record.merge({name: scope["now"] for name in self._table.changed if name in self._members[kind.name]})
        if operation.becomes:
            shelf.plan(record, operation, scope)
        return self._shown(operation, record, scope)

    def _delete(self, shelf: Shelf, kind: Kind, operation: Operation, request: Mapping[str, Any]) -> Answer:
        scope = shelf.scope(request=request, does=operation.does)
        record = self._found(shelf, kind, operation, scope)
        scope = shelf.call(operation.asks, scope)
        self._check(shelf, kind, operation, scope, record)
        scope = shelf.call(operation.calls, scope)
        self._set(record, operation.sets, scope)
        shelf.plan(record, operation, scope)
        return self._shown(operation, record, scope)

    def _list(self, shelf: Shelf, kind: Kind, operation: Operation, request: Mapping[str, Any]) -> Answer:
        assert operation.wrap is not None
        scope = shelf.scope(request=request, does=operation.does)
        scope = shelf.call(operation.asks, scope)
        self._check(shelf, kind, operation, scope)
        records = self._wanted(shelf, kind, operation, scope)
        order = lists.sorted_by(records, kind, self._members[kind.name], request)
        size = request.get(self._table.size, operation.pages or self._table.pages)
        page, token = order.page(self._table, size, request.get(self._table.token))
        answer: Answer = {operation.wrap: [self._record(operation, each, scope) for each in page]}
        if token:
            answer[self._table.token] = token
        answer |= filled(dict(operation.answer), {**scope, "listed": records})
        return answer

    def _wanted(self, shelf: Shelf, kind: Kind, operation: Operation, scope: dict[str, Any]) -> list[Record]:
        request, members = scope["request"], self._members[kind.name]
        records = shelf.listed(kind.name)
        if operation.ids and (ids := request.get(operation.ids[0])):
            by_id = {each: shelf.identified(kind, each) for each in ids}
            for each, record in by_id.items():
                if record is None and operation.ids[1]:
                    raise refused(kind.missing, self._named(kind, {**scope, "id": each}))
            records = list(dict.fromkeys(each for each in by_id.values() if each))
        for name, value in filled(dict(operation.having), scope).items():
            records = [each for each in records if value is None or each.members.get(name) == value]
        if operation.only:
            records = [each for each in records if found(operation.only, {**scope, "record": each.members})]
        for parameter, value in request.items():
            if lists.understood(parameter, self._table, operation):
                continue
            # A parameter that asks for nothing by itself is one that an expression looks at.
            if wanted := lists.wanted_by(parameter, kind, operation, members):
                records = [each for each in records if wanted(each, value)]
        return records

    def _found(self, shelf: Shelf, kind: Kind, operation: Operation, scope: dict[str, Any]) -> Record:
        """The record that a request names, which expressions know as ``record`` from then on.

        Raises:
            AwsError: when there is none.
        """
        request = scope["request"]
        if operation.of:
            scope["id"] = found(operation.of, scope)
            record = shelf.identified(kind, scope["id"])
        else:
            record = _keyed(shelf, kind, request)
        if record is None:
            raise refused(kind.missing, self._named(kind, scope))
        scope["record"] = record.members
        return record

    @staticmethod
    def _named(kind: Kind, scope: Mapping[str, Any]) -> dict[str, Any]:
        """What messages know."""
        return {"kind": kind.name, "id": scope["request"].get(kind.key[-1]), **scope}

    def _check(
        self, shelf: Shelf, kind: Kind, operation: Operation, scope: Mapping[str, Any], record: Record | None = None
    ) -> None:
        """Refuses what AWS refuses.

        Raises:
            AwsError: the refusal.
        """
        for name, of in operation.needs.items():
            parent = self._table.kinds[name]
            known = {**scope, "id": found(of, scope)} if of else self._named(parent, scope)
            if (shelf.identified(parent, known["id"]) if of else _keyed(shelf, parent, scope["request"])) is None:
                raise refused(parent.missing, {"kind": name, **known})
        scope = self._named(kind, scope)
        for refusal in operation.refuses:
            if found(refusal.when, scope):
                raise refused(refusal.error, scope)
        if record and operation.states and record.status not in operation.states:
            states = {"status": record.status, "states": list(operation.states), "to": (*operation.becomes, None)[0]}
            raise refused(kind.wrong, {**scope, **states})

    def _own(self, kind: Kind, request: Mapping[str, Any]) -> dict[str, Any]:
        """What of a request becomes part of the record."""
        renamed = {kind.rename.get(name, name): value for name, value in request.items()}
        return {
            name: value
            for name, value in renamed.items()
            if name in self._members[kind.name] and name not in ("Tags", "tags")
        }

    @staticmethod
    def _set(record: Record, sets: Mapping[str, Any], scope: Mapping[str, Any]) -> None:
        """Sets members one after the other: each may look at those before it."""
        for name, template in sets.items():
            record.merge({name: filled(template, scope)})

    def _shown(self, operation: Operation, record: Record, scope: Mapping[str, Any]) -> Answer:
        shown = self._record(operation, record, scope)
        more = filled(dict(operation.answer), scope)
        answer: Answer = {**({operation.wrap: shown} if operation.wrap else shown), **more}
        return {name: value for name, value in answer.items() if value is not None}

    def _record(self, operation: Operation, record: Record, scope: Mapping[str, Any]) -> Answer:
        shape = shown_as(self._table.service, operation)
        if shape is None:
            return {}
        members = record.members
        if operation.shows:
            members = {**members, **filled(dict(operation.shows), {**scope, "record": members})}
        for name in {"Tags", "tags"} & shape.members.keys():
            members = {**members, name: tags_as(shape.members[name], record.tags)}
        shown: Answer = fit(shape, members)
        return shown

    def _list_tags(self, call: Call) -> Answer | None:
        with self._lock:
            records, _ = self._tagged(call)
            return self._tags(call, records[0]) if records else None

    def _add_tags(self, call: Call) -> Answer | None:
        tagging = self._tagging
        with self._lock:
            records, others = self._tagged(call)
            for record in records:
                record.tags |= tags_from(call.parameters[tagging.tags])
            self._pass_on(call, others if records else [])
            return self._tags(call, records[0]) if records else None

    def _remove_tags(self, call: Call) -> Answer | None:
        with self._lock:
            records, others = self._tagged(call)
            for record in records:
                # EC2 names keys as tags, with or without their values.
                for key in call.parameters.get(self._tagging.keys, list(record.tags)):
                    record.tags.pop(key["Key"] if isinstance(key, dict) else key, None)
            self._pass_on(call, others if records else [])
            return {} if records else None

    @property
    def _tagging(self) -> Tagging:
        assert self._table.tagging
        return self._table.tagging

    def _tagged(self, call: Call) -> tuple[list[Record], list[str]]:
        """The records whose tags a request is about, and the identifiers that are moto's.

        Raises:
            AwsError: when one is nobody's.
        """
        given = call.parameters[self._tagging.arn]
        wanted = given if isinstance(given, list) else [given]
        shelf = self._shelf(call)
        found_by_id = {each: shelf.tagged(each) for each in wanted}
        others = [each for each, record in found_by_id.items() if not record]
        if others and self._tagging.missing:
            raise refused(self._tagging.missing, {"arn": others[0]})
        return [record for record in found_by_id.values() if record], others

    def _pass_on(self, call: Call, others: list[str]) -> None:
        """What is not ours of a request that is about several things."""
        if others:
            client = self._shelf(call).clients.client(call.service, call.region)
            getattr(client, xform_name(call.operation))(**{**call.parameters, self._tagging.arn: others})

    def _tags(self, call: Call, record: Record) -> Answer:
        name = self._tagging.tags
        shape = outputs(self._table.service, call.operation).get(name)
        return {name: tags_as(shape, record.tags)} if shape else {}


def _keyed(shelf: Shelf, kind: Kind, request: Mapping[str, Any]) -> Record | None:
    return next(iter(shelf.keyed(kind, request)), None)
