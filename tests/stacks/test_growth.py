"""Many teams, many people: no stack comes near CloudFormation's limit, and IAM's quotas hold."""

import re
from pathlib import Path

import pytest

from operations.shape import shape
from policies import gate
from tests.support import synthesize
from tools.bench import grown

pytestmark = pytest.mark.slow


def test_fifty_teams_of_twenty_people_synthesise_and_pass(tmp_path: Path) -> None:
    assembly = synthesize(grown(50, 20), tmp_path)
    gate.check(tmp_path)
    sizes = {name: len(template["Resources"]) for name, template in assembly.stacks.items()}
    assert max(sizes.values()) <= 400, sizes
    text = shape(tmp_path)
    assert "trainyard-prod-team-team49 " in text
    (size,) = re.findall(r"^largest managed policy: (\d+) of 6144 ", text, re.M)
    (policies,) = re.findall(r"^most policies of a role: (\d+) of 10,", text, re.M)
    assert int(size) <= 6144
    assert int(policies) <= 10


def test_a_further_team_changes_no_stack_but_those_that_list_teams(tmp_path: Path) -> None:
    few, many = (synthesize(grown(teams, 2), tmp_path / str(teams)).stacks for teams in (2, 3))
    assert {name for name in few if few[name] != many[name]} == {"data", "batch"}
    assert set(many) - set(few) == {"team-team2"}
