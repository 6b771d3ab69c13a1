"""botocore's service models, as far as records need them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from moto.core.utils import get_service_model

from local_aws.services.table import Kind, Operation


@cache
def operation_model(service: str, operation: str) -> OperationModel:
    """The model of an operation.

    Raises:
        botocore.model.OperationNotFoundError: when there is none.
    """
    model: OperationModel = get_service_model(service).operation_model(operation)
    return model


def inputs(service: str, operation: str) -> Mapping[str, Shape]:
    """The parameters of an operation."""
    shape = operation_model(service, operation).input_shape
    return shape.members if shape else {}


def outputs(service: str, operation: str) -> Mapping[str, Shape]:
    """The members of its answer."""
    shape = operation_model(service, operation).output_shape
    return shape.members if shape else {}


def shown_as(service: str, operation: Operation) -> StructureShape | None:
    """The structure in which an operation shows a record; None when it shows nothing.

    Raises:
        KeyError: when the answer has no such member.
    """
    if operation.wrap is None:
        return operation_model(service, operation.name).output_shape
    shape = outputs(service, operation.name)[operation.wrap]
    shape = shape.member if isinstance(shape, ListShape) else shape
    return shape if isinstance(shape, StructureShape) else None


def record_members(service: str, kind: Kind) -> dict[str, Shape]:
    """The members that some operation shows of a record of that kind."""
    members: dict[str, Shape] = {}
    for operation in kind.operations:
        shape = shown_as(service, operation)
        members |= shape.members if shape else {}
    return members


def fit(shape: Shape, value: Any) -> Any:
    """A value without the members that a shape does not have."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {name: fit(member, value[name]) for name, member in shape.members.items() if value.get(name) is not None}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [fit(shape.member, each) for each in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: fit(shape.value, each) for name, each in value.items()}
    return value


def tags_as(shape: Shape, tags: Mapping[str, str]) -> Any:
    """Tags as a shape has them: a map, or a list of keys and values."""
    if isinstance(shape, MapShape):
        return dict(tags)
    assert isinstance(shape, ListShape)
    assert isinstance(shape.member, StructureShape)
    key, value = shape.member.members
    return [{key: name, value: each} for name, each in tags.items()]


def tags_from(given: Any) -> dict[str, str]:
    """Tags from a map, or from a list of keys and values."""
    return dict(given) if isinstance(given, dict) else dict(tuple(each.values()) for each in given or ())


def given_tags(request: Mapping[str, Any]) -> dict[str, str]:
    """The tags that a request gives to what it makes."""
    specified = [tag for each in request.get("TagSpecifications", ()) for tag in each.get("Tags", ())]
    return tags_from(request.get("Tags", request.get("tags", specified)))
