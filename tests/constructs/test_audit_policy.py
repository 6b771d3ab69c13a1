import re

import botocore.session
import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from tests.support import Json, documents
from trainyard.audit_policy import SEE, AuditPolicy

READS = re.compile(r"\w+:(Describe|List|Get|View|Lookup|Simulate)\w+")
# What returns what people train with, wrote or keep secret.
DATA = re.compile(
    r"s3:GetObject.*|.*GetLogEvents|.*FilterLogEvents|secretsmanager:.*|ssm:GetParameter.*|kms:(Decrypt|Generate).*"
)


def test_it_changes_nothing() -> None:
    assert [action for action in SEE if not READS.fullmatch(action)] == []


def test_it_returns_no_data() -> None:
    assert [action for action in SEE if DATA.fullmatch(action)] == []


def test_no_action_stands_twice() -> None:
    assert len(set(SEE)) == len(SEE)


@pytest.mark.parametrize("service", ["sagemaker", "batch", "fsx", "iam", "ec2", "cloudformation", "ecr", "sns", "kms"])
def test_an_action_is_one_of_its_service(service: str) -> None:
    known = set(botocore.session.get_session().get_service_model(service).operation_names)
    assert {action.partition(":")[2] for action in SEE if action.startswith(f"{service}:")} <= known


def test_the_policy_allows_these_and_nothing_else() -> None:
    stack = Stack(App(), "Test")
    AuditPolicy(stack, "Audit")
    (document,) = documents(Template.from_stack(stack)).values()
    (statement,) = _statements(document)
    assert (statement["Effect"], tuple(statement["Action"])) == ("Allow", SEE)


def _statements(document: Json) -> list[Json]:
    statements: list[Json] = document["Statement"]
    return statements
