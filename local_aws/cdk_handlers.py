"""The CDK's own custom resources, done natively: their handlers are Node programs, which need AWS's SDK for Node.

Source: aws-cdk-lib 2.275.0, custom-resource-handlers/
"""

import io
import json
import mimetypes
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

from local_aws.clients import Clients
from local_aws.lambda_functions import CannotRunError

Event = Mapping[str, Any]
Returned = Mapping[str, Any] | None
Handler = Callable[[Event, Clients], Returned]


@contextmanager
def _ignored(code: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            raise


def restrict_default_group(event: Event, clients: Clients) -> Returned:
    """``Custom::VpcRestrictDefaultSG``: the default security group of a VPC lets nothing in or out.

    Source: aws-ec2/restrict-default-security-group-handler
    """
    ec2, given = clients.client("ec2"), event["ResourceProperties"]
    group, old = given["DefaultSecurityGroupId"], event.get("OldResourceProperties", {}).get("DefaultSecurityGroupId")
    match event["RequestType"]:
        case "Create":
            _close(ec2, group, given["Account"])
        case "Update" if group != old:
            _open(ec2, old, given["Account"])
            _close(ec2, group, given["Account"])
        case "Delete":
            _open(ec2, group, given["Account"])
    return None


def _default_rules(group: str, account: str) -> tuple[dict[str, Any], dict[str, Any]]:
    inside = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group, "UserId": account}]}]
    anywhere = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    return {"GroupId": group, "IpPermissions": inside}, {"GroupId": group, "IpPermissions": anywhere}


def _close(ec2: Any, group: str, account: str) -> None:
    ingress, egress = _default_rules(group, account)
    for revoke, rules in ((ec2.revoke_security_group_egress, egress), (ec2.revoke_security_group_ingress, ingress)):
        with _ignored("InvalidPermission.NotFound"):
            revoke(**rules)


def _open(ec2: Any, group: str, account: str) -> None:
    ingress, egress = _default_rules(group, account)
    ec2.authorize_security_group_ingress(**ingress)
    ec2.authorize_security_group_egress(**egress)


def delete_objects(event: Event, clients: Clients) -> Returned:
    """``Custom::S3AutoDeleteObjects``: an empty bucket when it is deleted.

    Source: aws-s3/auto-delete-objects-handler
    """
    name = event["ResourceProperties"].get("BucketName")
    if event["RequestType"] == "Update":
        return {"PhysicalResourceId": name or event["OldResourceProperties"].get("BucketName")}
    if event["RequestType"] == "Delete":
        s3 = clients.client("s3")
        with _ignored("NoSuchBucket"):
            tags = s3.get_bucket_tagging(Bucket=name)["TagSet"]
            if {"Key": "aws-cdk:auto-delete-objects", "Value": "true"} in tags:
                _deny_writing(s3, name)
                for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
                    _delete(s3, name, [*page.get("Versions", ()), *page.get("DeleteMarkers", ())])
    return None


def _deny_writing(s3: Any, bucket: str) -> None:
    # As the CDK's: a bucket without a policy stays without one.
    with _ignored("NoSuchBucketPolicy"):
        policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        denied = {
            "Principal": "*",
            "Effect": "Deny",
            "Action": ["s3:PutObject"],
            "Resource": [f"arn:aws:s3:::{bucket}/*"],
        }
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({**policy, "Statement": [*policy["Statement"], denied]}))


def _delete(s3: Any, bucket: str, objects: list[dict[str, Any]]) -> None:
    if objects:
        keys = [{key: each[key] for key in ("Key", "VersionId") if key in each} for each in objects]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})


def delete_images(event: Event, clients: Clients) -> Returned:
    """``Custom::ECRAutoDeleteImages``: an empty repository when it is deleted.

    Source: aws-ecr/auto-delete-images-handler
    """
    name = event["ResourceProperties"].get("RepositoryName")
    if event["RequestType"] == "Update":
        return {"PhysicalResourceId": name or event["OldResourceProperties"].get("RepositoryName")}
    if event["RequestType"] == "Delete":
        ecr = clients.client("ecr")
        arn = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryArn"]
        if {"Key": "aws-cdk:auto-delete-images", "Value": "true"} in ecr.list_tags_for_resource(resourceArn=arn)[
            "tags"
        ]:
            for page in ecr.get_paginator("list_images").paginate(repositoryName=name):
                if page["imageIds"]:
                    ecr.batch_delete_image(repositoryName=name, imageIds=page["imageIds"])
    return None


def retain_logs(event: Event, clients: Clients) -> Returned:
    """``Custom::LogRetention``: a log group that is there and keeps its events for some days.

    Source: aws-logs/log-retention-handler
    """
    given = event["ResourceProperties"]
    name, logs = given["LogGroupName"], clients.client("logs", given.get("LogGroupRegion"))
    if event["RequestType"] == "Delete":
        if given.get("RemovalPolicy") == "destroy":
            with _ignored("ResourceNotFoundException"):
                logs.delete_log_group(logGroupName=name)
    else:
        _keep(logs, name, given.get("RetentionInDays"))
    if event["RequestType"] == "Create":
        function = event["ServiceToken"].split(":")[-1]
        _keep(clients.client("logs"), f"/aws/lambda/{function}", "1")
    return {"PhysicalResourceId": name, "Data": {"LogGroupName": name}}


def _keep(logs: Any, name: str, days: str | None) -> None:
    with _ignored("ResourceAlreadyExistsException"):
        logs.create_log_group(logGroupName=name)
    if days:
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(days))
    else:
        logs.delete_retention_policy(logGroupName=name)


def parse_json(event: Event, _clients: Clients) -> Returned:
    """``Custom::AWSCDKCfnJson``: the value of a JSON text.

    Source: core/lib/dist/core/cfn-utils-provider
    """
    return {"Data": {"Value": json.loads(event["ResourceProperties"]["Value"])}}


def write_json(event: Event, _clients: Clients) -> Returned:
    """``Custom::AWSCDKCfnJsonStringify``: the JSON text of a value.

    Source: core/lib/dist/core/cfn-utils-provider
    """
    return {"Data": {"Value": json.dumps(event["ResourceProperties"]["Value"], separators=(",", ":"))}}


def deploy_to_bucket(event: Event, clients: Clients) -> Returned:
    """``Custom::CDKBucketDeployment``: the files of archives in a bucket.

    Its handler is in Python and needs the AWS CLI of a layer.

    Source: aws-s3-deployment/bucket-deployment-handler
    """
    given, s3 = event["ResourceProperties"], clients.client("s3")
    for name in ("DistributionId", "Include", "Exclude", "SystemMetadata"):
        if given.get(name):
            raise CannotRunError(f"its {name} is not emulated")
    bucket, prefix = _destination(given)
    kept = given.get("RetainOnDelete", "true") == "true"
    if event["RequestType"] == "Delete":
        if not kept and not _is_owned(s3, bucket, given.get("DestinationBucketKeyPrefix", "")):
            _prune(s3, bucket, prefix, {})
    else:
        old = _destination(event.get("OldResourceProperties", given))
        if not kept and old != (bucket, prefix):
            _prune(s3, *old, {})
        files = {f"{prefix}{name}": content for name, content in _files(s3, given)}
        metadata = {key.lower(): value for key, value in given.get("UserMetadata", {}).items()}
        for key, content in files.items():
            kind = mimetypes.guess_type(key)[0] or "binary/octet-stream"
            s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType=kind, Metadata=metadata)
        if given.get("Prune", "true") == "true":
            _prune(s3, bucket, prefix, files)
    keys = given["SourceObjectKeys"] if given.get("OutputObjectKeys", "true") == "true" else []
    return {
        "PhysicalResourceId": event.get("PhysicalResourceId") or f"aws.cdk.s3deployment.{uuid.uuid4()}",
        "Data": {"DestinationBucketArn": given.get("DestinationBucketArn"), "SourceObjectKeys": keys},
    }


def _destination(given: Mapping[str, Any]) -> tuple[str, str]:
    prefix = given.get("DestinationBucketKeyPrefix", "").strip("/")
    return given["DestinationBucketName"], f"{prefix}/" if prefix else ""


def _is_owned(s3: Any, bucket: str, prefix: str) -> bool:
    tag = f"aws-cdk:cr-owned:{prefix}" if prefix else "aws-cdk:cr-owned"
    with suppress(ClientError):
        return any(each["Key"].startswith(tag) for each in s3.get_bucket_tagging(Bucket=bucket)["TagSet"])
    return False


def _files(s3: Any, given: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    keys = given["SourceObjectKeys"]
    none: list[dict[str, str]] = [{} for _ in keys]
    markers, settings = given.get("SourceMarkers", none), given.get("SourceMarkersConfig", none)
    for bucket, key, marked, how in zip(given["SourceBucketNames"], keys, markers, settings, strict=True):
        content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        if given.get("Extract", "true") != "true":
            yield PurePosixPath(key).name, content
            continue
        archive = zipfile.ZipFile(io.BytesIO(content))
        for name in archive.namelist():
            if not name.endswith("/"):
                yield name, _marked(archive.read(name), marked, how.get("jsonEscape", "false") == "true")


def _marked(content: bytes, markers: Mapping[str, str], escaped: bool) -> bytes:
    for marker, value in markers.items():
        content = content.replace(marker.encode(), (json.dumps(value)[1:-1] if escaped else value).encode())
    return content


def _prune(s3: Any, bucket: str, prefix: str, files: Mapping[str, bytes]) -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        _delete(s3, bucket, [{"Key": each["Key"]} for each in page.get("Contents", ()) if each["Key"] not in files])


HANDLERS: Mapping[str, Handler] = {
    "Custom::VpcRestrictDefaultSG": restrict_default_group,
    "Custom::S3AutoDeleteObjects": delete_objects,
    "Custom::ECRAutoDeleteImages": delete_images,
    "Custom::LogRetention": retain_logs,
    "Custom::CDKBucketDeployment": deploy_to_bucket,
    "Custom::AWSCDKCfnJson": parse_json,
    "Custom::AWSCDKCfnJsonStringify": write_json,
}
"""The CDK's own custom resources that are done here, by type."""
