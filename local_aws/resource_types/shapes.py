"""CloudFormation's values in the shapes of the services' requests.

The two differ in the case of names, in tags (a list or a map), in documents (an object or a JSON text) and in scalars.
"""

import json
from collections.abc import Iterator
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from moto.core.utils import get_service_model


def operation(call: str) -> OperationModel:
    """The model of an operation such as ``ec2.CreateVpc``.

    Raises:
        botocore.exceptions.UnknownServiceError: when botocore knows no such service.
        botocore.model.OperationNotFoundError: when the service has no such operation.
    """
    service, _, name = call.partition(".")
    model: OperationModel = get_service_model(service).operation_model(name)
    return model


def member(shape: Shape | None, name: str) -> str | None:
    """The member of a structure with that name, in whatever case."""
    if isinstance(shape, StructureShape):
        if name in shape.members:
            return name
        return next((each for each in shape.members if each.lower() == name.lower()), None)
    return None


def fitted(shape: Shape, value: Any, path: str = "", old: Any = None) -> Any:
    """The value in a shape.

    Args:
        shape: the shape of the parameter or of a part of it.
        value: the value, in CloudFormation's form.
        path: where it is, for messages.
        old: what it was; members that the shape does not have are left out when they did not change.

    Raises:
        ValueError: for a member that the shape does not have; its text is the path.
    """
    match shape:
        case StructureShape():
            return _structure(shape, value, path, old)
        case ListShape():
            return _list(shape, value, path, old)
        case MapShape():
            return _map(shape, value, path, old)
    return _plain(shape.type_name, value)


def unknown(shape: Shape, paths: Iterator[tuple[str, ...]], depth: int) -> Iterator[str]:
    """The paths, each of member names, whose members after the first ``depth`` a shape does not have."""
    for path in paths:
        if not _has(shape, path[depth:]):
            yield "/".join(path)


def _has(shape: Shape, names: tuple[str, ...]) -> bool:
    while isinstance(shape, ListShape):
        shape = shape.member
    if not names or shape.type_name in ("string", "map"):
        # A document is a JSON text here, and a map takes any name.
        return True
    name = member(shape, names[0])
    return isinstance(shape, StructureShape) and name is not None and _has(shape.members[name], names[1:])


def _structure(shape: StructureShape, value: Any, path: str, old: Any) -> Any:
    if not isinstance(value, dict):
        return value
    made = {}
    for key, each in value.items():
        name = member(shape, key)
        inner = f"{path}/{key}" if path else key
        before = old.get(key) if isinstance(old, dict) else None
        if name is not None:
            made[name] = fitted(shape.members[name], each, inner, before)
        elif each != before:
            raise ValueError(inner)
    return made


def _list(shape: ListShape, value: Any, path: str, old: Any) -> Any:
    if isinstance(value, dict) and {"key", "value"} <= {each.lower() for each in getattr(shape.member, "members", ())}:
        value = [{"Key": key, "Value": each} for key, each in value.items()]
    if not isinstance(value, list):
        return value
    before = old if isinstance(old, list) and len(old) == len(value) else [None] * len(value)
    return [fitted(shape.member, each, path, was) for each, was in zip(value, before, strict=True)]


def _map(shape: MapShape, value: Any, path: str, old: Any) -> Any:
    if isinstance(value, list):
        value = {each["Key"]: each["Value"] for each in value}
    if not isinstance(value, dict):
        return value
    before = old if isinstance(old, dict) else {}
    return {key: fitted(shape.value, each, f"{path}/{key}", before.get(key)) for key, each in value.items()}


def _plain(kind: str, value: Any) -> Any:
    match kind, value:
        case "string", dict() | list():
            return json.dumps(value)
        case "string", bool():
            return str(value).lower()
        case "string", int() | float():
            return str(value)
        case "boolean", str():
            return value.lower() == "true"
        case "integer" | "long", str():
            return int(value)
        case "float" | "double", str() | int():
            return float(value)
    return value
