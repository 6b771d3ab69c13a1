"""The file that a run can go on from."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from operations.errors import InputError
from operations.teardown.journal import Journal

NOW = datetime(2026, 11, 20, 17, 54, 2, tzinfo=UTC)
REFUSED = ClientError({"Error": {"Code": "ResourceInUse", "Message": "no"}}, "DeleteApp")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "folder" / "journal.jsonl", now=lambda: NOW)


def test_there_is_nothing_before_the_first_entry(journal: Journal) -> None:
    assert journal.entries() == []


def test_an_entry_has_its_time(journal: Journal) -> None:
    journal.write(plan="abc")
    assert journal.entries() == [{"at": "2026-11-20T17:54:02+00:00", "plan": "abc"}]


def test_entries_of_an_earlier_run_stay(journal: Journal) -> None:
    journal.write(run=1)
    again = Journal(journal.file, now=lambda: NOW)
    again.write(run=2)
    assert [entry["run"] for entry in again.entries()] == [1, 2]


def test_an_entry_that_was_cut_off_is_no_entry(journal: Journal) -> None:
    journal.write(run=1)
    with journal.file.open("a") as opened:
        opened.write('{"at": "2026-11')
    assert [entry["run"] for entry in journal.entries()] == [1]


def test_the_next_entry_takes_the_place_of_one_that_was_cut_off(journal: Journal) -> None:
    journal.write(run=1)
    with journal.file.open("a") as opened:
        opened.write('{"at": "2026-11')
    again = Journal(journal.file, now=lambda: NOW)
    again.write(run=2)
    assert [entry["run"] for entry in again.entries()] == [1, 2]


@pytest.mark.parametrize("line", ["hello", "1", "[]", "null", '"at"'])
def test_a_line_that_is_no_entry_is_refused(journal: Journal, line: str) -> None:
    journal.file.parent.mkdir()
    journal.file.write_text(f"{line}\n")
    with pytest.raises(InputError, match=r"journal.jsonl: line 1: must be an entry of JSON"):
        journal.entries()


def test_a_file_of_something_else_is_refused(journal: Journal) -> None:
    journal.file.parent.mkdir()
    journal.file.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"journal.jsonl: cannot be read as a journal: 'utf-8' codec"):
        journal.entries()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read as a journal: .*Is a directory"):
        Journal(tmp_path).entries()


def test_a_call_is_written_down_before_it_is_made(journal: Journal) -> None:
    with journal.calling("sagemaker", "delete_app", {"AppName": "a"}):
        (entry,) = journal.entries()
        assert (entry["call"], entry["arguments"]) == ("sagemaker.delete_app", {"AppName": "a"})


def test_a_call_that_was_answered_says_so(journal: Journal) -> None:
    with journal.calling("sagemaker", "delete_app", {}):
        pass
    assert journal.entries()[-1]["answered"] is True


def test_a_call_that_was_refused_says_why(journal: Journal) -> None:
    with pytest.raises(ClientError), journal.calling("sagemaker", "delete_app", {}):
        raise REFUSED
    assert "ResourceInUse" in journal.entries()[-1]["refused"]
