"""Where a stack is deployed, asked once: each look at a property of a stack is a call to another process."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from aws_cdk import Aws, Stack
from constructs import IConstruct


@dataclass(frozen=True)
class Place:
    """A stack, the account, region and partition that it is deployed to, and its name."""

    stack: Stack
    account: str
    region: str
    partition: str
    stack_name: str

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of the account in the region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


_PLACES: WeakKeyDictionary[IConstruct, Place] = WeakKeyDictionary()


def place_of(scope: IConstruct) -> Place:
    """The place of the stack that ``scope`` is or stands in."""
    place = _PLACES.get(scope)
    if place is None:
        stack = Stack.of(scope)
        place = _PLACES.get(stack) or Place(
            stack=stack,
            account=stack.account,
            region=stack.region,
            partition=Aws.PARTITION,
            stack_name=stack.stack_name,
        )
        _PLACES[stack] = _PLACES[scope] = place
    return place


def in_place_of(construct: IConstruct, scope: IConstruct) -> None:
    """Says that a construct is where its scope is, for what there are many of: a call less for each."""
    _PLACES[construct] = place_of(scope)
