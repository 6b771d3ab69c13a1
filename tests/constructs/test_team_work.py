"""What people of one team may do with SageMaker's jobs, asked of an evaluator of policies."""

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from policies.evaluator import Context, Decision, Request, decide
from tests.support import Json, documents
from trainyard.team_work import WORK, TeamWork

SAGEMAKER = "arn:aws:sagemaker:eu-west-1:111111111111"
JOB_ROLE = "arn:aws:iam::111111111111:role/vision-jobs"

TAGS = {"Environment": "prod", "Team": "vision"}
REQUEST_TAGS = {f"aws:RequestTag/{key}": value for key, value in TAGS.items()}
MODEL = {"sagemaker:ModelArn": f"{SAGEMAKER}:model/vision-a"}
RESOURCE_TAGS = {f"aws:ResourceTag/{key}": value for key, value in TAGS.items()}
STRANGERS = ["language-a", "visionary-a", "vision", "a-vision-b"]

SUBMIT = [(work.submit, work.resource) for work in WORK]
FOLLOW = [(action, work.resource) for work in WORK for action in work.follow]


@pytest.fixture(scope="module")
def policy() -> Json:
    return _policy()


@pytest.mark.parametrize(("action", "kind"), SUBMIT)
def test_work_is_submitted_under_the_teams_name(policy: Json, action: str, kind: str) -> None:
    context = MODEL if action == "CreateTransformJob" else {}
    assert _allows(policy, f"sagemaker:{action}", f"{SAGEMAKER}:{kind}/vision-a", context)


@pytest.mark.parametrize(("action", "kind"), SUBMIT)
@pytest.mark.parametrize("name", STRANGERS)
def test_work_is_not_submitted_under_another_name(policy: Json, action: str, kind: str, name: str) -> None:
    assert not _allows(policy, f"sagemaker:{action}", f"{SAGEMAKER}:{kind}/{name}", MODEL)


@pytest.mark.parametrize(("action", "kind"), SUBMIT)
def test_a_pipeline_submits_by_steps_of_the_teams_name(policy: Json, action: str, kind: str) -> None:
    own, other = (f"{SAGEMAKER}:{kind}/pipelines-x1y2-{team}-train-z3" for team in ("vision", "language"))
    context = {"sagemaker:ModelArn": f"{SAGEMAKER}:model/pipelines-x1y2-vision-make-z3"}
    assert _allows(policy, f"sagemaker:{action}", own, context)
    assert not _allows(policy, f"sagemaker:{action}", other, context)


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("CreateModelPackageGroup", "model-package-group/vision-a", True),
        ("CreateModelPackageGroup", "model-package-group/language-a", False),
        ("CreateModelPackage", "model-package-group/vision-a", True),
        ("CreateModelPackage", "model-package/vision-a/1", True),
        ("CreateModelPackage", "model-package/language-a/1", False),
        # In no group it has no version and nobody to approve it, and its validation runs a job.
        ("CreateModelPackage", "model-package/vision-a", False),
        # What is behind an approved version must stay what was approved.
        ("UpdateModelPackage", "model-package/vision-a/1", False),
        ("DeleteModelPackage", "model-package/vision-a/1", False),
    ],
)
def test_versions_of_models_are_registered_in_groups_of_the_team(
    policy: Json, action: str, resource: str, allowed: bool
) -> None:
    assert _allows(policy, f"sagemaker:{action}", f"{SAGEMAKER}:{resource}") is allowed


@pytest.mark.parametrize(("action", "kind"), FOLLOW)
def test_the_teams_work_is_followed(policy: Json, action: str, kind: str) -> None:
    assert _allows(policy, f"sagemaker:{action}", f"{SAGEMAKER}:{kind}/vision-a", RESOURCE_TAGS)


@pytest.mark.parametrize(("action", "kind"), FOLLOW)
def test_the_work_of_others_is_not_followed(policy: Json, action: str, kind: str) -> None:
    assert not _allows(policy, f"sagemaker:{action}", f"{SAGEMAKER}:{kind}/language-a", RESOURCE_TAGS)


@pytest.mark.parametrize("key", TAGS)
@pytest.mark.parametrize("value", ["another", None])
@pytest.mark.parametrize(("action", "kind"), FOLLOW)
def test_work_with_the_tags_of_others_is_not_followed(
    policy: Json, action: str, kind: str, key: str, value: str | None
) -> None:
    context = _changed(RESOURCE_TAGS, key, value)
    assert not _allows(policy, f"sagemaker:{action}", f"{SAGEMAKER}:{kind}/vision-a", context)


def test_the_models_of_others_are_not_used(policy: Json) -> None:
    context = {**REQUEST_TAGS, "sagemaker:ModelArn": f"{SAGEMAKER}:model/language-a"}
    assert not _allows(policy, "sagemaker:CreateTransformJob", f"{SAGEMAKER}:transform-job/vision-a", context)


@pytest.mark.parametrize(("action", "kind"), SUBMIT)
def test_work_is_tagged_while_it_is_submitted(policy: Json, action: str, kind: str) -> None:
    assert _allows(policy, "sagemaker:AddTags", f"{SAGEMAKER}:{kind}/vision-a", {"sagemaker:TaggingAction": action})


def test_work_is_not_tagged_afterwards(policy: Json) -> None:
    assert not _allows(policy, "sagemaker:AddTags", f"{SAGEMAKER}:training-job/vision-a", REQUEST_TAGS)


def test_nothing_of_others_is_tagged(policy: Json) -> None:
    context = {"sagemaker:TaggingAction": "CreateTrainingJob"}
    assert not _allows(policy, "sagemaker:AddTags", f"{SAGEMAKER}:training-job/language-a", context)


def test_the_job_role_is_passed_to_sagemaker(policy: Json) -> None:
    assert _allows(policy, "iam:PassRole", JOB_ROLE, {"iam:PassedToService": "sagemaker.amazonaws.com"})


@pytest.mark.parametrize(
    "context", [{}, *({"iam:PassedToService": f"{each}.amazonaws.com"} for each in ("ecs-tasks", "ec2", "lambda"))]
)
def test_the_job_role_is_passed_to_nothing_else(policy: Json, context: Context) -> None:
    assert not _allows(policy, "iam:PassRole", JOB_ROLE, context)


@pytest.mark.parametrize("role", ["language-jobs", "vision-jobs-2", "admin", "*"])
def test_no_other_role_is_passed(policy: Json, role: str) -> None:
    context = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    assert not _allows(policy, "iam:PassRole", f"arn:aws:iam::111111111111:role/{role}", context)


@pytest.mark.parametrize(
    "action",
    [
        *("CreateNotebookInstance", "UpdateNotebookInstance", "DeleteNotebookInstance"),
        *("CreatePresignedDomainUrl", "CreateEndpoint", "CreateAutoMLJob"),
        *("UpdateTrainingJob", "DeleteTags", "CreatePipeline", "CreateTrainingPlan", "CreateAlgorithm"),
    ],
)
def test_nothing_else_is_allowed(policy: Json, action: str) -> None:
    for resource in ("*", f"{SAGEMAKER}:training-job/vision-a", f"{SAGEMAKER}:notebook-instance/vision-a"):
        assert not _allows(policy, f"sagemaker:{action}", resource, REQUEST_TAGS | RESOURCE_TAGS)


def _policy() -> Json:
    stack = Stack(App(), "Test")
    TeamWork(stack, "Work", team="vision", tags=TAGS, job_role=JOB_ROLE)
    (document,) = documents(Template.from_stack(stack)).values()
    return document


def _allows(policy: Json, action: str, resource: str = "*", context: Context | None = None) -> bool:
    return decide(Request(action, resource, context or {}), [policy]) is Decision.ALLOWED


def _changed(tags: dict[str, str], key: str, value: str | None) -> dict[str, str]:
    """With another value of one tag, or without it."""
    rest = {name: each for name, each in tags.items() if not name.endswith(f"/{key}")}
    return rest if value is None else rest | {name: value for name in tags if name not in rest}
