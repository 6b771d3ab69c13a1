"""What is put right in moto."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import LocalAws
from tests.local_aws.resource_types.account import Account, account

pytestmark = pytest.mark.slow


@pytest.fixture
def here() -> Iterator[Account]:
    """An empty account."""
    with account() as made:
        yield made


def _bucket_with(here: Account, statement: dict[str, Any]) -> str:
    bucket = here.make("AWS::S3::Bucket", {}).physical_id
    statement = {"Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*", **statement}
    here.make("AWS::S3::BucketPolicy", {"Bucket": bucket, "PolicyDocument": {"Statement": [statement]}})
    return bucket


def test_a_policy_that_denies_only_requests_without_tls_denies_no_others(here: Account) -> None:
    bucket = _bucket_with(here, {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}})
    here.clients.client("s3").put_object(Bucket=bucket, Key="a", Body=b"a")


def test_a_policy_that_denies_everything_still_does(here: Account) -> None:
    bucket = _bucket_with(here, {"Effect": "Deny"})
    with pytest.raises(ClientError, match="403"):
        here.clients.client("s3").put_object(Bucket=bucket, Key="a", Body=b"a")


def test_a_budget_that_is_not_there_is_not_changed(here: Account) -> None:
    budget = {"BudgetName": "a", "BudgetType": "COST", "TimeUnit": "MONTHLY"}
    with pytest.raises(ClientError, match="Unable to update budget: a - the budget doesn't exist"):
        here.clients.client("budgets").update_budget(AccountId="123456789012", NewBudget=budget)


def test_a_budget_changes(here: Account) -> None:
    budgets = here.clients.client("budgets")
    budget = {"BudgetName": "a", "BudgetType": "COST", "TimeUnit": "MONTHLY"}
    limits = [{"BudgetLimit": {"Amount": amount, "Unit": "USD"}} for amount in ("1", "2")]
    budgets.create_budget(AccountId="123456789012", Budget={**budget, **limits[0]})
    budgets.update_budget(AccountId="123456789012", NewBudget={**budget, **limits[1]})
    answer = budgets.describe_budget(AccountId="123456789012", BudgetName="a")
    assert answer["Budget"]["BudgetLimit"]["Amount"] == "2"


def test_a_group_of_models_that_is_not_there_is_not_deleted(here: Account) -> None:
    with pytest.raises(ClientError, match="model-package-group/a does not exist"):
        here.clients.client("sagemaker").delete_model_package_group(ModelPackageGroupName="a")


def _environment(here: Account) -> str:
    vpc = here.make("AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16"}).physical_id
    subnet = here.make("AWS::EC2::Subnet", {"VpcId": vpc, "CidrBlock": "10.0.1.0/24"}).physical_id
    group = here.make("AWS::EC2::SecurityGroup", {"VpcId": vpc, "GroupDescription": "a"}).physical_id
    resources = {"Type": "FARGATE", "MaxvCpus": 4, "Subnets": [subnet], "SecurityGroupIds": [group]}
    made = here.make("AWS::Batch::ComputeEnvironment", {"Type": "MANAGED", "ComputeResources": resources})
    return made.physical_id


def test_a_compute_environment_without_a_role_has_that_of_the_service(here: Account) -> None:
    environment = _environment(here)
    answer = here.clients.client("batch").describe_compute_environments(computeEnvironments=[environment])
    role = answer["computeEnvironments"][0]["serviceRole"]
    assert role == "arn:aws:iam::123456789012:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"


def test_two_compute_environments_share_that_role(here: Account) -> None:
    _environment(here)
    _environment(here)
    roles = here.clients.client("iam").list_roles(PathPrefix="/aws-service-role/")["Roles"]
    assert [each["RoleName"] for each in roles] == ["AWSServiceRoleForBatch"]


def test_a_compute_environment_keeps_what_it_is_changed_to(here: Account) -> None:
    environment, batch = _environment(here), here.clients.client("batch")
    batch.update_compute_environment(computeEnvironment=environment, computeResources={"maxvCpus": 8})
    answer = batch.describe_compute_environments(computeEnvironments=[environment])
    assert answer["computeEnvironments"][0]["computeResources"]["maxvCpus"] == 8


def test_a_queue_keeps_the_limits_of_its_jobs(here: Account) -> None:
    limit = {"Action": "CANCEL", "MaxTimeSeconds": 3600, "Reason": "a", "State": "RUNNABLE"}
    order = [{"Order": 1, "ComputeEnvironment": _environment(here)}]
    made = here.make(
        "AWS::Batch::JobQueue",
        {"Priority": 1, "ComputeEnvironmentOrder": order, "JobStateTimeLimitActions": [limit]},
    )
    (queue,) = here.clients.client("batch").describe_job_queues(jobQueues=[made.physical_id])["jobQueues"]
    assert queue["jobStateTimeLimitActions"][0]["maxTimeSeconds"] == 3600


def test_a_job_definition_keeps_its_priority_and_nodes(here: Account) -> None:
    container = {"Image": "a", "Vcpus": 1, "Memory": 8}
    nodes = {"MainNode": 0, "NumNodes": 2, "NodeRangeProperties": [{"TargetNodes": "0:", "Container": container}]}
    properties = {"Type": "multinode", "SchedulingPriority": 5, "NodeProperties": nodes}
    made = here.make("AWS::Batch::JobDefinition", properties)
    batch = here.clients.client("batch")
    (definition,) = batch.describe_job_definitions(jobDefinitions=[made.physical_id])["jobDefinitions"]
    assert definition["schedulingPriority"] == 5
    assert definition["nodeProperties"]["numNodes"] == 2


def test_a_log_group_says_whether_it_is_protected(here: Account) -> None:
    logs = here.clients.client("logs")
    logs.create_log_group(logGroupName="a", deletionProtectionEnabled=True)
    logs.create_log_group(logGroupName="b")
    groups = logs.describe_log_groups()["logGroups"]
    assert {each["logGroupName"]: each["deletionProtectionEnabled"] for each in groups} == {"a": True, "b": False}


def test_a_metric_filter_that_is_put_again_is_one(here: Account) -> None:
    log = here.make("AWS::Logs::LogGroup", {}).physical_id
    logs = here.clients.client("logs")
    metric = {"metricName": "a", "metricNamespace": "b", "metricValue": "1"}
    for pattern in ("A", "B"):
        logs.put_metric_filter(logGroupName=log, filterName="f", filterPattern=pattern, metricTransformations=[metric])
    filters = logs.describe_metric_filters(logGroupName=log)["metricFilters"]
    assert [each["filterPattern"] for each in filters] == ["B"]


def test_a_policy_need_not_be_a_list_of_statements(here: Account) -> None:
    bucket = here.make("AWS::S3::Bucket", {}).physical_id
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3 = here.clients.client("s3")
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": statement}))
    with pytest.raises(ClientError, match="403"):
        s3.put_object(Bucket=bucket, Key="a", Body=b"a")


LOGGING = {"LoggingEnabled": {"TargetBucket": "access-logs", "TargetPrefix": "datasets/"}}


@pytest.fixture
def buckets() -> Iterator[Any]:
    """S3 with a bucket and another one for its access logs."""
    with LocalAws() as aws:
        s3 = aws.client("s3")
        for bucket in ("datasets", "access-logs"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield s3


def _delivery(resource: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": resource,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.parametrize("resource", ["arn:aws:s3:::access-logs/*", ["arn:aws:s3:::access-logs/*"]])
def test_logs_are_delivered_where_a_policy_lets_them(buckets: Any, resource: Any) -> None:
    buckets.put_bucket_policy(Bucket="access-logs", Policy=_delivery(resource))
    buckets.put_bucket_logging(Bucket="datasets", BucketLoggingStatus=LOGGING)
    assert buckets.get_bucket_logging(Bucket="datasets")["LoggingEnabled"]["TargetBucket"] == "access-logs"


@pytest.mark.parametrize("policy", [None, _delivery(["arn:aws:s3:::datasets/*"])])
def test_logs_are_delivered_nowhere_else(buckets: Any, policy: str | None) -> None:
    if policy:
        buckets.put_bucket_policy(Bucket="access-logs", Policy=policy)
    with pytest.raises(ClientError, match="InvalidTargetBucketForLogging"):
        buckets.put_bucket_logging(Bucket="datasets", BucketLoggingStatus=LOGGING)


def test_logs_do_not_come_at_once(buckets: Any) -> None:
    buckets.put_bucket_policy(Bucket="access-logs", Policy=_delivery("arn:aws:s3:::access-logs/*"))
    buckets.put_bucket_logging(Bucket="datasets", BucketLoggingStatus=LOGGING)
    buckets.put_object(Bucket="datasets", Key="file")
    assert buckets.list_objects_v2(Bucket="access-logs")["KeyCount"] == 0


@pytest.mark.parametrize("policy", ["AdministratorAccess", "service-role/AWSLambdaBasicExecutionRole"])
def test_policies_of_aws_are_known_by_their_names(policy: str) -> None:
    with LocalAws() as aws:
        iam = aws.client("iam")
        iam.create_role(RoleName="role", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
        iam.attach_role_policy(RoleName="role", PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
        (attached,) = iam.list_attached_role_policies(RoleName="role")["AttachedPolicies"]
        assert attached["PolicyArn"] == f"arn:aws:iam::aws:policy/{policy}"
        assert iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["AttachmentCount"] == 1


@pytest.mark.parametrize("policy", ["NoSuchThing", "AWSLambdaBasicExecutionRole"])
def test_a_policy_that_aws_does_not_have_there_is_not_found(policy: str) -> None:
    with LocalAws() as aws, pytest.raises(ClientError, match="NoSuchEntity"):
        aws.client("iam").get_policy(PolicyArn=f"arn:aws:iam::aws:policy/{policy}")


def test_a_protocol_without_ports_needs_none() -> None:
    with LocalAws() as aws:
        ec2 = aws.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        group = ec2.create_security_group(GroupName="nodes", Description="Nodes of a job", VpcId=vpc)["GroupId"]
        ec2.authorize_security_group_ingress(
            GroupId=group, IpPermissions=[{"IpProtocol": "50", "UserIdGroupPairs": [{"GroupId": group}]}]
        )
        (rule,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
        assert rule["IpProtocol"] == "50"
        assert "FromPort" not in rule
