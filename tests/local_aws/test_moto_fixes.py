import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import LocalAws

LOCATION = {"LocationConstraint": "eu-west-1"}
LOGGING = {"LoggingEnabled": {"TargetBucket": "access-logs", "TargetPrefix": "data/"}}


@pytest.fixture
def s3() -> Iterator[Any]:
    with LocalAws() as aws:
        client = aws.client("s3")
        for bucket in ("datasets", "access-logs"):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration=LOCATION)
        yield client


def _policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Principal": "*", "Effect": "Deny", **statement}]})


def _delivery(resource: Any) -> str:
    service = {"Service": "logging.s3.amazonaws.com"}
    return _policy(Effect="Allow", Principal=service, Action="s3:PutObject", Resource=resource)


def test_a_policy_that_denies_requests_without_tls_denies_no_others(s3: Any) -> None:
    denial = _policy(Action="s3:*", Resource="*", Condition={"Bool": {"aws:SecureTransport": "false"}})
    s3.put_bucket_policy(Bucket="datasets", Policy=denial)
    s3.put_object(Bucket="datasets", Key="file")


def test_a_policy_that_denies_everything_does(s3: Any) -> None:
    s3.put_bucket_policy(Bucket="datasets", Policy=_policy(Action="s3:*", Resource="*"))
    with pytest.raises(ClientError, match="403"):
        s3.get_object(Bucket="datasets", Key="file")


@pytest.mark.parametrize("resource", ["arn:aws:s3:::access-logs/*", ["arn:aws:s3:::access-logs/*"]])
def test_logs_are_delivered_where_a_policy_lets_them(s3: Any, resource: Any) -> None:
    s3.put_bucket_policy(Bucket="access-logs", Policy=_delivery(resource))
    s3.put_bucket_logging(Bucket="datasets", BucketLoggingStatus=LOGGING)
    assert s3.get_bucket_logging(Bucket="datasets")["LoggingEnabled"]["TargetBucket"] == "access-logs"


@pytest.mark.parametrize("policy", [None, _delivery(["arn:aws:s3:::datasets/*"])])
def test_logs_are_delivered_nowhere_else(s3: Any, policy: str | None) -> None:
    if policy:
        s3.put_bucket_policy(Bucket="access-logs", Policy=policy)
    with pytest.raises(ClientError, match="InvalidTargetBucketForLogging"):
        s3.put_bucket_logging(Bucket="datasets", BucketLoggingStatus=LOGGING)


def test_logs_do_not_come_at_once(s3: Any) -> None:
    s3.put_bucket_policy(Bucket="access-logs", Policy=_delivery("arn:aws:s3:::access-logs/*"))
    s3.put_bucket_logging(Bucket="datasets", BucketLoggingStatus=LOGGING)
    s3.put_object(Bucket="datasets", Key="file")
    assert s3.list_objects_v2(Bucket="access-logs")["KeyCount"] == 0
