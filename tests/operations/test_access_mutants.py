"""The matrix notices every Deny that is missing, and every operator, action or value of one that is wrong.

Each mutant is one Deny of the policies of prod, changed in one place as facts about IAM's operators suggest it.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import pytest

from operations.access.matrix import Case
from policies.evaluator import Decision, applies, decide
from tests.operations.access_cases import EVERYTHING, Access, request_of
from tests.support import Assembly, Json
from trainyard.sagemaker_actions import Key

pytestmark = pytest.mark.slow

SWAPS: dict[str, tuple[str, ...]] = {
    "BoolIfExists": ("Bool",),
    "Bool": ("BoolIfExists",),
    "StringEquals": ("StringNotEquals", "StringEqualsIfExists"),
    "StringNotEquals": ("StringEquals", "StringNotEqualsIfExists"),
    "ArnNotEquals": ("ArnEquals", "ArnNotEqualsIfExists"),
    "ArnNotLike": ("ArnLike", "ArnNotLikeIfExists"),
    "StringNotLike": ("StringLike", "StringNotLikeIfExists"),
    "ForAnyValue:StringNotEquals": ("ForAllValues:StringNotEquals", "StringNotEquals", "ForAnyValue:StringEquals"),
    "ForAnyValue:StringNotLike": ("ForAllValues:StringNotLike", "StringNotLike", "ForAnyValue:StringLike"),
    "ForAnyValue:ArnNotLike": ("ForAllValues:ArnNotLike", "ArnNotLike", "ForAnyValue:ArnLike"),
    "NumericGreaterThan": ("NumericLessThan", "NumericGreaterThanEquals", "NumericGreaterThanIfExists"),
    "DateGreaterThanEquals": ("DateLessThan", "DateGreaterThan"),
    "Null": (),
}
"""Operator to the wrong ones in its place; an operator that is not here fails the test that looks for it."""


@dataclass(frozen=True, eq=False)
class Mutant:
    """One change of one Deny; nothing is left of it where ``statement`` is None."""

    what: str
    original: Json
    statement: Json | None
    policy: Json
    actions: tuple[str, ...]


@pytest.fixture(scope="module")
def access(prod: Assembly) -> Access:
    return Access(prod)


def test_every_mutant_of_a_deny_is_noticed(access: Access) -> None:
    mutants = list(_mutants(access))
    notices = _Notices(access)
    unnoticed = [each.what for each in mutants if not notices.it(each)]
    print(f"{len(mutants) - len(unnoticed)} of {len(mutants)} mutants noticed")
    assert unnoticed == []
    assert len(mutants) > 500


def test_every_deny_of_prod_has_mutants(access: Access) -> None:
    sids = {statement["Sid"] for _, statement in _denies(access)}
    assert {each.original["Sid"] for each in _mutants(access)} == sids
    assert len(sids) > 30


def test_every_operator_of_a_deny_has_wrong_ones(access: Access) -> None:
    used = {operator for _, statement in _denies(access) for operator in statement.get("Condition", {})}
    assert used <= set(SWAPS)


def test_nothing_is_noticed_where_nothing_is_changed(access: Access) -> None:
    policy, statement = next(each for each in _denies(access) if each[1]["Sid"] == "WithoutTrafficEncryption")
    same = Mutant("the same", statement, deepcopy(statement), policy, tuple(statement["Action"]))
    assert not _Notices(access).it(same)


class _Notices:
    """Asks the cases of the roles that have a policy about one that differs in one Deny."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._cases: dict[str, list[Case]] = {}
        for case in access.cases:
            self._cases.setdefault(case.action, []).append(case)
        self._carriers = {role: {id(each) for each in access.policies(role)} for role in access.roles}
        self._rest: dict[tuple[int, Case], bool] = {}

    def it(self, mutant: Mutant) -> bool:
        """Whether a case has another outcome."""
        return any(
            self._allowed(case, mutant) is not case.allowed
            for action in mutant.actions
            for case in self._cases.get(action, ())
            if id(mutant.policy) in self._carriers[case.role]
        )

    def _allowed(self, case: Case, mutant: Mutant) -> bool | None:
        if not self._allowed_by_the_rest(case, mutant):
            return False
        if mutant.statement is None:
            return True
        try:
            return not applies(mutant.statement, request_of(case))
        except ValueError:
            # IAM leaves open what an operator for one value makes of several.
            return None

    def _allowed_by_the_rest(self, case: Case, mutant: Mutant) -> bool:
        known = (id(mutant.original), case)
        if known not in self._rest:
            policies = [
                {"Statement": [each for each in policy["Statement"] if each is not mutant.original]}
                for policy in self._access.policies(case.role)
            ]
            boundary = self._access.boundary(case.role)
            if case.all_else_allowed:
                policies, boundary = [EVERYTHING, *policies], None
            self._rest[known] = decide(request_of(case), policies, boundary) is Decision.ALLOWED
        return self._rest[known]


def _denies(access: Access) -> Iterator[tuple[Json, Json]]:
    """The policies that some role has, each with each of its Denies."""
    policies = {id(each): each for role in access.roles for each in access.policies(role)}
    for policy in policies.values():
        for statement in policy["Statement"]:
            if statement["Effect"] == "Deny":
                yield policy, statement


def _mutants(access: Access) -> Iterator[Mutant]:
    """All of prod, but those that no request could tell from what they were."""
    allowed = access.assembly.environment.access.instance_types
    for policy, statement in _denies(access):
        for what, changed, actions in _changes(statement, allowed):
            yield Mutant(f"{statement['Sid']}: {what}", statement, changed, policy, actions)


def _changes(statement: Json, allowed: tuple[str, ...]) -> Iterator[tuple[str, Json | None, tuple[str, ...]]]:
    """What is changed, what becomes of the statement, and the actions that it is about."""
    actions = tuple(statement["Action"])
    yield "removed", None, actions
    for action in actions if len(actions) > 1 else ():
        yield f"without {action}", {**statement, "Action": [each for each in actions if each != action]}, (action,)
    conditions = [
        Condition(operator, key, values)
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    for one in conditions:
        others = [each for each in conditions if each is not one]
        if others:
            yield f"{one}: dropped", _with(statement, others), actions
        for wrong in one.wrong():
            if not _equivalence(one, wrong, others, allowed):
                yield f"{one}: {wrong}", _with(statement, [*others, wrong]), actions


@dataclass(frozen=True)
class Condition:
    """An operator, a condition key and its value or values."""

    operator: str
    key: str
    values: Any

    def __str__(self) -> str:
        return f"{self.operator} {self.key} {self.values}"

    def wrong(self) -> Iterator["Condition"]:
        """With another operator, the opposite, or one value less."""
        for other in SWAPS[self.operator]:
            yield replace(self, operator=other)
        if self.values in ("true", "false"):
            yield replace(self, values="false" if self.values == "true" else "true")
        if isinstance(self.values, list) and len(self.values) > 1:
            for value in self.values:
                yield replace(self, values=[each for each in self.values if each != value])


def _with(statement: Json, conditions: list[Condition]) -> Json:
    written: Json = {}
    for each in conditions:
        written.setdefault(each.operator, {})[each.key] = each.values
    return {**statement, "Condition": written}


def _equivalence(one: Condition, wrong: Condition, others: list[Condition], allowed: tuple[str, ...]) -> str | None:
    """Why no request can tell one from the other, if none can."""
    if wrong.operator == f"{one.operator}IfExists" and "Not" in one.operator:
        return "a negated operator matches a missing key without IfExists too"
    if one.key == Key.INSTANCE_TYPES and others and wrong.operator == one.operator:
        (pattern,) = set(one.values) - set(wrong.values)
        if not any(each.split(".")[1] == pattern.split(".")[1] for each in allowed):
            return "another Deny refuses a type that the environment does not allow, whatever its volume's key"
    return None
