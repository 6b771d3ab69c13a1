"""What several test files need."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template
from constructs import Construct

import app
from environments import Environment, load
from environments.loading import FOLDER, parse
from policies.evaluator import plain

Json = dict[str, Any]


@dataclass(frozen=True)
class Assembly:
    """What synth wrote for one environment, and the app that it came from."""

    environment: Environment
    folder: Path
    root: Construct

    @property
    def stacks(self) -> dict[str, Json]:
        """Short name of the stack, for example ``network``, to its template."""
        return {
            stack.stack_name.removeprefix(f"trainyard-{self.environment.name}-"): json.loads(
                (self.folder / stack.template_file).read_text()
            )
            for stack in self.root.node.children
            if isinstance(stack, Stack)
        }

    def template(self, stack: str) -> Template:
        return Template.from_json(self.stacks[stack])

    def resources(self, type_: str | None = None) -> dict[str, Json]:
        """``stack.LogicalId`` to resource, over all stacks."""
        return {
            f"{stack}.{logical_id}": resource
            for stack, template in self.stacks.items()
            for logical_id, resource in template["Resources"].items()
            if type_ in (None, resource["Type"])
        }


def synthesize(environment: Environment | str, folder: Path) -> Assembly:
    """An environment through the real app, without the gate's judgement."""
    if isinstance(environment, str):
        environment = load(environment)
    root = app.build(environment, str(folder))
    root.synth()
    return Assembly(environment, folder, root)


def text_of(environment: str, changes: Json | None = None) -> str:
    """A shipped file with some places changed: ``{"network.vpc.cidr": "10.0.0.0/16"}``; None takes the key out."""
    data = yaml.safe_load((FOLDER / f"{environment}.yaml").read_text())
    for path, value in copy.deepcopy(changes or {}).items():
        *parents, last = path.split(".")
        section = data
        for part in parents:
            section = section[int(part) if part.isdigit() else part]
        if value is None:
            del section[last]
        else:
            section[last] = value
    return written(data)


class _Plain(yaml.SafeDumper):
    """Writes what stands twice out twice: environment files take no aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 (the signature of the base)
        return True


def written(data: Json) -> str:
    """The text of an environment file."""
    return yaml.dump(data, Dumper=_Plain, sort_keys=False, allow_unicode=False)


def environment_with(changes: Json, base: str = "prod") -> Environment:
    return parse(text_of(base, changes), f"{base}.yaml")


def documents(template: Template) -> dict[str, Json]:
    """Logical id to document, made plain, of the managed policies in a template."""
    found = template.find_resources(iam.CfnManagedPolicy.CFN_RESOURCE_TYPE_NAME)
    return {logical_id: plain(policy["Properties"]["PolicyDocument"]) for logical_id, policy in found.items()}
