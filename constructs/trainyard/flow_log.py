"""Flow logs of a VPC, to CloudWatch."""

from aws_cdk import Aws, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct


class FlowLog(Construct):
    """Records accepted and rejected traffic of a VPC.

    Args:
        vpc: the VPC.
        log_group: where the records go.

    Source: AWS docs vpc/latest/userguide/flow-logs-iam-role.html
    """

    def __init__(self, scope: Construct, construct_id: str, *, vpc: ec2.IVpc, log_group: logs.ILogGroup) -> None:
        super().__init__(scope, construct_id)
        ec2.FlowLog(
            self,
            "FlowLog",
            resource_type=ec2.FlowLogResourceType.from_vpc(vpc),
            traffic_type=ec2.FlowLogTrafficType.ALL,
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group, self._role(log_group)),
        )

    def _role(self, log_group: logs.ILogGroup) -> iam.IRole:
        stack = Stack.of(self)
        write = iam.ManagedPolicy(
            self,
            "Write",
            statements=[
                iam.PolicyStatement(
                    actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    resources=[log_group.log_group_arn],
                )
            ],
        )
        role = iam.Role(
            self,
            "Role",
            # Without the account, a flow log of any account could be delivered through this role (confused deputy).
            assumed_by=iam.ServicePrincipal(
                "vpc-flow-logs.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {
                        "aws:SourceArn": f"arn:{Aws.PARTITION}:ec2:{stack.region}:{stack.account}:vpc-flow-log/*"
                    },
                },
            ),
            managed_policies=[write],
        )
        # The L2 would grant the same once more, in an inline policy.
        return role.without_policy_updates()
