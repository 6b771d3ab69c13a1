"""The real CDK CLI against a server of the local AWS."""

import json
from pathlib import Path

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk import aws_s3_assets as assets

from tests.end_to_end.conftest import ACCOUNT, REGION, Project
from tests.support import Json

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts(["127.0.0.1"])]


def parameter(value: object, **properties: object) -> Json:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value, **properties}}


def topic(**properties: object) -> Json:
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def value_of(project: Project, logical_id: str) -> str:
    name = project.physical_id(logical_id)
    return str(project.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])


def topics(project: Project) -> set[str]:
    return {each["TopicArn"] for each in project.client("sns").list_topics()["Topics"]}


def test_an_app_with_assets_is_deployed_after_bootstrap(project: Project, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("carried by the assembly")
    app = cdk.App(outdir=str(tmp_path / "cdk.out"))
    stack = cdk.Stack(app, project.name, env=cdk.Environment(account=ACCOUNT, region=REGION))
    asset = assets.Asset(stack, "Words", path=str(tmp_path / "words"))
    for number in range(120):  # past the size that a request takes, so the template goes through the bucket too
        cdk.CfnResource(
            stack, f"Parameter{number}", type="AWS::SSM::Parameter", properties=parameter("x" * 400)["Properties"]
        )
    cdk.CfnOutput(stack, "Key", value=asset.s3_object_key)
    cdk.CfnOutput(stack, "Bucket", value=asset.s3_bucket_name)
    app.synth()
    built = Project(tmp_path / "cdk.out", project.running, project.name)

    bootstrapped = built.cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}")
    assert bootstrapped.returncode == 0, bootstrapped.stdout
    built.deployed()

    (described,) = built.client("cloudformation").describe_stacks(StackName=built.name)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}
    stored = built.client("s3").get_object(Bucket=outputs["Bucket"], Key=outputs["Key"])["Body"].read()
    assert stored == b"carried by the assembly"


def test_a_stack_is_deployed_with_its_outputs(project: Project) -> None:
    outputs = {"Word": {"Value": {"Fn::GetAtt": ["Word", "Value"]}}}
    project.write({"Topic": topic(), "Word": parameter({"Ref": "Topic"})}, outputs)
    result = project.deploy()
    assert result.returncode == 0, result.stdout
    assert f"{project.name}.Word = {project.physical_id('Topic')}" in result.stdout
    assert project.physical_id("Topic") in topics(project)


def test_what_did_not_change_is_not_deployed_again(project: Project) -> None:
    project.write({"Word": parameter("one")})
    project.deployed()
    result = project.deploy()
    assert f"{project.name} (no changes)" in result.stdout
    assert project.status() == "CREATE_COMPLETE"


def test_a_change_in_place_keeps_the_resource(project: Project) -> None:
    project.write({"Word": parameter("one")})
    project.deployed()
    name = project.physical_id("Word")
    project.write({"Word": parameter("two")})
    project.deployed()
    assert project.physical_id("Word") == name
    assert value_of(project, "Word") == "two"


def test_a_change_that_replaces_makes_another_and_removes_the_old_one(project: Project) -> None:
    project.write({"Topic": topic(TopicName=f"{project.name}-old")})
    project.deployed()
    old = project.physical_id("Topic")
    project.write({"Topic": topic(TopicName=f"{project.name}-new")})
    project.deployed()
    assert project.physical_id("Topic") == old.replace("-old", "-new")
    assert {old, project.physical_id("Topic")} & topics(project) == {project.physical_id("Topic")}


def test_a_resource_that_the_template_no_longer_has_goes(project: Project) -> None:
    project.write({"Topic": topic(), "Word": parameter("one")})
    project.deployed()
    gone = project.physical_id("Topic")
    project.write({"Word": parameter("one")})
    project.deployed()
    assert gone not in topics(project)


def with_a_bucket_that_is_there(project: Project, first: Json) -> Json:
    """``First`` is made, and then a bucket fails."""
    name = f"taken-{project.name}"
    project.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    bucket = {"Type": "AWS::S3::Bucket", "DependsOn": "First", "Properties": {"BucketName": name}}
    return {"First": first, "Taken": bucket}


def test_a_deployment_that_fails_takes_back_what_it_made(project: Project) -> None:
    before = topics(project)
    project.write(with_a_bucket_that_is_there(project, topic()))
    result = project.deploy()
    assert result.returncode == 1
    assert "Taken" in result.stdout
    assert "already" in result.stdout
    assert project.status() == "ROLLBACK_COMPLETE"
    assert topics(project) == before


def test_a_stack_that_failed_at_first_is_deployed_once_it_is_mended(project: Project) -> None:
    project.write(with_a_bucket_that_is_there(project, topic()))
    project.deploy()
    project.write({"Word": parameter("mended")})
    project.deployed()
    assert value_of(project, "Word") == "mended"


def test_a_change_that_fails_leaves_things_as_they_were(project: Project) -> None:
    project.write({"First": parameter("one")})
    project.deployed()
    project.write(with_a_bucket_that_is_there(project, parameter("two")))
    assert project.deploy().returncode == 1
    assert project.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert value_of(project, "First") == "one"


def test_a_type_that_nobody_knows_is_refused_by_name(project: Project) -> None:
    project.write({"Odd": {"Type": "AWS::Odd::Thing", "Properties": {}}})
    result = project.deploy()
    assert result.returncode == 1
    assert "AWS::Odd::Thing" in result.stdout


def test_a_property_that_the_type_has_not_is_refused_by_name(project: Project) -> None:
    project.write({"Topic": topic(Colour="red")})
    result = project.deploy()
    assert result.returncode == 1
    assert "Colour" in result.stdout


def test_diff_shows_what_would_change(project: Project) -> None:
    project.write({"Word": parameter("one")})
    project.deployed()
    project.write({"Word": parameter("two")})
    out = project.cdk("diff", project.name).stdout
    assert "[~] AWS::SSM::Parameter Word" in out
    assert "[-] one" in out
    assert "[+] two" in out
    assert value_of(project, "Word") == "one"


def test_diff_says_when_nothing_would(project: Project) -> None:
    project.write({"Word": parameter("one")})
    project.deployed()
    assert "There were no differences" in project.cdk("diff", project.name).stdout


def test_destroy_removes_the_stack_and_what_it_made(project: Project) -> None:
    project.write({"Topic": topic()})
    project.deployed()
    gone = project.physical_id("Topic")
    result = project.cdk("destroy", project.name, "--force")
    assert result.returncode == 0, result.stdout
    assert project.status() == ""
    assert gone not in topics(project)


def test_destroy_keeps_what_the_template_retains(project: Project) -> None:
    project.write({"Topic": {**topic(), "DeletionPolicy": "Retain"}})
    project.deployed()
    kept = project.physical_id("Topic")
    project.cdk("destroy", project.name, "--force")
    assert project.status() == ""
    assert kept in topics(project)


def test_destroy_of_a_bucket_with_something_in_it_fails_and_says_why(project: Project) -> None:
    project.write({"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {}}})
    project.deployed()
    project.client("s3").put_object(Bucket=project.physical_id("Bucket"), Key="word", Body=b"")
    result = project.cdk("destroy", project.name, "--force")
    assert result.returncode == 1
    assert "not empty" in result.stdout
    assert project.status() == "DELETE_FAILED"


def test_a_protected_stack_is_not_destroyed(project: Project) -> None:
    project.write({"Word": parameter("one")}, protected=True)
    project.deployed()
    assert project.cdk("destroy", project.name, "--force").returncode == 1
    assert project.status() == "CREATE_COMPLETE"


@pytest.fixture
def exporting(project: Project) -> Project:
    """The stack exports a value that the stack ``NAME-user`` uses."""
    export = f"{project.name}-word"
    project.write({"Word": parameter("one")}, exported(export, "Word"))
    project.write({"Copy": parameter({"Fn::ImportValue": export})}, name=f"{project.name}-user")
    project.deployed()
    project.deployed(f"{project.name}-user")
    return project


def exported(export: str, logical_id: str) -> Json:
    return {"Word": {"Value": {"Fn::GetAtt": [logical_id, "Value"]}, "Export": {"Name": export}}}


def test_an_export_that_is_used_keeps_its_stack(exporting: Project) -> None:
    result = exporting.cdk("destroy", exporting.name, "--force")
    assert result.returncode == 1
    assert f"{exporting.name}-word" in result.stdout
    assert f"{exporting.name}-user" in result.stdout
    assert value_of(exporting, "Word") == "one"


def test_an_export_that_is_used_does_not_change(exporting: Project) -> None:
    exporting.write({"Word": parameter("two")}, exported(f"{exporting.name}-word", "Word"))
    result = exporting.deploy()
    assert result.returncode == 1
    assert f"in use by {exporting.name}-user" in result.stdout
    assert value_of(exporting, "Word") == "one"


def test_a_stack_goes_once_nobody_uses_its_exports(exporting: Project) -> None:
    exporting.cdk("destroy", f"{exporting.name}-user", "--force")
    exporting.cdk("destroy", exporting.name, "--force")
    assert (exporting.status(), exporting.status(f"{exporting.name}-user")) == ("", "")


def test_an_export_that_is_not_there_is_told(project: Project) -> None:
    project.write({"Copy": parameter({"Fn::ImportValue": "nobody-exports-this"})})
    result = project.deploy()
    assert result.returncode == 1
    assert "nobody-exports-this" in result.stdout


def test_the_deployed_template_is_the_one_that_was_written(project: Project) -> None:
    project.write({"Word": parameter("one")})
    project.deployed()
    deployed = project.client("cloudformation").get_template(StackName=project.name)["TemplateBody"]
    # The CLI sends YAML.
    assert yaml.safe_load(deployed) == json.loads((project.folder / f"{project.name}.template.json").read_text())
