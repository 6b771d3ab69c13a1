"""What identity policies in templates say, in a form that the policy evaluator takes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from policies.evaluator import Request, applies, is_about, plain
from policies.rules.documents import INLINE, MANAGED, ROLE, Statement, policies_of, statements
from policies.rules.template import App, Json, Resource, is_known, listed

USER, GROUP, ROLE_POLICY = "AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::RolePolicy"
IDENTITY_POLICIES = (MANAGED, INLINE, ROLE, USER, GROUP, ROLE_POLICY, "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy")


@dataclass(frozen=True, eq=False)
class Permission:
    """One statement of an identity policy.

    Args:
        policy: the resource that it is written in, which may be the role itself.
        statement: as it is written.
    """

    policy: Resource
    statement: Statement = field(repr=False)

    @cached_property
    def plain(self) -> Json:
        """Without intrinsic functions; what only a deployment knows is made up, and of the form that it must have."""
        body = plain({key: value for key, value in self.statement.body.items() if key != "Condition"})
        conditions: Json = {}
        for operator, key, values in self.statement.conditions:
            conditions.setdefault(operator, {})[key] = [_value(operator, each) for each in values]
        return {**body, "Condition": conditions}

    @cached_property
    def keys(self) -> frozenset[str]:
        """The condition keys that it looks at, in lower case."""
        return frozenset(key.lower() for _, key, _ in self.statement.conditions)

    def is_about(self, action: str) -> bool:
        """Whether it is about an action, whatever its resources and conditions."""
        return is_about(self.plain, action)

    def about(self, actions: Iterable[str]) -> frozenset[str]:
        """Those of SageMaker's actions that it is about, whatever its resources and conditions."""
        named = {each.lower() for each in self.statement.actions}
        if any(each in name for name in named for each in "*?$") or "NotAction" in self.plain:
            return frozenset(action for action in actions if self.is_about(f"sagemaker:{action}"))
        return frozenset(action for action in actions if f"sagemaker:{action.lower()}" in named)

    def applies(self, request: Request) -> bool:
        """Whether it decides a request; one that IAM would not take decides nothing."""
        try:
            return applies(self.plain, request)
        except ValueError:
            return False


def _value(operator: str, value: Any) -> str:
    text = str(plain(value))
    if is_known(value):
        return text.lower() if isinstance(value, bool) else text
    if "Arn" in operator and text.count(":") < 5:
        return f"arn:aws:made-up:::{text}"
    return "1" if "Numeric" in operator else text


class Permissions:
    """What an app gives to whom; each policy is read once, since many roles share theirs."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._read: dict[Resource, list[Permission]] = {}

    @cached_property
    def policies(self) -> dict[Resource, tuple[Resource, ...]]:
        """Role to what gives it something: itself, for its inline policies, and the policies of the app that it has."""
        app = self._app
        single: dict[Resource | None, list[Resource]] = {}
        for policy in app.of(ROLE_POLICY):
            single.setdefault(app.target(policy.get("RoleName"), policy), []).append(policy)
        return {
            role: (*([role] if role.list("Policies") else []), *policies_of(app, role), *single.get(role, ()))
            for role in app.of(ROLE)
        }

    @cached_property
    def holders(self) -> dict[Resource, list[Resource]]:
        """What gives something to the roles that have it."""
        found: dict[Resource, list[Resource]] = {}
        for role, policies in self.policies.items():
            for policy in policies:
                found.setdefault(policy, []).append(role)
        return found

    def boundary(self, role: Resource) -> Resource | None:
        """Its permissions boundary, if that is a policy of the app."""
        return self._app.target(role.get("PermissionsBoundary"), role)

    @cached_property
    def _ceilings(self) -> set[Resource]:
        """Policies that are permissions boundaries and nothing else."""
        boundaries = {found for each in self._app.of(ROLE, USER) if (found := self.boundary(each))}
        return {
            each
            for each in boundaries
            if each not in self.holders and not any(each.get(users) for users in ("Roles", "Users", "Groups"))
        }

    def read(self, policy: Resource) -> list[Permission]:
        """The statements of a policy, or of the inline policies of a role, user or group."""
        if policy not in self._read:
            inline = [
                statement
                for index, each in enumerate(policy.list("Policies"))
                for statement in statements(each.get("PolicyDocument"), f"Policies.{index}.PolicyDocument")
            ]
            written = [*inline, *statements(policy.get("PolicyDocument"), "PolicyDocument")]
            self._read[policy] = [Permission(policy, each) for each in written if _is_whole(each)]
        return self._read[policy]

    def allowed(self) -> Iterator[Permission]:
        """Every Allow of the app but those of permissions boundaries, which grant nothing."""
        for policy in self._app.of(*IDENTITY_POLICIES):
            if policy not in self._ceilings:
                yield from (each for each in self.read(policy) if each.statement.allows)

    def denied(self, role: Resource) -> list[Permission]:
        """The Denies that a role has, those of its permissions boundary among them."""
        policies = [*self.policies[role], *listed(self.boundary(role))]
        return [each for policy in policies for each in self.read(policy) if each.statement.denies]


def _is_whole(statement: Statement) -> bool:
    body = statement.body
    return ("Action" in body or "NotAction" in body) and ("Resource" in body or "NotResource" in body)


@lru_cache(maxsize=1)
def permissions(app: App) -> Permissions:
    """The permissions of an app, which several rules look at."""
    return Permissions(app)
