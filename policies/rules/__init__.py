"""Trainyard's own rules about synthesised templates; they work on the templates of any CDK app."""

from itertools import chain

from policies.rules import batch, guardrails, identity, models, network, sagemaker, storage
from policies.rules.rule import Rule

FAMILIES = {"S": "SageMaker", "N": "network", "D": "storage", "B": "Batch", "I": "identity"}
"""What the letter of a rule's id stands for."""


def _place(rule: Rule) -> tuple[int, int]:
    return list(FAMILIES).index(rule.id[0]), int(rule.id[1:])


MODULES = (sagemaker, models, network, storage, batch, identity, guardrails)
RULES = tuple(sorted(chain.from_iterable(module.RULES for module in MODULES), key=_place))
"""All of them; docs/policy-rules.md lists them."""
