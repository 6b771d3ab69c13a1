"""Tags of our records beside those of moto's."""

from typing import Any

import pytest

from local_aws import services
from local_aws.clock import VirtualClock
from local_aws.front import Front
from tests.local_aws.services.conftest import CLIENTS, Aws

TAGS = [{"Key": "team", "Value": "vision"}]


def test_tags_given_at_creation_are_told(aws: Aws) -> None:
    arn = aws("sagemaker.CreateAppImageConfig", AppImageConfigName="a", Tags=TAGS)["AppImageConfigArn"]
    assert aws("sagemaker.ListTags", ResourceArn=arn)["Tags"] == TAGS


def test_a_tag_is_replaced(aws: Aws) -> None:
    arn = aws("sagemaker.CreateAppImageConfig", AppImageConfigName="a", Tags=TAGS)["AppImageConfigArn"]
    aws("sagemaker.AddTags", ResourceArn=arn, Tags=[{"Key": "team", "Value": "speech"}])
    assert aws("sagemaker.ListTags", ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "speech"}]


def test_a_tag_is_taken_away(aws: Aws) -> None:
    arn = aws("sagemaker.CreateAppImageConfig", AppImageConfigName="a", Tags=TAGS)["AppImageConfigArn"]
    aws("sagemaker.DeleteTags", ResourceArn=arn, TagKeys=["team"])
    assert aws("sagemaker.ListTags", ResourceArn=arn)["Tags"] == []


def test_moto_keeps_the_tags_of_what_is_its_own(aws: Aws) -> None:
    arn = aws("sagemaker.CreateExperiment", ExperimentName="a")["ExperimentArn"]
    aws("sagemaker.AddTags", ResourceArn=arn, Tags=TAGS)
    assert aws("sagemaker.ListTags", ResourceArn=arn)["Tags"] == TAGS


def test_one_call_tags_things_of_ours_and_of_moto(aws: Aws) -> None:
    group = aws("ec2.CreatePlacementGroup", GroupName="close", Strategy="cluster")["PlacementGroup"]["GroupId"]
    subnet = aws.subnet()
    aws("ec2.CreateTags", Resources=[group, subnet], Tags=TAGS)
    assert aws("ec2.DescribePlacementGroups")["PlacementGroups"][0]["Tags"] == TAGS
    assert aws("ec2.DescribeSubnets", SubnetIds=[subnet])["Subnets"][0]["Tags"] == TAGS


def test_tags_of_nothing_are_refused_by_fsx(aws: Aws) -> None:
    arn = "arn:aws:fsx:eu-west-1:123456789012:file-system/fs-1"
    assert aws.refusal("fsx.ListTagsForResource", ResourceARN=arn) == (
        f"ResourceNotFound: The resource '{arn}' does not exist."
    )


def test_regions_do_not_share_records(aws: Aws) -> None:
    aws("sagemaker.CreateAppImageConfig", AppImageConfigName="a")
    assert aws("sagemaker.ListAppImageConfigs", region="eu-central-1")["AppImageConfigs"] == []


def test_a_new_install_starts_empty(aws: Aws) -> None:
    aws("sagemaker.CreateAppImageConfig", AppImageConfigName="a")
    other = Front()
    services.install(other, VirtualClock())
    with other.installed():
        assert aws("sagemaker.ListAppImageConfigs")["AppImageConfigs"] == []


def test_things_of_ours_and_of_moto_are_found_by_their_tags(aws: Aws) -> None:
    wanted = _tagged_things(aws)
    filters = [{"Key": "team", "Values": ["vision"]}]
    assert set(_found(aws("resourcegroupstaggingapi.GetResources", TagFilters=filters))) == wanted


@pytest.mark.parametrize(
    "asked",
    [
        {"TagFilters": [{"Key": "team", "Values": ["speech"]}]},
        {"TagFilters": [{"Key": "group"}]},
        {"ResourceTypeFilters": ["fsx"]},
        {"ResourceTypeFilters": ["sagemaker:endpoint"]},
        {"ResourceARNList": ["arn:aws:sagemaker:eu-west-1:123456789012:app-image-config/b"]},
    ],
)
def test_what_is_not_asked_for_is_not_found(aws: Aws, asked: dict[str, Any]) -> None:
    _tagged_things(aws)
    assert _found(aws("resourcegroupstaggingapi.GetResources", **asked)) == []


def test_what_is_found_by_its_tags_comes_in_pages(aws: Aws) -> None:
    wanted = _tagged_things(aws)
    pages = CLIENTS.client("resourcegroupstaggingapi").get_paginator("get_resources")
    found = [each for page in pages.paginate(ResourcesPerPage=1) for each in _found(page)]
    assert (len(found), set(found)) == (2, wanted)


def test_a_token_of_nobody_is_refused(aws: Aws) -> None:
    refused = aws.refusal("resourcegroupstaggingapi.GetResources", PaginationToken="mine")
    assert refused.startswith("PaginationTokenExpiredException:")


def _tagged_things(aws: Aws) -> set[str]:
    """Two things with the same tags, one of them moto's; gives their ARNs."""
    ours = aws("sagemaker.CreateAppImageConfig", AppImageConfigName="a", Tags=TAGS)["AppImageConfigArn"]
    theirs = aws("sns.CreateTopic", Name="a", Tags=TAGS)["TopicArn"]
    return {ours, theirs}


def _found(answer: Any) -> list[str]:
    return [each["ResourceARN"] for each in answer["ResourceTagMappingList"]]
