"""Operations that moto lacks on things that moto keeps."""

import pytest

from tests.local_aws.services.conftest import Aws

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"
GROUP_ARN = "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/group"


def test_a_model_package_group_with_packages_is_not_deleted(aws: Aws) -> None:
    aws("sagemaker.CreateModelPackageGroup", ModelPackageGroupName="group")
    aws("sagemaker.CreateModelPackage", ModelPackageGroupName="group")
    refused = aws.refusal("sagemaker.DeleteModelPackageGroup", ModelPackageGroupName="group")
    assert (
        refused == f"ConflictException: Model Package Group {GROUP_ARN} cannot be deleted: it still has Model Packages."
    )


def test_a_model_package_group_without_packages_is_deleted(aws: Aws) -> None:
    aws("sagemaker.CreateModelPackageGroup", ModelPackageGroupName="group")
    package = aws("sagemaker.CreateModelPackage", ModelPackageGroupName="group")["ModelPackageArn"]
    aws("sagemaker.DeleteModelPackage", ModelPackageName=package)
    aws("sagemaker.DeleteModelPackageGroup", ModelPackageGroupName="group")
    assert aws("sagemaker.ListModelPackageGroups")["ModelPackageGroupSummaryList"] == []


@pytest.mark.parametrize("operation", ["DeleteModelPackageGroup", "GetModelPackageGroupPolicy"])
def test_a_model_package_group_that_is_not_there_is_not_found(aws: Aws, operation: str) -> None:
    refused = aws.refusal(f"sagemaker.{operation}", ModelPackageGroupName="group")
    assert refused == f"ValidationException: ModelPackageGroup {GROUP_ARN} does not exist."


def test_a_policy_that_was_deleted_is_not_found(aws: Aws) -> None:
    aws("sagemaker.CreateModelPackageGroup", ModelPackageGroupName="group")
    aws("sagemaker.PutModelPackageGroupPolicy", ModelPackageGroupName="group", ResourcePolicy="{}")
    aws("sagemaker.DeleteModelPackageGroupPolicy", ModelPackageGroupName="group")
    refused = aws.refusal("sagemaker.GetModelPackageGroupPolicy", ModelPackageGroupName="group")
    assert refused == "ValidationException: Cannot find Model Package Group Policy for group."


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


@pytest.mark.parametrize("operation", ["CancelJobs", "TerminateJobs", "TerminateServiceJobs"])
def test_more_than_fifty_jobs_are_refused(aws: Aws, operation: str) -> None:
    refused = aws.refusal(f"batch.{operation}", jobs=[str(number) for number in range(51)], reason="enough")
    assert refused == "ClientException: There can be 50 jobs at most"


@pytest.mark.parametrize("operation", ["CancelJobs", "TerminateJobs", "TerminateServiceJobs"])
def test_jobs_that_are_not_there_count_as_done(aws: Aws, operation: str) -> None:
    assert aws(f"batch.{operation}", jobs=["none"], reason="enough") == {"successful": ["none"], "errors": []}
