"""What holds for all stacks of an environment together."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk.assertions import Annotations, Match

from tests.support import Assembly, Json, environment_with, synthesize

TAGS = ("Environment", "Owner", "CostCenter", "Project")

# Properties that give a resource a name of our choosing. A log's resource policy cannot do without one.
NAMES = re.compile(r"^(.*Name|Name|Alias)$")
NO_NAMES = {"ServiceName"}


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Assembly, Assembly]:
    """Two environments that differ in nothing but their names, in one account and region."""
    first, second = (
        synthesize(environment_with({"name": name}), tmp_path_factory.mktemp(name)) for name in ("one", "two")
    )
    return first, second


def test_two_environments_in_one_account_and_region_share_no_stack(twins: tuple[Assembly, Assembly]) -> None:
    assert _stack_names(twins[0]) & _stack_names(twins[1]) == set()


def test_two_environments_in_one_account_and_region_share_no_export(twins: tuple[Assembly, Assembly]) -> None:
    exports = [_exports(each) for each in twins]
    assert exports[0]
    assert exports[0] & exports[1] == set()


def test_two_environments_in_one_account_and_region_share_no_physical_name(twins: tuple[Assembly, Assembly]) -> None:
    names = [{value for _, value in _names(each)} for each in twins]
    assert names[0] & names[1] == set()


def test_the_same_environment_in_two_regions_shares_no_name_but_regional_ones(prod: Assembly, tmp_path: Path) -> None:
    changes = {"region": "us-east-1", "network.vpc.zones": ["us-east-1a", "us-east-1b", "us-east-1c"]}
    there = synthesize(environment_with(changes), tmp_path)
    shared = set(_names(prod)) & set(_names(there))
    # Resource policies of CloudWatch Logs belong to a region; names of IAM and S3 would not.
    assert {type_ for type_, _ in shared} <= {"AWS::Logs::ResourcePolicy"}
    assert _locations(prod) & _locations(there) == set()


def test_the_only_physical_name_is_one_that_aws_asks_for(assembly: Assembly) -> None:
    assert {type_ for type_, _ in _names(assembly)} == {"AWS::Logs::ResourcePolicy"}


def test_no_template_names_another_region_than_its_own(assembly: Assembly) -> None:
    regions = set(re.findall(r"\b(?:us|eu|ap|ca|sa|me|af|il|mx)-[a-z]+-\d\b", str(assembly.stacks)))
    assert regions == {assembly.environment.region}


@pytest.mark.parametrize("key", TAGS)
def test_every_resource_that_takes_tags_has_the_compulsory_ones(assembly: Assembly, key: str) -> None:
    tagged = [resource for resource in assembly.resources().values() if "Tags" in resource.get("Properties", {})]
    assert tagged
    assert all(key in {tag["Key"] for tag in resource["Properties"]["Tags"]} for resource in tagged)


def test_stacks_carry_the_tags_too_for_what_takes_none_in_its_template(assembly: Assembly) -> None:
    for artifact in json.loads((assembly.folder / "manifest.json").read_text())["artifacts"].values():
        if artifact["type"] == "aws:cloudformation:stack":
            assert set(artifact["properties"]["tags"]) == set(TAGS)


@pytest.mark.parametrize(
    "way_out",
    [
        *("InternetGateway", "NatGateway", "EgressOnlyInternetGateway", "VPCGatewayAttachment", "VPNGateway"),
        *("EIP", "Route", "VPCPeeringConnection", "TransitGatewayAttachment", "VPCCidrBlock"),
    ],
)
def test_no_stack_makes_a_way_out(assembly: Assembly, way_out: str) -> None:
    assert assembly.resources(f"AWS::EC2::{way_out}") == {}


def test_the_tag_environment_is_its_name(assembly: Assembly) -> None:
    (key,) = assembly.resources("AWS::KMS::Key").values()
    assert {"Key": "Environment", "Value": assembly.environment.name} in key["Properties"]["Tags"]


def test_further_tags_are_applied_too(tmp_path: Path) -> None:
    tagged = synthesize(environment_with({"tags.additional": {"Ward": "north"}}), tmp_path)
    (key,) = tagged.resources("AWS::KMS::Key").values()
    assert {"Key": "Ward", "Value": "north"} in key["Properties"]["Tags"]


def test_no_stack_comes_near_the_limit_of_resources(assembly: Assembly) -> None:
    # CloudFormation takes 500 in a stack; one that has 400 must be cut before it grows on.
    assert max(len(template["Resources"]) for template in assembly.stacks.values()) <= 400


def test_stacks_are_protected_as_the_file_says(assembly: Assembly) -> None:
    for stack in _stacks(assembly):
        assert stack.termination_protection == assembly.environment.termination_protection


def test_prod_is_protected(prod: Assembly) -> None:
    assert all(stack.termination_protection for stack in _stacks(prod))


def test_synth_leaves_no_warning(assembly: Assembly) -> None:
    for stack in _stacks(assembly):
        assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []
        assert Annotations.from_stack(stack).find_error("*", Match.any_value()) == []


def test_nothing_is_left_to_look_up(assembly: Assembly) -> None:
    assert "missing" not in json.loads((assembly.folder / "manifest.json").read_text())


def test_the_key_stays_as_long_as_the_logs_that_need_it(assembly: Assembly) -> None:
    policies = {
        resource["DeletionPolicy"]
        for type_ in ("AWS::KMS::Key", "AWS::Logs::LogGroup")
        for resource in assembly.resources(type_).values()
    }
    assert policies == {"Retain" if assembly.environment.logs.keep_after_teardown else "Delete"}


def test_what_another_stack_uses_cannot_be_taken_away(assembly: Assembly) -> None:
    network = str(assembly.stacks["network"])
    assert "Fn::ImportValue" in network
    assert "Fn::GetStackOutput" not in network


def _stacks(assembly: Assembly) -> list[Stack]:
    return [child for child in assembly.root.node.children if isinstance(child, Stack)]


def _stack_names(assembly: Assembly) -> set[str]:
    return {stack.stack_name for stack in _stacks(assembly)}


def _locations(assembly: Assembly) -> set[tuple[str, str]]:
    return {(stack.region, stack.stack_name) for stack in _stacks(assembly)}


def _exports(assembly: Assembly) -> set[str]:
    return {
        output["Export"]["Name"]
        for template in assembly.stacks.values()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }


def _names(assembly: Assembly) -> Iterator[tuple[str, str]]:
    """Resource type and literal name, at the top level of the properties, where CloudFormation has them."""
    for resource in assembly.resources().values():
        properties: Json = resource.get("Properties", {})
        for key, value in properties.items():
            if NAMES.match(key) and key not in NO_NAMES and _is_literal(value):
                yield resource["Type"], str(value)


def _is_literal(value: Any) -> bool:
    return isinstance(value, str)
