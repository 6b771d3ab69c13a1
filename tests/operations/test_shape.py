import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from environments.loading import ROOT
from operations import __main__ as command
from operations.assembly import stacks_of
from operations.shape import shape
from policies import report
from tests.support import Assembly, environment_with, synthesize, text_of


def test_it_lists_the_stacks_with_their_resources(prod: Assembly) -> None:
    listed = dict(re.findall(r"^trainyard-prod-(\S+) +(\d+)  ", shape(prod.folder), flags=re.M))
    assert listed == {name: str(len(template["Resources"])) for name, template in prod.stacks.items()}


def test_a_stack_stands_with_those_that_it_uses_and_not_with_theirs(prod: Assembly) -> None:
    lines = shape(prod.folder).splitlines()
    (batch,) = [line for line in lines if line.startswith("trainyard-prod-batch")]
    assert batch.endswith("  Access, Lustre")
    (data,) = [line for line in lines if line.startswith("trainyard-prod-data")]
    assert data.endswith("  -")


def test_stacks_stand_below_those_that_they_use(prod: Assembly) -> None:
    stacks = stacks_of(prod.folder)
    places = {stack.name: index for index, stack in enumerate(stacks)}
    assert all(places[other] < places[stack.name] for stack in stacks for other in stack.after)


def test_it_counts_findings_and_acknowledgements_per_pack(prod: Assembly) -> None:
    rows = re.findall(r"^(\S+) +(\d+) +(\d+)$", shape(prod.folder), flags=re.M)
    assert [name for name, _, _ in rows] == list(report.PACKS)
    for name, findings, acknowledged in rows:
        given = report.read(prod.folder)[name]["suppressedViolations"]
        assert (findings, int(acknowledged)) == ("0", sum(len(each["violatingConstructs"]) for each in given))


def test_it_says_how_near_the_largest_policy_comes_to_the_quota(prod: Assembly) -> None:
    (size, name) = re.search(r"^largest managed policy: (\d+) of 6144 .*, (\S+)$", shape(prod.folder), re.M).groups()  # type: ignore[union-attr]
    assert name == "Access/Guardrails/Work"
    # What IAM counts, but that ids and ARNs are not known yet.
    (document,) = [
        each["Properties"]["PolicyDocument"]
        for each in prod.resources("AWS::IAM::ManagedPolicy").values()
        if "LongKeepAlive" in str(each)
    ]
    known = re.sub(r'\{"Fn::ImportValue":"[^"]*"\}', '""', json.dumps(document, separators=(",", ":")))
    assert len(known) < int(size) <= 6144


def test_it_lists_the_exceptions_with_their_reasons(prod: Assembly) -> None:
    (line,) = re.findall(r"^exception.*$", shape(prod.folder), flags=re.M)
    assert line == (
        "exception, Team-language/Roles/WithoutIsolation: Until 2027-03-31 its jobs need no network isolation: "
        "Reinforcement learning from human feedback asks a reward model behind an endpoint while it trains."
    )


def test_it_says_when_there_is_no_exception(assembly_of: Callable[[str], Assembly]) -> None:
    assert "\nexceptions from network isolation: none\n" in shape(assembly_of("local").folder)


def test_it_says_how_many_policies_a_role_has_at_most(prod: Assembly) -> None:
    most = max(
        len(each["Properties"].get("ManagedPolicyArns", ())) for each in prod.resources("AWS::IAM::Role").values()
    )
    assert f"\nmost policies of a role: {most} of 10, " in shape(prod.folder)


def test_the_readme_shows_what_it_prints(prod: Assembly) -> None:
    assert f"$ make synth ENV=prod\n{shape(prod.folder)}\n$ make test\n" in (ROOT / "README.md").read_text()


def test_it_prices_endpoints_by_zone_and_region(tmp_path: Path) -> None:
    local = synthesize(environment_with({"network.endpoint_zones": "all"}, base="local"), tmp_path)
    # In two zones: 24 x 730 x 0.011.
    assert "12 interface endpoints, 24 in all zones together: 193 USD a month when idle" in shape(local.folder)
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
