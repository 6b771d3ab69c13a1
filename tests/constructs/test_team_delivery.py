"""What a team may do to get a model to production, and what its approver may, asked of an evaluator of policies."""

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from policies.evaluator import Context, Decision, Request, decide
from tests.support import Json, documents
from trainyard.team_delivery import TeamApproval, TeamDelivery

SAGEMAKER = "arn:aws:sagemaker:eu-west-1:111111111111"
PIPELINE_ROLE = "arn:aws:iam::111111111111:role/vision-pipelines"
EXCEPTION_ROLE = "arn:aws:iam::111111111111:role/vision-without-isolation"
PASSED = {"iam:PassedToService": "sagemaker.amazonaws.com"}

PIPELINES = ["CreatePipeline", "UpdatePipeline", "DeletePipeline", "DescribePipeline", "StartPipelineExecution"]
EXECUTIONS = ["DescribePipelineExecution", "ListPipelineExecutionSteps", "StopPipelineExecution"]
GROUPS = ["CreateModelPackageGroup", "DescribeModelPackageGroup", "ListModelPackages"]
VERSIONS = ["CreateModelPackage", "DescribeModelPackage"]
OWN = [
    *((action, "pipeline/vision-a") for action in PIPELINES),
    *((action, "pipeline/vision-a/execution/0123") for action in EXECUTIONS),
    *((action, "model-package-group/vision-a") for action in GROUPS),
    *((action, "model-package/vision-a/1") for action in VERSIONS),
]


@pytest.fixture(scope="module")
def team() -> Json:
    stack = Stack(App(), "Test")
    TeamDelivery(stack, "Delivery", team="vision", pipeline_role=PIPELINE_ROLE)
    return _document(stack)


@pytest.fixture(scope="module")
def approver() -> Json:
    stack = Stack(App(), "Test")
    TeamApproval(stack, "Approval", team="vision")
    return _document(stack)


@pytest.mark.parametrize(("action", "resource"), OWN)
def test_pipelines_and_models_of_the_team_are_used(team: Json, action: str, resource: str) -> None:
    assert _allows(team, f"sagemaker:{action}", f"{SAGEMAKER}:{resource}")


@pytest.mark.parametrize(("action", "resource"), OWN)
@pytest.mark.parametrize("other", ["language", "visionary", "a-vision"])
def test_those_of_others_are_not(team: Json, action: str, resource: str, other: str) -> None:
    assert not _allows(team, f"sagemaker:{action}", f"{SAGEMAKER}:{resource.replace('vision', other)}")


def test_a_pipeline_runs_as_the_pipeline_role_and_no_other(team: Json) -> None:
    assert _allows(team, "iam:PassRole", PIPELINE_ROLE, PASSED)
    assert not _allows(team, "iam:PassRole", PIPELINE_ROLE, {"iam:PassedToService": "lambda.amazonaws.com"})
    assert not _allows(team, "iam:PassRole", "arn:aws:iam::111111111111:role/admin", PASSED)


@pytest.mark.parametrize("resource", ["pipeline/vision-a", "model-package-group/vision-a"])
def test_what_is_made_is_tagged_while_it_is_made(team: Json, resource: str) -> None:
    assert _allows(team, "sagemaker:AddTags", f"{SAGEMAKER}:{resource}", {"sagemaker:TaggingAction": "CreatePipeline"})
    assert not _allows(team, "sagemaker:AddTags", f"{SAGEMAKER}:{resource}")


def test_there_is_no_exception_unless_there_is_a_role_for_it(team: Json) -> None:
    assert "sts:AssumeRole" not in {action for each in team["Statement"] for action in each["Action"]}


def test_the_role_of_an_exception_is_taken_on_and_no_other() -> None:
    stack = Stack(App(), "Test")
    TeamDelivery(stack, "Delivery", team="vision", pipeline_role=PIPELINE_ROLE, exception_role=EXCEPTION_ROLE)
    policy = _document(stack)
    assert _allows(policy, "sts:AssumeRole", EXCEPTION_ROLE)
    assert _allows(policy, "sts:SetSourceIdentity", EXCEPTION_ROLE)
    assert not _allows(policy, "sts:AssumeRole", PIPELINE_ROLE)


@pytest.mark.parametrize(
    "action",
    [
        *("CreateEndpoint", "CreateEndpointConfig", "DeleteModelPackage", "PutModelPackageGroupPolicy"),
        # What is behind an approved version must stay what was approved.
        "UpdateModelPackage",
    ],
)
def test_the_team_deploys_nothing_and_takes_nothing_back(team: Json, action: str) -> None:
    for resource in ("*", f"{SAGEMAKER}:model-package-group/vision-a", f"{SAGEMAKER}:model-package/vision-a/1"):
        assert not _allows(team, f"sagemaker:{action}", resource)


@pytest.mark.parametrize("action", ["DescribeModelPackage", "UpdateModelPackage"])
def test_an_approver_judges_the_versions_of_the_team_alone(approver: Json, action: str) -> None:
    assert _allows(approver, f"sagemaker:{action}", f"{SAGEMAKER}:model-package/vision-a/1")
    assert not _allows(approver, f"sagemaker:{action}", f"{SAGEMAKER}:model-package/language-a/1")


@pytest.mark.parametrize(
    "action", ["sagemaker:CreateModelPackage", "sagemaker:CreateTrainingJob", "s3:GetObject", "iam:PassRole"]
)
def test_an_approver_makes_nothing_and_reads_no_data(approver: Json, action: str) -> None:
    assert action not in {each for statement in approver["Statement"] for each in statement["Action"]}


def _document(stack: Stack) -> Json:
    (document,) = documents(Template.from_stack(stack)).values()
    return document


def _allows(policy: Json, action: str, resource: str = "*", context: Context | None = None) -> bool:
    return decide(Request(action, resource, context or {}), [policy]) is Decision.ALLOWED
