"""A role that an AWS service takes on for this account alone."""

from collections.abc import Sequence
from typing import Any

from constructs import Construct

from trainyard.place import place_of
from trainyard.role import Role


class ServiceRole(Role):
    """A role of a service.

    Args:
        service: the service principal that takes it on.
        policies: ARNs of its managed policies.
        boundary: ARN of the policy that says what it may do at most.
        for_a_person: whether the service may name the person behind it in CloudTrail (source identity).

    Source: AWS docs IAM/latest/UserGuide/confused-deputy.html;
    sagemaker/latest/dg/monitor-user-access.html (source identity)
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        service: str,
        policies: Sequence[str],
        boundary: str,
        for_a_person: bool = False,
    ) -> None:
        trust: dict[str, Any] = {
            "Principal": {"Service": service},
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"] if for_a_person else "sts:AssumeRole",
        }
        # A host takes on its role by itself, in its own account: EC2 gives no source account.
        if service != "ec2.amazonaws.com":
            trust["Condition"] = {"StringEquals": {"aws:SourceAccount": place_of(scope).account}}
        super().__init__(scope, construct_id, trust=trust, policies=policies, boundary=boundary)
