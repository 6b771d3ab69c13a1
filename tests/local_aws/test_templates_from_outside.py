"""Templates of other kinds of projects, so that the engine is not fitted to ours."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import LocalAws

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent / "templates"
NAMES = sorted(file.stem for file in FOLDER.glob("*.yaml"))
STACK = "example"

Outputs = dict[str, str]


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws() as aws:
        yield aws


@pytest.mark.parametrize("name", NAMES)
def test_it_is_deployed_and_does_what_it_says(aws: LocalAws, name: str) -> None:
    SHOWN[name](aws, _deploy(aws, name))


@pytest.mark.parametrize("name", NAMES)
def test_its_resources_say_that_they_are_there(aws: LocalAws, name: str) -> None:
    _deploy(aws, name)
    summaries = aws.client("cloudformation").list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    assert {each["ResourceStatus"] for each in summaries} == {"CREATE_COMPLETE"}
    assert all(each["PhysicalResourceId"] for each in summaries)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_it_is_left_when_it_is_deleted(aws: LocalAws, name: str) -> None:
    before = _inventory(aws)
    _deploy(aws, name)
    assert _inventory(aws) != before
    cloudformation = aws.client("cloudformation")
    stack_id = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=STACK)
    stack = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
    assert (stack["StackStatus"], stack.get("StackStatusReason")) == ("DELETE_COMPLETE", None)
    assert _inventory(aws) == before


def test_without_nat_the_network_is_smaller(aws: LocalAws) -> None:
    _deploy(aws, "public_network")
    _deploy(aws, "public_network", WithNat="no")
    states = {each["State"] for each in aws.client("ec2").describe_nat_gateways()["NatGateways"]}
    assert states <= {"deleted", "deleting"}
    assert aws.client("ec2").describe_addresses()["Addresses"] == []


def test_another_hour_changes_the_rule_in_place(aws: LocalAws) -> None:
    before = _deploy(aws, "nightly_work")
    after = _deploy(aws, "nightly_work", Hour="4")
    assert after["RuleArn"] == before["RuleArn"]
    (rule,) = aws.client("events").list_rules()["Rules"]
    assert rule["ScheduleExpression"] == "cron(0 4 * * ? *)"


def test_an_hour_that_is_none_is_refused(aws: LocalAws) -> None:
    with pytest.raises(ClientError, match="Parameter 'Hour' must be a number not greater than 23"):
        _deploy(aws, "nightly_work", Hour="24")


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ({"Type": "AWS::Unheard::Of"}, r"Unrecognized resource types: \[AWS::Unheard::Of\]"),
        ({"Type": "AWS::SNS::Topic", "Properties": {"Colour": "red"}}, r"Colour"),
        ({"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": "long"}}, r"VisibilityTimeout"),
    ],
)
def test_what_is_unknown_is_refused_by_its_name(aws: LocalAws, resource: dict[str, Any], message: str) -> None:
    cloudformation = aws.client("cloudformation")
    body = json.dumps({"Resources": {"Thing": resource}})
    try:
        cloudformation.create_stack(StackName=STACK, TemplateBody=body)
    except ClientError as error:
        reasons = str(error)
    else:
        events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
        reasons = " ".join(each.get("ResourceStatusReason", "") for each in events)
        assert cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"] == "ROLLBACK_COMPLETE"
    assert re.search(message, reasons)


def _deploy(aws: LocalAws, name: str, **parameters: str) -> Outputs:
    cloudformation = aws.client("cloudformation")
    there = [each["StackName"] for each in cloudformation.describe_stacks()["Stacks"]]
    (cloudformation.update_stack if STACK in there else cloudformation.create_stack)(
        StackName=STACK,
        TemplateBody=(FOLDER / f"{name}.yaml").read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    failures = [each["ResourceStatusReason"] for each in events if each["ResourceStatus"].endswith("_FAILED")]
    assert (stack["StackStatus"].removeprefix("CREATE_").removeprefix("UPDATE_"), failures) == ("COMPLETE", [])
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def _inventory(aws: LocalAws) -> dict[str, Any]:
    """What there is of the things that the templates make."""
    keys = (each["KeyId"] for each in aws.client("kms").list_keys()["Keys"])
    states = [aws.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in keys]
    asked: dict[str, list[str]] = {
        "dynamodb": ["list_tables"],
        "ec2": [
            "describe_vpcs",
            "describe_subnets",
            "describe_route_tables",
            "describe_internet_gateways",
            "describe_addresses",
            "describe_security_groups",
        ],
        "ecr": ["describe_repositories"],
        "efs": ["describe_file_systems", "describe_access_points"],
        "events": ["list_rules"],
        "iam": ["list_roles"],
        "kinesis": ["list_streams"],
        "lambda": ["list_functions", "list_event_source_mappings"],
        "logs": ["describe_log_groups"],
        "secretsmanager": ["list_secrets"],
        "sns": ["list_topics", "list_subscriptions"],
        "sqs": ["list_queues"],
        "ssm": ["describe_parameters"],
        "stepfunctions": ["list_state_machines"],
    }
    clusters = aws.client("ecs").describe_clusters(clusters=aws.client("ecs").list_clusters()["clusterArns"])[
        "clusters"
    ]
    found: dict[str, Any] = {
        # Both are still shown for a while after they are gone.
        "kms": [state for state in states if state != "PendingDeletion"],
        "ecs": [each["status"] for each in clusters if each["status"] != "INACTIVE"],
    }
    for service, operations in asked.items():
        for operation in operations:
            answer = getattr(aws.client(service), operation)()
            answer.pop("ResponseMetadata")
            found[operation] = {key: value for key, value in answer.items() if isinstance(value, list)}
    return found


# ---- what each template shows ----


def _containers(aws: LocalAws, outputs: Outputs) -> None:
    task = aws.client("ecs").describe_task_definition(taskDefinition=outputs["TaskArn"])["taskDefinition"]
    (web,) = task["containerDefinitions"]
    assert web["environment"] == [{"name": "LEVEL", "value": "info"}]
    assert web["image"].startswith(f"{aws.account}.dkr.ecr.eu-west-1.amazonaws.com/")
    groups = [each["logGroupName"] for each in aws.client("logs").describe_log_groups()["logGroups"]]
    assert [web["logConfiguration"]["options"]["awslogs-group"]] == groups


def _fan_out(aws: LocalAws, outputs: Outputs) -> None:
    (topic,) = aws.client("sns").list_topics()["Topics"]
    assert topic["TopicArn"].endswith(f":{outputs['TopicName']}")
    aws.client("sns").publish(TopicArn=topic["TopicArn"], Message="an order")
    (message,) = aws.client("sqs").receive_message(QueueUrl=outputs["OrdersUrl"])["Messages"]
    assert message["Body"] == "an order"


def _nightly_work(aws: LocalAws, outputs: Outputs) -> None:
    machine = aws.client("stepfunctions").describe_state_machine(stateMachineArn=outputs["MachineArn"])
    assert json.loads(machine["definition"])["States"]["Wait"]["Comment"] == "eu-west-1"
    (rule,) = aws.client("events").list_rules()["Rules"]
    assert (rule["ScheduleExpression"], rule["State"]) == ("cron(0 2 * * ? *)", "DISABLED")
    (target,) = aws.client("events").list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["Arn"] == outputs["MachineArn"]


def _public_network(aws: LocalAws, outputs: Outputs) -> None:
    ec2 = aws.client("ec2")
    assert outputs["PublicBlock"] == "10.20.0.0/24"
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [outputs["VpcId"]]}])["RouteTables"]
    ways_out = [
        "nat" if "NatGatewayId" in route else "internet"
        for table in tables
        for route in table["Routes"]
        if route.get("DestinationCidrBlock") == "0.0.0.0/0"
    ]
    assert sorted(ways_out) == ["internet", "nat"]
    (export,) = aws.client("cloudformation").list_exports()["Exports"]
    assert (export["Name"], export["Value"]) == (f"{STACK}-vpc", outputs["VpcId"])


def _shared_files(aws: LocalAws, outputs: Outputs) -> None:
    targets = aws.client("efs").describe_mount_targets(FileSystemId=outputs["FileSystem"])["MountTargets"]
    assert len({each["AvailabilityZoneName"] for each in targets}) == 2
    (point,) = aws.client("efs").describe_access_points(FileSystemId=outputs["FileSystem"])["AccessPoints"]
    assert (point["AccessPointArn"], point["PosixUser"]["Uid"]) == (outputs["AccessPointArn"], 1000)


def _stored_items(aws: LocalAws, outputs: Outputs) -> None:
    table = aws.client("dynamodb")
    table.put_item(TableName=outputs["Table"], Item={"id": {"S": "1"}, "owner": {"S": "ann"}})
    found = table.query(
        TableName=outputs["Table"],
        IndexName="by-owner",
        KeyConditionExpression="#o = :o",
        ExpressionAttributeNames={"#o": "owner"},
        ExpressionAttributeValues={":o": {"S": "ann"}},
    )
    assert found["Count"] == 1
    function = aws.client("lambda").get_function(FunctionName=outputs["FunctionArn"])
    assert function["Configuration"]["Environment"]["Variables"] == {"TABLE": outputs["Table"]}
    assert function["Configuration"]["Runtime"] == "python3.12"


def _stream(aws: LocalAws, outputs: Outputs) -> None:
    stream = aws.client("kinesis").describe_stream(StreamARN=outputs["StreamArn"])["StreamDescription"]
    assert (len(stream["Shards"]), stream["RetentionPeriodHours"], stream["EncryptionType"]) == (2, 48, "KMS")
    (source,) = aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert (source["EventSourceArn"], source["BatchSize"]) == (outputs["StreamArn"], 50)
    assert outputs["AliasArn"].endswith(":live")


SHOWN: dict[str, Callable[[LocalAws, Outputs], None]] = {
    "containers": _containers,
    "fan_out": _fan_out,
    "nightly_work": _nightly_work,
    "public_network": _public_network,
    "shared_files": _shared_files,
    "stored_items": _stored_items,
    "stream": _stream,
}
