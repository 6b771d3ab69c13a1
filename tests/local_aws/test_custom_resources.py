import io
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from local_aws import custom_resources, lambda_functions
from local_aws.clients import Clients
from local_aws.clock import VirtualClock
from local_aws.errors import ResourceError

pytestmark = pytest.mark.slow

ACCOUNT = "123456789012"
REGION = "eu-west-1"
STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/a/1"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"
CLIENTS = Clients(REGION, VirtualClock())


@pytest.fixture(autouse=True)
def aws() -> Iterator[None]:
    with mock_aws():
        yield


def run(kind: str, resource_type: str, token: str, **settings: Any) -> tuple[str, dict[str, Any]]:
    known = {"properties": {}, "old_properties": None, "physical_id": None, "clients": CLIENTS} | settings
    known["properties"] = {"ServiceToken": token, **known["properties"]}
    return custom_resources.run(
        request_type=kind,
        resource_type=resource_type,
        service_token=token,
        stack_id=STACK,
        logical_id="Thing",
        **known,
    )


def archive(**files: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        for name, text in files.items():
            opened.writestr(name.replace("__", "/") + ".py", text)
    return made.getvalue()


Publish = Callable[..., str]


@pytest.fixture
def publish() -> Publish:
    """Makes a Lambda function of some code and gives its ARN."""

    def make(code: str, name: str = "function", runtime: str = "python3.12", **settings: Any) -> str:
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        with suppress(ClientError):
            CLIENTS.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument=json.dumps(trust))
        made = CLIENTS.client("lambda").create_function(
            FunctionName=name,
            Role=f"arn:aws:iam::{ACCOUNT}:role/role",
            Runtime=runtime,
            **{"Handler": "index.handler", "Timeout": 30, "Code": {"ZipFile": archive(index=code)}} | settings,
        )
        return str(made["FunctionArn"])

    return make


SENDS = """
import json, urllib.request
def handler(event, context):
    answer = {"Status": "SUCCESS", "PhysicalResourceId": "thing-1", "Data": %s}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request)
"""


# The CDK's own


@pytest.fixture
def group() -> str:
    ec2 = CLIENTS.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    return str(groups[0]["GroupId"])


def rules(group: str) -> tuple[list[Any], list[Any]]:
    found = CLIENTS.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    return found["IpPermissions"], found["IpPermissionsEgress"]


def restrict(kind: str, group: str, **settings: Any) -> tuple[str, dict[str, Any]]:
    properties = {"DefaultSecurityGroupId": group, "Account": ACCOUNT}
    return run(kind, "Custom::VpcRestrictDefaultSG", "arn:of:node", properties=properties, **settings)


def open_to_all(group: str) -> None:
    inside = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group, "UserId": ACCOUNT}]}]
    with suppress(ClientError):  # moto's default groups have no such rule
        CLIENTS.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=inside)


def test_the_default_security_group_is_closed(group: str) -> None:
    open_to_all(group)

    restrict("Create", group)

    assert rules(group) == ([], [])


def test_a_default_security_group_that_is_closed_already_stays_so(group: str) -> None:
    restrict("Create", group)
    restrict("Create", group)

    assert rules(group) == ([], [])


def test_the_default_security_group_is_opened_again_on_delete(group: str) -> None:
    physical_id, _ = restrict("Create", group)

    restrict("Delete", group, physical_id=physical_id)

    ingress, egress = rules(group)
    assert ingress[0]["UserIdGroupPairs"][0]["GroupId"] == group
    assert egress[0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]


def test_another_default_security_group_is_closed_in_place_of_the_old_one(group: str) -> None:
    ec2 = CLIENTS.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    other = groups[0]["GroupId"]
    physical_id, _ = restrict("Create", group)

    restrict("Update", other, physical_id=physical_id, old_properties={"DefaultSecurityGroupId": group})

    assert rules(other) == ([], [])
    assert rules(group)[1]


def test_a_failure_of_the_cdks_own_is_a_failure_of_the_resource() -> None:
    with pytest.raises(ResourceError, match=r"^Received response status \[FAILED\].*InvalidGroup.NotFound") as raised:
        restrict("Create", "sg-0123456789abcdef0")

    assert raised.value.physical_id == custom_resources.CREATE_FAILED


def test_what_the_cdk_could_not_create_is_deleted_without_doing_anything() -> None:
    physical_id, _ = restrict("Delete", "sg-0123456789abcdef0", physical_id=custom_resources.CREATE_FAILED)

    assert physical_id == custom_resources.CREATE_FAILED


@pytest.fixture
def bucket() -> str:
    s3 = CLIENTS.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    return "bucket"


def tag(bucket: str, value: str) -> None:
    tags = [{"Key": "aws-cdk:auto-delete-objects", "Value": value}]
    CLIENTS.client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})


def delete_objects(bucket: str) -> None:
    properties = {"BucketName": bucket}
    run("Delete", "Custom::S3AutoDeleteObjects", "arn:of:node", properties=properties, physical_id="1")


def test_a_tagged_bucket_is_emptied_of_all_versions_and_markers(bucket: str) -> None:
    s3 = CLIENTS.client("s3")
    tag(bucket, "true")
    for text in (b"first", b"second"):
        s3.put_object(Bucket=bucket, Key="key", Body=text)
    s3.delete_object(Bucket=bucket, Key="key")

    delete_objects(bucket)

    s3.delete_bucket(Bucket=bucket)
    assert s3.list_buckets()["Buckets"] == []


def test_a_bucket_that_is_not_tagged_keeps_its_objects(bucket: str) -> None:
    s3 = CLIENTS.client("s3")
    tag(bucket, "false")
    s3.put_object(Bucket=bucket, Key="key", Body=b"text")

    delete_objects(bucket)

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"text"


def test_nobody_writes_to_a_bucket_that_is_emptied(bucket: str) -> None:
    s3 = CLIENTS.client("s3")
    tag(bucket, "true")
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": []}))

    delete_objects(bucket)

    statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert [(each["Effect"], each["Action"]) for each in statements] == [("Deny", ["s3:PutObject"])]


def test_a_bucket_that_is_gone_needs_no_emptying() -> None:
    delete_objects("nothing")


def test_another_bucket_is_another_resource(bucket: str) -> None:
    physical_id, _ = run(
        "Update",
        "Custom::S3AutoDeleteObjects",
        "arn:of:node",
        properties={"BucketName": bucket},
        old_properties={"BucketName": "old"},
        physical_id="1",
    )

    assert physical_id == bucket


def test_a_tagged_repository_is_emptied() -> None:
    ecr = CLIENTS.client("ecr")
    ecr.create_repository(repositoryName="images", tags=[{"Key": "aws-cdk:auto-delete-images", "Value": "true"}])
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {"mediaType": kind, "size": 1, "digest": f"sha256:{'a' * 64}"},
        "layers": [],
    }
    ecr.put_image(repositoryName="images", imageManifest=json.dumps(manifest), imageTag="latest")

    properties = {"RepositoryName": "images"}
    run("Delete", "Custom::ECRAutoDeleteImages", "arn:of:node", properties=properties, physical_id="1")

    assert ecr.list_images(repositoryName="images")["imageIds"] == []


def retention(name: str) -> int | None:
    groups = CLIENTS.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return groups[0].get("retentionInDays") if groups else -1


def retain(kind: str, **properties: Any) -> tuple[str, dict[str, Any]]:
    token = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:retention"
    given = {"LogGroupName": "/logs", **properties}
    return run(kind, "Custom::LogRetention", token, properties=given, physical_id=None if kind == "Create" else "/logs")


def test_a_log_group_is_made_with_its_retention() -> None:
    made = retain("Create", RetentionInDays=30)

    assert retention("/logs") == 30
    assert made == ("/logs", {"LogGroupName": "/logs"})


def test_the_log_group_of_the_retention_function_is_kept_a_day() -> None:
    retain("Create", RetentionInDays=30)

    assert retention("/aws/lambda/retention") == 1


def test_a_log_group_without_retention_keeps_its_events() -> None:
    retain("Create", RetentionInDays=30)
    retain("Update")

    assert retention("/logs") is None


@pytest.mark.parametrize(("policy", "kept"), [("destroy", -1), ("retain", 30)])
def test_a_log_group_is_deleted_only_when_that_is_wanted(policy: str, kept: int) -> None:
    retain("Create", RetentionInDays=30)
    retain("Delete", RetentionInDays=30, RemovalPolicy=policy)

    assert retention("/logs") == kept


def test_a_json_text_is_parsed() -> None:
    _, data = run("Create", "Custom::AWSCDKCfnJson", "arn:of:node", properties={"Value": '{"a": [1]}'})

    assert data == {"Value": {"a": [1]}}


def test_a_value_is_written_as_json() -> None:
    _, data = run("Create", "Custom::AWSCDKCfnJsonStringify", "arn:of:node", properties={"Value": {"a": ["1"]}})

    assert data == {"Value": '{"a":["1"]}'}


@pytest.fixture
def source(bucket: str) -> dict[str, Any]:
    CLIENTS.client("s3").put_object(Bucket=bucket, Key="site.zip", Body=archive(a="say <hello>", deep__b="b"))
    return {
        "SourceBucketNames": [bucket],
        "SourceObjectKeys": ["site.zip"],
        "DestinationBucketName": bucket,
        "DestinationBucketKeyPrefix": "site",
    }


def deploy(kind: str, properties: dict[str, Any], **settings: Any) -> tuple[str, dict[str, Any]]:
    settings = {"physical_id": None if kind == "Create" else "1", **settings}
    return run(kind, "Custom::CDKBucketDeployment", "arn:of:lambda", properties=properties, **settings)


def site() -> dict[str, bytes]:
    s3 = CLIENTS.client("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket="bucket")["Contents"] if each["Key"] != "site.zip"]
    return {key: s3.get_object(Bucket="bucket", Key=key)["Body"].read() for key in keys}


def test_the_files_of_an_archive_are_put_into_a_bucket(source: dict[str, Any]) -> None:
    _, data = deploy("Create", source)

    assert site() == {"site/a.py": b"say <hello>", "site/deep/b.py": b"b"}
    assert data["SourceObjectKeys"] == ["site.zip"]


def test_markers_in_deployed_files_are_replaced(source: dict[str, Any]) -> None:
    deploy("Create", {**source, "SourceMarkers": [{"<hello>": "hi"}]})

    assert site()["site/a.py"] == b"say hi"


def test_files_that_the_archive_lacks_are_removed(source: dict[str, Any]) -> None:
    CLIENTS.client("s3").put_object(Bucket="bucket", Key="site/old.py", Body=b"")

    deploy("Create", source)

    assert "site/old.py" not in site()


def test_files_that_the_archive_lacks_may_stay(source: dict[str, Any]) -> None:
    CLIENTS.client("s3").put_object(Bucket="bucket", Key="site/old.py", Body=b"")

    deploy("Create", {**source, "Prune": False})

    assert "site/old.py" in site()


@pytest.mark.parametrize(("retain", "left"), [(True, 2), (False, 0)])
def test_deployed_files_are_removed_on_delete_only_when_that_is_wanted(
    source: dict[str, Any], retain: bool, left: int
) -> None:
    given = {**source, "RetainOnDelete": retain}
    deploy("Create", given)
    deploy("Delete", given)

    assert len(site()) == left


def test_deployed_files_move_with_their_destination(source: dict[str, Any]) -> None:
    old = {**source, "RetainOnDelete": False}
    deploy("Create", old)
    deploy("Update", {**old, "DestinationBucketKeyPrefix": "new"}, old_properties=old)

    assert sorted(site()) == ["new/a.py", "new/deep/b.py"]


def test_an_archive_is_deployed_as_it_is_when_it_is_not_extracted(source: dict[str, Any]) -> None:
    deploy("Create", {**source, "Extract": False})

    assert list(site()) == ["site/site.zip"]


def test_a_deployment_to_a_distribution_is_refused(source: dict[str, Any]) -> None:
    with pytest.raises(ResourceError) as raised:
        deploy("Create", {**source, "DistributionId": "E1"})

    assert str(raised.value) == (
        "Custom::CDKBucketDeployment Thing does not run here: its DistributionId is not emulated"
    )


# Python functions


def test_what_a_function_sends_makes_the_resource(publish: Publish) -> None:
    made = run("Create", "Custom::Thing", publish(SENDS % '{"Arn": "a"}'))

    assert made == ("thing-1", {"Arn": "a"})


def test_a_function_gets_the_event_of_cloudformation(publish: Publish) -> None:
    code = SENDS % "{key: event[key] for key in event if key not in ('RequestId', 'ResponseURL')}"
    token = publish(code)
    _, data = run(
        "Update",
        "Custom::Thing",
        token,
        properties={"Size": 2, "Big": True, "Parts": [1.5, {"Name": "a"}]},
        old_properties={"Size": 1},
        physical_id="thing-1",
    )

    assert data == {
        "RequestType": "Update",
        "ResourceType": "Custom::Thing",
        "LogicalResourceId": "Thing",
        "StackId": STACK,
        "ServiceToken": token,
        "PhysicalResourceId": "thing-1",
        "ResourceProperties": {"ServiceToken": token, "Size": "2", "Big": "true", "Parts": ["1.5", {"Name": "a"}]},
        "OldResourceProperties": {"Size": "1"},
    }


def test_a_function_gets_the_context_of_lambda(publish: Publish) -> None:
    shown = "[context.function_name, context.memory_limit_in_mb, context.get_remaining_time_in_millis() > 20000]"
    token = publish(SENDS % f'{{"Context": {shown}}}', name="maker", MemorySize=256)

    assert run("Create", "Custom::Thing", token)[1] == {"Context": ["maker", 256, True]}


@pytest.mark.parametrize(
    ("endpoint", "seen"), [("http://127.0.0.1:4566", "http://127.0.0.1:4566"), (None, lambda_functions.NOWHERE)]
)
def test_a_function_reaches_the_local_aws_or_none(publish: Publish, endpoint: str | None, seen: str) -> None:
    variables = {"AWS_ENDPOINT_URL": "https://example.com", "AWS_ENDPOINT_URL_S3": "https://example.com", "A": "1"}
    code = SENDS % "{key: value for key, value in __import__('os').environ.items() if 'ENDPOINT' in key or key == 'A'}"
    token = publish(code, Environment={"Variables": variables})
    clients = Clients(REGION, VirtualClock(), endpoint)

    assert run("Create", "Custom::Thing", token, clients=clients)[1] == {"AWS_ENDPOINT_URL": seen, "A": "1"}


def test_a_function_gets_nothing_of_this_process_environment(publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "1")
    token = publish(SENDS % "{'Secret': 'SECRET' in __import__('os').environ}")

    assert run("Create", "Custom::Thing", token)[1] == {"Secret": False}


def test_a_function_uses_its_own_modules_and_not_ours(publish: Publish) -> None:
    code = "import clock\n" + SENDS % "{'Time': clock.TIME}"
    token = publish("", Code={"ZipFile": archive(index=code, clock="TIME = 'noon'")})

    assert run("Create", "Custom::Thing", token)[1] == {"Time": "noon"}


def test_a_function_uses_the_modules_of_its_layers(publish: Publish) -> None:
    layer = CLIENTS.client("lambda").publish_layer_version(
        LayerName="layer", Content={"ZipFile": archive(python__shared="NAME = 'shared'")}
    )["LayerVersionArn"]
    token = publish("import shared\n" + SENDS % "{'Name': shared.NAME}", Layers=[layer])

    assert run("Create", "Custom::Thing", token)[1] == {"Name": "shared"}


def test_a_handler_may_be_in_a_folder(publish: Publish) -> None:
    files = archive(package____init__="", package__main=SENDS % "{}")
    token = publish("", Handler="package/main.handler", Code={"ZipFile": files})

    assert run("Create", "Custom::Thing", token)[0] == "thing-1"


def test_inline_code_may_answer_with_cfnresponse(publish: Publish) -> None:
    code = """
import cfnresponse
def handler(event, context):
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Id": event["LogicalResourceId"]}, "thing-2")
"""
    assert run("Create", "Custom::Thing", publish(code)) == ("thing-2", {"Id": "Thing"})


def test_a_failed_answer_fails_the_resource_with_its_reason(publish: Publish) -> None:
    code = """
import cfnresponse
def handler(event, context):
    cfnresponse.send(event, context, cfnresponse.FAILED, {}, "half-made", reason="no more room")
"""
    message = r"^Received response status \[FAILED\] from custom resource. Message returned: no more room \(RequestId: "
    with pytest.raises(ResourceError, match=message) as raised:
        run("Create", "Custom::Thing", publish(code))

    assert raised.value.physical_id == "half-made"


def test_an_answer_without_a_physical_id_fails_the_resource(publish: Publish) -> None:
    with pytest.raises(ResourceError, match=r"^Invalid PhysicalResourceId$"):
        run("Create", "Custom::Thing", publish((SENDS % "{}").replace("thing-1", "")))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("raise ValueError('no idea')", "ValueError: no idea"),
        ("__import__('sys').exit(3)", "SystemExit: 3"),
        ("__import__('os')._exit(3)", "Runtime exited with error: exit status 3"),
    ],
)
def test_a_function_that_fails_without_an_answer_is_reported(publish: Publish, body: str, error: str) -> None:
    token = publish(f"def handler(event, context): {body}")

    with pytest.raises(ResourceError, match=r"^CloudFormation did not receive a response") as raised:
        run("Create", "Custom::Thing", token)

    assert str(raised.value).endswith(f"]. {error}")


def test_a_function_that_takes_too_long_is_stopped(publish: Publish, tmp_path: Path) -> None:
    code = """
import os, pathlib, time
def handler(event, context):
    pathlib.Path(event["Pid"]).write_text(str(os.getpid()))
    time.sleep(600)
"""
    function = replace(lambda_functions.find(publish(code)), timeout=2)

    outcome = lambda_functions.invoke(function, {"Pid": str(tmp_path / "pid")}, None)

    assert outcome.error == "Task timed out after 2.00 seconds"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize("body", ["pass", "raise ValueError", "__import__('os')._exit(3)"])
def test_a_function_leaves_no_files_behind(
    publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    token = publish(f"import tempfile\ndef handler(event, context):\n    tempfile.mkstemp()\n    {body}")

    lambda_functions.invoke(lambda_functions.find(token), {}, None)

    assert list(tmp_path.iterdir()) == []


# The CDK's provider framework


@pytest.fixture
def framework(publish: Publish) -> Callable[..., str]:
    """The framework before the user's functions."""

    def make(on_event: str, is_complete: str | None = None) -> str:
        variables = {"USER_ON_EVENT_FUNCTION_ARN": publish(f"def handler(event, context): {on_event}", name="event")}
        if is_complete:
            complete = publish(f"def handler(event, context): {is_complete}", name="complete")
            variables["USER_IS_COMPLETE_FUNCTION_ARN"] = complete
        return publish("", name="framework", runtime="nodejs22.x", Environment={"Variables": variables})

    return make


def test_what_a_function_behind_the_framework_returns_makes_the_resource(framework: Callable[..., str]) -> None:
    token = framework("return {'PhysicalResourceId': 'thing-3', 'Data': {'Type': event['RequestType']}}")

    assert run("Create", "Custom::Thing", token) == ("thing-3", {"Type": "Create"})


def test_a_resource_behind_the_framework_keeps_its_physical_id(framework: Callable[..., str]) -> None:
    token = framework("pass")
    physical_id, _ = run("Create", "Custom::Thing", token)

    assert physical_id
    assert run("Update", "Custom::Thing", token, physical_id=physical_id)[0] == physical_id


def test_the_framework_waits_until_the_resource_is_complete(framework: Callable[..., str], tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    counting = (
        f"path = __import__('pathlib').Path('{asked}'); times = len(path.read_text()) if path.exists() else 0; "
        "path.write_text('x' * (times + 1)); "
        "return {'IsComplete': True, 'Data': {'Id': event['PhysicalResourceId']}} if times else {'IsComplete': False}"
    )
    clients = Clients(REGION, VirtualClock())
    token = framework("return {'PhysicalResourceId': 'thing-4', 'Data': {'Early': '1'}}", counting)

    made = run("Create", "Custom::Thing", token, clients=clients)

    assert made == ("thing-4", {"Early": "1", "Id": "thing-4"})
    assert clients.clock.now() == custom_resources.POLL_SECONDS


def test_the_framework_gives_up_in_the_end(framework: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom_resources, "POLL_ATTEMPTS", 2)
    token = framework("return {}", "return {'IsComplete': False}")

    with pytest.raises(ResourceError, match="Message returned: Operation timed out"):
        run("Create", "Custom::Thing", token)


def test_a_function_that_fails_behind_the_framework_fails_the_resource(framework: Callable[..., str]) -> None:
    with pytest.raises(ResourceError, match="Message returned: ValueError: no idea\n\nLogs: /aws/lambda/event"):
        run("Create", "Custom::Thing", framework("raise ValueError('no idea')"))


def test_a_deletion_does_not_change_the_physical_id(framework: Callable[..., str]) -> None:
    token = framework("return {'PhysicalResourceId': 'other'}")

    with pytest.raises(ResourceError, match='cannot change the physical resource ID from "thing" to "other"'):
        run("Delete", "Custom::Thing", token, physical_id="thing")


# What does not run here


def refusal(token: str) -> str:
    with pytest.raises(ResourceError) as raised:
        run("Create", "Custom::Thing", token)
    return str(raised.value)


def test_a_node_function_is_refused_by_name(publish: Publish) -> None:
    assert refusal(publish("", name="maker", runtime="nodejs22.x")) == (
        "Custom::Thing Thing does not run here: its Lambda function maker runs nodejs22.x, and only Python runs here"
    )


def test_a_topic_is_refused_by_name() -> None:
    assert refusal(TOPIC) == "Custom::Thing Thing does not run here: its service token is an SNS topic"


def test_a_function_that_does_not_exist_is_refused_by_name() -> None:
    token = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:nothing"

    assert refusal(token) == f"Custom::Thing Thing does not run here: there is no Lambda function {token}"


def test_what_is_no_function_is_refused_by_name() -> None:
    token = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:a"

    assert refusal(token) == f"Custom::Thing Thing does not run here: {token} is no Lambda function"
