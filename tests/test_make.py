"""The commands of the README through the real make, the real CDK CLI and the project's own Node."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from environments import load
from environments.loading import ROOT, known_environments
from tests.support import Assembly, text_of
from tests.test_app import templates

pytestmark = pytest.mark.slow

# What the README asks of a machine besides Python: no node, no git, no compiler.
TOOLS = ("make", "sh", "env", "mkdir", "rm", "ln", "touch", "cat", "uname", "dirname", "readlink")


@pytest.fixture(scope="module")
def bare_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH with nothing but a few tools, and an old node that must not be taken."""
    folder = tmp_path_factory.mktemp("bin")
    for tool in TOOLS:
        found = shutil.which(tool)
        if found:
            (folder / tool).symlink_to(found)
    (folder / "python3").symlink_to(ROOT / ".venv" / "bin" / "python3")
    node = folder / "node"
    node.write_text("#!/bin/sh\necho v12.0.0\nexit 99\n")
    node.chmod(0o755)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The checkout with a ``cdk.out`` of its own, so that tests side by side do not write into one."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for each in ROOT.iterdir():
        if each.name != "cdk.out":
            (folder / each.name).symlink_to(each)
    return folder


# Taken as they are: a rebuild would go through the link and clear the environment that the tests run in.
AS_SET_UP = ("-o", ".venv/.synth", "-o", ".venv/.dev")


def make(folder: Path, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env={"PATH": str(path), "HOME": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", known_environments())
def test_make_synth_prints_the_shape_of_the_templates_that_python_gives(
    checkout: Path, bare_path: Path, name: str, assembly_of: Callable[[str], Assembly]
) -> None:
    result = make(checkout, bare_path, *AS_SET_UP, "synth", f"ENV={name}")
    assert result.returncode == 0, result.stderr
    assert f"trainyard-{name}-network" in result.stdout
    assert "PCI.DSS.321" in result.stdout
    assert "USD a month when idle" in result.stdout
    stacks = ["Data", "Network", "Access", "Lustre", "Studio", "Batch", "Governance"]
    stacks += [f"Team-{team.name}" for team in load(name).teams]
    made = templates(checkout / "cdk.out")
    assert set(made) == {f"{stack}.template.json" for stack in stacks}
    assert made == templates(assembly_of(name).folder)


def test_make_synth_takes_the_path_of_a_file(checkout: Path, bare_path: Path) -> None:
    (checkout / "staging.yaml").write_text(text_of("dev", {"name": "staging"}))
    result = make(checkout, bare_path, *AS_SET_UP, "synth", "ENV=staging.yaml")
    assert "trainyard-staging-network" in result.stdout, result.stderr


def test_make_synth_tells_bad_input_in_one_line(checkout: Path, bare_path: Path) -> None:
    (checkout / "bad.yaml").write_text(text_of("dev", {"name": "bad", "account": "1"}))
    result = make(checkout, bare_path, *AS_SET_UP, "synth", "ENV=bad.yaml")
    assert result.returncode != 0
    assert "bad.yaml: account: '1': must be 12 digits, in quotes\n" in result.stderr
    assert "Traceback" not in result.stderr


def test_make_destroy_refuses_prod(checkout: Path, bare_path: Path) -> None:
    result = make(checkout, bare_path, *AS_SET_UP, "destroy", "ENV=prod")
    assert result.returncode != 0
    assert "prod: termination_protection: true: it is not destroyed" in result.stderr


def test_make_alone_lists_the_targets(bare_path: Path) -> None:
    result = make(ROOT, bare_path)
    for target in (
        "synth",
        "diff",
        "deploy",
        "destroy",
        "test",
        "test-unit",
        "lint",
        "snapshots",
        "bench",
        "lock",
        "clean",
    ):
        assert f"  make {target} " in result.stdout


def test_an_old_python_is_told_which_one_is_needed(tmp_path: Path, bare_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for file in ("requirements.txt", "package.json", "package-lock.json"):
        (tmp_path / file).touch()
    old = tmp_path / "python-old"
    # The real Python, told to be an old one: it runs what make gives it with another version_info.
    old.write_text(
        f'#!/bin/sh\nexec {ROOT}/.venv/bin/python3 -c "import sys; sys.version_info = (3, 9); exec(sys.argv[2])" "$@"\n'
    )
    old.chmod(0o755)
    result = make(tmp_path, bare_path, "setup", f"PYTHON={old}")
    assert result.returncode != 0
    assert "Trainyard needs Python 3.11 or newer" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_plain_cdk_works_from_the_projects_environment(checkout: Path, bare_path: Path) -> None:
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{bare_path}"
    result = subprocess.run(
        ["cdk", "list", "-c", "environment=prod"],
        cwd=checkout,
        env={"PATH": path, "HOME": str(bare_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.split("\n")[:2] == ["Data (trainyard-prod-data)", "Network (trainyard-prod-network)"], (
        result.stderr
    )
