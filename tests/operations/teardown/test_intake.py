"""Nobody starts anything any more, and there is a way back."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from operations.teardown import intake
from operations.teardown.journal import Journal
from tests.operations.teardown.made import Made, made
from tests.support import Assembly, documents
from trainyard.lengths import MAX_POLICY

ALLOW = {"Sid": "Here", "Effect": "Allow", "Action": ["sagemaker:CreateApp", "s3:PutObject"], "Resource": "*"}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Made]:
    with made(tmp_path) as account:
        yield account


def policy(account: Made, name: str = "boundary", statements: list[Any] | None = None) -> str:
    document = {"Version": "2012-10-17", "Statement": statements or [ALLOW]}
    created = account.client("iam").create_policy(PolicyName=name, PolicyDocument=json.dumps(document))
    return str(created["Policy"]["Arn"])


@pytest.fixture
def boundary(account: Made) -> str:
    arn = policy(account)
    logical_id = account.add("AWS::IAM::ManagedPolicy", arn)
    account.add("AWS::IAM::Role", "worker", PermissionsBoundary={"Ref": logical_id}, ManagedPolicyArns=["other"])
    return arn


def statements(account: Made, arn: str) -> list[dict[str, Any]]:
    iam = account.client("iam")
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return list(document["Statement"])


def versions(account: Made, arn: str) -> int:
    return len(account.client("iam").list_policy_versions(PolicyArn=arn)["Versions"])


def test_a_deny_joins_what_was_allowed(account: Made, boundary: str) -> None:
    account.do(intake.stage(account.journal))
    assert statements(account, boundary) == [ALLOW, intake.CLOSED]


def test_only_one_version_is_left(account: Made, boundary: str) -> None:
    """IAM refuses to delete a policy with several."""
    account.do(intake.stage(account.journal))
    assert versions(account, boundary) == 1


def test_five_versions_leave_room(account: Made, boundary: str) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": [ALLOW]})
    for _ in range(4):
        account.client("iam").create_policy_version(PolicyArn=boundary, PolicyDocument=document, SetAsDefault=True)
    account.do(intake.stage(account.journal))
    assert (versions(account, boundary), statements(account, boundary)[-1]) == (1, intake.CLOSED)


def test_an_open_boundary_is_found(account: Made, boundary: str) -> None:
    assert account.finds(intake.stage(account.journal)) == [boundary]


@pytest.mark.usefixtures("boundary")
def test_a_closed_one_is_not_found(account: Made) -> None:
    account.do(intake.stage(account.journal))
    assert account.finds(intake.stage(account.journal)) == []


@pytest.mark.usefixtures("boundary")
def test_the_second_time_nothing_is_called(account: Made) -> None:
    account.do(intake.stage(account.journal))
    before = account.calls()
    account.do(intake.stage(account.journal))
    assert account.calls() == before


def test_a_crash_before_the_old_version_went_is_mended(account: Made, boundary: str) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": [ALLOW, intake.CLOSED]})
    account.client("iam").create_policy_version(PolicyArn=boundary, PolicyDocument=document, SetAsDefault=True)
    assert account.finds(intake.stage(account.journal)) == [boundary]
    account.do(intake.stage(account.journal))
    assert versions(account, boundary) == 1


def test_a_version_whose_answer_was_lost_goes_too(
    account: Made, boundary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = account.client("iam").create_policy_version
    lost = [ConnectionClosedError(endpoint_url="iam")]

    def once_lost(**arguments: Any) -> Any:
        answer = create(**arguments)
        if lost:
            raise lost.pop()
        return answer

    monkeypatch.setattr(account.client("iam"), "create_policy_version", once_lost)
    account.do(intake.stage(account.journal))
    assert (versions(account, boundary), statements(account, boundary)[-1]) == (1, intake.CLOSED)


def test_reopened_it_is_what_it_was(account: Made, boundary: str) -> None:
    account.do(intake.stage(account.journal))
    account.finish(intake.reopen(account.aws, account.scope, lambda *_: None))
    assert statements(account, boundary) == [ALLOW]


@pytest.mark.usefixtures("boundary")
def test_what_is_open_is_not_opened(account: Made) -> None:
    account.finish(intake.reopen(account.aws, account.scope, lambda *_: None))
    assert account.calls() == []


def queue(account: Made, name: str, **properties: Any) -> None:
    """A queue that takes no jobs any more."""
    batch = account.client("batch")
    made_ = batch.create_compute_environment(computeEnvironmentName=name, type="UNMANAGED")["computeEnvironmentArn"]
    account.local.clock.sleep(60)
    order = [{"order": 1, "computeEnvironment": made_}]
    batch.create_job_queue(jobQueueName=name, priority=1, computeEnvironmentOrder=order, state="DISABLED")
    account.add("AWS::Batch::JobQueue", name, **properties)


def states(account: Made) -> dict[str, str]:
    account.local.clock.sleep(60)
    return {each["jobQueueName"]: each["state"] for each in account.client("batch").describe_job_queues()["jobQueues"]}


def reopened(account: Made) -> list[str]:
    return list(account.finish(intake.reopen(account.aws, account.scope, lambda *_: None)))


def test_reopened_queues_take_jobs_as_they_are_deployed(account: Made) -> None:
    queue(account, "one")
    queue(account, "off", State="DISABLED")
    account.local.clock.sleep(60)
    assert reopened(account) == []
    assert states(account) == {"one": "ENABLED", "off": "DISABLED"}


def test_a_queue_that_takes_no_jobs_again_is_told(account: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ClientException", "Message": "not now"}}, "UpdateJobQueue")

    queue(account, "one")
    account.local.clock.sleep(60)
    monkeypatch.setattr(account.client("batch"), "update_job_queue", refused)
    assert reopened(account) == ["one: takes no jobs: it is VALID: not now"]


@pytest.mark.usefixtures("boundary")
def test_what_was_written_down_counts_while_it_is_closed(account: Made) -> None:
    account.do(intake.stage(account.journal))
    account.journal.write(exported="one")
    entries = account.finish(intake.since_closed(account.aws, account.scope, account.journal))
    assert [each["exported"] for each in entries] == ["one"]


def test_one_that_another_journal_closed_is_closed_again(account: Made, boundary: str, tmp_path: Path) -> None:
    """Else nobody would know whether it was open meanwhile."""
    account.do(intake.stage(account.journal))
    assert account.finds(intake.stage(Journal(tmp_path / "another.jsonl"))) == [boundary]


def test_a_policy_that_is_gone_is_left_out(account: Made, boundary: str) -> None:
    account.client("iam").delete_policy(PolicyArn=boundary)
    account.do(intake.stage(account.journal))
    assert (account.finds(intake.stage(account.journal)), account.calls()) == ([], [])


@pytest.mark.usefixtures("boundary")
def test_a_policy_that_is_no_boundary_stays(account: Made) -> None:
    other = policy(account, "other")
    account.add("AWS::IAM::ManagedPolicy", other)
    account.do(intake.stage(account.journal))
    assert statements(account, other) == [ALLOW]


def test_the_boundary_of_one_who_only_looks_stays(account: Made) -> None:
    arn = policy(account)
    reference = {"Ref": account.add("AWS::IAM::ManagedPolicy", arn)}
    account.add("AWS::IAM::Role", "auditor", PermissionsBoundary=reference, ManagedPolicyArns=[reference])
    assert account.finds(intake.stage(account.journal)) == []


def test_a_policy_without_room_is_named(account: Made) -> None:
    arn = policy(account, statements=[{**ALLOW, "Action": [f"s3:{'x' * 57}{index:03}" for index in range(89)]}])
    logical_id = account.add("AWS::IAM::ManagedPolicy", arn)
    account.add("AWS::IAM::Role", "worker", PermissionsBoundary={"Ref": logical_id})
    said = account.failure(account.work(intake.stage(account.journal)))
    assert said.startswith(f"policy {arn}: ")
    assert "IAM takes 6144" in said


def test_the_boundary_that_is_deployed_has_room(prod: Assembly) -> None:
    (document,) = (each for name, each in documents(prod.template("access")).items() if name.startswith("Boundary"))
    closed = {**document, "Statement": [*document["Statement"], intake.CLOSED]}
    assert len(json.dumps(closed, separators=(",", ":"))) <= MAX_POLICY


NEEDED = (
    *("s3:PutObject", "s3:GetObject", "logs:PutLogEvents", "kms:Decrypt", "ec2:CreateNetworkInterface"),
    *("sagemaker:StopTrainingJob", "sagemaker:StopNotebookInstance", "sagemaker:DeleteApp", "batch:TerminateJob"),
)


@pytest.mark.parametrize("action", NEEDED)
def test_what_ends_work_and_backs_it_up_is_not_denied(action: str) -> None:
    assert not any(fnmatchcase(action, pattern) for pattern in intake.STARTS)


@pytest.mark.parametrize(
    "action",
    [
        *("sagemaker:CreatePresignedDomainUrl", "sagemaker:CreatePresignedNotebookInstanceUrl", "batch:SubmitJob"),
        *("sagemaker:CreateTrainingJob", "sagemaker:StartNotebookInstance", "sagemaker:StartPipelineExecution"),
        *("sagemaker:CreateApp", "sagemaker:UpdateEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities"),
    ],
)
def test_what_starts_or_makes_something_is_denied(action: str) -> None:
    assert any(fnmatchcase(action, pattern) for pattern in intake.STARTS)
