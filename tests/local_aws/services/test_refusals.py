"""What the tables refuse: a case for each row, in its words."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.model import ListShape, MapShape, Shape, StructureShape

from local_aws.services.check import tables
from local_aws.services.shapes import operation_model
from local_aws.services.table import Error, Kind, Operation
from tests.local_aws.services.conftest import Aws
from tests.local_aws.services.steps import Steps

CASES: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("refusals.yaml").read_text())

NOT_TESTED = {"App [.*] previously failed and was automatically deleted.": "no app fails"}
"""Words of refusals to the reason for which there is no case."""


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: f"{case['call']}: {case['says'][:60]}")
def test_it_is_refused_in_the_words_of_aws(aws: Aws, case: Mapping[str, Any]) -> None:
    steps = Steps(aws)
    for name in case.get("given", ()):
        steps.take(CASES["given"][name])
    steps.take([case["then"]] if "then" in case else [])
    assert aws.refusal(case["call"], **steps.filled(case["with"])) == steps.filled(case["says"])


def test_every_refusal_of_a_table_has_a_case() -> None:
    said = {(case["call"], case["says"]) for case in CASES["cases"]}
    lacking = {
        f"{operation.name}: {refusal.error.message}"
        for service, _, operation in _operations()
        for refusal in operation.refuses
        if not any(
            call == f"{service}.{operation.name}" and _pattern(refusal.error).fullmatch(says) for call, says in said
        )
        and not any(_text(refusal.error.message) == _text(each) for each in NOT_TESTED)
    }
    assert lacking == set()


def _operations() -> Iterator[tuple[str, Kind, Operation]]:
    for table in tables():
        for kind in table.kinds.values():
            for operation in kind.operations:
                yield table.service, kind, operation


_FIELD = re.compile(r"\{.*?\}")


def _text(message: str) -> str:
    """A message without what is filled in."""
    return _FIELD.sub("", message).replace(".*", "")


def _pattern(error: Error) -> re.Pattern[str]:
    text = f"{error.code}: {error.message}"
    return re.compile(".*".join(re.escape(part) for part in _FIELD.split(text)))


LOOKUPS = [
    pytest.param(service, kind, operation, id=operation.name)
    for service, kind, operation in _operations()
    if operation.does in ("show", "change", "delete")
]


@pytest.mark.parametrize(("service", "kind", "operation"), LOOKUPS)
def test_what_is_not_there_is_not_found(aws: Aws, service: str, kind: Kind, operation: Operation) -> None:
    shape = operation_model(service, operation.name).input_shape
    assert shape
    parameters = _least(shape)
    codes = {kind.missing.code.replace("{kind}", kind.name)}
    # A parent that is not there is told first.
    codes |= {tables_by_name()[service][name].missing.code for name in operation.needs}
    assert aws.refusal(f"{service}.{operation.name}", **parameters).partition(":")[0] in codes


def tables_by_name() -> dict[str, Mapping[str, Kind]]:
    return {table.service: table.kinds for table in tables()}


def _least(shape: Shape) -> Any:
    """The least that a request can have."""
    if isinstance(shape, StructureShape):
        return {name: _least(shape.members[name]) for name in shape.required_members}
    if isinstance(shape, ListShape):
        return [_least(shape.member)]
    if isinstance(shape, MapShape):
        return {}
    values = {"string": "x" * max(1, shape.metadata.get("min", 1)), "integer": 1, "boolean": True}
    return values[shape.type_name]
