"""The order of stacks, what kept things need, and the deletion of one stack from any state."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.clock import VirtualClock
from operations.teardown.aws import Aws
from operations.teardown.journal import Journal
from operations.teardown.schedule import Outcome, Result, Step, run
from operations.teardown.scope import Scope, Stack
from operations.teardown.stacks import ATTEMPTS, needed_by, remove, users

Json = dict[str, Any]


def stack(name: str, template: Json | None = None, *, exports: tuple[str, ...] = (), protected: bool = False) -> Stack:
    return Stack(name, f"arn:{name}", "CREATE_COMPLETE", protected, (), template or {}, frozenset(exports))


def scope(*stacks: Stack) -> Scope:
    return Scope("test", "111111111111", "eu-west-1", "aws", stacks)


def imports(name: str) -> Json:
    return {"Resources": {"User": {"Type": "A::B::C", "Properties": {"Of": [{"Fn::ImportValue": name}]}}}}


# Order


def test_a_stack_goes_after_those_that_use_its_exports() -> None:
    found = users(scope(stack("a", exports=("vpc",)), stack("b", imports("vpc")), stack("c", imports("other"))))
    assert found == {"a": {"b"}, "b": frozenset(), "c": frozenset()}


# What kept things need

NETWORK = stack(
    "network",
    {
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC"},
            "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}}},
            "Other": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}}},
            "Endpoint": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"SubnetIds": [{"Ref": "Subnet"}]}},
            "Files": {"Type": "AWS::FSx::FileSystem", "Properties": {"SubnetIds": [{"Ref": "Other"}]}},
        },
        "Outputs": {"S": {"Value": {"Ref": "Subnet"}, "Export": {"Name": "subnet"}}},
    },
)
TEAM = stack(
    "team",
    {
        "Resources": {
            "Notebook": {
                "Type": "AWS::SageMaker::NotebookInstance",
                "Properties": {
                    "SubnetId": {"Fn::ImportValue": "subnet"},
                    "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                    "LifecycleConfigName": {"Fn::GetAtt": ["Scripts", "Name"]},
                },
            },
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": [{"Ref": "Policy"}]}},
            "Policy": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": {"Resource": {"Ref": "Queue"}}},
            },
            "Queue": {"Type": "AWS::Batch::JobQueue"},
            "Scripts": {
                "Type": "AWS::SageMaker::NotebookInstanceLifecycleConfig",
                "Properties": {"OnStart": {"Ref": "Bucket"}},
            },
            "Bucket": {"Type": "AWS::S3::Bucket"},
        }
    },
)


def test_what_a_kept_thing_needs_stays_with_it() -> None:
    assert needed_by(scope(NETWORK, TEAM), {("team", "Notebook")}) == {
        ("network", "Subnet"),
        ("network", "Vpc"),
        ("team", "Role"),
        ("team", "Policy"),
        ("team", "Scripts"),
    }


def test_nothing_is_needed_where_nothing_is_kept() -> None:
    assert needed_by(scope(NETWORK, TEAM), set()) == set()


def test_what_costs_money_goes_even_if_a_kept_thing_names_it() -> None:
    profile = stack(
        "people",
        {
            "Resources": {
                "Profile": {"Type": "AWS::SageMaker::UserProfile", "Properties": {"Files": {"Ref": "Files"}}},
                "Files": {"Type": "AWS::FSx::FileSystem"},
            }
        },
    )
    assert needed_by(scope(profile), {("people", "Profile")}) == set()


# One stack


class CloudFormation:
    """One stack, whose deletions end as given: with the reasons of what could not be deleted."""

    def __init__(self, status: str = "CREATE_COMPLETE", *failures: dict[str, str]) -> None:
        self.status = status
        self.failures = list(failures)
        self.held: dict[str, str] = {}
        self.deletions: list[Json] = []
        self.protected = False
        self.busy = 0
        self.reason = ""

    def client(self, _service: str) -> "CloudFormation":
        return self

    def describe_stacks(self, StackName: str) -> Json:  # noqa: N803 (AWS's names)
        if self.busy:
            self.busy -= 1
            if not self.busy:
                self.status = "ROLLBACK_COMPLETE"
        if self.status == "GONE":
            answer: Any = {"Error": {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}}
            raise ClientError(answer, "DescribeStacks")
        return {"Stacks": [{"StackStatus": self.status, "StackStatusReason": self.reason}]}

    def list_stack_resources(self, StackName: str) -> Json:  # noqa: ARG002, N803
        return {
            "StackResourceSummaries": [
                {"LogicalResourceId": name, "ResourceStatus": "DELETE_FAILED", "ResourceStatusReason": reason}
                for name, reason in self.held.items()
            ]
        }

    def delete_stack(self, **arguments: Any) -> Json:
        self.deletions.append(arguments)
        if self.protected:
            answer: Any = {"Error": {"Code": "ValidationError", "Message": "Stack cannot be deleted"}}
            raise ClientError(answer, "DeleteStack")
        self.held = self.failures.pop(0) if self.failures else {}
        self.held = {name: why for name, why in self.held.items() if name not in arguments.get("RetainResources", ())}
        self.status = "DELETE_FAILED" if self.held else "DELETE_COMPLETE"
        return {}

    def update_termination_protection(self, **arguments: Any) -> Json:
        self.protected = arguments["EnableTerminationProtection"]
        return {}


@pytest.fixture
def removed(tmp_path: Path) -> Callable[..., Result]:
    def removed(service: CloudFormation, given: Stack | None = None, may_stay: tuple[str, ...] = ()) -> Result:
        clock = VirtualClock()
        aws = Aws(service.client, "eu-west-1", clock, Journal(tmp_path / "journal.jsonl"))
        work = remove(aws, given or stack("one"), may_stay, lambda *_: None)
        return run([Step("one", lambda: work)], clock)["one"]

    return removed


@pytest.mark.parametrize(
    "status",
    [
        *("CREATE_COMPLETE", "CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "UPDATE_COMPLETE"),
        *("UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS"),
    ],
)
def test_a_stack_goes_from_every_state(removed: Callable[..., Result], status: str) -> None:
    service = CloudFormation(status)
    assert removed(service).outcome is Outcome.DONE
    assert service.deletions == [{"StackName": "arn:one"}]


@pytest.mark.parametrize("status", ["GONE", "DELETE_COMPLETE"])
def test_a_stack_that_is_gone_is_done(removed: Callable[..., Result], status: str) -> None:
    service = CloudFormation(status)
    assert removed(service).outcome is Outcome.DONE
    assert not service.deletions


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "UPDATE_IN_PROGRESS"])
def test_a_stack_that_is_busy_is_waited_for(removed: Callable[..., Result], status: str) -> None:
    service = CloudFormation(status)
    service.busy = 5
    assert removed(service).outcome is Outcome.DONE
    assert len(service.deletions) == 1


def test_a_stack_that_stays_busy_is_given_up(removed: Callable[..., Result]) -> None:
    assert removed(CloudFormation("UPDATE_IN_PROGRESS")) == Result(
        Outcome.FAILED, "stack one: still UPDATE_IN_PROGRESS after 360 minutes"
    )


def test_a_deletion_that_failed_is_tried_again(removed: Callable[..., Result]) -> None:
    service = CloudFormation(
        "CREATE_COMPLETE", {"Group": "has a dependent object"}, {"Group": "has a dependent object"}
    )
    assert removed(service).outcome is Outcome.DONE
    assert service.deletions == [{"StackName": "arn:one"}] * 3


def test_what_holds_a_stack_for_ever_is_told(removed: Callable[..., Result]) -> None:
    service = CloudFormation("CREATE_COMPLETE", *[{"Group": "has a dependent object"}] * ATTEMPTS)
    assert removed(service) == Result(Outcome.FAILED, "stack one: not deleted, held by Group (has a dependent object)")


class GivenUp(CloudFormation):
    """Its deletions change nothing, but that it says why."""

    def __init__(self, status: str, reason: str, times: int = 99) -> None:
        super().__init__(status)
        self.why, self.times = reason, times

    def delete_stack(self, **arguments: Any) -> Json:
        if len(self.deletions) == self.times:
            return super().delete_stack(**arguments)
        self.deletions.append(arguments)
        self.reason = self.why
        return {}


# https://github.com/aws/aws-cdk/issues/604
IN_USE = "Export vpc-demo:Subnets cannot be deleted as it is\n in use by elb-demo"


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_users_of_an_export_are_told_at_once(removed: Callable[..., Result], status: str) -> None:
    service = GivenUp(status, IN_USE)
    assert removed(service) == Result(
        Outcome.FAILED,
        f"stack one: not deleted: {status}: Export vpc-demo:Subnets cannot be deleted as it is in use by elb-demo",
    )
    assert len(service.deletions) == 1


def test_why_an_earlier_deletion_was_given_up_is_no_matter(removed: Callable[..., Result]) -> None:
    service = CloudFormation("UPDATE_COMPLETE")
    service.reason = IN_USE
    assert removed(service).outcome is Outcome.DONE


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", "DELETE_FAILED"])
def test_what_keeps_a_stack_that_no_resource_holds_is_told(removed: Callable[..., Result], status: str) -> None:
    service = GivenUp(status, "Role arn:r is invalid or cannot be assumed")
    assert removed(service) == Result(
        Outcome.FAILED, f"stack one: not deleted: {status}: Role arn:r is invalid or cannot be assumed"
    )
    assert len(service.deletions) == ATTEMPTS


def test_a_deletion_that_was_given_up_is_tried_again(removed: Callable[..., Result]) -> None:
    assert removed(GivenUp("UPDATE_COMPLETE", "Internal failure", times=2)).outcome is Outcome.DONE


def test_one_that_goes_late_is_not_deleted_twice(removed: Callable[..., Result]) -> None:
    service = GivenUp("UPDATE_COMPLETE", "")
    looks = iter(["UPDATE_COMPLETE"] * 2 + ["DELETE_IN_PROGRESS"] * 3 + ["DELETE_COMPLETE"])
    service.describe_stacks = lambda **_: {"Stacks": [{"StackStatus": next(looks)}]}  # type: ignore[method-assign]
    assert removed(service).outcome is Outcome.DONE
    assert len(service.deletions) == 1


def test_what_a_kept_thing_needs_is_left_in_place(removed: Callable[..., Result]) -> None:
    service = CloudFormation("CREATE_COMPLETE", {"Vpc": "has dependencies"}, {"Vpc": "has dependencies"})
    assert removed(service, may_stay=("Vpc", "Subnet")).outcome is Outcome.DONE
    assert service.deletions == [{"StackName": "arn:one"}, {"StackName": "arn:one", "RetainResources": ["Vpc"]}]


def test_nothing_else_is_left_in_place_with_it(removed: Callable[..., Result]) -> None:
    failure = {"Vpc": "has dependencies", "Group": "has a dependent object"}
    service = CloudFormation("CREATE_COMPLETE", failure)
    assert removed(service, may_stay=("Vpc",)).outcome is Outcome.DONE
    assert [each.get("RetainResources") for each in service.deletions] == [None, None]


def test_protection_is_taken_away_from_a_stack_that_has_it(removed: Callable[..., Result]) -> None:
    service = CloudFormation()
    service.protected = True
    assert removed(service, stack("one", protected=True)).outcome is Outcome.DONE


def test_a_deletion_that_is_refused_is_told(removed: Callable[..., Result]) -> None:
    service = CloudFormation()
    service.protected = True
    assert removed(service) == Result(
        Outcome.FAILED, "stack one: not deleted: ValidationError: Stack cannot be deleted"
    )
