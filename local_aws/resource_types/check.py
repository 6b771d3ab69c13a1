"""Whether a row says what becomes of everything that its schema has."""

from collections.abc import Iterator
from typing import Any

from botocore.model import Shape, StructureShape

from local_aws.resource_types import shapes
from local_aws.resource_types.resource_type import ResourceType
from local_aws.resource_types.rows import Step
from local_aws.schemas import gettable


def gaps(kind: ResourceType) -> list[str]:
    """What a row leaves open, one text each; none when it is complete."""
    return sorted({*_parameters(kind), *_not_taken(kind), *_not_changed(kind), *_inner(kind), *_attributes(kind)})


def _steps(kind: ResourceType) -> Iterator[Step]:
    row = kind.row
    tagging = (row.tags.add, row.tags.remove)
    for step in (row.create, row.update, *row.delete, *row.then, *tagging):
        if step:
            yield step
            if step.unset:
                yield step.unset
    for read in (row.read, *(row.related or {}).values()):
        if read:
            yield read.step


def _parameters(kind: ResourceType) -> Iterator[str]:
    for step in _steps(kind):
        shape = shapes.operation(step.call).input_shape
        for name in step.parameters:
            if shape is None or name not in shape.members:
                yield f"{step.call}: has no parameter {name}"


def _settled(kind: ResourceType, path: str) -> bool:
    """Whether the row says that a path, or what it is inside of, is not sent or refused."""
    return any(path == each or path.startswith(f"{each}/") for each in (*(kind.row.not_sent or ()), *kind.row.refused))


def _stepped(kind: ResourceType) -> set[str]:
    return {name for step in kind.row.then for name in step.of | step.roots()}


def _not_taken(kind: ResourceType) -> Iterator[str]:
    taken = {*kind.created_with, *_stepped(kind), kind.tag_property}
    for name in kind.schema.properties - taken:
        if not _settled(kind, name):
            yield f"{name}: no call takes it"


def _not_changed(kind: ResourceType) -> Iterator[str]:
    row = kind.row
    update = kind.properties_of(row.update) if row.update else frozenset()
    settled = {*kind.updated_with, *update, *_stepped(kind), *(row.fixed or ()), kind.tag_property}
    settled |= {*kind.schema.create_only, *row.replaces}
    settled |= {*kind.row.not_kept} if kind.row.not_kept else set()
    for name in kind.schema.properties - settled:
        if not _settled(kind, name):
            yield f"{name}: nothing changes it"


def _inner(kind: ResourceType) -> Iterator[str]:
    # Only what the create call lacks is open: a change of what the update call lacks is refused when it comes.
    shape = shapes.operation(kind.row.create.call).input_shape if kind.row.create else None
    for name, parameter in kind.created_with.items():
        if shape is not None and parameter:
            yield from _unknown(kind, shape.members[parameter], name)
    for step in (each for each in _steps(kind) if each is not kind.row.update):
        shape = shapes.operation(step.call).input_shape
        for parameter, template in step.parameters.items():
            if shape is not None and parameter in shape.members:
                yield from _in_template(kind, shape.members[parameter], template)


def _in_template(kind: ResourceType, shape: Shape, template: Any) -> Iterator[str]:
    if isinstance(template, str) and template in kind.schema.properties:
        yield from _unknown(kind, shape, template)
    elif isinstance(template, dict) and isinstance(shape, StructureShape):
        for name, each in template.items():
            if name not in shape.members:
                yield f"{name}: no such member"
            else:
                yield from _in_template(kind, shape.members[name], each)


def _unknown(kind: ResourceType, shape: Shape, name: str) -> Iterator[str]:
    paths = (path for path in kind.schema.paths(name) if not _settled(kind, "/".join(path)))
    for path in paths:
        if list(shapes.unknown(shape, iter([_renamed(kind, path)]), 1)):
            yield f"{'/'.join(path)}: the request has no such member"


def _renamed(kind: ResourceType, path: tuple[str, ...]) -> tuple[str, ...]:
    made: list[str] = []
    for index, part in enumerate(path):
        made += (kind.row.rename or {}).get("/".join(path[: index + 1]), part).split("/")
    return tuple(made)


def _attributes(kind: ResourceType) -> Iterator[str]:
    without = kind.row.without or {}
    for name in gettable(kind.name) - kind.attributes:
        if "*" not in name and not any(
            name == each or name.startswith(f"{each}.") for each in (*without, *kind.row.refused)
        ):
            yield f"{name}: no such attribute"
