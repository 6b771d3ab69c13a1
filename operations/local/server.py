"""The process of the local AWS: started, found again and ended."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from environments.loading import ROOT
from operations.errors import InputError
from operations.local.settings import without_aws

START_SECONDS = 60
STOP_SECONDS = 10
LAST_LINES = 15
"""Of a log, when something failed."""

FAST = 1000
"""Seconds that pass on the server's clock in one of ours. Its own package has the number too, and reads the settings of
AWS when it is imported."""


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Args:
        url: its endpoint.
        pid: its process.
    """

    url: str
    pid: int


class Server:
    """The local AWS whose state is in a folder.

    Args:
        folder: holds ``server.json``, which the server locks while it lives, and ``server.log``.
    """

    def __init__(self, folder: Path) -> None:
        self.log = folder / "server.log"
        self._folder = folder
        self._ready = folder / "server.json"

    def lives(self) -> bool:
        """Whether its process is there. Process ids are used again; the lock is held by the server alone."""
        try:
            with self._ready.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def running(self) -> Running | None:
        """Where it is; None when it does not answer yet, or is gone."""
        try:
            return Running(**json.loads(self._ready.read_text())) if self.lives() else None
        except (FileNotFoundError, ValueError):
            return None

    def start(self, account: str, *, clock: str = "fast", port: int = 0, bound_to_us: bool = False) -> "Process":
        """Starts it, and does not wait until it answers.

        Args:
            account: the account that it emulates.
            clock: ``real``, ``fast`` or ``virtual``.
            port: 0 for a free one.
            bound_to_us: whether it ends when this process does, however that ends.

        Raises:
            InputError: when one runs already.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.lives():
            running = self.running()
            raise InputError(f"a local AWS runs already{f': {running.url}' if running else ''}")
        self._ready.unlink(missing_ok=True)
        arguments = ["--port", str(port), "--clock", clock, "--account", account, "--ready-file", str(self._ready)]
        with self.log.open("w") as log:
            process = subprocess.Popen(  # noqa: S603 (ours)
                [sys.executable, "-m", "local_aws", *arguments, *(["--stop-with-stdin"] if bound_to_us else [])],
                cwd=ROOT,
                env=without_aws(os.environ),
                stdin=subprocess.PIPE if bound_to_us else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal is for those who stop it in their own order.
                start_new_session=True,
            )
        return Process(self, process)

    def stop(self) -> bool:
        """Ends it; False when there was none."""
        running = self.running()
        if not running:
            return False
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.kill(running.pid, number)
            if _soon(lambda: not self.lives(), STOP_SECONDS):
                break
        self._ready.unlink(missing_ok=True)
        return True

    def last_lines(self, number: int = LAST_LINES) -> str:
        """The end of its log."""
        return last_lines(self.log, number)


class Process:
    """A server that this process started."""

    def __init__(self, server: Server, process: subprocess.Popen[bytes]) -> None:
        self.server = server
        self._process = process

    @property
    def died(self) -> int | None:
        """The exit code once it has ended, by whatever it ended."""
        return self._process.poll()

    def wait(self) -> Running:
        """Where it is, as soon as it answers.

        Raises:
            InputError: when it does not start.
        """
        _soon(lambda: self.server.running() is not None or self.died is not None, START_SECONDS)
        running = self.server.running()
        if not running:
            self.stop()
            raise InputError(f"the local AWS did not start; {self.server.log} ends with {self.server.last_lines(1)!r}")
        return running

    def stop(self) -> None:
        """Ends it, whatever state it is in."""
        pipe: IO[bytes] | None = self._process.stdin
        if pipe:
            pipe.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def last_lines(log: Path, number: int = LAST_LINES) -> str:
    """The end of a log; nothing when there is none."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-number:]) if log.exists() else ""


def _soon(happened: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
