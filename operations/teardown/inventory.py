"""What is there of each kind."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import jmespath  # type: ignore[import-untyped]
from botocore.exceptions import ClientError

from operations.teardown.aws import Aws, code_of, message_of
from operations.teardown.kinds import KINDS, OF_NAME, PAGE, THERE, Kind
from operations.teardown.schedule import StepError, Waits
from operations.teardown.scope import Json, Resource, Scope
from operations.teardown.together import together

Key = tuple[tuple[str, str], ...]
"""What identifies a thing among those of its kind: the arguments by which calls name it."""

search = cache(jmespath.compile)
"""An expression, ready to search with."""


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
        return name_of(self.key)

    def tells(self, expression: str) -> Any:
        """What an expression finds in what is told of it: those of its kind are such. None without an expression."""
        return search(expression).search(self.told) if expression else None


def name_of(key: Key) -> str:
    """What people call the thing with a key; of an ARN, what stands behind the type of the resource."""
    return "/".join(value.partition("/")[2] if value.startswith("arn:") else value for _, value in key)


class Inventory:
    """Lists the things of a scope, and remembers whose they are: that never changes.

    Args:
        aws: the account.
        scope: the environment.
    """

    def __init__(self, aws: Aws, scope: Scope) -> None:
        self.aws, self.scope = aws, scope
        self._told: dict[tuple[str, Key, str], Json | None] = {}

    def things(self, kind: Kind) -> Waits:
        """All things of a kind that are the environment's, with the states that they have now.

        Raises:
            StepError: when AWS does not tell.
        """
        try:
            return (yield from self._things(kind))
        except ClientError as error:
            raise StepError(f"{kind.name}: cannot be listed: {code_of(error)}: {message_of(error)}") from None

    def all(self) -> Waits:
        """Name of a kind to its things, as ``things`` gives them."""
        found = yield from together([self.things(kind) for kind in KINDS], self.aws.clock)
        return dict(zip((kind.name for kind in KINDS), found, strict=True))

    @staticmethod
    def size(kind: Kind, thing: Thing) -> int | None:
        """GiB, where a thing has a size."""
        found = thing.tells(kind.size)
        return int(found) if found is not None else None

    def _things(self, kind: Kind) -> Waits:
        asked = yield from self._asked(kind)
        pages = yield from together([self._listed(kind, each) for each in asked], self.aws.clock)
        listed = {
            _key(kind, each, arguments): each for arguments, page in zip(asked, pages, strict=True) for each in page
        }
        new = [(key, each) for key, each in listed.items() if self._looked_at(kind, key, each) not in self._told]
        if _is_asked_about(kind):
            used = (yield from self._used(kind)) if new else {}
            told = yield from together([self._describe(kind, key, each, used) for key, each in new], self.aws.clock)
            gone = {key for (key, _), there in zip(new, told, strict=True) if not there}
            listed = {key: each for key, each in listed.items() if key not in gone}
        return [thing for key, each in listed.items() if (thing := self._thing(kind, key, each))]

    def _asked(self, kind: Kind) -> Waits:
        """The arguments of each listing."""
        asked = kind.asked(self.scope)
        if kind.within:
            asked = [dict(each.key) for each in (yield from self.things(OF_NAME[kind.within]))]
        return [{**each, kind.page: PAGE} for each in asked] if kind.page else asked

    def _listed(self, kind: Kind, arguments: Json) -> Waits:
        try:
            return (yield from self.aws.pages(kind.service, kind.listed, kind.items, **arguments))
        except ClientError as error:
            # What they are listed of may have gone a moment ago.
            gone = kind.is_missing(error) or (kind.within and OF_NAME[kind.within].is_missing(error))
            if not (gone or _is_nowhere(error)):
                raise
            return []

    def _used(self, kind: Kind) -> Waits:
        """Names of the things of the environment that a thing of this kind may use, by kind."""
        found = {}
        for name in kind.uses:
            # All of them, whatever part of it an heir shows.
            found[name] = {each.name for each in (yield from Inventory.things(self, OF_NAME[name]))}
        return found

    def _describe(self, kind: Kind, key: Key, listed: Json, used: dict[str, Collection[str]]) -> Waits:
        """Whether a thing is still there. What is told of it is remembered; of somebody else's, that it is."""
        told = dict(listed)
        try:
            if kind.described:
                told |= yield from self.aws.call(kind.service, kind.described, **dict(key))
                told.pop("ResponseMetadata", None)
            ours = self._resource(kind, key) or (yield from self._is_ours(kind, told, used))
        except ClientError as error:
            if not kind.is_missing(error):
                raise
            return False
        self._told[self._looked_at(kind, key, listed)] = told if ours else None
        return True

    def _is_ours(self, kind: Kind, told: Json, used: dict[str, Collection[str]]) -> Waits:
        if kind.role and (roles := texts(kind.role, told)):
            return bool(roles & self.scope.roles)
        if not (kind.role or kind.uses or kind.tagged):
            return True
        if kind.tagged:
            told["Tags"] = yield from self._tags(search(kind.tagged).search(told))
            if told["Tags"].get("Environment") == self.scope.environment and told["Tags"].get("Team") in self._teams:
                return True
        return uses_any(kind, told, used)

    def _tags(self, arn: str) -> Waits:
        try:
            tags = yield from self.aws.pages("sagemaker", "list_tags", "Tags[]", ResourceArn=arn)
        except ClientError as error:
            # It was listed a moment ago, so it is gone.
            if code_of(error) not in ("ResourceNotFound", "ValidationException"):
                raise
            tags = []
        return {each["Key"]: each["Value"] for each in tags}

    @cached_property
    def _teams(self) -> frozenset[str]:
        """The teams that have, or had, a stack."""
        first = f"trainyard-{self.scope.environment}-team-"
        stacks = {each.stack for each in self.scope.resources} | {each.name for each in self.scope.stacks}
        return frozenset(each.removeprefix(first) for each in stacks if each.startswith(first))

    def _thing(self, kind: Kind, key: Key, listed: Json) -> Thing | None:
        told = self._told.get(self._looked_at(kind, key, listed), {})
        if told is None:
            return None
        resource = self._resource(kind, key)
        return Thing(
            kind=kind.name,
            key=key,
            state=str(search(kind.state).search(listed)) if kind.state else THERE,
            stack=resource.stack if resource else "",
            logical_id=resource.logical_id if resource else "",
            kept=bool(resource and resource.kept),
            told={**told, **listed},
        )

    @staticmethod
    def _looked_at(kind: Kind, key: Key, listed: Json) -> tuple[str, Key, str]:
        """A thing as it is remembered. Who makes another of the same name need not be the same."""
        return kind.name, key, str(search(kind.since).search(listed)) if kind.since else ""

    def _resource(self, kind: Kind, key: Key) -> Resource | None:
        """What a thing is in its stack."""
        named = (_parts(key[-1][1]), frozenset(value for _, value in key))
        return next(
            (found for type_ in kind.types for each in named if (found := self._in_stacks.get((type_, each)))), None
        )

    @cached_property
    def _in_stacks(self) -> dict[tuple[str, frozenset[str]], Resource]:
        return {(each.type, _parts(each.physical_id)): each for each in self.scope.resources}


def _is_nowhere(error: ClientError) -> bool:
    """Whether the region has nothing of a kind: new ones come to each region when they come.

    Source: https://github.com/hashicorp/terraform-provider-aws/pull/27258
    """
    return code_of(error) == "UnknownOperationException" and "not supported in the called region" in message_of(error)


def _is_asked_about(kind: Kind) -> bool:
    """Whether its listing does not tell enough."""
    return bool(kind.described or kind.role or kind.uses or kind.tagged)


def _key(kind: Kind, listed: Json, arguments: Json) -> Key:
    return tuple((name, str(value)) for name in kind.key if (value := listed.get(name, arguments.get(name))))


def texts(expression: str, told: Json) -> set[str]:
    """The text, or the texts, that an expression finds."""
    found = search(expression).search(told)
    return {str(each) for each in (found if isinstance(found, list) else [found]) if each}


def uses_any(kind: Kind, told: Json, names: Mapping[str, Collection[str]]) -> bool:
    """Whether something of a kind uses one of the things with these names, by kind."""
    return any(
        _named(each) in names[name] for name, expression in kind.uses.items() for each in texts(expression, told)
    )


def _named(text: str) -> str:
    """The name in an id such as ``endpoint/NAME/variant/VARIANT``; a name itself as it is."""
    return text.split("/")[1] if "/" in text else text


def _parts(physical_id: str) -> frozenset[str]:
    """What CloudFormation calls a thing: its name, its ARN, or several names with bars between them in any order."""
    return frozenset(physical_id.rpartition("/")[2].split("|"))
