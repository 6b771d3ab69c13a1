"""What was written to Lustre is in S3 before anything is deleted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from operations.teardown import lustre
from operations.teardown.stages import Stage
from tests.operations.teardown.bounded import bound, closed, opened, opened_and_closed_elsewhere
from tests.operations.teardown.made import Made, made

EXPORTS = {"AutoExportPolicy": {"Events": ["NEW"]}, "AutoImportPolicy": {"Events": ["NEW", "CHANGED"]}}
IMPORTS = {"AutoImportPolicy": {"Events": ["NEW"]}}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Made]:
    with made(tmp_path) as account:
        yield account


def file_system(account: Made, *, ours: bool = True, kept: bool = False) -> str:
    ec2, fsx = account.client("ec2"), account.client("fsx")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    created = fsx.create_file_system(
        FileSystemType="LUSTRE",
        StorageCapacity=1200,
        SubnetIds=[subnet],
        LustreConfiguration={"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125},
    )
    account.local.clock.sleep(1000)
    id_ = str(created["FileSystem"]["FileSystemId"])
    if ours:
        account.add("AWS::FSx::FileSystem", id_, kept=kept)
    return id_


def associate(
    account: Made, file_system: str, path: str = "/images", *, s3: dict[str, Any] = EXPORTS, folder: str = "data"
) -> str:
    created = account.client("fsx").create_data_repository_association(
        FileSystemId=file_system, FileSystemPath=path, DataRepositoryPath=f"s3://datasets/{folder}{path}/", S3=s3
    )
    account.local.clock.sleep(600)
    id_ = str(created["Association"]["AssociationId"])
    account.add("AWS::FSx::DataRepositoryAssociation", id_, S3=s3)
    return id_


def stage(account: Made) -> Stage:
    return lustre.stage(account.scope, account.journal)


def tasks(account: Made) -> list[dict[str, Any]]:
    return list(account.client("fsx").describe_data_repository_tasks()["DataRepositoryTasks"])


def association(account: Made, id_: str) -> Any:
    return account.client("fsx").describe_data_repository_associations(AssociationIds=[id_])["Associations"][0]


def blockers(account: Made, *, discard: bool = False) -> list[str]:
    work = lustre.blockers(account.aws, account.scope, account.journal, discard_unexported=discard)
    return list(account.finish(work))


def test_the_linked_folder_is_exported(account: Made) -> None:
    system = file_system(account)
    associate(account, system)
    account.do(stage(account))
    (task,) = tasks(account)
    assert (task["Type"], task["Lifecycle"], task["Paths"]) == ("EXPORT_TO_REPOSITORY", "SUCCEEDED", ["images"])


def test_the_report_of_failures_is_in_the_linked_folder(account: Made) -> None:
    associate(account, file_system(account))
    account.do(stage(account))
    assert tasks(account)[0]["Report"] == {
        "Enabled": True,
        "Path": "s3://datasets/data/images/.trainyard-teardown",
        "Format": "REPORT_CSV_20191124",
        "Scope": "FAILED_FILES_ONLY",
    }


def test_all_of_a_file_system_has_no_path(account: Made) -> None:
    associate(account, file_system(account), "/")
    account.do(stage(account))
    assert "Paths" not in tasks(account)[0]


def test_the_automatic_export_is_off_and_the_import_stays(account: Made) -> None:
    id_ = associate(account, file_system(account))
    account.do(stage(account))
    assert association(account, id_)["S3"] == {**EXPORTS, "AutoExportPolicy": {"Events": []}}


def test_an_answer_that_is_lost_ends_no_export(account: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = associate(account, file_system(account))
    fsx = account.client("fsx")
    update, lost = fsx.update_data_repository_association, [ConnectionClosedError(endpoint_url="fsx")]

    def lose(**arguments: Any) -> Any:
        answer = update(**arguments)
        if lost:
            raise lost.pop()
        return answer

    monkeypatch.setattr(fsx, "update_data_repository_association", lose)
    account.do(stage(account))
    assert association(account, id_)["S3"]["AutoExportPolicy"] == {"Events": []}
    assert [each["Lifecycle"] for each in tasks(account)] == ["SUCCEEDED"]


def test_a_refusal_to_switch_off_the_automatic_export_ends_it(account: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    associate(account, file_system(account))

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "BadRequest", "Message": "no"}}, "UpdateDataRepositoryAssociation")

    monkeypatch.setattr(account.client("fsx"), "update_data_repository_association", refuse)
    with pytest.raises(ClientError, match="no"):
        account.do(stage(account))


def test_folders_are_exported_one_after_the_other(account: Made) -> None:
    system = file_system(account)
    for path in ("/one", "/two"):
        associate(account, system, path)
    account.do(stage(account))
    assert sorted(each["Paths"] for each in tasks(account)) == [["one"], ["two"]]


def test_what_may_not_export_is_not_exported(account: Made) -> None:
    """It would write changed files back to a dataset of others."""
    associate(account, file_system(account), s3=IMPORTS)
    assert account.finds(stage(account)) == []
    account.do(stage(account))
    assert tasks(account) == []


def test_what_may_not_export_is_lost_and_must_be_confirmed(account: Made) -> None:
    system = file_system(account)
    associate(account, system, "/", s3=IMPORTS)
    assert blockers(account) == [
        f"lustre {system}: what was written to / does not go back to s3://datasets/data//: copy it, or give "
        "--discard-unexported"
    ]


def test_files_outside_of_folders_must_be_confirmed(account: Made) -> None:
    system = file_system(account)
    associate(account, system)
    (said,) = blockers(account)
    assert said.startswith(f"lustre {system}: files outside of /images are in no bucket")


def test_a_file_system_without_folders_must_be_confirmed(account: Made) -> None:
    system = file_system(account)
    (said,) = blockers(account)
    assert said.startswith(f"lustre {system}: all files are in no bucket")


def test_what_is_confirmed_is_no_blocker(account: Made) -> None:
    associate(account, file_system(account), s3=IMPORTS)
    assert blockers(account, discard=True) == []


def test_a_file_system_whose_root_is_exported_loses_nothing(account: Made) -> None:
    associate(account, file_system(account), "/")
    assert blockers(account) == []


def test_a_broken_association_is_a_blocker_whatever_is_confirmed(account: Made) -> None:
    system = file_system(account)
    id_ = associate(account, system, folder="misconfigured")
    (said,) = blockers(account, discard=True)
    assert said.startswith(f"lustre {system}: /images cannot be exported, its association {id_} is MISCONFIGURED: ")


def test_a_broken_association_ends_the_export(account: Made) -> None:
    associate(account, file_system(account), folder="misconfigured")
    said = account.failure(account.work(stage(account)))
    assert "is MISCONFIGURED: Amazon FSx cannot access the S3 bucket.: mend it first" in said
    assert tasks(account) == []


def test_one_file_that_fails_ends_the_export_with_its_report(account: Made) -> None:
    system = file_system(account)
    associate(account, system, "/fail")
    said = account.failure(account.work(stage(account)))
    (task,) = tasks(account)
    assert said == (
        f"lustre {system}: /fail not exported, nothing is deleted: task {task['TaskId']} is FAILED, 1 files failed: "
        f"One or more files failed.: see s3://datasets/data/fail/.trainyard-teardown/{task['TaskId']}/failures.csv"
    )


def test_the_report_is_read(account: Made) -> None:
    associate(account, file_system(account), "/fail")
    s3 = account.client("s3")
    s3.create_bucket(Bucket="datasets", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    said = account.failure(account.work(stage(account)))
    assert said.endswith("failures.csv, which begins with /failing,FAILED,S3AccessDenied")


def test_a_failure_of_one_file_system_does_not_end_the_export_of_another(account: Made) -> None:
    associate(account, file_system(account), "/fail")
    associate(account, file_system(account), "/good")
    account.failure(account.work(stage(account)))
    assert sorted(each["Lifecycle"] for each in tasks(account)) == ["FAILED", "SUCCEEDED"]


def test_what_failed_is_tried_again(account: Made) -> None:
    associate(account, file_system(account), "/fail")
    for _ in range(2):
        account.failure(account.work(stage(account)))
    assert len(tasks(account)) == 2


def test_what_is_exported_is_not_exported_again(account: Made) -> None:
    associate(account, file_system(account))
    account.do(stage(account))
    assert account.finds(stage(account)) == []
    account.do(stage(account))
    assert len(tasks(account)) == 1


@pytest.mark.parametrize("call", ["sagemaker.stop_training_job", "batch.terminate_jobs", "sagemaker.delete_cluster"])
def test_it_is_exported_again_if_something_could_write_since(account: Made, call: str) -> None:
    associate(account, file_system(account))
    account.do(stage(account))
    account.journal.write(call=call, arguments={})
    account.do(stage(account))
    assert len(tasks(account)) == 2


def exported(account: Made, path: str = "/") -> str:
    """A file system that was exported when nobody could write to it any more."""
    bound(account)
    closed(account)
    system = file_system(account)
    associate(account, system, path)
    account.do(stage(account))
    return system


def test_what_is_exported_is_not_exported_again_while_nobody_can_write(account: Made) -> None:
    exported(account)
    assert account.finds(stage(account)) == []


def test_it_is_exported_again_if_people_can_write(account: Made) -> None:
    system = exported(account)
    opened(account)
    assert account.finds(stage(account)) == [system]


def test_it_is_exported_again_if_people_could_write_since(account: Made, tmp_path: Path) -> None:
    exported(account)
    opened_and_closed_elsewhere(account, tmp_path)
    closed(account)
    account.do(stage(account))
    assert len(tasks(account)) == 2


def unlinked(account: Made) -> None:
    """CloudFormation deletes associations before their file system."""
    fsx = account.client("fsx")
    for id_ in associations(account).values():
        fsx.delete_data_repository_association(AssociationId=id_)
    account.local.clock.sleep(3600)
    assert associations(account) == {}


def test_what_was_exported_is_not_lost_with_its_association(account: Made) -> None:
    exported(account)
    unlinked(account)
    assert (account.finds(stage(account)), blockers(account)) == ([], [])


def test_what_people_could_write_since_is_lost_with_its_association(account: Made) -> None:
    system = exported(account)
    unlinked(account)
    opened(account)
    (said,) = blockers(account)
    assert said.startswith(f"lustre {system}: all files are in no bucket")


def test_of_what_was_exported_files_outside_of_folders_must_still_be_confirmed(account: Made) -> None:
    system = exported(account, "/images")
    unlinked(account)
    (said,) = blockers(account)
    assert said.startswith(f"lustre {system}: files outside of /images are in no bucket")


def test_a_file_system_that_is_being_deleted_is_left_out(account: Made) -> None:
    system = file_system(account)
    account.client("fsx").delete_file_system(FileSystemId=system)
    (described,) = account.client("fsx").describe_file_systems()["FileSystems"]
    assert described["Lifecycle"] == "DELETING"
    assert (account.finds(stage(account)), blockers(account)) == ([], [])


def test_another_run_goes_on_with_the_task_of_the_one_before(account: Made) -> None:
    associate(account, file_system(account))
    work = account.work(stage(account))
    while "fsx.create_data_repository_task" not in account.calls():
        account.local.clock.sleep(next(work))
    account.do(stage(account))
    assert [each["Lifecycle"] for each in tasks(account)] == ["SUCCEEDED"]


def test_an_association_whose_export_an_earlier_run_switched_off_is_exported(account: Made) -> None:
    """Also one that no stack made, whose intent nothing tells any more."""
    system = file_system(account)
    created = account.client("fsx").create_data_repository_association(
        FileSystemId=system, FileSystemPath="/own", DataRepositoryPath="s3://datasets/own/", S3=EXPORTS
    )
    account.local.clock.sleep(600)
    work = account.work(stage(account))
    while "fsx.update_data_repository_association" not in account.calls():
        account.local.clock.sleep(next(work))
    account.local.clock.sleep(600)
    assert association(account, created["Association"]["AssociationId"])["S3"]["AutoExportPolicy"]["Events"] == []
    account.do(stage(account))
    assert [each["Paths"] for each in tasks(account)] == [["own"]]


def test_a_running_import_is_cancelled(account: Made) -> None:
    system = file_system(account)
    associate(account, system)
    start(account, system, "IMPORT_METADATA_FROM_REPOSITORY")
    account.do(stage(account))
    assert {each["Type"]: each["Lifecycle"] for each in tasks(account)} == {
        "IMPORT_METADATA_FROM_REPOSITORY": "CANCELED",
        "EXPORT_TO_REPOSITORY": "SUCCEEDED",
    }


def test_a_running_export_of_somebody_is_waited_for(account: Made) -> None:
    system = file_system(account)
    associate(account, system, s3=IMPORTS)
    associate(account, system, "/other")
    account.client("fsx").update_data_repository_association(
        AssociationId=associations(account)["/other"], S3={"AutoExportPolicy": {"Events": []}}
    )
    account.local.clock.sleep(600)
    start(account, system, "EXPORT_TO_REPOSITORY")
    account.do(stage(account))
    assert [each["Lifecycle"] for each in tasks(account)] == ["SUCCEEDED", "SUCCEEDED"]


def associations(account: Made) -> dict[str, str]:
    found = account.client("fsx").describe_data_repository_associations()["Associations"]
    return {each["FileSystemPath"]: each["AssociationId"] for each in found}


def start(account: Made, system: str, type_: str) -> None:
    account.client("fsx").create_data_repository_task(FileSystemId=system, Type=type_, Report={"Enabled": False})


def test_the_file_system_of_somebody_else_is_not_touched(account: Made) -> None:
    file_system(account)
    foreign = file_system(account, ours=False)
    id_ = associate(account, foreign)
    account.do(stage(account))
    assert association(account, id_)["S3"] == EXPORTS
    assert (tasks(account), account.calls()) == ([], [])


def test_one_that_stays_is_not_exported(account: Made) -> None:
    associate(account, file_system(account, kept=True))
    assert account.finds(stage(account)) == []


def test_one_that_is_gone_is_left_out(account: Made) -> None:
    account.add("AWS::FSx::FileSystem", "fs-0123456789abcdef0")
    assert (account.finds(stage(account)), blockers(account)) == ([], [])


def test_it_comes_after_all_that_writes(account: Made) -> None:
    after = stage(account).after
    assert {"apps.delete", "training jobs.stop", "clusters.delete", "notebook volumes.back_up"} <= after


def test_it_does_not_wait_for_deletions_of_others(account: Made) -> None:
    assert "user profiles.delete" not in stage(account).after


def test_reopened_it_exports_by_itself_as_it_is_deployed(account: Made) -> None:
    id_ = associate(account, file_system(account))
    silent = associate(account, file_system(account), s3=IMPORTS)
    account.do(stage(account))
    assert account.finish(lustre.reopen(account.aws, account.scope, lambda *_: None)) == []
    account.local.clock.sleep(600)
    assert (association(account, id_)["S3"], association(account, silent)["S3"]) == (EXPORTS, IMPORTS)


def test_what_does_not_export_by_itself_again_is_told(account: Made) -> None:
    id_ = associate(account, file_system(account))
    work = account.work(stage(account))
    while "fsx.update_data_repository_association" not in account.calls():
        account.local.clock.sleep(next(work))
    (said,) = account.finish(lustre.reopen(account.aws, account.scope, lambda *_: None))
    assert said.startswith(f"{id_}: does not export by itself: it is UPDATING: ")
