"""What makes the CDK CLI and boto3 talk to an endpoint of one's own, and to nothing else."""

import ipaddress
import os
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from operations.errors import InputError

KEY = "local"
"""The access key and the secret: nobody checks them."""

NOWHERE = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "CDK_DISABLE_CLI_TELEMETRY": "true",
}
"""Where no AWS is wanted at all: without keys, programs ask nobody."""

_THEIRS = ("AWS_", "CDK_", "MOTO_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
# What may be set in the shell of somebody who runs eval, whether or not it is in this process.
_UNSET = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")


def is_loopback(endpoint: str) -> bool:
    """Whether an endpoint is on this machine: by its address, as name servers may say anything."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def for_endpoint(endpoint: str, region: str) -> dict[str, str]:
    """The environment variables of an endpoint of one's own, with keys that no AWS takes.

    Raises:
        InputError: for an endpoint that is not loopback.

    Source: AWS docs sdkref/latest/guide/feature-ss-endpoints.html, settings-reference.html
    """
    if not is_loopback(endpoint):
        raise InputError(f"endpoint: {endpoint!r}: must be loopback, as http://127.0.0.1:4566")
    return {
        **NOWHERE,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "NO_PROXY": "127.0.0.1,localhost,::1",
        "no_proxy": "127.0.0.1,localhost,::1",
    }


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment with nothing in it that says which AWS, which keys or which way there."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(_THEIRS) and name.lower() not in _PROXIES
    }


def exports(settings: Mapping[str, str], present: Iterable[str]) -> str:
    """Settings for a shell's ``eval``, which may join the lines; of ``present``, other settings of AWS's go."""
    gone = {name for name in present if name.startswith("AWS_")} | set(_UNSET)
    lines = [f"unset {name};" for name in sorted(gone - set(settings))]
    return "\n".join(lines + [f"export {name}='{value}';" for name, value in settings.items()])
