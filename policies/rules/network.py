"""Rules about network."""

from policies.rules.rule import RuleBook

RULES = RuleBook()
