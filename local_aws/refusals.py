"""What AWS refuses and moto does not: the table ``refusals.yaml``, and the checks that it makes.

A row names the operations that it refuses, what to ask first, when AWS refuses, and in which words. All expressions
are jmespath, over ``request`` (the parameters of the call), its ``account``, ``region`` and ``caller`` (a service; null
when somebody outside calls), and the answers by their names in ``ask``. What moto refuses by itself is not in the
table.

- An ask is only made when an expression needs it, and never with a parameter missing: its answer is then null.
- The answer of an ask that fails is botocore's error, as ``group.Error.Code``.
- ``missing(items, others)`` are the items that the others lack; ``squeezed(text)`` is a text without its white space;
  ``backwards(name)`` has the labels of a name in reverse, as the domain of an endpoint service does;
  ``key_of(ciphertext)`` is the id of the key in what moto's KMS encrypts.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml
from botocore import xform_name
from botocore.exceptions import ClientError
from jmespath.exceptions import JMESPathError  # type: ignore[import-untyped]
from moto.core.utils import get_service_model

from local_aws.acting import acting
from local_aws.clients import Clients
from local_aws.errors import AwsError
from local_aws.expressions import Functions, compiled, searching, takes
from local_aws.front import Call, Front

TABLE = Path(__file__).with_name("refusals.yaml")


@dataclass(frozen=True)
class Ask:
    """A question to AWS.

    Args:
        service: botocore's name of the service.
        operation: the operation.
        parameters: jmespath that gives its parameters.
    """

    service: str
    operation: str
    parameters: str


@dataclass(frozen=True)
class Refusal:
    """A row of the table.

    Args:
        rule: what AWS does, as a sentence.
        operations: what is refused, by service and operation.
        asks: what to ask, by the name of the answer.
        when: jmespath that gives something that is true, or not empty, where AWS refuses.
        code: the error code, with jmespath in braces.
        message: what AWS says, with jmespath in braces.
        source: where this is written.
    """

    rule: str
    operations: tuple[tuple[str, str], ...]
    asks: Mapping[str, Ask]
    when: str
    code: str
    message: str
    source: str


def install(front: Front, clients: Clients) -> None:
    """Lets the front refuse what the table says."""
    by_operation: dict[tuple[str, str], list[Refusal]] = {}
    for refusal in table():
        for name in refusal.operations:
            by_operation.setdefault(name, []).append(refusal)
    for (service, operation), refusals in by_operation.items():
        front.check(service, operation, partial(_check, refusals, clients))


@cache
def table() -> tuple[Refusal, ...]:
    """The rows of the table.

    Raises:
        ValueError: when a row is wrong.
    """
    return read(TABLE.read_text())


def read(text: str) -> tuple[Refusal, ...]:
    """The rows of a table in YAML.

    Raises:
        ValueError: when a row lacks something or has too much, two rows have one rule, an expression is no jmespath, or
            botocore knows no such operation.
    """
    refusals = tuple(_read_row(row) for row in yaml.safe_load(text))
    rules = [refusal.rule for refusal in refusals]
    for rule in rules:
        if rules.count(rule) > 1:
            raise ValueError(f"refusals: {rule}: is there twice")
    return refusals


def _read_row(row: dict[str, Any]) -> Refusal:
    rule = row.get("rule", row)
    if missing := {"rule", "refuses", "when", "code", "message", "source"} - row.keys():
        raise ValueError(f"refusals: {rule}: lacks {', '.join(sorted(missing))}")
    if unknown := row.keys() - {"rule", "refuses", "ask", "when", "code", "message", "source"}:
        raise ValueError(f"refusals: {rule}: does not know {', '.join(sorted(unknown))}")
    asks = {name: Ask(*_operation(rule, ask["call"]), ask["with"]) for name, ask in row.get("ask", {}).items()}
    for expression in (
        *(ask.parameters for ask in asks.values()),
        row["when"],
        *_BRACES.findall(row["code"] + row["message"]),
    ):
        try:
            compiled(expression)
        except JMESPathError as error:
            raise ValueError(f"refusals: {rule}: {expression!r} is no jmespath: {error}") from error
    operations = row["refuses"] if isinstance(row["refuses"], list) else [row["refuses"]]
    return Refusal(
        rule=rule,
        operations=tuple(_operation(rule, name) for name in operations),
        asks=asks,
        **{key: row[key] for key in ("when", "code", "message", "source")},
    )


def _operation(rule: str, name: str) -> tuple[str, str]:
    service, _, operation = name.partition(".")
    if operation not in get_service_model(service).operation_names:
        raise ValueError(f"refusals: {rule}: botocore knows no {name}")
    return service, operation


def _check(refusals: list[Refusal], clients: Clients, call: Call) -> None:
    ask = _Asked(clients, call.region)
    for refusal in refusals:
        facts = _Facts(refusal, call, ask)
        if facts.search(refusal.when):
            raise AwsError(facts.filled(refusal.code), facts.filled(refusal.message))


_BRACES = re.compile(r"\{(.+?)\}")


class _Asked:
    """Asks, and no question twice: rows of one operation share answers."""

    def __init__(self, clients: Clients, region: str) -> None:
        self._clients = clients
        self._region = region
        self._answers: dict[str, Any] = {}

    def __call__(self, service: str, operation: str, parameters: Any) -> Any:
        key = json.dumps([service, operation, parameters])
        if key not in self._answers:
            self._answers[key] = self._answer(service, operation, parameters)
        return self._answers[key]

    def _answer(self, service: str, operation: str, parameters: Any) -> Any:
        client = self._clients.client(service, self._region)
        try:
            return getattr(client, xform_name(operation))(**parameters)
        except ClientError as error:
            return error.response


class _Facts:
    """What the expressions of a row are about; jmespath asks it for fields by ``get``."""

    def __init__(self, refusal: Refusal, call: Call, ask: Callable[[str, str, Any], Any]) -> None:
        self._asks = refusal.asks
        self._call = call
        self._ask = ask

    def get(self, name: str) -> Any:
        if name not in self._asks:
            known = {
                "request": self._call.parameters,
                "account": self._call.account,
                "region": self._call.region,
                "caller": acting(),
            }
            return known[name]
        ask = self._asks[name]
        parameters = self.search(ask.parameters)
        return None if _lacks(parameters) else self._ask(ask.service, ask.operation, parameters)

    def search(self, expression: str) -> Any:
        return _search(expression, self)

    def filled(self, text: str) -> str:
        return _BRACES.sub(lambda field: str(self.search(field[1])), text)


def _lacks(parameters: Any) -> bool:
    match parameters:
        case None | []:
            return True
        case dict():
            return any(map(_lacks, parameters.values()))
        case list():
            return any(map(_lacks, parameters))
    return False


class _Functions(Functions):
    @takes(["string"])
    def _func_squeezed(self, text: str) -> str:
        return "".join(text.split())

    @takes(["string"])
    def _func_backwards(self, name: str) -> str:
        return ".".join(reversed(name.split(".")))

    @takes([])
    def _func_key_of(self, ciphertext: bytes | None) -> str | None:
        # moto writes the id of the key, a UUID, before what it encrypts.
        return ciphertext[:36].decode("ascii", "replace") if ciphertext else None


_search = searching(_Functions)
