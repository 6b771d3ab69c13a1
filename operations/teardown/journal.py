"""What was done, one line of JSON each: to go on after a crash, and for whoever asks later."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from operations.errors import InputError

Entry = dict[str, Any]


class Journal:
    """A file that only grows. An entry is on the disk before what it tells of goes on.

    Args:
        file: the file; it is made with its folder.
        now: the time, for the entries.
    """

    def __init__(self, file: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.file = file
        self._now = now
        self._lock = threading.Lock()
        self._whole = False

    def write(self, **entry: Any) -> None:
        """Adds an entry."""
        line = json.dumps({"at": self._now().isoformat(timespec="seconds"), **entry}, default=str)
        with self._lock:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("ab+") as opened:
                if not self._whole:
                    _cut_off(opened)
                    self._whole = True
                opened.write(f"{line}\n".encode())
                opened.flush()
                os.fsync(opened.fileno())

    def entries(self) -> list[Entry]:
        """All entries, but for a last one that was cut off because the run was killed as it wrote it.

        Raises:
            InputError: when the file is no journal.
        """
        if not self.file.exists():
            return []
        try:
            *lines, _ = self.file.read_text().split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{self.file}: cannot be read as a journal: {error}") from None
        return [self._entry(number, line) for number, line in enumerate(lines, 1)]

    def _entry(self, number: int, line: str) -> Entry:
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            raise InputError(f"{self.file}: line {number}: must be an entry of JSON")
        return entry

    @contextmanager
    def calling(self, service: str, operation: str, arguments: dict[str, Any]) -> Iterator[None]:
        """Writes a call down before it is made, and how it ended."""
        call = f"{service}.{operation}"
        self.write(call=call, arguments=arguments)
        try:
            yield
        except ClientError as error:
            self.write(call=call, refused=str(error))
            raise
        self.write(call=call, answered=True)


def _cut_off(opened: BinaryIO) -> None:
    """Removes what stands behind the last end of a line."""
    opened.seek(0)
    content = opened.read()
    opened.truncate(content.rfind(b"\n") + 1)
