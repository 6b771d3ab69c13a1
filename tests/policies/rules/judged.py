"""Templates judged by one rule."""

from typing import Any

from policies.rules import RULES
from policies.rules.examples import examples
from policies.rules.template import App, Finding, Json, Settings, Stack

BY_ID = {rule.id: rule for rule in RULES}


def found(rule: str, *templates: Json, settings: Settings | None = None) -> list[Finding]:
    """What a rule finds in an app of these templates; one without ``Resources`` is its resources."""
    stacks = [
        Stack(f"{index}.json", each if "Resources" in each else {"Resources": each})
        for index, each in enumerate(templates)
    ]
    return list(BY_ID[rule].check(App(stacks, settings)))


def changed(rule: str, **changes: Any) -> Json:
    """The passing example of a rule with changes, by path with ``__`` for the dots."""
    return examples()[rule].broken({path.replace("__", "."): value for path, value in changes.items()})
