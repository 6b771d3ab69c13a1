"""IAM policy documents in templates: of identities, of resources, and of who may take on a role."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from policies.rules.template import App, Json, Resource, is_known, listed

POSITIVE = ("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike")
"""Operators of conditions that hold only when the key is there and has one of the values."""

MANAGED, INLINE, ROLE = "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::Role"


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement of a policy, with lists where IAM takes one value or several.

    Args:
        path: where it stands, for example ``PolicyDocument.Statement.0``.
        body: as it is written.
    """

    path: str
    body: Json = field(repr=False)

    @property
    def allows(self) -> bool:
        return bool(self.body.get("Effect") == "Allow")

    @property
    def denies(self) -> bool:
        return bool(self.body.get("Effect") == "Deny")

    @property
    def actions(self) -> list[str]:
        return [str(each) for each in listed(self.body.get("Action"))]

    @property
    def resources(self) -> list[Any]:
        """ARNs; those that only a deployment knows are intrinsic functions."""
        value = self.body.get("Resource")
        return value if isinstance(value, list) else [] if value is None else [value]

    @property
    def principals(self) -> list[tuple[str, Any]]:
        """Kind and value, for example ``("Service", "sagemaker.amazonaws.com")``; ``("AWS", "*")`` for everybody."""
        principal = self.body.get("Principal")
        if principal is None:
            return []
        if not isinstance(principal, dict) or not is_known(principal):
            return [("AWS", principal)]
        return [
            (kind, each)
            for kind, value in principal.items()
            for each in (value if isinstance(value, list) else [value])
        ]

    @property
    def for_everybody(self) -> bool:
        """Whether it names no principal, as far as its conditions do not."""
        return "NotPrincipal" in self.body or any(value == "*" for _, value in self.principals)

    @property
    def conditions(self) -> list[tuple[str, str, list[Any]]]:
        """Operator, key and values."""
        return [
            (operator, key, values if isinstance(values, list) else [values])
            for operator, keys in (self.body.get("Condition") or {}).items()
            for key, values in keys.items()
        ]

    def has_condition_on(self, *keys: str) -> bool:
        """Whether it looks at one of these keys, upper and lower case being one."""
        wanted = {key.lower() for key in keys}
        return any(key.lower() in wanted for _, key, _ in self.conditions)

    def is_confined_by(self, *keys: str) -> bool:
        """Whether it holds only for some values of one of these keys.

        A condition that also holds without the key, for all values but some, or for ``*``, confines nothing.
        """
        wanted = {key.lower() for key in keys}
        return any(
            key.lower() in wanted and operator.removeprefix("ForAnyValue:") in POSITIVE and "*" not in values
            for operator, key, values in self.conditions
        )


def statements(document: Any, path: str) -> Iterator[Statement]:
    """The statements of a policy document that is written out."""
    if isinstance(document, dict) and is_known(document):
        for index, body in enumerate(listed(document.get("Statement"))):
            if isinstance(body, dict) and is_known(body):
                yield Statement(f"{path}.Statement.{index}", body)


def identity_statements(app: App, role: Resource) -> Iterator[tuple[Resource, Statement]]:
    """What a role is given: each statement and the resource that it is written in, inline policies included."""
    for index, policy in enumerate(role.list("Policies")):
        for each in statements(policy.get("PolicyDocument"), f"Policies.{index}.PolicyDocument"):
            yield role, each
    for policy in policies_of(app, role):
        for each in statements(policy.get("PolicyDocument"), "PolicyDocument"):
            yield policy, each


def policies_of(app: App, role: Resource) -> list[Resource]:
    """The policies of the app that the role has, whether the role names the policy or the policy the role."""
    named = [app.target(each, role) for each in role.list("ManagedPolicyArns")]
    found = [each for each in named if each and each.type == MANAGED] + _naming(app).get(role, [])
    return list(dict.fromkeys(found))


@lru_cache(maxsize=1)
def _naming(app: App) -> dict[Resource, list[Resource]]:
    """Role to the policies that name it."""
    found: dict[Resource, list[Resource]] = {}
    for policy in app.of(MANAGED, INLINE):
        for role in filter(None, (app.target(each, policy) for each in policy.list("Roles"))):
            found.setdefault(role, []).append(policy)
    return found


def trust(role: Resource) -> list[Statement]:
    """Who may take the role on."""
    return list(statements(role.get("AssumeRolePolicyDocument"), "AssumeRolePolicyDocument"))
