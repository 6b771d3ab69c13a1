"""What anything that SageMaker runs in the VPC needs beside its team's data."""

from collections.abc import Sequence

from constructs import Construct

from trainyard.managed_policy import ManagedPolicy, Statement
from trainyard.place import place_of
from trainyard.team_repository import PULL_IMAGES
from trainyard.team_work import names_of

MAKE_INTERFACES = ("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterfacePermission")
HAND_OVER_INTERFACES = ("ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface")
DESCRIBE_NETWORK = (
    *("ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups"),
    *("ec2:DescribeSubnets", "ec2:DescribeVpcs"),
)
MAKE_LOGS = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams")
WRITE_LOGS = ("logs:PutLogEvents",)
LOG_GROUPS = ("TrainingJobs", "ProcessingJobs", "TransformJobs")
ASK_ENDPOINTS = (
    *("sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointAsync", "sagemaker:InvokeEndpointWithResponseStream"),
)
METRICS = ("cloudwatch:PutMetricData",)

OWN_STREAMS = "SageMaker names a log stream after its job or endpoint; only some beginnings are admitted"
ANY_STREAM = (
    "SageMaker begins the names of these streams with an instance or a domain, which tells no team, so teams can write "
    "to each other's"
)
VOLUME_KEY = ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext")
VOLUME_GRANTS = ("kms:CreateGrant",)


class RuntimePolicy(ManagedPolicy):
    """Network interfaces in the environment's subnets, a team's logs, metrics of SageMaker, and encrypted volumes.

    Args:
        team: the team's name, with which the names of its jobs and endpoints begin, and so those of their logs.
        subnets: ids of the subnets.
        security_groups: ids of the groups that jobs and notebooks may be in.
        volume_key: ARN of the key of volumes.
        image_accounts: further accounts whose images may run.

    Source: AWS docs sagemaker/latest/dg/sagemaker-roles.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        team: str,
        subnets: Sequence[str],
        security_groups: Sequence[str],
        volume_key: str,
        image_accounts: Sequence[str] = (),
    ) -> None:
        place = place_of(scope)
        subnet_arns = [place.arn("ec2", f"subnet/{each}") for each in subnets]
        interfaces = place.arn("ec2", "network-interface/*")
        super().__init__(
            scope,
            construct_id,
            statements=[
                Statement(
                    "JoinTheVpc",
                    MAKE_INTERFACES,
                    [
                        interfaces,
                        *subnet_arns,
                        *(place.arn("ec2", f"security-group/{each}") for each in security_groups),
                    ],
                    wildcards="The interface gets its id when it is made; subnets and groups are named one by one",
                ),
                Statement(
                    "HandOverInterfaces",
                    HAND_OVER_INTERFACES,
                    [interfaces],
                    conditions={"ArnEquals": {"ec2:Subnet": subnet_arns}},
                    wildcards="The interface gets its id when it is made; only those in the environment's subnets",
                ),
                Statement(
                    "DescribeTheNetwork", DESCRIBE_NETWORK, wildcards="AWS has no resources for these read-only actions"
                ),
                *write_logs(
                    scope,
                    [
                        *(f"{group}:log-stream:{name}" for group in LOG_GROUPS for name in names_of(team)),
                        f"Endpoints/{team}-*",
                    ],
                ),
                Statement(
                    "AskEndpoints",
                    ASK_ENDPOINTS,
                    [place.arn("sagemaker", f"endpoint/{team}-*")],
                    wildcards="An endpoint gets its name when it is deployed; the name begins with the team's",
                ),
                Statement(
                    "SendMetrics",
                    METRICS,
                    conditions={"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}},
                    wildcards="A metric belongs to a namespace and not to a resource; the namespace is limited",
                ),
                *(
                    Statement(
                        f"PullImagesOf{account}",
                        PULL_IMAGES,
                        [f"arn:{place.partition}:ecr:{place.region}:{account}:repository/*"],
                        wildcards="The environment file trusts this account with all its images",
                    )
                    for account in image_accounts
                ),
                Statement("UseEncryptedVolumes", VOLUME_KEY, [volume_key]),
                Statement(
                    "AttachEncryptedVolumes",
                    VOLUME_GRANTS,
                    [volume_key],
                    conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
                ),
            ],
        )


def write_logs(scope: Construct, streams: Sequence[str]) -> list[Statement]:
    """Writing some streams of SageMaker's logs, and making what is missing for them.

    Args:
        scope: where the statements are for.
        streams: what is behind ``/aws/sagemaker/`` in the name of a log group, and its stream.
    """
    place = place_of(scope)
    groups = dict.fromkeys(stream.partition(":")[0] for stream in streams)
    return [
        Statement(
            "MakeLogs",
            MAKE_LOGS,
            [place.arn("logs", f"log-group:/aws/sagemaker/{group.rstrip('*')}*") for group in groups],
            wildcards="AWS takes the group for the resource here, with a colon and an asterisk behind its name",
        ),
        Statement(
            "WriteLogs",
            WRITE_LOGS,
            [place.arn("logs", f"log-group:/aws/sagemaker/{stream}") for stream in streams],
            wildcards=ANY_STREAM if any(stream.endswith(":log-stream:*") for stream in streams) else OWN_STREAMS,
        ),
    ]
