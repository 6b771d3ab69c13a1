"""The tags of our records beside those of moto's, as the tagging API tells them.

Source: AWS docs resourcegroupstagging/latest/APIReference/API_GetResources.html
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moto.backends import get_backend

from local_aws.errors import AwsError
from local_aws.front import Answer, Call, Front
from local_aws.services.operations import Service

PAGE = 100
"""Resources of one answer, at most and unless the request says less."""


def install(front: Front, services: Sequence[Service]) -> None:
    """Lets the records of services be found by their tags."""

    def get_resources(call: Call) -> Answer:
        given = call.parameters
        found = [*_of_moto(call), *(each for service in services for each in _ours(service, call))]
        size = given.get("ResourcesPerPage", PAGE)
        start = _start(given.get("PaginationToken"))
        page = found[start : start + size]
        return {
            "PaginationToken": str(start + size) if len(found) > start + size else "",
            "ResourceTagMappingList": [{"ResourceARN": arn, "Tags": _listed(tags)} for arn, tags in page],
        }

    front.handle("resourcegroupstaggingapi", "GetResources", get_resources)


def _start(token: str | None) -> int:
    if token and not token.isdecimal():
        raise AwsError("PaginationTokenExpiredException", "Token does not exist")
    return int(token or 0)


def _of_moto(call: Call) -> Iterator[tuple[str, Mapping[str, str]]]:
    given = call.parameters
    backend = get_backend("resourcegroupstaggingapi")[call.account][call.region]
    # Its public method cuts into pages.
    everything = backend._get_resources_generator(  # noqa: SLF001
        tag_filters=given.get("TagFilters", []),
        resource_type_filters=given.get("ResourceTypeFilters", []),
        resource_arn_list=given.get("ResourceARNList", []),
    )
    yield from ((each.arn, each.tags) for each in everything)


def _ours(service: Service, call: Call) -> Iterator[tuple[str, Mapping[str, str]]]:
    given = call.parameters
    for arn, tags in service.tagged(call):
        kinds, arns = given.get("ResourceTypeFilters"), given.get("ResourceARNList")
        if kinds and not any(_is_of(arn, kind) for kind in kinds):
            continue
        if (arns is None or arn in arns) and all(_has(tags, each) for each in given.get("TagFilters", ())):
            yield arn, tags


def _is_of(arn: str, kind: str) -> bool:
    """Whether an ARN is of a service as ``sagemaker``, or of a type as ``sagemaker:endpoint``."""
    _, _, service, _, _, resource = arn.split(":", 5)
    return kind in (service, f"{service}:{resource.partition('/')[0]}")


def _has(tags: Mapping[str, str], wanted: Mapping[str, Any]) -> bool:
    values = wanted.get("Values")
    return wanted["Key"] in tags and (not values or tags[wanted["Key"]] in values)


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
