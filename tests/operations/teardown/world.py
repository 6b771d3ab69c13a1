"""An account in which an environment is taken away, and much that is not its own.

A second environment, things of nobody's, and things that look as if they were the environment's.
"""

import json
import os
import re
import signal
import traceback
import warnings
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

from rich.console import Console

from environments.loading import parse
from local_aws import LocalAws
from local_aws.clock import Clock
from local_aws.cloudformation import graph
from operations.errors import InputError
from operations.local.leftovers import HOUR
from operations.teardown import connect, runs, schedule, together
from operations.teardown.journal import Journal
from operations.teardown.lock import HeldError
from operations.teardown.options import Options
from operations.teardown.policy import Policy, Volumes
from operations.teardown.volumes import MARKER, NOTEBOOKS, SPACES
from tests.operations.teardown.account import TEAM, Account, leftovers
from tests.operations.teardown.described import Described, described
from tests.support import Assembly, Json, synthesize, text_of
from tools.teardown_session import AtOnce

SECOND = "local-2"
"""An environment whose stacks have names that begin as those of ``local`` do."""
REST = 96 * HOUR
"""After which everything that goes on by itself has come to rest, whatever was done in the account."""

BACK_UP = Policy({NOTEBOOKS: Volumes.BACK_UP, SPACES: Volumes.DISCARD})
DISCARD = Policy({NOTEBOOKS: Volumes.DISCARD, SPACES: Volumes.DISCARD})
KEEP = Policy({NOTEBOOKS: Volumes.KEEP, SPACES: Volumes.KEEP})

KEEPING: Json = {
    "data.keep_after_teardown": True,
    "notebooks": {"backup": True},
    "lustre.0.data_repository_associations.0.export_events": ["NEW", "CHANGED", "DELETED"],
}
"""Changes to ``local`` with which data is kept, exported and backed up."""

Client = Callable[[str], Any]


@dataclass(frozen=True)
class Ran:
    """How a run ended, and what it printed."""

    code: int
    told: str


@dataclass(frozen=True)
class World:
    """The account.

    Args:
        account: the environment that is taken away, and where it is.
        folder: a folder for journals.
        foreign: what is told of that is not the environment's, and not in it.
        since: when the environment was whole: what is stamped from then on is stamped otherwise in each test.
    """

    account: Account
    folder: Path
    foreign: frozenset[tuple[str, str]]
    since: datetime

    def run(self, options: Options, journal: Journal, client: Client | None = None, clock: Clock | None = None) -> Ran:
        """A run as the program makes it, in one thread: its exit code, also for what the program makes codes of."""
        told = StringIO()
        account = connect.Account(
            self.account.environment,
            client or self.client,
            clock or self.account.aws.clock,
            "arn:aws:iam::111111111111:user/me",
        )
        with at_once():
            try:
                code = runs.run(account, journal, options, Console(file=told, width=240), input)
            except InputError as error:
                code = 2
                told.write(f"{error}\n")
            except HeldError as error:
                code = 3
                told.write(f"{error}\n")
        return Ran(code, told.getvalue())

    def client(self, service: str) -> Any:
        """A boto3 client for which instances back themselves up."""
        return _BackingUp(service, self.account.aws)

    def at_rest(self) -> Described:
        """All that is told of what is there once nothing moves any more, at the same moment in each test."""
        clock = self.account.aws.clock
        clock.sleep(REST - clock.now())
        return described(self.account.client, self.since)


def left_in(folder: Path) -> list[Json]:
    """What was left at the end of the last run whose journal is in a folder."""
    files = sorted(folder.glob("*.jsonl"), key=lambda file: file.stat().st_mtime_ns)
    entries = [entry for file in files for entry in Journal(file).entries()]
    return next(entry["left"] for entry in reversed(entries) if "left" in entry)


@contextmanager
def world(folder: Path, changes: Json | None = None, *, second: bool = True, threads: bool = False) -> Iterator[World]:
    """An account with the environment ``local``, with some changes.

    Args:
        folder: an empty folder.
        changes: as ``text_of`` takes them.
        second: whether the second environment is there, with what people left in it.
        threads: whether CloudFormation does several things at a time. moto is not made for that: one deployment in a
            hundred loses a resource.
    """
    ours = synthesize(parse(text_of("local", changes), "local.yaml"), folder / "ours")
    with of_assembly(ours, folder, _second(folder) if second else None, threads=threads) as made:
        yield made


@contextmanager
def of_assembly(
    ours: Assembly, folder: Path, second: Assembly | None = None, *, threads: bool = False
) -> Iterator[World]:
    """The same, of an environment that is synthesised."""
    environment = ours.environment
    # Snapshots of Amazon's images are more than all else in an account.
    with (
        patch.dict(os.environ, {"MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}),
        nullcontext() if threads else patch.object(graph, "ThreadPoolExecutor", AtOnce),
        LocalAws(account=environment.account, region=environment.region) as aws,
    ):
        account = Account(aws, environment, ours.folder, folder / "journal.jsonl")
        if second:
            account.bootstrap(second.folder)
            account.deploy(second.folder)
            leftovers(account, account.place(second.environment.name))
        leftovers(account, account.nobodys)
        strange(account)
        foreign = frozenset(described(account.client, datetime.now(UTC)))
        account.bootstrap(ours.folder)
        account.deploy(ours.folder)
        yield World(account, folder, foreign, datetime.now(UTC))


def _second(folder: Path) -> Assembly:
    return synthesize(parse(text_of("local", {"name": SECOND}), "second.yaml"), folder / "second")


def strange(account: Account) -> None:
    """Makes things of nobody's that are called as the environment's are, or stand where they do."""
    here = {"LocationConstraint": account.environment.region}
    account.client("s3").create_bucket(Bucket="trainyard-local-somebodys", CreateBucketConfiguration=here)
    account.client("s3").put_object(Bucket="trainyard-local-somebodys", Key="a", Body=b"a")
    for name in ("/aws/sagemaker/TrainingJobs", "/aws/batch/job", "trainyard-local-somebodys"):
        account.client("logs").create_log_group(logGroupName=name)
    account.client("ssm").put_parameter(Name="/trainyard/local-2/somebodys", Value="a", Type="String")
    account.client("kms").create_key(Tags=[{"TagKey": "Environment", "TagValue": "local"}])
    account.client("ecr").create_repository(repositoryName="trainyard-local-somebodys")
    account.client("efs").create_file_system(CreationToken="somebodys")
    account.client("ec2").create_volume(AvailabilityZone=f"{account.environment.region}a", Size=10)
    for name, tag in (("trainyard-local-named", "somebodys"), ("tagged", "local")):
        template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}}}}
        account.client("cloudformation").create_stack(
            StackName=name, TemplateBody=json.dumps(template), Tags=[{"Key": "Environment", "Value": tag}]
        )


def with_backups(account: Account) -> None:
    """Makes the instance that somebody left in the environment one that backs itself up, as its own do."""
    sagemaker = account.client("sagemaker")
    name = {"NotebookInstanceName": f"{account.ours.name}-thing"}
    before = sagemaker.describe_notebook_instance(**name)
    (script, *_) = account.ids(
        f"trainyard-{account.ours.name}-team-{TEAM}", "SageMaker::NotebookInstanceLifecycleConfig"
    )
    again = {each: before[each] for each in ("InstanceType", "RoleArn")}
    for call, arguments in (
        (sagemaker.stop_notebook_instance, name),
        (sagemaker.delete_notebook_instance, name),
        (sagemaker.create_notebook_instance, {**name, **again, "LifecycleConfigName": script.rpartition("/")[2]}),
    ):
        account.passes(HOUR / 12)
        call(**arguments)
    account.passes(HOUR / 12)


@contextmanager
def at_once() -> Iterator[None]:
    """Steps of a run go on one after the other, in one thread: in the same order each time, and a fork takes all."""
    with patch.object(schedule, "ThreadPoolExecutor", AtOnce), patch.object(together, "ThreadPoolExecutor", AtOnce):
        yield


class _BackingUp:
    """A client for whom instances back themselves up when they are started, as their lifecycle configurations would."""

    def __init__(self, service: str, aws: LocalAws) -> None:
        self._client, self._aws = aws.client(service), aws

    def __getattr__(self, operation: str) -> Any:
        if operation != "start_notebook_instance":
            return getattr(self._client, operation)

        def start(**arguments: Any) -> Any:
            answer = self._client.start_notebook_instance(**arguments)
            self._back_up(arguments["NotebookInstanceName"])
            return answer

        return start

    def _back_up(self, name: str) -> None:
        sagemaker = self._aws.client("sagemaker")
        config = sagemaker.describe_notebook_instance(NotebookInstanceName=name)["NotebookInstanceLifecycleConfigName"]
        hooks = sagemaker.describe_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName=config)
        (script,) = (b64decode(each["Content"]).decode() for each in hooks["OnStart"])
        folder = re.search(r"^TRAINYARD_BACKUP='s3://([^/]+)/([^']+)'$", script, re.MULTILINE)
        assert folder
        marker = {"started": str(self._aws.clock.now()), "exit_code": 0}
        self._aws.client("s3").put_object(
            Bucket=folder[1], Key=f"{folder[2]}/{name}/{MARKER}", Body=json.dumps(marker).encode()
        )


def in_child(work: Callable[[], Any]) -> Any:
    """What some work returns, as JSON, done in a copy of this process: whatever it changes is as before afterwards."""
    child = Child()
    if child.is_here:
        child.end(work)
    return child.result()


class Child:
    """A copy of this process. In the copy ``is_here`` is true, and it goes on from there until ``end``.

    Only its own thread goes on in it, so that what other threads hold at that moment is held for ever: those of pytest
    and jsii hold nothing that an account is made of.
    """

    def __init__(self) -> None:
        self.reads, self._writes = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self._id = os.fork()
        self.is_here = not self._id
        if not self.is_here:
            os.close(self._writes)

    def end(self, work: Callable[[], Any]) -> NoReturn:
        """Does some work, says what it returns, and ends without what the original does at its end."""
        try:
            said = {"returned": work()}
        except BaseException:  # noqa: BLE001 (whoever waits for the copy gets it)
            said = {"raised": traceback.format_exc()}
        with os.fdopen(self._writes, "w") as pipe:
            json.dump(said, pipe, default=str)
        os._exit(0)

    def kill(self) -> None:
        """Ends it at once, with SIGKILL."""
        os.kill(self._id, signal.SIGKILL)
        os.waitpid(self._id, 0)
        os.close(self.reads)

    def result(self) -> Any:
        """What was said at its end.

        Raises:
            AssertionError: when that failed, with its traceback.
        """
        with os.fdopen(self.reads) as pipe:
            text = pipe.read()
        _, status = os.waitpid(self._id, 0)
        assert text, f"it ended with {status} and said nothing"
        said = json.loads(text)
        assert "raised" not in said, said["raised"]
        return said["returned"]
