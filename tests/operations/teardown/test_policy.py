"""What somebody decided, and what stays when nobody did."""

import pytest

from environments.teardown import Teardown
from operations.teardown.inventory import Thing
from operations.teardown.kinds import OF_NAME
from operations.teardown.policy import Policy, Volumes, decided

NOTEBOOKS = "notebook instances"


def deleted(policy: Policy, kind: str, *, stack: str = "", kept: bool = False) -> bool:
    """Whether a thing called a is deleted by the verb of its kind."""
    verb = next(each for each in OF_NAME[kind].verbs if each.name == "delete")
    return policy.does(OF_NAME[kind], verb, Thing(kind, (("Name", "a"),), "InService", stack, kept=kept))


def test_what_somebody_made_is_deleted() -> None:
    assert deleted(Policy({}), "endpoints")


def test_what_is_in_a_stack_goes_with_it() -> None:
    assert not deleted(Policy({}), NOTEBOOKS, stack="team")


@pytest.mark.parametrize("kind", ["MLflow apps", NOTEBOOKS, "spaces"])
def test_what_a_stack_keeps_is_not_deleted_unless_somebody_decided_it(kind: str) -> None:
    assert not deleted(Policy({}), kind, stack="studio", kept=True)


def test_what_a_stack_keeps_is_deleted_by_decision() -> None:
    assert deleted(Policy({NOTEBOOKS: Volumes.DISCARD}), NOTEBOOKS, stack="team", kept=True)


def test_a_decision_about_volumes_is_none_about_other_things() -> None:
    assert not deleted(Policy({NOTEBOOKS: Volumes.DISCARD}), "MLflow apps", stack="studio", kept=True)


def test_what_a_stack_keeps_is_deleted_by_name() -> None:
    assert deleted(Policy({}, frozenset({"a"})), "MLflow apps", stack="studio", kept=True)


def test_data_is_kept() -> None:
    assert not deleted(Policy({}), "feature groups")


def test_data_is_deleted_by_name() -> None:
    assert deleted(Policy({}, frozenset({"a"})), "feature groups")


@pytest.mark.parametrize(("purged", "goes"), [("vision-a", True), ("vision-a/1", True), ("vision", False)])
def test_a_version_of_a_model_is_deleted_with_its_group_or_by_its_own_name(purged: str, goes: bool) -> None:
    kind = OF_NAME["model packages"]
    arn = "arn:aws:sagemaker:eu-west-1:111111111111:model-package/vision-a/1"
    version = Thing(kind.name, (("ModelPackageName", arn),), "Completed")
    assert Policy({}, frozenset({purged})).keeps(kind, version) is not goes


@pytest.mark.parametrize(
    ("given", "of_features", "of_models"),
    [
        ("a", True, True),
        ("feature groups/a", True, False),
        ("model package groups/a", False, True),
        ("b/a", False, False),
    ],
)
def test_a_kind_before_the_name_says_which_is_purged(given: str, of_features: bool, of_models: bool) -> None:
    policy = decided(Teardown(), purge=[given])
    assert (deleted(policy, "feature groups"), deleted(policy, "model package groups")) == (of_features, of_models)


def test_versions_go_with_the_group_of_the_kind_that_was_named() -> None:
    kind = OF_NAME["model packages"]
    version = Thing(kind.name, (("ModelPackageName", "arn:aws:sagemaker:r:1:model-package/a/1"),), "Completed")
    policies = [decided(Teardown(), purge=[f"{each}/a"]) for each in ("model package groups", "feature groups")]
    assert [each.keeps(kind, version) for each in policies] == [False, True]


def test_a_name_with_a_slash_is_a_name() -> None:
    assert decided(Teardown(), purge=["/aws/fsx/a", "team/images"]).purge == {"/aws/fsx/a", "team/images"}
