"""A role that other roles of this account take on."""

from collections.abc import Sequence

from constructs import Construct

from trainyard.lengths import MAX_TRUST_POLICY, characters
from trainyard.managed_policy import Conditions
from trainyard.place import place_of
from trainyard.resolved import resolved
from trainyard.role import Role


class AccountRole(Role):
    """A role for people who come with a role that they have already.

    The trust names the account, and conditions say which of its roles are meant: a principal that is named itself must
    exist beforehand, and is forgotten when it is made anew.

    Args:
        who: which principals of the account take it on.
        policies: ARNs of its managed policies.
        boundary: ARN of the policy that says what it may do at most.
        description: what it is for.

    Raises:
        ValueError: when the trust policy is longer than IAM takes.

    Source: AWS docs IAM/latest/UserGuide/reference_policies_elements_principal.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        who: Conditions,
        policies: Sequence[str],
        boundary: str,
        description: str,
    ) -> None:
        place = place_of(scope)
        trust = {
            "Principal": {"AWS": f"arn:{place.partition}:iam::{place.account}:root"},
            # Source identity stays with whoever has one; without the permission such a person is refused.
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            "Condition": who,
        }
        length = characters(resolved(scope, {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **trust}]}))
        if length > MAX_TRUST_POLICY:
            raise ValueError(f"who: {length} characters, a trust policy has at most {MAX_TRUST_POLICY}")
        super().__init__(
            scope,
            construct_id,
            trust=trust,
            policies=policies,
            boundary=boundary,
            description=description,
        )


def named_roles(scope: Construct, names: Sequence[str]) -> Conditions:
    """The roles of these names, with their paths."""
    place = place_of(scope)
    return {
        "ArnEquals": {"aws:PrincipalArn": [f"arn:{place.partition}:iam::{place.account}:role/{each}" for each in names]}
    }


def roles_of_team(team: str, environment: str) -> Conditions:
    """Roles that have the tags of a team, which nobody of the platform can give to a role."""
    return {"StringEquals": {"aws:PrincipalTag/Team": team, "aws:PrincipalTag/Environment": environment}}
