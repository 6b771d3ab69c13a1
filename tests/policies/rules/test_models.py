"""What the examples of policies/rules/models.py do not show: what is no finding, and what the settings decide."""

import json
from typing import Any

import pytest

from policies.rules.models import RULES
from policies.rules.template import App, Json, Settings, Stack

CHECKS = {rule.id: rule.check for rule in RULES}
DEPLOYED = {"Ref": "Parameter"}
KEY = "arn:aws:kms:eu-west-1:111111111111:key/key"
PRODUCTION = Settings(production=True)


def found(id_: str, resource: Json, settings: Settings | None = None) -> list[str]:
    """The detail of each finding."""
    app = App([Stack("template.json", {"Resources": {"Resource": resource}})], settings)
    return [finding.detail for finding in CHECKS[id_](app)]


def of(kind: str, **properties: Any) -> Json:
    return {"Type": f"AWS::SageMaker::{kind}", "Properties": properties}


def model(image: Any, role: Any = "arn:aws:iam::111111111111:role/model") -> Json:
    return of("Model", ExecutionRoleArn=role, PrimaryContainer={"Image": image})


def endpoint(*variants: Json, **properties: Any) -> Json:
    return of("EndpointConfig", ProductionVariants=list(variants), **properties)


def group(policy: Any) -> Json:
    return of("ModelPackageGroup", ModelPackageGroupPolicy=policy)


def allow(**statement: Any) -> Json:
    return {"Statement": [{"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*", **statement}]}


def test_isolation_written_as_a_text_is_the_same() -> None:
    assert found("S11", of("Model", EnableNetworkIsolation="true")) == []


@pytest.mark.parametrize("id_", ["S11", "S12"])
def test_what_only_a_deployment_of_a_model_knows_is_right(id_: str) -> None:
    assert found(id_, of("Model", EnableNetworkIsolation=DEPLOYED, VpcConfig=DEPLOYED)) == []


OWN = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/serving:1"
OTHER = "222222222222.dkr.ecr.eu-west-1.amazonaws.com/serving:1"


def test_the_account_of_a_model_s_role_is_its_own() -> None:
    assert found("S13", model(OWN)) == []


def test_an_account_is_not_known_from_a_role_that_only_a_deployment_knows() -> None:
    assert found("S13", model(OWN, role=DEPLOYED)) == ["PrimaryContainer.Account"]


def test_an_account_of_the_settings_may_lend_its_images() -> None:
    assert found("S13", model(OTHER), Settings(image_accounts=["222222222222"])) == []


def test_a_model_of_a_model_package_names_no_image() -> None:
    assert found("S13", of("Model", PrimaryContainer={"ModelPackageName": "package"})) == []


def test_an_image_may_break_the_rule_in_two_ways() -> None:
    image = "222222222222.dkr.ecr.eu-west-1.amazonaws.com/serving:latest"
    assert found("S13", model(image)) == ["PrimaryContainer.Account", "PrimaryContainer.Tag"]


@pytest.mark.parametrize(
    "image",
    [
        DEPLOYED,
        {"Fn::Join": ["", [{"Fn::GetAtt": ["Repository", "RepositoryUri"]}, ":1"]]},
        {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/serving:${Tag}"},
        "111111111111.dkr.ecr-fips.us-east-1.amazonaws.com/serving@sha256:11d9fb0a",
        "111111111111.dkr-ecr.us-east-1.on.aws/serving:1",
    ],
)
def test_an_image_as_far_as_it_is_known_is_right(image: Any) -> None:
    assert found("S13", model(image)) == []


def test_the_latest_image_of_a_repository_of_the_app_is_found() -> None:
    image = {"Fn::Join": ["", [{"Fn::GetAtt": ["Repository", "RepositoryUri"]}, ":latest"]]}
    assert found("S13", model(image)) == ["PrimaryContainer.Tag"]


@pytest.mark.parametrize("key", [{}, {"KmsKeyId": KEY}])
def test_an_endpoint_of_an_unknown_type_may_have_a_key_or_none(key: Json) -> None:
    assert found("S14", endpoint({"InstanceType": DEPLOYED}, **key)) == []


def test_one_type_with_local_storage_decides_for_all_variants() -> None:
    assert found("S14", endpoint({"InstanceType": "ml.m5.large"}, {"InstanceType": "ml.g5.xlarge"})) == []


def test_capture_that_is_off_needs_no_key() -> None:
    assert found("S15", endpoint(DataCaptureConfig={"EnableCapture": False})) == []


def test_capture_is_on_when_nothing_else_is_said() -> None:
    assert found("S15", endpoint(DataCaptureConfig={"DestinationS3Uri": "s3://captured/"})) == ["DataCaptureConfig"]


def test_one_instance_is_enough_outside_production() -> None:
    assert found("S15", endpoint({"InitialInstanceCount": 1})) == []


def test_one_instance_is_too_few_in_production() -> None:
    config = endpoint({"InitialInstanceCount": 2}, {"InitialInstanceCount": 1})
    assert found("S15", config, PRODUCTION) == ["ProductionVariants.1.InitialInstanceCount"]


@pytest.mark.parametrize("variant", [{"InitialInstanceCount": 2}, {"InitialInstanceCount": DEPLOYED}, {}])
def test_two_unknown_or_serverless_instances_are_enough_in_production(variant: Json) -> None:
    assert found("S15", endpoint(variant), PRODUCTION) == []


def test_a_shadow_variant_may_have_one_instance_in_production() -> None:
    config = endpoint(ShadowProductionVariants=[{"InitialInstanceCount": 1}])
    assert found("S15", config, PRODUCTION) == []


@pytest.mark.parametrize("id_", ["S16", "S17"])
def test_a_definition_that_only_a_deployment_knows_is_right(id_: str) -> None:
    schedule = of("MonitoringSchedule", MonitoringScheduleConfig={"MonitoringJobDefinition": DEPLOYED})
    assert found(id_, schedule) == []


def test_a_processing_job_without_output_needs_no_key_for_it() -> None:
    job = of(
        "ProcessingJob",
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "VolumeKmsKeyId": KEY}},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )
    assert found("S17", job) == []


def test_a_feature_group_without_stores_needs_no_key() -> None:
    assert found("S17", of("FeatureGroup")) == []


def test_an_online_store_that_is_off_needs_no_key() -> None:
    assert found("S17", of("FeatureGroup", OnlineStoreConfig={"EnableOnlineStore": False})) == []


def test_an_experiment_with_local_storage_takes_no_key() -> None:
    machines = {"RealTimeInferenceConfig": {"InstanceType": "ml.g5.xlarge"}}
    experiment = of("InferenceExperiment", KmsKey=KEY, ModelVariants=[{"InfrastructureConfig": machines}])
    assert found("S17", experiment) == ["KmsKey"]


def test_a_policy_of_a_package_group_may_be_a_text() -> None:
    assert len(found("S18", group(json.dumps(allow(Principal="*"))))) == 1


def test_all_but_one_are_everybody() -> None:
    assert len(found("S18", group(allow(NotPrincipal={"AWS": "arn:aws:iam::111111111111:root"})))) == 1


def test_a_denial_may_be_for_everybody() -> None:
    assert found("S18", group(allow(Effect="Deny", Principal="*"))) == []


def test_a_package_may_say_nothing_about_its_approval() -> None:
    assert found("S18", of("ModelPackage")) == []
