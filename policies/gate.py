"""The policy gate: no assembly leaves synth with a finding that nobody answered for.

The CDK runs the packs during synth and writes what they found to ``validation-report.json``. By itself it would also
print the findings in its own form and raise an error of jsii; ``CONTEXT`` turns that off, and the gate judges the
report instead: the same in a test, under the CDK CLI, and in a plain ``python app.py``.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cdk_nag
from aws_cdk import App, Validations

from policies import report
from policies.pack import TrainyardRules
from policies.rules.template import Settings

NAG_PACKS: dict[str, type[cdk_nag.NagPack]] = dict(
    zip(
        report.NAG_PACKS,
        (
            cdk_nag.AwsSolutionsChecks,
            cdk_nag.NIST80053R4Checks,
            cdk_nag.NIST80053R5Checks,
            cdk_nag.HIPAASecurityChecks,
            cdk_nag.PCIDSS321Checks,
        ),
        strict=True,
    )
)

CONTEXT = {"@aws-cdk/core:failSynthOnValidationErrors": False}
"""What the App must be made with, as ``post_cli_context``, for the gate to be the one who judges."""


class Finding(NamedTuple):
    """One rule broken by one resource, in every pack that has the rule under that name."""

    resource: str
    rule: str
    packs: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        ids = " and ".join(_id(pack, self.rule) for pack in self.packs)
        return (
            f"{self.resource}\n"
            f"  rule: {self.rule} ({', '.join(self.packs)})\n"
            f"  why:  {self.why}\n"
            f"  fix:  change the resource, or acknowledge {ids}"
        )


def _id(pack: str, rule: str) -> str:
    """By which a finding is acknowledged; a warning of the CDK has its id for a rule already."""
    if "::" in rule:
        return rule
    return f"{pack}::{rule}" if pack == report.OWN_PACK else f"{pack}::{pack}-{rule}"


class GateError(Exception):
    """The assembly does not pass; ``str()`` lists every finding."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        advice = (
            f"The policy gate found {len(findings)} broken rule(s). Where one cannot hold, acknowledge it beside its "
            "resource, with a reason that a test shows to be true:\n  cdk.Validations.of(resource).acknowledge("
            'cdk.Acknowledgment(id="PACK::PACK-RULE", reason="..."))'
        )
        super().__init__("\n".join([*(str(each) for each in findings), advice]))


def attach(app: App, settings: Settings | None = None) -> None:
    """Puts every pack on the App, so that no stack escapes.

    Args:
        app: the App.
        settings: what it decides about our own rules.
    """
    packs = [pack(app, verbose=True) for pack in NAG_PACKS.values()]
    Validations.of(app).add_plugins(*packs, TrainyardRules(settings))


def forget(assembly: Path) -> None:
    """Takes away what an earlier synth reported, so that it cannot pass for this one's."""
    (assembly / report.FILE).unlink(missing_ok=True)


def check(assembly: Path) -> None:
    """Judges a synthesised assembly.

    Raises:
        GateError: on any finding, on a pack that broke, and when no pack ran.
    """
    if not (assembly / report.FILE).exists():
        raise GateError([Finding("the whole app", "none", report.PACKS, "no pack ran: nothing is known")])
    packs: dict[tuple[str, str], list[str]] = {}
    reasons: dict[tuple[str, str], str] = {}
    for each in report.read(assembly).values():
        for resource, rule, why in _broken(each):
            packs.setdefault((resource, rule), []).append(each["pluginName"])
            reasons.setdefault((resource, rule), why)
    if packs:
        raise GateError([Finding(*key, tuple(packs[key]), reasons[key]) for key in sorted(packs)])


def _broken(found: report.Report) -> Iterator[tuple[str, str, str]]:
    """Resource, rule and reason, as one pack has them."""
    pack = found["pluginName"]
    for violation in found["violations"]:
        rule = violation["ruleName"].removeprefix(f"{pack}-")
        why = re.sub(r" - \(Control IDs?: .*?\)\.", ".", violation["description"])
        for construct in violation["violatingConstructs"]:
            yield construct["constructPath"], rule, why
    if found["conclusion"] != "success" and not found["violations"]:
        yield "the whole app", "none", f"the pack itself failed: {found.get('metadata')}"
