"""What is sent of a log to CloudWatch: the batches by themselves, and the program with a stand-in for the AWS CLI."""

import fcntl
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.loading import ROOT
from lifecycle_scripts.notebook.job import send_log
from lifecycle_scripts.notebook.job.send_log import Event, batches, read

SCRIPT = ROOT / "lifecycle_scripts/notebook/job/send_log.py"
NOW = 1_800_000_000.0
BEFORE = "2027-01-15T07:59:58Z"
DAY = 24 * 3600
AT = int(NOW * 1000)

# Writes down how it was called and what it was given; answers and fails as the files say.
AWS = """#!/bin/bash
echo "$*" >>ROOT/calls
fail=ROOT/fail-$2
if [ "$(head -n 1 "$fail" 2>/dev/null)" = taken ]; then
    sed -i 1d "$fail"
elif [ -s "$fail" ]; then
    head -n 1 "$fail" >&2
    sed -i 1d "$fail"
    exit 254
fi
if [ "$2" = put-log-events ]; then file=${*: -1}; cat "${file#file://}" >>ROOT/sent; echo >>ROOT/sent; fi
"""
NO_STREAM = "An error occurred (ResourceNotFoundException) when calling the PutLogEvents operation: no stream"
NO_GROUP = "An error occurred (ResourceNotFoundException) when calling the CreateLogStream operation: no group"
EXISTS = "An error occurred (ResourceAlreadyExistsException) when calling the CreateLogStream operation: exists"
INVALID = "An error occurred (InvalidParameterException) when calling the PutLogEvents operation: order"
LARGE = (b"x" * 79_999 + b"\n") * 63
SILENCE = "Could not connect to the endpoint URL"


def texts(content: bytes) -> list[str]:
    return [event.text for event in read(content, 0, NOW)]


def times(content: str) -> list[int]:
    return [event.at - AT for event in read(content.encode(), 0, NOW)]


# what is read


def test_a_line_is_an_event() -> None:
    assert texts(b"one\ntwo\n") == ["one", "two"]


def test_a_line_has_its_own_time() -> None:
    assert times(f"{BEFORE} one\n") == [-2000]


def test_a_line_without_a_time_has_that_of_the_line_before() -> None:
    assert times(f"{BEFORE} one\n2027-01-15T07:59:59Z two\nthree\n") == [-2000, -1000, -1000]


def test_lines_before_the_first_time_have_it_too() -> None:
    assert times(f"one\n{BEFORE} two\n") == [-2000, -2000]


def test_lines_without_any_time_are_of_now() -> None:
    assert times("one\ntwo\n") == [0, 0]


def test_a_clock_that_is_set_back_leaves_the_order() -> None:
    assert times(f"{BEFORE} one\n2027-01-15T07:00:00Z two\n") == [-2000, -2000]


@pytest.mark.parametrize("time", ["2999-01-01T00:00:00Z", "2027-01-15T08:00:00", "2027-13-15T08:00:00Z", "2027", ""])
def test_what_is_no_time_of_ours_is_left_out(time: str) -> None:
    assert times(f"{time} one\n") == [0]


def test_a_time_before_all_time_is_none() -> None:
    assert min(event.at for event in read(b"0001-01-01T00:00:00Z one\n", 0, NOW)) >= 0


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert texts(b"a\xffb\n") == ["a\ufffdb"]


def test_a_long_line_is_sent_in_parts() -> None:
    assert [len(each) for each in texts(b"x" * 100_000 + b"\n")] == [80_000, 20_000]


def test_an_event_ends_where_its_line_does() -> None:
    assert [event.end for event in read(b"one\ntwo\n", 10, NOW)] == [14, 18]


# batches


@given(
    st.lists(
        st.tuples(
            st.floats(NOW - 45 * DAY, NOW),
            st.integers(0, 300_000),
            st.sampled_from([b"x", b"\xff", "ü".encode()]),
        ),
        max_size=30,
    )
)
def test_any_log_makes_batches_that_cloudwatch_takes(lines: list[tuple[float, int, bytes]]) -> None:
    content = b"".join(
        b"%s %s\n" % (datetime.fromtimestamp(at, UTC).isoformat().encode(), byte * size) for at, size, byte in lines
    )
    found = list(batches(read(content, 0, NOW)))
    events = [event for batch in found for event in batch]
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert not events or events[-1].end == len(content)
    for batch in found:
        sizes = [len(event.text.encode()) + 26 for event in batch]
        assert sum(sizes) <= 1_048_576
        assert max(sizes) <= 262_144
        assert batch[-1].at - batch[0].at < DAY * 1000


def test_a_batch_has_at_most_ten_thousand_events() -> None:
    found = list(batches(Event(AT, "x", number) for number in range(10_001)))
    assert [len(batch) for batch in found] == [10_000, 1]


# the program


class Machine:
    """An instance with a log, and CloudWatch."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "var/log/trainyard"
        self.log = self.folder / "bootstrap.log"
        self.folder.mkdir(parents=True)
        about = root / "opt/ml/metadata/resource-metadata.json"
        about.parent.mkdir(parents=True)
        about.write_text('{"ResourceName": "atlas-ana"}')
        (root / "aws").write_text(AWS.replace("ROOT", str(root)))
        (root / "aws").chmod(0o755)

    def write(self, text: str) -> None:
        with self.log.open("a") as log:
            log.write(text)

    def fails(self, operation: str, *errors: str) -> None:
        (self.root / f"fail-{operation}").write_text("".join(f"{error}\n" for error in errors))

    def run(self, *arguments: str, name: str = "bootstrap") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", SCRIPT, name, "--region", "eu-west-1", *arguments],
            env={
                "PATH": f"{self.root}:/usr/bin:/bin",
                "TRAINYARD_ROOT": str(self.root),
                "TRAINYARD_RETRY_SECONDS": "0",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def send(self, *arguments: str) -> list[list[str]]:
        """Runs it; gives the texts of all batches so far. It is never heard, and never fails."""
        result = self.run(*arguments)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
        file = self.root / "sent"
        lines = file.read_text().splitlines() if file.exists() else []
        return [[event["message"] for event in json.loads(line)] for line in lines]

    @property
    def calls(self) -> list[str]:
        file = self.root / "calls"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_log_is_sent_to_the_group_of_lifecycle_scripts(machine: Machine) -> None:
    machine.write("one\n")
    machine.send()
    assert machine.calls[0].startswith(
        "logs put-log-events --log-group-name /aws/sagemaker/NotebookInstances "
        "--log-stream-name atlas-ana/trainyard-bootstrap --region eu-west-1 "
    )


def test_what_was_sent_is_not_sent_again(machine: Machine) -> None:
    machine.write("one\n")
    machine.send()
    machine.write("two\n")
    assert machine.send() == [["one"], ["two"]]


def test_without_anything_new_nothing_is_called(machine: Machine) -> None:
    machine.write("one\n")
    machine.send()
    machine.send()
    assert len(machine.calls) == 1


def test_a_line_is_sent_when_it_is_whole(machine: Machine) -> None:
    machine.write("one\ntw")
    assert machine.send() == [["one"]]
    machine.write("o\n")
    assert machine.send() == [["one"], ["two"]]


def test_empty_lines_are_left_out(machine: Machine) -> None:
    machine.write("one\n\n\ntwo\n")
    assert machine.send() == [["one", "two"]]


def test_a_log_of_empty_lines_is_not_sent(machine: Machine) -> None:
    machine.write("\n\n")
    assert machine.send() == []


def test_another_file_in_the_place_of_the_log_begins_at_its_beginning(machine: Machine) -> None:
    machine.write("one\n")
    machine.send()
    machine.log.rename(machine.folder / "kept")
    machine.write("two\n")
    assert machine.send() == [["one"], ["two"]]


def test_a_log_that_was_cut_begins_at_its_beginning(machine: Machine) -> None:
    machine.write("one one one\n")
    machine.send()
    machine.log.write_text("two\n")
    assert machine.send() == [["one one one"], ["two"]]


def test_a_stream_that_is_missing_is_made(machine: Machine) -> None:
    machine.write("one\n")
    machine.fails("put-log-events", NO_STREAM)
    assert machine.send() == [["one"]]
    assert "create-log-stream" in machine.calls[1]


def test_a_stream_that_another_one_made_is_used(machine: Machine) -> None:
    machine.write("one\n")
    machine.fails("put-log-events", NO_STREAM)
    machine.fails("create-log-stream", EXISTS)
    assert machine.send() == [["one"]]


def test_without_a_group_it_gives_up(machine: Machine) -> None:
    machine.write("one\n")
    machine.fails("put-log-events", *[NO_STREAM] * 9)
    machine.fails("create-log-stream", NO_GROUP)
    assert machine.send() == []


def test_what_is_not_taken_is_tried_again(machine: Machine) -> None:
    machine.write("one\n")
    machine.fails("put-log-events", SILENCE, SILENCE)
    assert machine.send() == [["one"]]


def test_after_three_attempts_it_gives_up(machine: Machine) -> None:
    machine.write("one\n")
    machine.fails("put-log-events", *[SILENCE] * 9)
    assert machine.send() == []
    assert len(machine.calls) == 3


def test_what_was_not_taken_goes_with_the_next_run(machine: Machine) -> None:
    machine.write("one\n")
    machine.fails("put-log-events", *[SILENCE] * 3)
    machine.send()
    machine.write("two\n")
    assert machine.send() == [["one", "two"]]


def test_of_several_batches_those_that_were_taken_are_not_sent_again(machine: Machine) -> None:
    machine.write("2026-11-01T00:00:00Z one\n2026-11-03T00:00:00Z two\n")
    machine.fails("put-log-events", "taken", *[SILENCE] * 3)
    assert [len(batch) for batch in machine.send()] == [1]
    (machine.root / "fail-put-log-events").unlink()
    assert [batch[0][-3:] for batch in machine.send()] == ["one", "two"]


def test_what_cloudwatch_will_never_take_holds_nothing_up(machine: Machine) -> None:
    machine.write("one\n")
    machine.fails("put-log-events", INVALID)
    machine.send()
    machine.write("two\n")
    assert machine.send() == [["two"]]


def test_only_one_sends_at_a_time_and_the_next_waits(machine: Machine) -> None:
    machine.write("one\n")
    with ThreadPoolExecutor() as others, (machine.folder / "bootstrap.sent").open("w") as memory:
        fcntl.flock(memory, fcntl.LOCK_EX)
        sent = others.submit(machine.send)
        with pytest.raises(TimeoutError):
            sent.result(timeout=1)
        assert not machine.calls
        fcntl.flock(memory, fcntl.LOCK_UN)
        assert sent.result() == [["one"]]


def test_no_user_can_hold_the_lock(machine: Machine) -> None:
    machine.write("one\n")
    machine.send()
    assert (machine.folder / "bootstrap.sent").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("about", ["", "[]", "{}", '"x"', "null"])
def test_without_a_name_nothing_is_sent(machine: Machine, about: str) -> None:
    machine.write("one\n")
    (machine.root / "opt/ml/metadata/resource-metadata.json").write_text(about)
    assert machine.send() == []


def test_without_a_log_nothing_is_sent(machine: Machine) -> None:
    assert machine.send() == []


def test_without_the_aws_cli_nothing_is_sent(machine: Machine) -> None:
    machine.write("one\n")
    (machine.root / "aws").unlink()
    assert machine.send() == []


@pytest.mark.parametrize("memory", ["x", "1", "1 x", "\0"])
def test_a_memory_that_makes_no_sense_holds_nothing_up_for_ever(machine: Machine, memory: str) -> None:
    machine.write("one\n")
    (machine.folder / "bootstrap.sent").write_text(memory)
    assert machine.send() == [["one"]]


def test_a_large_file_begins_anew(machine: Machine) -> None:
    machine.log.write_bytes(LARGE)
    machine.send("--rotate")
    assert not machine.log.exists()
    assert (machine.folder / "bootstrap.log.1").exists()


def test_a_large_file_that_somebody_has_open_stays(machine: Machine) -> None:
    machine.log.write_bytes(LARGE)
    machine.send()
    assert machine.log.exists()


def test_a_small_file_stays(machine: Machine) -> None:
    machine.write("one\n")
    machine.send("--rotate")
    assert machine.log.exists()


def test_a_line_without_an_end_is_sent_when_it_is_as_long_as_a_run(machine: Machine) -> None:
    machine.write("x" * send_log.RUN_BYTES)
    assert sum(len(text) for batch in machine.send() for text in batch) == send_log.RUN_BYTES


def test_no_other_log_is_sent(machine: Machine) -> None:
    assert machine.run(name="../../secure").returncode == 2
