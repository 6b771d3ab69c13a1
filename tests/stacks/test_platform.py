"""What holds for all stacks of an environment together."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk.assertions import Annotations, Match

from operations.assembly import stacks_of
from tests.support import Assembly, Json, environment_with, synthesize

TAGS = ("Environment", "Owner", "CostCenter", "Project")

# Properties that give a resource a name of our choosing.
NAMES = re.compile(r"^(.*Name|Name|Alias)$")
NO_NAMES = {"ServiceName", "MetricName", "AWSServiceName"}

# Who has one, and why. All of them belong to a region.
NAMED = {
    "AWS::Logs::ResourcePolicy": "AWS asks for it",
    "AWS::Logs::LogGroup": "FSx takes only one that begins with /aws/fsx",
    "AWS::SageMaker::Domain": "AWS asks for it",
    "AWS::SageMaker::StudioLifecycleConfig": "AWS asks for it",
    "AWS::SageMaker::MlflowApp": "AWS asks for it",
    "AWS::SageMaker::NotebookInstanceLifecycleConfig": "a guardrail knows it by its name",
    "AWS::SageMaker::UserProfile": "AWS asks for it",
    "AWS::SageMaker::Space": "AWS asks for it",
    "AWS::Batch::JobDefinition": "people write it to submit a job",
}
IN_A_DOMAIN = {"AWS::SageMaker::UserProfile", "AWS::SageMaker::Space"}


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
    names = [{name for name in _names(each) if name[0] not in IN_A_DOMAIN} for each in twins]
    assert names[0]
    assert names[0] & names[1] == set()


def test_a_name_in_a_domain_is_one_of_its_own_domain(assembly: Assembly) -> None:
    for type_ in IN_A_DOMAIN:
        for resource in assembly.resources(type_).values():
            assert "Fn::ImportValue" in resource["Properties"]["DomainId"]


def test_the_same_environment_in_two_regions_shares_no_name_but_regional_ones(prod: Assembly, tmp_path: Path) -> None:
    changes = {
        "region": "us-east-1",
        "network.vpc.zones": ["us-east-1a", "us-east-1b", "us-east-1c"],
        "teams.0.notebooks.1.zone": "us-east-1b",
        "batch.pools.2.zone": "us-east-1c",
    }
    there = synthesize(environment_with(changes), tmp_path)
    shared = set(_names(prod)) & set(_names(there))
    # Names of IAM and S3 would not belong to a region.
    assert {type_ for type_, _ in shared} <= set(NAMED)
    assert _locations(prod) & _locations(there) == set()


def test_only_what_must_have_a_physical_name_has_one(assembly: Assembly) -> None:
    assert {type_ for type_, _ in _names(assembly)} <= set(NAMED)


def test_no_template_names_another_region_than_its_own(assembly: Assembly) -> None:
    regions = set(re.findall(r"\b(?:us|eu|ap|ca|sa|me|af|il|mx)-[a-z]+-\d\b", str(assembly.stacks)))
    assert regions == {assembly.environment.region}


@pytest.mark.parametrize("key", TAGS)
def test_every_resource_that_takes_tags_has_the_compulsory_ones(assembly: Assembly, key: str) -> None:
    tagged = [resource for resource in assembly.resources().values() if "Tags" in resource.get("Properties", {})]
    assert tagged
    assert all(key in _tags(resource) for resource in tagged)


def test_what_belongs_to_a_team_carries_its_name(assembly: Assembly) -> None:
    for team in assembly.environment.teams:
        resources = assembly.stacks[f"team-{team.name}"]["Resources"].values()
        tagged = [resource for resource in resources if "Tags" in resource.get("Properties", {})]
        assert tagged
        assert all(_tags(resource)["Team"] == team.name for resource in tagged)


def test_stacks_carry_the_tags_too_for_what_takes_none_in_its_template(assembly: Assembly) -> None:
    for artifact in json.loads((assembly.folder / "manifest.json").read_text())["artifacts"].values():
        if artifact["type"] == "aws:cloudformation:stack":
            assert set(artifact["properties"]["tags"]) - {"Team"} == set(TAGS)


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
    for key in assembly.resources("AWS::KMS::Key").values():
        assert _tags(key)["Environment"] == assembly.environment.name


def test_further_tags_are_applied_too(tmp_path: Path) -> None:
    tagged = synthesize(environment_with({"tags.additional": {"Ward": "north"}}), tmp_path)
    for key in tagged.resources("AWS::KMS::Key").values():
        assert _tags(key)["Ward"] == "north"


def test_no_stack_comes_near_the_limit_of_resources(assembly: Assembly) -> None:
    # CloudFormation takes 500 in a stack; one that has 400 must be cut before it grows on.
    assert max(len(template["Resources"]) for template in assembly.stacks.values()) <= 400


def test_stacks_are_protected_as_the_file_says(assembly: Assembly) -> None:
    for stack in _stacks(assembly):
        assert stack.termination_protection == assembly.environment.termination_protection


def test_prod_is_protected(prod: Assembly) -> None:
    assert all(stack.termination_protection for stack in _stacks(prod))


@pytest.mark.slow
def test_synth_leaves_no_warning(assembly: Assembly) -> None:
    for stack in _stacks(assembly):
        assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []
        assert Annotations.from_stack(stack).find_error("*", Match.any_value()) == []


def test_nothing_is_left_to_look_up(assembly: Assembly) -> None:
    assert "missing" not in json.loads((assembly.folder / "manifest.json").read_text())


@pytest.mark.parametrize("type_", ["AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::ECR::Repository"])
def test_a_key_stays_as_long_as_what_needs_it(assembly: Assembly, type_: str) -> None:
    keys = {key.partition(".")[2]: each["DeletionPolicy"] for key, each in assembly.resources("AWS::KMS::Key").items()}
    for resource in assembly.resources(type_).values():
        (policy,) = [policy for key, policy in keys.items() if key in str(resource["Properties"])]
        assert policy == "Retain" or resource["DeletionPolicy"] == "Delete"


@pytest.mark.parametrize("type_", ["AWS::S3::Bucket", "AWS::ECR::Repository", "AWS::SageMaker::NotebookInstance"])
def test_data_stays_as_the_file_says(assembly: Assembly, type_: str) -> None:
    stays = {resource["DeletionPolicy"] for resource in assembly.resources(type_).values()}
    assert stays == {"Retain" if assembly.environment.data.keep_after_teardown else "Delete"}


def test_nothing_is_emptied_by_the_deletion_of_its_stack(assembly: Assembly) -> None:
    for repository in assembly.resources("AWS::ECR::Repository").values():
        assert "EmptyOnDelete" not in repository["Properties"]
    assert assembly.resources("Custom::S3AutoDeleteObjects") == {}


def test_logs_stay_as_the_file_says(assembly: Assembly) -> None:
    stays = {
        key: resource["DeletionPolicy"]
        for key, resource in assembly.resources("AWS::Logs::LogGroup").items()
        # Under a name that the next deployment needs again.
        if "LogGroupName" not in resource["Properties"]
    }
    assert set(stays.values()) == {"Retain" if assembly.environment.logs.keep_after_teardown else "Delete"}


def test_no_stack_uses_one_that_uses_it(assembly: Assembly) -> None:
    before = {stack.name: set(stack.after) for stack in stacks_of(assembly.folder)}
    seen: set[str] = set()
    while len(seen) < len(before):
        free = {name for name, others in before.items() if name not in seen and others <= seen}
        assert free, f"a cycle among {sorted(set(before) - seen)}"
        seen |= free


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


def _tags(resource: Json) -> dict[str, str]:
    """Key to value; most types have a list, those of Batch a mapping."""
    tags = resource["Properties"]["Tags"]
    return tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}


def _is_literal(value: Any) -> bool:
    return isinstance(value, str)
