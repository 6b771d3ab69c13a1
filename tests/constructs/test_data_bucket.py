import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Match, Template

from policies.evaluator import Decision, Request, decide, plain
from tests.support import Json
from trainyard.bucket_limits import MAX_FOLDER_KEYS, MAX_POLICY
from trainyard.data_bucket import DataBucket

BUCKET = s3.CfnBucket.CFN_RESOURCE_TYPE_NAME
POLICY = s3.CfnBucketPolicy.CFN_RESOURCE_TYPE_NAME

ACCOUNT = "111111111111"
KEYS = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key"
OURS = f"{KEYS}/01234567-89ab-cdef-0123-456789abcdef"
OTHER = f"{KEYS}/fedcba98-7654-3210-fedc-ba9876543210"
OF_VISION = f"{KEYS}/11111111-2222-3333-4444-555555555555"
OF_SPEECH = f"{KEYS}/66666666-7777-8888-9999-000000000000"

ENCRYPTION = "s3:x-amz-server-side-encryption"
KEY_ID = "s3:x-amz-server-side-encryption-aws-kms-key-id"
KEY_OF_THE_CALLER = "s3:x-amz-server-side-encryption-customer-algorithm"
TLS = "aws:SecureTransport"


@pytest.fixture(scope="module")
def template() -> Template:
    return _bucket()


@pytest.fixture(scope="module")
def logged() -> tuple[Template, str, str]:
    """A bucket and the one with its access logs: the template and their logical ids."""
    stack = _stack()
    access_logs = DataBucket(stack, "AccessLogs", key=OURS, keep=True, noncurrent_version_days=30)
    bucket = DataBucket(
        stack,
        "Datasets",
        key=OURS,
        keep=True,
        noncurrent_version_days=30,
        expire_after_days=400,
        access_logs=access_logs,
    )
    return Template.from_stack(stack), _id_of(stack, bucket), _id_of(stack, access_logs)


def test_objects_are_encrypted_with_the_given_key(template: Template) -> None:
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": OURS}
    template.has_resource_properties(
        BUCKET,
        {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    Match.object_like({"ServerSideEncryptionByDefault": encryption}),
                ]
            }
        },
    )


def test_the_key_is_asked_once_for_many_objects(template: Template) -> None:
    template.has_resource_properties(
        BUCKET,
        {"BucketEncryption": {"ServerSideEncryptionConfiguration": [Match.object_like({"BucketKeyEnabled": True})]}},
    )


@pytest.mark.parametrize("block", ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"])
def test_a_bucket_is_never_public(template: Template, block: str) -> None:
    template.has_resource_properties(BUCKET, {"PublicAccessBlockConfiguration": Match.object_like({block: True})})


def test_whoever_writes_an_object_the_account_owns_it(template: Template) -> None:
    template.has_resource_properties(
        BUCKET, {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}
    )


def test_old_versions_are_kept(template: Template) -> None:
    template.has_resource_properties(BUCKET, {"VersioningConfiguration": {"Status": "Enabled"}})


def test_old_versions_go_after_the_given_days(template: Template) -> None:
    assert _rule(template)["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}


def test_parts_of_uploads_that_were_broken_off_go_after_a_week(template: Template) -> None:
    assert _rule(template)["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_objects_stay_unless_they_are_to_expire(template: Template) -> None:
    assert not {"ExpirationInDays", "ExpirationDate"} & set(_rule(template))


def test_objects_go_after_the_given_days() -> None:
    assert _rule(_bucket(expire_after_days=400))["ExpirationInDays"] == 400


def test_its_rule_is_for_all_objects_and_in_force(template: Template) -> None:
    rule = _rule(template)
    assert rule["Status"] == "Enabled"
    assert not {"Prefix", "TagFilters", "ObjectSizeGreaterThan", "ObjectSizeLessThan"} & set(rule)


@pytest.mark.parametrize(("keep", "policy"), [(True, "Retain"), (False, "Delete")])
@pytest.mark.parametrize("kind", [BUCKET, "AWS::S3::BucketPolicy"])
def test_it_stays_or_goes_with_its_stack_as_asked_and_never_without_its_policy(
    keep: bool, policy: str, kind: str
) -> None:
    _bucket(keep=keep).has_resource(kind, {"DeletionPolicy": policy, "UpdateReplacePolicy": policy})


def test_nothing_empties_it() -> None:
    """Not even when it goes with its stack: the CDK would do so with a function of its own."""
    types = {each["Type"] for each in _bucket(keep=False).to_json()["Resources"].values()}
    assert types == {BUCKET, POLICY}


def test_its_name_cannot_be_foreseen(template: Template) -> None:
    template.has_resource_properties(BUCKET, {"BucketName": Match.absent()})


def test_access_logs_and_lustre_can_write_as_no_object_is_locked(template: Template) -> None:
    template.has_resource_properties(
        BUCKET, {"ObjectLockEnabled": Match.absent(), "ObjectLockConfiguration": Match.absent()}
    )


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({ENCRYPTION: "AES256"}, id="asks for a key of S3"),
        pytest.param({ENCRYPTION: "aws:kms"}, id="asks for KMS and names no key"),
        pytest.param({ENCRYPTION: "aws:kms", KEY_ID: OTHER}, id="names another key"),
        pytest.param({ENCRYPTION: "aws:kms:dsse", KEY_ID: OTHER}, id="names another key, twice over"),
        pytest.param({KEY_OF_THE_CALLER: "AES256"}, id="brings its own key"),
        pytest.param({TLS: "false"}, id="comes without TLS"),
        pytest.param({TLS: "false", ENCRYPTION: "aws:kms", KEY_ID: OURS}, id="names our key and comes without TLS"),
    ],
)
def test_a_bucket_takes_no_object_whose_upload(template: Template, headers: Json) -> None:
    assert _is_denied(template, "s3:PutObject", headers)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="names no encryption"),
        pytest.param({ENCRYPTION: "aws:kms", KEY_ID: OURS}, id="names our key"),
        pytest.param({ENCRYPTION: "aws:kms:dsse", KEY_ID: OURS}, id="names our key, twice over"),
    ],
)
def test_a_bucket_takes_an_object_whose_upload(template: Template, headers: Json) -> None:
    assert not _is_denied(template, "s3:PutObject", headers)


@pytest.fixture(scope="module")
def with_folders() -> Template:
    """A bucket where two folders have a key of their own."""
    return _bucket(folder_keys={"vision": OF_VISION, "speech": OF_SPEECH})


@pytest.mark.parametrize(("folder", "key"), [("vision", OF_VISION), ("speech", OF_SPEECH), ("audio", OURS)])
def test_a_folder_takes_an_object_under_its_key(with_folders: Template, folder: str, key: str) -> None:
    assert not _is_denied(with_folders, "s3:PutObject", {ENCRYPTION: "aws:kms", KEY_ID: key}, f"{folder}/file")


@pytest.mark.parametrize(
    ("folder", "key"),
    [
        *(("vision", key) for key in (OURS, OF_SPEECH, OTHER)),
        *(("speech", key) for key in (OURS, OF_VISION, OTHER)),
        *(("audio", key) for key in (OF_VISION, OF_SPEECH, OTHER)),
        ("vision-of-others", OF_VISION),
    ],
)
def test_a_folder_takes_no_object_under_another_key(with_folders: Template, folder: str, key: str) -> None:
    assert _is_denied(with_folders, "s3:PutObject", {ENCRYPTION: "aws:kms", KEY_ID: key}, f"{folder}/file")


@pytest.mark.parametrize("headers", [{}, {ENCRYPTION: "aws:kms"}, {ENCRYPTION: "AES256"}])
def test_a_folder_with_a_key_of_its_own_takes_no_object_that_names_none(with_folders: Template, headers: Json) -> None:
    """It would get the key of the bucket."""
    assert _is_denied(with_folders, "s3:PutObject", headers, "vision/file")


def test_beside_such_folders_an_object_may_name_no_key(with_folders: Template) -> None:
    assert not _is_denied(with_folders, "s3:PutObject", {}, "audio/file")


@pytest.mark.parametrize("headers", [{KEY_OF_THE_CALLER: "AES256"}, {TLS: "false"}])
def test_such_folders_have_the_rules_of_all_others(with_folders: Template, headers: Json) -> None:
    request = {ENCRYPTION: "aws:kms", KEY_ID: OF_VISION, **headers}
    assert _is_denied(with_folders, "s3:PutObject", request, "vision/file")


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:DeleteObject"])
def test_such_folders_are_read_and_emptied_without_a_key(with_folders: Template, action: str) -> None:
    assert not _is_denied(with_folders, action, {}, "vision/file")


def test_the_policy_of_many_such_folders_is_not_too_long() -> None:
    """With names as long as they can be, in a region whose name is."""
    key = OURS.replace("eu-west-1", "ap-southeast-1")
    names = [f"{index:02}{'a' * 18}" for index in range(MAX_FOLDER_KEYS)]
    text = json.dumps(_document(_bucket(folder_keys=dict.fromkeys(names, key))), separators=(",", ":"))
    (bucket,) = {each for each in text.split('"') if each.startswith("arn:aws:made-up") and not each.endswith("*")}
    assert len(text.replace(bucket, f"arn:aws:s3:::{'b' * 63}").encode()) <= MAX_POLICY


def test_more_such_folders_than_a_policy_has_room_for_are_refused() -> None:
    with pytest.raises(ValueError, match=r"folder_keys: 41 given, a bucket's policy has room for 40"):
        _bucket(folder_keys={f"team{index}": OURS for index in range(MAX_FOLDER_KEYS + 1)})


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetBucketPolicy"])
def test_nothing_is_done_without_tls(template: Template, action: str) -> None:
    assert _is_denied(template, action, {TLS: "false"})


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:DeleteObject", "s3:ListBucket"])
def test_nothing_but_uploads_depends_on_a_key(template: Template, action: str) -> None:
    assert not _is_denied(template, action, {})


def test_its_policy_admits_nobody(logged: tuple[Template, str, str]) -> None:
    template, bucket, _ = logged
    assert {each["Effect"] for each in _statements(template, bucket)} == {"Deny"}


def test_access_logs_go_to_a_folder_of_the_given_bucket(logged: tuple[Template, str, str]) -> None:
    template, bucket, access_logs = logged
    assert template.find_resources(BUCKET)[bucket]["Properties"]["LoggingConfiguration"] == {
        "DestinationBucketName": {"Ref": access_logs},
        "LogFilePrefix": "datasets/",
    }


def test_access_logs_are_admitted_before_they_are_switched_on(logged: tuple[Template, str, str]) -> None:
    template, bucket, access_logs = logged
    policies = template.find_resources(POLICY, {"Properties": {"Bucket": {"Ref": access_logs}}})
    assert template.find_resources(BUCKET)[bucket]["DependsOn"] == list(policies)


def test_the_bucket_of_access_logs_does_not_log_to_itself(logged: tuple[Template, str, str]) -> None:
    template, _, access_logs = logged
    assert "LoggingConfiguration" not in template.find_resources(BUCKET)[access_logs]["Properties"]


def test_access_logs_are_delivered_for_buckets_of_this_account_alone(logged: tuple[Template, str, str]) -> None:
    template, _, access_logs = logged
    (admitted,) = [each for each in _statements(template, access_logs) if each["Effect"] == "Allow"]
    assert admitted["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert admitted["Action"] == "s3:PutObject"
    assert admitted["Resource"] == [{"Fn::Join": ["", [{"Fn::GetAtt": [access_logs, "Arn"]}, "/*"]]}]
    assert admitted["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def _stack() -> Stack:
    return Stack(App(), "Test", env=Environment(account=ACCOUNT, region="eu-west-1"))


def _bucket(
    *, keep: bool = True, expire_after_days: int | None = None, folder_keys: Mapping[str, str] | None = None
) -> Template:
    stack = _stack()
    DataBucket(
        stack,
        "Bucket",
        key=OURS,
        keep=keep,
        noncurrent_version_days=30,
        expire_after_days=expire_after_days,
        folder_keys=folder_keys,
    )
    return Template.from_stack(stack)


def _id_of(stack: Stack, bucket: DataBucket) -> str:
    resource = bucket.node.find_child("Bucket")
    assert isinstance(resource, s3.CfnBucket)
    return stack.get_logical_id(resource)


def _rule(template: Template) -> Mapping[str, Any]:
    (bucket,) = template.find_resources(BUCKET).values()
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    found: Mapping[str, Any] = rule
    return found


def _statements(template: Template, bucket: str | None = None) -> list[Json]:
    """Of the policy of one bucket, or of the only one."""
    (policy,) = [
        each["Properties"]
        for each in template.find_resources(POLICY).values()
        if bucket is None or each["Properties"]["Bucket"] == {"Ref": bucket}
    ]
    assert policy["PolicyDocument"]["Version"] == "2012-10-17"
    statements: list[Json] = policy["PolicyDocument"]["Statement"]
    return statements


def _document(template: Template) -> Json:
    """The policy of the only bucket, made plain."""
    document: Json = plain({"Version": "2012-10-17", "Statement": _statements(template)})
    return document


def _is_denied(template: Template, action: str, request: Mapping[str, str], key: str = "key") -> bool:
    """Whether the policy denies a request of anybody; over TLS unless it says otherwise."""
    denied = [each for each in _document(template)["Statement"] if each["Effect"] == "Deny"]
    bucket = next(each for statement in denied for each in statement["Resource"] if not each.endswith("*"))
    target = bucket if action in ("s3:ListBucket", "s3:GetBucketPolicy") else f"{bucket}/{key}"
    # The evaluator is for policies of principals, which say what they are about; these are for all.
    assert all(each["Principal"] == {"AWS": "*"} for each in denied)
    document = {
        "Statement": [
            {"Resource": target} | {name: each[name] for name in each if name not in ("Principal", "NotResource")}
            for each in denied
            if not any(fnmatchcase(target, left_out) for left_out in each.get("NotResource", []))
        ]
    }
    return decide(Request(action, target, {TLS: "true", **request}), [document]) is Decision.EXPLICITLY_DENIED
