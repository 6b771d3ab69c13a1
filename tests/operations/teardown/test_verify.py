"""What is left of an environment, and whether somebody asked for it."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel

from local_aws import LocalAws
from operations.teardown.aws import Aws
from operations.teardown.inventory import Inventory
from operations.teardown.journal import Journal
from operations.teardown.kinds import KINDS
from operations.teardown.network import HOMES_OF
from operations.teardown.places import PLACES, RECORDS, Place, look_at, place_of
from operations.teardown.policy import Policy, Volumes
from operations.teardown.schedule import Waits
from operations.teardown.scope import Resource, Scope, Stack
from operations.teardown.verify import BY_KEY, Left, Why, is_clean, verify

ACCOUNT, REGION = "111111111111", "eu-west-1"
HERE = {"LocationConstraint": REGION}


class Account:
    """An account, and what stacks of the environment dev had in it that are gone."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.local = aws
        self.aws = Aws(aws.client, REGION, aws.clock, Journal(folder / "journal.jsonl"))
        self.gone: list[Resource] = []
        self.stacks: tuple[Stack, ...] = ()

    def client(self, service: str) -> Any:
        return self.local.client(service)

    def had(self, type_: str, id_: str, *, kept: bool = False) -> None:
        self.gone.append(Resource("trainyard-dev-data", f"R{len(self.gone)}", type_, id_, kept, "CREATE_COMPLETE"))

    def left(self, policy: Policy | None = None, needed: Iterable[str] = ()) -> list[Left]:
        scope = Scope("dev", ACCOUNT, REGION, "aws", self.stacks, tuple(self.gone))
        found: list[Left] = self.ask(verify(Inventory(self.aws, scope), policy or Policy({}), "Trainyard", needed))
        return found

    def ask(self, work: Waits) -> Any:
        try:
            while True:
                self.local.clock.sleep(next(work))
        except StopIteration as stopped:
            return stopped.value

    def bucket(self, name: str, **tags: str) -> str:
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=HERE)
        if tags:
            given = [{"Key": key, "Value": value} for key, value in tags.items()]
            self.client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": given})
        return name

    def key(self) -> str:
        return str(self.client("kms").create_key()["KeyMetadata"]["KeyId"])


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with LocalAws(account=ACCOUNT, region=REGION) as aws:
        yield Account(aws, tmp_path)


def test_nothing_is_left_of_nothing(account: Account) -> None:
    assert account.left() == []


def test_what_is_gone_is_not_left(account: Account) -> None:
    for place in PLACES:
        if place.type != "AWS::SNS::Topic":
            account.had(place.type, "0f0f0f0f-0000-0000-0000-000000000000")
    assert account.left() == []


def test_what_a_stack_kept_is_kept_on_purpose(account: Account) -> None:
    account.had("AWS::S3::Bucket", account.bucket("trainyard-data"), kept=True)
    (left,) = account.left()
    assert (left.name, left.why, left.billed) == ("trainyard-data", Why.KEPT, True)
    assert is_clean([left])


def test_what_no_stack_kept_is_left_behind(account: Account) -> None:
    account.had("AWS::S3::Bucket", account.bucket("trainyard-data"))
    (left,) = account.left()
    assert left.why is Why.ORPHANED
    assert not is_clean([left])


def test_what_was_to_be_purged_and_is_there_is_left_behind(account: Account) -> None:
    account.had("AWS::S3::Bucket", account.bucket("trainyard-data"), kept=True)
    (left,) = account.left(Policy({}, frozenset({"trainyard-data"})))
    assert left.why is Why.ORPHANED


def test_a_key_waits_for_its_day(account: Account) -> None:
    key = account.key()
    account.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    account.had("AWS::KMS::Key", key)
    (left,) = account.left()
    assert (left.why, left.billed) == (Why.WAITING, False)
    assert left.until is not None
    assert is_clean([left])


def test_a_key_that_nothing_deletes_costs_money(account: Account) -> None:
    account.had("AWS::KMS::Key", account.key())
    (left,) = account.left()
    assert (left.why, left.billed) == (Why.ORPHANED, True)


def test_a_volume_under_a_key_of_the_environment_is_found(account: Account) -> None:
    key = account.key()
    account.had("AWS::KMS::Key", key, kept=True)
    arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}"
    ec2 = account.client("ec2")
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=7, Encrypted=True, KmsKeyId=arn)["VolumeId"]
    ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=8)
    assert [(each.name, each.gib) for each in account.left() if each.why is Why.ORPHANED] == [(volume, 7)]


def test_homes_of_the_domain_are_found_by_their_tag(account: Account) -> None:
    account.had("AWS::SageMaker::Domain", "d-ours")
    ids = [
        account.client("efs").create_file_system(
            CreationToken=domain,
            Tags=[{"Key": HOMES_OF, "Value": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:domain/{domain}"}],
        )["FileSystemId"]
        for domain in ("d-ours", "d-theirs")
    ]
    (left,) = account.left()
    assert (left.name, left.why) == (ids[0], Why.KEPT)


def test_what_homes_leave_in_a_network_of_somebody_else_is_named(account: Account) -> None:
    subnet = account.client("ec2").describe_subnets()["Subnets"][0]
    role = account.client("iam").create_role(RoleName="studio", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    for name in ("ours", "theirs"):
        domain = account.client("sagemaker").create_domain(
            DomainName=name,
            AuthMode="IAM",
            DefaultUserSettings={"ExecutionRole": role},
            SubnetIds=[subnet["SubnetId"]],
            VpcId=subnet["VpcId"],
        )["DomainArn"]
        account.local.clock.sleep(600)
        account.client("sagemaker").delete_domain(DomainId=domain.rpartition("/")[2])
        if name == "ours":
            account.had("AWS::SageMaker::Domain", domain.rpartition("/")[2])
    account.local.clock.sleep(600)
    left = account.left()
    assert sorted(each.kind for each in left if each.why is Why.ORPHANED) == [
        *["AWS::EC2::SecurityGroup"] * 2,
        "AWS::EFS::MountTarget",
    ]
    assert {each.because for each in left if each.why is Why.ORPHANED} == {f"of homes, in {subnet['VpcId']}"}
    assert is_clean(left)


def test_interfaces_in_a_network_that_is_left_are_named(account: Account) -> None:
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet, Description="of a test")["NetworkInterface"]
    account.had("AWS::EC2::VPC", vpc)
    found = {each.kind: each for each in account.left()}
    assert found["AWS::EC2::NetworkInterface"].name == interface["NetworkInterfaceId"]
    assert "of a test" in found["AWS::EC2::NetworkInterface"].because
    assert is_clean(found.values())


def test_what_carries_both_tags_is_found(account: Account) -> None:
    account.bucket("made-by-hand", Environment="dev", Project="Trainyard")
    (left,) = account.left()
    assert (left.name, left.why) == ("made-by-hand", Why.ORPHANED)
    assert "Environment and Project" in left.because


@pytest.mark.parametrize(
    "tags",
    [
        {"Environment": "dev"},
        {"Project": "Trainyard"},
        {"Environment": "test", "Project": "Trainyard"},
        {"Environment": "dev", "Project": "Other"},
    ],
)
def test_what_carries_one_of_them_is_somebody_elses(account: Account, tags: dict[str, str]) -> None:
    account.bucket("trainyard-dev-theirs", **tags)
    assert account.left() == []


def queue(account: Account) -> str:
    """A tagged queue, of a type that is looked for in no place."""
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="q", tags={"Environment": "dev", "Project": "Trainyard"})["QueueUrl"]
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def test_what_is_left_of_a_stack_and_can_only_be_told_by_tags_is_named(account: Account) -> None:
    arn = queue(account)
    account.had("AWS::SQS::Queue", "q")
    assert [(each.name, each.why, each.billed) for each in account.left()] == [(arn, Why.ORPHANED, None)]


@pytest.mark.parametrize(("kept", "needed"), [(True, ""), (False, "q")], ids=["kept", "needed"])
def test_what_is_to_be_there_is_not(account: Account, kept: bool, needed: str) -> None:
    queue(account)
    account.had("AWS::SQS::Queue", "q", kept=kept)
    assert account.left(needed=[needed]) == []


class Answering(Aws):
    """Gives one answer to everything."""

    def __init__(self, account: Account, answer: Any) -> None:
        super().__init__(account.client, REGION, account.local.clock, Journal(Path()))
        self._answer = answer

    def call(self, service: str, operation: str, **arguments: Any) -> Waits:  # noqa: ARG002
        yield from ()
        return self._answer


@pytest.mark.parametrize(
    ("state", "there"), [("running", True), ("stopped", True), ("shutting-down", False), ("terminated", False)]
)
def test_an_instance_is_there_until_it_shuts_down(account: Account, state: str, there: bool) -> None:
    answer = {"Reservations": [{"Instances": [{"InstanceId": "i-1", "State": {"Name": state}}]}]}
    place = next(each for each in PLACES if each.type == "AWS::EC2::Instance")
    assert bool(account.ask(look_at(Answering(account, answer), place, "i-1"))) is there


def test_a_name_alone_makes_nothing_ours(account: Account) -> None:
    account.bucket("trainyard-dev-data")
    assert account.left() == []


def test_what_is_in_a_stack_that_is_there_counts_with_the_stack(account: Account) -> None:
    account.bucket("data", Environment="dev", Project="Trainyard")
    resource = Resource("trainyard-dev-data", "Bucket", "AWS::S3::Bucket", "data", False, "CREATE_COMPLETE")
    account.stacks = (Stack("trainyard-dev-data", "arn", "DELETE_FAILED", False, (resource,), {}),)
    assert [(each.kind, each.name, each.billed) for each in account.left()] == [("stack", "trainyard-dev-data", True)]


def test_a_stack_without_resources_costs_nothing(account: Account) -> None:
    account.stacks = (Stack("trainyard-dev-data", "arn", "ROLLBACK_COMPLETE", False, (), {}),)
    assert is_clean(account.left())


def notebook(account: Account) -> str:
    account.had("AWS::IAM::Role", "trainyard-dev-role")
    account.client("sagemaker").create_notebook_instance(
        NotebookInstanceName="nb",
        InstanceType="ml.t3.medium",
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/trainyard-dev-role",
    )
    return "nb"


def test_what_somebody_made_and_nobody_deleted_is_left_behind(account: Account) -> None:
    name = notebook(account)
    assert [(each.name, each.why) for each in account.left()] == [(name, Why.ORPHANED)]


def test_what_is_kept_by_decision_is_kept_on_purpose(account: Account) -> None:
    notebook(account)
    assert [each.why for each in account.left(Policy({"notebook instances": Volumes.KEEP}))] == [Why.KEPT]


def kept_notebook(account: Account) -> str:
    name = notebook(account)
    account.had("AWS::SageMaker::NotebookInstance", name, kept=True)
    return name


def test_what_a_stack_keeps_is_kept_unless_somebody_decided_otherwise(account: Account) -> None:
    kept_notebook(account)
    assert [each.why for each in account.left()] == [Why.KEPT]


@pytest.mark.parametrize(
    "policy", [Policy({"notebook instances": Volumes.DISCARD}), Policy({}, frozenset({"nb"}))], ids=["discard", "purge"]
)
def test_what_was_to_go_and_is_there_is_left_behind(account: Account, policy: Policy) -> None:
    kept_notebook(account)
    assert [each.why for each in account.left(policy)] == [Why.ORPHANED]


def test_what_something_kept_needs_is_kept(account: Account) -> None:
    kept_notebook(account)
    account.had("AWS::S3::Bucket", account.bucket("needed"))
    assert {each.name: each.why for each in account.left(needed=["needed"])} == {"nb": Why.KEPT, "needed": Why.KEPT}


def test_where_nothing_is_kept_nothing_is_needed(account: Account) -> None:
    account.had("AWS::S3::Bucket", account.bucket("needed"))
    assert [each.why for each in account.left(needed=["needed"])] == [Why.ORPHANED]


def test_something_free_makes_nothing_unclean() -> None:
    assert is_clean([Left("role", "r", Why.ORPHANED, "", billed=False)])


def test_what_may_cost_is_shown_and_not_counted() -> None:
    assert is_clean([Left("sqs", "q", Why.ORPHANED, "", billed=None)])


@cache
def model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def operation_of(service: str, operation: str) -> Any:
    (name,) = (each for each in model(service).operation_names if xform_name(each) == operation)
    return model(service).operation_model(name)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.type)
def test_every_place_is_asked_with_an_argument_that_its_operation_takes(place: Place) -> None:
    assert set(place.argument) <= set(operation_of(*place.call.split(".")).input_shape.members)


@pytest.mark.parametrize(
    ("service", "operation", "items", "type_"), [(each[0], each[1], each[2], each[4]) for each in BY_KEY]
)
def test_every_answer_by_key_has_its_list(service: str, operation: str, items: str, type_: str) -> None:
    answer: Any = operation_of(service, operation).output_shape
    assert "KmsKeyId" in answer.members[items.removesuffix("[]")].member.members, type_


@pytest.mark.parametrize(
    ("arn", "type_", "id_"),
    [
        ("arn:aws:s3:::bucket", "AWS::S3::Bucket", "bucket"),
        ("arn:aws:logs:eu-west-1:1:log-group:/a/b", "AWS::Logs::LogGroup", "/a/b"),
        ("arn:aws:ec2:eu-west-1:1:security-group/sg-1", "AWS::EC2::SecurityGroup", "sg-1"),
        ("arn:aws:sns:eu-west-1:1:topic", "AWS::SNS::Topic", "arn:aws:sns:eu-west-1:1:topic"),
        ("arn:aws:ecr:eu-west-1:1:repository/a/b", "AWS::ECR::Repository", "a/b"),
    ],
)
def test_an_arn_leads_to_its_place(arn: str, type_: str, id_: str) -> None:
    place, found = place_of(arn)
    assert place
    assert (place.type, found) == (type_, id_)


def test_an_arn_of_nothing_known_leads_nowhere() -> None:
    assert place_of("arn:aws:sqs:eu-west-1:1:queue") == (None, "queue")


JOBS = {
    name.removesuffix("Arn"): shape.metadata["pattern"].rpartition(":")[2].partition("/")[0]
    for name in model("sagemaker").shape_names
    if name.endswith("JobArn") and (shape := model("sagemaker").shape_for(name))
}
"""Every job of SageMaker, and what its ARN says of it."""


@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_of_the_past_if_it_is_looked_for_while_it_runs(job: str) -> None:
    is_listed = any(f"{job}Name" in kind.key for kind in KINDS)
    assert bool(RECORDS.match(f"sagemaker:{JOBS[job]}/x")) is is_listed


def test_the_report_can_be_written_down(account: Account) -> None:
    account.had("AWS::S3::Bucket", account.bucket("trainyard-data"), kept=True)
    assert "kept" in json.dumps([vars(each) for each in account.left()])
