"""Lists: pages, filters, order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.local_aws.services.conftest import CLIENTS, Aws

LIST = "sagemaker.ListAppImageConfigs"


@pytest.fixture
def names(aws: Aws) -> list[str]:
    """Names of what was made, in that order."""
    made = [f"config-{number:02}" for number in range(12)]
    for name in made:
        aws("sagemaker.CreateAppImageConfig", AppImageConfigName=name)
    return made


def test_a_page_of_sagemaker_has_ten(aws: Aws, names: list[str]) -> None:
    assert _names(aws(LIST)) == names[:10]


def test_a_token_leads_to_the_next_page(aws: Aws, names: list[str]) -> None:
    first = aws(LIST)
    second = aws(LIST, NextToken=first["NextToken"])
    assert _names(second) == names[10:]
    assert "NextToken" not in second


def test_a_page_is_as_long_as_the_request_says(aws: Aws, names: list[str]) -> None:
    assert _names(aws(LIST, MaxResults=3)) == names[:3]


def test_what_is_deleted_meanwhile_moves_nothing(aws: Aws, names: list[str]) -> None:
    first = aws(LIST)
    for name in names[:10]:
        aws("sagemaker.DeleteAppImageConfig", AppImageConfigName=name)
    assert _names(aws(LIST, NextToken=first["NextToken"])) == names[10:]


def test_pages_follow_the_order(names: list[str]) -> None:
    pages = CLIENTS.client("sagemaker").get_paginator("list_app_image_configs")
    found = [each for page in pages.paginate(SortBy="Name", SortOrder="Descending") for each in _names(page)]
    assert found == names[::-1]


def test_numbers_are_in_the_order_of_numbers(aws: Aws) -> None:
    aws("sagemaker.CreateImage", ImageName="image", RoleArn="arn:aws:iam::123456789012:role/studio")
    for number in range(11):
        aws("sagemaker.CreateImageVersion", ImageName="image", BaseImage="a", ClientToken=f"{number:036}")
    listed = aws("sagemaker.ListImageVersions", ImageName="image", SortBy="VERSION", SortOrder="DESCENDING")
    assert [each["Version"] for each in listed["ImageVersions"]][:3] == [11, 10, 9]


def test_a_token_of_somebody_else_is_refused(aws: Aws) -> None:
    assert aws.refusal(LIST, NextToken="mine") == "ValidationException: The pagination token is invalid."


def test_a_part_of_the_name_filters(aws: Aws, names: list[str]) -> None:
    assert _names(aws(LIST, NameContains="-1")) == names[10:]


@pytest.mark.parametrize(("hours", "found"), [(-1, 10), (1, 0)])
def test_times_filter(aws: Aws, names: list[str], hours: int, found: int) -> None:  # noqa: ARG001 (they are there)
    after = datetime.now(UTC) + timedelta(hours=hours)
    assert len(_names(aws(LIST, CreationTimeAfter=after))) == found


def test_states_filter(aws: Aws) -> None:
    role = "arn:aws:iam::123456789012:role/studio"
    aws("sagemaker.CreateNotebookInstance", NotebookInstanceName="a", InstanceType="ml.t3.medium", RoleArn=role)
    aws.wait(240)
    aws("sagemaker.CreateNotebookInstance", NotebookInstanceName="b", InstanceType="ml.t3.medium", RoleArn=role)
    listed = aws("sagemaker.ListNotebookInstances", StatusEquals="InService")["NotebookInstances"]
    assert [each["NotebookInstanceName"] for each in listed] == ["a"]


def test_identifiers_that_must_be_there_are_missed(aws: Aws) -> None:
    missed = aws.refusal("ec2.DescribePlacementGroups", GroupNames=["close"])
    assert missed == "InvalidPlacementGroup.Unknown: The Placement Group 'close' is unknown."


def test_identifiers_that_need_not_be_there_are_left_out(aws: Aws) -> None:
    assert aws("batch.DescribeServiceEnvironments", serviceEnvironments=["none"])["serviceEnvironments"] == []


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"Name": "strategy", "Values": ["spread"]}, ["far"]),
        ({"Name": "tag:team", "Values": ["vision"]}, ["close"]),
        ({"Name": "tag-key", "Values": ["team"]}, ["close"]),
        ({"Name": "unknown", "Values": ["a"]}, []),
    ],
)
def test_named_filters_filter(aws: Aws, wanted: dict[str, Any], found: list[str]) -> None:
    tags = [{"ResourceType": "placement-group", "Tags": [{"Key": "team", "Value": "vision"}]}]
    aws("ec2.CreatePlacementGroup", GroupName="close", Strategy="cluster", TagSpecifications=tags)
    aws("ec2.CreatePlacementGroup", GroupName="far", Strategy="spread")
    listed = aws("ec2.DescribePlacementGroups", Filters=[wanted])["PlacementGroups"]
    assert [each["GroupName"] for each in listed] == found


def _names(answer: Any) -> list[str]:
    return [each["AppImageConfigName"] for each in answer["AppImageConfigs"]]
