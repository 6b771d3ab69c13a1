"""Trainyard's own rules about synthesised templates; they work on the templates of any CDK app."""

from policies.rules import batch, guardrails, identity, models, network, sagemaker, storage
from policies.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    *sagemaker.RULES,
    *models.RULES,
    *network.RULES,
    *storage.RULES,
    *batch.RULES,
    *identity.RULES,
    *guardrails.RULES,
)
"""All of them; docs/policy-rules.md lists them."""
