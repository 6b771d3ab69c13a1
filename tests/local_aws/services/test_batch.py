"""What time does to the environments, queues and jobs of Batch."""

from typing import Any

import pytest

from tests.local_aws.services.conftest import Aws

RUNS = 62
"""Seconds from the submission of a job to its start."""


@pytest.mark.parametrize(
    ("seconds", "status"),
    [(0, "SUBMITTED"), (2, "RUNNABLE"), (32, "STARTING"), (RUNS, "RUNNING"), (RUNS + 3600, "SUCCEEDED")],
)
def test_a_job_goes_through_its_states(aws: Aws, seconds: int, status: str) -> None:
    job = _submit(aws)
    aws.wait(seconds)
    assert _status(aws, job) == status


@pytest.mark.parametrize("definition", ["work", "work:1", "arn:aws:batch:eu-west-1:123456789012:job-definition/work:1"])
def test_a_definition_has_three_names(aws: Aws, definition: str) -> None:
    job = _submit(aws, jobDefinition=definition)
    assert aws("batch.DescribeJobs", jobs=[job])["jobs"][0]["jobDefinition"].endswith("job-definition/work:1")


def test_a_job_fails_when_its_name_says_so(aws: Aws) -> None:
    job = _submit(aws, jobName="failing")
    aws.wait(RUNS + 3600)
    assert _status(aws, job) == "FAILED"


def test_a_job_that_waits_for_another_one_is_pending(aws: Aws) -> None:
    job = _submit(aws, dependsOn=[{"jobId": "other"}])
    aws.wait(1000)
    assert _status(aws, job) == "PENDING"


def test_a_job_is_kept_for_seven_days(aws: Aws) -> None:
    job = _submit(aws)
    aws.wait(RUNS + 3600 + 7 * 86400 - 1)
    assert _status(aws, job) == "SUCCEEDED"
    aws.wait(1)
    assert aws("batch.DescribeJobs", jobs=[job])["jobs"] == []


def test_only_running_jobs_are_listed_unless_another_state_is_asked_for(aws: Aws) -> None:
    job = _submit(aws)
    listed = [aws("batch.ListJobs", jobQueue="jobs"), aws("batch.ListJobs", jobQueue="jobs", jobStatus="SUBMITTED")]
    assert [[each["jobId"] for each in answer["jobSummaryList"]] for answer in listed] == [[], [job]]


def test_jobs_of_another_queue_are_not_listed(aws: Aws) -> None:
    _submit(aws)
    order = [{"order": 1, "computeEnvironment": "hosts"}]
    aws("batch.CreateJobQueue", jobQueueName="other", priority=1, computeEnvironmentOrder=order)
    aws.wait(RUNS)
    assert aws("batch.ListJobs", jobQueue="other")["jobSummaryList"] == []


def test_the_jobs_of_an_array_are_not_listed_beside_their_parent(aws: Aws) -> None:
    parent = _submit(aws, arrayProperties={"size": 3})
    aws.wait(RUNS)
    listed = aws("batch.ListJobs", jobQueue="jobs", jobStatus="PENDING")["jobSummaryList"]
    assert [each["jobId"] for each in listed] == [parent]
    children = aws("batch.ListJobs", arrayJobId=parent)["jobSummaryList"]
    assert [each["jobId"] for each in children] == [f"{parent}:{index}" for index in range(3)]


def test_a_parent_is_terminated_with_its_jobs(aws: Aws) -> None:
    parent = _submit(aws, arrayProperties={"size": 2})
    aws.wait(RUNS)
    aws("batch.TerminateJob", jobId=parent, reason="enough")
    aws.wait(30)
    assert [_status(aws, each) for each in (parent, f"{parent}:0", f"{parent}:1")] == ["FAILED"] * 3


def test_a_running_job_takes_half_a_minute_to_end(aws: Aws) -> None:
    job = _submit(aws)
    aws.wait(RUNS)
    aws("batch.TerminateJob", jobId=job, reason="enough")
    aws.wait(29)
    assert _status(aws, job) == "RUNNING"
    aws.wait(1)
    (ended,) = aws("batch.DescribeJobs", jobs=[job])["jobs"]
    assert (ended["status"], ended["statusReason"], ended["isTerminated"]) == ("FAILED", "enough", True)


def test_a_running_job_is_not_cancelled(aws: Aws) -> None:
    job = _submit(aws)
    aws.wait(RUNS)
    aws("batch.CancelJob", jobId=job, reason="enough")
    assert _status(aws, job) == "RUNNING"


def test_a_waiting_job_is_cancelled(aws: Aws) -> None:
    job = _submit(aws)
    aws.wait(2)
    aws("batch.CancelJob", jobId=job, reason="enough")
    assert _status(aws, job) == "FAILED"


def test_fifty_jobs_are_terminated_at_once(aws: Aws) -> None:
    jobs = [_submit(aws) for _ in range(2)]
    assert aws("batch.TerminateJobs", jobs=jobs, reason="enough") == {"successful": jobs, "errors": []}
    assert [_status(aws, each) for each in jobs] == ["FAILED"] * 2


def test_a_queue_that_is_disabled_lets_its_jobs_run(aws: Aws) -> None:
    job = _submit(aws)
    aws("batch.UpdateJobQueue", jobQueue="jobs", state="DISABLED")
    aws.wait(RUNS)
    assert _status(aws, job) == "RUNNING"


def test_a_queue_that_is_deleted_ends_its_jobs(aws: Aws) -> None:
    job = _submit(aws)
    aws.wait(RUNS)
    _delete_queue(aws)
    aws.wait(30)
    assert _status(aws, job) == "FAILED"


@pytest.mark.parametrize(("seconds", "seen"), [(0, ["DELETING"]), (30, ["DELETED"]), (60, [])])
def test_a_queue_is_seen_for_a_while_after_its_end(aws: Aws, seconds: int, seen: list[str]) -> None:
    _queue(aws)
    _delete_queue(aws)
    aws.wait(seconds)
    assert [each["status"] for each in aws("batch.DescribeJobQueues", jobQueues=["jobs"])["jobQueues"]] == seen


def test_an_environment_without_its_role_is_invalid(aws: Aws) -> None:
    _queue(aws, serviceRole=_role(aws))
    aws("iam.DeleteRole", RoleName="service")
    aws("batch.UpdateComputeEnvironment", computeEnvironment="hosts", state="DISABLED")
    aws.wait(10)
    (environment,) = aws("batch.DescribeComputeEnvironments")["computeEnvironments"]
    assert (environment["status"], "AssumeRole" in environment["statusReason"]) == ("INVALID", True)


def test_an_environment_without_its_role_is_not_deleted(aws: Aws) -> None:
    _queue(aws, serviceRole=_role(aws))
    aws("iam.DeleteRole", RoleName="service")
    aws("batch.DeleteComputeEnvironment", computeEnvironment="hosts")
    aws.wait(86400)
    (environment,) = aws("batch.DescribeComputeEnvironments")["computeEnvironments"]
    assert environment["status"] == "DELETING"


def test_an_environment_whose_role_is_back_is_valid_again(aws: Aws) -> None:
    _queue(aws, serviceRole=_role(aws))
    aws("iam.DeleteRole", RoleName="service")
    aws("batch.UpdateComputeEnvironment", computeEnvironment="hosts", state="DISABLED")
    aws.wait(10)
    _role(aws)
    aws("batch.UpdateComputeEnvironment", computeEnvironment="hosts", state="DISABLED")
    aws.wait(10)
    (environment,) = aws("batch.DescribeComputeEnvironments")["computeEnvironments"]
    assert environment["status"] == "VALID"


def _role(aws: Aws) -> str:
    return str(aws("iam.CreateRole", RoleName="service", AssumeRolePolicyDocument="{}")["Role"]["Arn"])


def _queue(aws: Aws, **more: Any) -> None:
    """A queue ``jobs`` with an environment ``hosts``, and a job definition ``work``."""
    group = aws("ec2.DescribeSecurityGroups")["SecurityGroups"][0]["GroupId"]
    resources = {"type": "FARGATE", "maxvCpus": 4, "subnets": [aws.subnet()], "securityGroupIds": [group]}
    aws(
        "batch.CreateComputeEnvironment",
        computeEnvironmentName="hosts",
        type="MANAGED",
        computeResources=resources,
        **more,
    )
    aws.wait(10)
    order = [{"order": 1, "computeEnvironment": "hosts"}]
    aws("batch.CreateJobQueue", jobQueueName="jobs", priority=1, computeEnvironmentOrder=order)
    aws.wait(5)
    container = {"image": "image", "vcpus": 1, "memory": 8}
    aws("batch.RegisterJobDefinition", jobDefinitionName="work", type="container", containerProperties=container)


def _submit(aws: Aws, **more: Any) -> str:
    if not aws("batch.DescribeJobQueues")["jobQueues"]:
        _queue(aws)
    job = {"jobName": "job", "jobQueue": "jobs", "jobDefinition": "work", **more}
    return str(aws("batch.SubmitJob", **job)["jobId"])


def _status(aws: Aws, job: str) -> str:
    return str(aws("batch.DescribeJobs", jobs=[job])["jobs"][0]["status"])


def _delete_queue(aws: Aws) -> None:
    aws("batch.UpdateJobQueue", jobQueue="jobs", state="DISABLED")
    aws.wait(5)
    aws("batch.DeleteJobQueue", jobQueue="jobs")
