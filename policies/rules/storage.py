"""Rules about storage: Lustre file systems and their buckets, keys, image repositories, log groups."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from policies.rules.documents import Statement, statements
from policies.rules.rule import RuleBook
from policies.rules.template import App, Finding, Resource, get, is_known, is_one_of, text, walk

RULES = RuleBook()

FILE_SYSTEM, ASSOCIATION = "AWS::FSx::FileSystem", "AWS::FSx::DataRepositoryAssociation"
BUCKET, BUCKET_POLICY, KEY = "AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::KMS::Key"
REPOSITORY, LOG_GROUP = "AWS::ECR::Repository", "AWS::Logs::LogGroup"

LUSTRE_ROLE = "AWSServiceRoleForFSxS3Access_"
"""The role in which a file system reads and writes its bucket; its name ends with the file system's id."""
LUSTRE_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")

REGION = re.compile(r"\$\{AWS::Region}|\b[a-z]{2}(?:-[a-z]+)+-\d\b")
ACCOUNT = re.compile(r"\$\{AWS::AccountId}|(?<!\d)\d{12}(?!\d)")

CALLER = (
    *("kms:CallerAccount", "aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalArn"),
    *("aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID"),
)
"""Condition keys that say who calls, or for whom."""
CONTEXT = "kms:encryptioncontext:"

NETWORK = ("aws:SourceVpce", "aws:SourceVpc", "aws:VpcSourceIp")
SERVICE = ("aws:PrincipalIsAWSService", "aws:ViaAWSService", "aws:PrincipalServiceName", "aws:PrincipalArn")

WRITES = ("ecr:PutImage", "ecr:UploadLayerPart", "ecr:BatchDeleteImage", "ecr:SetRepositoryPolicy")
"""One action of each kind that changes what is in a repository, or who may."""

LOGGING = (
    *("AWS::Batch::JobDefinition", "AWS::EC2::FlowLog", "AWS::Route53Resolver::ResolverQueryLoggingConfig"),
    FILE_SYSTEM,
)
LOG_NAMES = ("/aws/sagemaker/", "/aws/batch/")


@RULES.rule(
    "D1",
    "A Lustre file system keeps its data, under an own key, and writes a log",
    why="Servers of scratch file systems are not replaced when they fail; without backups or a bucket that is the end "
    "of the data",
    source="AWS docs fsx/latest/LustreGuide/using-fsx-lustre.html and encryption-at-rest.html; Security Hub FSx.2",
    fix="Set DeploymentType to PERSISTENT_2, or to SCRATCH_2 where a data repository association joins the file system "
    "to a bucket; set KmsKeyId, CopyTagsToBackups, AutomaticBackupRetentionDays (a file system that is joined to a "
    "bucket takes no backups) and LogConfiguration.Level",
)
def lustre(app: App) -> Iterator[Finding]:
    joined = {app.target(each.get("FileSystemId"), each) for each in app.of(ASSOCIATION)}
    for system in app.of(FILE_SYSTEM):
        if system.get("FileSystemType") == "LUSTRE":
            yield from _lustre_findings(system, joined=system in joined)


@RULES.rule(
    "D2",
    "A file system is joined to a bucket of the app, whose key lets it in",
    why="Without access to the key the association fails after it was made, and what was written is not exported",
    source="AWS docs fsx/latest/LustreGuide/s3-server-side-encryption-support.html",
    fix=f"Point DataRepositoryPath to a bucket of the app with SSE-KMS and an own key, whose policy allows "
    f"{' and '.join(LUSTRE_ACTIONS)} to {LUSTRE_ROLE}*, through aws:PrincipalArn",
)
def joined_buckets(app: App) -> Iterator[Finding]:
    for association in app.of(ASSOCIATION):
        path = association.get("DataRepositoryPath")
        bucket = _joined_bucket(app, association)
        if bucket is None:
            if isinstance(path, str):
                yield association.broken("DataRepositoryPath", f"{path} lies in no bucket of the app", "Bucket")
            continue
        encryption = bucket.get("BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault")
        key = app.target(get(encryption, "KMSMasterKeyID"), bucket)
        if encryption is None or (is_known(encryption) and not _has_own_key(encryption)):
            yield association.broken("DataRepositoryPath", f"{bucket.logical_id} has no SSE-KMS with an own key", "Key")
        elif key and not _lets_lustre_in(key):
            yield association.broken(
                "DataRepositoryPath", f"the policy of {key.logical_id} does not let {LUSTRE_ROLE}* in", "KeyPolicy"
            )


@RULES.rule(
    "D3",
    "A bucket has a name that nobody foresees, takes no plain HTTP and no foreign owners, and tidies up",
    why="A name made of account and region can be taken by somebody else first; a denial by network that excepts no "
    "service stops log delivery and Lustre. Which accounts a bucket's data may go to is told by the endpoint: N5",
    source="AWS docs AmazonS3/latest/userguide/security-best-practices.html; Security Hub S3.5, S3.12 and S3.13",
    fix="Leave BucketName out; deny s3:* to everybody where aws:SecureTransport is false; set ObjectOwnership to "
    "BucketOwnerEnforced, and a lifecycle rule that is enabled. Let a denial by aws:SourceVpce except AWS services "
    f"(aws:PrincipalIsAWSService, aws:ViaAWSService), and {LUSTRE_ROLE}* where a file system is joined to the bucket",
)
def buckets(app: App) -> Iterator[Finding]:
    joined = {_joined_bucket(app, each) for each in app.of(ASSOCIATION)}
    for bucket in app.of(BUCKET):
        name = text(bucket.get("BucketName") or "")
        if name.startswith("sagemaker-") or (REGION.search(name) and ACCOUNT.search(name)):
            yield bucket.broken("BucketName", f"{name} can be foreseen", "BucketName")
        ownership = "OwnershipControls.Rules.0.ObjectOwnership"
        yield from bucket.must_be(ownership, "BucketOwnerEnforced", detail="OwnershipControls")
        lifecycle = bucket.get("LifecycleConfiguration.Rules")
        if lifecycle is None or (is_known(lifecycle) and all(get(each, "Status") == "Disabled" for each in lifecycle)):
            yield bucket.broken("LifecycleConfiguration", "has no rule that is enabled", "LifecycleConfiguration")
        yield from _bucket_policy_findings(app, bucket, joined=bucket in joined)


@RULES.rule(
    "D4",
    "A key is rotated, can be rescued from deletion, and is for nobody whom its policy does not name or confine",
    why="A key for everybody opens all that it encrypts; a service principal without a condition acts for any account",
    source="AWS docs kms/latest/developerguide/key-policies.html and rotate-keys.html; Security Hub KMS.4; CKV_AWS_33",
    fix="Set EnableKeyRotation; leave PendingWindowInDays at 7 to 30; confine * by kms:CallerAccount, services by "
    "aws:SourceAccount, aws:SourceArn, kms:ViaService or the encryption context, and kms:CreateGrant of either by "
    "kms:GrantIsForAWSResource or kms:ViaService",
)
def keys(app: App) -> Iterator[Finding]:
    for key in app.of(KEY):
        if key.get("KeySpec") in (None, "SYMMETRIC_DEFAULT") and key.get("Origin") in (None, "AWS_KMS"):
            yield from key.must_be("EnableKeyRotation", True, detail="EnableKeyRotation")
        days = key.get("PendingWindowInDays")
        if is_known(days) and not 7 <= int(days) <= 30:
            yield key.broken("PendingWindowInDays", f"is {days} and must be 7 to 30", "PendingWindowInDays")
        for statement in statements(key.get("KeyPolicy"), "KeyPolicy"):
            if statement.allows:
                yield from _key_findings(key, statement)


@RULES.rule(
    "D5",
    "An image repository scans, keeps tags, encrypts with KMS, tidies up, and is written to by its own account alone",
    why="Whoever can change the image behind a tag runs code in every job that names the tag",
    source="Security Hub ECR.1 to ECR.3; AWS docs AmazonECR/latest/userguide/security-best-practices.html",
    fix="Set ScanOnPush, ImageTagMutability IMMUTABLE, EncryptionType KMS and LifecyclePolicy; give other accounts no "
    "more than pulls, or name them in Settings(foreign_accounts=...)",
)
def repositories(app: App) -> Iterator[Finding]:
    for repository in app.of(REPOSITORY):
        yield from repository.must_be("ImageScanningConfiguration.ScanOnPush", True, detail="ScanOnPush")
        yield from repository.must_be("ImageTagMutability", "IMMUTABLE", detail="ImageTagMutability")
        kms = ("KMS", "KMS_DSSE")
        yield from repository.must_be("EncryptionConfiguration.EncryptionType", *kms, detail="EncryptionConfiguration")
        yield from repository.must_have("LifecyclePolicy", detail="LifecyclePolicy")
        for statement in statements(_document(repository.get("RepositoryPolicyText")), "RepositoryPolicyText"):
            if _writes_from_outside(app, statement):
                yield repository.broken(statement.path, "lets another account write", "RepositoryPolicyText")


@RULES.rule(
    "D6",
    "Log groups of SageMaker, Batch, Lustre and the network are encrypted with an own key and expire",
    why="Logs hold what code prints, data and credentials among it. A rule that asked for the groups under "
    "/aws/sagemaker/ and /aws/batch/ to be declared could hold in one app an account: their names are the account's",
    source="AWS docs AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html; "
    "sagemaker/latest/dg/logging-cloudwatch.html",
    fix="Set KmsKeyId and RetentionInDays; let the key's policy name logs.REGION.amazonaws.com",
)
def log_groups(app: App) -> Iterator[Finding]:
    for group in app.of(LOG_GROUP):
        if text(group.get("LogGroupName")).startswith(LOG_NAMES) or app.users(group, *LOGGING):
            yield from group.must_have("KmsKeyId", detail="KmsKeyId")
            yield from group.must_have("RetentionInDays", detail="RetentionInDays")


def _lustre_findings(system: Resource, *, joined: bool) -> Iterator[Finding]:
    settings, type_ = "LustreConfiguration", "LustreConfiguration.DeploymentType"
    types = ("PERSISTENT_2", "SCRATCH_2") if joined else ("PERSISTENT_2",)
    yield from system.must_be(type_, *types, detail="DeploymentType")
    level = ("WARN_ERROR", "WARN_ONLY", "ERROR_ONLY")
    yield from system.must_be(f"{settings}.LogConfiguration.Level", *level, detail="LogConfiguration")
    # Scratch file systems take neither a key nor backups.
    if system.get(type_) in ("SCRATCH_1", "SCRATCH_2"):
        return
    yield from system.must_have_key("KmsKeyId", detail="KmsKeyId")
    yield from system.must_be(f"{settings}.CopyTagsToBackups", True, detail="CopyTagsToBackups")
    days = f"{settings}.AutomaticBackupRetentionDays"
    if not joined and (system.get(days) is None or is_one_of(system.get(days), (0,))):
        yield system.broken(days, "keeps no backup", "AutomaticBackupRetentionDays")


def _joined_bucket(app: App, association: Resource) -> Resource | None:
    """The bucket of the app that a file system is joined to."""
    path = association.get("DataRepositoryPath")
    targets = [app.target(each, association) for each in walk(path)]
    named = [each for each in app.of(BUCKET) if text(path).split("/")[2:3] == [each.get("BucketName")]]
    return next((each for each in [*targets, *named] if each and each.type == BUCKET), None)


def _has_own_key(encryption: Any) -> bool:
    algorithm, key = get(encryption, "SSEAlgorithm"), get(encryption, "KMSMasterKeyID")
    kms = not is_known(algorithm) or is_one_of(algorithm, ("aws:kms", "aws:kms:dsse"))
    return kms and key is not None and "alias/aws/" not in text(key)


def _lets_lustre_in(key: Resource) -> bool:
    policy = key.get("KeyPolicy")
    if policy is not None and not is_known(policy):
        return True
    allowed = [each for each in statements(policy, "KeyPolicy") if each.allows and _is_for_lustre(each)]
    return all(any(_has_action(each, action) for each in allowed) for action in LUSTRE_ACTIONS)


def _is_for_lustre(statement: Statement) -> bool:
    """Whether the role is among the principals, or in a condition, or nothing but the account is asked for."""
    arns = [value for _, key, values in statement.conditions if key.lower() == "aws:principalarn" for value in values]
    named = [value for _, value in statement.principals] + arns
    whole_account = statement.for_everybody and not arns and statement.is_confined_by(*CALLER)
    return whole_account or any(LUSTRE_ROLE in text(each) for each in named)


def _has_action(statement: Statement, action: str) -> bool:
    return any(fnmatchcase(action.lower(), each.lower()) for each in statement.actions)


def _bucket_policy_findings(app: App, bucket: Resource, *, joined: bool) -> Iterator[Finding]:
    policies = [each for each in app.of(BUCKET_POLICY) if _is_policy_of(app, each, bucket)]
    denials = [
        (policy, statement)
        for policy in policies
        for statement in statements(policy.get("PolicyDocument"), "PolicyDocument")
        if statement.denies
    ]
    unknown = any(not is_known(each.get("PolicyDocument")) for each in policies)
    if not unknown and not any(_denies_plain_http(statement) for _, statement in denials):
        yield bucket.broken("", "has no policy that denies s3:* where aws:SecureTransport is false", "SecureTransport")
    for policy, statement in denials:
        if statement.has_condition_on(*NETWORK) and not _excepts_services(statement, joined=joined):
            role = f" and {LUSTRE_ROLE}*" if joined else ""
            yield policy.broken(statement.path, f"denies by network and does not except AWS services{role}", "Network")


def _is_policy_of(app: App, policy: Resource, bucket: Resource) -> bool:
    named = policy.get("Bucket")
    return app.target(named, policy) is bucket or (isinstance(named, str) and named == bucket.get("BucketName"))


def _denies_plain_http(statement: Statement) -> bool:
    return (
        statement.for_everybody
        and any(each in ("*", "s3:*") for each in statement.actions)
        and any(
            operator == "Bool" and key.lower() == "aws:securetransport" and is_one_of(values[0], (False,))
            for operator, key, values in statement.conditions
        )
    )


def _excepts_services(statement: Statement, *, joined: bool) -> bool:
    return statement.has_condition_on(*SERVICE) and (not joined or LUSTRE_ROLE in json.dumps(statement.body))


def _key_findings(key: Resource, statement: Statement) -> Iterator[Finding]:
    service = any(kind == "Service" for kind, _ in statement.principals)
    has_context = any(each.lower().startswith(CONTEXT) for _, each, _ in statement.conditions)
    for_aws = statement.has_condition_on("kms:GrantIsForAWSResource") or statement.is_confined_by("kms:ViaService")
    called_by = statement.is_confined_by(*CALLER)
    if statement.for_everybody and not called_by:
        yield key.broken(statement.path, "is for everybody", "Everybody")
    if service and not (called_by or has_context or for_aws):
        yield key.broken(statement.path, "lets a service act for any account", "Service")
    if (service or statement.for_everybody) and _has_action(statement, "kms:CreateGrant") and not for_aws:
        yield key.broken(statement.path, "lets grants be made for anything", "CreateGrant")


def _writes_from_outside(app: App, statement: Statement) -> bool:
    writes = any(_has_action(statement, each) for each in WRITES)
    accounts = {each for _, value in statement.principals for each in re.findall(r"(?<!\d)\d{12}(?!\d)", text(value))}
    outside = bool(accounts - set(app.settings.foreign_accounts))
    return (
        statement.allows and writes and (outside or (statement.for_everybody and not statement.is_confined_by(*CALLER)))
    )


def _document(value: Any) -> Any:
    """A policy, which a repository takes as an object or as JSON."""
    return json.loads(value) if isinstance(value, str) else value
