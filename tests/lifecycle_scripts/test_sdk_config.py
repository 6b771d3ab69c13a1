"""The defaults of the SageMaker SDK: what both of its versions make of them, and what the guardrails say to that."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk.assertions import Template

from environments.loading import ROOT
from lifecycle_scripts.notebook.job import sdk_config
from policies.evaluator import Decision, Request, decide
from tests.lifecycle_scripts import wheels
from tests.lifecycle_scripts.sdk_programs import PROGRAMS
from tests.support import Json, documents
from trainyard.guardrails import Allowed, NetworkGuardrails, TeamGuardrails, WorkGuardrails
from trainyard.sagemaker_actions import Key
from trainyard.team_work import TeamWork

# The SDKs are started once for all tests of this file.
pytestmark = pytest.mark.xdist_group("sdk")

SCRIPT = ROOT / "lifecycle_scripts" / "notebook" / "job" / "sdk_config.py"
DRIVER = ROOT / "tests" / "lifecycle_scripts" / "sdk_driver.py"

SUBNETS = ["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"]
GROUPS = ["sg-0aaaaaaaaaaaaaaaa", "sg-0bbbbbbbbbbbbbbbb"]
SETTINGS = {
    "ENVIRONMENT": "test",
    "TEAM": "vision",
    "REGION": "eu-west-1",
    "SUBNETS": " ".join(SUBNETS),
    "SECURITY_GROUPS": " ".join(GROUPS),
    "VOLUME_KEY": "arn:aws:kms:eu-west-1:111111111111:key/volumes",
    "OUTPUT_KEY": "arn:aws:kms:eu-west-1:111111111111:key/output",
    "JOB_ROLE": "arn:aws:iam::111111111111:role/vision-job",
    "OUTPUT": "s3://artifacts/vision/output",
    "CODEARTIFACT": "",
}
EXPECTED: Mapping[Key, Any] = {
    Key.SUBNETS: SUBNETS,
    Key.SECURITY_GROUPS: GROUPS,
    Key.TRAFFIC_ENCRYPTION: True,
    Key.NETWORK_ISOLATION: True,
    Key.VOLUME_KEY: SETTINGS["VOLUME_KEY"],
    Key.OUTPUT_KEY: SETTINGS["OUTPUT_KEY"],
    Key.TEAM_TAG: "vision",
    Key.ENVIRONMENT_TAG: "test",
}
VPC = {Key.SUBNETS: "Subnets", Key.SECURITY_GROUPS: "SecurityGroupIds"}
NETWORK = {
    Key.TRAFFIC_ENCRYPTION: "EnableInterContainerTrafficEncryption",
    Key.NETWORK_ISOLATION: "EnableNetworkIsolation",
    **{key: f"VpcConfig.{name}" for key, name in VPC.items()},
}
TRAINING = {
    **NETWORK,
    Key.VOLUME_KEY: "ResourceConfig.VolumeKmsKeyId",
    Key.OUTPUT_KEY: "OutputDataConfig.KmsKeyId",
    Key.INSTANCE_TYPES: "ResourceConfig.InstanceType",
    Key.MAX_RUNTIME: "StoppingCondition.MaxRuntimeInSeconds",
}
PLACES: Mapping[str, Mapping[Key, str]] = {
    "CreateTrainingJob": TRAINING,
    "CreateHyperParameterTuningJob": TRAINING,
    "CreateProcessingJob": {
        **{key: f"NetworkConfig.{place}" for key, place in NETWORK.items()},
        Key.VOLUME_KEY: "ProcessingResources.ClusterConfig.VolumeKmsKeyId",
        Key.OUTPUT_KEY: "ProcessingOutputConfig.KmsKeyId",
        Key.INSTANCE_TYPES: "ProcessingResources.ClusterConfig.InstanceType",
    },
    "CreateTransformJob": {
        Key.VOLUME_KEY: "TransformResources.VolumeKmsKeyId",
        Key.OUTPUT_KEY: "TransformOutput.KmsKeyId",
        Key.INSTANCE_TYPES: "TransformResources.InstanceType",
    },
    "CreateModel": {key: place for key, place in NETWORK.items() if key is not Key.TRAFFIC_ENCRYPTION},
    "CreateEndpointConfig": {Key.VOLUME_KEY: "KmsKeyId", Key.INSTANCE_TYPES: "ProductionVariants.0.InstanceType"},
    "CreateEndpoint": {},
    "CreatePipeline": {},
}
"""Where a request says what a condition key holds, beside its tags."""

TAGS = {Key.TEAM_TAG, Key.ENVIRONMENT_TAG}
KEYS = {Key.VOLUME_KEY, Key.OUTPUT_KEY}
MISSING: Mapping[tuple[str, str, str], set[Key]] = {
    ("v2", "train", "CreateTrainingJob"): set(),
    ("v2", "process", "CreateProcessingJob"): set(),
    ("v2", "process without outputs", "CreateProcessingJob"): {Key.OUTPUT_KEY},
    ("v2", "transform", "CreateTransformJob"): KEYS,
    ("v2", "deploy", "CreateModel"): set(),
    ("v2", "deploy", "CreateEndpointConfig"): set(),
    ("v2", "deploy", "CreateEndpoint"): set(),
    ("v2", "tune", "CreateHyperParameterTuningJob"): set(),
    ("v2", "pipeline", "CreatePipeline"): set(),
    ("v2", "pipeline", "CreateTrainingJob"): set(),
    ("v2", "remote function", "CreateTrainingJob"): {Key.NETWORK_ISOLATION},
    ("v2", "notebook job", "CreateTrainingJob"): {Key.NETWORK_ISOLATION, *TAGS},
    ("v2", "documented transform", "CreateTransformJob"): set(),
    ("v2", "documented local storage", "CreateTrainingJob"): {Key.VOLUME_KEY},
    ("v3", "train", "CreateTrainingJob"): KEYS | TAGS,
    ("v3", "process", "CreateProcessingJob"): set(),
    ("v3", "process on local storage", "CreateProcessingJob"): {Key.VOLUME_KEY},
    ("v3", "process without outputs", "CreateProcessingJob"): {Key.OUTPUT_KEY},
    ("v3", "transform", "CreateTransformJob"): KEYS,
    ("v3", "model", "CreateModel"): {Key.NETWORK_ISOLATION},
    ("v3", "model of the core", "CreateModel"): {Key.SUBNETS, Key.SECURITY_GROUPS, Key.NETWORK_ISOLATION, *TAGS},
    ("v3", "tune", "CreateHyperParameterTuningJob"): set(EXPECTED),
    ("v3", "pipeline", "CreatePipeline"): set(),
    ("v3", "pipeline", "CreateTrainingJob"): KEYS | TAGS,
    ("v3", "remote function", "CreateTrainingJob"): {Key.NETWORK_ISOLATION},
    ("v3", "documented train", "CreateTrainingJob"): set(),
    ("v3", "documented transform", "CreateTransformJob"): set(),
    ("v3", "documented deploy", "CreateModel"): set(),
    ("v3", "documented deploy", "CreateEndpointConfig"): set(),
    ("v3", "documented deploy", "CreateEndpoint"): set(),
    ("v3", "documented tune", "CreateHyperParameterTuningJob"): {
        *(Key.TRAFFIC_ENCRYPTION, Key.NETWORK_ISOLATION, Key.VOLUME_KEY)
    },
}
"""SDK, program and what it asks for, to what the request does not have: the table of docs/notebooks.md."""

REQUESTS = [pytest.param(*each, id=" ".join(each)) for each in MISSING]
ARRIVE = [
    pytest.param(*each, key, id=f"{' '.join(each)} {key}")
    for each, missing in MISSING.items()
    for key in EXPECTED
    if key in {*PLACES[each[2]], *TAGS} - missing
]
GAPS = [
    pytest.param(*each, key, id=f"{' '.join(each)} {key}")
    for each, missing in MISSING.items()
    for key in missing
    if key in {*PLACES[each[2]], *TAGS}
]


# The file and the variables


def test_the_program_writes_the_defaults_for_everybody_to_read(tmp_path: Path) -> None:
    file = tmp_path / "xdg" / "sagemaker" / "config.yaml"
    _program(str(file))
    assert json.loads(file.read_text()) == sdk_config.config(SETTINGS)
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(file.parent.iterdir()) == [file]


def test_the_program_replaces_the_defaults_of_the_last_start(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("old")
    _program(str(file))
    assert json.loads(file.read_text()) == sdk_config.config(SETTINGS)


def test_the_program_prints_the_variables() -> None:
    lines = _program("environment").splitlines()
    assert dict(line.split("=") for line in lines) == sdk_config.environment(SETTINGS)


@pytest.mark.parametrize(("package", "code"), [("shapes", 0), ("nowhere", 1)])
def test_pip_takes_the_wheels_of_the_team_and_asks_nobody(tmp_path: Path, package: str, code: int) -> None:
    wheels.wheel(tmp_path / "home/ec2-user/SageMaker/.trainyard/packages/wheels", "shapes", "1.0", {"shapes.py": ""})
    variables = {
        **sdk_config.environment({**SETTINGS, "ROOT": str(tmp_path)}),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
    }
    command = [sys.executable, "-m", "pip", "install", "--target", str(tmp_path / "to"), package]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, (tmp_path / "to" / "shapes.py").exists()) == (code, not code), done.stderr
    assert "Retrying" not in done.stderr


def test_pip_is_left_to_its_user_where_there_is_a_repository() -> None:
    variables = sdk_config.environment({**SETTINGS, "CODEARTIFACT": "libraries:111111111111:pypi"})
    assert not [name for name in variables if name.startswith("PIP_")]


@pytest.mark.parametrize("setting", sorted(SETTINGS.keys() - {"REGION", "CODEARTIFACT"}))
def test_a_setting_that_is_missing_leaves_the_file_as_it_was(tmp_path: Path, setting: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("old")
    with pytest.raises(subprocess.CalledProcessError):
        _program(str(file), {key: value for key, value in SETTINGS.items() if key != setting})
    assert file.read_text() == "old"


# What arrives


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sdk", "program"),
    # A remote function waits for the result of its job.
    [(sdk, name) for sdk, programs in PROGRAMS.items() for name in programs if name != "remote function"],
)
def test_a_program_runs_to_its_end(sdk: str, program: str) -> None:
    assert _results(sdk)[program]["failed"] == ""


@pytest.mark.slow
@pytest.mark.parametrize(("sdk", "program", "action", "key"), ARRIVE)
def test_a_default_arrives_in_the_request(sdk: str, program: str, action: str, key: Key) -> None:
    assert _context(sdk, program, action)[key] == EXPECTED[key]


@pytest.mark.slow
@pytest.mark.parametrize(("sdk", "program", "action", "key"), GAPS)
def test_a_gap_of_the_sdk_is_still_there(sdk: str, program: str, action: str, key: Key) -> None:
    """If not, MISSING here, docs/notebooks.md and docs/decisions/0015-defaults-of-the-sdk.md say too little."""
    assert not _context(sdk, program, action).get(key)


@pytest.mark.slow
@pytest.mark.parametrize(("sdk", "program", "action"), REQUESTS)
def test_the_guardrails_let_through_what_has_everything(sdk: str, program: str, action: str) -> None:
    context = _context(sdk, program, action)
    missing = MISSING[sdk, program, action]
    if context.get(Key.INSTANCE_TYPES) == ["ml.g7e.2xlarge"]:
        missing = missing - {Key.VOLUME_KEY}
    assert _decision(action, context) is (Decision.EXPLICITLY_DENIED if missing else Decision.ALLOWED)


@pytest.mark.slow
@pytest.mark.parametrize(("sdk", "program"), [("v2", "train"), ("v3", "documented train")])
def test_a_team_may_start_that_job(sdk: str, program: str) -> None:
    name = _request(sdk, program, "CreateTrainingJob")["TrainingJobName"]
    request = Request(
        "sagemaker:CreateTrainingJob",
        f"arn:aws:sagemaker:eu-west-1:111111111111:training-job/{name}",
        {"aws:PrincipalTag/Team": "vision", **_context(sdk, program, "CreateTrainingJob")},
    )
    assert decide(request, _policies()) is Decision.ALLOWED


@pytest.mark.slow
@pytest.mark.parametrize("sdk", ["v2", "v3"])
def test_the_same_job_without_the_file_is_denied(sdk: str) -> None:
    said = _create_training_job(_run(sdk, NO_DEFAULTS, ("train by a role",))["train by a role"])
    assert said["RoleArn"] == SETTINGS["JOB_ROLE"]
    assert _decision("CreateTrainingJob", _context_of("CreateTrainingJob", said)) is Decision.EXPLICITLY_DENIED


@pytest.mark.slow
@pytest.mark.parametrize(("sdk", "program", "action"), REQUESTS)
def test_work_runs_as_the_job_role(sdk: str, program: str, action: str) -> None:
    said = _request(sdk, program, action)
    role = said.get("RoleArn") or said.get("ExecutionRoleArn")
    roleless = action in ("CreateTransformJob", "CreateEndpointConfig", "CreateEndpoint")
    assert role == (None if roleless or program == "model of the core" else SETTINGS["JOB_ROLE"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sdk", "program"), [("v2", "train"), ("v2", "tune"), ("v3", "train"), ("v3", "tune"), ("v3", "remote function")]
)
def test_output_goes_to_the_folder_of_the_team(sdk: str, program: str) -> None:
    action = "CreateHyperParameterTuningJob" if program == "tune" else "CreateTrainingJob"
    path = _request(sdk, program, action)["OutputDataConfig"]["S3OutputPath"]
    assert path.startswith("s3://artifacts/vision/output/")


@pytest.mark.slow
@pytest.mark.parametrize("sdk", ["v2", "v3"])
def test_no_bucket_is_made(sdk: str) -> None:
    asked = [operation for result in _results(sdk).values() for _, operation, _ in result["asked"]]
    assert "PutObject" in asked
    assert "CreateBucket" not in asked


# What people must know


@pytest.mark.slow
def test_version_2_leaves_the_key_out_for_some_types_with_local_storage() -> None:
    jobs = [said for _, operation, said in _results("v2")["train on little"]["asked"] if operation.startswith("Create")]
    assert [(job["ResourceConfig"]["InstanceType"], "VolumeKmsKeyId" in job["ResourceConfig"]) for job in jobs] == [
        ("ml.g5.xlarge", False),
        ("ml.p4d.24xlarge", False),
        ("ml.g7e.2xlarge", True),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("sdk", "fails"), [("v2", False), ("v3", True)])
def test_keys_of_transform_jobs_in_the_file_would_break_version_3(sdk: str, fails: bool) -> None:
    """If not, they may stand in the file, which is then all that version 2 needs."""
    text = json.loads(_text())
    text["SageMaker"]["TransformJob"]["TransformOutput"] = {"KmsKeyId": SETTINGS["OUTPUT_KEY"]}
    result = _run(sdk, json.dumps(text), ("documented transform",))["documented transform"]
    assert ("KmsKeyId\n  Extra inputs are not permitted" in result["failed"]) is fails


@pytest.mark.slow
def test_version_3_reads_the_network_of_training_jobs_where_its_trainer_has_it_and_nowhere_else() -> None:
    """Of SageMaker.TrainingJob it takes isolation and role, and neither the VPC nor the encryption of traffic."""
    text = json.loads(_text())
    del text["SageMaker"]["PythonSDK"]["Modules"]["ModelTrainer"]
    said = _create_training_job(_run("v3", json.dumps(text), ("train",))["train"])
    assert said["RoleArn"] == SETTINGS["JOB_ROLE"]
    assert said["EnableNetworkIsolation"] is True
    assert "VpcConfig" not in said
    assert "EnableInterContainerTrafficEncryption" not in said


@pytest.mark.slow
@pytest.mark.parametrize("program", ["train", "documented deploy"])
def test_iam_is_not_asked(program: str) -> None:
    assert "iam" not in _services(_results("v3")[program])


@pytest.mark.slow
def test_iam_is_asked_without_the_variable() -> None:
    result = _run("v3", _text(), ("train",), {"SAGEMAKER_VALIDATE_ROLE": "true"})["train"]
    assert "iam" in _services(result)


@pytest.mark.slow
def test_iam_is_asked_for_the_role_of_a_model() -> None:
    assert "iam" in _services(_results("v3")["model without role"])


def _program(argument: str, settings: Mapping[str, str] = SETTINGS) -> str:
    variables = {f"TRAINYARD_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-I", str(SCRIPT), argument]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=20).stdout


def _text() -> str:
    return json.dumps(sdk_config.config(SETTINGS))


NO_DEFAULTS = json.dumps({"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}})


@cache
def _results(sdk: str) -> Json:
    """Program to what it asked."""
    return _run(sdk, _text(), tuple(PROGRAMS[sdk]))


def _run(sdk: str, text: str, names: tuple[str, ...], variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What programs ask of AWS, with this text as the defaults, where an instance has them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "xdg" / "sagemaker" / "config.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(text)
        environment = {
            **sdk_config.environment(SETTINGS),
            "PATH": os.environ["PATH"],
            "HOME": name,
            "XDG_CONFIG_DIRS": str(folder / "xdg"),
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            # Whatever does not go through botocore goes nowhere.
            "HTTPS_PROXY": "http://127.0.0.1:9",
            **(variables or {}),
        }
        subprocess.run(
            [ROOT / ".venv" / f"sdk-{sdk}" / "bin" / "python", DRIVER, folder / "results.json"],
            input=json.dumps({each: PROGRAMS[sdk][each] for each in names}),
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=240,
        )
        return dict(json.loads((folder / "results.json").read_text()))


def _create_training_job(result: Json) -> Json:
    (said,) = [said for _, operation, said in result["asked"] if operation == "CreateTrainingJob"]
    return dict(said)


def _request(sdk: str, program: str, action: str) -> Json:
    """What a program said when it asked for something; of a pipeline, what its step will say."""
    result = _results(sdk)[program]
    said = {operation: said for _, operation, said in result["asked"]}
    if action == "CreateTrainingJob" and "CreatePipeline" in said:
        (step,) = json.loads(said["CreatePipeline"]["PipelineDefinition"])["Steps"]
        return dict(step["Arguments"])
    assert action in said, result["failed"]
    request = dict(said[action])
    if action == "CreateHyperParameterTuningJob":
        # What its jobs are like lies deeper, and version 2 has another name for their instances.
        request |= request["TrainingJobDefinition"]
        request["ResourceConfig"] = request.get("HyperParameterTuningResourceConfig") or request["ResourceConfig"]
    return request


def _services(result: Json) -> set[str]:
    return {service for service, _, _ in result["asked"]}


def _context(sdk: str, program: str, action: str) -> dict[str, Any]:
    return _context_of(action, _request(sdk, program, action))


def _context_of(action: str, said: Json) -> dict[str, Any]:
    """The condition keys of a request; one that it does not fill is not there."""
    values = {str(key): _at(said, place) for key, place in PLACES[action].items()}
    values |= {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in said.get("Tags", [])}
    if Key.INSTANCE_TYPES in values:
        values[Key.INSTANCE_TYPES] = [values[Key.INSTANCE_TYPES]]
    return {key: value for key, value in values.items() if value is not None}


def _at(said: Any, place: str) -> Any:
    for part in place.split("."):
        if said is None:
            return None
        said = said[int(part)] if part.isdigit() else said.get(part)
    return said


def _decision(action: str, context: Mapping[str, Any]) -> Decision:
    """Of a role of the team that may do all that the guardrails do not deny."""
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    request = Request(f"sagemaker:{action}", context={"aws:PrincipalTag/Team": "vision", **context})
    return decide(request, [everything, *_policies()])


@cache
def _policies() -> list[Json]:
    """The guardrails of an environment with these settings, and what its team may do."""
    stack = Stack(App(), "Test", env=Environment(account="111111111111", region="eu-west-1"))
    allowed = Allowed(
        subnets=SUBNETS,
        security_groups=GROUPS,
        volume_key=SETTINGS["VOLUME_KEY"],
        sharing_key="",
        instance_types=["ml.m5.*", "ml.g7e.*"],
        max_runtime_hours=48,
        keep_alive_minutes=0,
        notebook_lifecycles="",
        studio_lifecycles="",
        auth_mode="IAM",
        environment=SETTINGS["ENVIRONMENT"],
        presigned_urls_from=None,
    )
    NetworkGuardrails(stack, "Network", allowed=allowed)
    WorkGuardrails(stack, "Work", allowed=allowed)
    TeamGuardrails(stack, "Team", output_key=SETTINGS["OUTPUT_KEY"], file_systems=[])
    tags = {"Team": SETTINGS["TEAM"], "Environment": SETTINGS["ENVIRONMENT"]}
    TeamWork(stack, "TeamWork", team=SETTINGS["TEAM"], tags=tags, job_role=SETTINGS["JOB_ROLE"])
    return list(documents(Template.from_stack(stack)).values())
