"""Makes ``constructs/trainyard/instance_offerings.json`` from the data files of moto and botocore."""

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution, version
from itertools import groupby

from tools.instance_types import accelerated, ec2_types, family_of, sagemaker_types
from trainyard.regions import REGIONS

ABOUT = (
    "Made by tools/instance_offerings.py, not by hand; make snapshots renews it. Region to letters of zones to the EC2 "
    "types that those zones offer and no others do. family.* stands for all types of the family that SageMaker has or "
    "that have accelerators. Source: EC2's DescribeInstanceTypeOfferings, of whose answer moto has a copy."
)


def instance_offerings() -> str:
    """The text of the data file."""
    types = {name.removeprefix("ml.") for names in sagemaker_types().values() for name in names}
    types |= set(accelerated(ec2_types()))
    regions = {
        region: grouped(zones, types) for region in REGIONS if (zones := _zones_of_types(region, types)) is not None
    }
    return json.dumps({"about": ABOUT, "moto": version("moto"), "regions": regions}, indent=2) + "\n"


def grouped(zones: Mapping[str, Iterable[str]], types: Iterable[str]) -> dict[str, str]:
    """Letters of zones to the types that are offered in exactly those, whole families where it can be.

    Args:
        zones: EC2 type to the letters of the zones that offer it; without a type that no zone offers.
        types: every type in question, offered or not.
    """
    groups = defaultdict(list)
    for family, names in groupby(sorted(types), family_of):
        letters = {name: "".join(sorted(zones.get(name, ()))) for name in names}
        if len({*letters.values()}) == 1:
            letters = {f"{family}.*": each for each in letters.values()}
        for name, each in letters.items():
            groups[each].append(name)
    return {letters: " ".join(names) for letters, names in sorted(groups.items()) if letters}


def _zones_of_types(region: str, types: Iterable[str]) -> dict[str, set[str]] | None:
    """EC2 type to the letters of the zones that offer it; None where moto has no copy for the region."""
    # Not through moto's package: its import is slow, and brings all of its EC2 with it.
    folder = "moto/ec2/resources/instance_type_offerings/availability-zone"
    file = distribution("moto").locate_file(f"{folder}/{region}.json.gz")
    try:
        with gzip.open(str(file)) as content:
            offerings = json.load(content)
    except FileNotFoundError:
        return None
    zones: dict[str, set[str]] = {name: set() for name in types}
    for each in offerings:
        if each["InstanceType"] in zones:
            zones[each["InstanceType"]].add(each["Location"].removeprefix(region))
    return zones
