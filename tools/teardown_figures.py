"""Measures teardowns of a crowd on the local AWS: ``python -m tools.teardown_figures`` (docs/teardown.md)."""

import os
import subprocess
import sys
import tempfile
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from environments.loading import ROOT
from tests.operations.teardown.crowd import EXPORTING, Crowd, Took, seconds_of_stacks, taken_away
from tests.operations.teardown.distant import answer
from tests.operations.teardown.world import world

CROWD = Crowd(people=200, notebooks=30, endpoints=40, jobs=2000)
MANY = Crowd(people=1000, notebooks=100, endpoints=100, jobs=1700)
"""5,000 things: a person is one with a space and an app, and an endpoint one with a configuration."""


def main() -> int:
    """Prints a table; the exit code is that of the first teardown."""
    took, memory = _took(), _memory()
    print("| what | |\n|---|---|")
    print(
        f"| a teardown with {CROWD.people} people with running apps, {CROWD.notebooks} notebook instances, "
        f"{CROWD.endpoints} endpoints, {CROWD.jobs} jobs of Batch and an export | {took.calls} calls |"
    )
    print(f"| its time on AWS's clock | {took.seconds / 60:.0f} min |")
    print(f"| the longest chain of what waits for one another, if only AWS took time | {took.chain / 60:.0f} min |")
    print(f"| the one in times of the other | {took.seconds / took.chain:.2f} |")
    print(f"| its time on the wall, with the local AWS | {took.real:.0f} s |")
    print(f"| memory of a teardown of 5,000 things, at most | {memory['peak']} MiB |")
    print(f"| of which before it begins | {memory['before']} MiB |")
    return took.code or int(memory["code"])


def _took() -> Took:
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), EXPORTING, second=False, threads=True) as made:
        stacks = seconds_of_stacks(made)
        CROWD.come(made.account)
        return taken_away(made, Path(folder), stacks)


def _memory() -> dict[str, Any]:
    """MiB of a process that takes an environment away, and asks this one for AWS."""
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), second=False) as made:
        MANY.come(made.account)
        here, there = Pipe()
        descriptor = there.fileno()
        program = [sys.executable, "-m", "tests.operations.teardown.distant", str(descriptor), "local", folder]
        path = {**os.environ, "PYTHONPATH": str(ROOT / "constructs")}
        with subprocess.Popen(program, cwd=ROOT, env=path, pass_fds=[descriptor]):  # noqa: S603 (our own program)
            there.close()
            while (asked := here.recv())[0]:
                here.send(answer(made.client, made.account.aws.clock, asked))
        found: dict[str, Any] = asked[2]
        return found


if __name__ == "__main__":
    sys.exit(main())
