"""Rules about storage."""

from policies.rules.rule import RuleBook

RULES = RuleBook()
