"""The CloudFormation registry schemas: what a resource type's properties may be, and which of them replace it.

Source: the schemas that AWS publishes ("CloudFormation resource provider schemas"), as cfn-lint carries them.
"""

import threading
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from cfnlint.jsonschema import StandardValidator
from cfnlint.schema import ResourceNotFoundError
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

Value = Any
"""What JSON can say."""

_REGION = "us-east-1"
"""Where every type is."""

_LOADING = threading.Lock()


class Schema:
    """The schema of one resource type.

    Args:
        document: the schema as published.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._validator = StandardValidator(document)
        self.properties: frozenset[str] = frozenset(document["properties"]) - self._top_level("readOnlyProperties")
        """The names of the properties that a template may give."""
        self.read_only = self._paths("readOnlyProperties")
        """Paths of what only AWS sets, as ``Arn`` or ``Mode/State``."""
        self.create_only = self._paths("createOnlyProperties")
        """Paths of what only a new resource can have."""
        self.identifier = self._paths("primaryIdentifier")
        """Paths of what tells a resource from others of the type."""
        tagging = document.get("tagging", {})
        self.tag_property: str | None = None
        """The property that holds the tags."""
        if tagging.get("taggable", True) and "tagProperty" in tagging:
            self.tag_property = _path(tagging["tagProperty"])

    def problems(self, properties: Mapping[str, Value]) -> list[str]:
        """What is wrong with coerced properties, each as ``Properties/Path: message``."""
        found = [
            f"Properties/{name}: read-only"
            for name in sorted(properties.keys() & self._top_level("readOnlyProperties"))
        ]
        for error in self._validator.iter_errors(dict(properties)):
            found.append(_problem(error))
        return found

    def coerced(self, properties: Mapping[str, Value]) -> dict[str, Value]:
        """The properties with "5" as 5 and "true" as true where the schema has numbers and booleans, and back."""
        coerced: dict[str, Value] = self._coerced(self._document, dict(properties))
        return coerced

    def paths(self, top: str) -> Iterator[tuple[str, ...]]:
        """The paths of everything inside a property; what is read only and what refers to itself is left out."""
        for path in self._inside(self._document["properties"][top], (top,), ()):
            if "/".join(path) not in {each.replace("/*", "") for each in self.read_only}:
                yield path

    def is_map(self, name: str) -> bool:
        """Whether a property is an object with any keys, such as tags that are not a list."""
        return self._resolved(self._document["properties"][name]).get("type") == "object"

    def _top_level(self, key: str) -> frozenset[str]:
        return frozenset(path for path in self._paths(key) if "/" not in path)

    def _paths(self, key: str) -> tuple[str, ...]:
        return tuple(_path(pointer) for pointer in self._document.get(key, ()))

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            found: Any = self._document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        return schema

    def _alternatives(self, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        schema = self._resolved(schema)
        yield schema
        for key in ("anyOf", "oneOf", "allOf"):
            for each in schema.get(key, ()):
                yield from self._alternatives(each)

    def _coerced(self, schema: Mapping[str, Any], value: Value) -> Value:
        for each in self._alternatives(schema):
            value = self._coerced_once(each, value)
        return value

    def _coerced_once(self, schema: Mapping[str, Any], value: Value) -> Value:
        if isinstance(value, dict):
            inner = schema.get("properties", {})
            others: Mapping[str, Any] = next(iter(schema.get("patternProperties", {}).values()), {})
            return {key: self._coerced(inner.get(key, others), each) for key, each in value.items()}
        if isinstance(value, list):
            items = schema.get("items")
            return [self._coerced(items, each) for each in value] if isinstance(items, dict) else value
        types = schema.get("type", [])
        return _scalar([types] if isinstance(types, str) else types, value)

    def _inside(
        self, schema: Mapping[str, Any], path: tuple[str, ...], seen: tuple[int, ...]
    ) -> Iterator[tuple[str, ...]]:
        for each in self._alternatives(schema):
            if id(each) in seen:
                continue
            for name, inner in each.get("properties", {}).items():
                yield (*path, name)
                yield from self._inside(inner, (*path, name), (*seen, id(each)))
            if isinstance(each.get("items"), dict):
                yield from self._inside(each["items"], path, (*seen, id(each)))


@cache
def _loaded(type_name: str) -> Schema | None:
    try:
        return Schema(PROVIDER_SCHEMA_MANAGER.get_resource_schema(_REGION, type_name).schema)
    except ResourceNotFoundError:
        return None


def schema(type_name: str) -> Schema | None:
    """The schema of a resource type, or None when AWS has no such type."""
    with _LOADING:
        return _loaded(type_name)


@cache
def _gettable(type_name: str) -> frozenset[str]:
    return frozenset(PROVIDER_SCHEMA_MANAGER.get_resource_schema(_REGION, type_name).get_atts)


def gettable(type_name: str) -> frozenset[str]:
    """What ``Fn::GetAtt`` may ask of a resource of the type."""
    with _LOADING:
        return _gettable(type_name)


def at(value: Value, path: str) -> list[Value]:
    """Everything at a path such as ``Rules/*/Id``; what is not there is left out."""
    found = [value]
    for part in path.split("/"):
        if part == "*":
            found = [item for each in found if isinstance(each, list) for item in each]
        else:
            found = [each[part] for each in found if isinstance(each, dict) and part in each]
    return found


def _path(pointer: str) -> str:
    return pointer.removeprefix("/properties/").replace("/items/", "/*/").replace("/properties/", "/")


def _scalar(types: list[str], value: Value) -> Value:
    if "boolean" in types and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if "integer" in types and isinstance(value, str) and value.removeprefix("-").isdigit() and "string" not in types:
        return int(value)
    if "number" in types and isinstance(value, str) and "string" not in types:
        try:
            return float(value) if "." in value or "e" in value.lower() else int(value)
        except ValueError:
            return value
    if types == ["string"] and isinstance(value, bool):
        return str(value).lower()
    if types == ["string"] and isinstance(value, int | float):
        return str(value)
    return value


def _problem(error: Any) -> str:
    path = [str(each) for each in error.path]
    message = str(error.message)
    if error.validator == "additionalProperties" and path:
        *path, name = path
        message = f"extraneous key [{name}] is not permitted"
    elif error.validator == "required":
        message = f"required key [{message.split(chr(39))[1]}] not found"
    return f"{'/'.join(['Properties', *path])}: {message}"
