"""Each type's resource is made, read, changed in place and deleted, through the services' own calls."""

from collections.abc import Iterator

import pytest

from local_aws.resource_types import names
from tests.local_aws.resource_types.account import CASES, Account, account, kind

pytestmark = pytest.mark.slow


@pytest.fixture
def here() -> Iterator[Account]:
    """An empty account."""
    with account() as made:
        yield made


@pytest.mark.parametrize("type_name", sorted(CASES))
def test_a_resource_lives(here: Account, type_name: str) -> None:
    case, tested = CASES[type_name], kind(type_name)
    here.need(case)
    old = here.filled(case["properties"])
    assert tested.problems(old) == []
    made = tested.create(here.request(old, {"stack-tag": "a"}))
    expected = set(tested.row.attributes or ()) - set(case.get("absent", ()))
    assert expected <= made.attributes.keys()
    new = here.filled({**old, **case.get("change", {})})
    if case.get("change"):
        assert tested.problems(new) == []
        assert not tested.replaces(old, new)
        changed = tested.update(here.request(new, {"stack-tag": "b"}), made.physical_id, old)
        assert case.get("renamed") or changed.physical_id == made.physical_id
        made = changed
    tested.delete(here.request(new), made.physical_id)
    tested.delete(here.request(new), made.physical_id)  # gone already


def test_every_type_has_a_case() -> None:
    assert names() == set(CASES)
