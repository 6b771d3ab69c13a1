"""CloudFormation's values in the shapes of the services' requests.

The two differ in the case of names, in tags (a list or a map), in documents (an object or a JSON text) and in scalars.
"""

import json
from collections.abc import Iterator
from typing import Any

from botocore.model import OperationModel, Shape, StructureShape
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


def fitted(shape: Shape, value: Any, path: str = "") -> Any:
    """The value in a shape.

    Raises:
        ValueError: for a member that the shape does not have; its text is the path.
    """
    match shape.type_name:
        case "structure":
            return _structure(shape, value, path)
        case "list":
            return _list(shape, value, path)
        case "map":
            return _map(shape, value, path)
        case "string":
            return _text(value)
        case "integer" | "long" | "float" | "double" | "boolean":
            return _scalar(shape.type_name, value)
    return value


def unknown(shape: Shape, paths: Iterator[tuple[str, ...]], depth: int) -> Iterator[str]:
    """The paths, each of member names, whose members after the first ``depth`` a shape does not have."""
    for path in paths:
        if not _has(shape, path[depth:]):
            yield "/".join(path)


def _has(shape: Shape, names: tuple[str, ...]) -> bool:
    while shape.type_name == "list":
        shape = shape.member
    if not names or shape.type_name in ("string", "map") or getattr(shape, "is_document_type", False):
        # A document is a JSON text here, and a map takes any name.
        return True
    name = member(shape, names[0])
    return name is not None and _has(shape.members[name], names[1:])


def _structure(shape: Shape, value: Any, path: str) -> Any:
    if not isinstance(value, dict) or getattr(shape, "is_document_type", False):
        return value
    made = {}
    for key, each in value.items():
        name = member(shape, key)
        inner = f"{path}/{key}" if path else key
        if name is None:
            raise ValueError(inner)
        made[name] = fitted(shape.members[name], each, inner)
    return made


def _list(shape: Shape, value: Any, path: str) -> Any:
    if isinstance(value, dict) and {"key", "value"} <= {each.lower() for each in getattr(shape.member, "members", ())}:
        value = [{"Key": key, "Value": each} for key, each in value.items()]
    return [fitted(shape.member, each, path) for each in value] if isinstance(value, list) else value


def _map(shape: Shape, value: Any, path: str) -> Any:
    if isinstance(value, list):
        value = {each["Key"]: each["Value"] for each in value}
    return {key: fitted(shape.value, each, f"{path}/{key}") for key, each in value.items()} if isinstance(value, dict) else value


def _text(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _scalar(kind: str, value: Any) -> Any:
    if kind == "boolean":
        return value.lower() == "true" if isinstance(value, str) else value
    number = float if kind in ("float", "double") else int
    return number(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else value
