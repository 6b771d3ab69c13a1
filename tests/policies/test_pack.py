"""The pack in an app of somebody else, as docs/policy-rules.md shows it."""

import subprocess
import sys
from pathlib import Path

import pytest

from environments.loading import ROOT
from tools.policy_rules_page import EXAMPLE, page

pytestmark = pytest.mark.slow


def test_an_app_of_somebody_else_is_held_to_the_rules(tmp_path: Path) -> None:
    (tmp_path / "trainyard").symlink_to(ROOT)
    result = _run(tmp_path, EXAMPLE)
    assert result.returncode != 0
    assert "S2" in result.stdout + result.stderr
    assert "Users of a notebook instance are not root" in result.stdout + result.stderr


def test_it_passes_when_nothing_is_broken(tmp_path: Path) -> None:
    (tmp_path / "trainyard").symlink_to(ROOT)
    kept = EXAMPLE.replace('cdk.CfnResource(stack, "Notebook", type="AWS::SageMaker::NotebookInstance"', "dict(stack=1")
    assert kept != EXAMPLE
    assert _run(tmp_path, kept).returncode == 0


def test_three_lines_attach_it() -> None:
    lines = [line for line in EXAMPLE.splitlines() if "policies" in line or "trainyard" in line or "Trainyard" in line]
    assert len(lines) == 3
    assert EXAMPLE in page()


def _run(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "app.py").write_text(text)
    return subprocess.run(
        [sys.executable, "app.py"], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
