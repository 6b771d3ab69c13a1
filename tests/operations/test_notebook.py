"""Against the local AWS, in whose CloudFormation the stack of one team stands."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from environments import Environment, load
from local_aws import LocalAws
from operations import __main__ as command
from operations import notebook
from operations.errors import InputError
from operations.notebook import MARK, Notebook, UpgradeError, find, listed, upgrade
from tests.support import Json, environment_with

LOCAL, PROD = load("local"), load("prod")
pytestmark = pytest.mark.slow

EXPLORATION = Notebook("vision", "exploration")
OLD, NEW = "notebook-al2023-v1", "notebook-al2023-v2"
STACK = "trainyard-local-team-vision"
TEMPLATE = """
Resources:
  Script: {Type: AWS::SageMaker::NotebookInstanceLifecycleConfig}
  Other:
    Type: AWS::SageMaker::NotebookInstance
    Metadata: {aws:cdk:path: Team-vision/Notebooks/other}
    Properties: {InstanceType: ml.t3.medium, RoleArn: &role "arn:aws:iam::111111111111:role/other"}
  Instance:
    Type: AWS::SageMaker::NotebookInstance
    Metadata: {aws:cdk:path: Team-vision/Notebooks/exploration}
    Properties: {InstanceType: ml.t3.medium, RoleArn: *role, VolumeSizeInGB: 5, PlatformIdentifier: notebook-al2023-v1}
"""
CALLS = ("AddTags", "StopNotebookInstance", "UpdateNotebookInstance", "StartNotebookInstance", "DeleteTags")
"""What changes something in an upgrade of an instance that runs, in this order."""


Crash = Callable[[int, str], bool]
"""Whether to end the process behind a request, by its number and name."""


def never(_number: int, _name: str) -> bool:
    return False


class CrashError(Exception):
    """The end of the process."""


@dataclass
class Account:
    """Where the stack is deployed.

    Attributes:
        called: the operations of SageMaker, in turn, for as long as they were answered.
        answers: what SageMaker's descriptions are made to say besides, one for each until they run out.
        said: the lines of all attempts.
    """

    aws: LocalAws
    called: list[str] = field(default_factory=list)
    answers: list[Json] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    _crash: Crash = never
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @cached_property
    def session(self) -> boto3.Session:
        """A session whose requests are noted, and behind which the process may end."""
        session = boto3.Session("local", "local", region_name="eu-west-1")

        def after(parsed: Json, model: Any, **_: object) -> None:
            self.called.append(model.name)
            if model.name == "DescribeNotebookInstance" and self.answers:
                parsed.update(self.answers.pop(0))
            if self._crash(next(self._numbers), model.name):
                raise CrashError

        session.events.register("after-call.*.*", after)
        return session

    def upgrade(self, to: str = NEW, *, crash: Crash = never) -> None:
        """One attempt, which ends behind the request of which ``crash`` says so."""
        self._crash, self._numbers = crash, itertools.count()
        upgrade(LOCAL, EXPLORATION, to, self.session, say=self.said.append, sleep=self.aws.clock.sleep)

    @property
    def name(self) -> str:
        resource = self.aws.client("cloudformation").describe_stack_resource(
            StackName=STACK, LogicalResourceId="Instance"
        )
        return str(resource["StackResourceDetail"]["PhysicalResourceId"]).rpartition("/")[2]

    @property
    def instance(self) -> Json:
        """What SageMaker says of the instance."""
        found: Json = self.aws.client("sagemaker").describe_notebook_instance(NotebookInstanceName=self.name)
        del found["ResponseMetadata"]
        return found

    @property
    def state(self) -> tuple[str, str]:
        found = self.instance
        return found["NotebookInstanceStatus"], found["PlatformIdentifier"]

    @property
    def tags(self) -> list[str]:
        answer = self.aws.client("sagemaker").list_tags(ResourceArn=self.instance["NotebookInstanceArn"])
        return [tag["Key"] for tag in answer["Tags"]]

    @property
    def changed(self) -> tuple[str, ...]:
        """The operations that changed something, in turn."""
        return tuple(name for name in self.called if name in CALLS)

    def stop(self) -> None:
        self.aws.client("sagemaker").stop_notebook_instance(NotebookInstanceName=self.name)
        self.aws.clock.sleep(90)

    def update(self, **parameters: Any) -> None:
        self.aws.client("sagemaker").update_notebook_instance(NotebookInstanceName=self.name, **parameters)
        self.aws.clock.sleep(60)

    def make_starts_fail(self) -> None:
        sagemaker = self.aws.client("sagemaker")
        sagemaker.create_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName="failing")
        self.stop()
        self.update(LifecycleConfigName="failing")

    def make_old(self) -> None:
        """Runs, with the old platform."""
        if self.state[0] == "InService":
            self.stop()
        self.update(PlatformIdentifier=OLD)
        self.start()

    def start(self) -> None:
        self.aws.client("sagemaker").start_notebook_instance(NotebookInstanceName=self.name)
        self.aws.clock.sleep(180)


@pytest.fixture
def account() -> Iterator[Account]:
    with LocalAws() as aws:
        aws.client("cloudformation").create_stack(StackName=STACK, TemplateBody=TEMPLATE)
        yield Account(aws)


def test_an_instance_that_runs_is_stopped_changed_and_started(account: Account) -> None:
    account.upgrade()
    assert account.changed == CALLS
    assert account.state == ("InService", NEW)


def test_it_is_the_same_instance_afterwards(account: Account) -> None:
    before = account.instance
    account.upgrade()
    different = {name for name, value in account.instance.items() if before[name] != value}
    assert different == {"LastModifiedTime", "PlatformIdentifier"}


def test_the_other_instances_of_the_team_stay_as_they_are(account: Account) -> None:
    account.upgrade()
    others = account.aws.client("sagemaker").list_notebook_instances(StatusEquals="InService")["NotebookInstances"]
    platforms = {
        account.aws.client("sagemaker").describe_notebook_instance(NotebookInstanceName=each["NotebookInstanceName"])[
            "PlatformIdentifier"
        ]
        for each in others
        if each["NotebookInstanceName"] != account.name
    }
    assert platforms == {OLD}


def test_an_instance_that_is_stopped_stays_so(account: Account) -> None:
    account.stop()
    account.upgrade()
    assert account.changed == ("UpdateNotebookInstance",)
    assert account.state == ("Stopped", NEW)


def test_a_second_upgrade_changes_nothing(account: Account) -> None:
    account.upgrade()
    account.called.clear()
    account.upgrade()
    assert account.changed == ()
    assert account.said[-1] == f"{account.name}: has {NEW} already"


def test_it_leaves_no_tag(account: Account) -> None:
    before = account.tags
    account.upgrade()
    assert account.tags == before


def test_each_step_is_told(account: Account) -> None:
    account.upgrade()
    name = account.name
    assert account.said == [
        f"{name}: InService, {OLD}",
        f"{name}: stop ...",
        f"{name}: Stopping ...",
        f"{name}: update to {NEW} ...",
        f"{name}: Updating ...",
        f"{name}: start ...",
        f"{name}: Pending ...",
        f"{name}: InService, {NEW}; all else as it was",
    ]


@pytest.mark.parametrize("state", ["Pending", "Updating", "Stopping", "PendingMaintenance", "InMaintenance"])
def test_a_state_that_passes_is_waited_for(account: Account, state: str) -> None:
    account.answers += [{"NotebookInstanceStatus": state}] * 3
    account.upgrade()
    assert account.said[0] == f"{account.name}: {state} ..."
    assert account.called.index("AddTags") > 3
    assert account.state == ("InService", NEW)


def test_a_state_that_does_not_pass_is_given_up(account: Account) -> None:
    account.answers += [{"NotebookInstanceStatus": "InMaintenance"}] * 1000
    with pytest.raises(UpgradeError, match="still InMaintenance after 60 minutes: run the same command again"):
        account.upgrade()
    assert account.changed == ()


@pytest.mark.parametrize("call", CALLS)
def test_after_a_crash_behind_any_change_the_same_command_ends_it(account: Account, call: str) -> None:
    before = account.tags
    with pytest.raises(CrashError):
        account.upgrade(crash=lambda _, name: name == call)
    account.upgrade()
    assert account.changed == CALLS
    assert account.state == ("InService", NEW)
    assert account.tags == before


def test_after_a_crash_behind_any_request_the_same_command_ends_it(account: Account) -> None:
    """Of one attempt after the other, each of which gets one request further than the last."""
    before, crashes = account.tags, 0
    while True:
        number = crashes
        try:
            account.upgrade(crash=lambda at, _, number=number: at == number)  # type: ignore[misc]
        except CrashError:
            crashes += 1
            continue
        break
    assert crashes > 5
    assert account.changed.count("UpdateNotebookInstance") == 1
    assert account.state == ("InService", NEW)
    assert account.tags == before


@pytest.mark.parametrize("runs", [True, False])
def test_after_one_crash_behind_each_request_the_same_command_ends_it(account: Account, runs: bool) -> None:
    before = account.tags
    for crashed in itertools.count():
        if not runs:
            account.stop()
        try:
            account.upgrade(crash=lambda number, _, crashed=crashed: number == crashed)  # type: ignore[misc]
        except CrashError:
            account.upgrade()
        else:
            break
        assert account.state == ("InService" if runs else "Stopped", NEW)
        assert account.tags == before
        account.make_old()
    assert crashed > 5


def test_an_idle_stop_meanwhile_does_no_harm(account: Account) -> None:
    """The instance stops itself between the question and the stop."""

    def stop_first(**_: object) -> None:
        account.aws.client("sagemaker").stop_notebook_instance(NotebookInstanceName=account.name)

    account.session.events.register_first("before-call.sagemaker.StopNotebookInstance", stop_first)
    account.upgrade()
    assert account.state == ("InService", NEW)


def test_what_throttles_is_asked_again(account: Account) -> None:
    attempts: list[Json] = []

    def throttle(parsed_response: Json, **_: object) -> None:
        attempts.append(parsed_response)
        if len(attempts) == 1:
            parsed_response["Error"] = {"Code": "ThrottlingException", "Message": "Rate exceeded"}

    account.session.events.register("response-received.sagemaker.DescribeNotebookInstance", throttle)
    account.upgrade()
    assert len(attempts) == account.called.count("DescribeNotebookInstance") + 1
    assert account.state == ("InService", NEW)


def test_a_failed_instance_is_upgraded_and_left_stopped(account: Account) -> None:
    account.make_starts_fail()
    account.start()
    account.upgrade()
    assert "Failed" in account.said[0]
    assert "Lifecycle Config failing" in account.said[0]
    assert account.state == ("Stopped", NEW)


def test_an_instance_that_does_not_start_again_is_told_with_the_reason(account: Account) -> None:
    account.make_starts_fail()
    account.aws.client("sagemaker").add_tags(
        ResourceArn=account.instance["NotebookInstanceArn"], Tags=[{"Key": MARK, "Value": "true"}]
    )
    with pytest.raises(
        UpgradeError, match=r"Failed: Notebook Instance Lifecycle Config failing .*: when that is mended"
    ):
        account.upgrade()


def test_once_that_is_mended_the_same_command_starts_it(account: Account) -> None:
    test_an_instance_that_does_not_start_again_is_told_with_the_reason(account)
    account.update(DisassociateLifecycleConfig=True)
    account.upgrade()
    assert account.state == ("InService", NEW)
    assert MARK not in account.tags


def test_a_failed_instance_that_has_the_platform_is_told_with_the_reason(account: Account) -> None:
    account.make_starts_fail()
    account.start()
    with pytest.raises(UpgradeError, match=f"has {OLD} already, and is Failed: Notebook Instance Lifecycle Config"):
        account.upgrade(OLD)
    assert account.changed == ()


@pytest.mark.parametrize("field", ["VolumeSizeInGB", "KmsKeyId", "SubnetId", "RoleArn", "CreationTime"])
def test_another_instance_than_before_is_told(account: Account, field: str) -> None:
    account.stop()
    account.answers += [{}, *[{field: "another"}] * 10]
    with pytest.raises(UpgradeError, match=f"is not what it was: {field}: .* before, another now"):
        account.upgrade()


def test_an_update_that_changes_nothing_is_told(account: Account) -> None:
    account.stop()
    account.answers += [{}, *[{"PlatformIdentifier": OLD}] * 10]
    with pytest.raises(UpgradeError, match="update changed nothing: Stopped, notebook-al2023-v1"):
        account.upgrade()
    assert account.changed == ("UpdateNotebookInstance",)


def test_an_instance_that_is_being_deleted_is_left_alone(account: Account) -> None:
    account.stop()
    account.aws.client("sagemaker").delete_notebook_instance(NotebookInstanceName=account.name)
    with pytest.raises(UpgradeError, match=": Deleting"):
        account.upgrade()


def test_an_instance_that_is_gone_is_told(account: Account) -> None:
    account.stop()
    account.aws.client("sagemaker").delete_notebook_instance(NotebookInstanceName=account.name)
    account.aws.clock.sleep(60)
    with pytest.raises(UpgradeError, match=": gone"):
        account.upgrade()


def test_an_older_platform_is_refused(account: Account) -> None:
    account.upgrade()
    account.called.clear()
    with pytest.raises(InputError, match=f"to: '{OLD}': is older than {NEW}, which it has"):
        account.upgrade(OLD)
    assert account.changed == ()


@pytest.mark.parametrize("platform", ["notebook-al2-v3", "notebook-al2023-v99", "al2023", "", "notebook-al2023-v1 "])
def test_an_unknown_platform_is_refused(account: Account, platform: str) -> None:
    with pytest.raises(InputError, match=f"to: '{platform}': must be a platform on Amazon Linux 2023: {OLD}, {NEW}"):
        account.upgrade(platform)
    assert account.called == []


def test_a_notebook_that_is_not_deployed_is_refused() -> None:
    with LocalAws(), pytest.raises(InputError, match="vision/exploration: not deployed in local: make deploy"):
        upgrade(LOCAL, EXPLORATION, NEW, boto3.Session("a", "b", region_name="eu-west-1"), say=print)


def test_what_aws_refuses_is_one_line(account: Account) -> None:
    session = account.session

    error = {"Error": {"Code": "AccessDeniedException", "Message": "not allowed"}, "ResponseMetadata": {}}
    session.events.register(
        "before-call.sagemaker.AddTags",
        lambda **_: (SimpleNamespace(status_code=400), error),  # type: ignore[arg-type]
    )
    with pytest.raises(InputError, match=r"^vision/exploration: .*AccessDeniedException.*not allowed"):
        account.upgrade()


def test_a_name_is_enough_when_one_team_has_it() -> None:
    assert find(LOCAL, "exploration") == EXPLORATION


def _two_teams() -> Environment:
    return environment_with({"teams.0.notebooks": [{"name": "a"}], "teams.1.notebooks": [{"name": "a"}]})


def test_a_name_of_two_teams_needs_the_team() -> None:
    first, second, *_ = (team.name for team in PROD.teams)
    with pytest.raises(
        InputError, match=f"notebook: 'a': teams {first}, {second} have one of that name: say which with --team"
    ):
        find(_two_teams(), "a")


def test_the_team_says_which_one() -> None:
    second = PROD.teams[1].name
    assert find(_two_teams(), "a", second) == Notebook(second, "a")


@pytest.mark.parametrize(("name", "team"), [("nothing", None), ("exploration", "nobody")])
def test_an_unknown_notebook_is_told_with_the_known_ones(name: str, team: str | None) -> None:
    with pytest.raises(InputError, match="must be one of local, which are vision/exploration"):
        find(LOCAL, name, team)


def test_the_list_has_a_line_for_each(account: Account) -> None:
    assert listed(LOCAL, account.session).splitlines() == [
        "team    notebook     state      platform            instance type",
        "vision  exploration  InService  notebook-al2023-v1  ml.t3.medium",
    ]


def test_the_list_has_those_that_are_not_deployed_too() -> None:
    with LocalAws():
        lines = listed(LOCAL, boto3.Session("a", "b", region_name="eu-west-1")).splitlines()
    assert lines[1].split(maxsplit=2)[2] == "not deployed  -         -"


def test_the_command_ends_with_2_for_a_wrong_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["operations", "notebook", "upgrade", "local", "nothing"])
    assert command.main() == 2
    assert capsys.readouterr().err.startswith("notebook: 'nothing': must be one of local")


@pytest.mark.parametrize(
    ("error", "says"), [(UpgradeError("it failed"), "it failed"), (KeyboardInterrupt(), "goes on")]
)
def test_the_command_ends_with_1_for_an_upgrade_without_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, says: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(notebook, "upgrade", fail)
    monkeypatch.setattr("sys.argv", ["operations", "notebook", "upgrade", "local", "exploration"])
    assert command.main() == 1
    assert says in capsys.readouterr().err
