"""Each operation is called once, and what it answers is held against botocore's model."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.validate import ParamValidator
from moto.core.utils import get_service_model

from local_aws import services
from local_aws.clock import VirtualClock
from local_aws.front import Answer, Call, Front, Handler
from tests.local_aws.services.conftest import Aws, account
from tests.local_aws.services.steps import Steps

pytestmark = pytest.mark.slow

LIVES: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("lives.yaml").read_text())


class Checked(Front):
    """A front that looks at every answer of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.answered: set[str] = set()
        self.problems: list[str] = []

    def handle(self, service: str, operation: str, handler: Handler) -> None:
        def answer(call: Call) -> Answer | None:
            self.answered.add(operation)
            given = handler(call)
            shape = get_service_model(service).operation_model(operation).output_shape
            if given is not None and (given or shape):
                assert shape, f"{operation} answers nothing"
                report = ParamValidator().validate(given, shape).generate_report()
                # Services give empty lists of tags, whatever their models say.
                lines = [line for line in report.splitlines() if "Tags, value: 0, valid min length" not in line]
                self.problems += [f"{operation}: {line}" for line in lines]
            return given

        super().handle(service, operation, answer)


@pytest.fixture
def front() -> Checked:
    return Checked()


@pytest.fixture
def aws(front: Checked) -> Iterator[Aws]:
    with account(front) as here:
        yield here


@pytest.mark.parametrize("service", sorted(LIVES))
def test_every_operation_answers_in_its_shape(aws: Aws, front: Checked, service: str) -> None:
    Steps(aws).take(LIVES[service])
    assert front.problems == []
    assert {name for each, name in front.handlers if each == service} - front.answered == set()


def test_every_service_is_called(front: Checked) -> None:
    services.install(front, VirtualClock())
    assert {service for service, _ in front.handlers} == set(LIVES)
