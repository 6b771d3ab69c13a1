"""Rules about SageMaker: notebook instances, Studio, models, endpoints, monitoring."""

from collections.abc import Iterator

from policies.rules.rule import RuleBook
from policies.rules.template import App, Finding

RULES = RuleBook()

NOTEBOOK = "AWS::SageMaker::NotebookInstance"


@RULES.rule(
    "S2",
    "Users of a notebook instance are not root",
    why="Root can switch off whatever a lifecycle configuration set up, the idle stop and the logs among it",
    source="Security Hub SageMaker.3; Control Tower CT.SAGEMAKER.PR.3",
    fix="Set RootAccess to Disabled; lifecycle scripts run as root all the same",
)
def no_root(app: App) -> Iterator[Finding]:
    for notebook in app.of(NOTEBOOK):
        yield from notebook.must_be("RootAccess", "Disabled")
