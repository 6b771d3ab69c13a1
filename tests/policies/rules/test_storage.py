"""Facts about the rules of storage that their examples do not show."""

import json
from typing import Any

import pytest

from policies.rules.template import Json, Settings
from tests.policies.rules.judged import changed, found

SERVICE_ROLES = "arn:aws:iam::111111111111:role/aws-service-role"
ROLE = f"{SERVICE_ROLES}/s3.data-source.lustre.fsx.amazonaws.com/AWSServiceRoleForFSxS3Access_"
WRITER = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"}, "Action": "ecr:Put*"}


def _details(rule: str, template: Json, settings: Settings | None = None) -> list[str]:
    return [each.detail for each in found(rule, template, settings=settings)]


def _repository_policy(statement: Any) -> Json:
    return changed("D5", Repository__Properties__RepositoryPolicyText=statement)


def test_a_file_system_of_another_kind_is_not_judged() -> None:
    assert found("D1", {"Files": {"Type": "AWS::FSx::FileSystem", "Properties": {"FileSystemType": "ONTAP"}}}) == []


def test_a_file_system_is_joined_from_another_stack() -> None:
    export = {"Value": {"Ref": "Joined"}, "Export": {"Name": "lustre:Joined"}}
    template = {"Resources": changed("D1", Association=None), "Outputs": {"Joined": export}}
    imported = {"FileSystemId": {"Fn::ImportValue": "lustre:Joined"}}
    association = {"Association": {"Type": "AWS::FSx::DataRepositoryAssociation", "Properties": imported}}
    assert found("D1", template, association) == []
    assert [each.detail for each in found("D1", template)] == ["AutomaticBackupRetentionDays"]


def test_a_retention_that_only_a_deployment_knows_is_one() -> None:
    template = changed("D1", Alone__Properties__LustreConfiguration__AutomaticBackupRetentionDays={"Ref": "Days"})
    assert found("D1", template) == []


def test_a_path_that_only_a_deployment_knows_may_lie_in_a_bucket_of_the_app() -> None:
    assert found("D2", changed("D2", Association__Properties__DataRepositoryPath={"Ref": "Path"})) == []


def test_a_bucket_is_found_by_its_name() -> None:
    path = "s3://trainyard-data/data/"
    template = changed("D2", Association__Properties__DataRepositoryPath=path)
    assert _details("D2", template) == ["Bucket"]
    template["Bucket"]["Properties"]["BucketName"] = "trainyard-data"
    assert _details("D2", template) == []


def test_a_key_of_another_app_is_not_judged() -> None:
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::ImportValue": "somewhere:Key"}}
    configuration = [{"ServerSideEncryptionByDefault": encryption}]
    template = changed("D2", Bucket__Properties__BucketEncryption={"ServerSideEncryptionConfiguration": configuration})
    assert found("D2", template) == []


def test_the_role_of_a_file_system_may_be_a_principal() -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"{ROLE}fs-1"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
    }
    assert found("D2", changed("D2", Key__Properties__KeyPolicy__Statement=[statement])) == []


def test_a_key_for_the_whole_account_is_for_its_file_systems() -> None:
    condition = {"StringEquals": {"kms:CallerAccount": "111111111111", "kms:ViaService": "s3.eu-west-1.amazonaws.com"}}
    assert found("D2", changed("D2", Key__Properties__KeyPolicy__Statement__1__Condition=condition)) == []


def test_the_two_actions_may_stand_in_two_statements() -> None:
    (_, first) = changed("D2")["Key"]["Properties"]["KeyPolicy"]["Statement"]
    both = [{**first, "Action": "kms:Decrypt"}, {**first, "Action": "kms:GenerateDataKey*"}]
    assert found("D2", changed("D2", Key__Properties__KeyPolicy__Statement=both)) == []


@pytest.mark.parametrize("name", ["trainyard-data", "data-of-eu-west-1", "data-111111111111", {"Ref": "Name"}])
def test_a_name_that_nobody_foresees_passes(name: Any) -> None:
    assert found("D3", changed("D3", Bucket__Properties__BucketName=name)) == []


def test_one_enabled_lifecycle_rule_is_enough() -> None:
    rules = [{"Status": "Disabled"}, {"Status": "Enabled"}]
    assert found("D3", changed("D3", Bucket__Properties__LifecycleConfiguration__Rules=rules)) == []


def test_settings_that_only_a_deployment_knows_pass() -> None:
    unknown = {"Fn::If": ["Tidy", {}, {}]}
    template = changed(
        "D3",
        Bucket__Properties__LifecycleConfiguration=unknown,
        Bucket__Properties__OwnershipControls=unknown,
        Policy__Properties__PolicyDocument=unknown,
    )
    assert found("D3", template) == []


def test_a_policy_is_found_by_the_name_of_its_bucket() -> None:
    template = changed("D3", Bucket__Properties__BucketName="data", Policy__Properties__Bucket="data")
    assert found("D3", template) == []


def test_a_denial_by_network_excepts_lustre_only_where_a_file_system_is_joined() -> None:
    template = changed("D3", Policy__Properties__PolicyDocument__Statement__1__Condition__ArnNotLike=None)
    assert _details("D3", template) == ["Network"]
    del template["Association"]
    assert _details("D3", template) == []


def test_each_way_to_break_the_rule_of_buckets_has_its_detail() -> None:
    bucket = {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "sagemaker-data"}}}
    assert _details("D3", bucket) == ["BucketName", "OwnershipControls", "LifecycleConfiguration", "SecureTransport"]


def test_a_key_without_a_policy_has_that_of_aws() -> None:
    assert found("D4", changed("D4", Key__Properties__KeyPolicy=None)) == []


@pytest.mark.parametrize(
    "properties", [{"KeySpec": "HMAC_256"}, {"Origin": "EXTERNAL"}, {"EnableKeyRotation": {"Ref": "R"}}]
)
def test_a_key_that_cannot_be_rotated_need_not_be(properties: Json) -> None:
    assert found("D4", {"Key": {"Type": "AWS::KMS::Key", "Properties": properties}}) == []


@pytest.mark.parametrize("window", [7, "30", {"Ref": "Days"}])
def test_a_window_of_deletion_passes(window: Any) -> None:
    assert found("D4", changed("D4", Key__Properties__PendingWindowInDays=window)) == []


def test_a_denial_in_a_key_policy_is_for_everybody() -> None:
    assert found("D4", changed("D4", Key__Properties__KeyPolicy__Statement__0__Principal="*"))
    denial = {"Effect": "Deny", "Principal": "*", "Action": "kms:ScheduleKeyDeletion", "Resource": "*"}
    assert found("D4", changed("D4", Key__Properties__KeyPolicy__Statement__0=denial)) == []


def test_an_administrator_of_a_key_may_make_grants() -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": {"Fn::GetAtt": ["Admin", "Arn"]}},
        "Action": "kms:Create*",
        "Resource": "*",
    }
    assert found("D4", changed("D4", Key__Properties__KeyPolicy__Statement__0=statement)) == []


def test_a_service_is_confined_by_the_account_that_it_acts_for() -> None:
    condition = {"StringEquals": {"aws:SourceAccount": "111111111111"}}
    assert found("D4", changed("D4", Key__Properties__KeyPolicy__Statement__1__Condition=condition)) == []


def test_all_but_one_account_is_everybody() -> None:
    condition = {"StringNotEquals": {"kms:CallerAccount": "111111111111"}, "Bool": {"kms:GrantIsForAWSResource": True}}
    assert _details("D4", changed("D4", Key__Properties__KeyPolicy__Statement__2__Condition=condition)) == ["Everybody"]


def test_a_foreign_account_that_the_app_admits_may_write() -> None:
    template = _repository_policy({"Statement": [WRITER]})
    assert _details("D5", template) == ["RepositoryPolicyText"]
    assert _details("D5", template, Settings(foreign_accounts=["222222222222"])) == []


def test_a_repository_policy_may_be_json() -> None:
    assert _details("D5", _repository_policy(json.dumps({"Statement": [WRITER]}))) == ["RepositoryPolicyText"]


def test_a_role_of_the_app_may_write() -> None:
    own = {**WRITER, "Principal": {"AWS": {"Fn::GetAtt": ["Builder", "Arn"]}}}
    assert found("D5", _repository_policy({"Statement": [own]})) == []


def test_another_account_may_be_kept_from_writing() -> None:
    assert found("D5", _repository_policy({"Statement": [{**WRITER, "Effect": "Deny"}]})) == []


def test_a_log_group_of_something_else_is_not_judged() -> None:
    assert (
        found("D6", {"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/aws/lambda/f"}}}) == []
    )


def test_the_log_group_of_batch_jobs_in_another_stack_is_judged() -> None:
    export = {"Value": {"Ref": "Group"}, "Export": {"Name": "batch:Group"}}
    group = {"Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}}, "Outputs": {"Group": export}}
    options = {"Options": {"awslogs-group": {"Fn::ImportValue": "batch:Group"}}}
    properties = {"ContainerProperties": {"LogConfiguration": options}}
    job = {"Job": {"Type": "AWS::Batch::JobDefinition", "Properties": properties}}
    assert [each.detail for each in found("D6", group, job)] == ["KmsKeyId", "RetentionInDays"]
    assert found("D6", group) == []
