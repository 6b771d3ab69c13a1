"""A bucket for data that must not be lost, leaked or read without its key."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Acknowledgment, RemovalPolicy, Validations
from aws_cdk import aws_s3 as s3
from constructs import Construct

from trainyard.bucket_limits import MAX_FOLDER_KEYS
from trainyard.place import place_of

PACKS_WITH_REPLICATION = ("NIST.800.53.R4", "NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321")
BROKEN_UPLOAD_DAYS = 7


class DataBucket(Construct):
    """A versioned bucket under one customer key: TLS only, never public, owned by the account alone.

    Args:
        key: ARN of the only key that objects may be encrypted with; those that name none get it.
        keep: whether the bucket stays when its stack is deleted. If not, it goes when it is empty.
        noncurrent_version_days: days until an overwritten or deleted object is gone for good.
        expire_after_days: days until an object is deleted; never when left out.
        access_logs: the bucket that records who read and wrote; without one, the bucket records those of others.
        folder_keys: folders whose objects have another key, with its ARN. Each upload there must name it, because S3
            knows one default for a whole bucket.

    Attributes:
        name: its name.
        arn: its ARN.
        policy: its policy.

    Raises:
        ValueError: for more folders with a key of their own than its policy has room for.

    Source: AWS docs AmazonS3/latest/userguide/security-best-practices.html; enable-server-access-logging.html
    """

    name: str
    arn: str
    policy: s3.CfnBucketPolicy

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: str,
        keep: bool,
        noncurrent_version_days: int,
        expire_after_days: int | None = None,
        access_logs: "DataBucket | None" = None,
        folder_keys: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        folder_keys = folder_keys or {}
        if len(folder_keys) > MAX_FOLDER_KEYS:
            raise ValueError(f"folder_keys: {len(folder_keys)} given, a bucket's policy has room for {MAX_FOLDER_KEYS}")
        bucket = s3.CfnBucket(
            self,
            "Bucket",
            bucket_encryption=_encryption(key),
            versioning_configuration=s3.CfnBucket.VersioningConfigurationProperty(status="Enabled"),
            public_access_block_configuration=s3.CfnBucket.PublicAccessBlockConfigurationProperty(
                block_public_acls=True, block_public_policy=True, ignore_public_acls=True, restrict_public_buckets=True
            ),
            ownership_controls=s3.CfnBucket.OwnershipControlsProperty(
                rules=[s3.CfnBucket.OwnershipControlsRuleProperty(object_ownership="BucketOwnerEnforced")]
            ),
            lifecycle_configuration=_lifecycle(noncurrent_version_days, expire_after_days),
            logging_configuration=s3.CfnBucket.LoggingConfigurationProperty(
                destination_bucket_name=access_logs.name, log_file_prefix=f"{construct_id.lower()}/"
            )
            if access_logs
            else None,
        )
        if access_logs:
            # Delivery must be admitted when it is switched on.
            bucket.add_resource_dependency(access_logs.policy)
        self.name, self.arn = bucket.ref, bucket.attr_arn
        self.policy = self._write_policy(key, folder_keys, receives_logs=access_logs is None)
        for each in (bucket, self.policy):
            each.apply_removal_policy(RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY)
        _answer_the_packs(bucket)

    def _write_policy(self, key: str, folder_keys: Mapping[str, str], *, receives_logs: bool) -> s3.CfnBucketPolicy:
        everything, objects = [self.arn, f"{self.arn}/*"], [f"{self.arn}/*"]
        folders = {f"{self.arn}/{folder}/*": own_key for folder, own_key in folder_keys.items()}
        statements = [
            _deny("WithoutTls", "s3:*", everything, {"Bool": {"aws:SecureTransport": "false"}}),
            # A request that names no encryption gets the bucket's. One that asks for KMS and names no key would get the
            # account's own key, and is caught by the missing key id, which differs from ours.
            _deny(
                "OtherKeys",
                "s3:PutObject",
                objects,
                {
                    "Null": {"s3:x-amz-server-side-encryption": "false"},
                    "ArnNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key},
                },
                but=list(folders),
            ),
            _deny(
                "KeysOfTheCaller",
                "s3:PutObject",
                objects,
                {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
            ),
        ]
        # An upload that names no key differs too: it would get the bucket's.
        statements += [
            _deny(
                f"OwnKey{index}",
                "s3:PutObject",
                [folder],
                {"ArnNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": own_key}},
            )
            for index, (folder, own_key) in enumerate(folders.items())
        ]
        if receives_logs:
            statements.append(
                {
                    "Sid": "AccessLogsOfThisAccount",
                    "Effect": "Allow",
                    "Principal": {"Service": "logging.s3.amazonaws.com"},
                    "Action": "s3:PutObject",
                    "Resource": objects,
                    "Condition": {"StringEquals": {"aws:SourceAccount": place_of(self).account}},
                }
            )
        return s3.CfnBucketPolicy(
            self, "Policy", bucket=self.name, policy_document={"Version": "2012-10-17", "Statement": statements}
        )


def _deny(
    sid: str, action: str, resources: list[str], conditions: dict[str, Any], but: list[str] | None = None
) -> dict[str, Any]:
    """A Deny for everybody, on ``resources``, or on everything ``but`` some."""
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": action,
        **({"NotResource": but} if but else {"Resource": resources}),
        "Condition": conditions,
    }


def _encryption(key: str) -> s3.CfnBucket.BucketEncryptionProperty:
    return s3.CfnBucket.BucketEncryptionProperty(
        server_side_encryption_configuration=[
            s3.CfnBucket.ServerSideEncryptionRuleProperty(
                bucket_key_enabled=True,
                server_side_encryption_by_default=s3.CfnBucket.ServerSideEncryptionByDefaultProperty(
                    sse_algorithm="aws:kms", kms_master_key_id=key
                ),
            )
        ]
    )


def _lifecycle(
    noncurrent_version_days: int, expire_after_days: int | None
) -> s3.CfnBucket.LifecycleConfigurationProperty:
    return s3.CfnBucket.LifecycleConfigurationProperty(
        rules=[
            s3.CfnBucket.RuleProperty(
                status="Enabled",
                abort_incomplete_multipart_upload=s3.CfnBucket.AbortIncompleteMultipartUploadProperty(
                    days_after_initiation=BROKEN_UPLOAD_DAYS
                ),
                noncurrent_version_expiration=s3.CfnBucket.NoncurrentVersionExpirationProperty(
                    noncurrent_days=noncurrent_version_days
                ),
                expiration_in_days=expire_after_days,
            )
        ]
    )


def _answer_the_packs(bucket: s3.CfnBucket) -> None:
    Validations.of(bucket).acknowledge(
        *(
            Acknowledgment(
                id=f"{pack}::{pack}-S3BucketReplicationEnabled",
                reason="A replica would be one more copy to guard, and need one itself; old versions are kept",
            )
            for pack in PACKS_WITH_REPLICATION
        ),
        Acknowledgment(
            id="NIST.800.53.R4::NIST.800.53.R4-S3BucketDefaultLockEnabled",
            reason="Neither access logs nor Lustre can write to a locked bucket; old versions are kept",
        ),
    )
