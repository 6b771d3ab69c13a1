"""A customer-managed KMS key."""

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


class CustomerKey(kms.Key):
    """A key that rotates every year and is deleted only after a waiting period.

    Args:
        description: what the key encrypts, as the console shows it.
        keep: whether the key stays when its stack is deleted. A key that encrypts something kept must be kept too.

    Source: AWS docs kms/latest/developerguide/rotate-keys.html
    """

    def __init__(self, scope: Construct, construct_id: str, *, description: str, keep: bool) -> None:
        super().__init__(
            scope,
            construct_id,
            description=description,
            enable_key_rotation=True,
            pending_window=Duration.days(30 if keep else 7),
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )

    def admit_log_groups(self) -> None:
        """Lets CloudWatch Logs use the key, for log groups of this account and region alone.

        Source: AWS docs AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        """
        stack = Stack.of(self)
        log_groups = f"arn:{Aws.PARTITION}:logs:{stack.region}:{stack.account}:log-group:*"
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogGroupsOfThisAccount",
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
            )
        )
