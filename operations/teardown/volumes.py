"""What becomes of the volumes of notebook instances and of spaces: kept, backed up, or discarded.

Nobody but the instance itself can read its volume: it copies it to S3 at each start (lifecycle_scripts/notebook/job).
"""

import base64
import json
import re
from collections.abc import Collection

from botocore.exceptions import ClientError

from operations.teardown import intake
from operations.teardown.aws import Aws, code_of, message_of
from operations.teardown.inventory import Inventory, Thing
from operations.teardown.journal import Journal
from operations.teardown.kinds import KINDS
from operations.teardown.policy import Policy, Volumes
from operations.teardown.schedule import StepError, Waits
from operations.teardown.scope import Json
from operations.teardown.several import several
from operations.teardown.stages import INTAKE, Stage, Things, Told

NOTEBOOKS = "notebook instances"
SPACES = "spaces"
(KIND,) = (kind for kind in KINDS if kind.name == NOTEBOOKS)
OPTIONS = {NOTEBOOKS: "--notebook-volumes keep|back_up|discard", SPACES: "--space-volumes keep|discard"}

BACK_UP = "notebook volumes.back_up"
MARKER = ".trainyard-backup.json"
LOG = ".trainyard/backup.log"
UNREADABLE = 2
"""Exit code of a backup with all but what cannot be read: https://docs.aws.amazon.com/cli/latest/topic/return-codes.html"""

POLL = 30.0
"""Seconds between two looks at an instance and its marker."""
HOURS = 12
"""After how long a backup is given up."""


def stage(journal: Journal) -> Stage:
    """The backups, once all instances are stopped: what somebody writes afterwards would be lost.

    Args:
        journal: which backups earlier runs have made.
    """

    def to_do(inventory: Inventory, things: list[Thing], policy: Policy) -> Waits:
        if policy.volumes.get(NOTEBOOKS) is not Volumes.BACK_UP:
            return []
        entries = yield from intake.since_closed(inventory.aws, inventory.scope, journal)
        done = {each["backed_up"]: each.get("changed") for each in entries if "backed_up" in each}
        return [each for each in things if each.state != "Stopped" or done.get(each.name) != _changed(each.told)]

    def finds(inventory: Inventory, things: Things, policy: Policy) -> Waits:
        return [each.name for each in (yield from to_do(inventory, things[NOTEBOOKS], policy))]

    def work(inventory: Inventory, policy: Policy, told: Told) -> Waits:
        things = yield from inventory.things(KIND)
        due = yield from to_do(inventory, things, policy)
        yield from several((_back_up(inventory.aws, journal, each, told) for each in due), inventory.aws.clock)

    return Stage(BACK_UP, frozenset({INTAKE, f"{NOTEBOOKS}.stop"}), finds, work)


def blockers(inventory: Inventory, things: Things, policy: Policy) -> Waits:
    """What must be decided or deployed before volumes can become what was chosen for them."""
    found = []
    for kind, option in OPTIONS.items():
        chosen = policy.volumes.get(kind)
        if things[kind] and chosen is None:
            found.append(f"{kind}: {len(things[kind])} have volumes: decide with {option}")
        if chosen is Volumes.KEEP:
            found += [
                f"{kind}: {each.name}: goes with its stack: deploy with data.keep_after_teardown: true first"
                for each in things[kind]
                if each.stack and not each.kept
            ]
    if policy.volumes.get(SPACES) is Volumes.BACK_UP:
        found.append("spaces: back_up is not offered: only who works in a space reads its volume: keep or discard")
    if policy.volumes.get(NOTEBOOKS) is Volumes.BACK_UP:
        buckets = [each for each in inventory.scope.resources if each.type == "AWS::S3::Bucket"]
        kept = {each.physical_id for each in buckets if each.kept and not policy.purges(each.type, each.physical_id)}
        for each in things[NOTEBOOKS]:
            folder = yield from _folder(inventory.aws, each)
            if why := _no_backup(each, folder, kept):
                found.append(f"{NOTEBOOKS}: {each.name}: {why}")
    return found


def _no_backup(notebook: Thing, folder: str, kept: Collection[str]) -> str:
    """Why an instance cannot be backed up; empty when it can."""
    bucket = folder.removeprefix("s3://").partition("/")[0]
    if notebook.state == "Failed":
        return "is Failed and cannot start to back itself up: keep or discard"
    if not folder:
        return "backs nothing up: deploy with notebooks.backup: true first"
    if bucket not in kept:
        return (
            f"its backup would go with {bucket}: deploy with data.keep_after_teardown: true first, and do not purge it"
        )
    return ""


def _folder(aws: Aws, notebook: Thing) -> Waits:
    """Where an instance copies its volume to, as its deployed lifecycle configuration says; empty for nowhere."""
    name = notebook.told.get("NotebookInstanceLifecycleConfigName")
    if not name:
        return ""
    operation = "describe_notebook_instance_lifecycle_config"
    answer = yield from aws.call("sagemaker", operation, NotebookInstanceLifecycleConfigName=name)
    for hook in answer.get("OnStart", ()):
        script = base64.b64decode(hook["Content"]).decode()
        if folder := re.search(r"^TRAINYARD_BACKUP='(s3://[^']+)'$", script, re.MULTILINE):
            return f"{folder[1]}/{notebook.name}"
    return ""


def _changed(described: Json) -> float:
    """When an instance was changed last, in seconds since 1970: each start and each stop is a change."""
    return float(described["LastModifiedTime"].timestamp())


def _back_up(aws: Aws, journal: Journal, notebook: Thing, told: Told) -> Waits:
    folder = yield from _folder(aws, notebook)
    if not folder:
        raise StepError(_not_backed_up(notebook, "notebooks.backup is off in what is deployed"))
    deadline = aws.clock.now() + HOURS * 3600
    yield from _bring(aws, notebook, "stop_notebook_instance", "InService", "Stopped", deadline)
    # Without it, the next backup passes over nothing.
    bucket, key = _place_of_marker(folder)
    yield from aws.call("s3", "delete_object", Bucket=bucket, Key=key)
    yield from _bring(aws, notebook, "start_notebook_instance", "Stopped", "InService", deadline)
    told(notebook.name, f"copies its volume to {folder}")
    while not (after := (yield from _marker(aws, folder))):
        yield POLL
        if (status := (yield from _described(aws, notebook))["NotebookInstanceStatus"]) != "InService":
            raise StepError(_not_backed_up(notebook, f"it became {status} before its backup ended"))
        if aws.clock.now() > deadline:
            raise StepError(_not_backed_up(notebook, f"no {MARKER} came to {folder} in {HOURS} hours"))
    # Also when files are missing: an instance costs money as long as it runs.
    stopped = yield from _bring(aws, notebook, "stop_notebook_instance", "InService", "Stopped", deadline + 3600)
    if why := _missing(after["exit_code"]):
        raise StepError(_not_backed_up(notebook, f"{why}: see {folder}/{LOG}"))
    journal.write(backed_up=notebook.name, to=folder, changed=_changed(stopped), **after)
    told(notebook.name, "backed up")


def _missing(code: int) -> str:
    """What a backup that ended with a code does not have; empty when it has all."""
    if code == UNREADABLE:
        return "its backup is without files that could not be read"
    return f"its backup ended with exit code {code}" if code else ""


def _place_of_marker(folder: str) -> tuple[str, str]:
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    return bucket, f"{prefix}/{MARKER}"


def _marker(aws: Aws, folder: str) -> Waits:
    """What an instance says of its last backup; empty before its end."""
    bucket, key = _place_of_marker(folder)
    try:
        answer = yield from aws.call("s3", "get_object", Bucket=bucket, Key=key)
    except ClientError as error:
        if code_of(error) != "NoSuchKey":
            raise
        return {}
    told: Json = json.loads(answer["Body"].read())
    return told


def _described(aws: Aws, notebook: Thing) -> Waits:
    return (yield from aws.call("sagemaker", "describe_notebook_instance", NotebookInstanceName=notebook.name))


def _bring(aws: Aws, notebook: Thing, operation: str, from_: str, to: str, deadline: float) -> Waits:
    """Starts or stops an instance; gives what is told of it then."""
    refused = ""
    while (status := (described := (yield from _described(aws, notebook)))["NotebookInstanceStatus"]) != to:
        if status == from_:
            try:
                yield from aws.call("sagemaker", operation, NotebookInstanceName=notebook.name)
            except ClientError as error:
                # Its state can change between a look and a call; an instance type can be short for hours.
                refused = f" ({code_of(error)}: {message_of(error)})"
        if status == "Failed" or aws.clock.now() > deadline:
            raise StepError(_not_backed_up(notebook, f"it is {status} and not {to}{refused}"))
        yield POLL
    return described


def _not_backed_up(notebook: Thing, why: str) -> str:
    return f"{NOTEBOOKS}: {notebook.name}: not backed up, nothing is deleted: {why}"
