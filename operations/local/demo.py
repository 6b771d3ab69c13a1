"""The whole platform deployed, shown, used and torn down."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from environments.loading import ROOT
from operations.assembly import StackTemplate, stacks_of
from operations.errors import InputError
from operations.local.cdk_cli import CdkCli, CdkError
from operations.local.inventory import Client, Thing, entries, things, waiting_keys
from operations.local.leftovers import leave
from operations.local.server import FAST, Process, Server, last_lines
from operations.local.settings import NOWHERE, without_aws
from operations.local.show import show
from operations.local.target import Target
from operations.local.work import place, work
from operations.teardown import runs
from operations.teardown.connect import WallClock, connect
from operations.teardown.journal import Journal
from operations.teardown.kinds import OF_NAME
from operations.teardown.options import Options
from operations.teardown.policy import decided

AT_ONCE = "4"
"""Stacks that the CLI deploys or destroys at a time."""

BOOTSTRAP_STACK = "CDKToolkit"


class DemoError(Exception):
    """Something is not as it should be; ``str()`` says what, in one line."""


class Demo:
    """One run of it.

    Args:
        target: what is deployed, and where to.
        folder: for all that it writes.
        console: for all that it tells.
    """

    def __init__(self, target: Target, folder: Path, console: Console) -> None:
        self.phase = "start"
        self.server = Server(folder)
        self.cdk_log = folder / "cdk.log"
        self._target = target
        self._folder = folder
        self._assembly = folder / "cdk.out"
        self._console = console
        self.answered = False
        self._data: list[str] = []
        self._process: Process | None = None

    def run(self) -> None:
        """All phases.

        Raises:
            DemoError, CdkError, InputError, ClientError, BotoCoreError: when one fails.
        """
        environment = self._target.environment
        where = f"{environment.account}/{environment.region}"
        if not self._target.endpoint:
            self._process = self.server.start(environment.account, bound_to_us=True)
        with self._told("synth"):
            alone = without_aws(os.environ) | NOWHERE | {"HOME": str(self._folder)}
            self._cdk(alone, ROOT)(
                "synth", "--quiet", "--output", str(self._assembly), "--context", f"environment={self._target.file}"
            )
        with self._told("start"):
            endpoint = self._target.endpoint or self._started(self._process)
            variables = self._target.variables(endpoint, self._folder, os.environ)
            self._console.print(f"  {endpoint}, account {where}", highlight=False)

        cdk = self._cdk(variables, self._folder)
        with _environment(variables):
            client = clients()
            check_account(client, environment.account, endpoint)
            with self._told("bootstrap"):
                cdk("bootstrap", "--app", str(self._assembly), f"aws://{where}")
                before = things(client, environment.account)
            with self._told("deploy"):
                cdk("deploy", "--all", *self._options(), "--require-approval", "never", "--progress", "events")
            with self._told("ask what is there"):
                there = things(client, environment.account)
                show(self._console, client, there - before)
                kept = retained(client, stacks_of(self._assembly))
            with self._told("work"):
                for line in (*work(client, environment), *self._leave(client)):
                    self._console.print(f"  {line}", highlight=False)
            with self._told("teardown"):
                self._tear_down()
            with self._told("verify"):
                verify(self._console, things(client, environment.account) - before, kept, waiting_keys(client))

    def _leave(self, client: Client) -> Iterable[str]:
        """Leaves one thing of each kind in our own server: other emulators do not have them all, and AWS bills them."""
        if not self._target.endpoint:
            team = self._target.environment.teams[0]
            made = leave(client, place(client, self._target.environment, team), self._clock.sleep)
            self._data = [f"{kind}/{name}" for kind in made if OF_NAME[kind].data for name in made[kind]]
            yield f"{sum(map(len, made.values()))} things are left by {team.name}: {', '.join(made)}"

    @property
    def _clock(self) -> WallClock:
        """As fast as that of our server."""
        return WallClock(1 if self._target.endpoint else FAST)

    def _tear_down(self) -> None:
        """As `python -m operations teardown run` does it; the data goes too that people left."""
        environment = self._target.environment
        account = connect(environment, self._clock)
        options = Options(
            decided(environment.teardown, purge=self._data, unprotect=environment.termination_protection),
            discard_unexported=True,
            yes=True,
        )
        if runs.run(account, Journal(self._folder / "teardown.jsonl"), options, self._console, input):
            raise DemoError("something is left that should be gone")

    def stop(self) -> None:
        """Ends the server, if it is ours."""
        if self._process:
            self._process.stop()

    @property
    def died(self) -> int | None:
        """The exit code of our server when it ended by itself."""
        return self._process.died if self._process else None

    def _options(self) -> tuple[str, ...]:
        return "--app", str(self._assembly), "--concurrency", AT_ONCE

    def _started(self, process: Process | None) -> str:
        assert process
        url = process.wait().url
        self.answered = True
        return url

    def _cdk(self, variables: Mapping[str, str], folder: Path) -> Callable[..., None]:
        cli = CdkCli(folder, variables, self.cdk_log)

        def run(*arguments: str) -> None:
            with self._console.status(self.phase) as status:

                def told(line: str) -> None:
                    status.update(f"{self.phase}: {line.strip()[: self._console.width - 20]}")
                    _, done, what = line.partition("✅")
                    if done:
                        self._console.print(f"  {what.strip()}", markup=False, highlight=False)

                cli.run(*arguments, told=told, given_up=lambda: self.died is not None)

        return run

    @contextmanager
    def _told(self, phase: str) -> Iterator[None]:
        self.phase = phase
        started = time.monotonic()
        self._console.print(f"[bold]{phase}[/bold]")
        yield
        self._console.print(f"  {time.monotonic() - started:.1f} s", highlight=False)


def demonstrate(target_in: Callable[[Path], Target], console: Console, since: float | None = None) -> int:
    """Runs a demonstration and removes all that it made; exit code 0, or 1 when it failed or was interrupted.

    Args:
        target_in: says where it goes; is given a folder for what it needs to write.
        console: for all that is told.
        since: when its set-up began, in seconds since 1970.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    started = time.time()
    folder = Path(tempfile.mkdtemp(prefix="trainyard-demo-"))
    demo: Demo | None = None
    logs: tuple[Path, ...] = ()
    try:
        demo = Demo(target_in(folder), folder, console)
        if since and started - since > 1:
            console.print(f"[bold]set-up[/bold]\n  {started - since:.1f} s", highlight=False)
        demo.run()
        console.print(f"[bold]all of it[/bold]\n  {time.time() - (since or started):.1f} s", highlight=False)
    except KeyboardInterrupt:
        console.print(f"{demo.phase if demo else 'start'}: interrupted: everything of its own is removed")
        return 1
    except (DemoError, CdkError, InputError, ClientError, BotoCoreError) as error:
        if not demo:
            raise
        logs = _tell_failure(console, demo, error)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if demo:
            demo.stop()
        _remove(folder, logs)
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return 0


def _tell_failure(console: Console, demo: Demo, error: Exception) -> tuple[Path, ...]:
    """Tells it, and returns the logs that stay."""
    logs = tuple(log for log in (demo.server.log, demo.cdk_log) if log.exists())
    for log in logs:
        console.rule(f"the end of {log}", align="left")
        console.print(last_lines(log), markup=False, highlight=False, soft_wrap=True)
    console.rule()
    died = demo.died
    ended = "ended in the middle of it" if demo.answered else "did not start"
    what = error if died is None else f"the local AWS {ended} (exit code {died})"
    console.print(
        f"{demo.phase}: {what}; logs: {logs[0].parent if logs else '-'}", markup=False, highlight=False, soft_wrap=True
    )
    return logs


def _remove(folder: Path, but: tuple[Path, ...]) -> None:
    for each in folder.iterdir():
        if each.is_dir():
            shutil.rmtree(each, ignore_errors=True)
        elif each not in but:
            each.unlink(missing_ok=True)
    if not but:
        folder.rmdir()


def clients() -> Client:
    """Clients of where the environment variables lead."""
    session = boto3.Session()
    config = Config(connect_timeout=10, read_timeout=60, retries={"total_max_attempts": 3})

    @cache
    def client(service: str) -> Any:
        return session.client(service, config=config)  # type: ignore[call-overload]  # any service that botocore knows

    return client


def check_account(client: Client, account: str, endpoint: str) -> None:
    """Nothing is deployed to an account that nobody named.

    Raises:
        DemoError: when the endpoint's account is another one.
    """
    found = client("sts").get_caller_identity()["Account"]
    if found != account:
        raise DemoError(f"{endpoint}: is account {found}, and the environment is for {account}: nothing was deployed")


def verify(console: Console, left: set[Thing], kept: set[str], waiting: list[str]) -> None:
    """Tells what is left of a deployment that was destroyed.

    Args:
        console: for what is told.
        left: what is there and was not before.
        kept: the ids of what may be.
        waiting: the keys that wait for their deletion.

    Raises:
        DemoError: when something else is left.
    """
    expected = {thing for thing in left if thing[1] in kept}
    if left - expected:
        raise DemoError(f"still there: {_listed(left - expected)}")
    told = [f"still there: the stack {BOOTSTRAP_STACK} and what it made"]
    if expected:
        told.append(f"kept, as the environment says: {_listed(expected)}")
    if waiting:
        told.append(f"deleted once their waiting time is over: keys: {', '.join(waiting)}")
    for line in told:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def retained(client: Client, stacks: list[StackTemplate]) -> set[str]:
    """The ids of what outlives its stack: by the template, or because SageMaker keeps its people's homes."""
    found = set(entries(client, "sagemaker", "list_domains", "Domains[].DomainId"))
    homes = {client("sagemaker").describe_domain(DomainId=each).get("HomeEfsFileSystemId", "") for each in found}
    for stack in stacks:
        keep = {
            name for name, each in stack.resources.items() if each.get("DeletionPolicy", "Delete").startswith("Retain")
        }
        resources = "StackResourceSummaries[]"
        for each in entries(client, "cloudformation", "list_stack_resources", resources, StackName=stack.name):
            if each["LogicalResourceId"] in keep:
                homes |= {each["PhysicalResourceId"], each["PhysicalResourceId"].rpartition("/")[2]}
    return homes


def _listed(left: set[Thing]) -> str:
    return ", ".join(f"{kind}: {name}" for kind, name in sorted(left))


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Boto3 reads where AWS is from the environment of the process, as programs do that it starts."""
    saved = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)
