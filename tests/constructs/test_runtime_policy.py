"""What may be done by anything that SageMaker runs, asked of an evaluator of policies."""

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk.assertions import Template

from policies.evaluator import Context, Decision, Request, decide
from tests.support import Json, documents
from trainyard.runtime_policy import RuntimePolicy

EC2 = "arn:aws:ec2:eu-west-1:111111111111"
LOGS = "arn:aws:logs:eu-west-1:111111111111:log-group"
KEY = "arn:aws:kms:eu-west-1:111111111111:key/volumes"


@pytest.fixture(scope="module")
def policy() -> Json:
    stack = Stack(App(), "Test", env=Environment(account="111111111111", region="eu-west-1"))
    RuntimePolicy(
        stack,
        "Runtime",
        team="vision",
        subnets=["subnet-0a", "subnet-0b"],
        security_groups=["sg-0a", "sg-0b"],
        volume_key=KEY,
    )
    (document,) = documents(Template.from_stack(stack)).values()
    return document


@pytest.mark.parametrize(
    "resource",
    [
        "network-interface/eni-01",
        "subnet/subnet-0a",
        "subnet/subnet-0b",
        "security-group/sg-0a",
        "security-group/sg-0b",
    ],
)
def test_network_interfaces_are_made_in_the_given_subnets_and_groups(policy: Json, resource: str) -> None:
    assert _allows(policy, "ec2:CreateNetworkInterface", f"{EC2}:{resource}")


@pytest.mark.parametrize("resource", ["subnet/subnet-99", "security-group/sg-99", "vpc/vpc-01", "instance/i-01"])
def test_network_interfaces_are_made_nowhere_else(policy: Json, resource: str) -> None:
    assert not _allows(policy, "ec2:CreateNetworkInterface", f"{EC2}:{resource}")


@pytest.mark.parametrize("action", ["ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"])
@pytest.mark.parametrize(("subnet", "allowed"), [("subnet-0b", True), ("subnet-99", False), (None, False)])
def test_an_interface_is_handed_to_sagemaker_or_removed_in_the_given_subnets_alone(
    policy: Json, action: str, subnet: str | None, allowed: bool
) -> None:
    context = {"ec2:Subnet": f"{EC2}:subnet/{subnet}"} if subnet else {}
    assert _allows(policy, action, f"{EC2}:network-interface/eni-01", context) is allowed


@pytest.mark.parametrize(
    "action",
    [
        *("ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups"),
        *("ec2:DescribeSubnets", "ec2:DescribeVpcs"),
    ],
)
def test_the_network_can_be_looked_at(policy: Json, action: str) -> None:
    assert _allows(policy, action)


@pytest.mark.parametrize("group", ["TrainingJobs", "ProcessingJobs", "TransformJobs"])
def test_the_logs_of_the_teams_jobs_are_written(policy: Json, group: str) -> None:
    assert _allows(policy, "logs:PutLogEvents", f"{LOGS}:/aws/sagemaker/{group}:log-stream:vision-a/algo-1")


def test_the_logs_of_the_teams_endpoints_are_written(policy: Json) -> None:
    assert _allows(policy, "logs:PutLogEvents", f"{LOGS}:/aws/sagemaker/Endpoints/vision-a:log-stream:AllTraffic/i-01")


@pytest.mark.parametrize("action", ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams"])
@pytest.mark.parametrize("group", ["TrainingJobs", "TrainingJobs:*", "ProcessingJobs", "Endpoints/vision-a"])
def test_what_is_missing_for_them_is_made(policy: Json, action: str, group: str) -> None:
    assert _allows(policy, action, f"{LOGS}:/aws/sagemaker/{group}")


@pytest.mark.parametrize(
    "resource",
    [
        f"{LOGS}:/aws/sagemaker/TrainingJobs:log-stream:language-a/algo-1",
        f"{LOGS}:/aws/sagemaker/TrainingJobs:log-stream:visionary-a/algo-1",
        f"{LOGS}:/aws/sagemaker/Endpoints/language-a:log-stream:AllTraffic/i-01",
        f"{LOGS}:/aws/sagemaker/NotebookInstances:log-stream:a/jupyter.log",
        f"{LOGS}:/aws/sagemaker/studio:log-stream:d-1/vision-1/JupyterLab/default",
        f"{LOGS}:/aws/fsx/a",
        "arn:aws:logs:eu-west-1:222222222222:log-group:/aws/sagemaker/TrainingJobs:log-stream:vision-a",
        "arn:aws:logs:us-east-1:111111111111:log-group:/aws/sagemaker/TrainingJobs:log-stream:vision-a",
    ],
)
def test_no_other_log_is_written(policy: Json, resource: str) -> None:
    assert not _allows(policy, "logs:PutLogEvents", resource)


@pytest.mark.parametrize("action", ["logs:GetLogEvents", "logs:DeleteLogGroup", "logs:DeleteLogStream"])
def test_logs_are_not_read_or_deleted(policy: Json, action: str) -> None:
    assert not _allows(policy, action, f"{LOGS}:/aws/sagemaker/TrainingJobs:log-stream:vision-a")


@pytest.mark.parametrize(
    ("context", "allowed"),
    [
        ({"cloudwatch:namespace": "/aws/sagemaker/TrainingJobs"}, True),
        ({"cloudwatch:namespace": "AWS/Billing"}, False),
        ({}, False),
    ],
)
def test_metrics_are_sent_in_the_namespaces_of_sagemaker_alone(policy: Json, context: Context, allowed: bool) -> None:
    assert _allows(policy, "cloudwatch:PutMetricData", context=context) is allowed


@pytest.mark.parametrize("action", ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"])
def test_the_key_of_volumes_is_used_and_no_other(policy: Json, action: str) -> None:
    assert _allows(policy, action, KEY)
    assert not _allows(policy, action, KEY.replace("volumes", "other"))


@pytest.mark.parametrize(
    ("context", "allowed"),
    [({"kms:GrantIsForAWSResource": True}, True), ({"kms:GrantIsForAWSResource": False}, False), ({}, False)],
)
def test_the_key_is_lent_to_services_of_aws_alone(policy: Json, context: Context, allowed: bool) -> None:
    assert _allows(policy, "kms:CreateGrant", KEY, context) is allowed


def test_another_key_is_lent_to_nobody(policy: Json) -> None:
    other = KEY.replace("volumes", "other")
    assert not _allows(policy, "kms:CreateGrant", other, {"kms:GrantIsForAWSResource": True})


@pytest.mark.parametrize(
    "action",
    ["ec2:RunInstances", "ec2:AuthorizeSecurityGroupEgress", "kms:Encrypt", "kms:PutKeyPolicy", "iam:PassRole"],
)
def test_nothing_else_is_allowed(policy: Json, action: str) -> None:
    assert not _allows(policy, action)
    assert not _allows(policy, action, KEY)


def _allows(policy: Json, action: str, resource: str = "*", context: Context | None = None) -> bool:
    return decide(Request(action, resource, context or {}), [policy]) is Decision.ALLOWED


def test_images_of_trusted_accounts_alone_are_pulled_beside_the_teams() -> None:
    stack = Stack(App(), "Test", env=Environment(account="111111111111", region="eu-west-1"))
    trusted = ["444444444444"]
    RuntimePolicy(
        stack,
        "Runtime",
        team="vision",
        subnets=["subnet-0a"],
        security_groups=[],
        volume_key=KEY,
        image_accounts=trusted,
    )
    (document,) = documents(Template.from_stack(stack)).values()
    (statement,) = (each for each in document["Statement"] if "ecr:BatchGetImage" in each["Action"])
    (resource,) = statement["Resource"]
    assert resource.endswith(":444444444444:repository/*")
