"""Rules about batch."""

from policies.rules.rule import RuleBook

RULES = RuleBook()
