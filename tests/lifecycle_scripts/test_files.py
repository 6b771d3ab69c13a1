"""What holds for every script, whatever it does."""

import ast
import base64
import re
import subprocess
from pathlib import Path

import pytest

from environments.loading import ROOT
from lifecycle_scripts import collect

FOLDER = ROOT / "lifecycle_scripts"
SHELL = sorted(FOLDER.rglob("*.sh"))
SCRIPTS = [*SHELL, *sorted(FOLDER.rglob("*.py"))]
READ_BY_OTHERS = {FOLDER / name for file in SHELL for name in collect.SOURCE.findall(file.read_text())}
RUN = [file for file in SHELL if file not in READ_BY_OTHERS]
# What SageMaker is given, by what it calls it; the rest comes from S3.
LIFECYCLE = [
    FOLDER / "notebook" / "on_create.sh",
    FOLDER / "notebook" / "on_start.sh",
    FOLDER / "studio" / "on_start.sh",
]
JOB = FOLDER / "notebook" / "job"
BASE64_CHARACTERS = 16384
SETTINGS_BYTES = 4096


def name_of(file: Path) -> str:
    return str(file.relative_to(FOLDER))


@pytest.mark.parametrize("file", SCRIPTS, ids=name_of)
def test_a_script_has_no_carriage_return(file: Path) -> None:
    assert b"\r" not in file.read_bytes()


@pytest.mark.parametrize("file", SHELL, ids=name_of)
def test_a_shell_script_begins_with_its_interpreter(file: Path) -> None:
    assert re.match(r"#!/bin/(ba)?sh\n", file.read_text())


@pytest.mark.parametrize("file", RUN, ids=name_of)
def test_shellcheck_finds_nothing(file: Path) -> None:
    """In a script with all that it reads."""
    shellcheck = ROOT / ".venv" / "bin" / "shellcheck"
    result = subprocess.run(
        [shellcheck, "--check-sourced", file], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert not result.returncode, result.stdout


@pytest.mark.parametrize("file", RUN, ids=name_of)
def test_a_script_as_it_is_run_is_bash(file: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text(collect.text(file))
    result = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    assert not result.stderr


@pytest.mark.parametrize("file", RUN, ids=name_of)
def test_a_script_as_it_is_run_reads_no_other_of_ours(file: Path) -> None:
    assert not collect.SOURCE.search(collect.text(file))


@pytest.mark.parametrize("file", LIFECYCLE, ids=name_of)
def test_a_lifecycle_script_fits_with_its_settings(file: Path) -> None:
    """The construct and tests/stacks measure it with the settings that there are."""
    text = collect.text(file) if file.parent.name == "studio" else collect.short(file)
    assert len(base64.b64encode(text.encode() + bytes(SETTINGS_BYTES))) <= BASE64_CHARACTERS


@pytest.mark.parametrize("file", LIFECYCLE[:2], ids=name_of)
def test_a_script_that_is_shortened_is_the_same(file: Path) -> None:
    """Bash writes its functions out as it understood them."""
    before, after = (
        subprocess.run(
            ["bash", "-c", f"wrapped() {{\n{text}\n}}\ndeclare -f wrapped"], capture_output=True, text=True, check=True
        ).stdout
        for text in (collect.text(file), collect.short(file))
    )
    assert before == after


def test_the_job_is_the_same_bytes_each_time() -> None:
    """Its hash is in the templates, which are the same on every machine."""
    assert collect.job() == collect.job()


@pytest.mark.parametrize("name", ["idle_stop.py", "sdk_config.py", "send_log.py"])
def test_the_python_of_the_system_reads_its_programs(name: str) -> None:
    ast.parse((JOB / name).read_text(), feature_version=(3, 9))
