"""What is there of each kind."""

from dataclasses import dataclass, field
from typing import Any

import jmespath  # type: ignore[import-untyped]
from botocore.exceptions import ClientError

from operations.teardown.aws import Aws
from operations.teardown.kinds import Kind
from operations.teardown.schedule import Waits
from operations.teardown.scope import Json, Scope

Key = tuple[tuple[str, str], ...]
"""What identifies a thing among those of its kind: the arguments by which calls name it."""


@dataclass(frozen=True)
class Thing:
    """Something of an environment.

    Args:
        kind: the name of its kind.
        key: what identifies it.
        state: its state.
        stack, logical_id: the stack that it is in, and its name there; empty when somebody made it at run time.
        kept: whether it stays when that stack is deleted.
        told: what its service tells of it.
    """

    kind: str
    key: Key
    state: str
    stack: str = ""
    logical_id: str = ""
    kept: bool = False
    told: Json = field(default_factory=dict, hash=False, compare=False)

    @property
    def name(self) -> str:
        """What people call it."""
        return "/".join(value for _, value in self.key)


class Inventory:
    """Lists the things of a scope, and remembers whose they are: that never changes.

    Args:
        aws: the account.
        scope: the environment.
    """

    def __init__(self, aws: Aws, scope: Scope) -> None:
        self.aws, self.scope = aws, scope
        self._told: dict[tuple[str, Key], Json | None] = {}
        self._in_stacks = {(each.type, _parts(each.physical_id)): each for each in scope.resources}

    def things(self, kind: Kind) -> Waits:
        """All things of a kind that are the environment's, with the states that they have now."""
        found: dict[Key, Thing] = {}
        for arguments in kind.asked(self.scope):
            listed = yield from self.aws.pages(kind.service, kind.listed, kind.items, **arguments)
            for each in listed:
                thing = yield from self._thing(kind, arguments, each)
                if thing:
                    found[thing.key] = thing
        return list(found.values())

    def _thing(self, kind: Kind, arguments: Json, listed: Json) -> Waits:
        key = tuple((name, str(value)) for name in kind.key if (value := listed.get(name, arguments.get(name))))
        told = self._told.get((kind.name, key), {})
        if told == {}:
            told = self._told[kind.name, key] = yield from self._describe(kind, key, listed)
        if told is None:
            return None
        named = (frozenset([key[-1][1]]), frozenset(value for _, value in key))
        resource = next(
            (found for type_ in kind.types for each in named if (found := self._in_stacks.get((type_, each)))), None
        )
        return Thing(
            kind=kind.name,
            key=key,
            state=str(listed.get(kind.state, "")),
            stack=resource.stack if resource else "",
            logical_id=resource.logical_id if resource else "",
            kept=bool(resource and resource.kept),
            told=told,
        )

    def _describe(self, kind: Kind, key: Key, listed: Json) -> Waits:
        """What is told of a thing; None when it is somebody else's or not there any more."""
        told: Any = listed
        if kind.described:
            try:
                told = {**listed, **(yield from self.aws.call(kind.service, kind.described, **dict(key)))}
            except ClientError as error:
                if not kind.is_missing(error):
                    raise
                return None
        return told if kind.ours(told, self.scope) else None

    @staticmethod
    def size(kind: Kind, thing: Thing) -> int | None:
        """GiB, where a thing has a size."""
        found = jmespath.search(kind.size, thing.told) if kind.size else None
        return int(found) if found is not None else None


def _parts(physical_id: str) -> frozenset[str]:
    """What CloudFormation calls a thing: its name, its ARN, or several names with bars between them in any order."""
    return frozenset(physical_id.rpartition("/")[2].split("|"))
