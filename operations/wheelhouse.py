"""Fills the place from which a team's notebook instances install their libraries, which have no internet."""

import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from environments import Environment
from environments.coherence import share_identifier
from operations.errors import InputError
from trainyard.prefixes import packages

PYTHON = "3.10"
"""Of the kernels on a notebook instance (AWS docs sagemaker/latest/dg/nbi-al2023.html)."""

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any")
"""What runs on Amazon Linux 2023, newest first."""

KERNEL = "ipykernel"
"""Without it an environment is no kernel."""


def fill(environment: Environment, team: str, requirements: Path, python: str, session: boto3.Session) -> str:
    """Downloads the wheels of a requirements file and its dependencies, and uploads both for ``team``.

    Args:
        environment: the environment, which must be deployed.
        team: the team's name.
        requirements: the requirements file.
        python: the version of Python that will install it, such as 3.10.
        session: the session of the environment's region.

    Returns:
        One line that says what lies where.

    Raises:
        InputError: for an unknown team, a file that pip cannot satisfy, or an environment that is not there.
    """
    known = [each.name for each in environment.teams]
    if team not in known:
        raise InputError(f"team: {team!r}: must be one of the teams of {environment.name}: {', '.join(known)}")
    if not requirements.is_file():
        raise InputError(f"requirements: '{requirements}': must be a file")
    with tempfile.TemporaryDirectory() as folder:
        wheels = download(requirements, Path(folder), python)
        try:
            outputs = _outputs(session, environment)
            bucket = outputs["ArtifactsBucket"]
            # A team with a key of its own must name it; the bucket knows the key of all others.
            key = outputs.get(f"KeyOf{share_identifier(team)}")
            named = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
            new = _upload(session, bucket, packages(team), requirements, wheels, named)
        except (BotoCoreError, ClientError) as error:
            raise InputError(f"{environment.name}: {error}") from None
    return f"s3://{bucket}/{packages(team)}: requirements.txt and {len(wheels)} wheels, {new} of them new"


def download(requirements: Path, folder: Path, python: str) -> list[Path]:
    """The wheels of a requirements file, for the notebook's Python and not for this one.

    Raises:
        InputError: when pip does not find them all, with pip's reason.
    """
    result = subprocess.run(  # noqa: S603 (pip of our own environment)
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--only-binary=:all:", "--implementation=cp", f"--python-version={python}"),
            *(f"--platform={platform}" for platform in PLATFORMS),
            *("--dest", str(folder), "--requirement", str(requirements)),
            *([] if "--hash=" in requirements.read_text() else [KERNEL]),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        reasons = [line.removeprefix("ERROR: ") for line in result.stderr.splitlines() if line.startswith("ERROR: ")]
        raise InputError(f"{requirements}: {(reasons or [result.stderr.strip()])[-1]}")
    wheels = sorted(folder.glob("*.whl"))
    if not any(wheel.name.startswith(f"{KERNEL}-") for wheel in wheels):
        raise InputError(f"{requirements}: must list {KERNEL}, with its hashes, like all else")
    return wheels


def _outputs(session: boto3.Session, environment: Environment) -> dict[str, str]:
    """What the Data stack tells others, by name."""
    name = f"trainyard-{environment.name}-data"
    (stack,) = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def _upload(
    session: boto3.Session, bucket: str, prefix: str, requirements: Path, wheels: list[Path], named: dict[str, str]
) -> int:
    """Puts what is not there yet, the requirements last: instances begin with them. How many wheels were new."""
    s3 = session.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/wheels/")
    there = {each["Key"].rpartition("/")[2] for page in pages for each in page.get("Contents", [])}
    new = [wheel for wheel in wheels if wheel.name not in there]
    for wheel in new:
        s3.upload_file(str(wheel), bucket, f"{prefix}/wheels/{wheel.name}", ExtraArgs=named)
    s3.upload_file(str(requirements), bucket, f"{prefix}/requirements.txt", ExtraArgs=named)
    return len(new)
