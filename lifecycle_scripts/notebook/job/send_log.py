"""Sends what is new in a log of this notebook instance to CloudWatch: ``send_log.py NAME --region REGION``.

NAME is that of a file in /var/log/trainyard, NAME.log; it goes to the stream INSTANCE/trainyard-NAME of the group to
which SageMaker sends the logs of lifecycle scripts. What was sent is remembered beside the file, so nothing is sent
twice, and what CloudWatch did not take goes with the next run.

It gives up without a word, because its words would be in the log that it sends: the exit code is always 0.

For Python 3.9, the system's on AL2023, and its standard library.

Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROOT = Path(os.environ.get("TRAINYARD_ROOT") or "/")
FOLDER = ROOT / "var/log/trainyard"
GROUP = "/aws/sagemaker/NotebookInstances"

BATCH_EVENTS = 10_000
BATCH_BYTES = 1_048_576
EVENT_BYTES = 26
"""That an event counts beside its message."""
LINE_BYTES = 80_000
"""Of a message: what replaces a byte that is no UTF-8 has three, and older quotas take 262,144 of an event."""
BATCH_SECONDS = 24 * 3600
"""That lie between the first and the last event of a batch."""

RUN_BYTES = 8_000_000
"""Sent in one run."""
FILE_BYTES = 5_000_000
"""From here on --rotate begins a new file."""
ATTEMPTS = 3
CALL_SECONDS = 20


class RefusedError(Exception):
    """What the AWS CLI said."""


@dataclass(frozen=True)
class Event:
    """A line of the log, or a part of a long one: its time in milliseconds, its text and where it ends."""

    at: int
    text: str
    end: int


def read(content: bytes, start: int, now: float) -> Iterator[Event]:
    """The lines of what begins at ``start``, in order of time; one without a time has that of the line before."""
    lines = content.splitlines(keepends=True)
    times = [_time_in(line.decode(errors="replace"), now) for line in lines]
    at = next(filter(None, times), int(now * 1000))
    for number, line in enumerate(lines):
        # A clock that is set back must not undo the order.
        at = max(at, times[number])
        for begin in range(0, len(line), LINE_BYTES):
            part = line[begin : begin + LINE_BYTES]
            start += len(part)
            yield Event(at, part.decode(errors="replace").strip("\r\n"), start)


def _time_in(line: str, now: float) -> int:
    try:
        at = datetime.fromisoformat((line.split() or [""])[0].replace("Z", "+00:00"))
    except ValueError:
        return 0
    # CloudWatch takes no event from the time to come; a time without a zone is none of ours.
    return max(0, min(int(at.timestamp() * 1000), int(now * 1000))) if at.tzinfo else 0


def batches(found: Iterable[Event]) -> Iterator[list[Event]]:
    """Events in batches that PutLogEvents takes."""
    batch: list[Event] = []
    size = 0
    for event in found:
        more = len(event.text.encode()) + EVENT_BYTES
        full = len(batch) == BATCH_EVENTS or size + more > BATCH_BYTES
        if batch and (full or event.at - batch[0].at >= BATCH_SECONDS * 1000):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += more
    if batch:
        yield batch


def put(stream: str, batch: Sequence[Event], region: str) -> None:
    """Sends a batch, into a new stream if there is none.

    Raises:
        RefusedError: when CloudWatch does not take it after some attempts.
    """
    # CloudWatch takes no event without a text.
    events = [{"timestamp": event.at, "message": event.text} for event in batch if event.text]
    if not events:
        return
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(events, file)
        file.flush()
        for attempt in range(ATTEMPTS):
            try:
                _aws("put-log-events", stream, region, "--log-events", f"file://{file.name}")
            except RefusedError as error:
                if "InvalidParameterException" in str(error):
                    return  # nor would it be taken next time, and it would hold up all that follows
                if attempt == ATTEMPTS - 1:
                    raise
                if "ResourceNotFoundException" in str(error):
                    _create(stream, region)
                else:
                    time.sleep(float(os.environ.get("TRAINYARD_RETRY_SECONDS") or 2**attempt))
            else:
                return


def _create(stream: str, region: str) -> None:
    try:
        _aws("create-log-stream", stream, region)
    except RefusedError as error:
        if "ResourceAlreadyExistsException" not in str(error):
            raise


def _aws(operation: str, stream: str, region: str, *arguments: str) -> None:
    command = ["aws", "logs", operation, "--log-group-name", GROUP, "--log-stream-name", stream, "--region", region]
    command += ["--cli-connect-timeout", "5", "--cli-read-timeout", "10", "--output", "json", *arguments]
    try:
        done = subprocess.run(  # noqa: S603 (names from AWS)
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CALL_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RefusedError(str(error)) from error
    if done.returncode:
        raise RefusedError(done.stderr)


def send(name: str, region: str, now: float) -> None:
    """Sends the whole lines that are new, and remembers after each batch what was sent.

    Raises:
        RefusedError: when CloudWatch does not take them.
    """
    about = json.loads((ROOT / "opt/ml/metadata/resource-metadata.json").read_text())
    stream = f"{about['ResourceName']}/trainyard-{name}"
    with (FOLDER / f"{name}.log").open("rb") as log, Memory(FOLDER / f"{name}.sent", log.fileno()) as memory:
        log.seek(memory.sent)
        content = log.read(RUN_BYTES)
        if len(content) < RUN_BYTES:
            content = content[: content.rfind(b"\n") + 1]
        for batch in batches(read(content, memory.sent, now)):
            put(stream, batch, region)
            memory.remember(batch[-1].end)


class Memory:
    """How much of a file was sent, kept in another one; only one program at a time holds it, and others wait."""

    def __init__(self, file: Path, of: int) -> None:
        self._memory = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._memory, fcntl.LOCK_EX)
        about = os.fstat(of)
        self._inode = about.st_ino
        # What another program has put in the place of the file begins at its beginning.
        try:
            inode, sent = (int(each) for each in os.pread(self._memory, 100, 0).split())
        except ValueError:
            inode = sent = 0
        self.sent = sent if inode == self._inode and sent <= about.st_size else 0

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._memory)

    def remember(self, sent: int) -> None:
        """In one write of one length, which is done or not."""
        os.pwrite(self._memory, f"{self._inode:020} {sent:020}\n".encode(), 0)
        self.sent = sent


def rotate(name: str) -> None:
    """Begins a new file if this one is large; what could not be sent of it is too old to matter."""
    file = FOLDER / f"{name}.log"
    if file.stat().st_size > FILE_BYTES:
        file.replace(f"{file}.1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0."""
    parser = argparse.ArgumentParser(description="Sends what is new in a log to CloudWatch.")
    parser.add_argument("name", choices=("bootstrap", "idle-stop"))
    parser.add_argument("--region", required=True)
    parser.add_argument("--rotate", action="store_true", help="begin a new file if it is large and nobody has it open")
    options = parser.parse_args(arguments)
    with contextlib.suppress(RefusedError, OSError, ValueError, LookupError, TypeError):
        send(options.name, options.region, time.time())
    with contextlib.suppress(OSError):
        if options.rotate:
            rotate(options.name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
