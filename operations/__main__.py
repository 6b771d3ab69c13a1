"""The command line of ``python -m operations``."""

import argparse
import sys
from pathlib import Path

import boto3

from environments import EnvironmentFileError, load
from operations import notebook, wheelhouse
from operations.deployed import check_replacement
from operations.errors import InputError
from operations.local import commands as local
from operations.shape import shape
from operations.teardown import commands as teardown


def main() -> int:
    """Runs one command; exit code 2 for input that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m operations", description="Programs for those who run Trainyard.")
    commands = parser.add_subparsers(required=True)

    show = commands.add_parser("shape", help="what a synthesised assembly holds and costs when idle")
    show.add_argument("assembly", type=Path, help="the folder that cdk synth wrote")
    show.set_defaults(run=_shape)

    ask = commands.add_parser("check-destroy", help="whether an environment may be destroyed; exit code 2 if not")
    ask.add_argument("environment", help="name, or path of a file")
    ask.set_defaults(run=_check_destroy)

    compare = commands.add_parser(
        "check-replacement", help="whether a deployment keeps all that holds data; exit code 1 if not"
    )
    compare.add_argument("environment", help="name, or path of a file")
    compare.add_argument(
        "--assembly", type=Path, default=Path("cdk.out"), help="its synthesised assembly (%(default)s)"
    )
    compare.set_defaults(run=_check_replacement)

    _add_notebook(commands.add_parser("notebook", help="the notebook instances of an environment"))

    fill = commands.add_parser("wheelhouse", help="bring libraries to a team's notebook instances")
    fill.add_argument("environment", help="name, or path of a file")
    fill.add_argument("team", help="the team's name")
    fill.add_argument("requirements", type=Path, help="a requirements file of pip, or of conda")
    fill.add_argument("--python", default=wheelhouse.PYTHON, help="version of the notebook's Python (%(default)s)")
    fill.add_argument("--name", default="", help="of a further environment; else it is the team's own")
    fill.add_argument("--channel", type=Path, help="a folder with a copy of a conda channel")
    fill.set_defaults(run=_wheelhouse)

    lay = commands.add_parser("scp", help="write the guardrails as policies of an organisation")
    lay.add_argument("environment", help="name, or path of a file")
    lay.add_argument("--output", type=Path, default=Path("organization"), help="the folder of all (%(default)s)")
    lay.add_argument("--organization", help="its id, such as o-a1b2c3d4e5; without it, no resource control policies")
    lay.set_defaults(run=_scp)

    ask_iam = commands.add_parser("simulate", help="ask IAM what the roles of a deployed environment may do")
    ask_iam.add_argument("environment", help="name, or path of a file")
    ask_iam.add_argument(
        "--assembly", type=Path, default=Path("cdk.out"), help="its synthesised assembly (%(default)s)"
    )
    ask_iam.set_defaults(run=_simulate)

    local.add_to(commands)
    teardown.add_to(commands)

    arguments = parser.parse_args()
    try:
        code: int | None = arguments.run(arguments)
    except (EnvironmentFileError, InputError) as error:
        print(error, file=sys.stderr)
        return 2
    return code or 0


def _add_notebook(parser: argparse.ArgumentParser) -> None:
    programs = parser.add_subparsers(required=True)

    show = programs.add_parser("list", help="all of them, with their states and platforms")
    show.add_argument("environment", help="name, or path of a file")
    show.set_defaults(run=_notebook_list)

    renew = programs.add_parser("upgrade", help="a newer platform for one of them, in place: its volume stays")
    renew.add_argument("environment", help="name, or path of a file")
    renew.add_argument("name", help="its name in the environment file")
    renew.add_argument("--team", help="its team, when several have a notebook of that name")
    renew.add_argument("--to", metavar="PLATFORM", default=notebook.NEWEST, help="the platform (%(default)s)")
    renew.set_defaults(run=_notebook_upgrade)


def _shape(arguments: argparse.Namespace) -> None:
    try:
        print(shape(arguments.assembly))
    except FileNotFoundError as error:
        raise InputError(f"{arguments.assembly}: not an assembly of cdk synth: {error.filename} is missing") from None


def _check_destroy(arguments: argparse.Namespace) -> None:
    environment = load(arguments.environment)
    if environment.termination_protection:
        raise InputError(
            f"{environment.name}: termination_protection: true: it is not destroyed; "
            "deploy it with termination_protection: false first"
        )


def _check_replacement(arguments: argparse.Namespace) -> int:
    environment = load(arguments.environment)
    session = boto3.Session(region_name=environment.region)
    return 0 if check_replacement(environment, arguments.assembly, session, print) else 1


def _notebook_list(arguments: argparse.Namespace) -> None:
    environment = load(arguments.environment)
    print(notebook.listed(environment, boto3.Session(region_name=environment.region)))


def _notebook_upgrade(arguments: argparse.Namespace) -> int:
    environment = load(arguments.environment)
    session = boto3.Session(region_name=environment.region)
    found = notebook.find(environment, arguments.name, arguments.team)
    try:
        notebook.upgrade(environment, found, arguments.to, session, say=lambda line: print(line, flush=True))
    except notebook.UpgradeError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the same command goes on from here", file=sys.stderr)
        return 1
    return 0


def _wheelhouse(arguments: argparse.Namespace) -> None:
    environment = load(arguments.environment)
    session = boto3.Session(region_name=environment.region)
    print(
        wheelhouse.fill(
            environment,
            arguments.team,
            arguments.requirements,
            arguments.python,
            session,
            name=arguments.name,
            channel=arguments.channel,
        )
    )


def _scp(arguments: argparse.Namespace) -> None:
    # Only here, because the CDK comes with them, and takes a second; app says which Node it starts.
    import app  # noqa: F401
    from operations import organization

    environment = load(arguments.environment)
    folder = arguments.output / environment.name
    print("\n".join(organization.write(environment, folder, arguments.organization or None)))


def _simulate(arguments: argparse.Namespace) -> int:
    # As for _scp.
    import app  # noqa: F401
    from operations.access.simulate import simulate

    environment = load(arguments.environment)
    session = boto3.Session(region_name=environment.region)
    return 1 if simulate(environment, arguments.assembly, session, print) else 0


if __name__ == "__main__":
    sys.exit(main())
