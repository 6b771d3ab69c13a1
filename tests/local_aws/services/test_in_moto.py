"""Operations that moto lacks on things that moto keeps."""

import pytest

from tests.local_aws.services.conftest import Aws

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"


def test_the_key_of_a_log_group_is_changed(aws: Aws) -> None:
    aws("logs.CreateLogGroup", logGroupName="group")
    aws("logs.AssociateKmsKey", logGroupName="group", kmsKeyId=KEY)
    assert aws("logs.DescribeLogGroups")["logGroups"][0]["kmsKeyId"] == KEY


def test_the_key_of_a_log_group_is_taken_away(aws: Aws) -> None:
    aws("logs.CreateLogGroup", logGroupName="group", kmsKeyId=KEY)
    aws("logs.DisassociateKmsKey", logGroupName="group")
    assert "kmsKeyId" not in aws("logs.DescribeLogGroups")["logGroups"][0]


def test_a_log_group_that_is_not_there_gets_no_key(aws: Aws) -> None:
    refused = aws.refusal("logs.AssociateKmsKey", logGroupName="group", kmsKeyId=KEY)
    assert refused == "ResourceNotFoundException: The specified log group does not exist."


def test_a_log_group_is_protected_until_it_is_not(aws: Aws) -> None:
    aws("logs.CreateLogGroup", logGroupName="group", deletionProtectionEnabled=True)
    assert aws.refusal("logs.DeleteLogGroup", logGroupName="group") == (
        "ValidationException: Log group group is protected from deletion."
    )
    aws("logs.PutLogGroupDeletionProtection", logGroupIdentifier="group", deletionProtectionEnabled=False)
    aws("logs.DeleteLogGroup", logGroupName="group")


def test_a_log_group_is_protected_by_its_arn(aws: Aws) -> None:
    aws("logs.CreateLogGroup", logGroupName="group")
    arn = "arn:aws:logs:eu-west-1:123456789012:log-group:group"
    aws("logs.PutLogGroupDeletionProtection", logGroupIdentifier=arn, deletionProtectionEnabled=True)
    assert aws.refusal("logs.DeleteLogGroup", logGroupName="group").startswith("ValidationException:")


def test_a_protected_log_group_is_made_once(aws: Aws) -> None:
    aws("logs.CreateLogGroup", logGroupName="group")
    refused = aws.refusal("logs.CreateLogGroup", logGroupName="group", deletionProtectionEnabled=True)
    assert refused.startswith("ResourceAlreadyExistsException:")
    aws("logs.DeleteLogGroup", logGroupName="group")


@pytest.mark.parametrize("operation", ["CancelJobs", "TerminateJobs", "TerminateServiceJobs"])
def test_more_than_fifty_jobs_are_refused(aws: Aws, operation: str) -> None:
    refused = aws.refusal(f"batch.{operation}", jobs=[str(number) for number in range(51)], reason="enough")
    assert refused == "ClientException: There can be 50 jobs at most"


@pytest.mark.parametrize("operation", ["CancelJobs", "TerminateJobs", "TerminateServiceJobs"])
def test_jobs_that_are_not_there_count_as_done(aws: Aws, operation: str) -> None:
    assert aws(f"batch.{operation}", jobs=["none"], reason="enough") == {"successful": ["none"], "errors": []}
