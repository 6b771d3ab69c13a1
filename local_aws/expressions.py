"""What the expressions of all tables have in common: JMESPath, read once each, with functions of ours."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import jmespath  # type: ignore[import-untyped]
from jmespath import functions

_Function = TypeVar("_Function", bound=Callable[..., Any])


def takes(*types: list[str]) -> Callable[[_Function], _Function]:
    """What a function takes: the JMESPath types of each argument, all of them when there are none."""
    signature: Callable[[_Function], _Function] = functions.signature(*({"types": each} for each in types))
    return signature


class Functions(functions.Functions):  # type: ignore[misc]  # jmespath has no types
    """What every table needs and JMESPath lacks."""

    @takes(["array", "null"], ["array", "null"])
    def _func_missing(self, items: list[Any] | None, others: list[Any] | None) -> list[Any]:
        """The items that the others lack."""
        return [each for each in items or () if each not in (others or ())]


@cache
def compiled(expression: str) -> Any:
    """An expression, read; jmespath itself keeps fewer than the tables have.

    Raises:
        jmespath.exceptions.ParseError: when it is none.
    """
    return jmespath.compile(expression)


def searching(own: type[Functions]) -> Callable[[str, Any], Any]:
    """What finds an expression in something, with the functions of one kind of tables."""
    options = jmespath.Options(custom_functions=own())
    return lambda expression, something: compiled(expression).search(something, options=options)
