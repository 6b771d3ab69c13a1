"""Measures how long the start of a notebook instance keeps its user out: ``python -m tools.bench_start [SECONDS]``.

The scripts that SageMaker runs, on the stand-in machine of the tests. Every program that calls something outside of the
machine sleeps SECONDS (3 unless told) before it does anything. SageMaker gives a script five minutes.

Then, without those pauses, how soon the kernels of the last start are there again, and when all is ready.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.lifecycle_scripts import machine

SECONDS = 3.0
TARGET = 5
LIMIT = 300
"""Source: AWS docs sagemaker/latest/dg/notebook-lifecycle-config.html"""


class Slow(machine.Notebook):
    """A notebook instance whose programs take their time.

    Args:
        root: the folder that stands for the root of the machine.
        seconds: that each program sleeps.
    """

    def __init__(self, root: Path, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(root)

    def stand_in(self, file: Path, body: str) -> None:
        super().stand_in(file, f"sleep {self.seconds}\n{body}")


def main(seconds: float) -> int:
    """Prints the figures. Exit code: 1 when a script took longer than the target."""
    print(f"each program sleeps {seconds:g} s; target: under {TARGET} s, SageMaker's limit: {LIMIT} s")
    took = []
    with tempfile.TemporaryDirectory() as folder:
        slow = Slow(Path(folder) / "root", seconds)
        for script in ("on_create.sh", "on_start.sh"):
            took.append(_timed(partial(slow.run, script)))
            print(f"{script:14}{took[-1]:6.2f} s")
        slow.kill()

    with tempfile.TemporaryDirectory() as folder:
        notebook = machine.Notebook(Path(folder) / "root")
        notebook.put(f"{machine.PREFIX}/requirements.txt", "numpy\n")
        notebook.start()
        notebook.stop()
        started = time.perf_counter()
        notebook.run("on_start.sh")
        machine.until(lambda: notebook.kernels)
        print(f"\nwithout pauses, a restart:\nkernels       {time.perf_counter() - started:6.2f} s")
        notebook.wait()
        print(f"all           {time.perf_counter() - started:6.2f} s")
    return 0 if max(took) < TARGET else 1


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main(float(sys.argv[1]) if sys.argv[1:] else SECONDS))
