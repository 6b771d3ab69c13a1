"""CloudFormation resource types as data: one row per type, carried out with boto3 calls."""

import threading
from functools import cache

from local_aws.resource_types.resource_type import Made, Request, ResourceType
from local_aws.resource_types.rows import rows
from local_aws.schemas import schema

__all__ = ["Made", "Request", "ResourceType", "find", "names"]

_FINDING = threading.Lock()


def find(type_name: str) -> ResourceType | None:
    """The resource type of that name, or None when the local AWS does not have it."""
    with _FINDING:
        return _found(type_name)


def names() -> frozenset[str]:
    """The names of all types."""
    return frozenset(rows())


@cache
def _found(type_name: str) -> ResourceType | None:
    row = rows().get(type_name)
    published = schema(type_name)
    return ResourceType(type_name, row, published) if row is not None and published is not None else None
