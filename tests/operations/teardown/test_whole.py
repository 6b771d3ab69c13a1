"""A whole environment is taken away, from whatever state it is in, and nothing else is."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from operations.teardown import runs
from operations.teardown.journal import Journal
from operations.teardown.options import Options
from operations.teardown.stages import of_kinds
from tests.operations.teardown.account import TEAM, leftovers
from tests.operations.teardown.whole import DATA, After, Whole, whole_of
from tests.operations.teardown.world import DISCARD, World, world
from tests.support import Json

# One process deploys for all of them.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("whole_teardown")]

TEAM_STACK = f"trainyard-local-team-{TEAM}"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with world(tmp_path_factory.mktemp("whole")) as made:
        leftovers(made.account)
        yield whole_of(made)


@pytest.fixture(scope="module")
def after(whole: Whole) -> After:
    """The usual run."""
    return whole.taken_away()


def test_a_run_ends_well(after: After) -> None:
    assert after.codes == [0], after.told[-1]


def test_only_data_is_left_and_keys_wait(after: After) -> None:
    assert after.named == DATA
    assert {each[1] for each in after.left if each[0] == "AWS::KMS::Key"} == {"waiting"}


def test_the_plan_names_all_data_that_is_kept(after: After) -> None:
    assert (after.told[0].count(": data\n"), "kept (3)" in after.told[0]) == (3, True)


def test_what_is_not_the_environments_is_as_without_a_run(after: After) -> None:
    assert after.foreign == []


def test_what_is_not_the_environments_is_of_every_kind(whole: Whole) -> None:
    """Of each that the environment has: else nothing would be shown of it."""
    ours = {kind for kind, _ in whole.control.keys() - whole.world.foreign}
    assert ours <= {kind for kind, _ in whole.world.foreign & whole.control.keys()}


def test_nothing_of_a_stack_is_there(whole: Whole, after: After) -> None:
    tags = [
        json.dumps(told)
        for (kind, name), told in whole.control.items()
        if kind == "resourcegroupstaggingapi.get_resources" and [kind, name] in after.there
    ]
    assert not [each for each in tags if "stack/trainyard-local-team" in each]


def test_a_second_run_finds_nothing_to_do(whole: Whole) -> None:
    twice = whole.taken_away(again=1)
    assert twice.is_clean()
    assert "nothing to do" in twice.told[1]


@contextmanager
def refusing(operation: str) -> Iterator[None]:
    """Lets AWS refuse an operation, whoever calls it."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001 (botocore's stubs do not have it)

    def refuse(self: Any, name: str, arguments: Json) -> Any:
        if name == operation:
            raise ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "not now"}}, name)
        return call(self, name, arguments)

    with patch.object(BaseClient, "_make_api_call", refuse):
        yield


def delete(made: World, stack: str) -> str:
    """Somebody deletes a stack; its status then."""
    client = made.account.client("cloudformation")
    (described,) = client.describe_stacks(StackName=stack)["Stacks"]
    client.delete_stack(StackName=stack)
    return str(client.describe_stacks(StackName=described["StackId"])["Stacks"][0]["StackStatus"])


def broken(made: World, on_failure: str) -> str:
    """Makes a stack of the environment with something that cannot be made; its status then."""
    client = made.account.client("cloudformation")
    resources = {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": []}}},
        "Broken": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"VpcId": "vpc-0", "CidrBlock": "10.0.0.0/24"},
            "DependsOn": ["Topic", "Key"],
        },
    }
    stack = client.create_stack(
        StackName="trainyard-local-broken",
        TemplateBody=json.dumps({"Resources": resources}),
        OnFailure=on_failure,
        Tags=[{"Key": "Environment", "Value": "local"}],
    )
    return str(client.describe_stacks(StackName=stack["StackId"])["Stacks"][0]["StackStatus"])


SERVING = ("monitoring schedules", "scaling targets", "inference experiments", "inference components", "endpoints")


def deleted(made: World) -> None:
    """Somebody deletes the stack of the team, whose endpoint would not go any more without its role."""
    inventory = made.account.inventory()
    for stage in of_kinds():
        if stage.name.partition(".")[0] in SERVING:
            made.account.done(stage.work(inventory, DISCARD, lambda *_: None))
    assert delete(made, TEAM_STACK) == "DELETE_COMPLETE"


def test_a_stack_that_could_not_be_deleted_goes(whole: Whole) -> None:
    def before(made: World) -> None:
        with refusing("DeleteNotebookInstance"):
            assert delete(made, TEAM_STACK) == "DELETE_FAILED"

    assert whole.taken_away(before=before).is_clean()


def test_a_stack_whose_rollback_failed_goes(whole: Whole) -> None:
    def before(made: World) -> None:
        with refusing("DeleteTopic"):
            assert broken(made, "ROLLBACK") == "ROLLBACK_FAILED"

    assert whole.taken_away(before=before).is_clean()


def test_a_stack_that_is_half_made_goes(whole: Whole) -> None:
    def before(made: World) -> None:
        assert broken(made, "DO_NOTHING") == "CREATE_FAILED"

    assert whole.taken_away(before=before).is_clean()


OLDER = "trainyard-local-governance"


def changed(made: World, stack: str, change: Callable[[Json], None]) -> None:
    """Brings a stack to another template."""
    client = made.account.client("cloudformation")
    template = client.get_template(StackName=stack)["TemplateBody"]
    change(template["Resources"])
    client.update_stack(StackName=stack, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"])
    assert client.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE"


def test_a_stack_with_something_that_this_commit_does_not_make_goes(whole: Whole) -> None:
    queue = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "of-an-older-commit"}}
    after = whole.taken_away(before=lambda made: changed(made, OLDER, lambda each: each.update(Older=queue)))
    assert after.is_clean()
    assert not [name for _, name in after.there if name.endswith("of-an-older-commit")]


def test_a_stack_without_something_that_this_commit_makes_goes(whole: Whole) -> None:
    def without_dashboard(resources: Json) -> None:
        (name,) = (name for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Dashboard")
        del resources[name]

    assert whole.taken_away(before=lambda made: changed(made, OLDER, without_dashboard)).is_clean()


def interrupted(made: World) -> None:
    """A run that ends when it has written down what there is."""
    with patch.object(runs, "steps_done", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        made.run(Options(DISCARD, yes=True, discard_unexported=True), Journal(made.folder / "journal.jsonl"))


def test_what_people_left_is_found_after_somebody_deleted_the_stack_of_their_team(whole: Whole) -> None:
    """Also when no run has written down before what was in it."""
    after = whole.taken_away(before=deleted)
    assert after.is_clean()
    assert [
        name for kind, name in after.there if kind in ("clusters", "notebook instances") and "local-t" in name
    ] == []


def test_it_is_found_after_a_run_was_interrupted_too(whole: Whole) -> None:
    def before(made: World) -> None:
        interrupted(made)
        deleted(made)

    assert whole.taken_away(before=before).is_clean()
