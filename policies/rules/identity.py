"""Rules about identity."""

from policies.rules.rule import RuleBook

RULES = RuleBook()
