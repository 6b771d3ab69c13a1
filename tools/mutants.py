"""Takes one control away at a time and shows which test notices: ``python -m tools.mutants``.

Each mutant is a small change to the code, made in a copy of the checkout, on which tests run: those that mirror the
changed file first, and all of those that take seconds if these notice nothing. A mutant that no test notices is
reported and makes the exit code 1.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import yaml

from environments.loading import ROOT


class Mutant(NamedTuple):
    """What is taken away, and how: in ``file``, the text ``old``, which stands there once, becomes ``new``."""

    control: str
    file: str
    old: str
    new: str


MUTANTS = tuple(Mutant(**each) for each in yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text()))

NOTICES_EVERYTHING = (
    "tests/stacks/test_snapshots.py",
    "tests/tools",
    "tests/operations/test_shape.py::test_the_readme_shows_what_it_prints",
    "tests/operations/test_replacement.py",
)
"""Tests that hold files against what the code makes: any change whatever fails them."""


def main() -> int:
    """Prints a table of what noticed what; exit code 1 when nothing noticed a mutant."""
    unnoticed = 0
    print("| control taken away | noticed by |\n|---|---|")
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for mutant, test in zip(MUTANTS, pool.map(_noticed, MUTANTS), strict=True):
            unnoticed += test is None
            print(f"| {mutant.control} | {f'`{test}`' if test else '**nothing**'} |", flush=True)
    print(f"\n{len(MUTANTS) - unnoticed} of {len(MUTANTS)} noticed")
    return 1 if unnoticed else 0


def _noticed(mutant: Mutant) -> str | None:
    """The first test that fails on the mutant."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        left_behind = shutil.ignore_patterns(".venv", ".git", "node_modules", "cdk.out", ".*_cache")
        shutil.copytree(ROOT, copy, ignore=left_behind)
        (copy / ".venv").symlink_to(ROOT / ".venv")
        file = copy / mutant.file
        text = file.read_text()
        if text.count(mutant.old) != 1:
            raise ValueError(f"{mutant.control}: {mutant.old!r} stands {text.count(mutant.old)} times in {mutant.file}")
        file.write_text(text.replace(mutant.old, mutant.new))
        mirror = _mirroring(copy, mutant.file)
        return (_failing(copy, mirror) if mirror else None) or _failing(copy, [])


def _mirroring(copy: Path, file: str) -> list[str]:
    """The tests that mirror a file, as far as there are some."""
    folder = str(Path(file).parent)
    if folder.startswith("lifecycle_scripts"):
        return ["tests/lifecycle_scripts"]
    mirror = f"tests/{folder.removesuffix('/trainyard')}/test_{Path(file).stem}.py"
    return [mirror] if (copy / mirror).exists() else []


def _failing(copy: Path, tests: list[str]) -> str | None:
    """The first of ``tests``, or of all those of seconds, that fails."""
    result = subprocess.run(  # noqa: S603 (our own tests)
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", *(tests or ("-m", "not slow"))),
            *(f"--deselect={each}" for each in NOTICES_EVERYTHING),
        ],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", result.stdout, flags=re.M)
    if result.returncode and not failed:
        raise ValueError(f"{tests}: the tests do not start:\n{result.stdout}{result.stderr}")
    return failed[1] if failed else None


if __name__ == "__main__":
    sys.exit(main())
