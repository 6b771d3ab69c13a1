from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from moto import mock_aws

from local_aws import services
from local_aws.clients import Clients
from local_aws.clock import VirtualClock
from local_aws.front import Front

REGION = "eu-west-1"
CLIENTS = Clients(REGION, VirtualClock())
"""One for all tests, and for the services in them: clients end in whatever account is open, and take long to make."""


@dataclass
class Aws:
    """An empty account with our services."""

    front: Front
    clock: VirtualClock

    def __call__(self, operation: str, region: str = REGION, **parameters: Any) -> Any:
        """Calls an operation, as ``sagemaker.CreateDomain``."""
        service, _, name = operation.partition(".")
        answer = getattr(CLIENTS.client(service, region), xform_name(name))(**parameters)
        return {key: value for key, value in answer.items() if key != "ResponseMetadata"}

    def refusal(self, operation: str, **parameters: Any) -> str:
        """The error of a call, as ``Code: message``."""
        with pytest.raises(ClientError) as refused:
            self(operation, **parameters)
        error = refused.value.response["Error"]
        return f"{error['Code']}: {error['Message']}"

    def wait(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    def subnet(self) -> str:
        return str(self("ec2.DescribeSubnets")["Subnets"][0]["SubnetId"])

    def interfaces(self) -> list[Any]:
        return list(self("ec2.DescribeNetworkInterfaces")["NetworkInterfaces"])


@contextmanager
def account(front: Front) -> Iterator[Aws]:
    """An empty account behind a front."""
    clock = VirtualClock()
    with ExitStack() as stack:
        stack.enter_context(patch.object(services, "Clients", lambda region, clock: CLIENTS))  # noqa: ARG005 (as it)
        services.install(front, clock)
        stack.enter_context(mock_aws())
        stack.enter_context(front.installed())
        yield Aws(front, clock)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with account(Front()) as here:
        yield here
