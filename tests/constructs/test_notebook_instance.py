from typing import Any

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk.assertions import Template

from tests.support import Json
from trainyard.notebook_instance import NotebookInstance

INSTANCE = sagemaker.CfnNotebookInstance.CFN_RESOURCE_TYPE_NAME

KEY = "arn:aws:kms:eu-west-1:111111111111:key/volumes"
ROLE = "arn:aws:iam::111111111111:role/notebooks"

WITH_KEY, WITHOUT_KEY = "ml.m5.xlarge", "ml.g5.xlarge"
KEY_RULES = {
    "AwsSolutions::AwsSolutions-SM2",
    "NIST.800.53.R4::NIST.800.53.R4-SageMakerNotebookInstanceKMSKeyConfigured",
    "NIST.800.53.R5::NIST.800.53.R5-SageMakerNotebookInstanceKMSKeyConfigured",
    "HIPAA.Security::HIPAA.Security-SageMakerNotebookInstanceKMSKeyConfigured",
    "PCI.DSS.321::PCI.DSS.321-SageMakerNotebookInstanceKMSKeyConfigured",
}


@pytest.fixture(scope="module")
def properties() -> Json:
    properties: Json = _resource()["Properties"]
    return properties


def test_an_instance_has_no_internet(properties: Json) -> None:
    assert properties["DirectInternetAccess"] == "Disabled"


def test_its_users_are_not_root(properties: Json) -> None:
    assert properties["RootAccess"] == "Disabled"


def test_its_credentials_are_handed_out_to_sessions_alone(properties: Json) -> None:
    assert properties["InstanceMetadataServiceConfiguration"] == {"MinimumInstanceMetadataServiceVersion": "2"}


def test_it_runs_amazon_linux_2023(properties: Json) -> None:
    assert properties["PlatformIdentifier"] == "notebook-al2023-v1"


def test_it_is_in_the_given_subnet_and_groups(properties: Json) -> None:
    assert (properties["SubnetId"], properties["SecurityGroupIds"]) == (
        "subnet-0123456789abcdef0",
        ["sg-0123456789abcdef0", "sg-0123456789abcdef1"],
    )


def test_it_has_the_given_role(properties: Json) -> None:
    assert properties["RoleArn"] == ROLE


def test_it_runs_the_given_scripts(properties: Json) -> None:
    assert properties["LifecycleConfigName"] == "scripts"


def test_it_has_the_given_type_and_size(properties: Json) -> None:
    assert (properties["InstanceType"], properties["VolumeSizeInGB"]) == (WITH_KEY, 50)


def test_its_volume_is_under_the_customer_key(properties: Json) -> None:
    assert properties["KmsKeyId"] == KEY


@pytest.mark.parametrize("instance_type", [WITHOUT_KEY, "ml.p4d.24xlarge", "ml.m5d.large"])
def test_a_volume_on_local_storage_has_no_key_as_aws_would_refuse_it(instance_type: str) -> None:
    assert "KmsKeyId" not in _resource(instance_type=instance_type)["Properties"]


def test_a_missing_key_is_acknowledged_where_aws_takes_none() -> None:
    acknowledged = _acknowledged(WITHOUT_KEY)
    assert set(acknowledged) == KEY_RULES
    assert all(WITHOUT_KEY in reason for reason in acknowledged.values())


def test_a_missing_key_is_not_acknowledged_where_aws_takes_one() -> None:
    assert _acknowledged(WITH_KEY) == {}


@pytest.mark.parametrize(("keep", "policy"), [(True, "Retain"), (False, "Delete")])
def test_it_stays_when_it_is_kept_and_else_goes_with_its_stack(keep: bool, policy: str) -> None:
    assert _resource(keep=keep)["DeletionPolicy"] == policy


@pytest.mark.parametrize("keep", [True, False])
def test_one_that_is_replaced_always_stays_for_its_files(keep: bool) -> None:
    assert _resource(keep=keep)["UpdateReplacePolicy"] == "Retain"


def _instance(**changes: Any) -> NotebookInstance:
    stack = Stack(App(), "Test")
    given: Json = {
        "platform": "notebook-al2023-v1",
        "instance_type": WITH_KEY,
        "volume_gib": 50,
        "subnet_id": "subnet-0123456789abcdef0",
        "security_groups": ["sg-0123456789abcdef0", "sg-0123456789abcdef1"],
        "key": KEY,
        "role": ROLE,
        "lifecycle_config": "scripts",
        "keep": True,
    }
    return NotebookInstance(stack, "Notebook", **{**given, **changes})


def _resource(**changes: Any) -> Json:
    (resource,) = Template.from_stack(Stack.of(_instance(**changes))).find_resources(INSTANCE).values()
    return dict(resource)


def _acknowledged(instance_type: str) -> dict[str, str]:
    """Finding to reason."""
    metadata, key = _instance(instance_type=instance_type).node.metadata, Validations.ACKNOWLEDGED_RULES_METADATA_KEY
    return {finding: why for each in metadata if each.type == key for finding, why in each.data.items()}
