"""Says what IAM would answer to a request, as AWS documents it.

Source: AWS docs, in IAM/latest/UserGuide: reference_policies_evaluation-logic.html, reference_policies_variables.html,
reference_policies_elements_condition_operators.html,
reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

import ipaddress
import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from itertools import zip_longest
from typing import Any

Json = dict[str, Any]
Value = str | bool | int
Context = Mapping[str, Value | Sequence[str]]


class Decision(Enum):
    """What a request gets."""

    ALLOWED = "allowed"
    EXPLICITLY_DENIED = "denied by a Deny"
    IMPLICITLY_DENIED = "allowed by no Allow of the policies, or by none of the boundary"


@dataclass(frozen=True)
class Request:
    """An action on one resource; what acts on several is allowed when it is on each of them.

    Args:
        action: the action.
        resource: the ARN, or ``*`` for an action that AWS has no resources for.
        context: condition key to value, or to a list for a key of several; the request says nothing of other keys.
    """

    action: str
    resource: str = "*"
    context: Context = field(default_factory=dict)


def decide(request: Request, policies: Iterable[Json], boundary: Json | None = None) -> Decision:
    """The answer to a principal with these identity policies, and perhaps a permissions boundary.

    Raises:
        ValueError: for an element or an operator that the evaluator does not know.
    """
    granted = _effects(request, policies)
    ceiling = _effects(request, [boundary]) if boundary else {"Allow"}
    if "Deny" in granted | ceiling:
        return Decision.EXPLICITLY_DENIED
    return Decision.ALLOWED if "Allow" in granted & ceiling else Decision.IMPLICITLY_DENIED


PSEUDO_PARAMETERS = {"AWS::Partition": "aws", "AWS::Region": "eu-west-1", "AWS::AccountId": "111111111111"}
"""What ``plain`` puts in their place."""


def plain(value: Any) -> Any:
    """A part of a template without intrinsic functions: what only a deployment knows gets a made-up text."""
    match value:
        case {"Fn::Join": [separator, list(parts)]}:
            return separator.join(plain(part) for part in parts)
        case {"Fn::Sub": str(template)} | {"Fn::Sub": [str(template), *_]}:
            return _SUBSTITUTED.sub(lambda found: _of_deployment(found[1]), template).replace("${!", "${")
        case {"Ref": name}:
            return _of_deployment(name)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"arn:aws:made-up:::{name}" if attribute.endswith("Arn") else f"{name}.{attribute}"
        case {"Fn::ImportValue": name}:
            # The CDK ends the name of an export with eight hexadecimal digits.
            return f"arn:aws:made-up:::{name}" if re.search(r"Arn[0-9A-F]{8}$", name) else f"import-{name}"
        case dict() if len(value) == 1 and next(iter(value)).startswith("Fn::"):
            return "made-up" + re.sub(r"\W+", "-", json.dumps(value))
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case list():
            return [plain(each) for each in value]
    return value


_SUBSTITUTED = re.compile(r"\$\{([^!}][^}]*)\}")


def _of_deployment(name: str) -> str:
    return PSEUDO_PARAMETERS.get(name, f"ref-{name}")


def _effects(request: Request, policies: Iterable[Json]) -> set[str]:
    return {each["Effect"] for policy in policies for each in _listed(policy["Statement"]) if applies(each, request)}


def is_about(statement: Json, action: str) -> bool:
    """Whether a statement of an identity policy is about an action, whatever its resources and conditions."""
    named = any(_like(action.lower(), each.lower(), {}) for each in _element(statement, "Action"))
    return named is not ("NotAction" in statement)


def applies(statement: Json, request: Request) -> bool:
    """Whether a statement of an identity policy is about a request, and all its conditions hold.

    Raises:
        ValueError: for an element or an operator that the evaluator does not know.
    """
    unknown = set(statement) - {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))}: the evaluator does not know this element")
    if not is_about(statement, request.action):
        return False
    context = {key.lower(): value for key, value in request.context.items()}
    # All of them, so that an unknown operator does not hide behind a condition that fails.
    conditions = [
        _holds(name, [_text(each) for each in _listed(expected)], context.get(key.lower()), context)
        for name, keys in statement.get("Condition", {}).items()
        for key, expected in keys.items()
    ]
    named = any(_like(request.resource, each, context) for each in _element(statement, "Resource"))
    return all(conditions) and named is not ("NotResource" in statement)


def _element(statement: Json, name: str) -> list[Any]:
    """Its values, or those of its counterpart with ``Not``."""
    return _listed(statement[name] if name in statement else statement[f"Not{name}"])


def _holds(name: str, expected: list[str], actual: Any, context: Context) -> bool:
    """One operator on one key; ``actual`` is None when the request does not say."""
    if name == "Null":
        return ("true" in expected) == (actual in (None, "", []))
    quantifier, _, rest = name.rpartition(":")
    if_exists, base = rest.endswith("IfExists"), rest.removesuffix("IfExists")
    if base not in _OPERATORS or quantifier not in ("", "ForAnyValue", "ForAllValues") or (quantifier and if_exists):
        raise ValueError(f"{name}: the evaluator does not know this operator")
    negated = "Not" in base
    if quantifier:
        values = [_text(each) for each in _listed(actual or [])]
    elif actual is None:
        return if_exists or negated
    elif isinstance(actual, list | tuple):
        raise ValueError(f"{name}: a key of several values needs ForAnyValue or ForAllValues")
    else:
        values = [_text(actual)]
    results = [any(_OPERATORS[base](value, each, context) for each in expected) is not negated for value in values]
    return any(results) if quantifier == "ForAnyValue" else all(results)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _like(value: str, pattern: str, context: Context, wildcards: bool = True) -> bool:
    """With ``*``, ``?`` and policy variables; a variable that the request does not fill matches nothing."""
    if not _SPECIAL.search(pattern):
        return value == pattern
    filled = tuple(_filled(name, context) for name in _VARIABLE.findall(pattern))
    return _compiled(pattern, filled, wildcards).fullmatch(value) is not None


_SPECIAL = re.compile(r"[*?$]")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def _filled(variable: str, context: Context) -> str | None:
    value = variable if variable in ("*", "?", "$") else context.get(variable.lower())
    return value if isinstance(value, str) else None


@cache
def _compiled(pattern: str, filled: tuple[str | None, ...], wildcards: bool) -> re.Pattern[str]:
    special = {"*": ".*", "?": "."} if wildcards else {}
    texts = ["".join(special.get(each, re.escape(each)) for each in text) for text in _VARIABLE.split(pattern)[::2]]
    values = ["(?!)" if each is None else re.escape(each) for each in filled]
    return re.compile("".join(part for pair in zip_longest(texts, values, fillvalue="") for part in pair), re.S)


def _equal(value: str, expected: str, context: Context) -> bool:
    return _like(value, expected, context, wildcards=False)


def _arn_like(value: str, pattern: str, context: Context) -> bool:
    """Each of the six parts by itself, so no wildcard reaches over a colon; one in a variable separates nothing."""
    parts, patterns = value.split(":", maxsplit=5), re.split(r":(?![^{]*\})", pattern, maxsplit=5)
    return len(parts) == len(patterns) == 6 and all(_like(*each, context) for each in zip(parts, patterns, strict=True))


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str, Context], bool]:
    return lambda value, expected, _: compare(float(value), float(expected))


def _date(compare: Callable[[datetime, datetime], bool]) -> Callable[[str, str, Context], bool]:
    return lambda value, expected, _: compare(_moment(value), _moment(expected))


def _moment(value: str) -> datetime:
    """A date, with or without the time of day, or the seconds since 1970."""
    if value.isdigit():
        return datetime.fromtimestamp(int(value), UTC)
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _in_network(value: str, expected: str, _: Context) -> bool:
    return ipaddress.ip_address(value) in ipaddress.ip_network(expected, strict=False)


_OPERATORS: dict[str, Callable[[str, str, Context], bool]] = {
    **dict.fromkeys(("StringEquals", "StringNotEquals"), _equal),
    **dict.fromkeys(("StringLike", "StringNotLike"), _like),
    # Equal and like are one here: both take wildcards.
    **dict.fromkeys(("ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"), _arn_like),
    "Bool": lambda value, expected, _: value.lower() == expected.lower(),
    **dict.fromkeys(("NumericEquals", "NumericNotEquals"), _number(operator.eq)),
    "NumericLessThan": _number(operator.lt),
    "NumericLessThanEquals": _number(operator.le),
    "NumericGreaterThan": _number(operator.gt),
    "NumericGreaterThanEquals": _number(operator.ge),
    **dict.fromkeys(("DateEquals", "DateNotEquals"), _date(operator.eq)),
    "DateLessThan": _date(operator.lt),
    "DateLessThanEquals": _date(operator.le),
    "DateGreaterThan": _date(operator.gt),
    "DateGreaterThanEquals": _date(operator.ge),
    **dict.fromkeys(("IpAddress", "NotIpAddress"), _in_network),
}
