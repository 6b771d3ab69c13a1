"""What time does to records."""

from typing import Any

import pytest

from tests.local_aws.services.conftest import Aws

ROLE = "arn:aws:iam::123456789012:role/studio"
NOTEBOOK = {"NotebookInstanceName": "book", "InstanceType": "ml.t3.medium", "RoleArn": ROLE}


def test_a_domain_takes_five_minutes(aws: Aws) -> None:
    domain = _domain(aws)
    assert aws("sagemaker.DescribeDomain", DomainId=domain)["Status"] == "Pending"
    aws.wait(299)
    assert aws("sagemaker.DescribeDomain", DomainId=domain)["Status"] == "Pending"
    aws.wait(1)
    assert aws("sagemaker.DescribeDomain", DomainId=domain)["Status"] == "InService"


def test_a_domain_that_is_being_deleted_is_still_there(aws: Aws) -> None:
    domain = _domain(aws)
    aws.wait(300)
    aws("sagemaker.DeleteDomain", DomainId=domain)
    assert aws("sagemaker.DescribeDomain", DomainId=domain)["Status"] == "Deleting"
    aws.wait(120)
    assert aws.refusal("sagemaker.DescribeDomain", DomainId=domain).startswith("ResourceNotFound:")


def test_a_deleted_app_stays_listed_for_a_day(aws: Aws) -> None:
    app = _app(aws)
    aws("sagemaker.DeleteApp", **app)
    aws.wait(1200 + 24 * 3600 - 1)
    assert [each["Status"] for each in aws("sagemaker.ListApps")["Apps"]] == ["Deleted"]
    aws.wait(1)
    assert aws("sagemaker.ListApps")["Apps"] == []


def test_a_deleted_app_gives_its_name_to_a_new_one(aws: Aws) -> None:
    app = _app(aws)
    aws("sagemaker.DeleteApp", **app)
    aws.wait(1200)
    aws("sagemaker.CreateApp", **app)
    assert [each["Status"] for each in aws("sagemaker.ListApps")["Apps"]] == ["Pending"]


def test_a_deleted_app_lets_its_profile_go(aws: Aws) -> None:
    app = _app(aws)
    aws("sagemaker.DeleteApp", **app)
    aws.wait(1200)
    aws("sagemaker.DeleteUserProfile", DomainId=app["DomainId"], UserProfileName="ann")
    aws.wait(10)
    assert aws("sagemaker.ListUserProfiles")["UserProfiles"] == []


def test_steps_that_nobody_saw_are_made_up_for(aws: Aws) -> None:
    aws("sagemaker.CreateNotebookInstance", **NOTEBOOK)
    aws.wait(10_000)
    aws("sagemaker.StopNotebookInstance", NotebookInstanceName="book")
    aws.wait(10_000)
    assert _notebook(aws)["NotebookInstanceStatus"] == "Stopped"


def test_a_change_moves_the_time_of_the_last_change(aws: Aws) -> None:
    aws("sagemaker.CreateNotebookInstance", **NOTEBOOK)
    aws.wait(240)
    made = _notebook(aws)
    assert made["LastModifiedTime"] > made["CreationTime"]


def test_a_notebook_instance_has_a_network_interface_until_it_is_gone(aws: Aws) -> None:
    group = aws("ec2.DescribeSecurityGroups")["SecurityGroups"][0]["GroupId"]
    aws("sagemaker.CreateNotebookInstance", **NOTEBOOK, SubnetId=aws.subnet(), SecurityGroupIds=[group])
    aws.wait(240)
    aws("sagemaker.StopNotebookInstance", NotebookInstanceName="book")
    aws.wait(90)
    interface = _notebook(aws)["NetworkInterfaceId"]
    aws("sagemaker.DeleteNotebookInstance", NotebookInstanceName="book")
    aws.wait(59)
    assert [each["NetworkInterfaceId"] for each in aws.interfaces()] == [interface]
    aws.wait(1)
    assert aws.interfaces() == []


def test_another_platform_takes_a_minute_and_keeps_the_instance(aws: Aws) -> None:
    aws("sagemaker.CreateNotebookInstance", **NOTEBOOK)
    aws.wait(240)
    made = _notebook(aws)
    aws("sagemaker.StopNotebookInstance", NotebookInstanceName="book")
    aws.wait(90)
    aws("sagemaker.UpdateNotebookInstance", NotebookInstanceName="book", PlatformIdentifier="notebook-al2023-v2")
    aws.wait(59)
    assert _notebook(aws)["NotebookInstanceStatus"] == "Updating"
    aws.wait(1)
    changed = _notebook(aws)
    assert (made["PlatformIdentifier"], changed["PlatformIdentifier"]) == ("notebook-al2023-v1", "notebook-al2023-v2")
    assert (changed["NotebookInstanceStatus"], changed["CreationTime"]) == ("Stopped", made["CreationTime"])


def test_a_start_fails_when_the_name_of_its_script_says_so(aws: Aws) -> None:
    aws("sagemaker.CreateNotebookInstanceLifecycleConfig", NotebookInstanceLifecycleConfigName="failing")
    aws("sagemaker.CreateNotebookInstance", **NOTEBOOK, LifecycleConfigName="failing")
    aws.wait(240)
    failed = _notebook(aws)
    assert failed["NotebookInstanceStatus"] == "Failed"
    assert "failing" in failed["FailureReason"]


def test_a_failed_notebook_instance_starts_once_its_script_is_gone(aws: Aws) -> None:
    aws("sagemaker.CreateNotebookInstanceLifecycleConfig", NotebookInstanceLifecycleConfigName="failing")
    aws("sagemaker.CreateNotebookInstance", **NOTEBOOK, LifecycleConfigName="failing")
    aws.wait(240)
    aws("sagemaker.UpdateNotebookInstance", NotebookInstanceName="book", DisassociateLifecycleConfig=True)
    aws.wait(60)
    aws("sagemaker.StartNotebookInstance", NotebookInstanceName="book")
    aws.wait(180)
    started = _notebook(aws)
    assert (started["NotebookInstanceStatus"], "FailureReason" in started) == ("InService", False)


def test_a_file_system_has_a_network_interface_until_it_is_gone(aws: Aws) -> None:
    system = _system(aws)
    assert [each["NetworkInterfaceId"] for each in aws.interfaces()] == system["NetworkInterfaceIds"]
    aws("fsx.DeleteFileSystem", FileSystemId=system["FileSystemId"])
    aws.wait(299)
    assert len(aws.interfaces()) == 1
    aws.wait(1)
    assert aws.interfaces() == []


def test_a_file_system_takes_its_associations_with_it(aws: Aws) -> None:
    system = _system(aws)["FileSystemId"]
    aws("fsx.CreateDataRepositoryAssociation", FileSystemId=system, DataRepositoryPath="s3://data")
    aws("fsx.DeleteFileSystem", FileSystemId=system)
    aws.wait(300)
    assert aws("fsx.DescribeDataRepositoryAssociations")["Associations"] == []


@pytest.mark.parametrize(("path", "lifecycle", "failed"), [("x", "SUCCEEDED", 0), ("x/failing", "FAILED", 1)])
def test_a_task_ends_as_its_paths_say(aws: Aws, path: str, lifecycle: str, failed: int) -> None:
    system = _system(aws)["FileSystemId"]
    aws("fsx.CreateDataRepositoryAssociation", FileSystemId=system, DataRepositoryPath="s3://data")
    aws("fsx.CreateDataRepositoryTask", **_export(system), Paths=[path])
    states = []
    for seconds in (0, 30, 120):
        aws.wait(seconds)
        (task,) = aws("fsx.DescribeDataRepositoryTasks")["DataRepositoryTasks"]
        states.append(task["Lifecycle"])
    assert states == ["PENDING", "EXECUTING", lifecycle]
    assert (task["Status"]["FailedCount"], task["Status"]["TotalCount"]) == (failed, 100)


@pytest.mark.parametrize(("path", "keys"), [("x", []), ("x/failing", ["reports/{task}/failures.csv"])])
def test_a_task_reports_the_files_that_failed(aws: Aws, path: str, keys: list[str]) -> None:
    aws("s3.CreateBucket", Bucket="data", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    system = _system(aws)["FileSystemId"]
    aws("fsx.CreateDataRepositoryAssociation", FileSystemId=system, DataRepositoryPath="s3://data")
    report = {
        "Enabled": True,
        "Path": "s3://data/reports",
        "Format": "REPORT_CSV_20191124",
        "Scope": "FAILED_FILES_ONLY",
    }
    asked = {**_export(system), "Report": report, "Paths": [path]}
    task = aws("fsx.CreateDataRepositoryTask", **asked)["DataRepositoryTask"]["TaskId"]
    aws.wait(150)
    aws("fsx.DescribeDataRepositoryTasks")
    listed = aws("s3.ListObjectsV2", Bucket="data").get("Contents", [])
    assert [each["Key"] for each in listed] == [key.format(task=task) for key in keys]


def test_an_association_can_be_misconfigured(aws: Aws) -> None:
    system = _system(aws)["FileSystemId"]
    aws("fsx.CreateDataRepositoryAssociation", FileSystemId=system, DataRepositoryPath="s3://misconfigured")
    aws.wait(180)
    (association,) = aws("fsx.DescribeDataRepositoryAssociations")["Associations"]
    assert association["Lifecycle"] == "MISCONFIGURED"
    assert association["FailureDetails"]["Message"]


def test_a_cancelled_task_does_not_go_on(aws: Aws) -> None:
    system = _system(aws)["FileSystemId"]
    aws("fsx.CreateDataRepositoryAssociation", FileSystemId=system, DataRepositoryPath="s3://data")
    task = aws("fsx.CreateDataRepositoryTask", **_export(system))["DataRepositoryTask"]["TaskId"]
    aws("fsx.CancelDataRepositoryTask", TaskId=task)
    aws.wait(10_000)
    assert aws("fsx.DescribeDataRepositoryTasks")["DataRepositoryTasks"][0]["Lifecycle"] == "CANCELED"


def test_a_service_job_that_has_ended_is_not_terminated(aws: Aws) -> None:
    job = _job(aws, "job")
    aws.wait(1000)
    aws("batch.TerminateServiceJob", jobId=job, reason="late")
    ended = aws("batch.DescribeServiceJob", jobId=job)
    assert (ended["status"], ended["isTerminated"]) == ("SUCCEEDED", False)


def test_a_service_job_fails_when_its_name_says_so(aws: Aws) -> None:
    job = _job(aws, "failing")
    aws.wait(1000)
    assert aws("batch.DescribeServiceJob", jobId=job)["status"] == "FAILED"


def _domain(aws: Aws, **more: Any) -> str:
    settings = {"HomeEfsFileSystemCreation": "Disabled", "VpcId": "vpc-1", **more}
    made = aws(
        "sagemaker.CreateDomain",
        DomainName="studio",
        AuthMode="IAM",
        DefaultUserSettings={"ExecutionRole": ROLE},
        **settings,
    )
    return str(made["DomainId"])


def _app(aws: Aws) -> dict[str, str]:
    """An app of a profile, by what identifies it."""
    domain = _domain(aws)
    aws.wait(300)
    aws("sagemaker.CreateUserProfile", DomainId=domain, UserProfileName="ann")
    aws.wait(10)
    app = {"DomainId": domain, "UserProfileName": "ann", "AppType": "JupyterLab", "AppName": "default"}
    aws("sagemaker.CreateApp", **app)
    aws.wait(120)
    return app


def _notebook(aws: Aws) -> Any:
    return aws("sagemaker.DescribeNotebookInstance", NotebookInstanceName="book")


def _system(aws: Aws) -> Any:
    made = aws(
        "fsx.CreateFileSystem",
        FileSystemType="LUSTRE",
        StorageCapacity=1200,
        SubnetIds=[aws.subnet()],
        LustreConfiguration={"DeploymentType": "SCRATCH_2"},
    )["FileSystem"]
    aws.wait(600)
    return made


def _export(system: str) -> dict[str, Any]:
    return {"FileSystemId": system, "Type": "EXPORT_TO_REPOSITORY", "Report": {"Enabled": False}}


def _job(aws: Aws, name: str) -> str:
    aws(
        "batch.CreateServiceEnvironment",
        serviceEnvironmentName="training",
        serviceEnvironmentType="SAGEMAKER_TRAINING",
        capacityLimits=[{"maxCapacity": 1, "capacityUnit": "NUM_INSTANCES"}],
    )
    order = [{"order": 1, "serviceEnvironment": "training"}]
    aws("batch.CreateJobQueue", jobQueueName="queue", priority=1, serviceEnvironmentOrder=order)
    job = {"jobQueue": "queue", "serviceJobType": "SAGEMAKER_TRAINING", "serviceRequestPayload": "{}"}
    return str(aws("batch.SubmitServiceJob", jobName=name, **job)["jobId"])
