"""What the examples of policies/rules/sagemaker.py do not show: what is no finding, and what tells findings apart."""

import base64
from typing import Any

import pytest

from policies.rules.sagemaker import RULES
from policies.rules.template import App, Json, Stack

CHECKS = {rule.id: rule.check for rule in RULES}
DEPLOYED = {"Ref": "Parameter"}


def found(id_: str, **resources: Json) -> list[tuple[str, str]]:
    """Logical id and detail of each finding."""
    app = App([Stack("template.json", {"Resources": resources})])
    return [(finding.resource.logical_id, finding.detail) for finding in CHECKS[id_](app)]


def resource(type_: str, **properties: Any) -> Json:
    return {"Type": type_, "Properties": properties}


def notebook(**properties: Any) -> Json:
    return resource("AWS::SageMaker::NotebookInstance", **properties)


def domain(**properties: Any) -> Json:
    return resource("AWS::SageMaker::Domain", **properties)


def profile(role: Any, *groups: Any) -> Json:
    return resource("AWS::SageMaker::UserProfile", UserSettings={"ExecutionRole": role, "SecurityGroups": list(groups)})


def ingress(group: Any, source: Any, **properties: Any) -> Json:
    ends = {"GroupId": group, "SourceSecurityGroupId": source, "IpProtocol": "tcp"}
    return resource("AWS::EC2::SecurityGroupIngress", **{**ends, **properties})


def hook(content: Any) -> Json:
    return resource("AWS::SageMaker::NotebookInstanceLifecycleConfig", OnStart=[{"Content": content}])


def script(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


SAFE = {"MinimumInstanceMetadataServiceVersion": "2"}


def test_a_notebook_without_a_platform_gets_aws_s_newest() -> None:
    assert found("S1", Notebook=notebook(InstanceMetadataServiceConfiguration=SAFE)) == []


def test_a_metadata_version_written_as_a_number_is_the_same() -> None:
    configuration = {"MinimumInstanceMetadataServiceVersion": 2}
    assert found("S1", Notebook=notebook(InstanceMetadataServiceConfiguration=configuration)) == []


def test_platform_and_metadata_version_are_findings_of_their_own() -> None:
    details = [detail for _, detail in found("S1", Notebook=notebook(PlatformIdentifier="notebook-al2-v3"))]
    assert details == ["PlatformIdentifier", "MinimumInstanceMetadataServiceVersion"]


@pytest.mark.parametrize("id_", ["S2", "S3"])
def test_what_only_a_deployment_of_a_notebook_knows_is_right(id_: str) -> None:
    names = ("RootAccess", "DirectInternetAccess", "SubnetId", "SecurityGroupIds")
    assert found(id_, Notebook=notebook(**dict.fromkeys(names, DEPLOYED))) == []


def test_no_value_is_no_subnet() -> None:
    properties = {"SecurityGroupIds": ["sg-1"], "DirectInternetAccess": "Disabled"}
    assert found("S3", Notebook=notebook(SubnetId={"Ref": "AWS::NoValue"}, **properties)) == [("Notebook", "SubnetId")]


def test_a_notebook_may_have_no_lifecycle_configuration() -> None:
    assert found("S4", Notebook=notebook()) == []


def test_a_lifecycle_configuration_of_the_app_may_be_named_by_its_name() -> None:
    scripts = resource("AWS::SageMaker::NotebookInstanceLifecycleConfig", NotebookInstanceLifecycleConfigName="scripts")
    assert found("S4", Notebook=notebook(LifecycleConfigName="scripts"), Scripts=scripts) == []


def test_a_script_that_only_a_deployment_knows_is_right() -> None:
    assert found("S4", Scripts=hook(DEPLOYED)) == []


def test_base64_in_lines_is_read() -> None:
    lines = base64.encodebytes(b"password=hunter2\n" * 9).decode()
    assert found("S4", Scripts=hook(lines)) == [("Scripts", "OnStart.0.Content.Password")]


@pytest.mark.parametrize("content", ["#!/bin/bash", "Köln", base64.b64encode(b"\xff\xfe").decode()])
def test_what_is_no_text_in_base64_is_found(content: str) -> None:
    assert found("S4", Scripts=hook(content)) == [("Scripts", "OnStart.0.Content.Base64")]


@pytest.mark.parametrize(
    "line",
    [
        "curl -s https://example.com/install | bash",
        "curl -s https://example.com/install |sudo /bin/sh -s",
        "wget -qO- https://example.com/install \\\n  | zsh",
        'bash -c "$(curl -fsSL https://example.com/install)"',
        "bash <(wget -qO- https://example.com/install)",
        "source <(curl https://example.com/settings)",
        'eval "$(curl https://example.com/settings)"',
    ],
)
def test_what_runs_a_download_is_found(line: str) -> None:
    assert found("S4", Scripts=hook(script(line))) == [("Scripts", "OnStart.0.Content.Download")]


@pytest.mark.parametrize(
    "line",
    [
        "curl -o /tmp/file https://example.com/file",
        "curl https://example.com/file || sh /opt/fallback.sh",
        "curl https://example.com/file | sha256sum",
        "aws s3 cp s3://tools/set-up.sh - | bash",
        "curl https://example.com/file; cat script | bash",
        "TOKEN=$(curl -X PUT http://169.254.169.254/latest/api/token)",
    ],
)
def test_what_only_downloads_is_no_finding(line: str) -> None:
    assert found("S4", Scripts=hook(script(line))) == []


def test_output_of_notebooks_is_disabled_when_nothing_is_said() -> None:
    assert found("S6", Domain=domain(KmsKeyId=DEPLOYED, DefaultUserSettings={})) == []


def test_a_key_of_aws_does_not_do_for_shared_output() -> None:
    sharing = {"NotebookOutputOption": "Allowed", "S3KmsKeyId": "arn:aws:kms:eu-west-1:111111111111:alias/aws/s3"}
    resources = domain(KmsKeyId=DEPLOYED, DefaultUserSettings={"SharingSettings": sharing})
    assert found("S6", Domain=resources) == [("Domain", "SharingSettings")]


def test_docker_is_off_when_nothing_is_said() -> None:
    assert found("S8", Domain=domain()) == []


def test_one_person_alone_has_everything_alone() -> None:
    assert found("S9", Alice=profile("alice", "sg-1")) == []


def test_the_same_parameter_for_two_people_is_one_role() -> None:
    profiles = {"Alice": profile(DEPLOYED, "sg-1"), "Bob": profile(DEPLOYED, "sg-2")}
    assert found("S9", **profiles) == [("Alice", "ExecutionRole"), ("Bob", "ExecutionRole")]


def test_the_same_name_of_a_parameter_in_two_stacks_is_two_roles() -> None:
    stacks = [
        Stack(f"{name}.json", {"Resources": {name: profile(DEPLOYED, f"sg-{name}")}}) for name in ("Alice", "Bob")
    ]
    assert list(CHECKS["S9"](App(stacks))) == []


def test_a_role_of_another_stack_is_the_same_under_its_export() -> None:
    role = resource("AWS::IAM::Role")
    export = {"Value": {"Fn::GetAtt": ["Role", "Arn"]}, "Export": {"Name": "Roles:Role"}}
    alice = profile({"Fn::GetAtt": ["Role", "Arn"]}, "sg-1")
    first = Stack("first.json", {"Resources": {"Role": role, "Alice": alice}, "Outputs": {"Role": export}})
    second = Stack("second.json", {"Resources": {"Bob": profile({"Fn::ImportValue": "Roles:Role"}, "sg-2")}})
    findings = list(CHECKS["S9"](App([first, second])))
    assert [finding.resource.logical_id for finding in findings] == ["Alice", "Bob"]


def test_groups_that_only_a_deployment_knows_are_right() -> None:
    someone = profile("alice")
    someone["Properties"]["UserSettings"]["SecurityGroups"] = DEPLOYED
    assert found("S9", Alice=someone, Bob=profile("bob", "sg-2")) == []


def test_a_group_of_shared_spaces_is_nobody_s_own() -> None:
    spaces = domain(DefaultSpaceSettings={"SecurityGroups": ["sg-1"]})
    assert found("S9", Domain=spaces, Alice=profile("alice", "sg-1")) == [("Alice", "SecurityGroups")]


def shared_group_that_admits_itself(**properties: Any) -> list[tuple[str, str]]:
    return found(
        "S9",
        Alice=profile("alice", "sg-alice", "sg-shared"),
        Bob=profile("bob", "sg-bob", "sg-shared"),
        Rule=ingress("sg-shared", "sg-shared", **properties),
    )


@pytest.mark.parametrize("ports", [(988, 988), (1018, 1023), ("988", "988"), (DEPLOYED, DEPLOYED)])
def test_clients_of_lustre_may_let_each_other_in(ports: tuple[Any, Any]) -> None:
    assert shared_group_that_admits_itself(FromPort=ports[0], ToPort=ports[1]) == []


@pytest.mark.parametrize("ports", [(988, 1023), (8192, 65535), (0, 988), (22, 22)])
def test_people_s_shared_group_admits_itself_nowhere_else(ports: tuple[int, int]) -> None:
    detail = "SecurityGroups.sg-shared"
    assert shared_group_that_admits_itself(FromPort=ports[0], ToPort=ports[1]) == [("Alice", detail), ("Bob", detail)]


def test_a_protocol_without_ports_is_all_of_them() -> None:
    assert len(shared_group_that_admits_itself(IpProtocol="50")) == len(["Alice", "Bob"])


def test_an_own_group_may_admit_itself() -> None:
    people = {"Alice": profile("alice", "sg-alice"), "Bob": profile("bob", "sg-bob")}
    assert found("S9", **people, Rule=ingress("sg-alice", "sg-alice", FromPort=8192, ToPort=65535)) == []


def test_an_own_group_may_admit_what_no_person_is_in() -> None:
    people = {"Alice": profile("alice", "sg-alice"), "Bob": profile("bob", "sg-bob")}
    assert found("S9", **people, Rule=ingress("sg-alice", "sg-load-balancer", FromPort=443, ToPort=443)) == []


def test_remote_access_is_off_when_nothing_is_said() -> None:
    space = resource(
        "AWS::SageMaker::Space",
        OwnershipSettings={"OwnerUserProfileName": "alice"},
        SpaceSharingSettings={"SharingType": "Private"},
    )
    assert found("S10", Space=space) == []
