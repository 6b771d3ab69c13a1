"""What ``python -m operations local`` promises without a server; tests/end_to_end/ has one."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import botocore.session
import pytest
from botocore import xform_name
from moto import mock_aws
from rich.console import Console

from environments import load
from local_aws import LocalAws, clock
from operations import __main__ as command
from operations.assembly import StackTemplate
from operations.errors import InputError
from operations.local import commands, demo, inventory, server
from operations.local.cdk_cli import CdkCli, CdkError
from operations.local.server import Server
from operations.local.settings import exports, for_endpoint, is_loopback
from operations.local.target import AWS, Target, target_of

URL = "http://127.0.0.1:4566"
REGION = "eu-west-1"
ACCOUNT = "111111111111"


@pytest.mark.parametrize("endpoint", [URL, "http://localhost:1", "http://[::1]:1", "https://127.1.2.3"])
def test_an_endpoint_on_this_machine_is_loopback(endpoint: str) -> None:
    assert is_loopback(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "aws",
        "127.0.0.1:1",
        "http://10.0.0.1",
        "https://sts.amazonaws.com",
        "http://127.0.0.1@example.com",
        "http://127.0.0.1.example.com",
    ],
)
def test_no_other_endpoint_is(endpoint: str) -> None:
    assert not is_loopback(endpoint)


def test_settings_are_refused_for_an_endpoint_elsewhere() -> None:
    with pytest.raises(InputError, match="must be loopback"):
        for_endpoint("https://sts.amazonaws.com", REGION)


def test_no_setting_of_the_users_goes_on_to_a_local_endpoint(tmp_path: Path) -> None:
    users = {
        "PATH": "/bin",
        "HOME": "/home/somebody",
        "AWS_PROFILE": "prod",
        "AWS_ACCESS_KEY_ID": "real",
        "AWS_SESSION_TOKEN": "real",
        "AWS_ENDPOINT_URL_S3": "https://example.com",
        "AWS_CONFIG_FILE": "/home/somebody/.aws/config",
        "HTTPS_PROXY": "http://proxy",
        "https_proxy": "http://proxy",
        "CDK_OUTDIR": "elsewhere",
    }
    target = Target(Path("local.yaml"), load("local"), None)
    assert target.variables(URL, tmp_path, users) == {
        "PATH": "/bin",
        "HOME": str(tmp_path),
        **for_endpoint(URL, REGION),
    }


def test_the_keys_are_of_no_account() -> None:
    settings = for_endpoint(URL, REGION)
    assert (settings["AWS_ACCESS_KEY_ID"], settings["AWS_SECRET_ACCESS_KEY"]) == ("local", "local")


def test_no_file_of_the_users_is_read() -> None:
    settings = for_endpoint(URL, REGION)
    assert {settings["AWS_CONFIG_FILE"], settings["AWS_SHARED_CREDENTIALS_FILE"]} == {"/dev/null"}


def test_a_named_account_elsewhere_gets_the_users_own_settings(tmp_path: Path) -> None:
    target = Target(Path("local.yaml"), load("local"), AWS)
    users = {"HOME": "/home/somebody", "AWS_PROFILE": "sandbox", "AWS_ENDPOINT_URL_S3": URL}
    assert target.variables(AWS, tmp_path, users) == {
        "HOME": "/home/somebody",
        "AWS_PROFILE": "sandbox",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


@pytest.mark.parametrize("endpoint", [AWS, "https://sts.amazonaws.com", "http://10.0.0.1:4566"])
@pytest.mark.parametrize("known", [None, "123456789012"])
def test_an_endpoint_elsewhere_is_refused_unless_its_account_is_named(
    endpoint: str, known: str | None, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="say --i-know-this-is-not-local 111111111111"):
        target_of("local", tmp_path, endpoint=endpoint, known=known)


def test_an_endpoint_elsewhere_is_taken_with_its_account(tmp_path: Path) -> None:
    assert target_of("local", tmp_path, endpoint=AWS, known=ACCOUNT).endpoint == AWS


def test_another_account_takes_the_place_of_the_files(tmp_path: Path) -> None:
    target = target_of("local", tmp_path, account="123456789012")
    assert target.environment.account == "123456789012"
    assert load(str(target.file)) == target.environment


def test_the_account_that_must_be_named_is_the_one_that_is_deployed_to(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="account 123456789012"):
        target_of("local", tmp_path, endpoint=AWS, account="123456789012", known=ACCOUNT)


@pytest.mark.parametrize("joined", ["\n", " "])
def test_a_shell_takes_the_settings_in_one_line_or_many(joined: str) -> None:
    text = exports(for_endpoint(URL, REGION), ["AWS_ENDPOINT_URL_S3"]).replace("\n", joined)
    script = 'eval "$1"; echo "$AWS_ENDPOINT_URL ${AWS_PROFILE-none} ${AWS_ENDPOINT_URL_S3-none}"'
    result = subprocess.run(
        ["/bin/sh", "-euc", script, "sh", text],
        env={"AWS_PROFILE": "prod", "AWS_ENDPOINT_URL_S3": "https://example.com"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == f"{URL} none none\n"


# ---- the process ----

# Holds the file as the server does, and ends when it is asked to.
FAKE = """
import fcntl, json, os, signal, sys, time
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
file.write(json.dumps({"url": "http://127.0.0.1:4566", "pid": os.getpid()}))
file.flush()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the commands' state."""
    monkeypatch.setattr(commands, "STATE", tmp_path / ".local")
    (tmp_path / ".local").mkdir()
    return tmp_path / ".local"


@pytest.fixture
def fake(state: Path) -> Iterator["subprocess.Popen[str]"]:
    """A server that runs."""
    yield from _fake(state, "")


@pytest.fixture
def deaf(state: Path) -> Iterator["subprocess.Popen[str]"]:
    """A server that does not end when it is asked to."""
    yield from _fake(state, "deaf")


def _fake(state: Path, how: str) -> Iterator["subprocess.Popen[str]"]:
    arguments = [sys.executable, "-c", FAKE, str(state / "server.json"), how]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["operations", "local", *arguments])
    return command.main()


@pytest.mark.usefixtures("fake")
def test_up_refuses_when_one_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(monkeypatch, "up") == 2
    assert capsys.readouterr().err == f"a local AWS runs already: {URL}\n"


@pytest.mark.usefixtures("fake")
def test_env_leads_to_the_one_that_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(monkeypatch, "env") == 0
    assert f"export AWS_ENDPOINT_URL='{URL}';" in capsys.readouterr().out


@pytest.mark.usefixtures("state")
def test_env_says_when_none_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(monkeypatch, "env") == 2
    assert capsys.readouterr() == ("", "no local AWS runs: make local-up\n")


def test_env_gives_nothing_for_an_endpoint_elsewhere(
    state: Path, fake: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (state / "server.json").write_text(json.dumps({"url": "https://sts.amazonaws.com", "pid": fake.pid}))
    assert _run(monkeypatch, "env") == 2
    assert capsys.readouterr().out == ""


def test_down_ends_the_server(fake: "subprocess.Popen[str]", state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch, "down") == 0
    assert fake.wait(10) != 0
    assert not (state / "server.json").exists()


def test_down_ends_one_that_does_not_listen(
    deaf: "subprocess.Popen[str]", state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operations.local.server.STOP_SECONDS", 0.2)
    Server(state).stop()
    assert deaf.wait(10) == -9


def test_down_leaves_a_process_alone_that_has_the_id_of_a_dead_server(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        (state / "server.json").write_text(json.dumps({"url": URL, "pid": other.pid}))
        assert _run(monkeypatch, "down") == 0
        assert capsys.readouterr().out == "no local AWS runs\n"
        assert other.poll() is None
        other.kill()


# ---- the CLI ----


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CdkCli:
    """With a shell script in the place of cdk."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "cdk").write_text(
        '#!/bin/sh\necho "$1 to $AWS_ENDPOINT_URL"\n[ "$1" != wait ] || sleep 60\n[ "$1" != fail ]\n'
    )
    (binaries / "cdk").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(binaries / "python"))
    return CdkCli(tmp_path, {"PATH": "/usr/bin:/bin", "AWS_ENDPOINT_URL": URL}, tmp_path / "cdk.log")


def never() -> bool:
    return False


def test_each_line_of_the_cli_is_told(cli: CdkCli) -> None:
    lines: list[str] = []
    cli.run("deploy", told=lines.append, given_up=never)
    assert lines == [f"deploy to {URL}"]


def test_each_command_stands_in_the_log_with_what_it_printed(cli: CdkCli, tmp_path: Path) -> None:
    cli.run("deploy", "--all", told=print, given_up=never)
    cli.run("destroy", told=print, given_up=never)
    assert (tmp_path / "cdk.log").read_text() == (
        f"$ cdk deploy --all\ndeploy to {URL}\n$ cdk destroy\ndestroy to {URL}\n"
    )


def test_a_command_that_fails_is_an_error(cli: CdkCli) -> None:
    with pytest.raises(CdkError, match="cdk fail ended with exit code 1"):
        cli.run("fail", told=print, given_up=never)


def test_a_command_is_ended_when_it_is_given_up(cli: CdkCli) -> None:
    with pytest.raises(CdkError, match="cdk wait ended with exit code -15"):
        cli.run("wait", told=print, given_up=lambda: True)


def test_a_cli_that_is_not_installed_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(InputError, match="run make setup-dev"):
        CdkCli(tmp_path, {}, tmp_path / "cdk.log")


# ---- the demonstration ----


def test_a_teardown_waits_as_fast_as_the_server_goes() -> None:
    assert server.FAST == clock.FAST


@pytest.fixture
def in_mock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield


@pytest.mark.usefixtures("in_mock")
def test_nothing_is_deployed_to_another_account() -> None:
    with pytest.raises(demo.DemoError, match="is account 111111111111, and the environment is for 123456789012"):
        demo.check_account(demo.clients(), "123456789012", URL)


@pytest.mark.usefixtures("in_mock")
def test_the_account_of_the_environment_is_taken() -> None:
    demo.check_account(demo.clients(), ACCOUNT, URL)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the demonstration makes its folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def local(folder: Path) -> Target:
    return target_of("local", folder)


class Failing(demo.Demo):
    """Does not get far."""

    error: BaseException
    had_answered = False

    def run(self) -> None:
        self.answered = self.had_answered
        self.server.log.write_text("the last line\n")
        (self._folder / "cdk.out").mkdir()
        raise self.error


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> type[Failing]:
    monkeypatch.setattr(demo, "Demo", Failing)
    return Failing


def test_a_failure_keeps_the_logs_alone(failing: type[Failing], temporary: Path) -> None:
    failing.error = demo.DemoError("still there: keys: 1")
    assert demo.demonstrate(local, Console(quiet=True)) == 1
    assert [each.name for each in temporary.rglob("*") if each.is_file() or each.name == "cdk.out"] == ["server.log"]


def test_a_failure_is_told_with_the_end_of_the_log_and_its_place(
    failing: type[Failing], temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failing.error = demo.DemoError("still there: keys: 1")
    demo.demonstrate(local, Console(width=500))
    (folder,) = temporary.iterdir()
    out = capsys.readouterr().out
    assert "\nthe last line\n" in out
    assert out.endswith(f"\nstart: still there: keys: 1; logs: {folder}\n")


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize(
    ("answered", "told"), [(True, "ended in the middle of it"), (False, "did not start")], ids=["later", "at once"]
)
def test_a_server_that_died_is_told_in_one_line(
    answered: bool,
    told: str,
    failing: type[Failing],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    failing.error = CdkError("deploy", 1)
    failing.had_answered = answered
    monkeypatch.setattr(Failing, "died", -9)
    demo.demonstrate(local, Console(width=500))
    assert f"\nstart: the local AWS {told} (exit code -9); logs: " in capsys.readouterr().out


def test_an_interruption_keeps_nothing(failing: type[Failing], temporary: Path) -> None:
    failing.error = KeyboardInterrupt()
    assert demo.demonstrate(local, Console(quiet=True)) == 1
    assert list(temporary.iterdir()) == []


def test_input_that_cannot_be_used_keeps_nothing(temporary: Path) -> None:
    with pytest.raises(InputError):
        demo.demonstrate(lambda folder: target_of("local", folder, endpoint=AWS), Console(quiet=True))
    assert list(temporary.iterdir()) == []


def test_what_is_left_behind_is_an_error() -> None:
    with pytest.raises(demo.DemoError, match=r"^still there: buckets: b, keys: k$"):
        demo.verify(Console(quiet=True), {("keys", "k"), ("buckets", "b"), ("buckets", "kept")}, {"kept"}, [])


def test_what_is_kept_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    demo.verify(Console(), {("buckets", "kept")}, {"kept"}, ["waits"])
    assert capsys.readouterr().out.splitlines() == [
        "  still there: the stack CDKToolkit and what it made",
        "  kept, as the environment says: buckets: kept",
        "  deleted once their waiting time is over: keys: waits",
    ]


def test_what_a_template_retains_may_be_left() -> None:
    template = {
        "Resources": {
            "Kept": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
            "Gone": {"Type": "AWS::S3::Bucket"},
        }
    }
    with LocalAws(account=ACCOUNT, region=REGION) as aws:
        stacks = aws.client("cloudformation")
        stacks.create_stack(StackName="one", TemplateBody=json.dumps(template))
        ids = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for each in stacks.describe_stack_resources(StackName="one")["StackResources"]
        }
        found = demo.retained(demo.clients(), [StackTemplate("One", "one", REGION, template, ())])
    assert ids["Kept"] in found
    assert ids["Gone"] not in found


# ---- what is there ----


@pytest.mark.usefixtures("in_mock")
def test_a_key_that_waits_for_its_deletion_is_not_there_any_more() -> None:
    kms = boto3.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert key in inventory.listed(demo.clients(), inventory.KEYS)
    kms.schedule_key_deletion(KeyId=key)
    assert inventory.waiting_keys(demo.clients()) == [key]


@pytest.mark.parametrize("listing", inventory.LISTINGS, ids=lambda listing: listing.kind)
def test_a_listing_is_of_an_operation_that_boto3_has(listing: inventory.Listing) -> None:
    service = botocore.session.get_session().get_service_model(listing.service)
    operations = {xform_name(name): service.operation_model(name) for name in service.operation_names}
    output = operations[listing.operation].output_shape
    assert output
    assert listing.ids.partition("[")[0] in output.members


def test_no_kind_is_listed_twice() -> None:
    kinds = [listing.kind for listing in inventory.LISTINGS]
    assert len(kinds) == len(set(kinds))
