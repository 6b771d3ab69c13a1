from typing import Any

import pytest
from aws_cdk import App, Aws, Stack
from aws_cdk import aws_s3 as s3

from trainyard.resolved import resolved

Values = list[Any]


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(App(), "Test")


@pytest.fixture(scope="module")
def values(stack: Stack) -> Values:
    bucket = s3.CfnBucket(stack, "Bucket")
    arn, name = bucket.attr_arn, bucket.ref
    return [
        "plain",
        7,
        arn,
        f"{arn}/*",
        f"arn:{Aws.PARTITION}:s3:::{name}/{name}",
        {"Resource": [arn, "a", f"{name}-b"], "Condition": {"StringLike": {"s3:prefix": [f"{name}/*"]}}},
    ]


@pytest.mark.parametrize("index", range(6))
def test_it_is_what_the_cdk_would_say(stack: Stack, values: Values, index: int) -> None:
    assert resolved(stack, values[index]) == stack.resolve(values[index])


def test_a_token_of_another_stack_is_another_one(values: Values) -> None:
    other = Stack(App(), "Other")
    bucket = s3.CfnBucket(other, "Elsewhere")
    assert resolved(other, bucket.attr_arn) == {"Fn::GetAtt": [other.get_logical_id(bucket), "Arn"]}
    assert resolved(other, bucket.attr_arn) != resolved(other, values[2])


def test_a_variable_of_a_policy_is_no_token(stack: Stack) -> None:
    assert resolved(stack, "user-profile/${sagemaker:DomainId}") == "user-profile/${sagemaker:DomainId}"
