"""What people of one team may do in Batch, asked of an evaluator of policies."""

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from policies.evaluator import Context, Decision, Request, decide
from tests.support import Json, documents
from trainyard.team_batch import TeamBatch

BATCH = "arn:aws:batch:eu-west-1:111111111111"
QUEUES = [f"{BATCH}:job-queue/on-demand", f"{BATCH}:job-queue/spot"]
DEFINITIONS = ["prod-vision-gpu", "prod-vision-cluster"]
JOB = f"{BATCH}:job/0123-4567"

TAGS = {"Environment": "prod", "Team": "vision"}
REQUEST_TAGS = {f"aws:RequestTag/{key}": value for key, value in TAGS.items()}
RESOURCE_TAGS = {f"aws:ResourceTag/{key}": value for key, value in TAGS.items()}
OTHER_RESOURCE_TAGS = RESOURCE_TAGS | {"aws:ResourceTag/Team": "language"}
SUBMITTING = {**REQUEST_TAGS, "batch:ShareIdentifier": "vision"}


@pytest.fixture(scope="module")
def policy() -> Json:
    stack = Stack(App(), "Test")
    TeamBatch(
        stack,
        "Batch",
        tags=TAGS,
        share_identifier="vision",
        queues=QUEUES,
        job_definitions=DEFINITIONS,
        log_groups="trainyard-prod-batch-",
        log_stream_prefix="vision",
    )
    (document,) = documents(Template.from_stack(stack)).values()
    return document


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("revision", ["", ":1", ":23"])
@pytest.mark.parametrize("definition", DEFINITIONS)
def test_the_teams_definitions_are_submitted_in_any_revision_to_any_queue(
    policy: Json, definition: str, revision: str, queue: str
) -> None:
    for resource in (f"{BATCH}:job-definition/{definition}{revision}", queue):
        assert _allows(policy, "batch:SubmitJob", resource, SUBMITTING)


@pytest.mark.parametrize("definition", ["prod-language-gpu:1", "prod-vision-gpu-2:1", "dev-vision-gpu:1", "admin"])
def test_the_definitions_of_others_are_not_submitted(policy: Json, definition: str) -> None:
    assert not _allows(policy, "batch:SubmitJob", f"{BATCH}:job-definition/{definition}", SUBMITTING)


@pytest.mark.parametrize(
    ("stream", "allowed"),
    [
        ("trainyard-prod-batch-JobLogs-X1:log-stream:vision/default/1", True),
        ("trainyard-prod-batch-JobLogs-X1:log-stream:visionary/default/1", False),
        ("trainyard-prod-batch-JobLogs-X1:log-stream:language/default/1", False),
        ("trainyard-dev-batch-JobLogs-X1:log-stream:vision/default/1", False),
    ],
)
def test_the_logs_of_the_teams_jobs_are_read(policy: Json, stream: str, allowed: bool) -> None:
    logs = BATCH.replace(":batch:", ":logs:")
    assert _allows(policy, "logs:GetLogEvents", f"{logs}:log-group:{stream}", {}) is allowed


def test_nothing_is_submitted_to_other_queues(policy: Json) -> None:
    assert not _allows(policy, "batch:SubmitJob", f"{BATCH}:job-queue/of-others", SUBMITTING)


@pytest.mark.parametrize("resource", [*QUEUES, f"{BATCH}:job-definition/prod-vision-gpu:1"])
@pytest.mark.parametrize("key", SUBMITTING)
@pytest.mark.parametrize("value", ["language", None])
def test_nothing_is_submitted_in_the_share_or_without_a_tag_of_the_team(
    policy: Json, resource: str, key: str, value: str | None
) -> None:
    rest = {name: each for name, each in SUBMITTING.items() if name != key}
    context = rest if value is None else {**rest, key: value}
    assert not _allows(policy, "batch:SubmitJob", resource, context)


def test_a_job_is_given_the_teams_tags(policy: Json) -> None:
    assert _allows(policy, "batch:TagResource", JOB, REQUEST_TAGS)


@pytest.mark.parametrize("key", REQUEST_TAGS)
@pytest.mark.parametrize("value", ["language", None])
def test_a_job_is_not_given_other_tags(policy: Json, key: str, value: str | None) -> None:
    rest = {name: each for name, each in REQUEST_TAGS.items() if name != key}
    assert not _allows(policy, "batch:TagResource", JOB, rest if value is None else {**rest, key: value})


@pytest.mark.parametrize("resource", [*QUEUES, f"{BATCH}:job-definition/prod-vision-gpu:1"])
def test_nothing_but_jobs_is_tagged(policy: Json, resource: str) -> None:
    assert not _allows(policy, "batch:TagResource", resource, REQUEST_TAGS)


def test_the_job_of_others_is_not_made_ones_own(policy: Json) -> None:
    assert not _allows(policy, "batch:TagResource", JOB, {**REQUEST_TAGS, **OTHER_RESOURCE_TAGS})


@pytest.mark.parametrize("action", ["batch:CancelJob", "batch:TerminateJob"])
def test_the_teams_jobs_are_ended(policy: Json, action: str) -> None:
    assert _allows(policy, action, JOB, RESOURCE_TAGS)


@pytest.mark.parametrize("action", ["batch:CancelJob", "batch:TerminateJob"])
@pytest.mark.parametrize("context", [OTHER_RESOURCE_TAGS, {"aws:ResourceTag/Team": "vision"}, {}, REQUEST_TAGS])
def test_the_jobs_of_others_are_not_ended(policy: Json, action: str, context: Context) -> None:
    assert not _allows(policy, action, JOB, context)


@pytest.mark.parametrize(
    "action",
    ["DescribeJobs", "ListJobs", "DescribeJobQueues", "DescribeJobDefinitions", "DescribeComputeEnvironments"],
)
def test_everything_is_shown(policy: Json, action: str) -> None:
    assert _allows(policy, f"batch:{action}")


def test_the_head_of_the_given_queues_is_shown_and_of_no_other(policy: Json) -> None:
    assert all(_allows(policy, "batch:GetJobQueueSnapshot", queue) for queue in QUEUES)
    assert not _allows(policy, "batch:GetJobQueueSnapshot", f"{BATCH}:job-queue/of-others")


@pytest.mark.parametrize(
    "action",
    [
        *(
            "batch:RegisterJobDefinition",
            "batch:DeregisterJobDefinition",
            "batch:UpdateJobQueue",
            "batch:CreateJobQueue",
        ),
        *("batch:UpdateComputeEnvironment", "batch:UpdateSchedulingPolicy", "batch:SubmitServiceJob"),
        *("batch:UntagResource", "iam:PassRole"),
    ],
)
def test_nothing_else_is_allowed(policy: Json, action: str) -> None:
    for resource in ("*", JOB, *QUEUES, f"{BATCH}:job-definition/prod-vision-gpu:1"):
        assert not _allows(policy, action, resource, {**SUBMITTING, **RESOURCE_TAGS})


def _allows(policy: Json, action: str, resource: str = "*", context: Context | None = None) -> bool:
    return decide(Request(action, resource, context or {}), [policy]) is Decision.ALLOWED
