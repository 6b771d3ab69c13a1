"""In which Availability Zones EC2 offers an instance type, as of a copy of its offerings that ages.

The copy is read when someone asks. It holds the types that SageMaker has and those with accelerators, in the regions
that moto has; zones are called as in the account that the copy was taken in.

Source: AWS docs AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html, of whose answer moto has a copy
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

ZONES_NAMED_BY_ACCOUNT = (
    *("ap-northeast-1", "ap-southeast-1", "ap-southeast-2", "eu-west-1"),
    *("sa-east-1", "us-east-1", "us-west-1", "us-west-2"),
)
"""Regions where one zone may have another letter in another account.

Source: AWS docs global-infrastructure/latest/regions/az-ids.html
"""


class _Copy(NamedTuple):
    moto: str
    regions: Mapping[str, Mapping[str, frozenset[str]]]


def origin() -> str:
    """Where the copy comes from, for messages."""
    return f"moto {_copy().moto}"


def zones_known(region: str) -> frozenset[str]:
    """The zones of the region that the copy tells of."""
    return frozenset(region + letter for letters in _copy().regions.get(region, ()) for letter in letters)


def zones_offering(ec2_type: str, region: str) -> frozenset[str] | None:
    """The zones of ``region`` where EC2 offers the type; None when the copy does not know the region or the type.

    Args:
        ec2_type: such as g5.xlarge. One that no region of the copy has is not known.
        region: such as eu-west-1.
    """
    regions = _copy().regions
    if region not in regions or not any(_letters(ec2_type, groups) for groups in regions.values()):
        return None
    return frozenset(region + letter for letter in _letters(ec2_type, regions[region]))


def _letters(ec2_type: str, groups: Mapping[str, frozenset[str]]) -> str:
    names = {ec2_type, f"{ec2_type.partition('.')[0]}.*"}
    return next((letters for letters, offered in groups.items() if offered & names), "")


@cache
def _copy() -> _Copy:
    content = json.loads(Path(__file__).with_suffix(".json").read_text())
    regions = {
        region: {letters: frozenset(names.split()) for letters, names in groups.items()}
        for region, groups in content["regions"].items()
    }
    return _Copy(content["moto"], regions)
