"""A run in a process of its own, which asks another process for AWS and for the time.

As a program, with the number of a file descriptor, the name of an environment and a folder, it takes the environment
away, and says how that ended and how much memory it took.
"""

import sys
import threading
from collections.abc import Callable
from io import BytesIO, StringIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError
from rich.console import Console

from environments import load
from operations.teardown import connect, runs
from operations.teardown.journal import Journal
from operations.teardown.options import Options
from operations.teardown.policy import Policy, Volumes
from operations.teardown.schedule import Clock
from operations.teardown.volumes import NOTEBOOKS, SPACES

Json = dict[str, Any]
Asked = tuple[str, str, Json]
"""Service, operation and arguments."""


class Calls(Protocol):
    """What makes calls."""

    def call(self, service: str, operation: str, arguments: Json) -> Any:
        """Makes one."""


class Client:
    """A client whose calls go another way."""

    def __init__(self, service: str, calls: Calls) -> None:
        self._service, self._calls = service, calls

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return lambda **arguments: self._calls.call(self._service, operation, arguments)


class Distant:
    """AWS and its clock, in another process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()

    def client(self, service: str) -> Client:
        """A client whose calls are made there."""
        return Client(service, self)

    def call(self, service: str, operation: str, arguments: Json) -> Any:
        """Makes a call there."""
        with self._lock:
            self._pipe.send((service, operation, arguments))
            answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return {**answer, "Body": BytesIO(answer["Body"])} if isinstance(answer, dict) and "Body" in answer else answer

    def now(self) -> float:
        """Seconds since the clock was made."""
        return float(self.call("clock", "now", {}))

    def sleep(self, seconds: float) -> None:
        """Lets that many of its seconds pass."""
        self.call("clock", "sleep", {"seconds": seconds})


def answer(client: Callable[[str], Any], clock: Clock, asked: Asked) -> Any:
    """What a call from there finds here: an answer, or the error to raise there."""
    service, operation, arguments = asked
    if service == "clock":
        return getattr(clock, operation)(**arguments)
    try:
        found = getattr(client(service), operation)(**arguments)
    except ClientError as error:
        return error
    return {name: each.read() if name == "Body" else each for name, each in found.items()}


def main() -> None:
    """Takes the environment away."""
    descriptor, environment, folder = sys.argv[1:]
    pipe = Connection(int(descriptor))
    asked, before = Distant(pipe), _peak()
    account = connect.Account(load(environment), asked.client, asked, "arn:aws:iam::111111111111:user/me")
    policy = Policy({NOTEBOOKS: Volumes.DISCARD, SPACES: Volumes.DISCARD})
    options, console = Options(policy, yes=True, discard_unexported=True), Console(file=StringIO(), width=240)
    code = runs.run(account, Journal(Path(folder) / "journal.jsonl"), options, console, input)
    pipe.send(("", "", {"code": code, "before": before, "peak": _peak()}))


def _peak() -> int:
    """Memory of this program at most, in MiB.

    As Linux tells it of the program: ``getrusage`` also counts what the process was before it became the program.
    """
    (line,) = (each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    main()
