"""Every rule is tried on the templates that explain it, written in each way in which a CDK app can write them."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App as CdkApp
from aws_cdk import CfnResource, Stack, Validations
from aws_cdk import cloudformation_include as include

from policies import gate, report
from policies.pack import TrainyardRules
from policies.rules import RULES
from policies.rules.examples import examples
from policies.rules.rule import Rule
from policies.rules.template import App, Json
from policies.rules.template import Stack as Template

BY_ID = {rule.id: rule for rule in RULES}
IDS = list(BY_ID)
BREAKS = [(id_, index) for id_, example in examples().items() for index in range(len(example.breaks))]


def test_every_rule_has_an_example_and_every_example_a_rule() -> None:
    assert sorted(examples()) == sorted(BY_ID)


def test_no_two_rules_have_the_same_id() -> None:
    assert len(BY_ID) == len(RULES)


@pytest.mark.parametrize("id_", IDS)
def test_a_template_that_keeps_a_rule_passes(id_: str) -> None:
    assert _found(BY_ID[id_], examples()[id_].resources) == []


@pytest.mark.parametrize(("id_", "index"), BREAKS)
def test_a_template_that_breaks_a_rule_is_found(id_: str, index: int) -> None:
    example = examples()[id_]
    assert _found(BY_ID[id_], example.broken(example.breaks[index])) != []


@pytest.mark.parametrize("id_", IDS)
def test_a_generic_resource_is_seen(id_: str, tmp_path: Path) -> None:
    example = examples()[id_]
    app = _app(tmp_path)
    for logical_id, body in example.broken(example.breaks[0]).items():
        resource = CfnResource(_stack(app), logical_id, type=body["Type"])
        _write(resource, body)
    assert id_ in _broken(app, tmp_path)


@pytest.mark.parametrize("id_", IDS)
def test_a_property_override_is_seen(id_: str, tmp_path: Path) -> None:
    """On the CDK's own classes, which cdk-nag looks at and not at what they are overridden with."""
    example = examples()[id_]
    app = _app(tmp_path)
    file = tmp_path / "passes.json"
    file.write_text(json.dumps({"Resources": example.resources}))
    template = include.CfnInclude(_stack(app), "Template", template_file=str(file))
    for path, value in example.breaks[0].items():
        logical_id, _, rest = path.partition(".")
        if rest:
            template.get_resource(logical_id).add_override(rest, value)
        else:
            _write(CfnResource(_stack(app), logical_id, type=value["Type"]), value)
    assert id_ in _broken(app, tmp_path)


def _found(rule: Rule, resources: Json) -> list[Any]:
    return list(rule.check(App([Template("template.json", {"Resources": resources})])))


def _app(folder: Path) -> CdkApp:
    app = CdkApp(
        outdir=str(folder / "assembly"), post_cli_context=gate.CONTEXT, builtin_cloud_formation_validation=False
    )
    Stack(app, "Stack")
    Validations.of(app).add_plugins(TrainyardRules())
    return app


def _stack(app: CdkApp) -> Stack:
    stack = app.node.find_child("Stack")
    assert isinstance(stack, Stack)
    return stack


def _write(resource: CfnResource, body: Json) -> None:
    resource.override_logical_id(resource.node.id)
    for section, value in body.items():
        if section != "Type":
            resource.add_override(section, value)


def _broken(app: CdkApp, folder: Path) -> set[str]:
    app.synth()
    found = report.read(folder / "assembly").get(report.OWN_PACK, {"violations": []})
    return {violation["ruleName"].partition("[")[0] for violation in found["violations"]}
