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

    if arguments.command == "shape":
        print(shape(arguments.assembly))
        return 0
    try:
        environment = load(arguments.environment)
    except EnvironmentFileError as error:
        print(error, file=sys.stderr)
        return 2
    if environment.termination_protection:
        print(
            f"{environment.name}: termination_protection: true: it is not destroyed; "
            "deploy it with termination_protection: false first",
            file=sys.stderr,
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
