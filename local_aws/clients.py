"""How Trainyard's local AWS talks to itself: boto3 clients that end in this process, and its clock."""

import threading
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.loaders import create_loader
from botocore.session import get_session

from local_aws.clock import Clock

_MAKING = threading.Lock()


class Clients:
    """Clients of one region.

    Args:
        region: the region.
        clock: what waiting goes by.
        endpoint: where other programs reach the same services, if they can.
    """

    def __init__(self, region: str, clock: Clock, endpoint: str | None = None) -> None:
        self.region = region
        self.clock = clock
        self.endpoint = endpoint

    def client(self, service: str, region: str | None = None) -> Any:
        """The boto3 client of a service, of this region unless another is named."""
        # boto3 sessions are not safe to share while they make clients; the clients are.
        with _MAKING:
            return _client(service, region or self.region)


_MODELS = create_loader()
"""The models of all services, read once in a process: those of EC2 alone take a third of a second."""


@cache
def _client(service: str, region: str) -> Any:
    """It knows nothing of the local AWS that it is used with, and the next one uses it too."""
    session = get_session()
    session.register_component("data_loader", _MODELS)
    return boto3.Session(botocore_session=session).client(
        service,  # type: ignore[call-overload]  # any service that botocore knows
        region_name=region,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 (nobody checks it)
        # A refusal is an answer here, never a passing fault. No endpoint: what the environment says is for others.
        config=Config(
            retries={"total_max_attempts": 1},
            ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # the stubs do not know it
        ),
    )
