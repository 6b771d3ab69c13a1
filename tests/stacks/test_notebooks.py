"""What the scripts of notebook instances are told, and that they fit where it is as long as it can be."""

import base64
import json
from pathlib import Path

import pytest
from aws_cdk import aws_sagemaker as sagemaker

from environments.coherence import MAX_EFS_FILE_SYSTEMS, MAX_FILE_SYSTEMS
from environments.teams import MAX_REPOSITORIES
from policies.evaluator import plain
from tests.support import Assembly, Json, environment_with, synthesize
from trainyard.lengths import longest
from trainyard.notebook_lifecycle import MAX_SCRIPT

LIFECYCLE = sagemaker.CfnNotebookInstanceLifecycleConfig.CFN_RESOURCE_TYPE_NAME
NOTEBOOK = sagemaker.CfnNotebookInstance.CFN_RESOURCE_TYPE_NAME

LONG_TEAM = "a" * 20
EFS = {
    "name": "homes",
    "file_system_id": "fs-0123456789abcdef0",
    "access_point_id": "fsap-0123456789abcdef0",
    "teams": ["vision"],
}

SCRATCH = {"name": "scratch", "teams": ["vision"]}


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """Prod, whose team vision mounts an EFS file system too, and has a key of its own."""
    features = ["studio", "notebooks", "batch", "lustre", "amazon_linux", "codecommit", "efs", "codeartifact"]
    changes: Json = {"features": features, "efs": [EFS], "teams.0.own_key": True, "lustre": [SCRATCH]}
    return synthesize(environment_with(changes), tmp_path_factory.mktemp("furnished"))


def scripts(assembly: Assembly, team: str) -> dict[str, Json]:
    """Hook to its content, of the lifecycle configuration of a team."""
    resources = assembly.stacks[f"team-{team}"]["Resources"].values()
    (only,) = (each["Properties"] for each in resources if each["Type"] == LIFECYCLE)
    return {hook: only[hook][0]["Content"]["Fn::Base64"] for hook in ("OnCreate", "OnStart")}


def told(assembly: Assembly, team: str = "vision") -> dict[str, str]:
    lines = str(plain(scripts(assembly, team)["OnStart"])).splitlines()
    pairs = (line.removeprefix("TRAINYARD_").split("=", 1) for line in lines if line.startswith("TRAINYARD_"))
    return {name: value.strip("'") for name, value in pairs}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("ENVIRONMENT", "prod"),
        ("TEAM", "vision"),
        ("REGION", "eu-west-1"),
        ("IDLE_MINUTES", "60"),
        ("HOOK_MINUTES", "10"),
        ("CODEARTIFACT", "trainyard:333333333333:pypi"),
        ("EFS_FILE_SYSTEMS", "homes:fs-0123456789abcdef0:fsap-0123456789abcdef0"),
        (
            "REPOSITORIES",
            "vision-experiments=https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/vision-experiments",
        ),
    ],
)
def test_a_script_is_told_what_the_file_says(furnished: Assembly, setting: str, value: str) -> None:
    assert told(furnished)[setting] == value


@pytest.mark.parametrize(
    ("setting", "end"),
    [("PACKAGES", "/vision/code/packages"), ("OUTPUT", "/vision/output"), ("BACKUP", "/vision/output/notebooks")],
)
def test_a_script_is_told_the_folders_of_its_team(furnished: Assembly, setting: str, end: str) -> None:
    assert told(furnished)[setting].startswith("s3://")
    assert told(furnished)[setting].endswith(end)


def test_a_backup_names_the_key_of_a_team_that_has_its_own(furnished: Assembly) -> None:
    assert told(furnished)["BACKUP_KEY"] == told(furnished)["OUTPUT_KEY"]
    assert told(furnished, "language")["BACKUP_KEY"] == ""


def test_there_is_no_backup_where_none_was_asked_for(tmp_path: Path) -> None:
    assembly = synthesize(environment_with({"notebooks": {}}), tmp_path)
    assert told(assembly)["BACKUP"] == ""


def test_jobs_are_told_three_subnets_and_no_group_of_notebooks(furnished: Assembly) -> None:
    settings = told(furnished)
    assert len(settings["SUBNETS"].split()) == 3
    assert "Notebook" not in settings["SECURITY_GROUPS"]
    assert "Training" in settings["SECURITY_GROUPS"]


@pytest.mark.parametrize(("team", "reached"), [("vision", True), ("language", False)])
def test_only_a_team_that_mounts_efs_reaches_it(furnished: Assembly, team: str, reached: bool) -> None:
    resources = furnished.stacks[f"team-{team}"]["Resources"].values()
    instances = [each["Properties"] for each in resources if each["Type"] == NOTEBOOK]
    assert instances
    for instance in instances:
        assert ("EfsClients" in json.dumps(instance["SecurityGroupIds"])) is reached


@pytest.mark.slow
def test_the_scripts_fit_where_everything_is_as_long_as_it_can_be(tmp_path: Path) -> None:
    """Were it not so, an environment file that is correct would end in an error of a construct."""
    names = [f"{index:x}".rjust(20, "f") for index in range(MAX_FILE_SYSTEMS)]
    environment = environment_with(
        {
            "name": "e" * 20,
            "region": "ap-southeast-1",
            "network.vpc.zones": [f"ap-southeast-1{zone}" for zone in "abc"],
            "features": ["notebooks", "lustre", "amazon_linux", "efs", "codecommit", "codeartifact"],
            "batch": {},
            "datasets": [],
            "notebooks": {"backup": True, "codeartifact": {"domain": "d" * 50, "repository": "r" * 100}},
            "lustre": [{"name": name, "teams": [LONG_TEAM]} for name in names],
            "efs": [EFS | {"name": name, "teams": [LONG_TEAM]} for name in names[:MAX_EFS_FILE_SYSTEMS]],
            "studio": {},
            "teams": [
                {
                    "name": LONG_TEAM,
                    "monthly_budget_usd": 1,
                    "own_key": True,
                    "notebooks": [{"name": "n" * 20}],
                    "repositories": [f"{index}".rjust(100, "r") for index in range(MAX_REPOSITORIES)],
                }
            ],
        }
    )
    for text in scripts(synthesize(environment, tmp_path), LONG_TEAM).values():
        assert len(base64.b64encode(bytes(longest(text)))) <= MAX_SCRIPT
