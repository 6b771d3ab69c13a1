"""CloudFormation's API, as boto3 and the CDK CLI call it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import LocalAws

pytestmark = pytest.mark.slow

STACK = "test"


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws() as aws:
        yield aws


@pytest.fixture
def cloudformation(aws: LocalAws) -> Any:
    return aws.client("cloudformation")


def parameter(value: Any = "x", **attributes: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}, **attributes}


def template(*, outputs: Any = None, parameters: Any = None, **resources: Any) -> str:
    return json.dumps({"Resources": resources, "Outputs": outputs or {}, "Parameters": parameters or {}})


EXPORTING = template(A=parameter("a"), outputs={"A": {"Value": {"Ref": "A"}, "Export": {"Name": "name-of-a"}}})
IMPORTING = template(B=parameter({"Fn::ImportValue": "name-of-a"}))


# ---- change sets ----


def test_a_change_set_of_a_new_stack_makes_nothing_until_it_is_executed(aws: LocalAws, cloudformation: Any) -> None:
    _change_set(cloudformation, template(A=parameter()), "CREATE")
    assert _stack(cloudformation)["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert aws.client("ssm").describe_parameters()["Parameters"] == []
    cloudformation.execute_change_set(ChangeSetName="changes", StackName=STACK)
    assert _stack(cloudformation)["StackStatus"] == "CREATE_COMPLETE"
    assert len(aws.client("ssm").describe_parameters()["Parameters"]) == 1


def test_a_change_set_says_what_would_change(cloudformation: Any) -> None:
    kept, named = parameter("kept"), {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "old"}}
    _create(cloudformation, template(Kept=kept, Changed=parameter("old"), Gone=parameter(), Replaced=named))
    renamed = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "new"}}
    _change_set(cloudformation, template(Kept=kept, Changed=parameter("new"), Replaced=renamed, New=parameter()))
    changes = [each["ResourceChange"] for each in _described(cloudformation)["Changes"]]
    assert {each["LogicalResourceId"]: (each["Action"], each.get("Replacement")) for each in changes} == {
        "New": ("Add", None),
        "Changed": ("Modify", "False"),
        "Replaced": ("Modify", "True"),
        "Gone": ("Remove", None),
    }


def test_what_needs_something_that_is_replaced_may_change(cloudformation: Any) -> None:
    def topic(name: str) -> dict[str, Any]:
        return {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}}

    _create(cloudformation, template(Topic=topic("old"), Name=parameter({"Ref": "Topic"})))
    _change_set(cloudformation, template(Topic=topic("new"), Name=parameter({"Ref": "Topic"})))
    changes = [each["ResourceChange"] for each in _described(cloudformation)["Changes"]]
    assert {each["LogicalResourceId"]: each["Replacement"] for each in changes} == {
        "Topic": "True",
        "Name": "Conditional",
    }


def test_a_change_set_without_changes_fails_in_the_words_that_the_cdk_looks_for(cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter()))
    _change_set(cloudformation, template(A=parameter()))
    described = _described(cloudformation)
    assert (described["Status"], described["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert described["StatusReason"].startswith("The submitted information didn't contain changes.")
    with pytest.raises(ClientError, match="InvalidChangeSetStatus"):
        cloudformation.execute_change_set(ChangeSetName="changes", StackName=STACK)


def test_other_outputs_alone_are_a_change(cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter()))
    _change_set(cloudformation, template(A=parameter(), outputs={"A": {"Value": "a"}}))
    cloudformation.execute_change_set(ChangeSetName="changes", StackName=STACK)
    assert _stack(cloudformation)["Outputs"] == [{"OutputKey": "A", "OutputValue": "a"}]


def test_a_change_set_is_executed_once(cloudformation: Any) -> None:
    _change_set(cloudformation, template(A=parameter()), "CREATE")
    cloudformation.execute_change_set(ChangeSetName="changes", StackName=STACK)
    with pytest.raises(ClientError, match="InvalidChangeSetStatus"):
        cloudformation.execute_change_set(ChangeSetName="changes", StackName=STACK)


def test_a_change_set_that_was_deleted_is_not_found(cloudformation: Any) -> None:
    _change_set(cloudformation, template(A=parameter()), "CREATE")
    cloudformation.delete_change_set(ChangeSetName="changes", StackName=STACK)
    cloudformation.delete_change_set(ChangeSetName="changes", StackName=STACK)
    with pytest.raises(ClientError, match=r"ChangeSetNotFound.*ChangeSet \[changes\] does not exist"):
        _described(cloudformation)
    assert cloudformation.list_change_sets(StackName=STACK)["Summaries"] == []


def test_a_change_set_for_an_update_needs_a_stack(cloudformation: Any) -> None:
    with pytest.raises(ClientError, match="Stack with id test does not exist"):
        _change_set(cloudformation, template(A=parameter()), "UPDATE")


# ---- stacks ----


def test_a_stack_that_is_there_is_not_made_again(cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter()))
    with pytest.raises(ClientError, match=r"AlreadyExistsException.*Stack \[test\] already exists"):
        _create(cloudformation, template(A=parameter()))


def test_an_update_without_changes_is_refused(cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter()))
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cloudformation.update_stack(StackName=STACK, TemplateBody=template(A=parameter()))


def test_a_stack_is_described_until_it_is_deleted_and_then_by_its_id(cloudformation: Any) -> None:
    stack_id = _create(cloudformation, template(A=parameter()))
    cloudformation.delete_stack(StackName=STACK)
    with pytest.raises(ClientError, match=r"ValidationError.*Stack with id test does not exist"):
        _stack(cloudformation)
    assert cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
    assert cloudformation.describe_stacks()["Stacks"] == []


def test_a_stack_that_is_not_there_is_deleted_without_complaint(cloudformation: Any) -> None:
    assert cloudformation.delete_stack(StackName=STACK)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_name_can_be_taken_again(cloudformation: Any) -> None:
    first = _create(cloudformation, template(A=parameter()))
    cloudformation.delete_stack(StackName=STACK)
    assert _create(cloudformation, template(A=parameter())) != first


def test_a_protected_stack_is_not_deleted(cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter()), EnableTerminationProtection=True)
    with pytest.raises(ClientError, match=r"Stack \[test\] cannot be deleted while TerminationProtection is enabled"):
        cloudformation.delete_stack(StackName=STACK)
    cloudformation.update_termination_protection(StackName=STACK, EnableTerminationProtection=False)
    cloudformation.delete_stack(StackName=STACK)
    assert cloudformation.describe_stacks()["Stacks"] == []


def test_a_stack_that_was_rolled_back_can_only_be_deleted(cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter(Type="AWS::SSM::Parameter"), B=parameter({"Fn::ImportValue": "none"})))
    assert _stack(cloudformation)["StackStatus"] == "ROLLBACK_COMPLETE"
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        cloudformation.update_stack(StackName=STACK, TemplateBody=template(A=parameter()))
    cloudformation.delete_stack(StackName=STACK)
    assert cloudformation.describe_stacks()["Stacks"] == []


def test_a_resource_does_not_change_its_type(cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter()))
    with pytest.raises(ClientError, match=r"Update of resource type is not permitted.*\[A\]"):
        cloudformation.update_stack(StackName=STACK, TemplateBody=template(A={"Type": "AWS::SNS::Topic"}))


def test_only_what_failed_can_be_retained_by_the_caller(cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter()))
    with pytest.raises(ClientError, match="DELETE_FAILED state to retain"):
        cloudformation.delete_stack(StackName=STACK, RetainResources=["A"])


def test_a_deletion_that_failed_is_finished_by_retaining_what_is_in_the_way(aws: LocalAws, cloudformation: Any) -> None:
    _create(cloudformation, template(Bucket={"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full"}}))
    aws.client("s3").put_object(Bucket="full", Key="file")
    cloudformation.delete_stack(StackName=STACK)
    stack = _stack(cloudformation)
    assert stack["StackStatus"] == "DELETE_FAILED"
    assert stack["StackStatusReason"] == "The following resource(s) failed to delete: [Bucket]."
    cloudformation.delete_stack(StackName=STACK, RetainResources=["Bucket"])
    assert cloudformation.describe_stacks()["Stacks"] == []
    assert aws.client("s3").list_objects_v2(Bucket="full")["KeyCount"] == 1


def test_by_force_a_stack_goes_without_what_is_in_the_way(aws: LocalAws, cloudformation: Any) -> None:
    _create(cloudformation, template(Bucket={"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full"}}))
    aws.client("s3").put_object(Bucket="full", Key="file")
    cloudformation.delete_stack(StackName=STACK)
    cloudformation.delete_stack(StackName=STACK, DeletionMode="FORCE_DELETE_STACK")
    assert cloudformation.describe_stacks()["Stacks"] == []


def test_a_deletion_that_has_not_failed_is_not_forced(cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter()))
    with pytest.raises(ClientError, match="only when the stack is in the DELETE_FAILED state"):
        cloudformation.delete_stack(StackName=STACK, DeletionMode="FORCE_DELETE_STACK")


def test_what_is_gone_is_not_retained(aws: LocalAws, cloudformation: Any) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full"}}
    _create(cloudformation, template(Bucket=bucket, A=parameter()))
    aws.client("s3").put_object(Bucket="full", Key="file")
    cloudformation.delete_stack(StackName=STACK)
    with pytest.raises(ClientError, match="Do not specify resources that are in the DELETE_COMPLETE state"):
        cloudformation.delete_stack(StackName=STACK, RetainResources=["Bucket", "A"])


def test_what_was_deleted_by_hand_counts_as_deleted(aws: LocalAws, cloudformation: Any) -> None:
    _create(cloudformation, template(Bucket={"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "gone"}}))
    aws.client("s3").delete_bucket(Bucket="gone")
    cloudformation.delete_stack(StackName=STACK)
    assert cloudformation.describe_stacks()["Stacks"] == []


def test_a_stack_that_was_never_made_is_deleted(cloudformation: Any) -> None:
    _change_set(cloudformation, template(A=parameter()), "CREATE")
    assert _stack(cloudformation)["StackStatus"] == "REVIEW_IN_PROGRESS"
    cloudformation.delete_stack(StackName=STACK)
    assert cloudformation.describe_stacks()["Stacks"] == []


def test_another_deletion_policy_alone_is_a_change(cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter()))
    _change_set(cloudformation, template(A={**parameter(), "DeletionPolicy": "Retain"}), "UPDATE")
    (change,) = _described(cloudformation)["Changes"]
    assert change["ResourceChange"]["Scope"] == ["DeletionPolicy"]
    assert change["ResourceChange"]["Replacement"] == "False"


def test_another_order_alone_is_no_change(cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter(), B=parameter()))
    ordered = template(A=parameter(), B={**parameter(), "DependsOn": "A"})
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cloudformation.update_stack(StackName=STACK, TemplateBody=ordered)


def test_regions_do_not_see_each_others_stacks(aws: LocalAws, cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter()))
    elsewhere = aws.client("cloudformation", "us-east-1")
    assert elsewhere.describe_stacks()["Stacks"] == []
    _create(elsewhere, template(A=parameter()))
    assert len(aws.client("ssm", "us-east-1").describe_parameters()["Parameters"]) == 1


# ---- what is given ----


def test_a_template_is_read_from_its_bucket(aws: LocalAws, cloudformation: Any) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="templates", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="templates", Key="a b.json", Body=template(A=parameter()).encode())
    urls = ("http://127.0.0.1:5000/templates/a%20b.json", "https://templates.s3.eu-west-1.amazonaws.com/a%20b.json")
    for number, url in enumerate(urls):
        cloudformation.create_stack(StackName=f"test{number}", TemplateURL=url)
    assert {each["StackStatus"] for each in cloudformation.describe_stacks()["Stacks"]} == {"CREATE_COMPLETE"}


def test_a_template_that_is_not_in_its_bucket_is_refused(cloudformation: Any) -> None:
    with pytest.raises(ClientError, match="S3 error: The template http://localhost/none/key cannot be read"):
        cloudformation.create_stack(StackName=STACK, TemplateURL="http://localhost/none/key")


def test_a_previous_value_and_the_previous_template_count_again(cloudformation: Any) -> None:
    body = template(A=parameter({"Ref": "Value"}), parameters={"Value": {"Type": "String", "Default": "default"}})
    _create(cloudformation, body, Parameters=[{"ParameterKey": "Value", "ParameterValue": "given"}])
    cloudformation.update_stack(
        StackName=STACK,
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "Value", "UsePreviousValue": True}],
        Tags=[{"Key": "Team", "Value": "vision"}],
    )
    stack = _stack(cloudformation)
    assert stack["Parameters"] == [{"ParameterKey": "Value", "ParameterValue": "given"}]
    assert stack["Tags"] == [{"Key": "Team", "Value": "vision"}]


@pytest.mark.parametrize(("named", "needed"), [(False, "CAPABILITY_IAM"), (True, "CAPABILITY_NAMED_IAM")])
def test_roles_need_a_capability(cloudformation: Any, named: bool, needed: str) -> None:
    trust = {"Version": "2012-10-17", "Statement": []}
    properties = {"AssumeRolePolicyDocument": trust, **({"RoleName": "name"} if named else {})}
    body = template(Role={"Type": "AWS::IAM::Role", "Properties": properties})
    with pytest.raises(ClientError, match=rf"InsufficientCapabilities.*Requires capabilities : \[{needed}\]"):
        _create(cloudformation, body)
    _create(cloudformation, body, Capabilities=[needed])


def test_a_tag_that_the_stack_has_no_longer_goes_from_its_resources(aws: LocalAws, cloudformation: Any) -> None:
    def tags() -> list[str]:
        (topic,) = aws.client("sns").list_topics()["Topics"]
        return [each["Key"] for each in aws.client("sns").list_tags_for_resource(ResourceArn=topic["TopicArn"])["Tags"]]

    body = template(Topic={"Type": "AWS::SNS::Topic"})
    _create(cloudformation, body, Tags=[{"Key": "Team", "Value": "vision"}])
    assert tags() == ["Team"]
    cloudformation.update_stack(StackName=STACK, TemplateBody=body, Tags=[{"Key": "Owner", "Value": "ann"}])
    assert tags() == ["Owner"]


# ---- exports ----


def test_an_export_is_imported_and_listed(aws: LocalAws, cloudformation: Any) -> None:
    _create(cloudformation, EXPORTING)
    cloudformation.create_stack(StackName="importer", TemplateBody=IMPORTING)
    (export,) = cloudformation.list_exports()["Exports"]
    names = [each["Name"] for each in aws.client("ssm").describe_parameters()["Parameters"]]
    assert (export["Name"], export["Value"] in names) == ("name-of-a", True)
    assert cloudformation.list_imports(ExportName="name-of-a")["Imports"] == ["importer"]


def test_a_stack_whose_export_is_used_stays_as_it_is(cloudformation: Any) -> None:
    _create(cloudformation, EXPORTING)
    cloudformation.create_stack(StackName="importer", TemplateBody=IMPORTING)
    cloudformation.delete_stack(StackName=STACK)
    stack = _stack(cloudformation)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["StackStatusReason"] == "Export name-of-a cannot be deleted as it is in use by importer"


def test_an_update_that_takes_a_used_export_away_is_rolled_back(cloudformation: Any) -> None:
    _create(cloudformation, EXPORTING)
    cloudformation.create_stack(StackName="importer", TemplateBody=IMPORTING)
    cloudformation.update_stack(StackName=STACK, TemplateBody=template(A=parameter("other")))
    stack = _stack(cloudformation)
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    reasons = [each.get("ResourceStatusReason") for each in events]
    assert "Export name-of-a cannot be deleted as it is in use by importer" in reasons
    assert len(cloudformation.list_exports()["Exports"]) == 1


def test_an_export_is_free_once_its_importer_is_gone(cloudformation: Any) -> None:
    _create(cloudformation, EXPORTING)
    cloudformation.create_stack(StackName="importer", TemplateBody=IMPORTING)
    cloudformation.delete_stack(StackName="importer")
    with pytest.raises(ClientError, match="is not imported by any stack"):
        cloudformation.list_imports(ExportName="name-of-a")
    cloudformation.delete_stack(StackName=STACK)
    assert cloudformation.describe_stacks()["Stacks"] == []


def test_two_stacks_do_not_export_one_name(cloudformation: Any) -> None:
    _create(cloudformation, EXPORTING)
    cloudformation.create_stack(StackName="second", TemplateBody=EXPORTING)
    events = cloudformation.describe_stack_events(StackName="second")["StackEvents"]
    assert "Export with name name-of-a is already exported by stack test. Rollback requested by user." in [
        each.get("ResourceStatusReason") for each in events
    ]


# ---- what is shown ----


def test_events_come_newest_first_and_in_pages(cloudformation: Any) -> None:
    _create(cloudformation, template(**{f"P{number}": parameter() for number in range(60)}))
    first = cloudformation.describe_stack_events(StackName=STACK)
    assert len(first["StackEvents"]) == 100
    assert first["StackEvents"][0]["ResourceStatus"] == "CREATE_COMPLETE"
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=STACK)
    events = [each for page in pages for each in page["StackEvents"]]
    assert len({each["EventId"] for each in events}) == len(events) == 60 * 3 + 2


def test_events_carry_the_callers_token(cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter()), ClientRequestToken="token")
    events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    assert {each["ClientRequestToken"] for each in events} == {"token"}


def test_resources_are_shown_in_every_way(aws: LocalAws, cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter()))
    (there,) = aws.client("ssm").describe_parameters()["Parameters"]
    (listed,) = cloudformation.list_stack_resources(StackName=STACK)["StackResourceSummaries"]
    (described,) = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    found = cloudformation.describe_stack_resources(PhysicalResourceId=there["Name"])["StackResources"]
    detail = cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId="A")["StackResourceDetail"]
    assert {each["PhysicalResourceId"] for each in (listed, described, *found, detail)} == {there["Name"]}


def test_a_resource_that_the_stack_does_not_have_is_refused(cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter()))
    with pytest.raises(ClientError, match="Resource B does not exist for stack test"):
        cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId="B")


def test_the_template_is_given_back_as_it_came(cloudformation: Any) -> None:
    body = template(A=parameter())
    _create(cloudformation, body)
    assert cloudformation.get_template(StackName=STACK)["TemplateBody"] == json.loads(body)


def test_a_template_is_summarised(cloudformation: Any) -> None:
    body = template(A=parameter(), parameters={"Size": {"Type": "Number", "Default": 1}})
    summary = cloudformation.get_template_summary(TemplateBody=body)
    assert summary["ResourceTypes"] == ["AWS::SSM::Parameter"]
    assert [each["ParameterKey"] for each in summary["Parameters"]] == ["Size"]


def test_what_is_no_template_does_not_validate(cloudformation: Any) -> None:
    cloudformation.validate_template(TemplateBody=template(A=parameter()))
    with pytest.raises(ClientError, match="At least one Resources member must be defined"):
        cloudformation.validate_template(TemplateBody="{}")


def test_stacks_are_listed_by_their_states(cloudformation: Any) -> None:
    _create(cloudformation, template(A=parameter()))
    cloudformation.create_stack(StackName="gone", TemplateBody=template(A=parameter()))
    cloudformation.delete_stack(StackName="gone")
    listed = cloudformation.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert [each["StackName"] for each in listed] == ["gone"]


def test_in_the_background_a_stack_is_made_while_its_caller_goes_on() -> None:
    with LocalAws(background=True) as aws:
        cloudformation = aws.client("cloudformation")
        _create(cloudformation, template(A=parameter()))
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 0, "MaxAttempts": 10_000}
        )
        assert len(aws.client("ssm").describe_parameters()["Parameters"]) == 1


def _create(cloudformation: Any, body: str, **more: Any) -> str:
    return str(cloudformation.create_stack(StackName=STACK, TemplateBody=body, **more)["StackId"])


def _change_set(cloudformation: Any, body: str, kind: str = "UPDATE") -> None:
    cloudformation.create_change_set(StackName=STACK, ChangeSetName="changes", TemplateBody=body, ChangeSetType=kind)


def _described(cloudformation: Any) -> Any:
    return cloudformation.describe_change_set(StackName=STACK, ChangeSetName="changes")


def _stack(cloudformation: Any) -> Any:
    return cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
