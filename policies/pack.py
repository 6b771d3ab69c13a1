"""Trainyard's own rules as a policy plugin of the CDK, for this app and for any other.

It reads the synthesised templates, so what was written as a generic ``CfnResource`` or through a property override
counts as much as the rest.
"""

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
)

from policies import report
from policies.rules import RULES
from policies.rules.rule import Rule
from policies.rules.template import App, Finding, Settings

__all__ = ["Settings", "TrainyardRules"]


@jsii.implements(IPolicyValidationPlugin)
class TrainyardRules:
    """The rules, to be attached to an App.

    A finding is acknowledged beside its resource as ``Trainyard::ID``, or ``Trainyard::ID[DETAIL]`` where a rule can be
    broken in several ways.

    Args:
        settings: what the app decides about the rules.

    Source: AWS docs cdk/v2/guide/policy-validation-synthesis.html
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings

    @property
    def name(self) -> str:
        return report.OWN_PACK

    @property
    def version(self) -> str:
        return "1.0.0"

    @property
    def rule_ids(self) -> list[str]:
        return [rule.id for rule in RULES]

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """What the templates break."""
        app = App.read(context.template_paths, self._settings)
        violations = [_violation(rule, finding) for rule in RULES for finding in rule.check(app)]
        return PolicyValidationPluginReport(success=not violations, violations=violations)


def _violation(rule: Rule, finding: Finding) -> PolicyViolation:
    return PolicyViolation(
        rule_name=f"{rule.id}[{finding.detail}]" if finding.detail else rule.id,
        description=f"{rule.title}: {finding.path} {finding.what}. {rule.why}",
        fix=rule.fix,
        severity="warning" if rule.warning else "error",
        violating_resources=[
            PolicyViolatingResource(
                resource_logical_id=finding.resource.logical_id,
                template_path=finding.resource.stack.path,
                locations=[finding.path.replace(".", "/")],
            )
        ],
    )
