"""What a team, a person, a notebook or a pool is, of a whole environment."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_aws import LocalAws
from operations.errors import InputError
from operations.teardown import runs
from operations.teardown.connect import Account
from operations.teardown.journal import Journal
from operations.teardown.options import Options
from operations.teardown.part import Part
from operations.teardown.plan import Plan
from operations.teardown.policy import Policy, Volumes
from tests.operations.teardown import account as accounts
from tests.support import Assembly

pytestmark = pytest.mark.slow

DISCARDED = Policy({"notebook instances": Volumes.DISCARD, "spaces": Volumes.DISCARD})
Planned = Callable[[Part], Plan]


@pytest.fixture(scope="module")
def aws(assembly_of: Callable[[str], Assembly], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """The environment dev, with an app in each space, and jobs in its queue."""
    assembly = assembly_of("dev")
    with LocalAws(account=assembly.environment.account, region=assembly.environment.region) as aws:
        made = accounts.Account(aws, assembly.environment, assembly.folder, tmp_path_factory.mktemp("journal") / "j")
        made.bootstrap(assembly.folder)
        made.deploy(assembly.folder)
        sagemaker: Any = aws.client("sagemaker")
        (domain,) = sagemaker.list_domains()["Domains"]
        for space in sagemaker.list_spaces(MaxResults=100)["Spaces"]:
            named = {"DomainId": domain["DomainId"], "SpaceName": space["SpaceName"]}
            sagemaker.create_app(AppType="JupyterLab", AppName="default", **named)
        aws.clock.sleep(600)
        yield aws


@pytest.fixture
def planned(aws: LocalAws, assembly_of: Callable[[str], Assembly], tmp_path: Path) -> Planned:
    account = Account(assembly_of("dev").environment, aws.client, aws.clock, "arn:aws:iam::222222222222:user/ann")

    def plan(part: Part) -> Plan:
        return runs.planned(account, Journal(tmp_path / "journal.jsonl"), Options(DISCARDED, part))[1]

    return plan


def done(plan: Plan) -> dict[str, list[str]]:
    """Action to the last parts of the names that it is done to, but for the app's own."""
    return {
        each.stage.name: [name.removesuffix("/JupyterLab/default").rpartition("/")[2] for name in each.to]
        for each in plan.actions
    }


def test_a_team_is_its_people_its_spaces_and_its_notebooks(planned: Planned) -> None:
    found = done(planned(Part(team="vision")))
    assert found["apps.delete"] == ["vision-1-private", "vision-2-private", "vision-shared"]
    assert len(found["notebook instances.stop"]) == 1


def test_of_a_team_no_queue_is_disabled_that_others_use(planned: Planned) -> None:
    assert "job queues.disable" not in done(planned(Part(team="vision")))


def test_a_team_without_notebooks_has_none(planned: Planned) -> None:
    assert set(done(planned(Part(team="language")))) == {"apps.delete"}


def test_the_space_of_a_team_stays_when_its_owner_goes(planned: Planned) -> None:
    assert done(planned(Part(user="vision-1"))) == {"apps.delete": ["vision-1-private"]}


def test_the_plan_says_whom_the_next_deployment_cannot_delete(planned: Planned) -> None:
    (kept,) = planned(Part(user="vision-1")).kept
    assert kept.name.endswith("/vision-1")
    assert kept.why.startswith("the next deployment cannot delete this person")


def test_a_person_who_owns_no_shared_space_has_their_own(planned: Planned) -> None:
    assert done(planned(Part(user="vision-2"))) == {"apps.delete": ["vision-2-private"]}


def test_a_notebook_is_one_instance(planned: Planned) -> None:
    (name,) = done(planned(Part(notebook="exploration")))["notebook instances.stop"]
    assert "exploration" in name


def test_a_notebook_of_another_team_is_none(planned: Planned) -> None:
    with pytest.raises(InputError, match="team language, notebook exploration: not in what is deployed of dev"):
        planned(Part(team="language", notebook="exploration"))


def test_a_pool_is_the_queues_that_have_no_other(planned: Planned) -> None:
    assert set(done(planned(Part(pool="cheap")))) == {"job queues.disable"}


@pytest.mark.parametrize("part", [Part(team="vision"), Part(user="vision-1"), Part(pool="cheap")], ids=str)
def test_no_stack_is_deleted_and_nobody_else_stopped(planned: Planned, part: Part) -> None:
    assert not [name for name in done(planned(part)) if name.startswith(("stack.", "intake", "network"))]


@pytest.mark.parametrize(
    "part", [Part(team="visio"), Part(user="vision"), Part(notebook="explor"), Part(pool="chea")], ids=str
)
def test_the_beginning_of_a_name_is_no_name(planned: Planned, part: Part) -> None:
    with pytest.raises(InputError, match="not in what is deployed of dev"):
        planned(part)


def test_without_a_part_it_is_all_of_it(planned: Planned) -> None:
    assert "stack.trainyard-dev-network" in done(planned(Part()))
