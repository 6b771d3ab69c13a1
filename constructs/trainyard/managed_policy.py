"""Customer managed policies: the only kind of permissions that Trainyard's roles have."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aws_cdk import Acknowledgment, Validations
from aws_cdk import aws_iam as iam
from constructs import Construct

from trainyard.lengths import MAX_POLICY, characters
from trainyard.resolved import resolved

Conditions = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Statement:
    """One statement of a policy.

    Args:
        sid: what it is for, as one word.
        actions: IAM actions.
        resources: ARNs, or ``*``.
        effect: whether it allows or denies.
        conditions: operator to condition key to value or values.
        wildcards: why its wildcards cannot be narrower; compulsory for an Allow that has some.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[str] = ("*",)
    effect: Literal["Allow", "Deny"] = "Allow"
    conditions: Conditions = field(default_factory=dict)
    wildcards: str = ""

    def document(self) -> dict[str, Any]:
        """As it stands in a policy document."""
        document = {
            "Sid": self.sid,
            "Effect": self.effect,
            "Action": list(self.actions),
            "Resource": list(self.resources),
        }
        return document | ({"Condition": self.conditions} if self.conditions else {})


class ManagedPolicy(iam.CfnManagedPolicy):
    """A customer managed policy.

    Args:
        statements: its statements.

    Attributes:
        arn: its ARN.

    Raises:
        ValueError: when it could be longer than IAM takes, and for a wildcard without a reason.
    """

    def __init__(self, scope: Construct, construct_id: str, *, statements: Sequence[Statement]) -> None:
        document = {"Version": "2012-10-17", "Statement": [each.document() for each in statements]}
        super().__init__(scope, construct_id, policy_document=document)
        self.arn = self.ref

        written = resolved(scope, document)
        length = characters(written)
        if length > MAX_POLICY:
            raise ValueError(f"{construct_id}: {length} characters, a managed policy has at most {MAX_POLICY}")
        reasons: dict[str, list[str]] = {}
        for statement, shown in zip(statements, written["Statement"], strict=True):
            for finding in _wildcards(shown) if statement.effect == "Allow" else ():
                if not statement.wildcards:
                    raise ValueError(f"{construct_id}: {statement.sid}: {finding}: a wildcard must have a reason")
                # Several statements can have the same wildcard, and are one finding.
                reasons.setdefault(finding, []).append(f"{statement.sid}: {statement.wildcards}")
        if reasons:
            Validations.of(self).acknowledge(
                *(Acknowledgment(id=finding, reason=". ".join(each)) for finding, each in reasons.items())
            )


def _wildcards(statement: Mapping[str, Any]) -> Iterator[str]:
    """The findings of AwsSolutions-IAM5 on a resolved statement, by the names that cdk-nag gives them."""
    for action in statement["Action"]:
        if "*" in action:
            yield f"AwsSolutions::AwsSolutions-IAM5[Action::{action}]"
    for resource in statement["Resource"]:
        written = _flat(resource)
        if "*" in written:
            yield f"AwsSolutions::AwsSolutions-IAM5[Resource::{written}]"


def _flat(resource: Any) -> str:
    match resource:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_flat(part) for part in parts)
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
    return re.sub(r"\$\{([^}]*)\}", r"<\1>", str(resource))
