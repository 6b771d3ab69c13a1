"""A CloudWatch log group under a customer key."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct


class EncryptedLogGroup(logs.LogGroup):
    """A log group that is encrypted and forgets.

    Args:
        key: the customer key; its policy must admit CloudWatch Logs (``CustomerKey.admit_log_groups``).
        retention_days: after how many days an entry is deleted; one of the values that CloudWatch takes.
        keep: whether the log group stays when its stack is deleted.
    """

    def __init__(self, scope: Construct, construct_id: str, *, key: kms.IKey, retention_days: int, keep: bool) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption_key=key,
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )
        # The enum of the L2 has a name for each number; the resource takes the number.
        log_group = self.node.default_child
        assert isinstance(log_group, logs.CfnLogGroup)
        log_group.retention_in_days = retention_days
