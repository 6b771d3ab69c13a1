"""The command line of ``python -m operations``."""

import argparse
import sys
from pathlib import Path

from environments import EnvironmentFileError, load
from operations.shape import shape


def main() -> int:
    """Runs one command; exit code 2 for input that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m operations", description="Programs for those who run Trainyard.")
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("shape", help="what a synthesised assembly holds and costs when idle")
    show.add_argument("assembly", type=Path, help="the folder that cdk synth wrote")
    ask = commands.add_parser("check-destroy", help="whether an environment may be destroyed; exit code 2 if not")
    ask.add_argument("environment", help="name, or path of a file")
    arguments = parser.parse_args()

    try:
        if arguments.command == "shape":
            print(_shape(arguments.assembly))
        else:
            _check_destroy(arguments.environment)
    except (EnvironmentFileError, InputError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


class InputError(Exception):
    """What was asked for cannot be done with what was given; ``str()`` is the one line that says why."""


def _shape(assembly: Path) -> str:
    try:
        return shape(assembly)
    except FileNotFoundError as error:
        raise InputError(f"{assembly}: not an assembly of cdk synth: {error.filename} is missing") from None


def _check_destroy(name_or_path: str) -> None:
    environment = load(name_or_path)
    if environment.termination_protection:
        raise InputError(
            f"{environment.name}: termination_protection: true: it is not destroyed; "
            "deploy it with termination_protection: false first"
        )


if __name__ == "__main__":
    sys.exit(main())
