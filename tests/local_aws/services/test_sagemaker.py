"""What time does to the jobs, endpoints, pipelines and models of SageMaker."""

from typing import Any

import pytest

from tests.local_aws.services.conftest import Aws

ROLE = "arn:aws:iam::123456789012:role/models"
TOKEN = "0" * 32


def test_a_training_job_ends_after_an_hour(aws: Aws) -> None:
    _train(aws)
    aws.wait(3719)
    assert _training(aws)["TrainingJobStatus"] == "InProgress"
    aws.wait(1)
    assert _training(aws)["TrainingJobStatus"] == "Completed"


def test_a_training_job_gets_two_minutes_to_stop(aws: Aws) -> None:
    _train(aws)
    aws("sagemaker.StopTrainingJob", TrainingJobName="train")
    aws.wait(119)
    assert _training(aws)["TrainingJobStatus"] == "Stopping"
    aws.wait(1)
    assert _training(aws)["TrainingJobStatus"] == "Stopped"


def test_a_job_without_a_warm_pool_has_no_state_of_one(aws: Aws) -> None:
    _train(aws)
    aws.wait(3720)
    assert "WarmPoolStatus" not in _training(aws)


@pytest.mark.parametrize(("seconds", "state"), [(599, "Available"), (600, "Terminated")])
def test_a_warm_pool_is_kept_as_long_as_was_asked(aws: Aws, seconds: int, state: str) -> None:
    _train(aws, ResourceConfig={"InstanceType": "ml.m5.large", "KeepAlivePeriodInSeconds": 600})
    aws.wait(3720 + seconds)
    assert _training(aws)["WarmPoolStatus"]["Status"] == state


def test_a_warm_pool_that_is_given_up_lets_its_job_be_deleted(aws: Aws) -> None:
    _train(aws, ResourceConfig={"InstanceType": "ml.m5.large", "KeepAlivePeriodInSeconds": 3600})
    aws.wait(3720)
    aws("sagemaker.UpdateTrainingJob", TrainingJobName="train", ResourceConfig={"KeepAlivePeriodInSeconds": 0})
    aws("sagemaker.DeleteTrainingJob", TrainingJobName="train")
    aws.wait(10)
    assert aws("sagemaker.ListTrainingJobs")["TrainingJobSummaries"] == []


def test_a_tuning_job_stops_its_training_jobs(aws: Aws) -> None:
    limits = {"MaxParallelTrainingJobs": 1}
    aws(
        "sagemaker.CreateHyperParameterTuningJob",
        HyperParameterTuningJobName="search",
        HyperParameterTuningJobConfig={"Strategy": "Random", "ResourceLimits": limits},
    )
    _train(aws, "search-1")
    _train(aws)
    aws("sagemaker.StopHyperParameterTuningJob", HyperParameterTuningJobName="search")
    states = {name: _training(aws, name)["TrainingJobStatus"] for name in ("search-1", "train")}
    assert states == {"search-1": "Stopping", "train": "InProgress"}


def test_an_endpoint_has_interfaces_until_a_quarter_of_an_hour_after_its_end(aws: Aws) -> None:
    _endpoint(aws, in_vpc=True)
    aws.wait(300)
    aws("sagemaker.DeleteEndpoint", EndpointName="serve")
    aws.wait(120)
    assert aws("sagemaker.ListEndpoints")["Endpoints"] == []
    aws.wait(899)
    assert len(aws.interfaces()) == 1
    aws.wait(1)
    assert aws.interfaces() == []


def test_an_endpoint_without_a_vpc_has_no_interface(aws: Aws) -> None:
    _endpoint(aws)
    assert aws.interfaces() == []


def test_an_endpoint_stays_when_its_role_went_first(aws: Aws) -> None:
    aws("iam.CreateRole", RoleName="models", AssumeRolePolicyDocument="{}")
    _endpoint(aws)
    aws.wait(300)
    aws("iam.DeleteRole", RoleName="models")
    aws("sagemaker.DeleteEndpoint", EndpointName="serve")
    aws.wait(86400)
    assert aws("sagemaker.DescribeEndpoint", EndpointName="serve")["EndpointStatus"] == "Deleting"


def test_an_endpoint_goes_while_its_role_is_there(aws: Aws) -> None:
    aws("iam.CreateRole", RoleName="models", AssumeRolePolicyDocument="{}")
    _endpoint(aws)
    aws.wait(300)
    aws("sagemaker.DeleteEndpoint", EndpointName="serve")
    aws.wait(120)
    assert aws("sagemaker.ListEndpoints")["Endpoints"] == []


def test_a_pipeline_takes_its_executions_with_it(aws: Aws) -> None:
    aws("sagemaker.CreatePipeline", PipelineName="flow", ClientRequestToken=TOKEN, RoleArn=ROLE)
    started = aws("sagemaker.StartPipelineExecution", PipelineName="flow", ClientRequestToken=TOKEN)
    aws.wait(3600)
    aws("sagemaker.DeletePipeline", PipelineName="flow", ClientRequestToken=TOKEN)
    aws.wait(10)
    assert aws.refusal("sagemaker.DescribePipelineExecution", **started).startswith("ResourceNotFound:")


def test_versions_of_models_are_counted(aws: Aws) -> None:
    aws("sagemaker.CreateModelPackageGroup", ModelPackageGroupName="models")
    for _ in range(2):
        made = aws("sagemaker.CreateModelPackage", ModelPackageGroupName="models")
    assert made["ModelPackageArn"].endswith("model-package/models/2")


def test_versions_of_models_are_listed_when_they_are_asked_for(aws: Aws) -> None:
    aws("sagemaker.CreateModelPackageGroup", ModelPackageGroupName="models")
    aws("sagemaker.CreateModelPackage", ModelPackageGroupName="models")
    aws("sagemaker.CreateModelPackage", ModelPackageName="alone")
    listed = [
        [each["ModelPackageName"] for each in aws("sagemaker.ListModelPackages", **asked)["ModelPackageSummaryList"]]
        for asked in ({}, {"ModelPackageGroupName": "models"}, {"ModelPackageType": "Both"})
    ]
    assert listed == [["alone"], ["models"], ["models", "alone"]]


@pytest.mark.parametrize(("store", "seconds"), [("InMemory", 900), ("Standard", 60)])
def test_a_feature_group_goes_as_slowly_as_its_store(aws: Aws, store: str, seconds: int) -> None:
    aws(
        "sagemaker.CreateFeatureGroup",
        FeatureGroupName="features",
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="time",
        FeatureDefinitions=[{"FeatureName": "id", "FeatureType": "String"}],
        OnlineStoreConfig={"EnableOnlineStore": True, "StorageType": store},
    )
    aws.wait(30)
    aws("sagemaker.DeleteFeatureGroup", FeatureGroupName="features")
    aws.wait(seconds - 1)
    assert [each["FeatureGroupStatus"] for each in aws("sagemaker.ListFeatureGroups")["FeatureGroupSummaries"]] == [
        "Deleting"
    ]
    aws.wait(1)
    assert aws("sagemaker.ListFeatureGroups")["FeatureGroupSummaries"] == []


def _train(aws: Aws, name: str = "train", **more: Any) -> None:
    aws(
        "sagemaker.CreateTrainingJob",
        TrainingJobName=name,
        RoleArn=ROLE,
        OutputDataConfig={"S3OutputPath": "s3://output"},
        **more,
    )


def _training(aws: Aws, name: str = "train") -> Any:
    return aws("sagemaker.DescribeTrainingJob", TrainingJobName=name)


def _endpoint(aws: Aws, *, in_vpc: bool = False) -> None:
    """An endpoint ``serve`` of a model, whose role is ``models``."""
    group = aws("ec2.DescribeSecurityGroups")["SecurityGroups"][0]["GroupId"]
    network: dict[str, Any] = {"VpcConfig": {"Subnets": [aws.subnet()], "SecurityGroupIds": [group]}} if in_vpc else {}
    aws("sagemaker.CreateModel", ModelName="model", ExecutionRoleArn=ROLE, **network)
    variant = {"VariantName": "all", "ModelName": "model", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    aws("sagemaker.CreateEndpointConfig", EndpointConfigName="config", ProductionVariants=[variant])
    aws("sagemaker.CreateEndpoint", EndpointName="serve", EndpointConfigName="config")
