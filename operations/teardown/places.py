"""Where things are looked for that have no row in the table of kinds: what stacks keep, and what outlives them."""

import re
from dataclasses import dataclass
from typing import Any

import jmespath  # type: ignore[import-untyped]
from botocore.exceptions import ClientError

from operations.teardown.aws import Aws, code_of
from operations.teardown.schedule import Waits

Json = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """How one thing of a type is asked for.

    Args:
        type: its type in CloudFormation.
        arn: what stands before its id in its ARN: service, colon, and the kind of resource.
        call: service and operation that tell of it.
        argument: the argument that names it, as JSON with ``ID`` in it.
        found: a JMESPath expression for it in the answer.
        missing: codes that say that it is not there.
        billed: whether it costs money as long as it is there.
        size: a JMESPath expression for its size in GiB.
        goes: a JMESPath expression for the day on which it goes by itself.
        over: a JMESPath expression that is true for one that is gone and still told of.
    """

    type: str
    arn: str
    call: str
    argument: Json
    found: str
    missing: tuple[str, ...] = ()
    billed: bool = True
    size: str = ""
    goes: str = ""
    over: str = ""


def _ec2(type_: str, arn: str, operation: str, filter_: str, found: str, **more: Any) -> Place:
    """One of EC2's, asked for with a filter: by its id, one that is not there would be an error."""
    asked = {"Filters": [{"Name": filter_, "Values": ["ID"]}]}
    return Place(f"AWS::EC2::{type_}", f"ec2:{arn}/", f"ec2.{operation}", asked, f"{found}[0]", **more)


PLACES = (
    Place("AWS::S3::Bucket", "s3:", "s3.head_bucket", {"Bucket": "ID"}, "@", missing=("404", "NoSuchBucket")),
    Place(
        "AWS::KMS::Key",
        "kms:key/",
        "kms.describe_key",
        {"KeyId": "ID"},
        "KeyMetadata",
        missing=("NotFoundException",),
        goes="DeletionDate",
    ),
    Place(
        "AWS::ECR::Repository",
        "ecr:repository/",
        "ecr.describe_repositories",
        {"repositoryNames": ["ID"]},
        "repositories[0]",
        missing=("RepositoryNotFoundException",),
    ),
    Place(
        "AWS::Logs::LogGroup",
        "logs:log-group:",
        "logs.describe_log_groups",
        {"logGroupNamePrefix": "ID"},
        "logGroups[?logGroupName=='ID'] | [0]",
    ),
    Place(
        "AWS::FSx::FileSystem",
        "fsx:file-system/",
        "fsx.describe_file_systems",
        {"FileSystemIds": ["ID"]},
        "FileSystems[0]",
        missing=("FileSystemNotFound",),
        size="StorageCapacity",
    ),
    Place(
        "AWS::EFS::FileSystem",
        "elasticfilesystem:file-system/",
        "efs.describe_file_systems",
        {"FileSystemId": "ID"},
        "FileSystems[0]",
        missing=("FileSystemNotFound",),
        over="LifeCycleState=='deleted'",
    ),
    Place(
        "AWS::SageMaker::Domain",
        "sagemaker:domain/",
        "sagemaker.describe_domain",
        {"DomainId": "ID"},
        "@",
        missing=("ResourceNotFound",),
        billed=False,
    ),
    Place(
        "AWS::Batch::ComputeEnvironment",
        "batch:compute-environment/",
        "batch.describe_compute_environments",
        {"computeEnvironments": ["ID"]},
        "computeEnvironments[0]",
        over="status=='DELETED'",
    ),
    Place(
        "AWS::Batch::JobQueue",
        "batch:job-queue/",
        "batch.describe_job_queues",
        {"jobQueues": ["ID"]},
        "jobQueues[0]",
        billed=False,
        over="status=='DELETED'",
    ),
    _ec2("VPC", "vpc", "describe_vpcs", "vpc-id", "Vpcs", billed=False),
    _ec2("Subnet", "subnet", "describe_subnets", "subnet-id", "Subnets", billed=False),
    _ec2("SecurityGroup", "security-group", "describe_security_groups", "group-id", "SecurityGroups", billed=False),
    Place(
        "AWS::EC2::VPCEndpoint",
        "ec2:vpc-endpoint/",
        "ec2.describe_vpc_endpoints",
        {"VpcEndpointIds": ["ID"]},
        "VpcEndpoints[0]",
        missing=("InvalidVpcEndpointId.NotFound",),
        over="contains(['deleted', 'deleting'], State)",
    ),
    Place(
        "AWS::EC2::FlowLog",
        "ec2:vpc-flow-log/",
        "ec2.describe_flow_logs",
        {"FlowLogIds": ["ID"]},
        "FlowLogs[0]",
        missing=("InvalidFlowLogId.NotFound",),
        billed=False,
    ),
    _ec2("Volume", "volume", "describe_volumes", "volume-id", "Volumes", size="Size"),
    _ec2("Snapshot", "snapshot", "describe_snapshots", "snapshot-id", "Snapshots", size="VolumeSize"),
    _ec2(
        "Instance",
        "instance",
        "describe_instances",
        "instance-id",
        "Reservations[].Instances[] | ",
        over="contains(['shutting-down', 'terminated'], State.Name)",
    ),
    Place(
        "AWS::CloudWatch::Alarm",
        "cloudwatch:alarm:",
        "cloudwatch.describe_alarms",
        {"AlarmNames": ["ID"]},
        "MetricAlarms[0]",
    ),
    Place(
        "AWS::Lambda::Function",
        "lambda:function:",
        "lambda.get_function",
        {"FunctionName": "ID"},
        "@",
        missing=("ResourceNotFoundException",),
        billed=False,
    ),
    Place(
        "AWS::SNS::Topic",
        "sns:",
        "sns.get_topic_attributes",
        {"TopicArn": "ARN"},
        "@",
        missing=("NotFound", "NotFoundException"),
        billed=False,
    ),
)
"""Source: the references of the API of each service."""

RECORDS = re.compile(
    r"sagemaker:((training|processing|transform|hyper-parameter-tuning|automl|compilation)-job|"
    r"[a-z0-9-]*(experiment|experiment-trial|experiment-trial-component|context|artifact|action|lifecycle-config)|"
    r"pipeline/[^/]+/execution)/|batch:(job|job-definition)/"
)
"""What tells only of the past or costs nothing, and is not taken for a thing that is left.

Of jobs they are those that the table of kinds lists while they run: of others nobody knows whether they do.
"""


def place_of(arn: str) -> tuple[Place | None, str]:
    """The place where what an ARN names is asked for, and its id there."""
    service, rest = arn.split(":", 5)[2], arn.split(":", 5)[5]
    for place in PLACES:
        named = f"{service}:{rest}"
        if named.startswith(place.arn):
            return place, (arn if "ARN" in place.argument.values() else named.removeprefix(place.arn))
    return None, rest


def look_at(aws: Aws, place: Place, id_: str) -> Waits:
    """What is told of a thing; None when it is gone.

    Raises:
        ClientError: what AWS says against it, but for that it is not there.
    """
    service, _, operation = place.call.partition(".")
    try:
        answer = yield from aws.call(service, operation, **_filled(place.argument, id_))
    except ClientError as error:
        if code_of(error) in place.missing:
            return None
        raise
    told = jmespath.search(place.found.replace("ID", id_), answer)
    return None if not told or (place.over and jmespath.search(place.over, told)) else told


def _filled(part: Any, id_: str) -> Any:
    match part:
        case "ID" | "ARN":
            return id_
        case dict():
            return {name: _filled(each, id_) for name, each in part.items()}
        case list():
            return [_filled(each, id_) for each in part]
    return part
