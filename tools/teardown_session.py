"""Records a session of ``teardown`` on the local AWS: ``python -m tools.teardown_session`` (docs/teardown-session.txt).

What differs from one recording to the next is written as if it did not: ids, dates, and the threads' order.
"""

import json
import re
import shlex
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import redirect_stderr, redirect_stdout
from graphlib import TopologicalSorter
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import app
from environments import load
from environments.loading import ROOT
from local_aws import LocalAws
from operations import __main__ as program
from operations.assembly import stacks_of
from operations.teardown import commands, connect, schedule, together

FILE = ROOT / "docs" / "teardown-session.txt"
ENVIRONMENT = "local"
DECIDED = "--notebook-volumes discard --space-volumes discard --discard-unexported"
SESSION = (
    "status local",
    "teardown plan local",
    f"teardown run local {DECIDED} --yes",
    f"teardown verify local {DECIDED.rpartition(' ')[0]}",
)
"""The words of each command."""

_EMPTY_ARCHIVE = b"PK\x05\x06" + bytes(18)
_QUALIFIER = "hnb659fds"

IDS = (
    (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "{:08}-0000-0000-0000-000000000000"),
    (r"(?<=plan )[0-9a-f]{12}\b", "{:012}"),
    (r"(?<=\bd-)[a-z0-9]{12}\b", "{:012}"),
    (r"(?<=\bvpc-)[0-9a-f]{17}\b", "{:017}"),
    (r"(?<=\bfs-)[0-9a-f]{17}\b", "{:017}"),
    (r"(?<=-)[A-Z0-9]{12}\b", "{:012}"),
    (r"(?<=-)(?=[a-z0-9]*\d)[a-z0-9]{12}\b", "{:012}"),
)
"""Ids as patterns, and what becomes of their number. They keep their length, as columns are as wide as they are."""


def recorded() -> str:
    """The text of the session."""
    with tempfile.TemporaryDirectory() as folder, LocalAws(account=load(ENVIRONMENT).account) as aws:
        _deploy(aws, Path(folder) / "cdk.out")
        _work(aws)
        parts = [f"$ python -m operations {words}\n{_told(aws, words, Path(folder))}" for words in SESSION]
    return _settled("\n".join(parts))


def _deploy(aws: LocalAws, assembly: Path) -> None:
    app.build(load(ENVIRONMENT), str(assembly)).synth()
    aws.client("ssm").put_parameter(Name=f"/cdk-bootstrap/{_QUALIFIER}/version", Value="30", Type="String")
    for file in assembly.glob("*.assets.json"):
        for asset in json.loads(file.read_text())["files"].values():
            for place in asset["destinations"].values():
                _publish(aws, place["bucketName"], place["objectKey"])
    stacks = {each.name: each for each in stacks_of(assembly)}
    for name in TopologicalSorter({each.name: each.after for each in stacks.values()}).static_order():
        aws.client("cloudformation").create_stack(
            StackName=name,
            TemplateBody=json.dumps(stacks[name].template),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Tags=[{"Key": "Environment", "Value": ENVIRONMENT}],
        )


def _publish(aws: LocalAws, bucket: str, key: str) -> None:
    s3 = aws.client("s3")
    if bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": aws.region})
    s3.put_object(Bucket=bucket, Key=key, Body=_EMPTY_ARCHIVE)


def _work(aws: LocalAws) -> None:
    """What people have left running."""
    sagemaker = aws.client("sagemaker")
    (domain,) = sagemaker.list_domains()["Domains"]
    for space in ("vision-1-private", "vision-shared"):
        sagemaker.create_app(DomainId=domain["DomainId"], SpaceName=space, AppType="JupyterLab", AppName="default")
    aws.clock.sleep(600)


def _told(aws: LocalAws, words: str, folder: Path) -> str:
    """What a command prints, and its exit code when it is not 0."""
    told = StringIO()
    arguments = ["operations", *shlex.split(words), "--journal", str(folder / "111111111111-local.jsonl")]
    with (
        patch.object(sys, "argv", arguments),
        patch.object(commands, "WallClock", lambda _rate: aws.clock),
        patch.object(connect, "clients", lambda _session: aws.client),
        patch.object(schedule, "ThreadPoolExecutor", AtOnce),
        patch.object(together, "ThreadPoolExecutor", AtOnce),
        redirect_stdout(told),
        redirect_stderr(told),
    ):
        code = program.main()
    lines = [line.rstrip() for line in told.getvalue().replace(str(folder), ".teardown").splitlines()]
    return "\n".join([*lines, *([f"(exit code {code})"] if code else []), ""])


def _settled(text: str) -> str:
    """The same text, whatever ids AWS gave and whatever day it is."""
    names: dict[str, str] = {}
    numbers = [count(1) for _ in IDS]

    def named(match: re.Match[str]) -> str:
        kind = (match.lastindex or 0) - 1
        if match[0] not in names:
            names[match[0]] = IDS[kind][1].format(next(numbers[kind]))
        return names[match[0]]

    text = re.sub("|".join(f"({pattern})" for pattern, _ in IDS), named, text)
    text = re.sub(r"\b20\d\d-\d\d-\d\d( \d\d:\d\d)?", lambda match: "2027-01-08" + (" 09:00" if match[1] else ""), text)
    return re.sub(r"\b20\d{6}T\d{6}\b", "20270101T090000", text)


class AtOnce(Executor):
    """Does work as soon as it gets it, in the thread of whoever gives it."""

    def __init__(self, _workers: int) -> None:
        """Takes what a pool of threads takes."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Does it, and gives how it ended."""
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments, **named))
        except Exception as error:  # noqa: BLE001 (whoever asks for the result gets it)
            future.set_exception(error)
        return future


if __name__ == "__main__":
    FILE.write_text(recorded())
