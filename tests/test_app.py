"""The entry point, as the CDK CLI runs it: exit codes, messages, and templates that depend on nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from environments.loading import ROOT
from tests.support import text_of

pytestmark = pytest.mark.slow

APP = ROOT / "app.py"


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``python app.py`` in a folder of its own, with as little of this process's environment as it needs."""
    return subprocess.run(
        [sys.executable, str(APP), *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def templates(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.template.json"))}


def test_without_a_choice_it_synthesises_dev(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    manifest = json.loads((tmp_path / "cdk.out" / "manifest.json").read_text())
    assert manifest["artifacts"]["Network"]["properties"]["stackName"] == "trainyard-dev-network"


def test_two_synths_in_different_folders_and_surroundings_give_the_same_bytes(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there" / "deeper"
    for folder in (here, there):
        folder.mkdir(parents=True)
    run(here, "-c", "environment=prod")
    surroundings = {
        "AWS_REGION": "ap-south-1",
        "AWS_PROFILE": "someone",
        "CDK_DEFAULT_ACCOUNT": "999999999999",
        "CDK_DEFAULT_REGION": "ap-south-1",
        "CDK_OUTDIR": str(there / "out"),
        "HOME": str(there),
        "CDK_CONTEXT_JSON": json.dumps({"environment": "prod", "@aws-cdk/core:defaultCrossStackReferences": "weak"}),
        "LANG": "tr_TR.UTF-8",
        "PYTHONHASHSEED": "1234",
        "TZ": "Pacific/Auckland",
    }
    run(there, **surroundings)
    assert templates(here / "cdk.out")
    assert templates(here / "cdk.out") == templates(there / "out")


def test_an_environment_elsewhere_is_chosen_by_path(tmp_path: Path) -> None:
    (tmp_path / "staging.yaml").write_text(text_of("dev", {"name": "staging"}))
    assert run(tmp_path, "-c", "environment=staging.yaml").returncode == 0
    assert "trainyard-staging-network" in (tmp_path / "cdk.out" / "manifest.json").read_text()


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            "prdo",
            "environment: 'prdo': unknown environment; known are dev, local, prod; or give the path of a .yaml file",
        ),
        ("no.yaml", "no.yaml: cannot be read: No such file or directory"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(tmp_path: Path, choice: str, message: str) -> None:
    result = run(tmp_path, "-c", f"environment={choice}")
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"{message}\n")
    assert not (tmp_path / "cdk.out").exists()


@pytest.mark.parametrize("choice", ["", 5])
def test_a_choice_of_nothing_is_not_taken_for_none(tmp_path: Path, choice: object) -> None:
    result = run(tmp_path, CDK_CONTEXT_JSON=json.dumps({"environment": choice}))
    assert result.returncode == 2
    assert result.stderr.startswith(f"environment: '{choice}': unknown environment; known are dev, local, prod")


def test_a_misspelt_choice_is_not_taken_for_none(tmp_path: Path) -> None:
    result = run(tmp_path, "-c", "enviroment=prod")
    assert result.returncode == 2
    assert "'enviroment=prod': must be environment=NAME or environment=PATH" in result.stderr


def test_a_finding_of_the_gate_is_a_list_and_exit_code_1(tmp_path: Path) -> None:
    """The whole entry point, with one bucket slipped into the first stack."""
    script = (
        "import sys, app\n"
        "from aws_cdk import aws_s3\n"
        "attach = app.gate.attach\n"
        "app.gate.attach = lambda root, *_: (aws_s3.Bucket(root.node.find_child('Data'), 'Bad'), attach(root))\n"
        "sys.argv = ['app.py']\n"
        "sys.exit(app.main())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "Data/Bad/Resource\n  rule: S1 (AwsSolutions)\n" in result.stderr
    assert "Traceback" not in result.stderr
    assert "The policy gate found" in result.stderr.splitlines()[-2]
