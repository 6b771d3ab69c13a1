"""The copy of EC2's offerings, some of it held against moto's own answer."""

import re

import pytest

from trainyard.instance_offerings import ZONES_NAMED_BY_ACCOUNT, origin, zones_known, zones_offering
from trainyard.instance_types import ACCELERATED, SAGEMAKER_TYPES
from trainyard.regions import REGIONS

IN_QUESTION = sorted({*ACCELERATED, *(name.removeprefix("ml.") for name in SAGEMAKER_TYPES)})


def test_a_common_type_is_in_every_zone_of_its_region() -> None:
    assert zones_offering("m5.xlarge", "eu-west-1") == frozenset({"eu-west-1a", "eu-west-1b", "eu-west-1c"})


def test_a_rare_type_is_in_some_zones() -> None:
    assert zones_offering("p4d.24xlarge", "eu-north-1") == frozenset({"eu-north-1c"})


def test_a_type_that_the_region_lacks_is_in_no_zone() -> None:
    assert zones_offering("p5.48xlarge", "eu-west-3") == frozenset()


def test_sizes_of_a_family_may_differ() -> None:
    assert zones_offering("p5.4xlarge", "ap-southeast-2") == frozenset({"ap-southeast-2a"})
    assert zones_offering("p5.48xlarge", "ap-southeast-2") == zones_known("ap-southeast-2")


def test_a_family_is_not_taken_for_one_whose_name_begins_alike() -> None:
    assert zones_offering("g6.xlarge", "eu-west-3")
    assert zones_offering("g6e.xlarge", "eu-west-3") == frozenset()


def test_of_a_region_without_a_copy_nothing_is_said() -> None:
    assert zones_offering("m5.xlarge", "mx-central-1") is None
    assert zones_known("mx-central-1") == frozenset()


@pytest.mark.parametrize("name", ["p3.2xlarge", "geospatial.interactive", "dl1.24xlarge"])
def test_of_a_type_that_no_region_of_the_copy_has_nothing_is_said(name: str) -> None:
    assert name in IN_QUESTION
    assert zones_offering(name, "eu-west-1") is None


def test_the_zones_known_are_those_that_offer_anything() -> None:
    assert zones_known("ca-central-1") == {"ca-central-1a", "ca-central-1b", "ca-central-1d"}


@pytest.mark.parametrize("region", REGIONS)
def test_zones_lie_in_their_region(region: str) -> None:
    assert all(re.fullmatch(rf"{region}[a-z]", zone) for zone in zones_known(region))


@pytest.mark.parametrize("region", ZONES_NAMED_BY_ACCOUNT)
def test_the_regions_that_name_zones_by_account_are_in_the_copy(region: str) -> None:
    assert zones_known(region)


def test_it_says_which_copy_it_is() -> None:
    assert re.fullmatch(r"moto \d+\.\d+\.\d+", origin())
