"""The real CDK CLI as a child process."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from operations.errors import InputError

END_SECONDS = 5


class CdkError(Exception):
    """A command of the CLI failed.

    Args:
        command: its first word, as ``deploy``.
        code: the exit code.
    """

    def __init__(self, command: str, code: int) -> None:
        super().__init__(f"cdk {command} ended with exit code {code}")


class CdkCli:
    """The project's own CDK CLI, on its own node.

    Args:
        folder: where it runs.
        environment: the environment variables that say where AWS is.
        log: gets all that it prints.

    Raises:
        InputError: when it is not installed.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], log: Path) -> None:
        # Not resolved: the environment's folder, not that of the Python which it was made with.
        binaries = Path(sys.executable).parent
        self._program = binaries / "cdk"
        if not self._program.exists():
            raise InputError(f"{self._program}: not there: run make setup-dev")
        path = f"{binaries}{os.pathsep}{environment.get('PATH', os.defpath)}"
        self._environment = {**environment, "PATH": path, "CDK_DISABLE_CLI_TELEMETRY": "true", "NODE_NO_WARNINGS": "1"}
        self._folder = folder
        self._log = log

    def run(self, *arguments: str, told: Callable[[str], None], given_up: Callable[[], bool]) -> None:
        """Runs a command until its end.

        Args:
            arguments: the command line.
            told: gets each line that it prints.
            given_up: asked all the while; the command is ended once it says so.

        Raises:
            CdkError: when the command fails or is given up.
        """
        process = subprocess.Popen(  # noqa: S603 (ours)
            [str(self._program), *arguments, "--no-color", "--no-notices"],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        ended = threading.Event()
        watch = threading.Thread(target=_watch, args=(process, ended, given_up), daemon=True)
        watch.start()
        try:
            assert process.stdout
            with self._log.open("a", encoding="utf-8") as log, process.stdout:
                log.write(f"$ cdk {' '.join(arguments)}\n")
                for line in process.stdout:
                    log.write(line)
                    told(line.rstrip())
            code = process.wait()
        finally:
            ended.set()
            watch.join()
            if process.returncode is None:
                _end_group(process)
        if code:
            raise CdkError(arguments[0], code)


def _watch(process: subprocess.Popen[str], ended: threading.Event, given_up: Callable[[], bool]) -> None:
    while not ended.wait(0.2):
        if given_up():
            _end_group(process)
            return


def _end_group(process: subprocess.Popen[str]) -> None:
    """Ends a process that has a session of its own, with all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            continue
