"""The environment that keeps most is taken away: what is kept is there, and nothing else costs money."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.operations.teardown.account import leftovers
from tests.operations.teardown.whole import After, Whole, whole_of
from tests.operations.teardown.world import BACK_UP, KEEP, of_assembly, with_backups
from tests.support import Assembly

# One process deploys for all of them.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("whole_teardown_of_prod")]


@pytest.fixture(scope="module")
def prod_whole(prod: Assembly, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with of_assembly(prod, tmp_path_factory.mktemp("prod")) as made:
        leftovers(made.account)
        with_backups(made.account)
        yield whole_of(made)


@pytest.fixture(scope="module")
def kept(prod_whole: Whole) -> After:
    """With its volumes kept."""
    return prod_whole.taken_away(replace(KEEP, unprotect=True))


@pytest.fixture(scope="module")
def backed_up(prod_whole: Whole) -> After:
    """With its notebook volumes backed up, and its space volumes discarded."""
    return prod_whole.taken_away(replace(BACK_UP, unprotect=True))


DATA_KINDS = {
    *("AWS::S3::Bucket", "AWS::ECR::Repository", "AWS::KMS::Key", "AWS::Logs::LogGroup"),
    *("MLflow apps", "feature groups"),
}
"""What prod keeps that costs money, whatever becomes of volumes."""


def test_volumes_that_are_kept_are_there_and_nothing_else_costs_money(prod_whole: Whole, kept: After) -> None:
    volumes = {"spaces", "notebook instances"}
    assert (kept.codes, kept.foreign) == ([0], []), kept.told[-1]
    assert set(kept.billed) == DATA_KINDS | volumes
    before = {key for key in prod_whole.control if key[0] in volumes} - prod_whole.world.foreign
    assert {each[2] for each in kept.left if each[0] in volumes} == {name for _, name in before}


def test_what_somebody_made_that_a_kept_space_needs_stays(kept: After) -> None:
    (person,) = (each for each in kept.left if each[0] == "user profiles" and each[2].endswith("prod-thing-person"))
    assert person[1] == "kept"


def test_with_backups_no_volume_is_left(prod_whole: Whole, backed_up: After) -> None:
    assert (backed_up.codes, backed_up.foreign) == ([0], []), backed_up.told[-1]
    assert set(backed_up.billed) == DATA_KINDS
    assert prod_whole.control.keys() & {("spaces", each[2]) for each in backed_up.left} == set()
