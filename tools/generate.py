"""Writes the files that are made from the code: ``python -m tools.generate`` (``make snapshots`` runs it too)."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

import app
from environments import Environment, load
from environments.fields import Section, described, sections_in
from environments.loading import ROOT
from tools import guardrails_page, local_aws_page, policy_rules_page
from tools.diagram import draw
from tools.instance_offerings import instance_offerings
from tools.instance_types import instance_types
from tools.replacement import page, table
from trainyard.endpoint_services import ALWAYS, AWS_RESOURCES, BUCKETS, NEEDS, Feature, Need

INTRODUCTION = """\
# The environment file

One YAML file holds all that differs between two deployments of Trainyard. The shipped ones are in
[`environments/`](../environments); choose one with `-c environment=NAME`, or one kept elsewhere with
`-c environment=PATH`. A file is called like the environment in it. Unknown keys are refused, and so is a value of
another type: `yes` is text here and not `true`, and an account is text too (put it in quotes). Aliases are not taken.

After synth, a line that begins with `warning:` names an instance type that EC2 does not offer in the environment's
region or zone, as far as a copy of its offerings knows. Warnings stop nothing.

This page is made from the model in `environments/model.py` (`make snapshots`), and so is
[`environments/schema.json`](../environments/schema.json), by which editors complete the files.
"""


def schema() -> str:
    """The JSON schema by which editors complete environment files."""
    schema = Environment.model_json_schema()
    for _, section in sections("", Environment):
        properties = (schema["$defs"][section.__name__] if section is not Environment else schema)["properties"]
        for name, text in described(section).items():
            properties[name]["description"] = text
    return json.dumps(schema, indent=2) + "\n"


def picture() -> str:
    """The architecture of prod, from its templates."""
    with tempfile.TemporaryDirectory() as folder:
        app.build(load("prod"), folder).synth()
        return draw(Path(folder))


def reference() -> str:
    """The page about the environment file."""
    lines = [INTRODUCTION]
    for path, model in sections("", Environment):
        lines.append(f"## {f'`{path}`' if path else 'The file'}\n\n{(model.__doc__ or '').strip()}\n")
        lines.append("| field | type | unit | default | what it is |\n|---|---|---|---|---|")
        lines += [_row(name, field, described(model)[name]) for name, field in model.model_fields.items()]
        lines.append("")
    lines.append("## Features\n")
    lines.append("Every environment has the gateway endpoint of S3 and the interface endpoints of the first row.\n")
    lines.append("| feature | interface endpoints, and why | of AWS's own, to read |\n|---|---|---|")
    lines.append(f"| (always) | {_needs(ALWAYS)} | none |")
    lines += [f"| `{feature}` | {_needs(needs)} | {_of_aws(feature)} |" for feature, needs in NEEDS.items()]
    return "\n".join(lines) + "\n"


def _needs(needs: tuple[Need, ...]) -> str:
    return "; ".join(f"`{need.service}`: {need.reason}" for need in needs) or "none"


def _of_aws(feature: Feature) -> str:
    buckets = [f"bucket `{bucket.name}`: {bucket.reason}" for bucket in BUCKETS.get(feature, ())]
    others = [f"`{', '.join(each.arns)}`: {each.reason}" for each in AWS_RESOURCES.get(feature, ())]
    return "; ".join(buckets + others) or "none"


def sections(path: str, model: type[Section]) -> Iterator[tuple[str, type[Section]]]:
    """Place in the file to its model, from ``model`` down."""
    yield path, model
    for name, field in model.model_fields.items():
        for inner in sections_in(field.annotation):
            many = "[]" if getattr(field.annotation, "__origin__", None) is tuple else ""
            yield from sections(f"{path}.{name}".lstrip(".") + many, inner)


def _row(name: str, field: FieldInfo, text: str) -> str:
    schema = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    default = field.get_default(call_default_factory=True, validated_data={})
    shown = "compulsory" if field.is_required() else _plain(default)
    return f"| `{name}` | {_type(field.annotation)} | {schema.get('unit', '')} | {shown} | {text} |"


def _plain(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "as below"
    return f"`{json.dumps(value)}`"


def _type(annotation: Any) -> str:
    arguments = [each for each in getattr(annotation, "__args__", ()) if each not in (type(None), Ellipsis)]
    match getattr(annotation, "__origin__", None):
        case origin if origin is tuple:
            return f"list of {_type(arguments[0])}"
        case origin if origin is dict:
            return "mapping of text to text"
    if not isinstance(annotation, type) and arguments:
        return " or ".join(f"`{each}`" if isinstance(each, str | int) else _type(each) for each in arguments)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "section"
    names = {str: "text", int: "whole number", bool: "`true` or `false`", Feature: "[feature](#features)"}
    return names.get(annotation) or " or ".join(f"`{each.value}`" for each in annotation)


GENERATED: dict[str, Callable[[], str]] = {
    "constructs/trainyard/instance_offerings.json": instance_offerings,
    "constructs/trainyard/instance_types.py": instance_types,
    "environments/schema.json": schema,
    "operations/create_only.json": table,
    "docs/environment.md": reference,
    "docs/guardrails.md": guardrails_page.page,
    "docs/local-aws.md": local_aws_page.page,
    "docs/policy-rules.md": policy_rules_page.page,
    "docs/replacement.md": page,
    "docs/architecture.svg": picture,
}
"""Path in the checkout to what makes the text of the file."""


if __name__ == "__main__":
    for name, make in GENERATED.items():
        file, text = ROOT / name, make()
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            print(f"renewed {name}")
