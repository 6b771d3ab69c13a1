"""Tries a fault at every call of a teardown on the local AWS: ``python -m tools.faults``.

The exit code is 1 when something is otherwise afterwards than without a fault.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from operations.teardown.options import Options
from tests.operations.teardown.account import leftovers
from tests.operations.teardown.faults import Fault, Tried, each_nth, every, sweep, usual
from tests.operations.teardown.world import BACK_UP, KEEPING, with_backups, world


def main() -> int:
    """Prints what was tried, and what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, help="one fault at each so many calls; else all at each")
    parser.add_argument("--changing", action="store_true", help="only at calls that change something")
    arguments = parser.parse_args()
    selects = each_nth(arguments.step) if arguments.step else every
    began = time.monotonic()

    def among(which: int, changing: bool) -> Sequence[Fault]:
        return selects(which, changing) if changing or not arguments.changing else ()

    def told(tried: Tried) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {tried.line}", flush=True)

    with tempfile.TemporaryDirectory() as folder, world(Path(folder), KEEPING) as made:
        leftovers(made.account)
        with_backups(made.account)
        options = Options(BACK_UP, yes=True, discard_unexported=True)
        swept = sweep(made, options, usual(made, options), among, told)
    counts = Counter(each.fault for each in swept.tried)
    wrong = [each for each in swept.tried if each.wrong]
    print(f"{swept.calls} calls, {swept.changing} of which change something")
    print(f"{len(swept.tried)} faults: {', '.join(f'{counts[each]} {each}' for each in Fault if counts[each])}")
    print(f"{len(wrong)} of them end otherwise; {round(time.monotonic() - began)} seconds")
    for each in wrong:
        print(each.line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
