"""Facts about the rules of Batch that their examples do not show."""

import base64
from typing import Any

import pytest

from policies.rules.template import Settings
from tests.policies.rules.judged import changed, found

ONE = "ContainerProperties"
CLOSED = "echo ECS_AWSVPC_BLOCK_IMDS=true >>/etc/ecs/ecs.config\n"


def _user_data(value: Any) -> list[str]:
    return [
        each.detail for each in found("B1", changed("B1", Template__Properties__LaunchTemplateData__UserData=value))
    ]


def _one_container(**changes: Any) -> list[str]:
    template = changed(
        "B3", **{f"Single__Properties__ContainerProperties__{key}": value for key, value in changes.items()}
    )
    return [each.detail for each in found("B3", template)]


def _hosts(**changes: Any) -> list[str]:
    template = changed("B2", **{f"Hosts__Properties__ComputeResources__{key}": value for key, value in changes.items()})
    return [each.detail for each in found("B2", template)]


def test_only_hosts_of_batch_close_the_metadata_service_to_containers() -> None:
    template = changed("B1", Template__Properties__LaunchTemplateData__UserData=None)
    assert [each.detail for each in found("B1", template)] == ["UserData.ECS_AWSVPC_BLOCK_IMDS"]
    del template["Hosts"]
    assert found("B1", template) == []


def test_a_launch_template_of_some_instance_types_is_one_of_batch() -> None:
    override = {"LaunchTemplateId": {"Ref": "Other"}, "TargetInstanceTypes": ["p5"]}
    other = {"Type": "AWS::EC2::LaunchTemplate", "Properties": changed("B1")["Template"]["Properties"]}
    template = changed(
        "B1",
        Other=other,
        Hosts__Properties__ComputeResources__LaunchTemplate={"LaunchTemplateId": "lt-1", "Overrides": [override]},
        Other__Properties__LaunchTemplateData__UserData={"Fn::Base64": "true"},
    )
    assert [each.resource.logical_id for each in found("B1", template)] == ["Other"]


def test_user_data_may_be_encoded_already() -> None:
    assert _user_data(base64.b64encode(CLOSED.encode()).decode()) == []
    assert _user_data(base64.b64encode(b"echo hello\n").decode()) == ["UserData.ECS_AWSVPC_BLOCK_IMDS"]


def test_user_data_may_hold_what_only_a_deployment_knows() -> None:
    assert _user_data({"Fn::Base64": {"Fn::Join": ["", ["mount ", {"Ref": "FileSystem"}, "\n", CLOSED]]}}) == []
    assert _user_data({"Fn::Base64": {"Fn::ImportValue": "scripts:host"}}) == []


def test_a_secret_in_user_data_is_named_by_its_kind_alone() -> None:
    template = changed(
        "B1", Template__Properties__LaunchTemplateData__UserData={"Fn::Base64": f"PASSWORD=correct-horse\n{CLOSED}"}
    )
    (finding,) = found("B1", template)
    assert finding.detail == "UserData.Password"
    assert "correct-horse" not in finding.what


def test_a_host_without_a_metadata_service_needs_no_options_for_it() -> None:
    options = {"HttpEndpoint": "disabled"}
    assert found("B1", changed("B1", Template__Properties__LaunchTemplateData__MetadataOptions=options)) == []


def test_a_device_without_a_volume_is_not_encrypted() -> None:
    mapping = {"DeviceName": "/dev/xvdb", "NoDevice": ""}
    assert found("B1", changed("B1", Template__Properties__LaunchTemplateData__BlockDeviceMappings=[mapping])) == []


@pytest.mark.parametrize("version", ["3", {"Ref": "Version"}, {"Fn::GetAtt": ["Template", "DefaultVersionNumber"]}])
def test_a_version_is_fixed(version: Any) -> None:
    assert _hosts(LaunchTemplate__Version=version) == []


def test_an_environment_without_resources_of_its_own_is_not_judged() -> None:
    unmanaged = {"Type": "AWS::Batch::ComputeEnvironment", "Properties": {"Type": "UNMANAGED"}}
    assert found("B2", {"Hosts": unmanaged}) == []


def test_fargate_has_no_hosts_but_groups_and_subnets() -> None:
    resources = {"Type": "FARGATE", "MaxvCpus": 16, "Subnets": [{"Ref": "Subnet"}]}
    template = changed(
        "B2", Hosts__Properties__ComputeResources=resources, Subnet__Properties__MapPublicIpOnLaunch=True
    )
    assert [each.detail for each in found("B2", template)] == ["Subnets", "SecurityGroupIds"]


def test_groups_that_only_a_deployment_knows_are_there() -> None:
    assert _hosts(SecurityGroupIds={"Ref": "Groups"}) == []


def test_hosts_that_run_jobs_alone_may_be_reclaimed() -> None:
    template = changed(
        "B2",
        Template__Properties__LaunchTemplateData={},
        Hosts__Properties__ComputeResources__Type="SPOT",
    )
    assert found("B2", template) == []


def test_a_gateway_of_the_app_makes_a_subnet_public() -> None:
    route = {"RouteTableId": {"Ref": "Table"}, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": {"Ref": "Gateway"}}
    template = changed("B2", Route__Properties=route, Gateway={"Type": "AWS::EC2::InternetGateway"})
    assert [each.detail for each in found("B2", template)] == ["Subnets"]


def test_an_app_may_limit_how_large_an_environment_grows() -> None:
    template = changed("B2")
    assert found("B2", template, settings=Settings(max_vcpus=96)) == []
    assert [each.detail for each in found("B2", template, settings=Settings(max_vcpus=95))] == ["MaxvCpus"]


def test_a_folder_that_the_app_admits_may_be_mounted() -> None:
    template = changed("B3", Single__Properties__ContainerProperties__Volumes=[{"Host": {"SourcePath": "/data/a"}}])
    assert found("B3", template, settings=Settings(host_paths=["/fsx", "/dev/infiniband", "/data"])) == []
    assert found("B3", template) != []


@pytest.mark.parametrize("volume", [{"Host": {}}, {"EfsVolumeConfiguration": {"FileSystemId": "fs-1"}}])
def test_a_volume_without_a_path_of_the_host_passes(volume: Any) -> None:
    assert _one_container(Volumes=[volume]) == []


def test_a_folder_whose_name_only_begins_alike_is_another() -> None:
    assert _one_container(Volumes__0__Host__SourcePath="/fsxes") == ["ContainerProperties.Volumes.0.Host.SourcePath"]


def test_an_image_of_a_further_account_may_run() -> None:
    image = "222222222222.dkr.ecr.eu-west-1.amazonaws.com/train@sha256:" + "0" * 64
    template = changed("B3", Single__Properties__ContainerProperties__Image=image)
    assert found("B3", template, settings=Settings(image_accounts=["222222222222"])) == []
    assert [each.detail for each in found("B3", template)] == ["ContainerProperties.Image.Account"]


def test_a_variable_that_only_names_a_secret_passes() -> None:
    value = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:db"
    assert _one_container(Environment=[{"Name": "DB_SECRET_ARN", "Value": value}]) == []


def test_a_variable_that_only_a_deployment_knows_passes() -> None:
    assert _one_container(Environment=[{"Name": "DB_PASSWORD", "Value": {"Ref": "Password"}}]) == []


def test_each_secret_is_a_finding_of_its_own_that_does_not_tell_it() -> None:
    variables = [{"Name": name, "Value": "correct-horse"} for name in ("DB_PASSWORD", "GIT_PASSWORD")]
    template = changed("B3", Single__Properties__ContainerProperties__Environment=variables)
    findings = found("B3", template)
    assert [each.detail for each in findings] == [f"{ONE}.Environment.DB_PASSWORD", f"{ONE}.Environment.GIT_PASSWORD"]
    assert not any("correct-horse" in each.what for each in findings)


def test_another_log_driver_needs_no_log_group() -> None:
    assert _one_container(LogConfiguration={"LogDriver": "splunk"}) == []


def test_the_same_fault_of_two_containers_is_two_findings() -> None:
    task = "EcsProperties.TaskProperties.0"
    container = changed("B3")["Ecs"]["Properties"]["EcsProperties"]["TaskProperties"][0]["Containers"][0]
    template = changed("B3")
    template["Ecs"]["Properties"]["EcsProperties"]["TaskProperties"][0]["Containers"] = [
        {**container, "Privileged": True},
        {**container, "Privileged": "true"},
    ]
    details = [each.detail for each in found("B3", template)]
    assert details == [f"{task}.Containers.0.Privileged", f"{task}.Containers.1.Privileged"]


def test_a_definition_for_kubernetes_has_a_time_limit_too() -> None:
    pods = {"Type": "AWS::Batch::JobDefinition", "Properties": {"Type": "container", "EksProperties": {}}}
    assert [each.detail for each in found("B3", {"Pods": pods})] == ["Timeout"]
