import re
from pathlib import Path

import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53resolver as resolver
from aws_cdk.assertions import Template

from policies import gate
from tests.environments.test_loading import ADOPTED
from tests.support import Assembly, Json, environment_with, synthesize

ENDPOINT = ec2.CfnVPCEndpoint.CFN_RESOURCE_TYPE_NAME
GROUP = ec2.CfnSecurityGroup.CFN_RESOURCE_TYPE_NAME
THERE_ALREADY = {"service": "sts", "security_group_id": "sg-0123456789abcdef9"}


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """Prod in a VPC made elsewhere, which has the endpoints of STS and S3 already."""
    changes = ADOPTED | {
        "network.existing_vpc.endpoints": [THERE_ALREADY],
        "network.existing_vpc.has_s3_endpoint": True,
    }
    return synthesize(environment_with(changes), tmp_path_factory.mktemp("adopted"))


def test_log_groups_take_retention_and_key_from_the_file(network: Template, prod: Assembly) -> None:
    for log_group in network.find_resources(logs.CfnLogGroup.CFN_RESOURCE_TYPE_NAME).values():
        assert log_group["Properties"]["RetentionInDays"] == prod.environment.logs.retention_days
        assert "Fn::ImportValue" in log_group["Properties"]["KmsKeyId"]


def test_the_vpc_is_logged_filtered_and_closed(network: Template) -> None:
    (vpc,) = network.find_resources(ec2.CfnVPC.CFN_RESOURCE_TYPE_NAME)
    network.has_resource_properties(ec2.CfnFlowLog.CFN_RESOURCE_TYPE_NAME, {"ResourceId": {"Ref": vpc}})
    network.has_resource_properties(
        resolver.CfnFirewallRuleGroupAssociation.CFN_RESOURCE_TYPE_NAME, {"VpcId": {"Ref": vpc}}
    )
    network.has_resource_properties("Custom::VpcRestrictDefaultSG", {})


def test_every_subnet_has_its_route_to_s3(network: Template) -> None:
    tables = set(network.find_resources(ec2.CfnRouteTable.CFN_RESOURCE_TYPE_NAME))
    (s3,) = network.find_resources(ENDPOINT, {"Properties": {"VpcEndpointType": "Gateway"}}).values()
    assert {table["Ref"] for table in s3["Properties"]["RouteTableIds"]} == tables


@pytest.mark.parametrize(("mode", "action"), [("block", "BLOCK"), ("alert", "ALERT")])
def test_the_dns_firewall_does_what_the_file_says(mode: str, action: str, tmp_path: Path) -> None:
    template = synthesize(environment_with({"network.vpc.dns_firewall": mode}), tmp_path).template("network")
    (rules,) = template.find_resources(resolver.CfnFirewallRuleGroup.CFN_RESOURCE_TYPE_NAME).values()
    assert rules["Properties"]["FirewallRules"][-1]["Action"] == action


def test_further_names_and_images_are_admitted_as_the_file_says(tmp_path: Path) -> None:
    changes = {"network.vpc.allowed_domains": ["git.example.com"], "network.image_accounts": ["444444444444"]}
    text = str(synthesize(environment_with(changes), tmp_path).stacks["network"])
    assert "git.example.com" in text
    assert "444444444444" in text


def test_an_existing_vpc_is_not_made_again_nor_changed(adopted: Assembly) -> None:
    types = {resource["Type"] for resource in adopted.stacks["network"]["Resources"].values()}
    assert types == {ENDPOINT, GROUP, f"{GROUP}Ingress", f"{GROUP}Egress"}


def test_everything_is_put_into_the_existing_vpc(adopted: Assembly) -> None:
    for resource in (adopted.resources(ENDPOINT) | adopted.resources(GROUP)).values():
        assert resource["Properties"]["VpcId"] == "vpc-0123456789abcdef0"
    for endpoint in adopted.resources(ENDPOINT).values():
        assert endpoint["Properties"]["SubnetIds"] == ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]


def test_an_existing_vpc_gets_the_endpoints_that_it_lacks(adopted: Assembly, prod: Assembly) -> None:
    assert _services(prod) - _services(adopted) == {"com.amazonaws.eu-west-1.sts", "com.amazonaws.eu-west-1.s3"}


def test_clients_reach_the_endpoints_that_were_there_already(adopted: Assembly) -> None:
    (clients,) = [each for each in adopted.resources(GROUP).values() if "-clients" in str(each) and "S3" in str(each)]
    assert {
        "DestinationSecurityGroupId": THERE_ALREADY["security_group_id"],
        "FromPort": 443,
        "ToPort": 443,
    }.items() <= next(
        rule for rule in clients["Properties"]["SecurityGroupEgress"] if "DestinationSecurityGroupId" in rule
    ).items()


def test_an_existing_vpc_passes_the_gate(adopted: Assembly) -> None:
    gate.check(adopted.folder)


def test_two_subnets_of_one_zone_share_an_endpoint(tmp_path: Path) -> None:
    subnets = [*ADOPTED["network.existing_vpc"]["subnets"]]
    subnets.append({**subnets[0], "subnet_id": "subnet-0123456789abcdef2", "route_table_id": "rtb-0123456789abcdef1"})
    adopted = synthesize(environment_with(ADOPTED | {"network.existing_vpc.subnets": subnets}), tmp_path)
    endpoints = [each["Properties"] for each in adopted.resources(ENDPOINT).values()]
    (s3,) = [each for each in endpoints if each["VpcEndpointType"] == "Gateway"]
    assert s3["RouteTableIds"] == ["rtb-0123456789abcdef0", "rtb-0123456789abcdef1"]
    assert {tuple(each["SubnetIds"]) for each in endpoints if each is not s3} == {
        ("subnet-0123456789abcdef0", "subnet-0123456789abcdef1")
    }


def _services(assembly: Assembly) -> set[str]:
    return {re.sub(r"\s", "", _name(each)) for each in assembly.resources(ENDPOINT).values()}


def _name(endpoint: Json) -> str:
    name: str = endpoint["Properties"]["ServiceName"]
    return name
