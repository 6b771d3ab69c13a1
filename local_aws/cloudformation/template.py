"""CloudFormation templates, as they are written."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

import yaml

from local_aws.errors import AwsError

PSEUDO_PARAMETERS = (
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
)
SECTIONS = (
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
)
RESOURCE_ATTRIBUTES = (
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
)
DELETION_POLICIES = ("Delete", "Retain", "RetainExceptOnCreate")
"""What a deletion policy may say here; AWS has Snapshot too."""

TRANSFORMS = ("AWS::LanguageExtensions",)
"""The transforms whose functions are there without them too."""

MAX_RESOURCES = 500

_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


def invalid(message: str) -> AwsError:
    """What CloudFormation says of a request that it does not take."""
    return AwsError("ValidationError", message)


@dataclass(frozen=True)
class Resource:
    """One resource of a template."""

    type: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    condition: str | None = None
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Template:
    """A template whose parts refer only to what is there.

    Source: AWS docs AWSCloudFormation/latest/UserGuide/template-anatomy.html
    """

    text: str
    body: Mapping[str, Any]

    def section(self, name: str) -> Mapping[str, Any]:
        """A section by its name, empty if the template has none."""
        return self.body.get(name) or {}

    @cached_property
    def resources(self) -> dict[str, Resource]:
        """Logical id to resource."""
        return {name: _resource(name, body) for name, body in self.section("Resources").items()}

    def needs(self, logical_id: str) -> set[str]:
        """The resources that another one refers to or depends on."""
        resource = self.resources[logical_id]
        return {*resource.depends_on, *references(resource.properties)} & self.resources.keys()


def parse(text: str) -> Template:
    """Reads a template, JSON or YAML.

    Raises:
        AwsError: when it is no template, or refers to what it does not have.
    """
    try:
        # JSON is YAML too, and takes fifty times as long as such.
        body = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, Loader=_Loader)  # noqa: S506
    except (yaml.YAMLError, ValueError) as error:
        raise invalid(f"Template format error: {error}") from None
    if not isinstance(body, dict):
        raise invalid("Template format error: unsupported structure.")
    unknown = sorted(body.keys() - set(SECTIONS))
    if unknown:
        raise invalid(f"Invalid template property or properties {unknown}")
    if not body.get("Resources"):
        raise invalid("Template format error: At least one Resources member must be defined.")
    transforms = body.get("Transform") or []
    for each in transforms if isinstance(transforms, list) else [transforms]:
        if each not in TRANSFORMS:
            raise invalid(f"Transform {each}: not emulated")
    template = Template(text, body)
    _check(template)
    return template


def references(value: Any) -> Iterator[str]:
    """The names that a part of a template refers to, resources and parameters alike."""
    match value:
        case {"Ref": str(name), **others} if not others:
            yield name
        case {"Fn::GetAtt": target, **others} if not others:
            name = target[0] if isinstance(target, list) else str(target).split(".")[0]
            yield name
            yield from references(target[1:] if isinstance(target, list) else ())
        case {"Fn::Sub": sub, **others} if not others:
            text, variables = sub if isinstance(sub, list) else (sub, {})
            yield from (name.split(".")[0] for name in _VARIABLE.findall(text) if name not in variables)
            yield from references(variables)
        case dict():
            for each in value.values():
                yield from references(each)
        case list() | tuple():
            for each in value:
                yield from references(each)


def _check(template: Template) -> None:
    resources = template.resources
    if len(resources) > MAX_RESOURCES:
        raise invalid(
            f"Template format error: Number of resources, {len(resources)}, is greater than maximum allowed, "
            f"{MAX_RESOURCES}"
        )
    known = {*resources, *template.section("Parameters"), *PSEUDO_PARAMETERS}
    for block in ("Resources", "Outputs"):
        missing = sorted(set(references(_referring(template, block))) - known)
        if missing:
            raise invalid(
                f"Template format error: Unresolved resource dependencies {_listed(missing)} in the {block} block of "
                "the template"
            )
    for name, resource in resources.items():
        missing = sorted(set(resource.depends_on) - resources.keys())
        if missing:
            raise invalid(
                f"Template format error: Unresolved resource dependencies {_listed(missing)} in the Resources block of "
                "the template"
            )
        if resource.condition and resource.condition not in template.section("Conditions"):
            raise invalid(
                f"Template format error: Unresolved condition dependency {resource.condition} of resource {name}"
            )
    try:
        TopologicalSorter({name: template.needs(name) for name in resources}).prepare()
    except CycleError as error:
        raise invalid(f"Circular dependency between resources: {_listed(sorted(set(error.args[1])))}") from None


def _referring(template: Template, block: str) -> Any:
    if block == "Resources":
        return [resource.properties for resource in template.resources.values()]
    return template.section(block)


def _resource(name: str, body: Any) -> Resource:
    if not isinstance(body, dict) or not isinstance(body.get("Type"), str):
        raise invalid(f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member.")
    unknown = sorted(body.keys() - set(RESOURCE_ATTRIBUTES))
    if unknown:
        raise invalid(f"Invalid template resource property '{unknown[0]}'")
    needs = body.get("DependsOn", ())
    policies = {attribute: body.get(attribute, "Delete") for attribute in ("DeletionPolicy", "UpdateReplacePolicy")}
    for attribute, policy in policies.items():
        if policy not in DELETION_POLICIES:
            raise invalid(f"Template error: {attribute} {policy} of resource {name}: not emulated")
    return Resource(
        type=body["Type"],
        properties=body.get("Properties") or {},
        depends_on=(needs,) if isinstance(needs, str) else tuple(needs),
        condition=body.get("Condition"),
        deletion_policy=policies["DeletionPolicy"],
        update_replace_policy=policies["UpdateReplacePolicy"],
        metadata=body.get("Metadata") or {},
    )


def _listed(names: list[str]) -> str:
    return f"[{', '.join(names)}]"


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms; a date stays text."""


def _short_form(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short_form)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
