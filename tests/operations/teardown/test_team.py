"""What the next deployment without a team deletes, or fails on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations.teardown import team
from operations.teardown.policy import Policy
from operations.teardown.scope import Resource, Scope, Stack
from tests.operations.teardown.made import ACCOUNT, REGION, Made, made

FILE_SYSTEM = "AWS::FSx::FileSystem"
MANIFEST = '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": []}'


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Made]:
    with made(tmp_path) as account:
        yield account


def stack(name: str, template: dict[str, Any], *resources: Resource) -> Stack:
    return Stack(f"trainyard-dev-{name}", f"arn:{name}", "CREATE_COMPLETE", False, resources, template)


def resource(logical_id: str, type_: str, physical_id: str, *, kept: bool = False) -> Resource:
    return Resource("trainyard-dev-data", logical_id, type_, physical_id, kept, "CREATE_COMPLETE")


def scope(*stacks: Stack) -> Scope:
    return Scope("dev", ACCOUNT, REGION, "aws", stacks)


def mounted(**users: list[str]) -> Scope:
    """File systems and the stacks that mount them."""
    outputs = {
        f"{name}{number}": {"Export": {"Name": f"{name}:{number}"}, "Value": value}
        for name in users
        for number, value in enumerate([{"Ref": name}, {"Fn::GetAtt": [name, "DNSName"]}])
    }
    stacks = dict.fromkeys(each for names in users.values() for each in names)
    return scope(
        stack("data", {"Outputs": outputs}, *(resource(name, FILE_SYSTEM, f"fs-{name}") for name in users)),
        *(
            stack(each, {"Resources": [{"Fn::ImportValue": f"{name}:1"} for name in users if each in users[name]]})
            for each in stacks
        ),
    )


def of_vision(**users: list[str]) -> list[str]:
    return team.with_file_systems_of(mounted(**users), "vision").ids(FILE_SYSTEM)


def test_a_file_system_that_only_the_team_mounts_is_its_own() -> None:
    assert of_vision(own=["team-vision"]) == ["fs-own"]


def test_batch_mounts_all_and_has_none() -> None:
    assert of_vision(own=["team-vision", "batch"]) == ["fs-own"]


def test_one_that_another_team_mounts_too_is_not_its_own() -> None:
    assert of_vision(shared=["team-vision", "team-language"], own=["team-vision"]) == ["fs-own"]


def test_one_of_another_team_is_not_its_own() -> None:
    assert of_vision(other=["team-language"], nobodys=["batch"]) == []


def data(type_: str, physical_id: str, *, path: str = "Team-vision/Thing/Resource", kept: bool = False) -> Scope:
    """The stack of data with something of the team."""
    template = {"Resources": {"Thing": {"Type": type_, "Metadata": {"aws:cdk:path": f"Data/{path}"}}}}
    return scope(stack("data", template, resource("Thing", type_, physical_id, kept=kept)))


def blockers(account: Made, of: Scope, *purge: str) -> list[str]:
    return list(account.finish(team.blockers(account.aws, of, "vision", Policy({}, frozenset(purge)))))


def repository(account: Made, *, images: bool = True) -> str:
    ecr = account.client("ecr")
    ecr.create_repository(repositoryName="vision")
    if images:
        ecr.put_image(repositoryName="vision", imageManifest=MANIFEST, imageTag="one")
    return "vision"


def key(account: Made) -> str:
    return str(account.client("kms").create_key()["KeyMetadata"]["KeyId"])


def test_a_repository_with_images_is_told(account: Made) -> None:
    (said,) = blockers(account, data(team.REPOSITORY, repository(account)))
    assert said.startswith("team vision: vision: the next deployment fails, as it has images: ")


def test_an_empty_repository_is_no_matter(account: Made) -> None:
    assert blockers(account, data(team.REPOSITORY, repository(account, images=False))) == []


def test_a_repository_that_its_stack_keeps_is_no_matter(account: Made) -> None:
    assert blockers(account, data(team.REPOSITORY, repository(account), kept=True)) == []


def test_a_repository_of_another_team_is_no_matter(account: Made) -> None:
    assert blockers(account, data(team.REPOSITORY, repository(account), path="Team-vision-2/Thing/Resource")) == []


def test_a_key_of_the_team_is_told(account: Made) -> None:
    (said,) = blockers(account, data(team.KEY, id_ := key(account)))
    assert said.startswith(f"team vision: {id_}: the next deployment deletes this key, and nobody reads what is under")


def test_a_key_that_somebody_gives_up_is_no_matter(account: Made) -> None:
    id_ = key(account)
    assert blockers(account, data(team.KEY, id_), id_) == []


def test_a_key_that_waits_for_its_day_is_no_matter(account: Made) -> None:
    id_ = key(account)
    account.client("kms").schedule_key_deletion(KeyId=id_)
    assert blockers(account, data(team.KEY, id_)) == []
