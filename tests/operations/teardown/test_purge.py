"""What is kept goes when somebody names it, and only then."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from environments.teardown import Teardown
from operations.errors import InputError
from operations.teardown import purge
from operations.teardown.aws import Aws
from operations.teardown.policy import Policy, Volumes, decided
from operations.teardown.schedule import Waits
from operations.teardown.stages import Stage
from operations.teardown.volumes import NOTEBOOKS
from tests.operations.teardown.made import ACCOUNT, REGION, Made, made

BUCKET = "artifacts"


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Made]:
    with made(tmp_path) as account:
        yield account


def bucket(account: Made, name: str = BUCKET, *, kept: bool = True, ours: bool = True, lock: bool = False) -> str:
    account.client("s3").create_bucket(
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": REGION},
        ObjectLockEnabledForBucket=lock,
    )
    account.client("s3").put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    if ours:
        account.add("AWS::S3::Bucket", name, kept=kept)
    return name


def fill(account: Made, name: str = BUCKET) -> None:
    """A file, an older version of it, one that was deleted, and an upload that was never ended."""
    s3 = account.client("s3")
    for body in (b"old", b"new"):
        s3.put_object(Bucket=name, Key="model", Body=body)
    s3.put_object(Bucket=name, Key="deleted", Body=b"")
    s3.delete_object(Bucket=name, Key="deleted")
    s3.create_multipart_upload(Bucket=name, Key="upload")


def buckets(account: Made) -> set[str]:
    return {each["Name"] for each in account.client("s3").list_buckets()["Buckets"]}


def key(account: Made, *, kept: bool = True) -> str:
    id_ = str(account.client("kms").create_key()["KeyMetadata"]["KeyId"])
    account.add("AWS::KMS::Key", id_, kept=kept)
    return id_


def under(account: Made, name: str, key: str) -> None:
    """Puts a bucket under a key."""
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    account.client("s3").put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})


def stages(account: Made, *names: str) -> list[Stage]:
    policy = Policy({}, purge=frozenset(names))
    return list(account.finish(purge.stages(account.inventory, policy)))


def do(account: Made, *names: str) -> None:
    for each in stages(account, *names):
        account.do(each, Policy({}, purge=frozenset(names)))


def failure(account: Made, *names: str) -> str:
    (stage,) = stages(account, *names)
    return account.failure(account.work(stage, Policy({}, purge=frozenset(names))))


def test_nothing_goes_that_is_not_named(account: Made) -> None:
    bucket(account)
    assert stages(account) == []


def test_a_bucket_goes_with_versions_markers_and_uploads(account: Made) -> None:
    fill(account, bucket(account))
    do(account, BUCKET)
    assert buckets(account) == set()


def test_more_than_one_batch_of_objects_goes(account: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "BATCH", 2)
    fill(account, bucket(account))
    do(account, BUCKET)
    assert buckets(account) == set()


def test_the_other_bucket_stays(account: Made) -> None:
    fill(account, bucket(account))
    fill(account, bucket(account, "datasets"))
    do(account, BUCKET)
    versions = account.client("s3").list_object_versions(Bucket="datasets")
    assert len(versions["Versions"]) == 3


def test_one_that_its_stack_deletes_is_emptied_alone(account: Made) -> None:
    fill(account, bucket(account, kept=False))
    do(account, BUCKET)
    assert buckets(account) == {BUCKET}
    assert "Versions" not in account.client("s3").list_object_versions(Bucket=BUCKET)


def test_one_that_its_stack_deletes_is_emptied_before(account: Made) -> None:
    bucket(account, kept=False)
    (stage,) = stages(account, BUCKET)
    assert "lustre.export" in stage.after
    assert not any(name.startswith("stack.") for name in stage.after)


def test_one_that_is_kept_goes_after_all_stacks(account: Made) -> None:
    bucket(account)
    (stage,) = stages(account, BUCKET)
    assert stage.name == f"purge {BUCKET}"
    assert stage.after == {"network.sweep", "stack.trainyard-dev-one"}


class WithRetention(Aws):
    """Tells until when objects are locked, which the local AWS does not."""

    until = datetime(2030, 5, 17, tzinfo=UTC)

    def call(self, service: str, operation: str, **arguments: Any) -> Waits:
        if operation == "get_object_retention":
            assert arguments["VersionId"]
            return {"Retention": {"Mode": "COMPLIANCE", "RetainUntilDate": self.until}}
        return (yield from super().call(service, operation, **arguments))


def test_a_locked_object_keeps_its_bucket_and_says_until_when(account: Made) -> None:
    bucket(account, lock=True)
    account.aws = WithRetention(account.client, REGION, account.local.clock, account.journal)
    until = datetime.now(UTC) + timedelta(days=40)
    account.client("s3").put_object(
        Bucket=BUCKET, Key="locked", Body=b"", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until
    )
    said = failure(account, BUCKET)
    assert said == (f"purge {BUCKET}: 1 objects are not deleted, locked is the first: it is locked until 2030-05-17")
    assert buckets(account) == {BUCKET}


def test_a_name_that_is_not_there_is_refused_with_the_choices(account: Made) -> None:
    bucket(account)
    result = purge.stages(account.inventory, Policy({}, purge=frozenset({"datasets"})))
    with pytest.raises(InputError) as error:
        account.result(result)
    assert str(error.value) == f"--purge datasets: must be one of what is kept: {BUCKET}"


def of_one_name(account: Made) -> None:
    """A bucket and a repository of one name."""
    account.client("ecr").create_repository(repositoryName=bucket(account))
    account.add("AWS::ECR::Repository", BUCKET, kept=True)


def test_a_name_of_several_is_refused_with_all_of_them(account: Made) -> None:
    of_one_name(account)
    with pytest.raises(InputError) as error:
        stages(account, BUCKET)
    assert str(error.value) == (
        f"--purge {BUCKET}: is the name of AWS::ECR::Repository/{BUCKET}, AWS::S3::Bucket/{BUCKET}: give one of these"
    )


def test_a_thing_of_the_same_name_counts_too(account: Made) -> None:
    bucket(account)
    account.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=BUCKET, Tags=[{"Key": "Environment", "Value": "dev"}, {"Key": "Team", "Value": "vision"}]
    )
    account.add("AWS::SNS::Topic", "topic", stack="team-vision")
    with pytest.raises(InputError, match=f"is the name of AWS::S3::Bucket/{BUCKET}, model package groups/{BUCKET}: "):
        stages(account, BUCKET)


def test_one_of_several_goes_by_its_kind(account: Made) -> None:
    of_one_name(account)
    policy = decided(Teardown(), purge=[f"AWS::S3::Bucket/{BUCKET}"])
    (stage,) = account.finish(purge.stages(account.inventory, policy))
    account.do(stage, policy)
    repositories = account.client("ecr").describe_repositories()["repositories"]
    assert (buckets(account), [each["repositoryName"] for each in repositories]) == (set(), [BUCKET])


def test_all_of_several_go_by_their_kinds(account: Made) -> None:
    of_one_name(account)
    named = [f"{each}/{BUCKET}" for each in ("AWS::ECR::Repository", "AWS::S3::Bucket")]
    found = account.finish(purge.stages(account.inventory, decided(Teardown(), purge=named)))
    assert [each.name for each in found] == [f"purge {each}" for each in named]


def test_the_bucket_of_somebody_else_is_refused(account: Made) -> None:
    bucket(account, "foreign", ours=False)
    result = purge.stages(account.inventory, Policy({}, purge=frozenset({"foreign"})))
    with pytest.raises(InputError, match="must be one of what is kept: nothing"):
        account.result(result)


def test_the_second_time_it_is_done_already(account: Made) -> None:
    fill(account, bucket(account))
    do(account, BUCKET)
    (stage,) = stages(account, BUCKET)
    assert account.finds(stage) == []
    before = account.calls()
    do(account, BUCKET)
    assert account.calls() == before


def test_images_go_with_their_repository(account: Made) -> None:
    ecr = account.client("ecr")
    ecr.create_repository(repositoryName="vision")
    media_type = "application/vnd.oci.image.manifest.v1+json"
    ecr.put_image(
        repositoryName="vision",
        imageManifest='{"schemaVersion": 2}',
        imageManifestMediaType=media_type,
        imageTag="v1",
    )
    account.add("AWS::ECR::Repository", "vision", kept=True)
    do(account, "vision")
    assert ecr.describe_repositories()["repositories"] == []


def test_a_log_group_goes_and_one_that_begins_like_it_stays(account: Made) -> None:
    logs = account.client("logs")
    for name in ("/flow", "/flow-logs"):
        logs.create_log_group(logGroupName=name)
    account.add("AWS::Logs::LogGroup", "/flow", kept=True)
    do(account, "/flow")
    assert [each["logGroupName"] for each in logs.describe_log_groups()["logGroups"]] == ["/flow-logs"]


def test_a_key_goes_in_thirty_days(account: Made) -> None:
    id_ = key(account)
    do(account, id_)
    metadata = account.client("kms").describe_key(KeyId=id_)["KeyMetadata"]
    assert metadata["KeyState"] == "PendingDeletion"
    assert 29 <= (metadata["DeletionDate"] - datetime.now(UTC)).days <= 30


def test_a_key_that_waits_for_its_end_is_done(account: Made) -> None:
    id_ = key(account)
    do(account, id_)
    (stage,) = stages(account, id_)
    assert account.finds(stage) == []


def test_a_key_of_something_kept_stays(account: Made) -> None:
    id_ = key(account)
    under(account, bucket(account), id_)
    assert failure(account, id_) == (
        f"purge {id_}: {BUCKET} would be lost with this key, and is kept: purge it too, or keep the key"
    )
    assert account.client("kms").describe_key(KeyId=id_)["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_key_of_something_kept_is_a_blocker(account: Made) -> None:
    id_ = key(account)
    under(account, bucket(account), id_)
    (said,) = account.finish(purge.blockers(account.inventory, Policy({}, purge=frozenset({id_}))))
    assert said.startswith(f"purge {id_}: {BUCKET} would be lost")


def notebook(account: Made, key: str) -> str:
    """An instance that somebody made under a key of the environment."""
    account.add("AWS::IAM::Role", "role")
    account.client("sagemaker").create_notebook_instance(
        NotebookInstanceName="nb",
        InstanceType="ml.t3.medium",
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/role",
        KmsKeyId=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}",
    )
    return "nb"


KEEPS = Policy({NOTEBOOKS: Volumes.KEEP})


def test_a_key_that_goes_with_its_stack_is_a_blocker_if_something_kept_is_under_it(account: Made) -> None:
    id_ = key(account, kept=False)
    name = notebook(account, id_)
    assert account.finish(purge.blockers(account.inventory, KEEPS)) == [
        f"stack trainyard-dev-one: {name} would be lost with its key {id_}, and is kept: "
        "deploy with data.keep_after_teardown: true first, or decide otherwise"
    ]


def test_a_key_may_go_with_what_is_under_it(account: Made) -> None:
    notebook(account, key(account, kept=False))
    assert account.finish(purge.blockers(account.inventory, Policy({NOTEBOOKS: Volumes.DISCARD}))) == []


def test_a_key_that_its_stack_keeps_is_no_blocker(account: Made) -> None:
    notebook(account, key(account))
    assert account.finish(purge.blockers(account.inventory, KEEPS)) == []


def test_a_key_goes_after_what_was_under_it(account: Made) -> None:
    id_ = key(account)
    under(account, bucket(account), id_)
    (of_key,) = (each for each in stages(account, id_, BUCKET) if each.name == f"purge {id_}")
    assert f"purge {BUCKET}" in of_key.after
    assert account.finish(purge.blockers(account.inventory, Policy({}, purge=frozenset({id_, BUCKET})))) == []


def home(account: Made, domain: str) -> Any:
    efs, ec2 = account.client("efs"), account.client("ec2")
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:domain/{domain}"
    created = efs.create_file_system(
        CreationToken=domain, Tags=[{"Key": "ManagedByAmazonSageMakerResource", "Value": arn}]
    )
    account.local.clock.sleep(60)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    efs.create_mount_target(FileSystemId=created["FileSystemId"], SubnetId=subnet)
    account.local.clock.sleep(600)
    return created["FileSystemId"]


def test_the_home_of_a_domain_goes_with_its_mount_targets(account: Made) -> None:
    account.add("AWS::SageMaker::Domain", "d-0123456789ab")
    id_, other = home(account, "d-0123456789ab"), home(account, "d-ffffffffffff")
    do(account, id_)
    left = account.client("efs").describe_file_systems()["FileSystems"]
    assert [each["FileSystemId"] for each in left] == [other]
