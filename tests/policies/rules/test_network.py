"""Facts about the rules of the network that their examples do not show."""

from typing import Any

import pytest

from policies.rules.network import WITHOUT_POLICY
from policies.rules.template import Json, Settings
from tests.policies.rules.judged import changed, found
from trainyard.endpoint_services import INTERFACE_SERVICES

GROUP = "AWS::EC2::SecurityGroup"
ANYWHERE = {"CidrIp": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
OWN = {"Fn::GetAtt": ["Group", "GroupId"]}


def _group(description: str = "Hosts", **properties: Any) -> Json:
    return {"Type": GROUP, "Properties": {"GroupDescription": description, **properties}}


def _details(rule: str, *templates: Json) -> list[str]:
    return [each.detail for each in found(rule, *templates)]


def test_an_app_that_may_use_the_internet_has_doors() -> None:
    template = changed("N1", Nat={"Type": "AWS::EC2::NatGateway"})
    assert found("N1", template, settings=Settings(internet=True)) == []


def test_a_route_whose_destination_is_not_known_passes() -> None:
    assert found("N1", changed("N1", OnPremises__Properties__DestinationCidrBlock={"Ref": "Range"})) == []


def test_half_of_the_internet_is_the_internet() -> None:
    assert found("N1", changed("N1", OnPremises__Properties__DestinationCidrBlock="128.0.0.0/1"))


def test_a_default_group_is_closed_from_another_stack() -> None:
    vpc = {"Vpc": {"Type": "AWS::EC2::VPC"}}
    export = {"Value": {"Fn::GetAtt": ["Vpc", "DefaultSecurityGroup"]}, "Export": {"Name": "a:VpcDefaultSecurityGroup"}}
    closer = {
        "Closer": {"Type": "Custom::Closer", "Properties": {"Id": {"Fn::ImportValue": "a:VpcDefaultSecurityGroup"}}}
    }
    assert found("N2", {"Resources": vpc, "Outputs": {"Group": export}}, closer) == []
    assert found("N2", vpc, closer)


def test_a_group_of_something_else_may_let_out() -> None:
    assert found("N3", {"Group": _group(SecurityGroupEgress=[ANYWHERE])}) == []


@pytest.mark.parametrize(
    "user",
    [
        {"Type": "AWS::SageMaker::UserProfile", "Properties": {"UserSettings": {"SecurityGroups": [OWN]}}},
        {"Type": "AWS::SageMaker::Domain", "Properties": {"DefaultSpaceSettings": {"SecurityGroups": [OWN]}}},
        {"Type": "AWS::SageMaker::Model", "Properties": {"VpcConfig": {"SecurityGroupIds": [OWN]}}},
        {"Type": "AWS::FSx::FileSystem", "Properties": {"SecurityGroupIds": [OWN]}},
        {"Type": "AWS::Batch::ComputeEnvironment", "Properties": {"ComputeResources": {"SecurityGroupIds": [OWN]}}},
    ],
    ids=lambda user: user["Type"],
)
def test_a_group_is_of_machine_learning_through(user: Json) -> None:
    assert _details("N3", {"Group": _group(SecurityGroupEgress=[ANYWHERE]), "User": user}) == ["0.0.0.0/0"]


def test_a_group_of_the_interfaces_of_batch_hosts_is_of_machine_learning() -> None:
    interfaces = {"NetworkInterfaces": [{"Groups": [OWN]}]}
    used = {"LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}}}
    template = {
        "Group": _group(SecurityGroupEgress=[ANYWHERE]),
        "Template": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": interfaces}},
        "Hosts": {"Type": "AWS::Batch::ComputeEnvironment", "Properties": {"ComputeResources": used}},
    }
    assert _details("N3", template) == ["0.0.0.0/0"]
    del template["Hosts"]
    assert _details("N3", template) == []


def test_a_group_of_another_stack_is_followed() -> None:
    export = {"Value": OWN, "Export": {"Name": "network:Group"}}
    network = {"Resources": {"Group": _group()}, "Outputs": {"Group": export}}
    groups = {"SecurityGroupIds": [{"Fn::ImportValue": "network:Group"}]}
    user = {"Notebook": {"Type": "AWS::SageMaker::NotebookInstance", "Properties": groups}}
    assert _details("N3", network, user) == ["Default"]


def test_a_range_that_only_a_deployment_knows_passes() -> None:
    rule = {**ANYWHERE, "CidrIp": {"Fn::GetAtt": ["Vpc", "CidrBlock"]}}
    assert found("N3", changed("N3", Clients__Properties__SecurityGroupEgress=[rule])) == []


@pytest.mark.parametrize(
    "marked",
    [
        _group("Nodes of EFA jobs"),
        _group(GroupName="trainyard-prod-efa"),
        _group("Stack/EfaGroup"),
        _group(Tags=[{"Key": "efa", "Value": "true"}]),
    ],
    ids=["description", "name", "construct path", "tag"],
)
def test_a_group_is_marked_for_efa_by_its(marked: Json) -> None:
    assert found("N4", changed("N4", Fabric=marked)) == []


@pytest.mark.parametrize("description", ["The default group", "DEFAULT", "Preface"])
def test_a_word_that_only_contains_the_letters_marks_nothing(description: str) -> None:
    assert _details("N4", changed("N4", Fabric=_group(description))) == ["Ingress", "Egress"]


def test_all_traffic_between_two_marked_groups_passes() -> None:
    """A Lustre file system with EFA has it from the group of its clients."""
    other = changed(
        "N4",
        Lustre=_group("Lustre over EFA"),
        FabricOut__Properties={
            "GroupId": {"Ref": "Fabric"},
            "DestinationSecurityGroupId": {"Ref": "Lustre"},
            "IpProtocol": -1,
        },
    )
    assert found("N4", other) == []


def test_a_group_with_one_port_to_itself_is_no_group_of_nodes() -> None:
    """Clients of Lustre may join jobs, and reach each other on its ports alone."""
    template = changed("N4", NodesIn__Properties__FromPort=988, NodesIn__Properties__ToPort=988, KeysIn=None)
    assert found("N4", template) == []


def test_a_group_of_nodes_without_jobs_needs_no_encryption() -> None:
    assert found("N4", changed("N4", Boundary=None, KeysIn=None)) == []


def test_each_missing_rule_of_encryption_is_a_finding_of_its_own() -> None:
    template = changed("N4", KeysIn=None, EncryptedOut=None)
    assert _details("N4", template) == ["udp 500 from itself", "protocol 50 to itself"]


def test_the_endpoints_without_a_policy_are_those_that_take_none() -> None:
    refused = {key for key, service in INTERFACE_SERVICES.items() if not service.takes_policy}
    assert set(WITHOUT_POLICY) == refused


def test_an_endpoint_policy_for_one_role_passes() -> None:
    principal = {"AWS": "arn:aws:iam::111111111111:role/jobs"}
    template = changed(
        "N5",
        Api__Properties__PolicyDocument__Statement__0__Condition=None,
        Api__Properties__PolicyDocument__Statement__0__Principal=principal,
    )
    assert found("N5", template) == []


def test_an_endpoint_policy_for_all_but_one_admits_strangers() -> None:
    statement = {"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "Action": "*", "Resource": "*"}
    assert _details("N5", changed("N5", Api__Properties__PolicyDocument__Statement=[statement])) == ["Strangers"]


def test_a_denial_in_an_endpoint_policy_admits_nobody() -> None:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
    assert found("N5", changed("N5", Api__Properties__PolicyDocument__Statement=[statement])) == []


def test_a_bucket_of_the_app_in_an_endpoint_policy_is_named() -> None:
    bucket = {"Fn::Join": ["", [{"Fn::GetAtt": ["Bucket", "Arn"]}, "/*"]]}
    assert found("N5", changed("N5", Buckets__Properties__PolicyDocument__Statement__0__Resource=bucket)) == []


def test_a_gateway_endpoint_has_no_private_name() -> None:
    assert (
        found("N5", changed("N5", Api__Properties__VpcEndpointType="Gateway", Api__Properties__PrivateDnsEnabled=None))
        == []
    )


def test_a_vpc_with_a_route_out_needs_no_endpoint() -> None:
    route = {"RouteTableId": {"Ref": "Table"}, "DestinationCidrBlock": "0.0.0.0/0", "TransitGatewayId": "tgw-1"}
    assert found("N6", changed("N6", EcsAgent=None, Out={"Type": "AWS::EC2::Route", "Properties": route})) == []


def test_a_vpc_of_another_app_is_not_judged() -> None:
    assert found("N6", changed("N6", Subnet=None, Domain=None, EcsAgent=None)) == []


def test_fargate_has_no_container_agent() -> None:
    template = changed("N6", Hosts__Properties__ComputeResources__Type="FARGATE", EcsAgent=None, EcrApi=None)
    assert _details("N6", template) == ["ecr.api"]


def test_hosts_of_kubernetes_need_none_of_these() -> None:
    template = changed("N6", Hosts__Properties__EksConfiguration={}, EcsAgent=None)
    assert found("N6", template) == []


def test_a_domain_with_a_way_of_its_own_to_the_internet_needs_no_endpoint() -> None:
    template = changed("N6", Domain__Properties__AppNetworkAccessType="PublicInternetOnly", Studio=None)
    assert found("N6", template) == []


def test_a_service_name_with_the_region_of_the_deployment_counts() -> None:
    name = {"Fn::Join": ["", ["com.amazonaws.", {"Ref": "AWS::Region"}, ".ecs-agent"]]}
    assert found("N6", changed("N6", EcsAgent__Properties__ServiceName=name)) == []


def test_an_endpoint_of_an_unknown_service_may_be_the_missing_one() -> None:
    assert found("N6", changed("N6", EcsAgent__Properties__ServiceName={"Ref": "Service"})) == []


def test_a_feature_that_several_resources_use_is_one_finding() -> None:
    again = changed("N6")["Hosts"]
    assert _details("N6", changed("N6", Again=again, EcsAgent=None)) == ["ecs-agent"]


def test_the_groups_of_one_file_system_count_together() -> None:
    """Its servers have all of them."""
    groups = [{"Ref": "Servers"}, {"Ref": "Other"}]
    template = changed("N7", Other=_group(), FileSystem__Properties__SecurityGroupIds=groups)
    assert found("N7", template) == []


def test_two_file_systems_with_one_group_are_one_finding() -> None:
    again = changed("N7")["FileSystem"]
    assert _details("N7", changed("N7", Again=again, ClientsIn=None)) == [
        "tcp 988 from itself",
        "tcp 1018-1023 from itself",
    ]


def test_a_file_system_of_another_kind_is_not_judged() -> None:
    assert found("N7", changed("N7", ServersIn=None, FileSystem__Properties__FileSystemType="OPENZFS")) == []


def test_a_port_that_only_a_deployment_knows_passes() -> None:
    assert found("N7", changed("N7", ServersInToo__Properties__ToPort={"Ref": "Port"})) == []
