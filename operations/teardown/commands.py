"""The commands ``teardown``, ``status`` and ``stop`` of ``python -m operations``."""

import argparse
import json
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from rich.console import Console

from environments import Environment, load
from environments.loading import ROOT
from operations.errors import InputError
from operations.teardown.aws import Aws
from operations.teardown.connect import Account, WallClock, connect
from operations.teardown.inventory import Inventory
from operations.teardown.journal import Journal
from operations.teardown.lock import HeldError
from operations.teardown.options import Options
from operations.teardown.part import Part
from operations.teardown.policy import Policy, Volumes, decided
from operations.teardown.scope import look
from operations.teardown.status import running, stops
from operations.teardown.verify import is_clean

STATE = ROOT / ".teardown"
"""Where journals lie."""

LEFT, HELD, INTERRUPTED = 1, 3, 130
"""Exit codes beside 0 and 2: something failed or is left, somebody else is at it, Ctrl-C."""

WIDTH = 240
"""Columns of what is no terminal."""

HASH = re.compile("[0-9a-f]{12}")
"""What the hash of a plan looks like."""

Parser = argparse.ArgumentParser


def add_to(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Adds them to the programs."""
    programs = commands.add_parser("teardown", help="takes an environment away: docs/teardown.md")
    verbs = programs.add_subparsers(required=True)

    plan = _environment(verbs.add_parser("plan", help="what would be done and what would be kept; changes nothing"))
    _decisions(plan)
    plan.add_argument("--json", action="store_true", help="for machines, with every name")
    plan.set_defaults(run=_reached(_plan))

    go = _environment(verbs.add_parser("run", help="does it; after Ctrl-C or a crash the same command goes on"))
    _decisions(go)
    go.add_argument("--plan", metavar="PLAN", help="only this plan: its hash, or a file with the output of plan --json")
    go.add_argument("--yes", action="store_true", help="do not ask for the environment's name")
    go.add_argument("--take-over", action="store_true", help="from somebody whose run was killed")
    go.set_defaults(run=_reached(_run))

    check = _environment(verbs.add_parser("verify", help="what is left; exit code 1 if it costs money unasked"))
    _volumes(check)
    check.set_defaults(run=_reached(_verify))

    again = _environment(
        verbs.add_parser("reopen", help="lets people start things again after a run that was given up")
    )
    again.add_argument("--take-over", action="store_true", help="from somebody whose run was killed")
    again.set_defaults(run=_reached(_reopen))

    show = _environment(commands.add_parser("status", help="what of an environment runs, since when, and whose it is"))
    show.set_defaults(run=_reached(_status))

    stop = _environment(commands.add_parser("stop", help="stops all that runs in an environment, and deletes no stack"))
    stop.add_argument("--endpoints", action="store_true", help="delete endpoints too; their configurations stay")
    stop.add_argument("--yes", action="store_true", help="do not ask for the environment's name")
    stop.set_defaults(run=_reached(_stop))


def _environment(parser: Parser) -> Parser:
    parser.add_argument("environment", help="name, or path of a file")
    parser.add_argument("--journal", type=Path, help="(.teardown/ACCOUNT-ENVIRONMENT.jsonl)")
    # The seconds of a local AWS may be shorter than those on the wall.
    parser.add_argument("--clock-rate", type=float, default=1.0, help=argparse.SUPPRESS)
    return parser


def _decisions(parser: Parser) -> None:
    _volumes(parser)
    parser.add_argument("--remove-protection", action="store_true", help="delete stacks that are protected too")
    parser.add_argument(
        "--discard-unexported", action="store_true", help="give up what Lustre file systems do not write to a bucket"
    )
    parser.add_argument("--team", help="only what must end before a deployment without this team")
    parser.add_argument("--user", help="the same for a person")
    parser.add_argument("--notebook", help="the same for a notebook; its team with --team")
    parser.add_argument("--pool", help="the same for a pool")


def _volumes(parser: Parser) -> None:
    parser.add_argument("--notebook-volumes", type=Volumes, choices=list(Volumes), metavar="keep|back_up|discard")
    parser.add_argument("--space-volumes", type=Volumes, choices=list(Volumes), metavar="keep|discard")
    parser.add_argument(
        "--purge",
        metavar="NAME",
        action="append",
        default=[],
        help="delete this too, which is kept otherwise; KIND/NAME where several have the name",
    )


def _policy(arguments: argparse.Namespace, environment: Environment) -> Policy:
    return decided(
        environment.teardown,
        notebook_volumes=arguments.notebook_volumes,
        space_volumes=arguments.space_volumes,
        purge=arguments.purge,
        unprotect=getattr(arguments, "remove_protection", False),
    )


def _reached(command: Any) -> Any:
    """A command with the account and the console that it needs, and its ends as exit codes."""

    def run(arguments: argparse.Namespace) -> int:
        console = _console()
        environment = load(arguments.environment)
        account = connect(environment, WallClock(arguments.clock_rate))
        file = arguments.journal or STATE / f"{environment.account}-{environment.name}.jsonl"
        return ended(lambda: command(arguments, account, Journal(file, account.now), console))

    return run


def ended(command: Any) -> int:
    """The exit code of a command, also when it is held or interrupted."""
    try:
        with _interrupts():
            code: int = command()
    except HeldError as error:
        print(error, file=sys.stderr)
        return HELD
    except KeyboardInterrupt:
        print("interrupted: nothing is lost: the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    return code


@contextmanager
def _interrupts() -> Iterator[None]:
    """What ends a process politely is told like Ctrl-C."""
    saved = {each: signal.signal(each, signal.default_int_handler) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in saved.items():
            signal.signal(number, handler)


def _console() -> Console:
    # In a file or the log of a pipeline, rows need not be folded as on a terminal.
    return Console(width=None if sys.stdout.isatty() else WIDTH)


def _options(arguments: argparse.Namespace, environment: Environment) -> Options:
    return Options(
        policy=_policy(arguments, environment),
        part=_part(arguments),
        discard_unexported=arguments.discard_unexported,
        agreed=_agreed(getattr(arguments, "plan", None)),
        yes=getattr(arguments, "yes", False),
        take_over=getattr(arguments, "take_over", False),
    )


def _part(arguments: argparse.Namespace) -> Part:
    """The part that was named; all of it without one.

    Raises:
        InputError: for an empty name, which a variable in a script may be, and for several parts.
    """
    given = {field.name: getattr(arguments, field.name) for field in fields(Part)}
    named = {name: value for name, value in given.items() if value is not None}
    for name, value in named.items():
        if not value:
            raise InputError(f"--{name}: {value!r}: must not be empty; without --{name} it is all of the environment")
    if len(named) > 1 and named.keys() != {"team", "notebook"}:
        several = " ".join(f"--{name} {value}" for name, value in named.items())
        raise InputError(f"{several}: only one of these can be given, but for --team beside --notebook")
    return Part(**named)


def _agreed(plan: str | None) -> dict[str, Any] | None:
    """The plan that somebody agreed to: a hash alone, or all of it.

    Raises:
        InputError: when it is neither.
    """
    if plan is None:
        return None
    if HASH.fullmatch(plan):
        return {"hash": plan}
    try:
        agreed = json.loads(Path(plan).read_text())
    except (OSError, ValueError):
        agreed = None
    match agreed:
        case {"hash": str(), "actions": [*_], "kept": [*_]}:
            return dict(agreed)
    raise InputError(f"plan: {plan!r}: must be the output of plan --json, or the hash in it")


def _plan(arguments: argparse.Namespace, account: Account, journal: Journal, console: Console) -> int:
    from operations.teardown import runs, show

    options = _options(arguments, account.environment)
    _, plan = runs.planned(account, journal, options)
    if arguments.json:
        print(json.dumps(show.as_json(plan), indent=2))
    else:
        console.print(show.plan_tree(plan, str(options.part)))
    return 2 if plan.blockers else 0


def _run(arguments: argparse.Namespace, account: Account, journal: Journal, console: Console) -> int:
    from operations.teardown import runs

    return runs.run(account, journal, _options(arguments, account.environment), console, input)


def _verify(arguments: argparse.Namespace, account: Account, journal: Journal, console: Console) -> int:
    from operations.teardown import runs, show

    left = runs.verified(account, journal, _policy(arguments, account.environment))
    console.print(show.left_table(left))
    return 0 if is_clean(left) else LEFT


def _reopen(arguments: argparse.Namespace, account: Account, journal: Journal, console: Console) -> int:
    from operations.teardown import runs

    return runs.reopen(account, journal, console, over=arguments.take_over)


def _status(_arguments: argparse.Namespace, account: Account, journal: Journal, console: Console) -> int:
    from operations.teardown import show

    aws = Aws(account.client, account.environment.region, account.clock, journal)
    scope = account.ask(look(aws, account.environment.name))
    states = Counter(stack.status for stack in scope.stacks)
    told = ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or "none"
    console.print(f"stacks: {told}", highlight=False)
    found = account.ask(running(Inventory(aws, scope)))
    console.print(show.things_table((each.thing, each.known) for each in found))
    if usd := show.endpoint_usd(scope):
        console.print(f"the interface endpoints cost {usd} USD an hour; what the rest costs is not known here")
    return 0


def _stop(arguments: argparse.Namespace, account: Account, journal: Journal, console: Console) -> int:
    from operations.teardown import runs

    return runs.stop(account, journal, stops(endpoints=arguments.endpoints), console, None if arguments.yes else input)
