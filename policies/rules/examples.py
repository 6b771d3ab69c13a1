"""Templates that show each rule: one that passes, and what to change in it so that the rule is broken.

They are what the tests try and what docs/policy-rules.md shows. In the files of the folder ``examples``, a change is a
path into the resources and the new value there; ``null`` takes it out.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from policies.rules.template import Json

FOLDER = Path(__file__).parent / "examples"


@dataclass(frozen=True)
class Example:
    """What shows a rule.

    Args:
        resources: logical id to resource, of a template that passes.
        breaks: changes, each of which breaks the rule by itself.
    """

    resources: Json
    breaks: tuple[Json, ...]

    def broken(self, change: Json) -> Json:
        """The resources with a change."""
        # Through JSON: in YAML, what has an anchor is one and the same thing wherever it stands.
        resources: Json = json.loads(json.dumps(self.resources))
        for path, value in change.items():
            *parents, last = path.split(".")
            place: Any = resources
            for part in parents:
                place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
            if isinstance(place, list):
                place[int(last)] = value
            elif value is None:
                place.pop(last, None)
            else:
                place[last] = value
        return resources


@cache
def examples() -> dict[str, Example]:
    """Rule id to its example."""
    return {
        id_: Example(each["passes"], tuple(each["breaks"]))
        for file in sorted(FOLDER.glob("*.yaml"))
        for id_, each in yaml.safe_load(file.read_text()).items()
    }
