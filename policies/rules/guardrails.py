"""The rule that a role which may ask SageMaker for something also has the Denies that make each request safe.

A Deny is judged by what it does: requests are made up, right and wrong ones, and the policy evaluator answers them.

Source: trainyard.sagemaker_actions, which says what must be denied
"""

import re
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import cache
from typing import Any

from policies.evaluator import Context, Request
from policies.rules.permissions import IDENTITY_POLICIES, Permission, permissions
from policies.rules.rule import RuleBook
from policies.rules.template import App, Finding
from trainyard.sagemaker_actions import (
    CONDITION_KEYS,
    FORBIDDEN,
    KEY_TYPES,
    PRESIGNED,
    PROTECTIONS,
    Demand,
    Key,
    Protection,
    Type,
    carrying,
)

RULES = RuleBook()

ANYTHING = "arn:aws:sagemaker:eu-west-1:111111111111:made-up/made-up"
"""What a Deny must cover: one on some resources alone says nothing about the rest."""

PLAIN_TYPE, LOCAL_STORAGE_TYPE = "ml.m5.large", "ml.g5.xlarge"

WRONG = {
    Key.INSTANCE_TYPES: "ml.made-up.large",
    **dict.fromkeys((Key.ROOT_ACCESS, Key.INTERNET_ACCESS), "Enabled"),
    Key.METADATA_VERSION: "1",
    Key.DOMAIN_NETWORK: "PublicInternetOnly",
}
"""Values that no environment allows."""
WRONG_BY_TYPE = {
    **dict.fromkeys((Type.TEXT, Type.TEXTS), "made-up"),
    **dict.fromkeys((Type.ARN, Type.ARNS), "arn:aws:sagemaker:eu-west-1:999999999999:made-up/made-up"),
    Type.BOOL: "false",
    Type.NUMBER: "1000000000",
}

COVERED = {action: [each for each in PROTECTIONS if action in each.actions] for action in CONDITION_KEYS}
"""Action to what protects it."""
KEYS = {key.lower(): key for key in Key}
KNOWN_ACTIONS = (*CONDITION_KEYS, *FORBIDDEN, *PRESIGNED)


class Asked(StrEnum):
    """A made-up request, by what it says in a protection's key."""

    MISSING = "that leaves it out"
    WRONG = "with a wrong value"
    MIXED = "with a wrong value among right ones"
    RIGHT = "with a right value"
    LOCAL = "for an instance type that takes none"


@RULES.rule(
    "I4",
    "Whatever a role may ask of SageMaker, a Deny stops the unsafe request, and only that",
    why="Jobs are in no template: whoever submits one decides how it runs, unless a Deny looks at each request; one on "
    "a key that its action lacks, or with the wrong operator, stops everything or nothing",
    source="AWS docs IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html; the "
    "Service Authorization Reference, through trainyard.sagemaker_actions",
    fix="Attach the guardrails to the role, each with no condition but the key's own; where the role is an exception, "
    "acknowledge ACTION:PROTECTION on it",
)
def guardrails(app: App) -> Iterator[Finding]:
    given = permissions(app)
    stopped, about = cache(_stopped), cache(_about)
    for policy in app.of(*IDENTITY_POLICIES):
        for each in given.read(policy):
            if each.statement.denies:
                yield from _lint(each)

    @cache
    def faults(allows: tuple[Permission, ...], denies: tuple[Permission, ...]) -> list[tuple[str, str]]:
        return list(_faults(allows, denies, stopped, about))

    for role, policies in given.policies.items():
        allows = tuple(each for policy in policies for each in given.read(policy) if each.statement.allows)
        for detail, what in faults(allows, tuple(given.denied(role))):
            yield role.broken("ManagedPolicyArns", what, detail)


Stopped = Callable[[Permission, Protection, bool], frozenset[Asked]]
About = Callable[[Permission], frozenset[str]]


def _about(statement: Permission) -> frozenset[str]:
    return statement.about(CONDITION_KEYS)


def _faults(
    allows: Sequence[Permission], denies: Sequence[Permission], stopped: Stopped, about: About
) -> Iterator[tuple[str, str]]:
    """Detail and sentence of what is wrong with a role that has these statements."""
    allowed = frozenset[str]().union(*map(about, allows))
    for action in (each for each in CONDITION_KEYS if each in allowed):
        looking = [each for each in denies if action in about(each)]
        if any(not each.keys and each.applies(Request(f"sagemaker:{action}", ANYTHING)) for each in looking):
            continue
        for protection in COVERED[action]:
            required = action in protection.required
            denied = frozenset[Asked]().union(
                *(stopped(each, protection, required) for each in looking if protection.key.lower() in each.keys)
            )
            if wrong := list(_wrong(action, protection, denied)):
                yield f"{action}:{protection.name}", f"let it {action}: on {protection.key}, {', and '.join(wrong)}"


def _wrong(action: str, protection: Protection, denied: frozenset[Asked]) -> Iterator[str]:
    required = action in protection.required
    unsafe = {
        Asked.MISSING: required,
        Asked.WRONG: protection.demand is not Demand.GIVEN,
        Asked.MIXED: KEY_TYPES[protection.key].several,
    }
    passes = [asked for asked, is_unsafe in unsafe.items() if is_unsafe and asked not in denied]
    safe = [Asked.RIGHT, Asked.LOCAL, *([] if required else [Asked.MISSING])]
    fails = [asked for asked in safe if asked in denied]
    if passes:
        yield f"no Deny stops a request {' or '.join(passes)}"
    if fails:
        yield f"a Deny stops every request {' or '.join(fails)}"


def _stopped(deny: Permission, protection: Protection, required: bool) -> frozenset[Asked]:
    """The requests that a Deny stops by itself, whichever of its actions they are of.

    One that looks at further keys stops them in some circumstances alone, so it is not counted.

    Args:
        deny: the statement.
        protection: what it should do.
        required: whether a request must have the key.
    """
    action = next(iter(_about(deny)))
    key = protection.key
    around: Context = {
        **({Key.INSTANCE_TYPES: [PLAIN_TYPE]} if protection.not_on_local_storage else {}),
        **({Key.SHARING_TYPE: "Private"} if protection.in_private_spaces else {}),
    }
    if deny.keys - {each.lower() for each in (key, *around)}:
        return frozenset()
    named = _named(deny, key)
    variables = {name: "own" for each in named for name in re.findall(r"\$\{([^}]*)\}", each)}
    wrong, right = _wrong_value(protection), _right_value(protection, named)
    requests: list[tuple[Asked, list[str], Context]] = [
        (Asked.MISSING, [], around),
        (Asked.WRONG, [wrong], around),
    ]
    if KEY_TYPES[key].several:
        requests.append((Asked.MIXED, [right, wrong], around))
    # Where the key may be left out, a Deny of whatever it says is one way to protect it.
    if named or required:
        requests.append((Asked.RIGHT, [right], around))
    if protection.not_on_local_storage:
        requests.append((Asked.LOCAL, [], {Key.INSTANCE_TYPES: [LOCAL_STORAGE_TYPE]}))

    def context(values: list[str], others: Context) -> Context:
        said: Any = values if KEY_TYPES[key].several else values[0] if values else None
        return {**variables, **others, **({key: said} if values else {})}

    return frozenset(
        asked
        for asked, values, others in requests
        if deny.applies(Request(f"sagemaker:{action}", ANYTHING, context(values, others)))
    )


def _named(deny: Permission, key: Key) -> list[str]:
    """The values that a Deny names for a key, other than whether it is there."""
    return [
        value
        for operator, keys in deny.plain["Condition"].items()
        for each, values in keys.items()
        if operator != "Null" and each.lower() == key.lower()
        for value in values
    ]


def _wrong_value(protection: Protection) -> str:
    if protection.demand is Demand.NONE_OF:
        return protection.values[0]
    return WRONG.get(protection.key, WRONG_BY_TYPE[KEY_TYPES[protection.key]])


def _right_value(protection: Protection, named: Sequence[str]) -> str:
    """One that the Deny itself lets pass, if it does what its protection asks."""
    if protection.demand is Demand.TRUE:
        return "true"
    if protection.demand is Demand.NONE_OF:
        return "false" if KEY_TYPES[protection.key] is Type.BOOL else "made-up"
    if not named:
        return "made-up"
    return re.sub(r"[*?]", "x", re.sub(r"\$\{[^}]*\}", "own", named[0]))


def _lint(deny: Permission) -> Iterator[Finding]:
    """What is wrong with a Deny on SageMaker's actions, whoever has it."""
    statement, conditions = deny.statement, deny.plain["Condition"]
    if not any(each == "*" or each.lower().startswith("sagemaker:") for each in statement.actions):
        return
    found: dict[str, str] = {}
    for key in sorted(KEYS[each] for each in deny.keys if each in KEYS):
        for pattern in statement.actions:
            if lacking := _lacking(pattern, key):
                found[f"{pattern.partition(':')[2] or pattern}:{key.partition(':')[2]}"] = (
                    f"looks at {key}, which {', '.join(lacking[:3])} lacks: it is denied for ever, or never"
                )
    for operator, keys in conditions.items():
        for key in (KEYS[each.lower()] for each in keys if each.lower() in KEYS):
            if operator != "Null" and KEY_TYPES[key].several and not operator.startswith("ForAnyValue:"):
                found[f"{operator}:{key.partition(':')[2]}"] = (
                    f"has {operator} on {key}, which holds several values: with ForAnyValue one wrong value is enough"
                )
    missing = [key for key, values in conditions.get("Null", {}).items() if values == ["true"] and key.lower() in KEYS]
    if len(missing) > 1:
        found["Null"] = f"denies only what leaves out {' and '.join(missing)} together: one statement for each"
    for detail, what in found.items():
        yield deny.policy.broken(statement.path, what, detail)


def _lacking(pattern: str, key: Key) -> list[str]:
    """The actions of SageMaker that a pattern names and that do not carry the key.

    Of tags, the table knows only what its own actions carry; URLs are no resource that could have some.
    """
    service, _, name = pattern.rpartition(":")
    if service.lower() not in ("sagemaker", "*", ""):
        return []
    expression = re.compile(re.escape(name.lower()).replace(r"\*", ".*").replace(r"\?", "."))
    caught = [each for each in KNOWN_ACTIONS if expression.fullmatch(each.lower())] or [name]
    known = key.startswith("sagemaker:")
    return [
        each for each in caught if each not in carrying(key) and (known or each in CONDITION_KEYS or each in PRESIGNED)
    ]
