"""Against the local AWS, with assemblies written by hand."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from environments import Environment, EnvironmentFileError, load
from local_aws import LocalAws
from operations import __main__ as command
from operations.deployed import check_replacement, template_of
from operations.errors import InputError
from tests.support import Json, environment_with

pytestmark = pytest.mark.slow

LOCAL = load("local")
LOOKUP = f"arn:${{AWS::Partition}}:iam::{LOCAL.account}:role/cdk-hnb659fds-lookup-role-{LOCAL.account}-eu-west-1"
VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
OTHER_VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.1.0.0/16"}}
TOPIC = {"Type": "AWS::SNS::Topic"}
REPLACED = "trainyard-local-network.Vpc (AWS::EC2::VPC) would be replaced"


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws() as aws:
        yield aws


def assembly(folder: Path, resources: Json, *, environment: str = "local", key: str = "Network") -> Path:
    """The assembly of an environment with one stack."""
    name = f"trainyard-{environment}-{key.lower()}"
    (folder / "one.json").write_text(json.dumps({"Resources": resources}))
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://{LOCAL.account}/eu-west-1",
        "properties": {"stackName": name, "templateFile": "one.json", "lookupRole": {"arn": LOOKUP}},
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {key: stack}}))
    return folder


def deploy(aws: LocalAws, resources: Json, name: str = "trainyard-local-network") -> None:
    aws.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))


def check(folder: Path, environment: Environment = LOCAL) -> tuple[bool, str]:
    """Whether it may be deployed, and what is said."""
    said: list[str] = []
    session = boto3.Session("local", "local", region_name="eu-west-1")
    return check_replacement(environment, folder, session, said.append), "\n".join(said)


def allowing(*names: str) -> Environment:
    return environment_with({"allowed_replacements": list(names)}, base="local")


@pytest.mark.usefixtures("aws")
def test_a_first_deployment_replaces_nothing(tmp_path: Path) -> None:
    assert check(assembly(tmp_path, {"Vpc": VPC})) == (True, "")


def test_the_same_once_more_replaces_nothing(aws: LocalAws, tmp_path: Path) -> None:
    deploy(aws, {"Vpc": VPC})
    assert check(assembly(tmp_path, {"Vpc": VPC})) == (True, "")


def test_what_is_deployed_and_would_be_replaced_is_refused(aws: LocalAws, tmp_path: Path) -> None:
    deploy(aws, {"Vpc": VPC})
    passed, said = check(assembly(tmp_path, {"Vpc": OTHER_VPC}))
    assert not passed
    assert f"local: refused:\n- {REPLACED}" in said
    assert said.endswith("allowed_replacements:\n  - trainyard-local-network.Vpc")


def test_what_is_deployed_and_would_be_removed_is_refused(aws: LocalAws, tmp_path: Path) -> None:
    deploy(aws, {"Vpc": VPC, "Topic": TOPIC})
    passed, said = check(assembly(tmp_path, {"Topic": TOPIC}))
    assert not passed
    assert "trainyard-local-network.Vpc (AWS::EC2::VPC) would be removed" in said


def test_what_holds_nothing_may_go(aws: LocalAws, tmp_path: Path) -> None:
    deploy(aws, {"Vpc": VPC, "Topic": TOPIC})
    assert check(assembly(tmp_path, {"Vpc": VPC})) == (True, "")


def test_what_the_environment_file_allows_passes_and_is_told(aws: LocalAws, tmp_path: Path) -> None:
    deploy(aws, {"Vpc": VPC})
    passed, said = check(assembly(tmp_path, {"Vpc": OTHER_VPC}), allowing("trainyard-local-network.Vpc"))
    assert passed
    assert said.startswith(f"allowed: {REPLACED}")


def test_the_line_that_is_told_is_the_one_that_allows_it(aws: LocalAws, tmp_path: Path) -> None:
    deploy(aws, {"Vpc": VPC})
    folder = assembly(tmp_path, {"Vpc": OTHER_VPC})
    (name,) = re.findall(r"(?m)^  - (\S+)$", check(folder)[1])
    assert check(folder, allowing(name))[0]


def test_one_that_is_allowed_allows_no_other(aws: LocalAws, tmp_path: Path) -> None:
    deploy(aws, {"Vpc": VPC, "Second": VPC})
    passed, said = check(
        assembly(tmp_path, {"Vpc": OTHER_VPC, "Second": OTHER_VPC}), allowing("trainyard-local-network.Vpc")
    )
    assert not passed
    assert "- trainyard-local-network.Second (AWS::EC2::VPC) would be replaced" in said


def test_one_that_is_allowed_in_vain_is_told(aws: LocalAws, tmp_path: Path) -> None:
    deploy(aws, {"Vpc": VPC})
    passed, said = check(assembly(tmp_path, {"Vpc": VPC}), allowing("trainyard-local-network.Vpc"))
    assert passed
    assert said == (
        "warning: allowed_replacements: 'trainyard-local-network.Vpc': would be neither replaced nor removed: "
        "take it out"
    )


def test_a_stack_that_the_assembly_does_not_have_is_left_alone(aws: LocalAws, tmp_path: Path) -> None:
    deploy(aws, {"Vpc": VPC}, name="trainyard-local-team-gone")
    assert check(assembly(tmp_path, {"Vpc": VPC})) == (True, "")


def test_a_stack_whose_first_deployment_failed_holds_nothing(aws: LocalAws, tmp_path: Path) -> None:
    broken = {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.9.0.0/24"}}
    deploy(aws, {"Vpc": VPC, "Subnet": broken})
    (stack,) = aws.client("cloudformation").describe_stacks(StackName="trainyard-local-network")["Stacks"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert check(assembly(tmp_path, {})) == (True, "")


def test_a_stack_that_is_only_reviewed_holds_nothing(aws: LocalAws, tmp_path: Path) -> None:
    aws.client("cloudformation").create_change_set(
        StackName="trainyard-local-network",
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": {"Vpc": VPC}}),
    )
    assert check(assembly(tmp_path, {})) == (True, "")


def test_a_template_in_yaml_is_read(aws: LocalAws) -> None:
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(StackName="one", TemplateBody="Resources: {Topic: {Type: 'AWS::SNS::Topic'}}")
    assert template_of(cloudformation, "one") == {"Resources": {"Topic": TOPIC}}


def test_a_stack_that_was_deleted_has_no_template(aws: LocalAws) -> None:
    deploy(aws, {"Topic": TOPIC}, name="one")
    aws.client("cloudformation").delete_stack(StackName="one")
    assert template_of(aws.client("cloudformation"), "one") is None


def test_stacks_are_read_with_the_role_of_the_bootstrap(aws: LocalAws, tmp_path: Path) -> None:
    """Whoever deploys may have no other way."""
    deploy(aws, {"Vpc": VPC})
    session = boto3.Session("local", "local", region_name="eu-west-1")
    asked: list[str] = []
    session.events.register("before-parameter-build.*.*", lambda model, **_: asked.append(model.name))
    assert not check_replacement(LOCAL, assembly(tmp_path, {"Vpc": OTHER_VPC}), session, print)
    assert asked == ["AssumeRole"]


def test_without_that_role_they_are_read_as_who_asks(aws: LocalAws, tmp_path: Path) -> None:
    deploy(aws, {"Vpc": VPC})
    assert not check_replacement(LOCAL, assembly(tmp_path, {"Vpc": OTHER_VPC}), without_role(), print)


def test_another_account_is_refused(tmp_path: Path) -> None:
    """There, nothing of the environment is deployed, and all would seem well."""
    with LocalAws(account="222222222222"), pytest.raises(InputError, match=f"local is of {LOCAL.account}, and these"):
        check_replacement(LOCAL, assembly(tmp_path, {}), without_role(), print)


def without_role() -> boto3.Session:
    """A session that may take on no role."""
    session = boto3.Session("local", "local", region_name="eu-west-1")
    refusal = {"Error": {"Code": "AccessDenied", "Message": "not authorized"}, "ResponseMetadata": {}}
    response = type("Response", (), {"status_code": 403})
    session.events.register("before-call.sts.AssumeRole", lambda **_: (response, refusal))  # type: ignore[arg-type]
    return session


@pytest.mark.usefixtures("aws")
def test_the_assembly_of_another_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not an assembly of local: it holds trainyard-local-2-network"):
        check(assembly(tmp_path, {}, environment="local-2"))


@pytest.mark.usefixtures("aws")
def test_a_folder_without_an_assembly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not an assembly of cdk synth"):
        check(tmp_path)


@pytest.mark.parametrize(("resources", "code"), [({"Vpc": VPC}, 0), ({"Vpc": OTHER_VPC}, 1)])
def test_the_exit_code_says_whether_it_may_be_deployed(
    aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resources: Json, code: int
) -> None:
    deploy(aws, {"Vpc": VPC})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    folder = assembly(tmp_path, resources)
    monkeypatch.setattr("sys.argv", ["operations", "check-replacement", "local", "--assembly", str(folder)])
    assert command.main() == code


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["Vpc"], "[0]: 'Vpc': must be STACK.LogicalId, as make diff calls it"),
        (
            ["trainyard-prod-data.Key"],
            "[0]: 'trainyard-prod-data.Key': must be in a stack of this environment, as trainyard-local-data",
        ),
        (
            ["trainyard-local-data.Key", "trainyard-local-data.Key"],
            "[1]: 'trainyard-local-data.Key': must be unique: it stands here a second time",
        ),
    ],
)
def test_what_no_deployment_calls_so_is_not_allowed(names: list[str], message: str) -> None:
    with pytest.raises(EnvironmentFileError) as refused:
        allowing(*names)
    assert str(refused.value) == f"local.yaml: allowed_replacements{message}"


@pytest.mark.parametrize("target", ["diff", "deploy"])
def test_make_checks_what_was_synthesised_before_it_is_used(target: str) -> None:
    lines = subprocess.run(
        ["make", "--dry-run", "-o", ".venv/.synth", target, "ENV=local"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    synth, check, use = (line for line in lines if "cdk " in line or "check-replacement" in line)
    assert 'cdk synth --quiet --context environment="local"' in synth
    assert 'operations check-replacement "local"' in check
    assert f"cdk {target}" in use
    assert "--app cdk.out" in use
