"""The local AWS in one process."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch

from moto import mock_aws

from local_aws import refusals, services
from local_aws.clients import Clients
from local_aws.clock import Clock, clock
from local_aws.cloudformation.api import CloudFormation
from local_aws.front import Front
from local_aws.moto_fixes import fixed

ACCOUNT = "111111111111"


class LocalAws:
    """A local AWS in this process: every boto3 client made meanwhile talks to it.

    Args:
        clock: ``real``, ``fast`` (a thousand times) or ``virtual`` (waits take no time).
        account: the account that everything belongs to.
        region: the region that clients get unless they name one.
        background: whether CloudFormation works on while its callers go on, as AWS does; else it is done on return.
        endpoint: where other programs reach it, if a server serves it.
        consistency: the seconds after which lists show what was made or is gone; what is asked for by its name is
            there at once. For the services in the tables of ``services``.

    Raises:
        ValueError: for an unknown clock.
    """

    def __init__(
        self,
        *,
        clock: str = "virtual",
        account: str = ACCOUNT,
        region: str = "eu-west-1",
        background: bool = False,
        endpoint: str | None = None,
        consistency: float = 0,
    ) -> None:
        self.account = account
        self.region = region
        self.clock: Clock = _clock(clock)
        self._endpoint = endpoint
        self._background = background
        self._consistency = consistency
        self.clients = self._clients_of(region)
        self._open = ExitStack()

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client."""
        return self.clients.client(service, region)

    def __enter__(self) -> Self:
        front = Front()
        CloudFormation(self._clients_of, background=self._background).install(front)
        services.install(front, self.clock, self._consistency)
        refusals.install(front, self.clients)
        self._open.enter_context(_settings(self.account, self.region))
        self._open.enter_context(mock_aws())
        self._open.enter_context(fixed(front))
        self._open.enter_context(front.installed())
        return self

    def _clients_of(self, region: str) -> Clients:
        return Clients(region, self.clock, self._endpoint)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


_clock = clock

MOTO = {
    # Thousands of old images, which take longer to read than most deployments do.
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
}
"""Settings of moto, as variables of the environment."""


@contextmanager
def _settings(account: str, region: str) -> Iterator[None]:
    settings = {
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MOTO_ACCOUNT_ID": account,
        **MOTO,
    }
    with patch.dict(os.environ, settings):
        for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL") or name == "AWS_PROFILE"]:
            del os.environ[name]
        yield
