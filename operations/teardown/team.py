"""What else the next deployment without a team deletes, or fails on: it stands in stacks that stay."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from operations.teardown.aws import Aws, code_of
from operations.teardown.policy import Policy
from operations.teardown.schedule import Waits
from operations.teardown.scope import Resource, Scope, Stack

FILE_SYSTEM, REPOSITORY, KEY = "AWS::FSx::FileSystem", "AWS::ECR::Repository", "AWS::KMS::Key"


def with_file_systems_of(scope: Scope, team: str) -> Scope:
    """The environment with no Lustre file systems but those that no other team has.

    A team's stack names the file systems that its people and notebooks mount.
    """
    names = {stack.name: _exports(stack) for stack in scope.stacks}

    def is_own(resource: Resource) -> bool:
        exports = {export for export, logical_id in names[resource.stack].items() if logical_id == resource.logical_id}
        users = {stack.name for stack in scope.stacks if "-team-" in stack.name and stack.imports & exports}
        return users == {f"trainyard-{scope.environment}-team-{team}"}

    return replace(
        scope,
        stacks=tuple(
            replace(
                stack, resources=tuple(each for each in stack.resources if each.type != FILE_SYSTEM or is_own(each))
            )
            for stack in scope.stacks
        ),
        gone=(),
    )


def blockers(aws: Aws, scope: Scope, team: str, policy: Policy) -> Waits:
    """What of a team the next deployment deletes with what people need of it, or cannot delete.

    Args:
        aws: the account.
        scope: the environment.
        team: its name.
        policy: what somebody decided to lose.
    """
    found = []
    for each in _own(scope, team):
        name = each.physical_id
        if each.type == REPOSITORY and (yield from _has_images(aws, name)):
            found.append(
                f"team {team}: {name}: the next deployment fails, as it has images: delete them, or deploy with "
                "data.keep_after_teardown: true first"
            )
        if each.type == KEY and not policy.purges(KEY, name) and (yield from _is_in_use(aws, name)):
            found.append(
                f"team {team}: {name}: the next deployment deletes this key, and nobody reads what is under it any "
                f"more: deploy with data.keep_after_teardown: true first, or say --purge {name}"
            )
    return found


def _exports(stack: Stack) -> dict[str, str]:
    """Name of an export to the logical id that it is of."""
    return {
        output["Export"]["Name"]: _logical_id(output["Value"])
        for output in stack.template.get("Outputs", {}).values()
        if "Export" in output
    }


def _logical_id(value: Any) -> str:
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            return name
    return ""


def _own(scope: Scope, team: str) -> Iterator[Resource]:
    """What the stack of data has of a team and does not keep."""
    for stack in scope.stacks:
        for each in stack.resources:
            described = stack.template.get("Resources", {}).get(each.logical_id, {})
            path = described.get("Metadata", {}).get("aws:cdk:path", "")
            if f"/Team-{team}/" in path and each.physical_id and not each.kept:
                yield each


def _has_images(aws: Aws, repository: str) -> Waits:
    try:
        answer = yield from aws.call("ecr", "list_images", repositoryName=repository, maxResults=1)
    except ClientError as error:
        if code_of(error) != "RepositoryNotFoundException":
            raise
        return False
    return bool(answer["imageIds"])


def _is_in_use(aws: Aws, key: str) -> Waits:
    answer = yield from aws.call("kms", "describe_key", KeyId=key)
    return answer["KeyMetadata"]["KeyState"] != "PendingDeletion"
