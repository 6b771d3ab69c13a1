"""The notebook instances of an environment: their states, and a newer platform in place, so that the volume stays.

CloudFormation would replace an instance whose platform changes in its template, with an empty volume.
Source: AWS docs sagemaker/latest/APIReference/API_UpdateNotebookInstance.html; sagemaker/latest/dg/nbi-al2023.html
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from environments import Environment
from operations.assembly import Json
from operations.deployed import RETRIES, template_of
from operations.errors import InputError

NEWEST = "notebook-al2023-v1"
"""What SageMaker gives a new instance. botocore knows a newer one, of which AWS's guide says nothing yet."""

PLATFORM = re.compile(r"notebook-al(?P<system>1|2|2023)-v(?P<version>\d+)")

KEPT = (
    *("CreationTime", "DirectInternetAccess", "InstanceType", "KmsKeyId", "NotebookInstanceLifecycleConfigName"),
    *("RoleArn", "RootAccess", "SecurityGroups", "SubnetId", "VolumeSizeInGB"),
)
"""What an upgrade leaves as it is; another time of creation would be another instance."""

PASSING = ("Pending", "Stopping", "Updating", "PendingMaintenance", "InMaintenance")
POLL_SECONDS = 15
MOST_POLLS = 240
"""An hour; AWS's own waiters give up after half of one."""

MARK = "trainyard:start-after-upgrade"
"""A tag of an instance that ran when its upgrade began, so that a second attempt knows it too."""


class UpgradeError(Exception):
    """An upgrade that did not come to its end; ``str()`` says why, and what to do."""


@dataclass(frozen=True)
class Notebook:
    """A notebook of the environment file.

    Args:
        team: its team's name.
        name: its name in the team.
    """

    team: str
    name: str

    def __str__(self) -> str:
        return f"{self.team}/{self.name}"


def find(environment: Environment, name: str, team: str | None = None) -> Notebook:
    """The notebook of that name.

    Raises:
        InputError: when there is none, or several and ``team`` is not given.
    """
    known = list(_notebooks(environment))
    found = [each for each in known if each.name == name and team in (None, each.team)]
    if not found:
        names = ", ".join(str(each) for each in known) or "none"
        wanted = f"{team}/{name}" if team else name
        raise InputError(f"notebook: {wanted!r}: must be one of {environment.name}, which are {names}")
    if len(found) > 1:
        teams = ", ".join(each.team for each in found)
        raise InputError(f"notebook: {name!r}: teams {teams} have one of that name: say which with --team")
    return found[0]


def listed(environment: Environment, session: boto3.Session) -> str:
    """A line for each notebook of the environment file: team, name, state, platform, instance type."""
    instances = _Instances(environment, session)
    rows = [("team", "notebook", "state", "platform", "instance type")]
    try:
        for each in _notebooks(environment):
            physical = instances.name(each)
            found = instances.described(physical) if physical else {}
            state = found.get("NotebookInstanceStatus", "gone" if physical else "not deployed")
            rows.append(
                (each.team, each.name, state, found.get("PlatformIdentifier", "-"), found.get("InstanceType", "-"))
            )
    except (BotoCoreError, ClientError) as error:
        raise InputError(f"{environment.name}: {error}") from None
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def upgrade(
    environment: Environment,
    notebook: Notebook,
    platform: str,
    session: boto3.Session,
    *,
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Stops a notebook instance if it runs, changes its platform, and starts it again if it ran.

    Every step is chosen by the state that the instance is in, so that a second attempt goes on where one ended.

    Args:
        environment: the environment, which must be deployed.
        notebook: the notebook, as ``find`` gives it.
        platform: the platform, such as notebook-al2023-v1.
        session: the session of the environment's region.
        say: takes a line for each step.
        sleep: waits that many seconds.

    Raises:
        InputError: for a platform that is unknown or older, an instance that is not there, and what AWS refuses.
        UpgradeError: when the instance fails, takes too long, or is not what it was.
    """
    try:
        instances = _Instances(environment, session)
        _check_known(platform, instances.platforms())
        physical = instances.name(notebook)
        if not physical:
            raise InputError(f"{notebook}: not deployed in {environment.name}: make deploy")
        _Upgrade(instances, physical, platform, say=say, sleep=sleep).run()
    except (BotoCoreError, ClientError) as error:
        raise InputError(f"{notebook}: {error}") from None


def _notebooks(environment: Environment) -> Iterator[Notebook]:
    for team in environment.teams:
        for each in team.notebooks:
            yield Notebook(team.name, each.name)


def _check_known(platform: str, known: list[str]) -> None:
    if platform not in known:
        raise InputError(f"to: {platform!r}: must be a platform on Amazon Linux 2023: {', '.join(known)}")


def _age(platform: str) -> tuple[int, int]:
    """For comparison: the higher, the newer."""
    found = PLATFORM.fullmatch(platform)
    if not found:
        raise InputError(f"PlatformIdentifier: {platform!r}: must be a platform such as {NEWEST}")
    return int(found["system"]), int(found["version"])


class _Instances:
    """SageMaker's side of the notebooks."""

    def __init__(self, environment: Environment, session: boto3.Session) -> None:
        self._environment = environment
        self._cloudformation = session.client("cloudformation", config=RETRIES)
        self.sagemaker: Any = session.client("sagemaker", config=RETRIES)

    def platforms(self) -> list[str]:
        """The platforms that botocore knows, without those that cannot start any more."""
        shape = self.sagemaker.meta.service_model.shape_for("PlatformIdentifier")
        return sorted(re.findall(r"notebook-al2023-v\d+", shape.metadata["pattern"]), key=_age)

    def name(self, notebook: Notebook) -> str:
        """The name that CloudFormation gave it; nothing when it is not deployed."""
        stack = f"trainyard-{self._environment.name}-team-{notebook.team}"
        template = template_of(self._cloudformation, stack) or {"Resources": {}}
        for logical_id, resource in template["Resources"].items():
            path = resource.get("Metadata", {}).get("aws:cdk:path", "")
            if resource["Type"] == "AWS::SageMaker::NotebookInstance" and path.endswith(f"/Notebooks/{notebook.name}"):
                answer = self._cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
                # The id is the ARN, whose end is the name.
                return str(answer["StackResourceDetail"].get("PhysicalResourceId", "")).rpartition("/")[2]
        return ""

    def described(self, name: str) -> Json:
        """What SageMaker says of one; nothing when it is gone."""
        try:
            found: Json = self.sagemaker.describe_notebook_instance(NotebookInstanceName=name)
        except ClientError as error:
            # The code is that of any other bad request.
            if "RecordNotFound" in str(error):
                return {}
            raise
        return found


class _Upgrade:
    """One attempt."""

    def __init__(
        self,
        instances: _Instances,
        name: str,
        platform: str,
        *,
        say: Callable[[str], None],
        sleep: Callable[[float], None],
    ) -> None:
        self._instances = instances
        self._sagemaker = instances.sagemaker
        self._name = name
        self._platform = platform
        self._say = say
        self._sleep = sleep
        self._taken: set[str] = set()

    def run(self) -> None:
        before = found = self._settled()
        arn, state = found["NotebookInstanceArn"], found["NotebookInstanceStatus"]
        if _age(found["PlatformIdentifier"]) > _age(self._platform):
            raise InputError(f"to: {self._platform!r}: is older than {found['PlatformIdentifier']}, which it has")
        starts = self._is_marked(arn)
        self._say(f"{self._name}: {state}, {found['PlatformIdentifier']}{_reason(found)}")
        if found["PlatformIdentifier"] == self._platform and not starts:
            if state == "Failed":
                raise UpgradeError(f"{self._name}: has {self._platform} already, and is Failed{_reason(found)}")
            self._say(f"{self._name}: has {self._platform} already")
            return
        if state == "InService" and not starts:
            # Before it is stopped, or nobody would know.
            self._sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": MARK, "Value": "true"}])
            starts = True

        while step := self._step(found, starts):
            self._take(step, found)
            found = self._settled()
        self._verify(before, found)
        if starts:
            self._sagemaker.delete_tags(ResourceArn=arn, TagKeys=[MARK])
        self._say(f"{self._name}: {found['NotebookInstanceStatus']}, {self._platform}; all else as it was")

    def _step(self, found: Json, starts: bool) -> str:
        """What is to be done next; nothing at the end."""
        state = found["NotebookInstanceStatus"]
        if state == "Failed" and self._taken:
            raise UpgradeError(f"{self._name}: Failed{_reason(found)}: when that is mended, run the same command again")
        if found["PlatformIdentifier"] != self._platform:
            return "stop" if state == "InService" else "update"
        return "start" if starts and state != "InService" else ""

    def _take(self, step: str, found: Json) -> None:
        if step in self._taken:
            raise UpgradeError(
                f"{self._name}: {step} changed nothing: {found['NotebookInstanceStatus']}, "
                f"{found['PlatformIdentifier']}: somebody else may work on it; run the same command again"
            )
        self._taken.add(step)
        self._say(f"{self._name}: {step}{f' to {self._platform}' if step == 'update' else ''} ...")
        further = {"PlatformIdentifier": self._platform} if step == "update" else {}
        try:
            getattr(self._sagemaker, f"{step}_notebook_instance")(NotebookInstanceName=self._name, **further)
        except ClientError as error:
            # Somebody was faster, the idle stop for one: the next state says what is left to do.
            if "Unable to transition" not in str(error):
                raise
        # What is described at once may be what was before.
        self._sleep(POLL_SECONDS)

    def _settled(self) -> Json:
        """What SageMaker says of the instance once it is in a state that lasts."""
        told = ""
        for _ in range(MOST_POLLS):
            found = self._instances.described(self._name)
            state = found.get("NotebookInstanceStatus", "gone")
            if state in ("Deleting", "gone"):
                raise UpgradeError(f"{self._name}: {state}")
            if state not in PASSING:
                return found
            if state != told:
                self._say(f"{self._name}: {state} ...")
                told = state
            self._sleep(POLL_SECONDS)
        minutes = MOST_POLLS * POLL_SECONDS // 60
        raise UpgradeError(f"{self._name}: still {told} after {minutes} minutes: run the same command again")

    def _is_marked(self, arn: str) -> bool:
        pages = self._sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
        return any(tag["Key"] == MARK for page in pages for tag in page["Tags"])

    def _verify(self, before: Json, after: Json) -> None:
        different = [
            f"{field}: {before.get(field)} before, {after.get(field)} now"
            for field in KEPT
            if before.get(field) != after.get(field)
        ]
        if different:
            raise UpgradeError(f"{self._name}: is not what it was: {'; '.join(different)}")


def _reason(found: Json) -> str:
    return f": {found['FailureReason']}" if found.get("FailureReason") else ""
