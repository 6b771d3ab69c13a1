"""What was written to Lustre goes back to S3 before a file system is deleted, or nothing is deleted.

A file system that is linked to S3 cannot be backed up, and deleting it exports nothing.

Source: AWS docs fsx/latest/LustreGuide/export-data-repo-task-dra.html;
fsx/latest/APIReference/API_CreateDataRepositoryTask.html
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.exceptions import ClientError

from operations.teardown import intake
from operations.teardown.aws import Aws, code_of, message_of
from operations.teardown.inventory import Inventory
from operations.teardown.journal import Entry, Journal
from operations.teardown.policy import Policy
from operations.teardown.schedule import StepError, Waits
from operations.teardown.scope import Json, Scope
from operations.teardown.several import several
from operations.teardown.stages import EXPORT, WRITERS, Stage, Things, Told
from operations.teardown.volumes import BACK_UP

POLL = 30.0
"""Seconds between two looks at an association or a task."""
MINUTES = 60
"""After how long an association that is busy is given up."""
HOURS = 48
"""After how long an export is given up; it is not cancelled, and the next run goes on with it."""

RUNNING = ("PENDING", "EXECUTING", "CANCELING")
REPORTS = ".trainyard-teardown"
"""The folder of reports, in the linked one: AWS takes no other place."""

WRITES = re.compile(r"sagemaker\.(start|stop|create|delete_(app|cluster)$)|batch\.(terminate|cancel)")
"""Calls of a run after which an earlier export is none any more: something ran, or could."""


def stage(scope: Scope, journal: Journal) -> Stage:
    """The export, once nothing writes any more.

    Args:
        scope: the environment, or what ``team.with_file_systems_of`` gives.
        journal: what earlier runs exported.
    """

    def finds(inventory: Inventory, _things: Things, _policy: Policy) -> Waits:
        return [each.id for each in (yield from _file_systems(inventory.aws, scope, journal)) if each.to_do]

    def work(inventory: Inventory, _policy: Policy, told: Told) -> Waits:
        aws = inventory.aws
        systems = yield from _file_systems(aws, scope, journal)
        yield from several((_Export(aws, journal, each, told).run() for each in systems if each.to_do), aws.clock)

    return Stage(EXPORT, WRITERS | {BACK_UP}, finds, work)


def blockers(aws: Aws, scope: Scope, journal: Journal, *, discard_unexported: bool) -> Waits:
    """What would be lost with the file systems, as nothing exports it.

    Args:
        aws: the account.
        scope: as ``stage`` takes it.
        journal: what earlier runs did.
        discard_unexported: whether somebody decided that it may be.
    """
    found = []
    for system in (yield from _file_systems(aws, scope, journal)):
        found += [_broken(system.id, each) for each in system.to_do if each["Lifecycle"] in BROKEN]
        if not discard_unexported:
            found += [f"lustre {system.id}: {each}: copy it, or give --discard-unexported" for each in _lost(system)]
    return found


def reopen(aws: Aws, scope: Scope, told: Told) -> Waits:
    """Lets associations export by themselves again as they are deployed; gives what could not be done."""
    wanted = _export_events(scope)
    if not wanted:
        return []
    failed = []
    for each in (yield from aws.pages("fsx", "describe_data_repository_associations", "Associations[]")):
        id_ = each["AssociationId"]
        if set(_events(each)) == set(wanted.get(id_, _events(each))):
            continue
        policies = {**each["S3"], "AutoExportPolicy": {"Events": wanted[id_]}}
        try:
            yield from aws.call("fsx", "update_data_repository_association", AssociationId=id_, S3=policies)
        except ClientError as error:
            failed.append(f"{id_}: does not export by itself: it is {each['Lifecycle']}: {message_of(error)}")
        else:
            told(id_, "exports by itself")
    return failed


BROKEN = ("MISCONFIGURED", "FAILED")


@dataclass(frozen=True)
class _FileSystem:
    """A file system.

    Args:
        id: its id.
        to_do: the associations that export and have not done so since nobody writes.
        silent: those that never export.
        begun: id of an association to the id of the task that exports it, or did.
        done: the folders that are exported, whose associations may be gone by now.
    """

    id: str
    to_do: tuple[Json, ...]
    silent: tuple[Json, ...]
    begun: Mapping[str, str]
    done: tuple[str, ...]


def _lost(system: _FileSystem) -> list[str]:
    paths = sorted({*(each.get("FileSystemPath", "/") for each in (*system.to_do, *system.silent)), *system.done})
    lost = [
        f"what was written to {each.get('FileSystemPath', '/')} does not go back to {each['DataRepositoryPath']}"
        for each in system.silent
    ]
    if not paths:
        lost.append("all files are in no bucket")
    elif "/" not in paths:
        lost.append(f"files outside of {', '.join(paths)} are in no bucket")
    return lost


def _file_systems(aws: Aws, scope: Scope, journal: Journal) -> Waits:
    """Those of the environment that are there and will not be kept.

    One that is being deleted is none: it takes no task any more, and what was in it was seen to before.
    """
    ours = {each.physical_id for each in scope.resources if each.type == "AWS::FSx::FileSystem" and not each.kept}
    if not ours:
        return []
    there = yield from aws.pages("fsx", "describe_file_systems", "FileSystems[?Lifecycle!='DELETING'].FileSystemId")
    associations = yield from aws.pages("fsx", "describe_data_repository_associations", "Associations[]")
    meant = _export_events(scope).keys() | {
        each["arguments"]["AssociationId"]
        for each in journal.entries()
        if each.get("call") == "fsx.update_data_repository_association" and "arguments" in each
    }
    since = _since_writers((yield from intake.since_closed(aws, scope, journal)))
    begun = {each["export"]: each["task"] for each in since if "export" in each}
    done = {each["exported"]: each for each in since if "exported" in each}
    systems = []
    for id_ in sorted(ours & set(there)):
        own = [each for each in associations if each["FileSystemId"] == id_ and each["Lifecycle"] != "DELETING"]
        exporting = [each for each in own if _events(each) or each["AssociationId"] in meant]
        systems.append(
            _FileSystem(
                id=id_,
                to_do=tuple(each for each in exporting if _events(each) or each["AssociationId"] not in done),
                silent=tuple(each for each in own if each not in exporting),
                begun=begun,
                done=tuple(each["folder"] for each in done.values() if each.get("file_system") == id_),
            )
        )
    return systems


def _events(association: Json) -> list[str]:
    return list(association.get("S3", {}).get("AutoExportPolicy", {}).get("Events", ()))


def _export_events(scope: Scope) -> dict[str, list[str]]:
    """Id to events, of associations whose environment file lets them export.

    The others belong to teams that want nothing written to their dataset by those who mount it: a task would.
    """
    return {
        resource.physical_id: events
        for stack in scope.stacks
        for resource in stack.resources
        if resource.type == "AWS::FSx::DataRepositoryAssociation"
        and (events := _events(stack.template.get("Resources", {}).get(resource.logical_id, {}).get("Properties", {})))
    }


def _since_writers(entries: list[Entry]) -> list[Entry]:
    """What was written down after the last call that says that something could have written until then."""
    last = max((index for index, each in enumerate(entries) if WRITES.match(each.get("call", ""))), default=-1)
    return entries[last + 1 :]


def _broken(file_system: str, association: Json) -> str:
    reason = association.get("FailureDetails", {}).get("Message", "AWS gives no reason")
    return (
        f"lustre {file_system}: {association.get('FileSystemPath', '/')} cannot be exported, its association "
        f"{association['AssociationId']} is {association['Lifecycle']}: {reason}: mend it first"
    )


class _Export:
    """The export of one file system, which runs one task at a time."""

    def __init__(self, aws: Aws, journal: Journal, system: _FileSystem, told: Told) -> None:
        self._aws, self._journal, self._system, self._told = aws, journal, system, told

    def run(self) -> Waits:
        # AWS takes no task while anything of the file system exports by itself.
        for each in self._system.to_do:
            yield from self._switch_off(each["AssociationId"])
        for each in self._system.to_do:
            yield from self._export(each)

    def _switch_off(self, association_id: str) -> Waits:
        started, refused = self._aws.clock.now(), False
        while True:
            answer = yield from self._aws.call(
                "fsx", "describe_data_repository_associations", AssociationIds=[association_id]
            )
            (association,) = answer["Associations"]
            if association["Lifecycle"] in BROKEN:
                raise StepError(_broken(self._system.id, association))
            if association["Lifecycle"] == "AVAILABLE":
                if not _events(association):
                    return
                self._told(self._system.id, f"{association['FileSystemPath']} exports nothing by itself any more")
                policies = {**association["S3"], "AutoExportPolicy": {"Events": []}}
                try:
                    yield from self._aws.call(
                        "fsx", "update_data_repository_association", AssociationId=association_id, S3=policies
                    )
                except ClientError as error:
                    # Made again because an answer was lost, it finds the association busy with what was asked first.
                    if refused or code_of(error) != "BadRequest":
                        raise
                    refused = True
            if self._aws.clock.now() - started > MINUTES * 60:
                raise StepError(
                    f"lustre {self._system.id}: association {association_id} is still {association['Lifecycle']} "
                    f"after {MINUTES} minutes"
                )
            yield POLL

    def _export(self, association: Json) -> Waits:
        id_, path = association["AssociationId"], association.get("FileSystemPath", "/")
        begun = self._system.begun.get(id_)
        task = (yield from self._task(begun)) if begun else None
        if not task or not (task["Lifecycle"] in RUNNING or _is_whole(task)):
            task = yield from self._start(association)
        self._told(self._system.id, f"exports {path}")
        task = yield from self._end_of(task)
        if not _is_whole(task):
            raise StepError((yield from self._failure(association, task)))
        self._journal.write(exported=id_, task=task["TaskId"], file_system=self._system.id, folder=path)
        self._told(self._system.id, f"exported {path}, {task.get('Status', {}).get('SucceededCount', 0)} files")

    def _start(self, association: Json) -> Waits:
        path = association.get("FileSystemPath", "/").strip("/")
        report = {
            "Enabled": True,
            "Path": f"{association['DataRepositoryPath'].rstrip('/')}/{REPORTS}",
            "Format": "REPORT_CSV_20191124",
            "Scope": "FAILED_FILES_ONLY",
        }
        # Without paths it is all of the file system.
        paths = {"Paths": [path]} if path else {}
        while True:
            yield from self._end_others()
            try:
                answer = yield from self._aws.call(
                    "fsx",
                    "create_data_repository_task",
                    FileSystemId=self._system.id,
                    Type="EXPORT_TO_REPOSITORY",
                    Report=report,
                    # For a call that is made twice because its answer was lost.
                    ClientRequestToken=str(uuid.uuid4()),
                    **paths,
                )
            except ClientError as error:
                if code_of(error) != "DataRepositoryTaskExecuting":
                    raise
                yield POLL
                continue
            task = answer["DataRepositoryTask"]
            self._journal.write(export=association["AssociationId"], task=task["TaskId"])
            return task

    def _end_others(self) -> Waits:
        """Waits for exports that somebody started, and cancels everything else, which only brings data here."""
        running = yield from self._aws.pages(
            "fsx",
            "describe_data_repository_tasks",
            "DataRepositoryTasks[]",
            Filters=[
                {"Name": "file-system-id", "Values": [self._system.id]},
                {"Name": "task-lifecycle", "Values": list(RUNNING)},
            ],
        )
        for each in running:
            if each["Type"] != "EXPORT_TO_REPOSITORY" and each["Lifecycle"] != "CANCELING":
                try:
                    yield from self._aws.call("fsx", "cancel_data_repository_task", TaskId=each["TaskId"])
                except ClientError as error:
                    if code_of(error) != "DataRepositoryTaskEnded":
                        raise
            self._told(self._system.id, f"waits for task {each['TaskId']}")
            yield from self._end_of(each)

    def _end_of(self, task: Json) -> Waits:
        started = self._aws.clock.now()
        while task["Lifecycle"] in RUNNING:
            if self._aws.clock.now() - started > HOURS * 3600:
                raise StepError(
                    f"lustre {self._system.id}: task {task['TaskId']} is still {task['Lifecycle']} after {HOURS} hours"
                )
            yield POLL
            # One that is not listed any more has ended long ago.
            task = (yield from self._task(task["TaskId"])) or {**task, "Lifecycle": "FAILED"}
        return task

    def _task(self, id_: str) -> Waits:
        """A task; None when AWS does not know it any more."""
        try:
            answer = yield from self._aws.call("fsx", "describe_data_repository_tasks", TaskIds=[id_])
        except ClientError as error:
            if code_of(error) != "DataRepositoryTaskNotFound":
                raise
            return None
        return answer["DataRepositoryTasks"][0]

    def _failure(self, association: Json, task: Json) -> Waits:
        """What is said of a task that did not export everything."""
        report = f"{association['DataRepositoryPath'].rstrip('/')}/{REPORTS}/{task['TaskId']}/failures.csv"
        reason = task.get("FailureDetails", {}).get("Message") or "some files failed"
        files = yield from self._first_of(report)
        failed = task.get("Status", {}).get("FailedCount", 0)
        return (
            f"lustre {self._system.id}: {association.get('FileSystemPath', '/')} not exported, nothing is deleted: "
            f"task {task['TaskId']} is {task['Lifecycle']}, {failed} files failed: {reason}: see {report}{files}"
        )

    def _first_of(self, report: str) -> Waits:
        bucket, _, key = report.removeprefix("s3://").partition("/")
        try:
            answer = yield from self._aws.call("s3", "get_object", Bucket=bucket, Key=key)
        except ClientError:
            # It is named in any case; only who reads it can say more.
            return ""
        lines = answer["Body"].read(4096).decode(errors="replace").splitlines()[1:4]
        return f", which begins with {'; '.join(lines)}" if lines else ""


def _is_whole(task: Json) -> bool:
    return task["Lifecycle"] == "SUCCEEDED" and not task.get("Status", {}).get("FailedCount", 0)
