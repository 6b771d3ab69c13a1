"""Where a demonstration goes, and the guard that it goes nowhere else."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from environments import Environment, load
from environments.loading import FOLDER
from operations.errors import InputError
from operations.local.settings import for_endpoint, is_loopback, without_aws

AWS = "aws"
"""What stands for AWS's own endpoints."""


@dataclass(frozen=True)
class Target:
    """What is deployed, and where to.

    Args:
        file: the environment file.
        environment: what it says.
        endpoint: where AWS is; None for a local AWS that is started for it.
    """

    file: Path
    environment: Environment
    endpoint: str | None

    def variables(self, endpoint: str, home: Path, present: Mapping[str, str]) -> dict[str, str]:
        """The environment variables for programs that talk to ``endpoint``, from those that are ``present``.

        On this machine nothing of the user's settings counts: no profile, no keys, no file in the home folder.
        """
        region = self.environment.region
        if endpoint != AWS and is_loopback(endpoint):
            return without_aws(present) | for_endpoint(endpoint, region) | {"HOME": str(home)}
        kept = {name: value for name, value in present.items() if not name.startswith("AWS_ENDPOINT_URL")}
        named = {} if endpoint == AWS else {"AWS_ENDPOINT_URL": endpoint}
        return kept | named | {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}


def target_of(
    name: str, folder: Path, *, endpoint: str | None = None, account: str | None = None, known: str | None = None
) -> Target:
    """The target that somebody asks for.

    Args:
        name: of an environment file, or its path.
        folder: for a copy of the file, when the account is not the file's.
        endpoint: a URL, or ``aws``.
        account: the account to take instead of the file's.
        known: the account that they say is not local.

    Raises:
        InputError: when the endpoint is not on this machine, and they do not say that they know.
        EnvironmentFileError: for a file that cannot be used.
    """
    environment = load(name)
    file = (Path(name) if name.endswith((".yaml", ".yml")) or os.sep in name else FOLDER / f"{name}.yaml").resolve()
    if account and account != environment.account:
        copy = folder / f"{environment.name}.yaml"
        copy.write_text(re.sub(r"(?m)^account:.*$", f'account: "{account}"', file.read_text()))
        file, environment = copy, load(str(copy))
    if endpoint and (endpoint == AWS or not is_loopback(endpoint)) and known != environment.account:
        raise InputError(
            f"endpoint: {endpoint!r}: is not on this machine: to deploy to account {environment.account} "
            f"and destroy it there, say --i-know-this-is-not-local {environment.account}"
        )
    return Target(file, environment, endpoint)
