"""The language of the tables: JMESPath, and texts with JMESPath in braces.

``arn:{region}:{record.Name}`` is a text; ``{record.Paths}`` alone is the value itself, whatever it is. Objects and
lists hold more of them; numbers and booleans are themselves.
"""

import secrets
import string
import uuid
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jmespath  # type: ignore[import-untyped]

from local_aws.expressions import Functions, compiled, searching, takes

Scope = Mapping[str, Any]


class _Functions(Functions):
    """What the tables need and JMESPath lacks."""

    @takes(["array", "null"], ["string"], [])
    def _func_where(self, items: list[Any] | None, key: str, value: Any) -> list[Any]:
        """The items whose key has that value (a JMESPath filter cannot see the scope)."""
        return [each for each in items or () if each.get(key) == value]

    @takes(["array", "null"], ["string"], [])
    def _func_having(self, items: list[Any] | None, key: str, value: Any) -> list[Any]:
        """The items whose key is a list that has the value."""
        return [each for each in items or () if value in each.get(key, ())]

    @takes(["array", "null"], ["string"], ["array", "null"])
    def _func_among(self, items: list[Any] | None, key: str, values: list[Any] | None) -> list[Any]:
        """The items whose key has one of the values."""
        return [each for each in items or () if each.get(key) in (values or ())]

    @takes(["array", "null"], ["string"], ["array"], ["string"], ["string"])
    def _func_by_arn(
        self, items: list[Any] | None, key: str, records: list[Any], name: str, arn: str
    ) -> list[Any] | None:
        """The items with the ARN of a record where their key has its name; null when there are none."""
        arns = {each[name]: each[arn] for each in records}
        return [{**each, key: arns.get(each[key], each[key])} for each in items] if items else None

    @takes(["string"], ["string"], ["string"], ["string", "null"])
    def _func_arn_of(self, region: str, account: str, kind: str, name: str | None) -> str:
        """The ARN of something of SageMaker, by its name or its ARN."""
        return f"arn:aws:sagemaker:{region}:{account}:{kind}/{(name or '').rpartition('/')[2].lower()}"

    @takes([], ["string"])
    def _func_gathered(self, value: Any, key: str) -> list[Any]:
        """Everything that is anywhere under that key."""
        if isinstance(value, dict):
            inner = [each for name in value for each in self._func_gathered(value[name], key)]
            return [*([value[key]] if key in value else []), *inner]
        return [each for item in value for each in self._func_gathered(item, key)] if isinstance(value, list) else []

    @takes([], [])
    def _func_holds(self, value: Any, wanted: Any) -> bool:
        """Whether something is anywhere in a value."""
        if isinstance(value, dict):
            return any(self._func_holds(each, wanted) for each in value.values())
        if isinstance(value, list):
            return any(self._func_holds(each, wanted) for each in value)
        return bool(value == wanted)

    @takes(["array", "null"], ["string"])
    def _func_overlapping(self, paths: list[str] | None, path: str) -> list[str]:
        """The paths that are in ``path`` or around it."""
        mine = f"{path.rstrip('/')}/"
        return [
            each for each in paths or () if mine.startswith(theirs := f"{each.rstrip('/')}/") or theirs.startswith(mine)
        ]

    @takes(["string", "null"], ["string"], ["number"])
    def _func_part(self, text: str | None, separator: str, index: int) -> str | None:
        """One part of a text such as an ARN."""
        return None if text is None else text.split(separator)[index]

    @takes(["string"], ["string"], ["number"])
    def _func_behind(self, text: str, separator: str, count: int) -> str:
        """What is behind so many separators."""
        return text.split(separator, count)[-1]

    @takes([])
    def _func_lines(self, body: Any) -> list[str]:
        """The lines of a text, as S3 gives it, without those that are empty."""
        return [line.strip() for line in body.read().decode().splitlines() if line.strip()]

    @takes(["string"])
    def _func_lower(self, text: str) -> str:
        """The text in small letters."""
        return text.lower()

    @takes(["string"])
    def _func_upper(self, text: str) -> str:
        """The text in capitals."""
        return text.upper()

    @takes(["number"], ["number"])
    def _func_rest(self, number: int, divisor: int) -> int:
        """What is left after a division."""
        return number % divisor

    @takes(["number"], ["number"])
    def _func_plus(self, number: int, other: int) -> int:
        """The sum."""
        return number + other

    @takes()
    def _func_uuid(self) -> str:
        """A random UUID."""
        return str(uuid.uuid4())

    @takes(["number"])
    def _func_hex(self, length: int) -> str:
        """As many random hexadecimal digits."""
        return secrets.token_hex(length)[:length]

    @takes(["number"])
    def _func_letters(self, length: int) -> str:
        """As many random small letters and digits."""
        return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(length))


_search = searching(_Functions)


def found(expression: str, scope: Scope) -> Any:
    """What an expression finds.

    Raises:
        jmespath.exceptions.JMESPathError: when it cannot be applied.
    """
    return _search(expression, scope)


def filled(template: Any, scope: Scope) -> Any:
    """The value that a template stands for."""
    if isinstance(template, str):
        parts = [found(part, scope) if is_expression else part for is_expression, part in _parts(template)]
        return parts[0] if len(parts) == 1 else "".join(map(str, parts))
    if isinstance(template, dict):
        return {key: filled(each, scope) for key, each in template.items()}
    if isinstance(template, list):
        return [filled(each, scope) for each in template]
    return template


def check(template: Any) -> None:
    """Reads every expression of a template.

    Raises:
        ValueError: when one cannot be read.
    """
    for expression in expressions(template):
        try:
            parsed = compiled(expression).parsed
        except jmespath.exceptions.JMESPathError as error:
            raise ValueError(f"{expression!r} is no jmespath: {error}") from error
        if _looks_into_a_negation(parsed):
            raise ValueError(f"{expression!r}: !a.b is (!a).b in jmespath; write !(a.b)")


def _looks_into_a_negation(node: Any) -> bool:
    if not isinstance(node, dict):
        return False
    children = node.get("children", [])
    if node["type"] == "subexpression" and children[0]["type"] == "not_expression":
        return True
    return any(map(_looks_into_a_negation, children))


def expressions(template: Any) -> Iterator[str]:
    """The expressions of a template."""
    if isinstance(template, str):
        yield from (part for is_expression, part in _parts(template) if is_expression)
    elif isinstance(template, dict):
        for each in template.values():
            yield from expressions(each)
    elif isinstance(template, list):
        for each in template:
            yield from expressions(each)


@cache
def _parts(text: str) -> tuple[tuple[bool, str], ...]:
    """The text in pieces, and whether each is an expression; braces inside an expression belong to it."""
    parts: list[tuple[bool, str]] = []
    depth, start = 0, 0
    for index, letter in enumerate(text):
        if letter == "{":
            if depth == 0:
                parts.append((False, text[start:index]))
                start = index + 1
            depth += 1
        elif letter == "}" and depth:
            depth -= 1
            if depth == 0:
                parts.append((True, text[start:index]))
                start = index + 1
    parts.append((False, text[start:]))
    return tuple(part for part in parts if part[0] or part[1]) or ((False, ""),)
