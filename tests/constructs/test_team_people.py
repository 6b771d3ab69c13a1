"""What people of one team may do beside submitting work, asked of an evaluator of policies."""

from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from policies.evaluator import Context, Decision, Request, decide
from tests.support import Json, documents
from trainyard.team_people import TeamPeople

SAGEMAKER = "arn:aws:sagemaker:eu-west-1:111111111111"
STREAMS = "arn:aws:logs:eu-west-1:111111111111:log-group:/aws/sagemaker"
PIPELINE_ROLE = "arn:aws:iam::111111111111:role/vision-pipelines"
EXCEPTION_ROLE = "arn:aws:iam::111111111111:role/vision-without-isolation"
PASSED = {"iam:PassedToService": "sagemaker.amazonaws.com"}
OPEN = "CreatePresignedNotebookInstanceUrl"

TAGS = {"Environment": "prod", "Team": "vision"}
RESOURCE_TAGS = {f"aws:ResourceTag/{key}": value for key, value in TAGS.items()}

PIPELINES = ["UpdatePipeline", "DeletePipeline", "DescribePipeline", "StartPipelineExecution"]
EXECUTIONS = ["DescribePipelineExecution", "ListPipelineExecutionSteps", "StopPipelineExecution"]
OWN = [
    ("CreatePipeline", "pipeline/vision-a"),
    *((action, "pipeline/vision-a") for action in PIPELINES),
    *((action, "pipeline/vision-a/execution/0123") for action in EXECUTIONS),
    ("DescribeModelPackageGroup", "model-package-group/vision-a"),
    ("ListModelPackages", "model-package-group/vision-a"),
    ("DescribeModelPackage", "model-package/vision-a/1"),
]


@pytest.fixture(scope="module")
def policy() -> Json:
    return _policy()


@pytest.mark.parametrize(("action", "resource"), OWN)
def test_pipelines_and_models_of_the_team_are_used(policy: Json, action: str, resource: str) -> None:
    assert _allows(policy, f"sagemaker:{action}", f"{SAGEMAKER}:{resource}", RESOURCE_TAGS)


@pytest.mark.parametrize(("action", "resource"), OWN)
@pytest.mark.parametrize("other", ["language", "visionary", "a-vision"])
def test_those_of_others_are_not(policy: Json, action: str, resource: str, other: str) -> None:
    named = f"{SAGEMAKER}:{resource.replace('vision', other)}"
    assert not _allows(policy, f"sagemaker:{action}", named, RESOURCE_TAGS)


@pytest.mark.parametrize("key", TAGS)
@pytest.mark.parametrize("action", PIPELINES)
def test_a_pipeline_of_another_environment_is_not_used(policy: Json, action: str, key: str) -> None:
    """Its team may have the same name, and so may the pipeline."""
    context = _changed(RESOURCE_TAGS, key, "another")
    assert not _allows(policy, f"sagemaker:{action}", f"{SAGEMAKER}:pipeline/vision-a", context)


def test_a_pipeline_runs_as_the_pipeline_role_and_no_other(policy: Json) -> None:
    assert _allows(policy, "iam:PassRole", PIPELINE_ROLE, PASSED)
    assert not _allows(policy, "iam:PassRole", PIPELINE_ROLE, {"iam:PassedToService": "lambda.amazonaws.com"})
    assert not _allows(policy, "iam:PassRole", "arn:aws:iam::111111111111:role/admin", PASSED)


def test_a_pipeline_is_tagged_while_it_is_made(policy: Json) -> None:
    pipeline = f"{SAGEMAKER}:pipeline/vision-a"
    assert _allows(policy, "sagemaker:AddTags", pipeline, {"sagemaker:TaggingAction": "CreatePipeline"})
    assert not _allows(policy, "sagemaker:AddTags", pipeline)


def test_there_is_no_exception_unless_there_is_a_role_for_it(policy: Json) -> None:
    assert "sts:AssumeRole" not in {action for each in policy["Statement"] for action in each["Action"]}


def test_the_role_of_an_exception_is_taken_on_and_no_other() -> None:
    policy = _policy(exception_role=EXCEPTION_ROLE)
    assert _allows(policy, "sts:AssumeRole", EXCEPTION_ROLE)
    assert _allows(policy, "sts:SetSourceIdentity", EXCEPTION_ROLE)
    assert not _allows(policy, "sts:AssumeRole", PIPELINE_ROLE)


@pytest.mark.parametrize(
    "action",
    [
        *("ListTrainingJobs", "ListHyperParameterTuningJobs", "ListProcessingJobs", "ListTransformJobs", "ListModels"),
        *("ListNotebookInstances", "ListDomains", "ListUserProfiles", "ListSpaces", "ListApps"),
    ],
)
def test_names_are_listed(policy: Json, action: str) -> None:
    assert _allows(policy, f"sagemaker:{action}")


@pytest.mark.parametrize("group", ["TrainingJobs", "ProcessingJobs", "TransformJobs"])
def test_the_logs_of_the_teams_jobs_are_read_and_no_others(policy: Json, group: str) -> None:
    assert _allows(policy, "logs:GetLogEvents", f"{STREAMS}/{group}:log-stream:vision-a/algo-1")
    assert not _allows(policy, "logs:GetLogEvents", f"{STREAMS}/{group}:log-stream:language-a/algo-1")


@pytest.mark.parametrize("team", ["vision", "language"])
def test_the_logs_of_a_pipelines_steps_are_read_if_they_are_called_after_the_team(policy: Json, team: str) -> None:
    stream = f"{STREAMS}/TrainingJobs:log-stream:pipelines-x1y2-{team}-train-z3/algo-1"
    assert _allows(policy, "logs:GetLogEvents", stream) is (team == "vision")


@pytest.mark.parametrize("group", ["studio", "NotebookInstances", "Endpoints/vision-a"])
def test_logs_that_are_not_of_jobs_are_not_read(policy: Json, group: str) -> None:
    assert not _allows(policy, "logs:GetLogEvents", f"{STREAMS}/{group}:log-stream:vision-a")


@pytest.mark.parametrize("action", ["logs:FilterLogEvents", "logs:StartQuery", "logs:GetLogRecord"])
def test_a_whole_log_is_not_searched(policy: Json, action: str) -> None:
    assert not _allows(policy, action, f"{STREAMS}/TrainingJobs")


@pytest.mark.parametrize("action", ["DescribeNotebookInstance", "StartNotebookInstance", "StopNotebookInstance"])
def test_the_teams_notebooks_are_started_and_stopped(policy: Json, action: str) -> None:
    assert _allows(policy, f"sagemaker:{action}", f"{SAGEMAKER}:notebook-instance/exploration-x", RESOURCE_TAGS)


@pytest.mark.parametrize("key", TAGS)
@pytest.mark.parametrize("value", ["another", None])
@pytest.mark.parametrize("action", ["DescribeNotebookInstance", "StartNotebookInstance", "StopNotebookInstance"])
def test_the_notebooks_of_others_are_not(policy: Json, action: str, key: str, value: str | None) -> None:
    context = _changed(RESOURCE_TAGS, key, value)
    assert not _allows(policy, f"sagemaker:{action}", f"{SAGEMAKER}:notebook-instance/exploration-x", context)


@pytest.mark.parametrize(("vpc", "allowed"), [("vpc-0a", True), ("vpc-99", False), (None, False)])
def test_a_notebook_of_the_team_is_opened_from_the_vpc(vpc: str | None, allowed: bool) -> None:
    policy = _policy(presigned_urls_from="vpc-0a")
    context = RESOURCE_TAGS | ({"aws:SourceVpc": vpc} if vpc else {})
    assert _allows(policy, f"sagemaker:{OPEN}", f"{SAGEMAKER}:notebook-instance/exploration-x", context) is allowed


def test_a_notebook_is_opened_from_anywhere_if_the_file_says_so(policy: Json) -> None:
    assert _allows(policy, f"sagemaker:{OPEN}", f"{SAGEMAKER}:notebook-instance/exploration-x", RESOURCE_TAGS)


@pytest.mark.parametrize("key", TAGS)
def test_a_notebook_of_others_is_not_opened(key: str) -> None:
    policy = _policy(presigned_urls_from="vpc-0a")
    context = {**_changed(RESOURCE_TAGS, key, "another"), "aws:SourceVpc": "vpc-0a"}
    assert not _allows(policy, f"sagemaker:{OPEN}", f"{SAGEMAKER}:notebook-instance/exploration-x", context)


@pytest.mark.parametrize("action", ["CallMlflowAppApi", "DescribeMlflowApp"])
def test_experiments_are_recorded_in_the_one_app(action: str) -> None:
    policy = _policy(mlflow_app=f"{SAGEMAKER}:mlflow-app/app-1")
    assert _allows(policy, f"sagemaker:{action}", f"{SAGEMAKER}:mlflow-app/app-1")
    assert not _allows(policy, f"sagemaker:{action}", f"{SAGEMAKER}:mlflow-app/app-2")


@pytest.mark.parametrize(
    "action",
    [
        *("CreateEndpoint", "CreateEndpointConfig", "DeleteModelPackage", "PutModelPackageGroupPolicy"),
        *("UpdateModelPackage", "CreateNotebookInstance", "UpdateNotebookInstance", "CreatePresignedDomainUrl"),
    ],
)
def test_nothing_is_deployed_taken_back_or_changed_for_others(policy: Json, action: str) -> None:
    for resource in ("*", f"{SAGEMAKER}:model-package-group/vision-a", f"{SAGEMAKER}:model-package/vision-a/1"):
        assert not _allows(policy, f"sagemaker:{action}", resource, RESOURCE_TAGS)


def _policy(**further: Any) -> Json:
    stack = Stack(App(), "Test")
    TeamPeople(stack, "People", team="vision", tags=TAGS, pipeline_role=PIPELINE_ROLE, **further)
    (document,) = documents(Template.from_stack(stack)).values()
    return document


def _allows(policy: Json, action: str, resource: str = "*", context: Context | None = None) -> bool:
    return decide(Request(action, resource, context or {}), [policy]) is Decision.ALLOWED


def _changed(tags: dict[str, str], key: str, value: str | None) -> dict[str, str]:
    """With another value of one tag, or without it."""
    rest = {name: each for name, each in tags.items() if not name.endswith(f"/{key}")}
    return rest if value is None else rest | {name: value for name in tags if name not in rest}
