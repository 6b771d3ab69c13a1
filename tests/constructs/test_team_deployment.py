"""What the deployer of a team may do, asked of an evaluator of policies."""

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from policies.evaluator import Context, Decision, Request, decide
from tests.support import Json, documents
from trainyard.team_deployment import TeamDeployment

SAGEMAKER = "arn:aws:sagemaker:eu-west-1:111111111111"
TAGS = {"Environment": "prod", "Team": "vision"}
RESOURCE_TAGS = {f"aws:ResourceTag/{key}": value for key, value in TAGS.items()}
KEY = "arn:aws:kms:eu-west-1:111111111111:key/volumes"
MODEL = {"sagemaker:ModelArn": f"{SAGEMAKER}:model/vision-a"}


@pytest.fixture(scope="module")
def policy() -> Json:
    stack = Stack(App(), "Test")
    TeamDeployment(stack, "Deployment", team="vision", tags=TAGS, volume_key=KEY)
    (document,) = documents(Template.from_stack(stack)).values()
    return document


@pytest.mark.parametrize("team", ["vision", "language"])
@pytest.mark.parametrize(
    "action", ["CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint", "UpdateEndpointWeightsAndCapacities"]
)
def test_endpoints_of_the_team_alone_are_deployed(policy: Json, action: str, team: str) -> None:
    assert _allows(policy, f"sagemaker:{action}", f"{SAGEMAKER}:endpoint/{team}-a", RESOURCE_TAGS) is (team == "vision")


@pytest.mark.parametrize("key", TAGS)
@pytest.mark.parametrize("action", ["UpdateEndpoint", "DeleteEndpoint"])
def test_an_endpoint_of_another_environment_is_not_changed(policy: Json, action: str, key: str) -> None:
    context = {**RESOURCE_TAGS, f"aws:ResourceTag/{key}": "another"}
    assert not _allows(policy, f"sagemaker:{action}", f"{SAGEMAKER}:endpoint/vision-a", context)


def test_the_key_of_volumes_is_lent_to_services_of_aws_alone(policy: Json) -> None:
    assert _allows(policy, "kms:CreateGrant", KEY, {"kms:GrantIsForAWSResource": True})
    assert not _allows(policy, "kms:CreateGrant", KEY)
    assert not _allows(policy, "kms:CreateGrant", KEY.replace("volumes", "data"), {"kms:GrantIsForAWSResource": True})


def test_no_data_and_no_image_is_read_or_written(policy: Json) -> None:
    services = {action.partition(":")[0] for statement in policy["Statement"] for action in statement["Action"]}
    assert services == {"sagemaker", "kms"}


def test_an_endpoint_is_configured_with_models_of_the_team_alone(policy: Json) -> None:
    own = f"{SAGEMAKER}:endpoint-config/vision-a"
    assert _allows(policy, "sagemaker:CreateEndpointConfig", own, MODEL)
    assert not _allows(
        policy, "sagemaker:CreateEndpointConfig", own, {"sagemaker:ModelArn": f"{SAGEMAKER}:model/language-a"}
    )
    assert not _allows(policy, "sagemaker:CreateEndpointConfig", own)
    assert not _allows(policy, "sagemaker:CreateEndpointConfig", own.replace("vision", "language"), MODEL)


def test_endpoints_are_tagged_while_they_are_made(policy: Json) -> None:
    endpoint = f"{SAGEMAKER}:endpoint/vision-a"
    assert _allows(policy, "sagemaker:AddTags", endpoint, {"sagemaker:TaggingAction": "CreateEndpoint"})
    assert not _allows(policy, "sagemaker:AddTags", endpoint)


@pytest.mark.parametrize(
    "action",
    [
        *("sagemaker:CreateModel", "sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"),
        *("sagemaker:CreateTrainingJob", "sagemaker:InvokeEndpoint", "iam:PassRole", "s3:PutObject"),
    ],
)
def test_whoever_deploys_makes_no_model_approves_none_and_passes_no_role(policy: Json, action: str) -> None:
    assert action not in {each for statement in policy["Statement"] for each in statement["Action"]}


def _allows(policy: Json, action: str, resource: str, context: Context | None = None) -> bool:
    return decide(Request(action, resource, context or {}), [policy]) is Decision.ALLOWED
