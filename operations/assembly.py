"""A synthesised assembly, as far as programs of ours read it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class StackTemplate:
    """One stack of an assembly.

    Args:
        key: its id in the app, for example ``Network``.
        name: its name in CloudFormation, for example ``trainyard-prod-network``.
        region: the region that it is for.
        template: the synthesised template.
        after: names of the stacks that are deployed before it, since it uses something of them.
    """

    key: str
    name: str
    region: str
    template: Json
    after: tuple[str, ...]

    @property
    def resources(self) -> dict[str, Json]:
        """Logical id to resource."""
        resources: dict[str, Json] = self.template["Resources"]
        return resources


def stacks_of(assembly: Path) -> list[StackTemplate]:
    """The stacks of the assembly in a folder, in the order of their deployment.

    Raises:
        FileNotFoundError: when the folder holds no assembly.
    """
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    stacks = {key: each for key, each in artifacts.items() if each["type"] == "aws:cloudformation:stack"}
    names = {key: stack["properties"].get("stackName", key) for key, stack in stacks.items()}
    return [
        StackTemplate(
            key=key,
            name=names[key],
            region=stack["environment"].rpartition("/")[2],
            template=json.loads((assembly / stack["properties"]["templateFile"]).read_text()),
            after=tuple(names[other] for other in stack.get("dependencies", ()) if other in names),
        )
        for key, stack in stacks.items()
    ]
