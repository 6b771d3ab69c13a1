"""What is wrong in an environment file: one line per problem, with the field, the value and the rule."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

Path = tuple[str | int, ...]


class Problem(NamedTuple):
    """One broken rule.

    Args:
        path: where in the file, for example ``("network", "vpc", "zones", 1)``; empty for the file as a whole.
        value: what stands there, as a reader would recognise it; empty when nothing does.
        rule: what should be there instead.
    """

    path: Path
    value: str
    rule: str

    def __str__(self) -> str:
        return ": ".join(part for part in (dotted(self.path), self.value, self.rule) if part)


class EnvironmentFileError(Exception):
    """An environment file that cannot be used; ``str()`` gives one line per problem, each naming the file."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{file}: {problem}" for problem in self.problems))


def dotted(path: Path) -> str:
    """``("teams", 0, "name")`` as ``teams[0].name``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def shown(value: object) -> str:
    """A value as one short piece of text: a mapping by its keys, anything long cut off."""
    text = f"{{{', '.join(str(key) for key in value)}}}" if isinstance(value, Mapping) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def refuse(problems: Iterable[Problem]) -> None:
    """Raises inside a pydantic validator when there are problems; their paths are relative to the validated field.

    Pydantic reports one error per validator, at the validator's own place. A rule that looks at several fields, or
    that can be broken several times, carries its problems in the error's context instead.
    """
    found = tuple(problems)
    if found:
        context: dict[str, Any] = {"problems": found}
        raise PydanticCustomError("problems", "rules are broken", context)
