"""Which stateful resources a deployment would replace or remove, from the templates before and after it.

CloudFormation replaces a resource when a property changes that it cannot change in place, and when such a property
refers to a resource that is replaced: docs/replacement.md.
Source: AWS docs AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations.assembly import Json

STATEFUL = {
    "AWS::EC2::SecurityGroup": "no data, but file systems and notebook instances in it are replaced too",
    "AWS::EC2::Subnet": "no data, but file systems and notebook instances in it are replaced too",
    "AWS::EC2::VPC": "no data, but all that is in it is replaced too",
    "AWS::ECR::Repository": "its images",
    "AWS::FSx::DataRepositoryAssociation": "the link to S3; what is not exported yet stays in the file system alone",
    "AWS::FSx::FileSystem": "its files, but for those in S3 and in backups",
    "AWS::KMS::Key": "everything encrypted under it, when its waiting period is over",
    "AWS::Logs::LogGroup": "its log events",
    "AWS::S3::Bucket": "its objects",
    "AWS::SageMaker::Domain": "its user profiles and spaces, with the files on their volumes",
    "AWS::SageMaker::MlflowApp": "its experiments, runs and registered models",
    "AWS::SageMaker::NotebookInstance": "the files on its volume",
    "AWS::SageMaker::Space": "the files on its volume",
    "AWS::SageMaker::UserProfile": "the person's spaces, with the files on their volumes",
}
"""Type of resource to what is lost with one."""

Record = dict[str, dict[str, Json]]
"""Stack to logical id to resource: its type, the policies that keep it, its create-only properties by their paths."""

REMOVAL, REPLACEMENT = "DeletionPolicy", "UpdateReplacePolicy"
KEEPING = ("Retain", "RetainExceptOnCreate")

ADVICE = """
Each of them holds data, or much depends on it. Take the change back; or, when it is meant, save the data first and
allow it in the environment file (docs/replacement.md):

allowed_replacements:"""

REFERENCE = re.compile(r"\$\{([\w-]+\.\w+)")


@dataclass(frozen=True)
class Change:
    """The end of a stateful resource.

    Args:
        stack: the name of its stack.
        logical_id: its logical id.
        type: its type.
        removed: whether no other one takes its place.
        reason: what brings it about.
        kept: whether the old one stays, though in no stack any more.
    """

    stack: str
    logical_id: str
    type: str
    removed: bool
    reason: str
    kept: bool

    @property
    def name(self) -> str:
        """``stack.LogicalId``, by which an environment file allows it."""
        return f"{self.stack}.{self.logical_id}"

    def __str__(self) -> str:
        what = "removed" if self.removed else "replaced"
        end = "the old one stays, in no stack" if self.kept else f"lost: {STATEFUL[self.type]}"
        return f"{self.name} ({self.type}) would be {what}: {self.reason}; {end}"


def create_only() -> dict[str, list[str]]:
    """Type of resource to the paths of properties whose change replaces a resource of it, or may replace it."""
    table: dict[str, list[str]] = json.loads(Path(__file__).with_name("create_only.json").read_text())
    return table


def record(templates: Mapping[str, Json], paths: Mapping[str, Sequence[str]]) -> Record:
    """What ``changes`` compares, of all stacks of an app.

    References are text, those to other stacks too: ``${stack.LogicalId}`` or ``${stack.LogicalId.Attribute}``.

    Args:
        templates: name of the stack to template.
        paths: as ``create_only()`` gives them.
    """
    values = _Values(templates)

    def recorded(stack: str, resource: Json) -> Json:
        found = {path: _at(resource.get("Properties"), path.split("/")) for path in paths.get(resource["Type"], ())}
        return {
            "Type": resource["Type"],
            **{policy: resource[policy] for policy in (REMOVAL, REPLACEMENT) if resource.get(policy) in KEEPING},
            "Properties": {path: values.plain(stack, value) for path, value in found.items() if value is not None},
        }

    return {
        stack: {logical_id: recorded(stack, resource) for logical_id, resource in template["Resources"].items()}
        for stack, template in templates.items()
    }


def stateful(recorded: Record) -> Record:
    """The stateful resources of a record, sorted, and those by whose replacement they would be replaced."""
    resources = _by_key(recorded)
    wanted: set[str] = set()
    found = {key for key, resource in resources.items() if resource["Type"] in STATEFUL}
    while found:
        wanted |= found
        found = {other for key in found for _, other in _references(resources[key]) if other in resources} - wanted
    part: Record = {}
    for key in sorted(wanted):
        stack, _, logical_id = key.partition(".")
        part.setdefault(stack, {})[logical_id] = resources[key]
    return part


def changes(before: Record, after: Record) -> list[Change]:
    """The stateful resources of ``before`` that a deployment of ``after`` would replace or remove, causes first."""
    old, new = _by_key(before), _by_key(after)
    reasons = {key: reason for key in old if (reason := _difference(old[key], new.get(key)))}
    while further := {
        key: reason for key in old if key not in reasons and (reason := _cascade(new[key], reasons.keys()))
    }:
        reasons |= further

    found = []
    for key, reason in reasons.items():
        stack, _, logical_id = key.partition(".")
        type_ = old[key]["Type"]
        removed = key not in new or new[key]["Type"] != type_
        kept = REMOVAL in old[key] if removed else REPLACEMENT in new[key]
        if type_ in STATEFUL:
            found.append(Change(stack, logical_id, type_, removed, reason, kept))
    return found


def refused(found: Sequence[Change], allowed: Collection[str]) -> str:
    """What to say of the changes that an environment file does not allow; nothing when it allows them all.

    Args:
        found: the changes.
        allowed: ``allowed_replacements`` of the file.
    """
    forbidden = [change for change in found if change.name not in allowed]
    if not forbidden:
        return ""
    names = dict.fromkeys([*allowed, *(change.name for change in forbidden)])
    lines = [*(f"- {change}" for change in forbidden), ADVICE, *(f"  - {name}" for name in names)]
    return "\n".join(lines)


def _by_key(recorded: Record) -> dict[str, Json]:
    """``stack.LogicalId`` to resource."""
    return {f"{stack}.{logical_id}": each for stack, found in recorded.items() for logical_id, each in found.items()}


def _difference(old: Json, new: Json | None) -> str:
    if not new:
        return "it is gone from the templates"
    if new["Type"] != old["Type"]:
        return f"it becomes {new['Type']}"
    for path in sorted({*old["Properties"], *new["Properties"]}):
        before, after = (_shown(each["Properties"].get(path)) for each in (old, new))
        if before != after:
            return f"{path} changes from {before} to {after}"
    return ""


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, sort_keys=True)


def _cascade(resource: Json, replaced: Collection[str]) -> str:
    for path, other in _references(resource):
        if other in replaced:
            return f"{path} refers to {other}, which is replaced"
    return ""


def _references(resource: Json) -> list[tuple[str, str]]:
    """Path of a property, and the resource that its value refers to."""
    return [
        (path, other) for path, value in resource["Properties"].items() for other in REFERENCE.findall(_shown(value))
    ]


def _at(value: Any, path: Sequence[str]) -> Any:
    """What stands at ``path``, in which ``*`` is each item of a list; None if nothing does."""
    if not path:
        return value
    name, *rest = path
    if name == "*" and isinstance(value, list):
        return [found for each in value if (found := _at(each, rest)) is not None] or None
    return _at(value.get(name), rest) if isinstance(value, dict) else None


class _Values:
    """Values of templates, with references as text, so that it does not matter by which export they lead."""

    def __init__(self, templates: Mapping[str, Json]) -> None:
        self._resources = {stack: template["Resources"] for stack, template in templates.items()}
        self._exports = {
            _shown(output["Export"]["Name"]): (stack, output["Value"])
            for stack, template in templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    def plain(self, stack: str, value: Any) -> Any:
        match value:
            case {"Ref": str(name)}:
                return f"${{{self._key(stack, name)}}}"
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return f"${{{self._key(stack, name)}.{attribute}}}"
            case {"Fn::ImportValue": name} if _shown(name) in self._exports:
                return self.plain(*self._exports[_shown(name)])
            case {"Fn::Join": [str(between), [*parts]]}:
                texts = [self.plain(stack, part) for part in parts]
                plain = all(isinstance(text, str) for text in texts)
                return between.join(texts) if plain else {"Fn::Join": [between, texts]}
            case dict():
                return {key: self.plain(stack, each) for key, each in value.items()}
            case list():
                return [self.plain(stack, each) for each in value]
        return value

    def _key(self, stack: str, name: str) -> str:
        """The resource, or the name of a parameter or of what AWS::Region and the like stand for."""
        return f"{stack}.{name}" if name in self._resources[stack] else name
