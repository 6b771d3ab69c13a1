"""Python Lambda functions, run in a process of their own: the code that Lambda has, once for each call."""

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import LambdaFunction, lambda_backends

RUNNER = Path(__file__).with_name("lambda_runner.py")
NOWHERE = "http://127.0.0.1:1"
"""An endpoint where nobody answers: what a function calls when no server serves the local AWS, never AWS itself."""


class CannotRunError(Exception):
    """A function, or a custom resource, that does not run here, and why."""


@dataclass(frozen=True)
class Function:
    """A function as Lambda has it.

    Args:
        arn: its ARN.
        handler: module and function, as ``index.handler``.
        runtime: as ``python3.12``.
        timeout: the seconds it gets.
        memory: its megabytes.
        environment: its environment variables.
        code: its archive.
        layers: the archives of its layers.
    """

    arn: str
    handler: str
    runtime: str
    timeout: float
    memory: int
    environment: Mapping[str, str]
    code: bytes
    layers: tuple[bytes, ...] = ()

    @property
    def name(self) -> str:
        """Its name."""
        return self.arn.split(":")[6]


@dataclass(frozen=True)
class Outcome:
    """What came of a call.

    Args:
        returned: what the handler returned.
        answer: what it sent to its ``ResponseURL``, if it did.
        error: why it failed, as Lambda says it.
    """

    returned: Any = None
    answer: Any = None
    error: str | None = None


def find(arn: str) -> Function:
    """The function of an ARN.

    Raises:
        CannotRunError: when there is none, or it is an image.
    """
    try:
        _, _, service, region, account, kind, *_ = arn.split(":")
        if (service, kind) != ("lambda", "function"):
            raise CannotRunError(f"{arn} is no Lambda function")
        found = lambda_backends[account][region].get_function(arn)
    except (ValueError, UnknownFunctionException) as error:
        raise CannotRunError(f"there is no Lambda function {arn}") from error
    if found.package_type == "Image":
        raise CannotRunError(f"its Lambda function {found.function_name} is a container image")
    if not found.code_bytes:
        raise CannotRunError(f"the code of its Lambda function {found.function_name} is not there")
    return Function(
        arn=arn,
        handler=str(found.handler),
        runtime=str(found.run_time),
        timeout=int(found.timeout),
        memory=int(found.memory_size),
        environment={key: str(value) for key, value in (found.environment_vars or {}).items()},
        code=found.code_bytes,
        layers=_layers(found, account, region),
    )


def _layers(function: LambdaFunction, account: str, region: str) -> tuple[bytes, ...]:
    versions = (lambda_backends[account][region].layers_versions_by_arn(layer["Arn"]) for layer in function.layers)
    return tuple(version.code_bytes for version in versions if version)


def invoke(function: Function, event: Mapping[str, Any], endpoint: str | None) -> Outcome:
    """Runs a function in a process of its own; that process and its files are gone afterwards.

    Args:
        function: the function.
        event: what its handler gets; its ``ResponseURL`` is made here.
        endpoint: where the function reaches the local AWS, if a server serves it.

    Raises:
        CannotRunError: when it is not in Python.
    """
    if not function.runtime.startswith("python"):
        raise CannotRunError(f"its Lambda function {function.name} runs {function.runtime}, and only Python runs here")
    with tempfile.TemporaryDirectory(prefix="lambda-") as folder:
        paths = _unpack(function, Path(folder))
        request = {
            "name": function.name,
            "arn": function.arn,
            "handler": function.handler,
            "memory": function.memory,
            "timeout": function.timeout,
            "request": str(uuid.uuid4()),
            "path": paths,
            "event": event,
        }
        return _run(function, json.dumps(request), Path(folder), _environment(function, folder, endpoint))


def _unpack(function: Function, folder: Path) -> list[str]:
    code = folder / "code"
    zipfile.ZipFile(io.BytesIO(function.code)).extractall(code)
    layers = []
    for number, layer in enumerate(function.layers):
        zipfile.ZipFile(io.BytesIO(layer)).extractall(folder / f"layer-{number}")
        layers.append(str(folder / f"layer-{number}" / "python"))
    (folder / "tmp").mkdir()
    return [str(code), *layers]


def _environment(function: Function, folder: str, endpoint: str | None) -> dict[str, str]:
    region = function.arn.split(":")[3]
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": folder,
        "TMPDIR": str(Path(folder) / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "LAMBDA_TASK_ROOT": f"{folder}/code",
        "_HANDLER": function.handler,
        # No function of a local AWS may choose another one.
        **{key: value for key, value in function.environment.items() if "ENDPOINT_URL" not in key},
        "AWS_ENDPOINT_URL": endpoint or NOWHERE,
    }


def _run(function: Function, request: str, folder: Path, environment: dict[str, str]) -> Outcome:
    outcome = folder / "outcome.json"
    process = subprocess.Popen(  # noqa: S603 (our own program, and the user's own function)
        [sys.executable, "-P", str(RUNNER), str(outcome)],
        cwd=folder / "code",
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        process.communicate(request, timeout=function.timeout)
    except subprocess.TimeoutExpired:
        return Outcome(error=f"Task timed out after {function.timeout:.2f} seconds")
    finally:
        # What the function started ends with it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if not outcome.exists():
        return Outcome(error=f"Runtime exited with error: exit status {process.returncode}")
    return Outcome(**json.loads(outcome.read_text()))
