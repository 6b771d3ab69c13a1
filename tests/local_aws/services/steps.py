"""Calls as the tests' YAML files have them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import jmespath  # type: ignore[import-untyped]

from tests.local_aws.services.conftest import Aws


class Steps:
    """Makes calls one after the other, and remembers what they answer."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._kept: dict[str, str] = {}

    def take(self, steps: Iterable[Mapping[str, Any]]) -> None:
        """Takes steps: ``call``, ``with`` and ``keep``, or ``wait``."""
        for step in steps:
            if "wait" in step:
                self._aws.wait(step["wait"])
                continue
            answer = self._aws(step["call"], **self.filled(step.get("with", {})))
            for name, expression in step.get("keep", {}).items():
                self._kept[name] = jmespath.search(expression, answer)

    def filled(self, value: Any) -> Any:
        """A value with what was kept in place of ``${name}``."""
        if isinstance(value, dict):
            return {name: self.filled(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        return re.sub(r"\$\{(\w+)\}", lambda name: self._kept[name[1]], value) if isinstance(value, str) else value
