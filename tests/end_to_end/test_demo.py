"""The demonstration of the README, as people start it, and what it leaves when it does not come to its end."""

import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from environments.loading import ROOT
from operations.local.server import Server
from operations.teardown.kinds import KINDS

pytestmark = pytest.mark.slow

Demo = subprocess.Popen[str]


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where a demonstration makes its folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def demo(temporary: Path) -> Iterator[Demo]:
    """One that has just started, with settings of a user that would lead elsewhere."""
    yield from started([sys.executable, "-m", "operations", "local", "demo"], temporary)


@pytest.fixture
def make_demo(temporary: Path) -> Iterator[Demo]:
    """One that was started by make, whose set-up is taken as it is."""
    yield from started(["make", "-o", ".venv/.synth", "-o", ".venv/.dev", "demo"], temporary)


def started(command: list[str], temporary: Path) -> Iterator[Demo]:
    users = {"AWS_PROFILE": "prod", "AWS_ENDPOINT_URL_S3": "https://example.com", "HTTPS_PROXY": "http://127.0.0.1:9"}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **users, "TMPDIR": str(temporary), "COLUMNS": "500"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield process
        process.kill()


def until(demo: Demo, phase: str) -> str:
    """What it prints until a phase begins."""
    assert demo.stdout
    printed = ""
    for line in demo.stdout:
        printed += line
        if line == f"{phase}\n":
            return printed
    raise AssertionError(printed)


def rest(demo: Demo) -> str:
    assert demo.stdout
    return demo.stdout.read()


def server_in(temporary: Path) -> Server:
    (folder,) = temporary.iterdir()
    return Server(folder)


def test_it_deploys_shows_uses_and_tears_down_the_platform_and_leaves_nothing(make_demo: Demo, temporary: Path) -> None:
    printed = rest(make_demo)
    assert make_demo.wait() == 0, printed
    for shown in ("vision-1", "exploration", "/street-scenes", "g5.xlarge", "com.amazonaws.eu-west-1.s3", "Buckets"):
        assert shown in printed
    for stack in ("data", "network", "access", "lustre", "studio", "batch", "governance", "team-vision"):
        assert re.findall(rf"^  \S+ \(trainyard-local-{stack}\)(.*)$", printed, re.M) == [""], stack
        assert re.search(rf"stack\.trainyard-local-{stack}: trainyard-local-{stack}: gone\n", printed), stack
    steps = {f"{kind.name}.{verb.name}" for kind in KINDS for verb in kind.verbs}
    # A compilation is over by itself after minutes, which are moments here.
    assert steps - set(re.findall(r"^ *\d+:\d\d  (.*): done; ", printed, re.M)) <= {"compilation jobs.stop"}
    assert list(temporary.iterdir()) == []


def test_the_death_of_the_server_is_told_in_one_line(demo: Demo, temporary: Path) -> None:
    until(demo, "bootstrap")
    server = server_in(temporary)
    running = server.running()
    assert running
    os.kill(running.pid, signal.SIGKILL)
    told = rest(demo).splitlines()[-1]
    assert demo.wait() == 1
    assert told == f"bootstrap: the local AWS ended in the middle of it (exit code -9); logs: {server.log.parent}"
    assert {each.name for each in server.log.parent.iterdir()} == {"server.log", "cdk.log"}


@pytest.mark.parametrize(("number", "phase"), [(signal.SIGINT, "bootstrap"), (signal.SIGTERM, "synth")])
def test_an_interruption_leaves_nothing(demo: Demo, temporary: Path, number: signal.Signals, phase: str) -> None:
    until(demo, phase)
    server = server_in(temporary)
    demo.send_signal(number)
    assert f"{phase}: interrupted" in rest(demo)
    assert demo.wait() == 1
    assert not server.lives()
    assert list(temporary.iterdir()) == []


def test_the_server_does_not_outlive_a_demonstration_that_is_killed(demo: Demo, temporary: Path) -> None:
    until(demo, "bootstrap")
    server = server_in(temporary)
    running = server.running()
    assert running
    demo.kill()
    with (server.log.parent / "server.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)  # comes back when the server is gone
    assert not server.lives()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The checkout with a state of its own."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for each in ROOT.iterdir():
        if each.name != ".local":
            (folder / each.name).symlink_to(each)
    return folder


def run(checkout: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "operations", "local", *arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_server_runs_from_up_to_down_and_env_leads_to_it(checkout: Path) -> None:
    up = run(checkout, "up")
    try:
        assert up.returncode == 0, up.stderr
        exported = dict(re.findall(r"export (\w+)='(.*)';", run(checkout, "env").stdout))
        account = subprocess.run(
            [sys.executable, "-c", "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"],
            env={"PATH": os.environ["PATH"], **exported},
            capture_output=True,
            text=True,
            check=True,
        )
        assert account.stdout == "111111111111\n"
    finally:
        down = run(checkout, "down")
    assert down.stdout == "ended\n"
    assert [each.name for each in (checkout / ".local").iterdir()] == ["server.log"]


def test_two_servers_side_by_side_have_ports_of_their_own(tmp_path: Path) -> None:
    servers = [Server(tmp_path / name).start("111111111111", bound_to_us=True) for name in ("one", "two")]
    try:
        assert len({each.wait().url for each in servers}) == 2
    finally:
        for each in servers:
            each.stop()
