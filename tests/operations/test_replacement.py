import json
from typing import Any

import botocore.session
import pytest
from botocore.model import StructureShape

from operations.assembly import stacks_of
from operations.replacement import STATEFUL, Change, changes, create_only, record, refused, stateful
from tests.conftest import SHIPPED
from tests.support import Assembly, Json
from tools.replacement import BASELINE

PATHS = {
    "AWS::EC2::Subnet": ["CidrBlock", "VpcId"],
    "AWS::EC2::VPC": ["CidrBlock"],
    "AWS::FSx::FileSystem": ["LustreConfiguration/DeploymentType", "SubnetIds"],
    "AWS::IAM::Role": ["RoleName"],
    "AWS::SageMaker::MlflowApp": ["RoleArn"],
    "AWS::S3::Bucket": ["BucketName", "Rules/*/Id"],
}

ADVICE = """
What holds data, or much depends on, would be replaced or removed by a deployment over the last release. When it is
meant, allow it as below, or run make baseline and commit tests/baseline/ with the change (docs/replacement.md):
"""


def test_a_deployment_over_the_last_release_replaces_and_removes_nothing(assembly: Assembly) -> None:
    before = json.loads((BASELINE / f"{assembly.environment.name}.json").read_text())
    after = record({stack.name: stack.template for stack in stacks_of(assembly.folder)}, create_only())
    found = refused(changes(before, after), assembly.environment.allowed_replacements)
    assert not found, ADVICE + found


def test_every_shipped_environment_has_a_baseline() -> None:
    assert sorted(file.stem for file in BASELINE.glob("*.json")) == SHIPPED, "run make baseline"


def test_what_the_api_cannot_change_of_a_lustre_file_system_counts_as_replacing_it() -> None:
    """Its schema says nothing of its nested properties, which are told here by hand."""
    create, update = _lustre_settings("Create"), _lustre_settings("Update")
    assert {f"LustreConfiguration/{name}" for name in create - update} <= set(create_only()["AWS::FSx::FileSystem"])


def _lustre_settings(verb: str) -> set[str]:
    shape = botocore.session.get_session().get_service_model("fsx").shape_for(f"{verb}FileSystemLustreConfiguration")
    assert isinstance(shape, StructureShape)
    return set(shape.members)


def _resource(type_: str, **properties: Any) -> Json:
    return {"Type": f"AWS::{type_}", "Properties": properties}


def _found(before: Json, after: Json) -> list[str]:
    """Logical ids and reasons of what changes between two templates of one stack."""
    return [f"{each.logical_id}: {each.reason}" for each in changes(_record(one=before), _record(one=after))]


def _record(**resources: Json) -> dict[str, dict[str, Json]]:
    return record({stack: {"Resources": each} for stack, each in resources.items()}, PATHS)


def test_the_same_template_changes_nothing() -> None:
    template = {"Vpc": _resource("EC2::VPC", CidrBlock="10.0.0.0/16")}
    assert _found(template, template) == []


def test_a_create_only_property_replaces() -> None:
    before = {"Vpc": _resource("EC2::VPC", CidrBlock="10.0.0.0/16")}
    after = {"Vpc": _resource("EC2::VPC", CidrBlock="10.1.0.0/16")}
    assert _found(before, after) == ['Vpc: CidrBlock changes from "10.0.0.0/16" to "10.1.0.0/16"']


def test_another_property_does_not() -> None:
    before = {"Vpc": _resource("EC2::VPC", EnableDnsSupport=False)}
    after = {"Vpc": _resource("EC2::VPC", EnableDnsSupport=True)}
    assert _found(before, after) == []


def test_a_create_only_property_that_is_set_for_the_first_time_replaces() -> None:
    before, after = {"Bucket": _resource("S3::Bucket")}, {"Bucket": _resource("S3::Bucket", BucketName="a")}
    assert _found(before, after) == ['Bucket: BucketName changes from nothing to "a"']


def test_a_create_only_property_that_is_left_out_replaces() -> None:
    before, after = {"Bucket": _resource("S3::Bucket", BucketName="a")}, {"Bucket": {"Type": "AWS::S3::Bucket"}}
    assert _found(before, after) == ['Bucket: BucketName changes from "a" to nothing']


def test_a_nested_create_only_property_replaces() -> None:
    before = {"Files": _resource("FSx::FileSystem", LustreConfiguration={"DeploymentType": "PERSISTENT_1"})}
    after = {"Files": _resource("FSx::FileSystem", LustreConfiguration={"DeploymentType": "PERSISTENT_2"})}
    (reason,) = _found(before, after)
    assert reason.startswith("Files: LustreConfiguration/DeploymentType changes")


def test_what_lies_beside_a_nested_create_only_property_does_not() -> None:
    before = {"Files": _resource("FSx::FileSystem", LustreConfiguration={"DataCompressionType": "NONE"})}
    after = {"Files": _resource("FSx::FileSystem", LustreConfiguration={"DataCompressionType": "LZ4"})}
    assert _found(before, after) == []


def test_a_create_only_property_of_a_list_item_replaces() -> None:
    before = {"Bucket": _resource("S3::Bucket", Rules=[{"Id": "a"}, {"Id": "b"}])}
    after = {"Bucket": _resource("S3::Bucket", Rules=[{"Id": "a"}, {"Id": "c"}])}
    assert _found(before, after) == ['Bucket: Rules/*/Id changes from ["a", "b"] to ["a", "c"]']


def test_what_lies_beside_it_in_the_item_does_not() -> None:
    before = {"Bucket": _resource("S3::Bucket", Rules=[{"Id": "a", "Status": "Enabled"}])}
    after = {"Bucket": _resource("S3::Bucket", Rules=[{"Id": "a", "Status": "Disabled"}, {}])}
    assert _found(before, after) == []


def test_a_resource_that_is_gone_is_removed() -> None:
    assert _found({"Bucket": _resource("S3::Bucket")}, {}) == ["Bucket: it is gone from the templates"]


def test_another_logical_id_is_a_removal() -> None:
    resource = _resource("S3::Bucket", BucketName="a")
    assert _found({"Bucket": resource}, {"Datasets": resource}) == ["Bucket: it is gone from the templates"]


def test_another_type_under_the_same_logical_id_is_a_removal() -> None:
    (change,) = changes(_record(one={"A": _resource("S3::Bucket")}), _record(one={"A": _resource("EC2::VPC")}))
    assert change.removed
    assert change.reason == "it becomes AWS::EC2::VPC"


def test_the_resources_of_a_stack_that_is_gone_are_removed() -> None:
    before = _record(one={"A": _resource("S3::Bucket")}, two={"B": _resource("S3::Bucket")})
    (change,) = changes(before, _record(one={"A": _resource("S3::Bucket")}))
    assert (change.stack, change.logical_id, change.removed) == ("two", "B", True)


def test_a_new_resource_changes_nothing() -> None:
    assert _found({}, {"Bucket": _resource("S3::Bucket")}) == []


def test_a_resource_that_is_not_stateful_is_not_reported() -> None:
    before, after = {"Role": _resource("IAM::Role")}, {"Role": _resource("IAM::Role", RoleName="a")}
    assert _found(before, after) == []


@pytest.mark.parametrize("reference", [{"Ref": "Vpc"}, {"Fn::GetAtt": ["Vpc", "VpcId"]}])
def test_what_refers_to_a_replaced_resource_is_replaced(reference: Json) -> None:
    subnet = _resource("EC2::Subnet", VpcId=reference)
    before = {"Vpc": _resource("EC2::VPC", CidrBlock="10.0.0.0/16"), "Subnet": subnet}
    after = {"Vpc": _resource("EC2::VPC", CidrBlock="10.1.0.0/16"), "Subnet": subnet}
    assert "Subnet: VpcId refers to one.Vpc, which is replaced" in _found(before, after)


def test_so_is_what_refers_to_that_one_in_turn() -> None:
    rest = {
        "Files": _resource("FSx::FileSystem", SubnetIds=[{"Ref": "Subnet"}]),
        "Subnet": _resource("EC2::Subnet", VpcId={"Ref": "Vpc"}),
    }
    before = {"Vpc": _resource("EC2::VPC", CidrBlock="10.0.0.0/16")} | rest
    after = {"Vpc": _resource("EC2::VPC", CidrBlock="10.1.0.0/16")} | rest
    assert "Files: SubnetIds refers to one.Subnet, which is replaced" in _found(before, after)


def test_so_is_what_refers_to_one_that_is_not_stateful() -> None:
    app = _resource("SageMaker::MlflowApp", RoleArn={"Fn::GetAtt": ["Role", "Arn"]})
    before = {"Role": _resource("IAM::Role"), "App": app}
    after = {"Role": _resource("IAM::Role", RoleName="a"), "App": app}
    assert _found(before, after) == ["App: RoleArn refers to one.Role, which is replaced"]


def test_what_refers_by_another_property_is_not() -> None:
    bucket = _resource("S3::Bucket", Tags=[{"Key": "Vpc", "Value": {"Ref": "Vpc"}}])
    before = {"Vpc": _resource("EC2::VPC", CidrBlock="10.0.0.0/16"), "Bucket": bucket}
    after = {"Vpc": _resource("EC2::VPC", CidrBlock="10.1.0.0/16"), "Bucket": bucket}
    assert [each.partition(":")[0] for each in _found(before, after)] == ["Vpc"]


def _network_and_lustre(cidr: str, export: str = "VpcId") -> dict[str, dict[str, Json]]:
    return record(
        {
            "network": {
                "Resources": {"Vpc": _resource("EC2::VPC", CidrBlock=cidr)},
                "Outputs": {"Vpc": {"Value": {"Ref": "Vpc"}, "Export": {"Name": export}}},
            },
            "lustre": {"Resources": {"Subnet": _resource("EC2::Subnet", VpcId={"Fn::ImportValue": export})}},
        },
        PATHS,
    )


def test_what_imports_a_replaced_resource_of_another_stack_is_replaced() -> None:
    found = changes(_network_and_lustre("10.0.0.0/16"), _network_and_lustre("10.1.0.0/16"))
    assert "VpcId refers to network.Vpc, which is replaced" in [change.reason for change in found]


def test_another_name_of_the_export_changes_nothing() -> None:
    assert changes(_network_and_lustre("10.0.0.0/16"), _network_and_lustre("10.0.0.0/16", export="Vpc")) == []


def test_a_reference_to_another_resource_replaces() -> None:
    vpcs = {"A": _resource("EC2::VPC"), "B": _resource("EC2::VPC")}
    before = vpcs | {"Subnet": _resource("EC2::Subnet", VpcId={"Ref": "A"})}
    after = vpcs | {"Subnet": _resource("EC2::Subnet", VpcId={"Ref": "B"})}
    assert _found(before, after) == ['Subnet: VpcId changes from "${one.A}" to "${one.B}"']


def test_a_reference_within_a_joined_text_is_seen() -> None:
    name = {"Fn::Join": ["-", ["data", {"Ref": "AWS::Region"}, {"Ref": "Vpc"}]]}
    assert _record(one={"Vpc": _resource("EC2::VPC"), "B": _resource("S3::Bucket", BucketName=name)})["one"]["B"] == {
        "Type": "AWS::S3::Bucket",
        "Properties": {"BucketName": "data-${AWS::Region}-${one.Vpc}"},
    }


def test_the_cause_comes_first() -> None:
    rest = {"A": _resource("EC2::Subnet", VpcId={"Ref": "B"})}
    before = rest | {"B": _resource("EC2::VPC", CidrBlock="10.0.0.0/16")}
    after = rest | {"B": _resource("EC2::VPC", CidrBlock="10.1.0.0/16")}
    assert [each.partition(":")[0] for each in _found(before, after)] == ["B", "A"]


def test_a_line_says_what_is_lost() -> None:
    (change,) = changes(_record(one={"Bucket": _resource("S3::Bucket")}), _record(one={}))
    assert str(change) == (
        "one.Bucket (AWS::S3::Bucket) would be removed: it is gone from the templates; lost: its objects"
    )


def test_or_that_a_removed_one_stays() -> None:
    bucket = _resource("S3::Bucket") | {"DeletionPolicy": "RetainExceptOnCreate"}
    (change,) = changes(_record(one={"Bucket": bucket}), _record(one={}))
    assert str(change).endswith("; the old one stays, in no stack")


def test_or_that_a_replaced_one_stays() -> None:
    kept = {"UpdateReplacePolicy": "Retain"}
    before, after = _resource("S3::Bucket", BucketName="a"), _resource("S3::Bucket", BucketName="b") | kept
    (change,) = changes(_record(one={"Bucket": before}), _record(one={"Bucket": after}))
    assert str(change).endswith('would be replaced: BucketName changes from "a" to "b"; the old one stays, in no stack')


def _bucket(name: str) -> Change:
    return Change("data", name, "AWS::S3::Bucket", removed=True, reason="it is gone from the templates", kept=False)


def test_what_is_allowed_is_not_refused() -> None:
    assert refused([_bucket("A")], ["data.A"]) == ""


def test_what_is_not_allowed_is_refused_with_the_lines_that_allow_it() -> None:
    told = refused([_bucket("A"), _bucket("B")], ["data.A", "data.C"])
    assert told.startswith("- data.B (AWS::S3::Bucket) would be removed")
    assert told.endswith("\nallowed_replacements:\n  - data.A\n  - data.C\n  - data.B")


def test_the_same_name_in_another_stack_is_not_allowed_by_it() -> None:
    assert refused([_bucket("A")], ["other.A"])


def test_a_policy_for_removal_keeps_no_replaced_one() -> None:
    kept = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Delete"}
    before, after = (_resource("S3::Bucket", BucketName=name) | kept for name in "ab")
    (change,) = changes(_record(one={"Bucket": before}), _record(one={"Bucket": after}))
    assert not change.kept


def test_a_baseline_holds_what_is_stateful_and_what_that_refers_to() -> None:
    recorded = _record(
        one={
            "App": _resource("SageMaker::MlflowApp", RoleArn={"Fn::GetAtt": ["Role", "Arn"]}),
            "Role": _resource("IAM::Role"),
            "Other": _resource("IAM::Role"),
        },
        two={"Role": _resource("IAM::Role")},
    )
    assert {stack: list(found) for stack, found in stateful(recorded).items()} == {"one": ["App", "Role"]}


def test_it_is_enough_to_see_what_changes() -> None:
    before, after = _network_and_lustre("10.0.0.0/16"), _network_and_lustre("10.1.0.0/16")
    assert changes(stateful(before), after) == changes(before, after)


def test_the_table_holds_the_trap_of_notebook_instances() -> None:
    assert "PlatformIdentifier" in create_only()["AWS::SageMaker::NotebookInstance"]


def test_it_holds_what_may_replace_too() -> None:
    assert "VpcId" in create_only()["AWS::SageMaker::Domain"]


def test_it_leaves_out_the_parts_of_what_it_holds_as_a_whole() -> None:
    assert create_only()["AWS::ECR::Repository"] == ["EncryptionConfiguration", "RepositoryName"]


def test_no_stateful_type_but_keys_is_without_create_only_properties() -> None:
    """AWS refuses what would replace a key: docs/replacement.md."""
    assert STATEFUL.keys() - create_only().keys() == {"AWS::KMS::Key"}
