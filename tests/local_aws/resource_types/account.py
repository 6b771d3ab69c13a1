"""An account in which the tests make resources."""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from moto import mock_aws

from local_aws import services
from local_aws.clients import Clients
from local_aws.clock import VirtualClock
from local_aws.front import Front
from local_aws.moto_fixes import fixed
from local_aws.resource_types import Made, Request, ResourceType, find

ACCOUNT, REGION = "123456789012", "eu-west-1"

CASES: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "cases.yaml").read_text())


@dataclass
class Account:
    """An account with the services of moto and ours."""

    clients: Clients
    made: dict[str, Made] = field(default_factory=dict)

    def request(self, properties: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> Request:
        """A request about a resource called ``Thing`` of the stack ``stack``."""
        stack_id = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/stack/1"
        return Request("Thing", "stack", stack_id, ACCOUNT, REGION, self.filled(properties), tags or {}, self.clients)

    def make(self, type_name: str, properties: Mapping[str, Any]) -> Made:
        """Makes a resource."""
        return kind(type_name).create(self.request(properties))

    def need(self, case: Mapping[str, Any]) -> None:
        """Makes what a case needs."""
        for name, needed in case.get("needs", {}).items():
            ((type_name, properties),) = needed.items()
            self.made[name] = self.make(type_name, properties)
        if "upload" in case:
            bucket, key = self.filled(case["upload"])
            self.clients.client("s3").put_object(Bucket=bucket, Key=key, Body=_archive())

    def filled(self, value: Any) -> Any:
        """A value of a case with what was made in place of ``${name}`` and ``${name.Attribute}``."""
        if isinstance(value, Mapping):
            return {key: self.filled(each) for key, each in value.items() if each is not None}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        return re.sub(r"\$\{(\w+)\.?([\w.]*)\}", self._found, value) if isinstance(value, str) else value

    def _found(self, match: re.Match[str]) -> str:
        made = self.made[match[1]]
        return str(made.attributes[match[2]]) if match[2] else made.physical_id


@contextmanager
def account(front: Front | None = None) -> Iterator[Account]:
    """An empty account, behind a front of its own."""
    front, clock = front or Front(), VirtualClock()
    services.install(front, clock)
    with mock_aws(), fixed(front), front.installed():
        yield Account(Clients(REGION, clock))


def kind(type_name: str) -> ResourceType:
    """The resource type of that name."""
    found = find(type_name)
    assert found is not None, type_name
    return found


def _archive() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.txt", "a")
    return made.getvalue()
