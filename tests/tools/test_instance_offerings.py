"""The copy of EC2's offerings says what moto's data say, in little room."""

import gzip
import json
from importlib.metadata import distribution, version
from pathlib import Path

import pytest

from environments.loading import ROOT
from tools.instance_offerings import grouped, instance_offerings
from trainyard.instance_offerings import origin, zones_offering
from trainyard.instance_types import ACCELERATED, SAGEMAKER_TYPES
from trainyard.regions import REGIONS

FILE = ROOT / "constructs" / "trainyard" / "instance_offerings.json"
FOLDER = Path(str(distribution("moto").locate_file("moto/ec2/resources/instance_type_offerings/availability-zone")))
REGIONS_OF_MOTO = [region for region in REGIONS if (FOLDER / f"{region}.json.gz").exists()]
IN_QUESTION = {*ACCELERATED, *(name.removeprefix("ml.") for name in SAGEMAKER_TYPES)}


def test_a_family_that_is_offered_alike_is_one_entry() -> None:
    assert grouped({"a1.large": "ba", "a1.small": "ab"}, ["a1.large", "a1.small"]) == {"ab": "a1.*"}


def test_a_family_that_is_offered_in_part_is_listed_by_type() -> None:
    assert grouped({"a1.large": "a"}, ["a1.large", "a1.small"]) == {"a": "a1.large"}


def test_a_type_is_in_one_group_alone() -> None:
    groups = grouped({"a1.large": "ab", "a1.small": "a"}, ["a1.large", "a1.small"])
    assert groups == {"a": "a1.small", "ab": "a1.large"}


def test_the_order_of_the_types_does_not_matter() -> None:
    types = ["b1.large", "a1.small", "a1.large"]
    zones = dict.fromkeys(types, "a")
    assert grouped(zones, types) == grouped(zones, sorted(types)) == {"a": "a1.* b1.*"}


@pytest.mark.parametrize("region", REGIONS_OF_MOTO)
def test_it_says_of_every_type_what_moto_says(region: str) -> None:
    with gzip.open(FOLDER / f"{region}.json.gz") as content:
        theirs = {(each["InstanceType"], each["Location"]) for each in json.load(content)}
    ours = {(name, zone) for name in IN_QUESTION for zone in zones_offering(name, region) or ()}
    assert ours == {(name, zone) for name, zone in theirs if name in IN_QUESTION}


def test_it_holds_the_regions_that_moto_has() -> None:
    assert list(json.loads(FILE.read_text())["regions"]) == REGIONS_OF_MOTO
    assert len(REGIONS_OF_MOTO) >= 30


def test_it_names_the_version_of_moto() -> None:
    assert origin() == f"moto {version('moto')}"


def test_it_is_small() -> None:
    assert len(instance_offerings()) < 20_000
