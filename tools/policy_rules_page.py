"""Writes docs/policy-rules.md from the rules and the templates that show them."""

import json
from collections.abc import Iterator

import yaml

from policies import report
from policies.rules import RULES
from policies.rules.examples import Example, examples
from policies.rules.rule import Rule

EXAMPLE = """\
import sys

import aws_cdk as cdk

sys.path += ["trainyard", "trainyard/constructs"]
from policies.pack import Settings, TrainyardRules

app = cdk.App()
stack = cdk.Stack(app, "Mine")
cdk.CfnResource(stack, "Notebook", type="AWS::SageMaker::NotebookInstance", properties={"RootAccess": "Enabled"})
cdk.Validations.of(app).add_plugins(TrainyardRules(Settings(image_accounts=["111111111111"])))
app.synth()
"""
"""Another team's app, which has a checkout of this repository in the folder ``trainyard``."""

INTRODUCTION = f"""\
# The policy rules

`make synth` runs {len(RULES)} rules of Trainyard's own beside the five packs of cdk-nag, and nothing is deployed that
breaks one and has no acknowledgement. They read the synthesised templates, so a generic `CfnResource` and a property
override count as much as the CDK's own classes. What only a deployment knows (`Ref`, `Fn::GetAtt` and their like)
counts as right: a rule judges what is missing and what is written out.

A finding is acknowledged beside its resource, by its exact id, with a reason that a test shows to be true:

```python
cdk.Validations.of(space).acknowledge(cdk.Acknowledgment(id="{report.OWN_PACK}::S10[SharingType]", reason="..."))
```

## In an app of your own

The rules work on any CDK app in Python. Three lines attach them: the path, the import, and `add_plugins`.

```python
{EXAMPLE}```

`app.synth()` then fails with `S2` on the notebook instance. `Settings` says what your app may decide: which further
accounts images come from, which accounts resource policies may name, whether there is a way to the internet.

This page is made from `policies/rules/` (`make snapshots`). Each rule has a template that passes and the changes that
break it; the tests try them all, as they stand, through a generic `CfnResource`, and through a property override.

"""


def page() -> str:
    """The text of the page."""
    lines = [INTRODUCTION, "## The rules\n", "| id | what must hold |", "|---|---|"]
    lines += [f"| [{rule.id}](#{rule.id.lower()}) | {_cell(rule.title)} |" for rule in RULES]
    for rule in RULES:
        lines += ["", *_section(rule, examples()[rule.id])]
    return "\n".join(lines) + "\n"


def _section(rule: Rule, example: Example) -> Iterator[str]:
    yield f"### {rule.id}\n"
    yield f"**{rule.title}.**" + (" Advice, to be answered for all the same." if rule.warning else "") + "\n"
    yield f"- Why: {rule.why}."
    yield f"- Fix: {rule.fix}."
    yield f"- Source: {rule.source}.\n"
    yield "Passes:\n\n```yaml"
    # Through JSON, so that what stands twice is written out twice.
    yield yaml.safe_dump(json.loads(json.dumps(example.resources)), sort_keys=False, width=110).rstrip()
    yield "```\n\nIs broken by each of:\n\n```yaml"
    for change in example.breaks:
        yield yaml.safe_dump([json.loads(json.dumps(change))], sort_keys=False, width=110).rstrip()
    yield "```"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
