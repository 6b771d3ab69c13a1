"""The account that an environment file names: its clients, its clock, and who asks."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from environments import Environment
from operations.errors import InputError
from operations.teardown.schedule import Clock, StepError, Waits

CONFIG = Config(
    connect_timeout=10,
    read_timeout=60,
    # Aws.call tries again itself, and all that ask the same service wait together.
    retries={"total_max_attempts": 1},
    max_pool_connections=32,
)


class WallClock:
    """Runs ``rate`` times as fast as the clock on the wall, as a local AWS may."""

    def __init__(self, rate: float = 1) -> None:
        self._rate = rate

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic() * self._rate

    def sleep(self, seconds: float) -> None:
        """Lets that many of its seconds pass."""
        time.sleep(max(0.0, seconds) / self._rate)


@dataclass(frozen=True)
class Account:
    """Where an environment is.

    Args:
        environment: what its file says.
        client: makes the client of a service.
        clock: what waiting goes by.
        caller: the ARN of who asks.
        now: the time.
    """

    environment: Environment
    client: Callable[[str], Any]
    clock: Clock
    caller: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def ask(self, waits: Waits) -> Any:
        """What work finds out that is done by itself.

        Raises:
            InputError: when it cannot be found out.
        """
        try:
            while True:
                self.clock.sleep(next(waits))
        except StopIteration as stopped:
            return stopped.value
        except (BotoCoreError, ClientError, StepError) as error:
            raise InputError(f"{self.environment.name}: {error}") from None


def connect(environment: Environment, clock: Clock) -> Account:
    """The account of an environment, with the credentials that boto3 finds.

    Raises:
        InputError: when they are of another account, or of nobody.
    """
    client = clients(boto3.Session(region_name=environment.region))
    try:
        identity = client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise InputError(f"{environment.name}: {error}") from None
    if identity["Account"] != environment.account:
        raise InputError(
            f"account: {environment.name} is of {environment.account}, and these credentials of {identity['Account']}"
        )
    return Account(environment, client, clock, identity["Arn"])


def clients(session: boto3.Session) -> Callable[[str], Any]:
    """Makes clients, each once: those of boto3 may be shared between threads, and their session may not.

    Source: AWS docs boto3/latest/guide/clients.html (multithreading)
    """
    made: dict[str, Any] = {}
    lock = threading.Lock()

    def client(service: str) -> Any:
        with lock:
            if service not in made:
                made[service] = session.client(service, config=CONFIG)  # type: ignore[call-overload]  # any service
            return made[service]

    return client
