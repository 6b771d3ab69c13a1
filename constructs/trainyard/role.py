"""A role as all of the platform's are: managed policies alone, under the permissions boundary."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_iam as iam
from constructs import Construct

from trainyard.lengths import MAX_POLICIES


class Role(iam.CfnRole):
    """A role.

    Args:
        trust: the one statement that says who takes it on.
        policies: ARNs of its managed policies.
        boundary: ARN of the policy that says what it may do at most.
        description: what it is for, if its place does not say so.

    Attributes:
        arn: its ARN.

    Raises:
        ValueError: when it has more policies than IAM takes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        trust: Mapping[str, Any],
        policies: Sequence[str],
        boundary: str,
        description: str | None = None,
    ) -> None:
        if len(policies) > MAX_POLICIES:
            raise ValueError(f"policies: {len(policies)} given, a role takes {MAX_POLICIES}")
        super().__init__(
            scope,
            construct_id,
            assume_role_policy_document={"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **trust}]},
            managed_policy_arns=list(policies),
            permissions_boundary=boundary,
            description=description,
        )
        self.arn = self.attr_arn
