"""What of an environment runs, and how it is stopped."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local_aws import LocalAws
from operations.teardown.aws import Aws
from operations.teardown.inventory import Inventory, Thing
from operations.teardown.journal import Journal
from operations.teardown.kinds import KINDS, THERE, Kind
from operations.teardown.policy import Policy
from operations.teardown.schedule import Waits
from operations.teardown.scope import Resource, Scope
from operations.teardown.stages import of_kinds
from operations.teardown.status import SERVING, Running, running, stops

ACCOUNT, REGION = "111111111111", "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/ours"


class Account:
    """An account with a domain and a role of the environment."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.local = aws
        self.sagemaker: Any = aws.client("sagemaker")
        ec2 = aws.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        self.domain = self.sagemaker.create_domain(
            DomainName="dev",
            AuthMode="IAM",
            DefaultUserSettings={"ExecutionRole": ROLE},
            SubnetIds=[subnet],
            VpcId=vpc,
        )["DomainArn"].rpartition("/")[2]
        aws.clock.sleep(600)
        resources = tuple(
            Resource("trainyard-dev-one", type_, type_, id_, False, "CREATE_COMPLETE")
            for type_, id_ in (("AWS::SageMaker::Domain", self.domain), ("AWS::IAM::Role", "ours"))
        )
        scope = Scope("dev", ACCOUNT, REGION, "aws", (), resources)
        self.inventory = Inventory(Aws(aws.client, REGION, aws.clock, Journal(folder / "journal.jsonl")), scope)

    def finish(self, work: Waits) -> Any:
        try:
            while True:
                self.local.clock.sleep(next(work))
        except StopIteration as stopped:
            return stopped.value

    def running(self) -> list[Running]:
        found: list[Running] = self.finish(running(self.inventory))
        return found

    def notebook(self, name: str, role: str = ROLE) -> None:
        self.sagemaker.create_notebook_instance(NotebookInstanceName=name, InstanceType="ml.t3.medium", RoleArn=role)
        self.local.clock.sleep(600)

    def app(self, person: str) -> None:
        self.sagemaker.create_user_profile(DomainId=self.domain, UserProfileName=person)
        self.local.clock.sleep(600)
        self.sagemaker.create_app(DomainId=self.domain, UserProfileName=person, AppType="JupyterLab", AppName="default")
        self.local.clock.sleep(600)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with LocalAws(account=ACCOUNT, region=REGION) as aws:
        yield Account(aws, tmp_path)


def test_nothing_runs_in_an_idle_environment(account: Account) -> None:
    assert account.running() == []


def test_a_notebook_that_runs_is_told_with_its_instance_and_volume(account: Account) -> None:
    account.notebook("nb")
    (found,) = account.running()
    assert (found.thing.name, found.known["instances"], found.known["owner"]) == ("nb", "ml.t3.medium", "ours")
    assert found.known["GiB"] == "5"


def test_since_when_is_told_to_the_minute(account: Account) -> None:
    account.notebook("nb")
    (found,) = account.running()
    assert datetime.strptime(found.known["since"], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def test_one_that_is_stopped_does_not_run(account: Account) -> None:
    account.notebook("nb")
    account.sagemaker.stop_notebook_instance(NotebookInstanceName="nb")
    account.local.clock.sleep(600)
    assert account.running() == []


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("notebook instances", "Pending"),
        ("notebook instances", "Updating"),
        ("notebook instances", "Stopping"),
        ("training jobs", "Stopping"),
        ("clusters", "InService"),
        ("clusters", "Creating"),
        ("MLflow tracking servers", "Created"),
        ("endpoints", "Updating"),
        ("apps", "Pending"),
    ],
)
def test_what_costs_money_by_the_hour_runs(kind: str, state: str) -> None:
    assert told(kind, state) == ["one"]


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("notebook instances", "Failed"),
        ("MLflow tracking servers", "Stopped"),
        ("MLflow tracking servers", "CreateFailed"),
        ("MLflow apps", "Created"),
        ("spaces", "InService"),
        ("feature groups", "Created"),
        ("models", THERE),
        ("monitoring schedules", "Stopped"),
    ],
)
def test_what_is_at_rest_does_not_run(kind: str, state: str) -> None:
    assert told(kind, state) == []


def told(kind: str, state: str) -> list[str]:
    """What ``status`` shows of one thing."""

    class One(Inventory):
        def __init__(self) -> None: ...

        def things(self, asked: Kind) -> Waits:
            yield from ()
            return [Thing(kind, (("Name", "one"),), state)] if asked.name == kind else []

    with pytest.raises(StopIteration) as stopped:
        next(running(One()))
    return [each.thing.name for each in stopped.value.value]


def test_somebody_elses_is_not_told(account: Account) -> None:
    account.notebook("nb", f"arn:aws:iam::{ACCOUNT}:role/theirs")
    assert account.running() == []


def test_an_app_is_its_persons(account: Account) -> None:
    account.app("ann")
    (found,) = account.running()
    assert (found.thing.kind, found.known["owner"]) == ("apps", "ann")


def test_what_is_not_known_is_not_told(account: Account) -> None:
    account.notebook("nb")
    (found,) = account.running()
    assert "last used" not in found.known


def do(account: Account, *, endpoints: bool) -> None:
    """All stages of ``stop``, one after the other."""
    for stage in stops(endpoints=endpoints):
        account.finish(stage.work(account.inventory, Policy({}), lambda _name, _state: None))


def test_stop_ends_all_that_runs(account: Account) -> None:
    account.notebook("nb")
    account.app("ann")
    do(account, endpoints=False)
    assert account.running() == []


def test_stop_deletes_no_instance(account: Account) -> None:
    account.notebook("nb")
    do(account, endpoints=False)
    assert (
        account.sagemaker.describe_notebook_instance(NotebookInstanceName="nb")["NotebookInstanceStatus"] == "Stopped"
    )


def test_stop_leaves_what_is_somebody_elses(account: Account) -> None:
    account.notebook("nb", f"arn:aws:iam::{ACCOUNT}:role/theirs")
    do(account, endpoints=False)
    described = account.sagemaker.describe_notebook_instance(NotebookInstanceName="nb")
    assert described["NotebookInstanceStatus"] == "InService"


def test_endpoints_are_stopped_on_request_alone() -> None:
    assert {stage.name for stage in stops(endpoints=True)} - {stage.name for stage in stops(endpoints=False)} == set(
        SERVING
    )


def test_what_serving_means_is_in_the_table() -> None:
    assert {*SERVING} <= {stage.name for stage in of_kinds()}


def test_nothing_but_apps_and_what_serves_is_deleted_to_stop_it() -> None:
    assert {stage.name for stage in stops(endpoints=False) if stage.name.endswith(".delete")} == {"apps.delete"}


def test_whatever_has_an_instance_and_a_state_can_be_stopped() -> None:
    """A kind that runs on instances and is left out would go on costing money after ``stop``."""
    names = {stage.name.rpartition(".")[0] for stage in stops(endpoints=True)}
    runs = {kind.name for kind in KINDS if kind.instance and kind.billed}
    assert runs - names == {"clusters"}
