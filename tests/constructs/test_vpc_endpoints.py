import re
from collections.abc import Sequence
from typing import Any

import boto3
import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Template

from tests.support import Json
from trainyard.endpoint_services import (
    AWS_RESOURCES,
    BUCKETS,
    INTERFACE_SERVICES,
    NEEDS,
    Feature,
    aws_buckets,
    interface_services,
    is_offered,
)
from trainyard.regions import REGIONS
from trainyard.vpc_endpoints import VpcEndpoints

ACCOUNT = "111111111111"
REGION = "eu-west-1"
SUBNETS = [f"subnet-0123456789abcdef{zone}" for zone in range(3)]
ROUTE_TABLES = ["rtb-0123456789abcdef0", "rtb-0123456789abcdef0", "rtb-0123456789abcdef1"]
ALWAYS = {"sagemaker.api", "sts", "logs"}
WITH_POLICY = ["s3", *(key for key, service in INTERFACE_SERVICES.items() if service.takes_policy)]
SIGNED = [key for key in WITH_POLICY if key == "s3" or INTERFACE_SERVICES[key].signed]


@pytest.fixture(scope="module")
def everything() -> dict[str, Json]:
    return _endpoints(list(Feature), image_accounts=["222222222222"])


def test_with_no_feature_there_are_s3_and_what_every_client_needs() -> None:
    assert set(_endpoints([])) == {"s3", *ALWAYS}


@pytest.mark.parametrize("feature", Feature)
def test_a_feature_brings_the_endpoints_of_its_row_and_no_more(feature: Feature) -> None:
    assert set(_endpoints([feature])) == {"s3", *ALWAYS, *(need.service for need in NEEDS[feature])}


def test_batch_brings_the_three_endpoints_of_its_agent_together() -> None:
    assert {"ecs", "ecs-agent", "ecs-telemetry", "ecr.api", "ecr.dkr"} <= set(_endpoints([Feature.BATCH]))


def test_a_region_without_a_service_gets_no_endpoint_for_it() -> None:
    assert "batch" not in _endpoints([Feature.BATCH], region="ap-northeast-3")


def test_the_regions_without_codecommit_are_those_that_botocore_does_not_know() -> None:
    known = set(boto3.Session().get_available_regions("codecommit"))
    assert INTERFACE_SERVICES["git-codecommit"].missing_in == set(REGIONS) - known


def test_the_regions_with_codeartifact_are_those_that_botocore_knows() -> None:
    offered = {region for region in REGIONS if is_offered(Feature.CODEARTIFACT, region)}
    assert offered == set(boto3.Session().get_available_regions("codeartifact"))


@pytest.mark.parametrize("feature", AWS_RESOURCES)
def test_with_its_feature_resources_of_aws_can_be_looked_up(feature: Feature) -> None:
    for row in AWS_RESOURCES[feature]:
        statement = _statement(_endpoints([feature])[row.service], "ResourcesOfAws")
        assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
        assert all(re.fullmatch(r"\w+:(Describe|Get|List)\*", action) for action in statement["Action"])
        assert [arn["Fn::Join"][1][-1] for arn in statement["Resource"]] == [
            f":{arn.format(region=REGION)}" for arn in row.arns
        ]


def test_without_its_feature_no_resource_of_aws_can_be_looked_up() -> None:
    every = [feature for feature in Feature if feature not in AWS_RESOURCES]
    assert "ResourcesOfAws" not in str(_endpoints(every))


def test_studio_and_notebooks_have_their_pages_in_the_vpc() -> None:
    endpoints = _endpoints([Feature.STUDIO, Feature.NOTEBOOKS])
    assert endpoints["studio"]["ServiceName"] == "aws.sagemaker.eu-west-1.studio"
    assert endpoints["notebook"]["ServiceName"] == "aws.sagemaker.eu-west-1.notebook"


def test_every_interface_endpoint_answers_to_the_public_name(everything: dict[str, Json]) -> None:
    assert all(each["PrivateDnsEnabled"] is True for key, each in everything.items() if key != "s3")


def test_every_interface_endpoint_is_in_the_given_group_alone(everything: dict[str, Json]) -> None:
    assert all(each["SecurityGroupIds"] == ["sg-0123456789abcdef0"] for key, each in everything.items() if key != "s3")


def test_endpoints_stand_in_every_zone(everything: dict[str, Json]) -> None:
    assert all(each["SubnetIds"] == SUBNETS for key, each in everything.items() if key != "s3")


def test_in_one_zone_only_runtime_stands_in_every_zone() -> None:
    endpoints = _endpoints(list(Feature), one_zone=True)
    assert endpoints["sagemaker.runtime"]["SubnetIds"] == SUBNETS
    assert {key for key, each in endpoints.items() if key != "s3" and each["SubnetIds"] != SUBNETS[:1]} == {
        "sagemaker.runtime"
    }


def test_s3_has_a_route_in_each_route_table_once(everything: dict[str, Json]) -> None:
    assert everything["s3"]["RouteTableIds"] == ["rtb-0123456789abcdef0", "rtb-0123456789abcdef1"]


def test_what_the_vpc_has_already_is_left_out() -> None:
    assert set(_endpoints([], existing=["sts"], route_table_ids=[])) == {"sagemaker.api", "logs"}


def test_only_the_agent_of_ecs_has_endpoints_without_a_policy(everything: dict[str, Json]) -> None:
    assert {key for key, each in everything.items() if "PolicyDocument" not in each} == {"ecs-agent", "ecs-telemetry"}


@pytest.mark.parametrize("key", SIGNED)
def test_an_endpoint_admits_this_account_to_this_account(everything: dict[str, Json], key: str) -> None:
    own = _statement(everything[key], "OwnPrincipalsToOwnResources")
    assert own["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT, "aws:ResourceAccount": ACCOUNT}}


@pytest.mark.parametrize("key", ["studio", "notebook"])
def test_pages_without_signature_are_those_of_this_account(everything: dict[str, Json], key: str) -> None:
    (statement,) = everything[key]["PolicyDocument"]["Statement"]
    (resource,) = statement["Resource"]
    assert resource["Fn::Join"][1][-1] == f":sagemaker:{REGION}:{ACCOUNT}:*"


@pytest.mark.parametrize("key", SIGNED)
def test_an_endpoint_admits_the_actions_of_its_service_alone(everything: dict[str, Json], key: str) -> None:
    expected = {"s3:*"} if key == "s3" else set(INTERFACE_SERVICES[key].actions)
    assert set(_statement(everything[key], "OwnPrincipalsToOwnResources")["Action"]) == expected


@pytest.mark.parametrize("key", WITH_POLICY)
def test_whatever_is_not_of_this_account_is_named(everything: dict[str, Json], key: str) -> None:
    for statement in everything[key]["PolicyDocument"]["Statement"]:
        named = "*" not in statement["Resource"]
        account = "aws:ResourceAccount" in statement.get("Condition", {}).get("StringEquals", {})
        assert statement["Effect"] == "Allow"
        assert named or account


@pytest.mark.parametrize("feature", [feature for feature in Feature if feature not in BUCKETS])
def test_without_its_feature_no_bucket_of_aws_can_be_read(feature: Feature) -> None:
    assert [each["Sid"] for each in _endpoints([feature])["s3"]["PolicyDocument"]["Statement"]] == [
        "OwnPrincipalsToOwnResources"
    ]


@pytest.mark.parametrize("feature", BUCKETS)
def test_with_its_feature_the_buckets_of_its_row_can_be_read(feature: Feature) -> None:
    statement = _statement(_endpoints([feature])["s3"], "BucketsOfAws")
    names = [bucket.name.format(region=REGION) for bucket in BUCKETS[feature]]
    assert [arn["Fn::Join"][1][-1] for arn in statement["Resource"]] == [
        f":s3:::{name}{objects}" for name in names for objects in ("", "/*")
    ]
    assert all(action.startswith(("s3:Get", "s3:List")) for action in statement["Action"])


def test_images_of_trusted_accounts_can_be_pulled_and_not_pushed(everything: dict[str, Json]) -> None:
    statement = _statement(everything["ecr.dkr"], "ImagesOfTrustedAccounts")
    assert statement["Condition"]["StringEquals"] == {
        "aws:PrincipalAccount": ACCOUNT,
        "aws:ResourceAccount": ["222222222222"],
    }
    assert not any(action.startswith(("ecr:Put", "ecr:Upload", "ecr:*")) for action in statement["Action"])


def test_without_trusted_accounts_only_own_images_can_be_pulled() -> None:
    statements = _endpoints([Feature.BATCH])["ecr.dkr"]["PolicyDocument"]["Statement"]
    assert [each["Sid"] for each in statements] == ["OwnPrincipalsToOwnResources"]


def test_every_feature_has_a_row_and_every_row_a_service() -> None:
    assert set(NEEDS) == set(Feature)
    assert {need.service for needs in NEEDS.values() for need in needs} <= set(INTERFACE_SERVICES)
    assert set(interface_services(list(Feature), REGION)) == set(INTERFACE_SERVICES)


def test_a_bucket_that_two_features_read_is_named_once() -> None:
    assert len(aws_buckets([Feature.BATCH, Feature.DOCKER])) == 1


def _endpoints(
    features: Sequence[Feature], *, region: str = REGION, route_table_ids: Sequence[str] = ROUTE_TABLES, **changes: Any
) -> dict[str, Json]:
    """Construct id of the endpoint, which is the service's key, to its properties."""
    stack = Stack(App(), "Test", env=Environment(account=ACCOUNT, region=region))
    arguments = {"one_zone": False, **changes}
    endpoints = VpcEndpoints(
        stack,
        "Endpoints",
        vpc_id="vpc-0123456789abcdef0",
        subnet_ids=SUBNETS,
        route_table_ids=route_table_ids,
        features=features,
        security_group="sg-0123456789abcdef0",
        **arguments,
    )
    resources = Template.from_stack(stack).find_resources(ec2.CfnVPCEndpoint.CFN_RESOURCE_TYPE_NAME)
    return {
        child.node.id: resources[stack.get_logical_id(child)]["Properties"]
        for child in endpoints.node.children
        if isinstance(child, ec2.CfnVPCEndpoint)
    }


def _statement(endpoint: Json, sid: str) -> Json:
    (statement,) = [each for each in endpoint["PolicyDocument"]["Statement"] if each["Sid"] == sid]
    found: Json = statement
    return found
