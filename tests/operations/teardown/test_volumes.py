"""What becomes of volumes that people write to."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations.teardown import volumes
from operations.teardown.policy import Policy, Volumes
from operations.teardown.schedule import Waits
from operations.teardown.stages import Stage
from tests.operations.teardown.bounded import bound, closed, opened, opened_and_closed_elsewhere
from tests.operations.teardown.made import ACCOUNT, Made, made

NAME = "exploration"
FOLDER = "vision/output/notebooks"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/notebooks"
BACK_UP = Policy({volumes.NOTEBOOKS: Volumes.BACK_UP, volumes.SPACES: Volumes.DISCARD})
KEEP = Policy({volumes.NOTEBOOKS: Volumes.KEEP, volumes.SPACES: Volumes.KEEP})
DISCARD = Policy({volumes.NOTEBOOKS: Volumes.DISCARD, volumes.SPACES: Volumes.DISCARD})


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Made]:
    with made(tmp_path) as account:
        iam, s3 = account.client("iam"), account.client("s3")
        iam.create_role(RoleName="notebooks", AssumeRolePolicyDocument="{}")
        s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        account.add("AWS::IAM::Role", "notebooks")
        account.add("AWS::S3::Bucket", "artifacts", kept=True)
        yield account


def notebook(account: Made, *, backup: bool = True, kept: bool = False, name: str = NAME, stopped: bool = True) -> None:
    """An instance of a stack."""
    sagemaker = account.client("sagemaker")
    script = (
        f"#!/bin/bash\nTRAINYARD_TEAM='vision'\nTRAINYARD_BACKUP='{f's3://artifacts/{FOLDER}' if backup else ''}'\n"
    )
    sagemaker.create_notebook_instance_lifecycle_config(
        NotebookInstanceLifecycleConfigName=name, OnStart=[{"Content": base64.b64encode(script.encode()).decode()}]
    )
    sagemaker.create_notebook_instance(
        NotebookInstanceName=name, InstanceType="ml.t3.medium", RoleArn=ROLE, LifecycleConfigName=name
    )
    account.local.clock.sleep(3600)
    if stopped:
        sagemaker.stop_notebook_instance(NotebookInstanceName=name)
        account.local.clock.sleep(3600)
    account.add("AWS::SageMaker::NotebookInstance", name, kept=kept)


def state(account: Made, name: str = NAME) -> str:
    described = account.client("sagemaker").describe_notebook_instance(NotebookInstanceName=name)
    return str(described["NotebookInstanceStatus"])


def mark(account: Made, code: int = 0, started: str = "2026-01-01T00:00:00Z", name: str = NAME) -> None:
    """What the backup of an instance writes at its end."""
    marker = {"started": started, "ended": started, "files": 3, "bytes": 30, "exit_code": code}
    key = f"{FOLDER}/{name}/.trainyard-backup.json"
    account.client("s3").put_object(Bucket="artifacts", Key=key, Body=json.dumps(marker).encode())


def backing_up(account: Made, code: int = 0, started: str = "2026-02-02T00:00:00Z") -> Waits:
    """The stage, with an instance that copies its volume once it is started."""
    waits = 0
    for pause in account.work(stage(account), BACK_UP):
        if state(account) == "InService":
            waits += 1
            if waits == 3:
                mark(account, code, started)
        yield pause


def stage(account: Made) -> Stage:
    return volumes.stage(account.journal)


def blockers(account: Made, policy: Policy) -> list[str]:
    return list(account.finish(volumes.blockers(account.inventory, account.things(), policy)))


def of_notebook(account: Made) -> list[str]:
    return [each.removeprefix("sagemaker.") for each in account.calls() if each.startswith("sagemaker.")]


def test_an_instance_is_started_and_stopped_again(account: Made) -> None:
    notebook(account)
    account.finish(backing_up(account))
    assert of_notebook(account) == ["start_notebook_instance", "stop_notebook_instance"]
    assert state(account) == "Stopped"


def test_what_the_backup_says_is_written_down(account: Made) -> None:
    notebook(account)
    account.finish(backing_up(account))
    (entry,) = (each for each in account.journal.entries() if "backed_up" in each)
    assert (entry["backed_up"], entry["to"], entry["files"]) == (NAME, f"s3://artifacts/{FOLDER}/{NAME}", 3)


def test_the_marker_goes_before_the_start_so_that_nothing_is_passed_over(account: Made) -> None:
    notebook(account)
    mark(account)
    account.finish(backing_up(account))
    assert account.calls()[:2] == ["s3.delete_object", "sagemaker.start_notebook_instance"]


def test_one_that_somebody_started_is_stopped_before_its_backup(account: Made) -> None:
    """It may copy what changed at this moment, and no more."""
    notebook(account, stopped=False)
    account.finish(backing_up(account))
    assert of_notebook(account) == ["stop_notebook_instance", "start_notebook_instance", "stop_notebook_instance"]


def test_the_marker_of_an_earlier_backup_does_not_count(account: Made) -> None:
    notebook(account)
    mark(account, started="2026-01-01T00:00:00Z")
    said = account.failure(account.work(stage(account), BACK_UP))
    assert said.endswith(f"no .trainyard-backup.json came to s3://artifacts/{FOLDER}/{NAME} in 12 hours")


def test_a_backup_without_what_cannot_be_read_names_its_log(account: Made) -> None:
    notebook(account)
    assert account.failure(backing_up(account, code=2)) == (
        f"notebook instances: {NAME}: not backed up, nothing is deleted: its backup is without files that could not be "
        f"read: see s3://artifacts/{FOLDER}/{NAME}/.trainyard/backup.log"
    )
    assert state(account) == "Stopped"


def test_a_backup_without_what_cannot_be_read_does_not_count(account: Made) -> None:
    notebook(account)
    account.failure(backing_up(account, code=2))
    assert account.finds(stage(account), BACK_UP) == [NAME]


def test_a_backup_without_some_files_fails(account: Made) -> None:
    notebook(account)
    said = account.failure(backing_up(account, code=1))
    assert said.startswith(f"notebook instances: {NAME}: not backed up, nothing is deleted: its backup ended with exit")
    assert state(account) == "Stopped"


def test_one_that_stops_before_its_backup_ends_fails(account: Made) -> None:
    notebook(account)

    def stopped() -> Any:
        for pause in account.work(stage(account), BACK_UP):
            if state(account) == "InService":
                account.client("sagemaker").stop_notebook_instance(NotebookInstanceName=NAME)
            yield pause

    assert "before its backup ended" in account.failure(stopped())


def test_what_is_backed_up_is_not_backed_up_again(account: Made) -> None:
    notebook(account)
    account.finish(backing_up(account))
    assert account.finds(stage(account), BACK_UP) == []


def test_it_is_backed_up_again_if_somebody_started_it_since(account: Made) -> None:
    """Without a trace in the journal."""
    notebook(account)
    account.finish(backing_up(account))
    for operation in ("start_notebook_instance", "stop_notebook_instance"):
        getattr(account.client("sagemaker"), operation)(NotebookInstanceName=NAME)
        account.local.clock.sleep(3600)
    assert account.finds(stage(account), BACK_UP) == [NAME]


def test_while_nobody_can_start_it_it_is_not_backed_up_again(account: Made) -> None:
    bound(account)
    closed(account)
    notebook(account)
    account.finish(backing_up(account))
    assert account.finds(stage(account), BACK_UP) == []


def test_it_is_backed_up_again_if_people_can_start_it(account: Made) -> None:
    bound(account)
    closed(account)
    notebook(account)
    account.finish(backing_up(account))
    opened(account)
    assert account.finds(stage(account), BACK_UP) == [NAME]


def test_it_is_backed_up_again_if_people_could_start_it_since(account: Made, tmp_path: Path) -> None:
    bound(account)
    closed(account)
    notebook(account)
    account.finish(backing_up(account))
    opened_and_closed_elsewhere(account, tmp_path)
    assert account.finds(stage(account), BACK_UP) == [NAME]


def test_a_crash_before_the_marker_is_mended(account: Made) -> None:
    notebook(account)
    work = account.work(stage(account), BACK_UP)
    while state(account) != "InService":
        account.local.clock.sleep(next(work))
    account.client("sagemaker").stop_notebook_instance(NotebookInstanceName=NAME)
    account.local.clock.sleep(3600)
    account.finish(backing_up(account))
    assert account.finds(stage(account), BACK_UP) == []


def test_instances_back_up_at_the_same_time(account: Made) -> None:
    names = ["one", "two", "three"]
    for name in names:
        notebook(account, name=name)
    started = account.local.clock.now()

    def all_of_them() -> Any:
        for pause in account.work(stage(account), BACK_UP):
            if {state(account, name) for name in names} == {"InService"}:
                for name in names:
                    mark(account, name=name)
            yield pause

    account.finish(all_of_them())
    assert account.local.clock.now() - started < 1800


@pytest.mark.parametrize("policy", [KEEP, DISCARD, Policy({})])
def test_nothing_is_backed_up_unless_it_was_chosen(account: Made, policy: Policy) -> None:
    notebook(account)
    assert account.finds(stage(account), policy) == []
    account.do(stage(account), policy)
    assert account.calls() == []


def test_it_comes_after_the_stop_of_all_instances(account: Made) -> None:
    assert "notebook instances.stop" in stage(account).after


def test_what_nobody_decided_is_asked(account: Made) -> None:
    notebook(account)
    assert blockers(account, Policy({})) == [
        "notebook instances: 1 have volumes: decide with --notebook-volumes keep|back_up|discard"
    ]


def test_nothing_is_asked_without_volumes(account: Made) -> None:
    assert blockers(account, Policy({})) == []


def test_what_goes_with_its_stack_cannot_be_kept(account: Made) -> None:
    notebook(account)
    assert blockers(account, KEEP) == [
        f"notebook instances: {NAME}: goes with its stack: deploy with data.keep_after_teardown: true first"
    ]


def test_what_its_stack_keeps_can_be_kept(account: Made) -> None:
    notebook(account, kept=True)
    assert blockers(account, KEEP) == []


def test_an_instance_without_backup_cannot_be_backed_up(account: Made) -> None:
    notebook(account, backup=False)
    assert blockers(account, BACK_UP) == [
        f"notebook instances: {NAME}: backs nothing up: deploy with notebooks.backup: true first"
    ]


def test_an_instance_with_backup_can_be_backed_up(account: Made) -> None:
    notebook(account)
    assert blockers(account, BACK_UP) == []


def test_a_backup_in_a_bucket_that_is_purged_is_none(account: Made) -> None:
    notebook(account)
    (said,) = blockers(account, Policy({volumes.NOTEBOOKS: Volumes.BACK_UP}, purge=frozenset({"artifacts"})))
    assert said.startswith(f"notebook instances: {NAME}: its backup would go with artifacts: ")


def test_a_backup_in_a_bucket_that_goes_with_its_stack_is_none(account: Made) -> None:
    notebook(account)
    account.forget("artifacts")
    account.add("AWS::S3::Bucket", "artifacts", kept=False)
    (said,) = blockers(account, BACK_UP)
    assert said.startswith(f"notebook instances: {NAME}: its backup would go with artifacts: ")


def test_spaces_cannot_be_backed_up(account: Made) -> None:
    (said,) = blockers(account, Policy({volumes.SPACES: Volumes.BACK_UP}))
    assert said.startswith("spaces: back_up is not offered: ")


def test_what_is_lost_can_be_discarded(account: Made) -> None:
    notebook(account, backup=False)
    assert blockers(account, DISCARD) == []
