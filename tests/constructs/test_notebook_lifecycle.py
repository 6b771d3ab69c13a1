from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk.assertions import Template

from policies.evaluator import Decision, Request, decide, plain
from tests.support import Json, documents
from trainyard.notebook_lifecycle import Archive, NotebookLifecycle, NotebookScripts, git_url

LIFECYCLE = sagemaker.CfnNotebookInstanceLifecycleConfig.CFN_RESOURCE_TYPE_NAME

ACCOUNT, REGION = "111111111111", "eu-west-1"
ASSETS = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
HERE = {"aws:ResourceAccount": ACCOUNT}
DIGEST = "b" * 64
HOOKS = ["OnCreate", "OnStart"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "job.tar").write_bytes(b"scripts")
    return folder


@pytest.fixture(scope="module")
def stack(folder: Path) -> Stack:
    stack = _stack()
    bucket = s3.CfnBucket(stack, "Bucket")
    _lifecycle(stack, folder, settings={"TEAM": "vision", "PACKAGES": f"s3://{bucket.ref}/packages"})
    return stack


@pytest.fixture(scope="module")
def template(stack: Stack) -> Template:
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def policy(template: Template) -> Json:
    (document,) = documents(template).values()
    return document


@pytest.fixture(scope="module")
def archive(template: Template) -> str:
    """The key of the archive that is fetched, as the scripts are told it."""
    return _settings(template, "OnStart")["JOB"].removeprefix(f"s3://{ASSETS}/")


@pytest.mark.parametrize(("hook", "body"), [("OnCreate", "echo created"), ("OnStart", "echo started")])
def test_each_hook_runs_its_script(template: Template, hook: str, body: str) -> None:
    lines = _content(template, hook).splitlines()
    assert (lines[0], lines[-1]) == ("#!/bin/bash", body)


@pytest.mark.parametrize("hook", HOOKS)
def test_what_is_known_only_once_it_is_deployed_is_filled_in_there(template: Template, hook: str) -> None:
    """So CloudFormation encodes the text; a token in base64 would stay a token."""
    (bucket,) = template.find_resources(s3.CfnBucket.CFN_RESOURCE_TYPE_NAME)
    assert {"Ref": bucket} in _hook(template, hook)["Content"]["Fn::Base64"]["Fn::Join"][1]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_script_is_told_its_settings(template: Template, hook: str) -> None:
    (bucket,) = template.find_resources(s3.CfnBucket.CFN_RESOURCE_TYPE_NAME)
    settings = _settings(template, hook)
    assert (settings["TEAM"], settings["PACKAGES"]) == ("vision", f"s3://ref-{bucket}/packages")


@pytest.mark.parametrize("hook", HOOKS)
def test_a_script_is_told_what_to_fetch_and_its_digest(template: Template, hook: str) -> None:
    settings = _settings(template, hook)
    assert settings["JOB"].startswith(f"s3://{ASSETS}/")
    assert settings["JOB_SHA256"] == DIGEST


def test_what_is_fetched_is_an_archive(archive: str) -> None:
    assert Path(archive).suffix == ".tar"


def test_the_policy_lets_an_instance_fetch_it(policy: Json, archive: str) -> None:
    assert _decision(policy, "s3:GetObject", archive) is Decision.ALLOWED


def test_the_policy_names_exactly_this_object(policy: Json, archive: str) -> None:
    (statement,) = (each for each in policy["Statement"] if "s3:GetObject" in each["Action"])
    assert statement["Resource"] == [f"arn:aws:s3:::{ASSETS}/{archive}"]


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:DeleteObject", "s3:ListBucket"])
def test_the_policy_lets_it_do_nothing_else(policy: Json, archive: str, action: str) -> None:
    assert _decision(policy, action, archive) is Decision.IMPLICITLY_DENIED


@pytest.mark.parametrize("group", ["NotebookInstances", "studio", "TrainingJobs"])
def test_the_logs_of_instances_are_written_and_no_others(policy: Json, group: str) -> None:
    stream = f"arn:aws:logs:eu-west-1:111111111111:log-group:/aws/sagemaker/{group}:log-stream:a/jupyter.log"
    allowed = decide(Request("logs:PutLogEvents", stream), [policy]) is Decision.ALLOWED
    assert allowed is (group == "NotebookInstances")


def test_a_configuration_is_named_so_that_guardrails_know_it(template: Template) -> None:
    template.has_resource_properties(LIFECYCLE, {"NotebookInstanceLifecycleConfigName": "Test"})


def test_nothing_is_fetched_from_a_bucket_of_another_account(policy: Json, archive: str) -> None:
    """The name of a bucket that was deleted can be taken by somebody else."""
    there = {"aws:ResourceAccount": "222222222222"}
    assert _decision(policy, "s3:GetObject", archive, there) is Decision.IMPLICITLY_DENIED


def test_instances_are_given_the_policy_and_the_configuration(stack: Stack, template: Template) -> None:
    lifecycle = stack.node.find_child("Lifecycle")
    assert isinstance(lifecycle, NotebookLifecycle)
    (policy,) = documents(template)
    assert stack.resolve(lifecycle.policy) == {"Ref": policy}
    (config,) = template.find_resources(LIFECYCLE)
    assert stack.resolve(lifecycle.name) == {"Fn::GetAtt": [config, "NotebookInstanceLifecycleConfigName"]}


@pytest.mark.parametrize("hook", ["on_create", "on_start"])
def test_a_script_may_be_as_long_as_sagemaker_takes(folder: Path, hook: str) -> None:
    _lifecycle(_stack(), folder, {hook: _padded(12288, folder)})


@pytest.mark.parametrize("hook", ["on_create", "on_start"])
def test_a_longer_script_is_refused(folder: Path, hook: str) -> None:
    with pytest.raises(ValueError, match=f"{hook}: 16388 characters in base64, SageMaker takes 16384"):
        _lifecycle(_stack(), folder, {hook: _padded(12289, folder)})


def test_what_is_not_known_yet_counts_as_long_as_it_can_become(folder: Path) -> None:
    """A reference to a bucket is short in the template, and its name can be long."""
    stack = _stack()
    bucket = s3.CfnBucket(stack, "Bucket")
    script = _padded(12288, folder, settings={"BUCKET": "a-bucket-with-a-name-of-40-characters-12"})
    with pytest.raises(ValueError, match=r"on_create: 16\d\d\d characters in base64"):
        _lifecycle(stack, folder, {"on_create": script}, settings={"BUCKET": bucket.ref})


def test_a_script_is_measured_in_bytes(folder: Path) -> None:
    script = _padded(12288, folder)
    with pytest.raises(ValueError, match="on_create: 16388 characters in base64"):
        _lifecycle(_stack(), folder, {"on_create": script[:-1] + "é"})


@pytest.fixture(scope="module")
def working(folder: Path) -> Json:
    """The policy of instances with repositories and with libraries from CodeArtifact."""
    stack = _stack()
    _lifecycle(stack, folder, repositories=["notebooks"], codeartifact=("libraries", "pypi"))
    (document,) = documents(Template.from_stack(stack)).values()
    return document


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("codecommit:GitPull", "codecommit:eu-west-1:111111111111:notebooks"),
        ("codecommit:GitPush", "codecommit:eu-west-1:111111111111:notebooks"),
        ("codeartifact:GetAuthorizationToken", "codeartifact:eu-west-1:111111111111:domain/libraries"),
        ("codeartifact:ReadFromRepository", "codeartifact:eu-west-1:111111111111:repository/libraries/pypi"),
    ],
)
def test_repositories_and_libraries_can_be_used(working: Json, policy: Json, action: str, resource: str) -> None:
    request = Request(action, f"arn:aws:{resource}")
    assert decide(request, [working]) is Decision.ALLOWED
    assert decide(request, [policy]) is Decision.IMPLICITLY_DENIED


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("codecommit:GitPull", "codecommit:eu-west-1:111111111111:secret"),
        ("codecommit:DeleteRepository", "codecommit:eu-west-1:111111111111:notebooks"),
        ("codeartifact:ReadFromRepository", "codeartifact:eu-west-1:111111111111:repository/libraries/other"),
        (
            "codeartifact:PublishPackageVersion",
            "codeartifact:eu-west-1:111111111111:package/libraries/pypi/pypi//a",
        ),
    ],
)
def test_no_others_can_be_used(working: Json, action: str, resource: str) -> None:
    assert decide(Request(action, f"arn:aws:{resource}"), [working]) is Decision.IMPLICITLY_DENIED


@pytest.mark.parametrize(
    ("service", "decision"),
    [("codeartifact.amazonaws.com", Decision.ALLOWED), ("codestar.amazonaws.com", Decision.IMPLICITLY_DENIED)],
)
def test_tokens_are_those_of_codeartifact_alone(working: Json, service: str, decision: Decision) -> None:
    assert decide(Request("sts:GetServiceBearerToken", "*", {"sts:AWSServiceName": service}), [working]) is decision


def test_git_finds_a_repository_of_codecommit() -> None:
    assert git_url("eu-west-1", "notebooks") == "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/notebooks"


def test_a_setting_that_would_end_its_quotes_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="settings: TEAM: must hold no quote"):
        _lifecycle(_stack(), folder, settings={"TEAM": "vision'; rm -rf /; '"})


def _stack() -> Stack:
    # The bucket of assets is named after both.
    return Stack(App(), "Test", env=Environment(account=ACCOUNT, region=REGION))


def _lifecycle(
    stack: Stack,
    folder: Path,
    hooks: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    **more: Any,
) -> NotebookLifecycle:
    scripts = NotebookScripts(
        **{"on_create": "#!/bin/bash\necho created\n", "on_start": "#!/bin/bash\necho started\n", **(hooks or {})},
        job=Archive(str(folder / "job.tar"), DIGEST),
    )
    return NotebookLifecycle(stack, "Lifecycle", scripts=scripts, settings=settings or {}, **more)


def _padded(length: int, folder: Path, settings: Mapping[str, str] | None = None) -> str:
    """A script that is ``length`` characters long once it was told its settings."""
    stack = _stack()
    _lifecycle(stack, folder, {"on_create": "#!/bin/bash\n"}, settings)
    told = len(_content(Template.from_stack(stack), "OnCreate"))
    return "#!/bin/bash\n" + "x" * (length - told)


def _hook(template: Template, hook: str) -> Json:
    (config,) = template.find_resources(LIFECYCLE).values()
    (only,) = config["Properties"][hook]
    return dict(only)


def _content(template: Template, hook: str) -> str:
    """The text of a script, before CloudFormation encodes it."""
    return str(plain(_hook(template, hook)["Content"]["Fn::Base64"]))


def _settings(template: Template, hook: str) -> dict[str, str]:
    lines = [line for line in _content(template, hook).splitlines() if line.startswith("TRAINYARD_")]
    pairs = [line.removeprefix("TRAINYARD_").split("=", 1) for line in lines]
    return {name: value.strip("'") for name, value in pairs}


def _decision(policy: Json, action: str, key: str, context: Mapping[str, str] = HERE) -> Decision:
    return decide(Request(action, f"arn:aws:s3:::{ASSETS}/{key}", context), [policy])
