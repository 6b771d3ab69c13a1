"""What the approver of a team may do, asked of an evaluator of policies."""

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from policies.evaluator import Decision, Request, decide
from tests.support import Json, documents
from trainyard.team_registry import TeamApproval

SAGEMAKER = "arn:aws:sagemaker:eu-west-1:111111111111"


@pytest.fixture(scope="module")
def policy() -> Json:
    stack = Stack(App(), "Test")
    TeamApproval(stack, "Approval", team="vision")
    (document,) = documents(Template.from_stack(stack)).values()
    return document


@pytest.mark.parametrize("action", ["sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage"])
@pytest.mark.parametrize("team", ["vision", "language"])
def test_an_approver_judges_the_versions_of_the_team_alone(policy: Json, action: str, team: str) -> None:
    request = Request(action, f"{SAGEMAKER}:model-package/{team}-a/1")
    assert (decide(request, [policy]) is Decision.ALLOWED) is (team == "vision")


@pytest.mark.parametrize(
    "action", ["sagemaker:CreateModelPackage", "sagemaker:CreateTrainingJob", "s3:GetObject", "iam:PassRole"]
)
def test_an_approver_makes_nothing_and_reads_no_data(policy: Json, action: str) -> None:
    assert action not in {each for statement in policy["Statement"] for each in statement["Action"]}
