"""Whose data is under which key, and who may use it."""

import json
from itertools import product

import pytest
from aws_cdk import App, CfnResource, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_fsx as fsx
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from local_aws import LocalAws
from policies.evaluator import Decision, Request, decide, plain
from stacks.data_stack import DataStack
from stacks.lustre_stack import LustreStack
from stacks.network_stack import NetworkStack
from tests.support import Json, environment_with

KEY = kms.CfnKey.CFN_RESOURCE_TYPE_NAME
REPOSITORY = ecr.CfnRepository.CFN_RESOURCE_TYPE_NAME
BUCKET_POLICY = s3.CfnBucketPolicy.CFN_RESOURCE_TYPE_NAME
FILE_SYSTEM = fsx.CfnFileSystem.CFN_RESOURCE_TYPE_NAME

TEAMS = ["vision", "language", "forecasting"]
OWN = ["language", "forecasting"]
"""Teams with a key of their own. Vision and language each share a dataset with the other."""

READ, WRITE = "kms:Decrypt", "kms:GenerateDataKey"
MAY_USE = {
    ("vision", "vision"): {READ, WRITE},
    ("vision", "language"): {READ},
    ("language", "language"): {READ, WRITE},
    ("language", "vision"): {READ},
    ("forecasting", "forecasting"): {READ, WRITE},
}
"""What a team may do with the key of a team."""


@pytest.fixture(scope="module")
def stacks() -> tuple[DataStack, LustreStack]:
    return _stacks()


@pytest.fixture(scope="module")
def data(stacks: tuple[DataStack, LustreStack]) -> DataStack:
    return stacks[0]


@pytest.fixture(scope="module")
def template(data: DataStack) -> Template:
    return Template.from_stack(data)


def test_a_team_with_a_key_of_its_own_shares_it_with_nobody(data: DataStack) -> None:
    assert len({data.keys[team].arn for team in OWN} | {data.data_key.arn}) == len(OWN) + 1


def test_the_other_teams_share_the_data_key(data: DataStack) -> None:
    assert {team for team in TEAMS if data.keys[team] is data.data_key} == set(TEAMS) - set(OWN)


@pytest.mark.parametrize(("keep", "policy"), [(True, "Retain"), (False, "Delete")])
def test_a_key_of_a_team_stays_as_long_as_its_data(keep: bool, policy: str) -> None:
    stack, _ = _stacks(keep=keep)
    keys = Template.from_stack(stack).find_resources(KEY)
    assert {keys[_id(stack.keys[team])]["DeletionPolicy"] for team in OWN} == {policy}


@pytest.mark.parametrize("team", TEAMS)
def test_the_images_of_a_team_are_under_its_key(data: DataStack, template: Template, team: str) -> None:
    repository = template.find_resources(REPOSITORY)[_id(data.repositories[team])]["Properties"]
    assert repository["EncryptionConfiguration"]["KmsKey"] == _arn(data, team)


@pytest.mark.parametrize("bucket", ["datasets", "artifacts"])
def test_both_buckets_take_objects_of_a_team_under_its_key_alone(
    data: DataStack, template: Template, bucket: str
) -> None:
    name = data.resolve({"datasets": data.datasets, "artifacts": data.artifacts}[bucket].name)
    (policy,) = template.find_resources(BUCKET_POLICY, {"Properties": {"Bucket": name}}).values()
    pinned = {
        plain(each["Resource"][0]).rpartition(":::")[2].split("/")[1]: value
        for each in policy["Properties"]["PolicyDocument"]["Statement"]
        if each["Sid"].startswith("OwnKey")
        for value in each["Condition"]["ArnNotEquals"].values()
    }
    assert pinned == {team: _arn(data, team) for team in OWN}


@pytest.mark.parametrize(("team", "owner"), list(product(TEAMS, TEAMS)))
@pytest.mark.parametrize("action", [READ, WRITE])
def test_the_key_of_a_team_is_used_by_it_and_to_read_what_it_shares(
    data: DataStack, template: Template, team: str, owner: str, action: str
) -> None:
    decision = _use(data, template, team, action, _arn(data, owner), "datasets")
    expected = action in MAY_USE.get((team, owner), set())
    assert decision is (Decision.ALLOWED if expected else Decision.IMPLICITLY_DENIED)


@pytest.mark.parametrize(("reader", "owner"), [("vision", "language"), ("language", "vision")])
def test_nothing_of_another_team_is_read_where_it_shares_nothing(
    data: DataStack, template: Template, reader: str, owner: str
) -> None:
    decision = _use(data, template, reader, READ, _arn(data, owner), "artifacts")
    assert decision is Decision.IMPLICITLY_DENIED


def test_what_a_key_of_a_team_encrypts_is_read_through_s3_alone(data: DataStack, template: Template) -> None:
    key = plain(_arn(data, "language"))
    for team in TEAMS:
        request = Request(READ, key, {"kms:EncryptionContext:aws:s3:arn": plain(data.resolve(data.datasets.arn))})
        assert decide(request, [_folders(data, template, team)]) is Decision.IMPLICITLY_DENIED


def test_only_a_key_whose_datasets_a_file_system_shows_admits_lustre(data: DataStack, template: Template) -> None:
    keys = template.find_resources(KEY)
    admitting = {
        team
        for team in OWN
        for each in keys[_id(data.keys[team])]["Properties"]["KeyPolicy"]["Statement"]
        if each.get("Sid") == "LustreFileSystems"
    }
    assert admitting == {"language"}


def test_no_key_of_a_team_admits_anybody_else(data: DataStack, template: Template) -> None:
    """Roles of its team get their permission from the account, which the first statement admits."""
    keys = template.find_resources(KEY)
    for team in OWN:
        _, *further = keys[_id(data.keys[team])]["Properties"]["KeyPolicy"]["Statement"]
        assert {each["Sid"] for each in further} <= {"LustreFileSystems"}


def test_whoever_uploads_finds_the_key_of_the_team(data: DataStack, template: Template) -> None:
    outputs = template.to_json()["Outputs"]
    found = {name: each["Value"] for name, each in outputs.items() if name.startswith("KeyOf")}
    assert found == {f"KeyOf{team}": _arn(data, team) for team in OWN}


def test_a_file_system_of_one_team_is_under_its_key_and_a_shared_one_under_that_of_all(
    stacks: tuple[DataStack, LustreStack],
) -> None:
    data, lustre = stacks
    file_systems = Template.from_stack(lustre).find_resources(FILE_SYSTEM)
    keys = {
        name: file_systems[_id(each.node.find_child("FileSystem"))]["Properties"]["KmsKeyId"]
        for name, each in lustre.file_systems.items()
    }
    assert keys == {
        "shared": lustre.resolve(data.data_key.arn),
        "vision": lustre.resolve(data.data_key.arn),
        "forecasting": lustre.resolve(data.keys["forecasting"].arn),
    }


def test_it_deploys_and_goes_again() -> None:
    stack, _ = _stacks(keep=False)
    template = Template.from_stack(stack).to_json()
    del template["Parameters"]["BootstrapVersion"], template["Rules"]
    with LocalAws(account=stack.account, region=stack.region) as aws:
        cloudformation = aws.client("cloudformation")
        cloudformation.create_stack(
            StackName="data", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        (made,) = cloudformation.describe_stacks(StackName="data")["Stacks"]
        assert made["StackStatus"] == "CREATE_COMPLETE"
        outputs = {each["OutputKey"]: each["OutputValue"] for each in made["Outputs"]}
        keys = [outputs[f"KeyOf{team}"] for team in OWN]
        used = {each["encryptionConfiguration"]["kmsKey"] for each in _repositories(aws)}
        assert set(keys) < used
        cloudformation.delete_stack(StackName="data")
        assert cloudformation.describe_stacks()["Stacks"] == []
        states = {aws.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in keys}
        assert states == {"PendingDeletion"}


def _stacks(*, keep: bool = True) -> tuple[DataStack, LustreStack]:
    """Prod, where two teams have a key of their own and one of them a file system."""
    books = {"dataset": "books", "file_system_path": "/books"}
    changes = {
        "teams.1.own_key": True,
        "teams.2.own_key": True,
        "data.keep_after_teardown": keep,
        "teardown": {},
        "lustre": [
            {"name": "shared", "teams": ["vision", "language"], "data_repository_associations": [books]},
            {"name": "vision", "teams": ["vision"]},
            {"name": "forecasting", "teams": ["forecasting"]},
        ],
    }
    environment = environment_with(changes)
    app = App()
    data = DataStack(app, "Data", environment=environment)
    network = NetworkStack(app, "Network", environment=environment, log_key=data.log_key)
    return data, LustreStack(app, "Lustre", environment=environment, data=data, network=network)


def _id(construct: object) -> str:
    assert isinstance(construct, CfnResource)
    return str(Stack.of(construct).get_logical_id(construct))


def _arn(data: DataStack, team: str) -> Json:
    """ARN of the key of a team's data, as the template has it."""
    arn: Json = data.resolve(data.keys[team].arn)
    return arn


def _folders(data: DataStack, template: Template, team: str) -> Json:
    """What a team may do with its folders, its repository and their key."""
    policies = template.find_resources(iam.CfnManagedPolicy.CFN_RESOURCE_TYPE_NAME)
    document: Json = plain(policies[_id(data.folders[team])]["Properties"]["PolicyDocument"])
    return document


def _use(data: DataStack, template: Template, team: str, action: str, key: Json, bucket: str) -> Decision:
    """Whether a role of a team may use a key for the objects of a bucket."""
    arn = {"datasets": data.datasets, "artifacts": data.artifacts}[bucket].arn
    context = {
        "kms:ViaService": f"s3.{data.region}.amazonaws.com",
        "kms:EncryptionContext:aws:s3:arn": plain(data.resolve(arn)),
    }
    return decide(Request(action, plain(key), context), [_folders(data, template, team)])


def _repositories(aws: LocalAws) -> list[Json]:
    repositories: list[Json] = aws.client("ecr").describe_repositories()["repositories"]
    return repositories
