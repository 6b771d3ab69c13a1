import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from policies.evaluator import Context, Decision, Request, decide
from tests.support import Json
from trainyard.folder_policy import Folder, FolderPolicy
from trainyard.managed_policy import Statement

ACCOUNT, FOREIGN = "111111111111", "999999999999"
DATASETS, ARTIFACTS, ELSEWHERE = "arn:aws:s3:::datasets", "arn:aws:s3:::artifacts", "arn:aws:s3:::elsewhere"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/01234567-89ab-cdef-0123-456789abcdef"
OTHER_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/fedcba98-7654-3210-fedc-ba9876543210"
SHARED_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
IMAGES = f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/images"

S3 = "s3.eu-west-1.amazonaws.com"
VIA, CONTEXT = "kms:ViaService", "kms:EncryptionContext:aws:s3:arn"

READ = ["s3:GetObject", "s3:GetObjectVersion"]
WRITE = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
USE = ["kms:Decrypt", "kms:GenerateDataKey"]


@pytest.fixture(scope="module")
def policy() -> list[Json]:
    """The statements of a team that has a folder in two buckets, and may read one of another team's."""
    stack = Stack(App(), "Test", env=Environment(account=ACCOUNT, region="eu-west-1"))
    FolderPolicy(
        stack,
        "Folders",
        own=[Folder(DATASETS, "vision"), Folder(ARTIFACTS, "vision")],
        shared=[Folder(DATASETS, "speech/public")],
        key=KEY,
        shared_keys=[SHARED_KEY],
        further=[Statement("PushImages", ["ecr:PutImage"], [IMAGES])],
    )
    return _statements(stack)


@pytest.mark.parametrize("action", [*READ, *WRITE])
@pytest.mark.parametrize("bucket", [DATASETS, ARTIFACTS])
def test_own_folders_can_be_read_and_written(policy: list[Json], action: str, bucket: str) -> None:
    assert _allows(policy, action, f"{bucket}/vision/train/0001.jpg")


@pytest.mark.parametrize("action", READ)
def test_shared_folders_can_be_read(policy: list[Json], action: str) -> None:
    assert _allows(policy, action, f"{DATASETS}/speech/public/0001.wav")


@pytest.mark.parametrize("action", WRITE)
def test_shared_folders_cannot_be_written(policy: list[Json], action: str) -> None:
    assert not _allows(policy, action, f"{DATASETS}/speech/public/0001.wav")


@pytest.mark.parametrize("action", [*READ, *WRITE])
@pytest.mark.parametrize(
    "target",
    [
        f"{DATASETS}/speech/private/0001.wav",
        f"{DATASETS}/speech/public-no-more/0001.wav",
        f"{DATASETS}/vision-of-others/0001.jpg",
        f"{DATASETS}/0001.jpg",
        f"{ARTIFACTS}/speech/public/0001.wav",
        f"{ELSEWHERE}/vision/0001.jpg",
    ],
)
def test_other_folders_can_be_neither_read_nor_written(policy: list[Json], action: str, target: str) -> None:
    assert not _allows(policy, action, target)


@pytest.mark.parametrize("action", [*READ, *WRITE])
@pytest.mark.parametrize("folder", ["vision", "speech/public"])
def test_a_bucket_of_that_name_in_another_account_is_not_used(policy: list[Json], action: str, folder: str) -> None:
    assert not _allows(policy, action, f"{DATASETS}/{folder}/0001", {"aws:ResourceAccount": FOREIGN})


@pytest.mark.parametrize(
    ("bucket", "prefix"),
    [
        (DATASETS, "vision/"),
        (DATASETS, "vision/train/00"),
        (DATASETS, "speech/public/"),
        (ARTIFACTS, "vision/models/"),
    ],
)
def test_own_and_shared_folders_can_be_listed(policy: list[Json], bucket: str, prefix: str) -> None:
    assert _allows(policy, "s3:ListBucket", bucket, {"s3:prefix": prefix})


@pytest.mark.parametrize("bucket", [DATASETS, ARTIFACTS])
def test_a_bucket_cannot_be_listed_without_a_prefix(policy: list[Json], bucket: str) -> None:
    assert not _allows(policy, "s3:ListBucket", bucket)


@pytest.mark.parametrize(
    ("bucket", "prefix"),
    [
        (DATASETS, ""),
        (DATASETS, "v"),
        (DATASETS, "vision"),
        (DATASETS, "vision-of-others/"),
        (DATASETS, "speech"),
        (DATASETS, "speech/"),
        (DATASETS, "speech/private/"),
        (DATASETS, "speech/public"),
        (DATASETS, "speech/public-no-more/"),
        (ARTIFACTS, "speech/public/"),
        (ELSEWHERE, "vision/"),
    ],
)
def test_other_folders_cannot_be_listed(policy: list[Json], bucket: str, prefix: str) -> None:
    assert not _allows(policy, "s3:ListBucket", bucket, {"s3:prefix": prefix})


def test_a_bucket_of_that_name_in_another_account_is_not_listed(policy: list[Json]) -> None:
    request = {"s3:prefix": "vision/", "aws:ResourceAccount": FOREIGN}
    assert not _allows(policy, "s3:ListBucket", DATASETS, request)


@pytest.mark.parametrize("bucket", [DATASETS, ARTIFACTS])
def test_the_buckets_can_be_located(policy: list[Json], bucket: str) -> None:
    assert _allows(policy, "s3:GetBucketLocation", bucket)


@pytest.mark.parametrize(("bucket", "account"), [(ELSEWHERE, ACCOUNT), (DATASETS, FOREIGN)])
def test_no_other_bucket_can_be_located(policy: list[Json], bucket: str, account: str) -> None:
    assert not _allows(policy, "s3:GetBucketLocation", bucket, {"aws:ResourceAccount": account})


@pytest.mark.parametrize("action", USE)
@pytest.mark.parametrize("bucket", [DATASETS, ARTIFACTS])
def test_the_key_can_be_used_for_objects_of_the_buckets(policy: list[Json], action: str, bucket: str) -> None:
    assert _allows(policy, action, KEY, {VIA: S3, CONTEXT: bucket})


@pytest.mark.parametrize("action", USE)
@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({CONTEXT: DATASETS}, id="without S3"),
        pytest.param({VIA: "fsx.eu-west-1.amazonaws.com", CONTEXT: DATASETS}, id="by another service"),
        pytest.param({VIA: "s3.us-east-1.amazonaws.com", CONTEXT: DATASETS}, id="by S3 in another region"),
        pytest.param({VIA: S3, CONTEXT: ELSEWHERE}, id="for another bucket"),
        pytest.param({VIA: S3}, id="for no bucket"),
    ],
)
def test_the_key_cannot_be_used(policy: list[Json], action: str, request_: dict[str, str]) -> None:
    assert not _allows(policy, action, KEY, request_)


@pytest.mark.parametrize("action", USE)
def test_no_other_key_can_be_used(policy: list[Json], action: str) -> None:
    assert not _allows(policy, action, OTHER_KEY, {VIA: S3, CONTEXT: DATASETS})


def test_shared_folders_are_read_with_their_key(policy: list[Json]) -> None:
    assert _allows(policy, "kms:Decrypt", SHARED_KEY, {VIA: S3, CONTEXT: DATASETS})


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({CONTEXT: DATASETS}, id="without S3"),
        pytest.param({VIA: "fsx.eu-west-1.amazonaws.com", CONTEXT: DATASETS}, id="by another service"),
        pytest.param({VIA: S3, CONTEXT: ARTIFACTS}, id="for a bucket where nothing is shared"),
        pytest.param({VIA: S3, CONTEXT: ELSEWHERE}, id="for another bucket"),
        pytest.param({VIA: S3}, id="for no bucket"),
    ],
)
def test_the_key_of_shared_folders_cannot_be_used(policy: list[Json], request_: dict[str, str]) -> None:
    assert not _allows(policy, "kms:Decrypt", SHARED_KEY, request_)


def test_nothing_is_written_with_the_key_of_shared_folders(policy: list[Json]) -> None:
    assert not _allows(policy, "kms:GenerateDataKey", SHARED_KEY, {VIA: S3, CONTEXT: DATASETS})


@pytest.mark.parametrize(("key", "allowed"), [(KEY, True), (SHARED_KEY, False), (OTHER_KEY, False)])
def test_the_key_alone_can_be_looked_up(policy: list[Json], key: str, allowed: bool) -> None:
    assert _allows(policy, "kms:DescribeKey", key) is allowed


@pytest.mark.parametrize(
    ("action", "target"),
    [
        ("s3:DeleteObjectVersion", f"{DATASETS}/vision/0001.jpg"),
        ("s3:BypassGovernanceRetention", f"{DATASETS}/vision/0001.jpg"),
        ("s3:PutObjectAcl", f"{DATASETS}/vision/0001.jpg"),
        ("s3:PutBucketPolicy", DATASETS),
        ("s3:DeleteBucket", DATASETS),
        ("s3:ListBucketVersions", DATASETS),
        ("kms:CreateGrant", KEY),
        ("kms:PutKeyPolicy", KEY),
        ("kms:ScheduleKeyDeletion", KEY),
    ],
)
def test_what_would_undo_the_protection_of_data_is_not_allowed(policy: list[Json], action: str, target: str) -> None:
    request = {VIA: S3, CONTEXT: DATASETS, "s3:prefix": "vision/"}
    assert not _allows(policy, action, target, request)


def test_what_goes_with_it_is_allowed(policy: list[Json]) -> None:
    assert _allows(policy, "ecr:PutImage", IMAGES)


def test_no_action_is_a_pattern(policy: list[Json]) -> None:
    assert not [action for statement in policy for action in statement["Action"] if "*" in action]


def test_without_shared_folders_every_statement_still_has_a_resource() -> None:
    stack = Stack(App(), "Test")
    folder = Folder(DATASETS, "vision")
    FolderPolicy(stack, "Folders", own=[folder], key=KEY)
    assert all(statement["Resource"] for statement in _statements(stack))


def _statements(stack: Stack) -> list[Json]:
    (policy,) = Template.from_stack(stack).find_resources(iam.CfnManagedPolicy.CFN_RESOURCE_TYPE_NAME).values()
    statements: list[Json] = policy["Properties"]["PolicyDocument"]["Statement"]
    return statements


def _allows(policy: list[Json], action: str, target: str, request: Context | None = None) -> bool:
    """To this account unless the request says otherwise."""
    context = {"aws:ResourceAccount": ACCOUNT, **(request or {})}
    return decide(Request(action, target, context), [{"Statement": policy}]) is Decision.ALLOWED
