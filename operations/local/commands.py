"""The commands of ``python -m operations local``."""

import argparse
import os
from pathlib import Path

from environments import load
from environments.loading import ROOT
from operations.errors import InputError
from operations.local.server import Server
from operations.local.settings import exports, for_endpoint
from operations.local.target import Target, target_of

STATE = ROOT / ".local"
"""Where the server that outlives its command keeps its state."""

ENVIRONMENT = "local"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds ``local`` to the programs."""
    local = commands.add_parser("local", help="an AWS on this machine, and Trainyard on it")
    programs = local.add_subparsers(required=True)

    up = programs.add_parser("up", help="starts the local AWS and leaves it running")
    up.add_argument("--clock", choices=["real", "fast"], default="fast", help="how fast its time passes (%(default)s)")
    up.add_argument("--port", type=int, default=0, help="0 for a free one (%(default)s)")
    up.set_defaults(run=_up)

    programs.add_parser("down", help="ends it").set_defaults(run=_down)
    programs.add_parser("env", help="the settings that lead to it, for a shell's eval").set_defaults(run=_env)

    demo = programs.add_parser("demo", help="deploys the platform, shows it and destroys it, on a local AWS of its own")
    demo.add_argument("--environment", default=ENVIRONMENT, help="name, or path of a file (%(default)s)")
    demo.add_argument("--endpoint", help="where else to deploy to: a URL, or aws for AWS's own endpoints")
    demo.add_argument("--account", help="the account there, when it is not that of the environment")
    demo.add_argument(
        "--i-know-this-is-not-local", metavar="ACCOUNT", help="must name the account of an endpoint elsewhere"
    )
    demo.add_argument("--set-up-since", type=float, help=argparse.SUPPRESS)
    demo.set_defaults(run=_demo)


def _up(arguments: argparse.Namespace) -> None:
    environment = load(ENVIRONMENT)
    server = Server(STATE)
    running = server.start(environment.account, clock=arguments.clock, port=arguments.port).wait()
    print(f"{running.url} (account {environment.account}, process {running.pid}, log {server.log})")
    print('to use it in a shell: source .venv/bin/activate; eval "$(python -m operations local env)"')


def _down(_: argparse.Namespace) -> None:
    print("ended" if Server(STATE).stop() else "no local AWS runs")


def _env(_: argparse.Namespace) -> None:
    running = Server(STATE).running()
    if not running:
        raise InputError("no local AWS runs: make local-up")
    print(exports(for_endpoint(running.url, load(ENVIRONMENT).region), os.environ))


def _demo(arguments: argparse.Namespace) -> int:
    try:
        # What deployments need does not bring these.
        from rich.console import Console

        from operations.local.demo import demonstrate
    except ModuleNotFoundError as error:
        raise InputError(f"{error.name}: not installed: run make setup-dev") from None

    def target_in(folder: Path) -> Target:
        return target_of(
            arguments.environment,
            folder,
            endpoint=arguments.endpoint,
            account=arguments.account,
            known=arguments.i_know_this_is_not_local,
        )

    return demonstrate(target_in, Console(), arguments.set_up_since)
