"""A server of the local AWS and the real CDK CLI, for tests that need both."""

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from environments.loading import ROOT
from operations.local.server import Running, Server
from operations.local.settings import KEY, for_endpoint, without_aws
from tests.support import Json

ACCOUNT = "111111111111"
REGION = "eu-west-1"

_numbers = itertools.count()


@pytest.fixture(scope="module")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that ends with the module's tests."""
    server = Server(tmp_path_factory.mktemp("server"))
    process = server.start(ACCOUNT, bound_to_us=True)
    yield process.wait()
    process.stop()


@dataclass(frozen=True)
class Project:
    """A CDK project whose assembly is written by hand, and the account that it is deployed to.

    Args:
        folder: holds the assembly.
        running: where the local AWS is.
        name: of its stack; no other test has one of that name.
    """

    folder: Path
    running: Running
    name: str = field(default_factory=lambda: f"stack-{next(_numbers)}")

    def write(self, resources: Json, outputs: Json | None = None, *, name: str = "", protected: bool = False) -> None:
        """Puts a stack into the assembly, in the place of one of that name."""
        name = name or self.name
        template = {"Resources": resources, "Outputs": outputs or {}}
        (self.folder / f"{name}.template.json").write_text(json.dumps(template))
        file = self.folder / "manifest.json"
        manifest: Json = json.loads(file.read_text()) if file.exists() else {"version": "36.0.0", "artifacts": {}}
        manifest["artifacts"][name] = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{ACCOUNT}/{REGION}",
            "properties": {"templateFile": f"{name}.template.json", "terminationProtection": protected},
        }
        file.write_text(json.dumps(manifest))

    def cdk(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs the CLI on the assembly; what it printed is all in ``stdout``."""
        return subprocess.run(
            ["cdk", *arguments, "--app", str(self.folder), "--no-notices", "--no-color", "--ci"],
            cwd=self.folder,
            env={
                **without_aws(os.environ),
                **for_endpoint(self.running.url, REGION),
                "HOME": str(self.folder),
                "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
                "NODE_NO_WARNINGS": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def deploy(self, name: str = "") -> "subprocess.CompletedProcess[str]":
        """Deploys a stack; the test says whether that works."""
        return self.cdk("deploy", name or self.name, "--require-approval", "never", "--progress", "events")

    def deployed(self, name: str = "") -> None:
        """Deploys a stack, which must work."""
        result = self.deploy(name)
        assert result.returncode == 0, result.stdout

    def client(self, service: str) -> Any:
        """A boto3 client of the account."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.running.url,
            region_name=REGION,
            aws_access_key_id=KEY,
            aws_secret_access_key=KEY,
            config=Config(proxies={}),
        )

    def status(self, name: str = "") -> str:
        """The status of a stack; nothing when there is none."""
        try:
            (stack,) = self.client("cloudformation").describe_stacks(StackName=name or self.name)["Stacks"]
        except ClientError as error:
            assert "does not exist" in str(error)  # noqa: PT017 (anything else is a failure)
            return ""
        return str(stack["StackStatus"])

    def physical_id(self, logical_id: str) -> str:
        """The id of a resource of the stack."""
        answer = self.client("cloudformation").describe_stack_resource(
            StackName=self.name, LogicalResourceId=logical_id
        )
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])


@pytest.fixture
def project(local_aws: Running, tmp_path: Path) -> Project:
    """An empty project."""
    return Project(tmp_path, local_aws)
