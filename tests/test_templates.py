"""Second opinions on the synthesised templates: cfn-lint, and the validation engine that the CDK carries."""

import json
from pathlib import Path

import aws_cdk as cdk
import pytest
from cfnlint import api as cfn_lint
from cfnlint.config import ManualArgs

import app
from environments import load
from tests.conftest import SHIPPED
from tests.environments.test_loading import ADOPTED
from tests.support import Assembly, Json, environment_with, synthesize
from trainyard.endpoint_services import Feature

pytestmark = pytest.mark.slow

EXPLAINED = {
    "W3005": "the CDK orders a function after its role twice: by DependsOn and by the reference",
}

EXPLAINED_TO_THE_ENGINE = {
    "W3010": "zones are named in the environment file: GPU types and Lustre are not in every zone",
}


@pytest.fixture(scope="module", params=[*SHIPPED, "every feature", "an existing VPC"])
def linted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The shipped environments, and what none of them has."""
    if request.param in SHIPPED:
        environment = load(request.param)
    else:
        changes: Json = {"features": [feature.value for feature in Feature], "teams.1.own_key": True}
        if request.param == "an existing VPC":
            changes |= ADOPTED
        environment = environment_with(changes)
    return synthesize(environment, tmp_path_factory.mktemp("linted"))


def test_cfn_lint_finds_nothing_unexplained(linted: Assembly) -> None:
    config = ManualArgs(regions=[linted.environment.region])
    found = {
        match.rule.id: f"{stack}: {match}"
        for stack in linted.stacks
        for match in cfn_lint.lint(json.dumps(linted.stacks[stack]), config=config)
    }
    explained = EXPLAINED if linted.environment.network.vpc else {}
    assert set(found) == set(explained), found


def test_cfn_lint_looks_at_our_templates_at_all(prod: Assembly) -> None:
    template = prod.stacks["network"]
    template["Resources"]["Bad"] = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlok": "10.0.0.0/16"}}
    found = cfn_lint.lint(json.dumps(template), config=ManualArgs(regions=["eu-west-1"]))
    assert any(match.rule.id == "E3002" for match in found)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_engine_of_the_cdk_finds_nothing_unexplained(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is off in every other synth: it doubles the time and finds what cfn-lint finds."""
    make = cdk.App

    def with_engine(**arguments: object) -> cdk.App:
        return make(**arguments | {"builtin_cloud_formation_validation": True})  # type: ignore[arg-type]

    monkeypatch.setattr(cdk, "App", with_engine)
    app.build(load(name), str(tmp_path)).synth()
    plugins = json.loads((tmp_path / "validation-report.json").read_text())["pluginReports"]
    (engine,) = [each for each in plugins if each["pluginName"] == "CloudFormation Validate"]
    assert {violation["ruleName"] for violation in engine["violations"]} == set(EXPLAINED_TO_THE_ENGINE)
