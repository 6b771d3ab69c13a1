import re
from pathlib import Path

import pytest

from environments.loading import ROOT
from operations import __main__ as command
from operations.shape import shape
from tests.support import Assembly, environment_with, synthesize, text_of


def test_it_lists_the_stacks_with_their_resources_and_order(prod: Assembly) -> None:
    lines = shape(prod.folder).splitlines()
    counts = {name: len(template["Resources"]) for name, template in prod.stacks.items()}
    assert f"trainyard-prod-data{counts['data']:>25}  -" in lines
    assert f"trainyard-prod-network{counts['network']:>22}  trainyard-prod-data" in lines


def test_it_counts_findings_and_acknowledgements_per_pack(prod: Assembly) -> None:
    rows = re.findall(r"^(\S+) +(\d+) +(\d+)$", shape(prod.folder), flags=re.M)
    assert rows == [
        ("AwsSolutions", "0", "0"),
        ("NIST.800.53.R4", "0", "1"),
        ("NIST.800.53.R5", "0", "1"),
        ("HIPAA.Security", "0", "1"),
        ("PCI.DSS.321", "0", "1"),
    ]


def test_the_readme_shows_what_it_prints(prod: Assembly) -> None:
    assert f"$ make synth ENV=prod\n{shape(prod.folder)}\n$ make test\n" in (ROOT / "README.md").read_text()


def test_it_prices_endpoints_by_zone_and_region(tmp_path: Path) -> None:
    local = synthesize(environment_with({"network.endpoint_zones": "all"}, base="local"), tmp_path)
    # sagemaker.api, sts, logs, notebook and sagemaker.runtime, in two zones: 10 x 730 x 0.011.
    assert "5 interface endpoints, 10 in all zones together: 80 USD a month when idle" in shape(local.folder)
    assert "0.011 USD, the price of eu-west-1 in 2026-11" in shape(local.folder)


def test_it_says_when_the_price_is_another_regions(tmp_path: Path) -> None:
    changes = {"region": "eu-west-3", "network.vpc.zones": ["eu-west-3a", "eu-west-3b"]}
    there = synthesize(environment_with(changes, base="local"), tmp_path)
    assert "0.01 USD, the price of us-east-1 in 2026-11, as that of eu-west-3 is not known here" in shape(there.folder)


def test_a_protected_environment_is_not_destroyed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "check-destroy", "prod") == 2
    assert capsys.readouterr().err == (
        "prod: termination_protection: true: it is not destroyed; deploy it with termination_protection: false first\n"
    )


def test_another_one_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch, "check-destroy", "dev") == 0


def test_protection_goes_by_the_file_and_not_by_the_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "staging.yaml"
    file.write_text(text_of("prod", {"name": "staging"}))
    assert _run(monkeypatch, "check-destroy", str(file)) == 2


def test_a_bad_environment_is_one_message_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "check-destroy", "prdo") == 2
    assert capsys.readouterr().err.startswith("environment: 'prdo': unknown environment")


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_folder_without_an_assembly_is_one_message_and_exit_code_2(
    folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert _run(monkeypatch, "shape", str(tmp_path / folder)) == 2
    missing = tmp_path / folder / "manifest.json"
    assert capsys.readouterr().err == f"{tmp_path / folder}: not an assembly of cdk synth: {missing} is missing\n"


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["operations", *arguments])
    return command.main()
