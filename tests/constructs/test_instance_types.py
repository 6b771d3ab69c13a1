"""Facts about instance types, some of them held against what AWS publishes elsewhere."""

import pytest

from tools.instance_types import LOCAL_STORAGE_OF_UNDESCRIBED, ec2_types, patterns, sagemaker_types
from trainyard.instance_types import (
    ACCELERATED,
    LOCAL_STORAGE_PATTERNS,
    NOTEBOOK_TYPES,
    SAGEMAKER_TYPES,
    STUDIO_TYPES,
)
from trainyard.instances import BATCH_GPU_TYPES, has_local_storage

DESCRIBED = ec2_types()
ML_TYPES = sorted(set().union(*sagemaker_types().values()))


@pytest.mark.parametrize(
    ("name", "vcpus", "gpus", "cards", "adapters"),
    [
        ("g5.48xlarge", 192, 8, 1, 1),
        ("g6e.12xlarge", 48, 4, 1, 1),
        ("g7e.48xlarge", 192, 8, 4, 4),
        ("p4d.24xlarge", 96, 8, 4, 4),
        ("p5.48xlarge", 192, 8, 32, 32),
        ("p5en.48xlarge", 192, 8, 16, 16),
        ("p6-b200.48xlarge", 192, 8, 8, 8),
        ("p6-b300.48xlarge", 192, 8, 17, 16),
        ("trn1.32xlarge", 128, 0, 8, 8),
        ("trn2.48xlarge", 192, 0, 16, 16),
    ],
)
def test_a_type_has_what_aws_says_of_it(name: str, vcpus: int, gpus: int, cards: int, adapters: int) -> None:
    each = ACCELERATED[name]
    assert (each.vcpus, each.gpus, each.network_cards, each.efa_interfaces) == (vcpus, gpus, cards, adapters)


def test_memory_is_in_mib() -> None:
    assert ACCELERATED["p5.48xlarge"].memory_mib == 2048 * 1024


def test_a_small_type_takes_no_adapter() -> None:
    assert ACCELERATED["g5.xlarge"].efa_interfaces == 0


def test_no_type_has_more_adapters_than_cards() -> None:
    assert all(each.efa_interfaces <= each.network_cards for each in ACCELERATED.values())


def test_only_one_family_has_arm_processors() -> None:
    arm = {name.split(".")[0] for name, each in ACCELERATED.items() if each.architecture == "arm64"}
    assert arm == {"g5g"}


def test_every_type_of_trainium_and_inferentia_is_there() -> None:
    assert {name for name in DESCRIBED if name.startswith(("trn", "inf"))} <= set(ACCELERATED)


def test_a_type_without_accelerators_is_not_there() -> None:
    assert "m7i.large" not in ACCELERATED


@pytest.mark.parametrize("name", ["g4dn.xlarge", "g5.48xlarge", "g6e.12xlarge", "p4d.24xlarge", "p5.48xlarge"])
def test_batch_has_an_image_for(name: str) -> None:
    assert name in BATCH_GPU_TYPES


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("p3dn.24xlarge", "the image has no driver for its GPUs"),
        ("g5g.xlarge", "it is an Arm machine"),
        ("g6f.large", "it has an eighth of a GPU, and Batch counts whole ones"),
        ("trn1.32xlarge", "its accelerators are not NVIDIA's"),
    ],
)
def test_batch_has_no_image_for(name: str, reason: str) -> None:
    assert name in ACCELERATED
    assert name not in BATCH_GPU_TYPES, reason


@pytest.mark.parametrize("name", [name for name in ML_TYPES if name.removeprefix("ml.") in DESCRIBED])
def test_the_patterns_match_exactly_the_types_with_local_storage(name: str) -> None:
    assert has_local_storage(name) is DESCRIBED[name.removeprefix("ml.")]["InstanceStorageSupported"]


@pytest.mark.parametrize(
    "name", ["ml.g4dn.xlarge", "ml.g5.xlarge", "ml.p4d.24xlarge", "ml.p5.48xlarge", "ml.trn1.32xlarge"]
)
def test_it_has_local_storage(name: str) -> None:
    assert has_local_storage(name)


@pytest.mark.parametrize("name", ["ml.m5.xlarge", "ml.p2.xlarge", "ml.p3.2xlarge", "ml.t3.medium"])
def test_it_has_no_local_storage(name: str) -> None:
    assert not has_local_storage(name)


def test_what_is_decided_by_hand_is_only_what_ec2_does_not_describe() -> None:
    families = {name.split(".")[1] for name in ML_TYPES if name.removeprefix("ml.") not in DESCRIBED}
    assert families == set(LOCAL_STORAGE_OF_UNDESCRIBED)


def test_a_family_of_which_only_some_sizes_have_local_storage_is_listed_by_type() -> None:
    assert patterns({"ml.x1.large": True, "ml.x1.small": False, "ml.x2.large": True}) == ["ml.x2.*", "ml.x1.large"]


def test_a_letter_that_means_something_else_in_one_family_is_not_used_for_any() -> None:
    assert patterns({"ml.a1d.large": True, "ml.and.large": False}) == ["ml.a1d.*"]


def test_the_patterns_leave_room_for_the_rest_of_a_policy() -> None:
    """A managed policy has 6,144 characters."""
    assert len("".join(LOCAL_STORAGE_PATTERNS)) < 500


@pytest.mark.parametrize("types", [NOTEBOOK_TYPES, STUDIO_TYPES, SAGEMAKER_TYPES])
def test_every_name_of_sagemaker_begins_alike(types: tuple[str, ...]) -> None:
    assert all(name.startswith("ml.") for name in types)


def test_notebooks_and_studio_differ_in_their_types() -> None:
    assert "ml.c4.xlarge" in {*NOTEBOOK_TYPES} - {*STUDIO_TYPES}
    assert "ml.t3.micro" in {*STUDIO_TYPES} - {*NOTEBOOK_TYPES}


def test_the_types_of_sagemaker_are_those_of_all_its_enumerations_once() -> None:
    assert list(SAGEMAKER_TYPES) == ML_TYPES


@pytest.mark.parametrize(
    "name", ["ml.g4dn.xlarge", "ml.t3.micro", "ml.c4.xlarge", "ml.g5.48xlarge", "ml.trn2.48xlarge"]
)
def test_a_type_of_jobs_endpoints_notebooks_or_apps_is_one_of_sagemaker(name: str) -> None:
    assert name in SAGEMAKER_TYPES
