"""Takes away by name what is kept otherwise, with its data: buckets, images, keys, log groups and file systems.

Things of a kind (notebook instances, spaces, groups of models and features) are deleted by their kind's own verb.

Source: AWS docs AmazonS3/latest/userguide/delete-bucket.html; kms/latest/developerguide/deleting-keys.html
"""

import json
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from operations.errors import InputError
from operations.teardown.aws import Aws, code_of
from operations.teardown.inventory import Inventory, Thing
from operations.teardown.kinds import KINDS
from operations.teardown.network import home_file_systems, remove_mount_targets
from operations.teardown.policy import Policy
from operations.teardown.schedule import StepError, Waits
from operations.teardown.scope import Json
from operations.teardown.stages import EXPORT, INTAKE, SWEEP, Stage, Things, Told
from operations.teardown.volumes import BACK_UP

BATCH = 1000
"""Objects that S3 deletes in one call."""
WINDOW_DAYS = 30
"""Until a key is gone, the longest that KMS offers: as long as what it encrypted can be had back."""
POLL = 15.0
"""Seconds between two looks at a file system that is in use."""
MINUTES = 30
"""After how long it is given up."""

Named = tuple[str, str]
"""A kind, or a type in CloudFormation, and a name."""

BUCKET, REPOSITORY, LOG_GROUP = "AWS::S3::Bucket", "AWS::ECR::Repository", "AWS::Logs::LogGroup"
KEY, FILE_SYSTEM = "AWS::KMS::Key", "AWS::EFS::FileSystem"

NOT_DELETED_WHEN_FULL = (BUCKET, REPOSITORY)
"""Types that CloudFormation cannot delete with something in them, whatever their policy is."""

GONE = (
    *("NoSuchBucket", "404", "RepositoryNotFoundException", "ResourceNotFoundException"),
    *("NotFoundException", "FileSystemNotFound"),
)

TOLD: dict[str, Callable[[str], list[tuple[str, str, Json]]]] = {
    BUCKET: lambda name: [
        ("s3", "head_bucket", {"Bucket": name}),
        ("s3", "get_bucket_encryption", {"Bucket": name}),
        ("s3", "get_bucket_policy", {"Bucket": name}),
    ],
    REPOSITORY: lambda name: [("ecr", "describe_repositories", {"repositoryNames": [name]})],
    LOG_GROUP: lambda name: [("logs", "describe_log_groups", {"logGroupNamePrefix": name})],
    FILE_SYSTEM: lambda name: [("efs", "describe_file_systems", {"FileSystemId": name})],
    KEY: lambda name: [("kms", "describe_key", {"KeyId": name})],
}
"""The calls whose answers tell of a thing, and name the keys that it uses."""


def stages(inventory: Inventory, policy: Policy, gone: Collection[str] = ()) -> Waits:
    """One stage for each name that is purged.

    What a stack keeps goes after all stacks, keys at the very end. What a stack would delete, if it were empty, is
    emptied before.

    Args:
        inventory: what is there.
        policy: what was decided.
        gone: names that an earlier run had to do with, and may have purged.

    Raises:
        InputError: for a name that is none of what is kept, or is that of several, with those that are.
    """
    if not policy.purge:
        return []
    choices = yield from _choices(inventory)
    things = yield from _kept_things(inventory)
    _check(policy, [*choices, *((each.kind, each.name) for each in things)], gone)
    stacks = {SWEEP, *(f"stack.{stack.name}" for stack in inventory.scope.stacks)}
    drains = {INTAKE, EXPORT, BACK_UP, *(f"{kind.name}.{verb.name}" for kind in KINDS for verb in kind.verbs)}
    purged = [each for each in sorted(choices) if policy.purges(*each)]
    data = {_name(policy, *each) for each in purged if each[0] != KEY}
    return [
        Stage(
            _name(policy, type_, name),
            frozenset(stacks | (data if type_ == KEY else set()) if choices[type_, name] else drains),
            partial(_finds, type_, name),
            partial(_work, type_, name),
        )
        for type_, name in purged
    ]


def _check(policy: Policy, known: Collection[Named], gone: Collection[str]) -> None:
    for name in sorted(policy.purge):
        meant = [each for each in known if each[1] == name and policy.purges(*each)]
        if not meant and name not in gone:
            choices = ", ".join(sorted({each for _, each in known})) or "nothing"
            raise InputError(f"--purge {name}: must be one of what is kept: {choices}")
        if len(meant) > 1 and not policy.kinds.issuperset(meant):
            several = ", ".join(sorted("/".join(each) for each in meant))
            raise InputError(f"--purge {name}: is the name of {several}: give one of these")


def blockers(inventory: Inventory, policy: Policy) -> Waits:
    """Keys that would take something with them that is kept: those that are purged, and those of stacks."""
    choices = yield from _choices(inventory)
    purged = [name for type_, name in sorted(choices) if type_ == KEY and policy.purges(type_, name)]
    resources = [each for stack in inventory.scope.stacks for each in stack.resources]
    # CloudFormation always can delete a key, and so never asks whether something needs it.
    going = [each for each in resources if each.type == KEY and each.physical_id and not each.kept]
    staying = (yield from _staying(inventory, policy)) if purged or going else []
    found = [_in_use(name, users) for name in purged if (users := _under(name, staying))]
    found += [
        f"stack {each.stack}: {', '.join(users)} would be lost with its key {each.physical_id}, and is kept: "
        "deploy with data.keep_after_teardown: true first, or decide otherwise"
        for each in going
        if (users := _under(each.physical_id, staying))
    ]
    return found


def _name(policy: Policy, type_: str, name: str) -> str:
    return f"purge {type_}/{name}" if (type_, name) in policy.kinds else f"purge {name}"


def _choices(inventory: Inventory) -> Waits:
    """Type and name of what can be purged to whether it is kept when its stack goes."""
    found = {
        (each.type, each.physical_id): each.kept
        for each in inventory.scope.resources
        if each.type in TOLD and each.physical_id and (each.kept or each.type in NOT_DELETED_WHEN_FULL)
    }
    for each in (yield from home_file_systems(inventory.aws, inventory.scope)):
        found[FILE_SYSTEM, each] = True
    return found


def _kept_things(inventory: Inventory) -> Waits:
    """Things of kinds that stay unless they are named."""
    found: list[Thing] = []
    for kind in KINDS:
        if kind.data or kind.types:
            things = yield from inventory.things(kind)
            found += [each for each in things if kind.data or each.kept]
    return found


def _told_of(aws: Aws, type_: str, name: str) -> Waits:
    """All that AWS tells of something; nothing when it is not there."""
    answers = []
    for service, operation, arguments in TOLD[type_](name):
        try:
            answers.append((yield from aws.call(service, operation, **arguments)))
        except ClientError as error:
            if code_of(error) in GONE:
                return []
            if code_of(error) not in ("NoSuchBucketPolicy", "ServerSideEncryptionConfigurationNotFoundError"):
                raise
    if type_ == LOG_GROUP:
        return [each for each in answers[0]["logGroups"] if each["logGroupName"] == name]
    if type_ == KEY and answers[0]["KeyMetadata"]["KeyState"] == "PendingDeletion":
        return []
    return answers


def _finds(type_: str, name: str, inventory: Inventory, _things: Things, _policy: Policy) -> Waits:
    return [name] if (yield from _told_of(inventory.aws, type_, name)) else []


def _work(type_: str, name: str, inventory: Inventory, policy: Policy, told: Told) -> Waits:
    told_of = yield from _told_of(inventory.aws, type_, name)
    if not told_of:
        return
    if type_ == KEY and (users := _under(name, (yield from _staying(inventory, policy)))):
        raise StepError(_in_use(name, users))
    try:
        said = yield from PURGES[type_](inventory, name, told_of)
    except ClientError as error:
        if code_of(error) not in GONE:
            raise
        said = "gone"
    told(name, said)


def _staying(inventory: Inventory, policy: Policy) -> Waits:
    """Name of what stays, and all that AWS tells of it, its keys among it."""
    aws = inventory.aws
    staying = []
    for (type_, name), kept in (yield from _choices(inventory)).items():
        if kept and type_ != KEY and not policy.purges(type_, name):
            staying.append((name, json.dumps((yield from _told_of(aws, type_, name)), default=str)))
    for kind in KINDS:
        things = (yield from inventory.things(kind)) if kind.types else []
        for each in things:
            if policy.keeps(kind, each):
                told_of = {**each.told, **(yield from _domain_of(aws, each))}
                staying.append((each.name, json.dumps(told_of, default=str)))
    return staying


def _under(key: str, staying: list[tuple[str, str]]) -> list[str]:
    """The names of those that are under a key."""
    return sorted(name for name, told in staying if key in told)


def _domain_of(aws: Aws, thing: Thing) -> Waits:
    """What is told of the domain that something is in: its volumes are under the domain's key."""
    domain = dict(thing.key).get("DomainId")
    return (yield from aws.call("sagemaker", "describe_domain", DomainId=domain)) if domain else {}


def _in_use(key: str, users: list[str]) -> str:
    return f"purge {key}: {', '.join(users)} would be lost with this key, and is kept: purge it too, or keep the key"


def _purge_bucket(inventory: Inventory, name: str, _told_of: list[Json]) -> Waits:
    """All versions and uploads, and the bucket unless its stack deletes it."""
    aws, count = inventory.aws, 0
    # Whatever is deleted now would be written down in another bucket that has to be emptied.
    logging = yield from aws.call("s3", "get_bucket_logging", Bucket=name)
    if "LoggingEnabled" in logging:
        yield from aws.call("s3", "put_bucket_logging", Bucket=name, BucketLoggingStatus={})
    while True:
        answer = yield from aws.call("s3", "list_object_versions", Bucket=name, MaxKeys=BATCH)
        objects = [
            {"Key": each["Key"], "VersionId": each["VersionId"]}
            for each in (*answer.get("Versions", ()), *answer.get("DeleteMarkers", ()))
        ]
        if not objects:
            break
        deleted = yield from aws.call(
            "s3", "delete_objects", Bucket=name, Delete={"Objects": objects[:BATCH], "Quiet": True}
        )
        # It answers that all is well even when it deleted nothing.
        if errors := deleted.get("Errors"):
            raise StepError((yield from _not_deleted(aws, name, errors, objects)))
        count += len(objects)
    while uploads := (yield from aws.call("s3", "list_multipart_uploads", Bucket=name)).get("Uploads"):
        for each in uploads:
            yield from aws.call("s3", "abort_multipart_upload", Bucket=name, Key=each["Key"], UploadId=each["UploadId"])
    if not _is_kept(inventory, name):
        return f"emptied, {count} versions"
    yield from aws.call("s3", "delete_bucket", Bucket=name)
    return f"gone, with {count} versions"


def _not_deleted(aws: Aws, bucket: str, errors: list[Json], objects: list[Json]) -> Waits:
    """Why some of ``objects`` were not deleted, and until when that is so."""
    first = errors[0]
    version = first.get("VersionId") or next(each["VersionId"] for each in objects if each["Key"] == first["Key"])
    why = f"{first.get('Code', '')}: {first.get('Message', '')}"
    try:
        answer = yield from aws.call("s3", "get_object_retention", Bucket=bucket, Key=first["Key"], VersionId=version)
    except ClientError:
        # It is not locked, or by a legal hold, which has no date.
        pass
    else:
        if until := answer.get("Retention", {}).get("RetainUntilDate"):
            why = f"it is locked until {until:%Y-%m-%d}"
    return f"purge {bucket}: {len(errors)} objects are not deleted, {first['Key']} is the first: {why}"


def _is_kept(inventory: Inventory, name: str) -> bool:
    return any(each.kept for each in inventory.scope.resources if each.physical_id == name)


def _purge_repository(inventory: Inventory, name: str, _told_of: list[Json]) -> Waits:
    yield from inventory.aws.call("ecr", "delete_repository", repositoryName=name, force=True)
    return "gone, with its images"


def _purge_log_group(inventory: Inventory, name: str, told_of: list[Json]) -> Waits:
    if told_of[0].get("deletionProtectionEnabled"):
        yield from inventory.aws.call(
            "logs", "put_log_group_deletion_protection", logGroupIdentifier=name, deletionProtectionEnabled=False
        )
    yield from inventory.aws.call("logs", "delete_log_group", logGroupName=name)
    return "gone"


def _purge_key(inventory: Inventory, name: str, _told_of: list[Json]) -> Waits:
    answer = yield from inventory.aws.call("kms", "schedule_key_deletion", KeyId=name, PendingWindowInDays=WINDOW_DAYS)
    return f"goes on {answer['DeletionDate']:%Y-%m-%d}"


def _purge_file_system(inventory: Inventory, name: str, _told_of: list[Json]) -> Waits:
    """It is in use as long as it has mount targets; those of a VPC that is not the environment's are there still."""
    started = inventory.aws.clock.now()
    while inventory.aws.clock.now() - started < MINUTES * 60:
        if not (yield from remove_mount_targets(inventory.aws, name)):
            try:
                yield from inventory.aws.call("efs", "delete_file_system", FileSystemId=name)
            except ClientError as error:
                if code_of(error) != "FileSystemInUse":
                    raise
            else:
                return "gone"
        yield POLL
    raise StepError(f"purge {name}: it is still in use after {MINUTES} minutes")


PURGES: dict[str, Callable[[Inventory, str, list[Any]], Waits]] = {
    BUCKET: _purge_bucket,
    REPOSITORY: _purge_repository,
    LOG_GROUP: _purge_log_group,
    KEY: _purge_key,
    FILE_SYSTEM: _purge_file_system,
}
