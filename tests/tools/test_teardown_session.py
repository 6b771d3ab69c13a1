"""The recorded session of a teardown is one of today's program."""

import re

import pytest

from tools.teardown_session import FILE, IDS, recorded

pytestmark = pytest.mark.slow


def told(text: str) -> list[str]:
    """The lines without minutes: how long the local AWS takes depends on its threads, and so does what comes first."""
    return sorted(
        re.sub(r"^ *\d+:\d\d |\d+ min to go$|unknown time to go$|\d+ of", "", each) for each in text.splitlines()
    )


@pytest.fixture(scope="module")
def again() -> str:
    return recorded()


def test_the_page_is_as_recorded(again: str) -> None:
    assert told(again) == told(FILE.read_text()), "python -m tools.teardown_session records it again"


def test_a_recording_says_what_was_deleted(again: str) -> None:
    assert "stack.trainyard-local-data: trainyard-local-data: gone" in again


def test_every_id_is_settled(again: str) -> None:
    ids = {match[0] for pattern, _ in IDS for match in re.finditer(pattern, again)}
    assert [each for each in ids if not re.fullmatch(r"[0-]*[1-9]?\d?[0-]*", each)] == []
