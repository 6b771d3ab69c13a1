"""What outlives the environment when its file says so: keys, and later buckets and repositories."""

from constructs import Construct

from environments import Environment
from stacks.platform_stack import PlatformStack
from trainyard.customer_key import CustomerKey


class DataStack(PlatformStack):
    """Attributes: ``log_key``, the customer key of every log group of the environment."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(
            scope, construct_id, environment=environment, description="Trainyard: what outlives the stacks"
        )

        self.log_key = CustomerKey(
            self,
            "LogKey",
            description=f"Log groups of Trainyard {environment.name}",
            keep=environment.logs.keep_after_teardown,
        )
        self.log_key.admit_log_groups()
