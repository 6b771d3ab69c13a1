import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Match, Template

from trainyard.customer_key import CustomerKey

KEY = kms.CfnKey.CFN_RESOURCE_TYPE_NAME


@pytest.fixture(scope="module")
def template() -> Template:
    stack = Stack(App(), "Test")
    CustomerKey(stack, "Kept", description="kept", keep=True).admit_log_groups()
    CustomerKey(stack, "Dropped", description="dropped", keep=False)
    return Template.from_stack(stack)


def test_every_key_rotates(template: Template) -> None:
    template.all_resources_properties(KEY, {"EnableKeyRotation": True})


def test_a_kept_key_survives_its_stack_and_waits_a_month(template: Template) -> None:
    template.has_resource(
        KEY,
        {
            "Properties": Match.object_like({"Description": "kept", "PendingWindowInDays": 30}),
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
        },
    )


def test_another_key_goes_with_its_stack(template: Template) -> None:
    template.has_resource(
        KEY,
        {
            "Properties": Match.object_like({"Description": "dropped", "PendingWindowInDays": 7}),
            "DeletionPolicy": "Delete",
        },
    )


def test_cloudwatch_logs_may_use_it_for_log_groups_of_this_account_alone(template: Template) -> None:
    (statement,) = [
        statement
        for key in template.find_resources(KEY).values()
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if "Service" in statement["Principal"]
    ]
    arn = statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]["Fn::Join"][1]
    assert {"Ref": "AWS::AccountId"} in arn
    assert {"Ref": "AWS::Region"} in arn


def test_without_being_asked_no_service_may_use_it(template: Template) -> None:
    (dropped,) = template.find_resources(KEY, {"Properties": {"Description": "dropped"}}).values()
    assert all("Service" not in each["Principal"] for each in dropped["Properties"]["KeyPolicy"]["Statement"])
