"""Fills the place from which a team's notebook instances install their libraries, which have no internet."""

import json
import re
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

PLATFORMS = (*(f"manylinux_2_{minor}_x86_64" for minor in range(34, 4, -1)), "manylinux2014_x86_64", "any")
"""What runs on Amazon Linux 2023, newest first: it has glibc 2.34, and pip looks for these tags and no others.

Source: AWS docs linux/al2023/ug/core-glibc.html
"""

# pip picks wheels for another Python, but asks its own which dependencies there are, so it leaves out what only the
# other one needs (https://github.com/pypa/pip/issues/13296). In the first argument: what to answer.
PIP = """
import json, sys
from pip._vendor.packaging import markers
here, there = markers.default_environment, json.loads(sys.argv.pop(1))
markers.default_environment = lambda: {**here(), **there}
from pip._internal.cli.main import main
sys.exit(main())
"""

KERNEL = "ipykernel"
"""Without it an environment is no kernel."""

TOOLS = Path(__file__).parent.parent / "lifecycle_scripts" / "notebook" / "job" / "tools.txt"
"""What a notebook builds environments with, for PYTHON."""

LOCKS = (".conda-lock.yml", ".conda-lock.yaml")
CONDA = (".yml", ".yaml")
SUBDIRS = ("linux-64", "noarch")
PACKAGES = (".conda", ".tar.bz2")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def fill(
    environment: Environment,
    team: str,
    spec: Path,
    python: str,
    session: boto3.Session,
    *,
    name: str = "",
    channel: Path | None = None,
) -> str:
    """Uploads what an environment of ``team`` is built from: its spec, what that needs, and the tools that build.

    Args:
        environment: the environment, which must be deployed.
        team: the team's name.
        spec: a requirements file, whose wheels are downloaded, or an environment.yml or lock file of conda.
        python: the version of Python that will install the wheels, such as 3.10.
        session: the session of the environment's region.
        name: of a further environment; without it, a requirements file is the team's own.
        channel: a folder with a copy of a conda channel (noarch/, linux-64/), which is uploaded too.

    Returns:
        One line that says what lies where.

    Raises:
        InputError: for an unknown team, a name or file that does not fit, wheels that pip does not find, or an
            environment that is not there.
    """
    known = [each.name for each in environment.teams]
    if team not in known:
        raise InputError(f"team: {team!r}: must be one of the teams of {environment.name}: {', '.join(known)}")
    key = spec_key(spec, name)
    if channel and not (channel / "noarch" / "repodata.json").is_file():
        raise InputError(f"channel: '{channel}': must be a folder with noarch/repodata.json")
    with tempfile.TemporaryDirectory() as folder:
        wheels = [] if key.endswith(CONDA) else download(spec, Path(folder) / "wheels", python)
        tools = _download_tools(Path(folder) / "tools")
        files = {f"wheels/{wheel.name}": wheel for wheel in wheels} | {f"tools/{tool.name}": tool for tool in tools}
        files |= _channel_files(channel) if channel else {}
        files[key] = Path(folder) / "spec"
        # Notebooks read them as they are, and an editor of Windows may have been there.
        files[key].write_bytes(spec.read_bytes().replace(b"\r\n", b"\n"))
        try:
            outputs = _outputs(session, environment)
            bucket = outputs["ArtifactsBucket"]
            # A team with a key of its own must name it; the bucket knows the key of all others.
            own_key = outputs.get(f"KeyOf{share_identifier(team)}")
            named = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": own_key} if own_key else {}
            new = _upload(session, bucket, packages(team), files, named)
        except (BotoCoreError, ClientError) as error:
            raise InputError(f"{environment.name}: {error}") from None
    return f"s3://{bucket}/{packages(team)}: {key} and {len(files) - 1} files, {new} of them new"


def spec_key(spec: Path, name: str) -> str:
    """Where a spec lies in the team's folder.

    Raises:
        InputError: for a file or a name that notebooks would not find there.
    """
    if not spec.is_file():
        raise InputError(f"requirements: '{spec}': must be a file")
    if name and not NAME.fullmatch(name):
        raise InputError(f"name: {name!r}: must be letters, digits, '.', '_' and '-', the first a letter or digit")
    ending = next((each for each in (*LOCKS, *CONDA) if spec.name.endswith(each)), ".txt")
    if not name and ending != ".txt":
        raise InputError(f"name: an environment of conda must have one, such as --name {spec.name.split('.')[0]}")
    return f"environments/{name}{ending}" if name else "requirements.txt"


def download(requirements: Path, folder: Path, python: str) -> list[Path]:
    """The wheels of a requirements file, for the notebook's Python and not for this one.

    Raises:
        InputError: when pip does not find them all, with pip's reason.
    """
    kernel = [] if "--hash=" in requirements.read_text() else [KERNEL]
    wheels = _pip_download(folder, python, "--requirement", str(requirements), *kernel)
    if not any(wheel.name.startswith(f"{KERNEL}-") for wheel in wheels):
        raise InputError(f"{requirements}: must list {KERNEL}, with its hashes, like all else")
    return wheels


def _download_tools(folder: Path) -> list[Path]:
    return _pip_download(folder, PYTHON, "--no-deps", "--require-hashes", "--requirement", str(TOOLS))


def _pip_download(folder: Path, python: str, *options: str) -> list[Path]:
    there = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": python if python.count(".") == 2 else f"{python}.99",
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": "linux",
    }
    result = subprocess.run(  # noqa: S603 (pip of our own environment)
        [
            *(sys.executable, "-c", PIP, json.dumps(there), "download", "--quiet", "--disable-pip-version-check"),
            *("--only-binary=:all:", "--implementation=cp", f"--python-version={python}"),
            *(f"--platform={platform}" for platform in PLATFORMS),
            *("--dest", str(folder), *options),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        reasons = [line.removeprefix("ERROR: ") for line in result.stderr.splitlines() if line.startswith("ERROR: ")]
        file = options[options.index("--requirement") + 1]
        raise InputError(f"{file}: {(reasons or [result.stderr.strip()])[-1]}")
    return sorted(folder.glob("*.whl"))


def _channel_files(channel: Path) -> dict[str, Path]:
    """Of a copy of a channel, its index last: it names what must be there."""
    found = [file for subdir in SUBDIRS for file in sorted((channel / subdir).glob("*")) if file.is_file()]
    found = [file for file in found if file.name.endswith(PACKAGES)] + [
        file for file in found if file.name == "repodata.json"
    ]
    return {f"channel/{file.parent.name}/{file.name}": file for file in found}


def _outputs(session: boto3.Session, environment: Environment) -> dict[str, str]:
    """What the Data stack tells others, by name."""
    name = f"trainyard-{environment.name}-data"
    (stack,) = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def _upload(session: boto3.Session, bucket: str, prefix: str, files: dict[str, Path], named: dict[str, str]) -> int:
    """Puts what is not there yet, in this order; specs and indexes always. How many of the others were new."""
    s3 = session.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    there = {each["Key"] for page in pages for each in page.get("Contents", [])}
    new = 0
    for name, file in files.items():
        key = f"{prefix}/{name}"
        stays = name.endswith((*PACKAGES, ".whl"))
        if not stays or key not in there:
            s3.upload_file(str(file), bucket, key, ExtraArgs=named)
            new += stays
    return new
