"""What the ceiling leaves of a role that was given too much, asked of an evaluator of policies."""

import re
from pathlib import Path

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk.assertions import Template

from policies.evaluator import Context, Decision, Request, decide
from tests.support import Json, documents
from trainyard.batch_host_role import BatchHostRole
from trainyard.folder_policy import Folder, FolderPolicy
from trainyard.mlflow_app import MlflowApp
from trainyard.notebook_lifecycle import Archive, NotebookLifecycle, NotebookScripts
from trainyard.permissions_boundary import PermissionsBoundary
from trainyard.runtime_policy import RuntimePolicy
from trainyard.team_batch import TeamBatch
from trainyard.team_deployment import TeamDeployment
from trainyard.team_people import TeamPeople
from trainyard.team_registry import TeamApproval
from trainyard.team_repository import TeamRepository
from trainyard.team_studio import TeamStudio
from trainyard.team_work import TeamWork

EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
HERE = {"aws:ResourceAccount": "111111111111"}
THERE = {"aws:ResourceAccount": "222222222222"}
ROLE = "arn:aws:iam::111111111111:role/jobs"
KEY = "arn:aws:kms:eu-west-1:111111111111:key/a"

# What acts on no resource of an account, and pulling the images of accounts that are trusted.
LOOKS = re.compile(r"\w+:(Describe|List|Get|BatchGet|BatchCheck|Discover)\w*|cloudwatch:PutMetricData")


@pytest.fixture(scope="module")
def boundary() -> Json:
    stack = Stack(App(), "Test")
    PermissionsBoundary(stack, "Boundary")
    (document,) = documents(Template.from_stack(stack)).values()
    return document


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """The Allows of every other policy of the platform."""
    # The bucket that scripts are fetched from is named after both.
    stack = Stack(App(), "Test", env=Environment(account="111111111111", region="eu-west-1"))
    _add_policies(stack, tmp_path_factory.mktemp("scripts"))
    policies = documents(Template.from_stack(stack)).values()
    return [statement for policy in policies for statement in policy["Statement"]]


def test_what_some_role_is_allowed_is_inside(boundary: Json, granted: list[Json]) -> None:
    context = {
        **HERE,
        "iam:PassedToService": "sagemaker.amazonaws.com",
        "aws:PrincipalTag/Team": "vision",
        "aws:ResourceTag/Team": "vision",
    }
    outside = {
        action
        for statement in granted
        for action in statement["Action"]
        for resource in statement["Resource"]
        if decide(Request(action, resource, context), [EVERYTHING], boundary) is not Decision.ALLOWED
    }
    assert len(granted) > 20
    assert outside == set()


def test_what_no_role_is_allowed_is_outside(boundary: Json, granted: list[Json]) -> None:
    assert _actions(boundary) == {action for statement in granted for action in statement["Action"]}


def test_every_action_is_named(boundary: Json) -> None:
    assert [action for action in _actions(boundary) if "*" in action or "?" in action] == []


@pytest.mark.parametrize(
    "action",
    [
        *("iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:CreatePolicyVersion"),
        *("iam:DeleteRolePermissionsBoundary", "iam:CreateUser", "iam:CreateAccessKey"),
        *("sagemaker:CreatePresignedDomainUrl", "sagemaker:CreatePresignedMlflowAppUrl"),
        *("sagemaker:CreateNotebookInstance", "sagemaker:UpdateNotebookInstance", "sagemaker:UpdateDomain"),
        *("sagemaker:CreateUserProfile", "sagemaker:UpdateUserProfile", "sagemaker:CreateStudioLifecycleConfig"),
        *("sagemaker:CreateCluster", "sagemaker:CreateTrainingPlan", "sagemaker:CreateAutoMLJobV2"),
        *("s3:CreateBucket", "s3:PutBucketPolicy", "s3:DeleteObjectVersion", "s3:DeleteBucket"),
        *("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DisableKey", "ecr:SetRepositoryPolicy"),
        *("ec2:RunInstances", "ec2:CreateVpcEndpoint", "ec2:AuthorizeSecurityGroupEgress"),
        *("ec2:CreateInternetGateway", "batch:RegisterJobDefinition", "lambda:CreateFunction"),
        *("fsx:DeleteFileSystem", "logs:DeleteLogGroup", "cloudformation:CreateStack", "secretsmanager:GetSecretValue"),
    ],
)
def test_a_role_that_may_do_everything_may_not_do_this(boundary: Json, action: str) -> None:
    assert decide(Request(action, "*", HERE), [EVERYTHING], boundary) is Decision.IMPLICITLY_DENIED


@pytest.mark.parametrize("context", [THERE, {}])
def test_nothing_is_changed_outside_the_account(boundary: Json, context: Context) -> None:
    changing = [action for action in _actions(boundary) if not LOOKS.fullmatch(action)]
    assert len(changing) > 40
    assert [action for action in changing if _allows(boundary, action, "*", context)] == []


@pytest.mark.parametrize(
    "action", ["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "kms:Decrypt", "logs:GetLogEvents"]
)
def test_no_data_is_read_outside_the_account(boundary: Json, action: str) -> None:
    assert _allows(boundary, action, "*", HERE)
    assert not _allows(boundary, action, "*", THERE)


def test_images_of_other_accounts_are_pulled_where_a_role_may(boundary: Json) -> None:
    image = "arn:aws:ecr:eu-west-1:763104351884:repository/pytorch-training"
    assert _allows(boundary, "ecr:BatchGetImage", image, THERE)


def test_a_role_is_passed_to_sagemaker(boundary: Json) -> None:
    assert _allows(boundary, "iam:PassRole", ROLE, {"iam:PassedToService": "sagemaker.amazonaws.com"})


@pytest.mark.parametrize("service", ["ec2", "ecs-tasks", "lambda", "glue"])
def test_a_role_is_passed_to_no_other_service(boundary: Json, service: str) -> None:
    context = {**HERE, "iam:PassedToService": f"{service}.amazonaws.com"}
    assert not _allows(boundary, "iam:PassRole", ROLE, context)


def test_a_role_of_another_account_is_not_passed(boundary: Json) -> None:
    context = {**HERE, "iam:PassedToService": "sagemaker.amazonaws.com"}
    assert not _allows(boundary, "iam:PassRole", ROLE.replace("1" * 12, "2" * 12), context)


@pytest.mark.parametrize(("team", "allowed"), [("vision", True), ("language", False), (None, False)])
def test_a_role_of_the_own_team_is_taken_on_and_no_other(boundary: Json, team: str | None, allowed: bool) -> None:
    context = {**HERE, "aws:PrincipalTag/Team": "vision", **({"aws:ResourceTag/Team": team} if team else {})}
    assert _allows(boundary, "sts:AssumeRole", ROLE, context) is allowed


def test_who_has_no_team_takes_on_no_role(boundary: Json) -> None:
    assert not _allows(boundary, "sts:AssumeRole", ROLE, {**HERE, "aws:ResourceTag/Team": "vision"})


def test_the_boundary_itself_denies_nothing(boundary: Json) -> None:
    """A Deny belongs to the guardrails, which are attached to those alone whom they are about."""
    assert {statement["Effect"] for statement in boundary["Statement"]} == {"Allow"}


def _actions(policy: Json) -> set[str]:
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def _allows(boundary: Json, action: str, resource: str, context: Context) -> bool:
    return decide(Request(action, resource, context), [EVERYTHING], boundary) is Decision.ALLOWED


def _add_policies(stack: Stack, folder: Path) -> None:
    repository = TeamRepository(stack, "Repository", key=KEY, keep=False)
    folders = [Folder("arn:aws:s3:::a-bucket", "vision")]
    FolderPolicy(stack, "Folders", own=folders, shared=folders, key=KEY, further=repository.use())
    RuntimePolicy(stack, "Runtime", team="vision", subnets=["subnet-0a"], security_groups=["sg-0a"], volume_key=KEY)
    tags = {"Team": "vision"}
    TeamWork(stack, "Work", team="vision", tags=tags, job_role=ROLE)
    app = "arn:aws:sagemaker:::mlflow-app/a"
    TeamPeople(stack, "People", team="vision", tags=tags, pipeline_role=ROLE, exception_role=ROLE, mlflow_app=app)
    TeamApproval(stack, "Approval", team="vision")
    TeamDeployment(stack, "Deployment", team="vision", tags=tags, volume_key=KEY)
    TeamStudio(stack, "Studio", shared_space="vision-shared")
    queue = "arn:aws:batch:eu-west-1:111111111111:job-queue/spot"
    TeamBatch(
        stack,
        "Batch",
        tags=tags,
        share_identifier="vision",
        queues=[queue],
        job_definitions=["gpu"],
        log_groups="trainyard-prod-batch-",
        log_stream_prefix="vision",
    )
    MlflowApp(stack, "Mlflow", artifact_store_uri="s3://a-bucket/mlflow", folder_policy=ROLE, boundary=ROLE, keep=False)
    BatchHostRole(stack, "Host", repositories="a-team", image_accounts=["2" * 12], log_groups="jobs", boundary=ROLE)
    script = folder / "script"
    script.write_text("#!/bin/sh\n")
    scripts = NotebookScripts("#!/bin/sh\n", "#!/bin/sh\n", job=Archive(str(script), "0" * 64))
    NotebookLifecycle(
        stack, "Lifecycle", scripts=scripts, settings={}, repositories=["notebooks"], codeartifact=("libraries", "pypi")
    )
