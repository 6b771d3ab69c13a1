"""When a notebook instance is stopped: the decision by itself, what it rests on, and the program as a whole."""

import ast
import fcntl
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from environments.loading import ROOT
from lifecycle_scripts.notebook.job import idle_stop
from lifecycle_scripts.notebook.job.idle_stop import Jupyter, Look, Memory, Work

NOW = 1_800_000_000.0  # 08:00 UTC
MINUTE, HOUR = 60.0, 3600.0
LIMIT = 60.0
RUN = 5 * MINUTE
IDLE = Look(
    now=NOW,
    uptime=9 * HOUR,
    bootstrap_running=False,
    keep_awake_until=0.0,
    jupyter=Jupyter(last_activity=NOW - 2 * HOUR),
    work=Work(),
)
QUIET = Memory(last_activity=NOW - 2 * HOUR, quiet_runs=3, silent_runs=0)
SILENT = replace(IDLE, jupyter=Jupyter(silence="https://localhost:8443/: refused"))
HOLDS_GPU = replace(IDLE, work=Work(gpu_percent=0, holds_gpu=True))


def memory(**changes: Any) -> Memory:
    return replace(QUIET, **changes)


# The decision


def test_an_idle_instance_is_stopped() -> None:
    assert idle_stop.decide(IDLE, QUIET, LIMIT) == (True, "idle for 120 minutes")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"uptime": 14 * MINUTE}, "up for only 14 minutes; stops after 08:46 UTC if nothing happens"),
        ({"bootstrap_running": True, "uptime": 2 * HOUR}, "the bootstrap is running"),
        ({"keep_awake_until": NOW + HOUR}, "kept awake until 09:00 UTC; stops after 09:00 UTC if nothing happens"),
        ({"jupyter": Jupyter(busy_kernels=1)}, "1 kernel is busy"),
        ({"jupyter": Jupyter(busy_kernels=2)}, "2 kernels are busy"),
        ({"work": Work(cpus=0.1)}, "processes use 0.10 CPUs and 0.0 MB a second, no GPUs"),
        ({"work": Work(bytes_per_second=1e6)}, "processes use 0.00 CPUs and 1.0 MB a second, no GPUs"),
        ({"work": Work(gpu_percent=5)}, "processes use 0.00 CPUs and 0.0 MB a second, GPUs at 5 percent"),
        ({"uptime": 59 * MINUTE}, "used 59 minutes ago, the limit is 60; stops after 08:01 UTC if nothing happens"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_instance_in_use_stays(changes: dict[str, Any], reason: str) -> None:
    assert idle_stop.decide(replace(IDLE, **changes), QUIET, LIMIT) == (False, reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quiet_runs": 2}, "processes and GPUs quiet in only 2 of 3 runs; stops after 08:05 UTC if nothing happens"),
        (
            {"last_activity": NOW - 58 * MINUTE},
            "used 58 minutes ago, the limit is 60; stops after 08:02 UTC if nothing happens",
        ),
    ],
)
def test_what_the_runs_before_saw_counts(changes: dict[str, Any], reason: str) -> None:
    assert idle_stop.decide(IDLE, memory(**changes), LIMIT) == (False, reason)


@pytest.mark.parametrize("limit", [0, -1, math.nan])
def test_a_limit_that_is_no_time_is_never_reached(limit: float) -> None:
    assert idle_stop.decide(IDLE, QUIET, limit) == (False, "the idle stop is off")


@pytest.mark.parametrize("work", [Work(cpus=0.09), Work(bytes_per_second=9e5), Work(gpu_percent=4)])
def test_what_an_idle_server_does_is_no_work(work: Work) -> None:
    assert idle_stop.decide(replace(IDLE, work=work), QUIET, LIMIT)[0]


def test_a_keep_awake_that_ran_out_is_past() -> None:
    assert idle_stop.decide(replace(IDLE, keep_awake_until=NOW - 1), QUIET, LIMIT)[0]


def test_a_bootstrap_that_hangs_does_not_keep_the_instance() -> None:
    assert idle_stop.decide(replace(IDLE, bootstrap_running=True, uptime=3 * HOUR), QUIET, LIMIT)[0]


def test_a_server_that_is_silent_for_a_moment_is_waited_for() -> None:
    assert idle_stop.decide(SILENT, memory(silent_runs=2), LIMIT) == (
        False,
        "no answer in 2 of 3 runs: https://localhost:8443/: refused; stops after 08:05 UTC if nothing happens",
    )


def test_a_server_that_stays_silent_does_not_keep_the_instance() -> None:
    assert idle_stop.decide(SILENT, memory(silent_runs=3), LIMIT) == (
        True,
        "idle for 120 minutes; https://localhost:8443/: refused",
    )


def test_a_server_that_never_answered_leaves_the_time_since_the_start() -> None:
    unknown = replace(SILENT, uptime=59 * MINUTE)
    assert not idle_stop.decide(unknown, memory(last_activity=0.0, silent_runs=9), LIMIT)[0]


def test_a_job_on_an_instance_without_a_server_keeps_it() -> None:
    assert not idle_stop.decide(replace(SILENT, work=Work(cpus=1)), memory(silent_runs=9), LIMIT)[0]


def test_a_process_that_holds_a_gpu_has_two_more_hours() -> None:
    assert idle_stop.decide(HOLDS_GPU, QUIET, LIMIT) == (
        False,
        "used 120 minutes ago, the limit is 60, but a process outside of the kernels holds a GPU; "
        "stops after 09:00 UTC if nothing happens",
    )


def test_a_process_that_holds_a_gpu_does_not_keep_the_instance_for_ever() -> None:
    assert idle_stop.decide(HOLDS_GPU, memory(last_activity=NOW - 3 * HOUR), LIMIT)[0]


# What one run leaves for the next


def test_quiet_runs_are_counted() -> None:
    assert idle_stop.remember(memory(quiet_runs=1), IDLE).quiet_runs == 2


def test_a_busy_run_begins_the_count_anew() -> None:
    assert idle_stop.remember(memory(quiet_runs=9), replace(IDLE, work=Work(cpus=1))).quiet_runs == 0


def test_silent_runs_are_counted() -> None:
    assert idle_stop.remember(memory(silent_runs=1), SILENT).silent_runs == 2


def test_an_answer_ends_the_silence() -> None:
    assert idle_stop.remember(memory(silent_runs=2), IDLE).silent_runs == 0


def test_the_last_activity_is_remembered_when_the_server_is_silent() -> None:
    assert idle_stop.remember(memory(last_activity=NOW - 1), SILENT).last_activity == NOW - 1


def test_a_busy_kernel_is_activity() -> None:
    """Its own time is that of its last message, which may be long ago."""
    busy = replace(IDLE, jupyter=Jupyter(busy_kernels=1, last_activity=NOW - HOUR))
    assert idle_stop.remember(Memory(), busy).last_activity == NOW


def test_work_is_activity() -> None:
    assert idle_stop.remember(Memory(), replace(IDLE, work=Work(cpus=1))).last_activity == NOW


def test_memory_of_a_gpu_is_no_activity() -> None:
    assert idle_stop.remember(QUIET, HOLDS_GPU).last_activity == QUIET.last_activity


def test_a_clock_that_was_set_back_does_not_keep_the_instance() -> None:
    assert idle_stop.remember(Memory(last_activity=NOW + 24 * HOUR), SILENT).last_activity == 0


# What a run sees


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The disk of an instance that has been up for nine hours, with no server and nothing to do."""
    files = {
        "proc/uptime": "32400.12 60000.00\n",
        "opt/ml/metadata/resource-metadata.json": '{"ResourceName": "atlas-1"}',
        "home/ec2-user/SageMaker/notebook.ipynb": "{}",
        "run/trainyard/bootstrap.lock": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(idle_stop, "ROOT", tmp_path)
    monkeypatch.setattr(idle_stop, "USUAL_PORTS", ())
    monkeypatch.delenv("JUPYTER_RUNTIME_DIR", raising=False)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def look(before: Memory | None = None, now: float = NOW) -> Look:
    return idle_stop.observe(before or Memory(), now)


def program(root: Path, name: str, body: str) -> None:
    file = root / "bin" / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


def keep_awake(root: Path, text: str, changed: float) -> None:
    file = root / "home/ec2-user/SageMaker/.keep-awake"
    file.write_text(text)
    os.utime(file, (changed, changed))


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("", 8),
        ("2\n", 2),
        ("0.5", 0.5),
        ("12h", 12),
        ("90m", 1.5),
        ("90 m", 1.5),
        ("0", 0),
        ("100", 24),
        ("9" * 400, 24),
        ("2027-01-15T10:00:00", 3),
        ("2027-01-15T10:00:00Z", 3),
        ("2027-01-15T10:00+02:00", 1),
        ("2027-02-01", 24),
        ("until Monday", 8),
        ("nan", 8),
        ("1.2.3", 8),
        ("\udcff", 8),
    ],
)
def test_keep_awake_holds_for_the_time_in_it(root: Path, text: str, hours: float) -> None:
    keep_awake(root, "", 0)
    (root / "home/ec2-user/SageMaker/.keep-awake").write_bytes(text.encode(errors="surrogateescape"))
    os.utime(root / "home/ec2-user/SageMaker/.keep-awake", (NOW - HOUR, NOW - HOUR))
    assert look().keep_awake_until == NOW - HOUR + hours * HOUR


@pytest.mark.parametrize(
    ("text", "changed"), [("", NOW + HOUR), ("2027-02-01", NOW + HOUR), ("2026-11-20", NOW - HOUR)]
)
def test_keep_awake_does_not_hold_for_ever(root: Path, text: str, changed: float) -> None:
    keep_awake(root, text, changed)
    assert look().keep_awake_until <= NOW


def test_keep_awake_holds_from_the_moment_it_is_written(root: Path) -> None:
    keep_awake(root, "1", NOW + 1)
    assert look().keep_awake_until == NOW + HOUR


def test_a_pipe_as_keep_awake_holds_nothing_up(root: Path) -> None:
    os.mkfifo(root / "home/ec2-user/SageMaker/.keep-awake")
    assert look().keep_awake_until == 0


def test_a_link_as_keep_awake_is_not_followed(root: Path) -> None:
    (root / "home/ec2-user/SageMaker/.keep-awake").symlink_to(root / "proc/uptime")
    assert look().keep_awake_until == 0


def test_a_bootstrap_that_runs_is_seen(root: Path) -> None:
    with (root / "run/trainyard/bootstrap.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert look().bootstrap_running


def test_a_bootstrap_at_its_end_is_seen(root: Path) -> None:
    assert (root / "run/trainyard/bootstrap.lock").exists()
    assert not look().bootstrap_running


def test_a_bootstrap_may_never_have_run(root: Path) -> None:
    (root / "run/trainyard/bootstrap.lock").unlink()
    assert not look().bootstrap_running


def test_the_uptime_is_that_of_the_machine(root: Path) -> None:
    assert root
    assert look().uptime == 32400.12


# Processes

ONE_RUN_AGO = Memory(uptime=32400.12 - RUN)


def process(root: Path, pid: int, cpu_seconds: float = 0.0, **about: Any) -> None:
    """A process that began 40 seconds after the machine, and its children that have ended."""
    folder, ticks = root / f"proc/{pid}", os.sysconf("SC_CLK_TCK")
    folder.mkdir(exist_ok=True)
    numbers = [0] * 50
    numbers[0], numbers[18] = about.get("parent", 1), about.get("began", 4000)
    numbers[10], numbers[12] = int(cpu_seconds * ticks), int(about.get("children", 0) * ticks)
    stat = f"{pid} ({about.get('name', 'python')}) S {' '.join(map(str, numbers))}\n"
    (folder / "stat").write_text(stat)
    (folder / "io").write_text(f"rchar: {about.get('read', 0)}\nwchar: {about.get('written', 0)}\nsyscr: 9\n")
    (folder / "cmdline").write_text(about.get("command", "python\0train.py\0"))


def after_one_run(before: dict[str, tuple[float, float]]) -> Work:
    return look(replace(ONE_RUN_AGO, counters=before)).work


def test_what_a_process_used_since_the_run_before_counts(root: Path) -> None:
    process(root, 4242, cpu_seconds=1030)
    assert after_one_run({"4242-4000": (1000.0, 0.0)}).cpus == pytest.approx(0.1)


def test_what_a_process_used_before_does_not_count(root: Path) -> None:
    process(root, 4242, cpu_seconds=1000)
    assert after_one_run({"4242-4000": (1000.0, 0.0)}).cpus == 0


def test_a_process_that_is_new_counts_from_its_start(root: Path) -> None:
    process(root, 4242, cpu_seconds=30)
    assert after_one_run({}).cpus == pytest.approx(0.1)


def test_a_number_may_be_that_of_another_process_before(root: Path) -> None:
    process(root, 4242, cpu_seconds=30, began=4001)
    assert after_one_run({"4242-4000": (1000.0, 0.0)}).cpus == pytest.approx(0.1)


def test_processes_that_live_shorter_than_a_run_count(root: Path) -> None:
    process(root, 4242, name="bash", children=30)
    assert after_one_run({"4242-4000": (0.0, 0.0)}).cpus == pytest.approx(0.1)


def test_a_process_that_ended_takes_nothing_off(root: Path) -> None:
    process(root, 4243, cpu_seconds=30)
    assert after_one_run({"4242-4000": (1000.0, 0.0)}).cpus == pytest.approx(0.1)


@pytest.mark.parametrize("counter", ["read", "written"])
def test_what_processes_read_and_write_counts(root: Path, counter: str) -> None:
    process(root, 4242, **{counter: 300_000_000})
    assert after_one_run({}).bytes_per_second == pytest.approx(1e6)


def test_the_first_run_has_the_average_since_the_start(root: Path) -> None:
    process(root, 4242, cpu_seconds=3240.012)
    assert look().work.cpus == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["tmux: server", "a) S 1 2 3 4 5 6 (b", "a\nb"])
def test_a_program_may_have_any_name(root: Path, name: str) -> None:
    process(root, 4242, cpu_seconds=30, name=name)
    assert after_one_run({}).cpus == pytest.approx(0.1)


def test_what_is_no_process_is_passed_over(root: Path) -> None:
    process(root, 4242, cpu_seconds=30)
    for name in ("4243/fd", "sys", "1x"):
        (root / "proc" / name).mkdir(parents=True)
    assert after_one_run({}).cpus == pytest.approx(0.1)


def test_processes_of_the_system_do_not_count(root: Path) -> None:
    process(root, 4242, cpu_seconds=300, name="ssm-agent")
    home = root / "home/ec2-user"
    if os.geteuid():
        home.rename(root / "before")
        home.symlink_to("/usr")
    else:
        os.chown(home, 1000, 1000)
    assert after_one_run({}) == Work()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to somebody else")
@pytest.mark.parametrize(("user", "cpus"), [(100_000, 0.1), (165_535, 0.1), (997, 0.0)])
def test_processes_in_containers_of_the_user_count(root: Path, user: int, cpus: float) -> None:
    process(root, 4242, cpu_seconds=30)
    os.chown(root / "proc/4242", user, user)
    assert after_one_run({}).cpus == pytest.approx(cpus)


@pytest.fixture
def real_process(root: Path) -> Iterator[Callable[[str], None]]:
    """Starts a program and shows it, and no other, to the idle stop."""
    started: list[subprocess.Popen[bytes]] = []

    def start(source: str) -> None:
        started.append(subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE))
        (root / f"proc/{started[0].pid}").symlink_to(f"/proc/{started[0].pid}")
        (root / "proc/uptime").unlink()
        (root / "proc/uptime").symlink_to("/proc/uptime")
        assert started[0].stdout
        started[0].stdout.readline()

    yield start
    for each in started:
        each.kill()
        each.communicate()


def work_of_a_second() -> Work:
    before = idle_stop.remember(Memory(), look())
    time.sleep(1)  # less is taken for a second
    return look(before).work


@pytest.mark.parametrize(
    ("source", "busy"),
    [
        ("print(flush=True)\nwhile True: pass", True),
        ("print(flush=True)\nimport os\nwhile True: os.system(':')", True),
        ("import time; print(flush=True)\nwhile True: time.sleep(0.01)", False),
    ],
    ids=["one process", "many short processes", "waiting"],
)
@pytest.mark.slow
def test_a_real_process_that_prints_nothing(real_process: Callable[[str], None], source: str, busy: bool) -> None:
    real_process(source)
    assert work_of_a_second().is_busy == busy


# GPUs

KERNEL = "python\0-m\0ipykernel_launcher\0-f\0/runtime/kernel-0f6c1f3e-7d0a-4b57-9a39-1f2d8f0c9c11.json\0"


def nvidia_smi(root: Path, percents: str = "echo 0", pids: str = ":") -> None:
    """Stands for the real program; each body is a shell's."""
    program(
        root,
        "nvidia-smi",
        f"""
[ "$2" = --format=csv,noheader,nounits ] || exit 2
case "$1" in
    --query-gpu=utilization.gpu) {percents} ;;
    --query-compute-apps=pid) {pids} ;;
    *) exit 2 ;;
esac""",
    )


@pytest.mark.parametrize(
    ("percents", "percent"),
    [
        ("echo 0; echo 87; echo 3", 87),
        ("echo '[N/A]'", None),
        ("echo '[N/A]'; echo 7", 7),
        ("exit 9", None),
        ("echo 'No devices were found'", None),
        (r"printf '\377'", None),
    ],
    ids=["three", "unknown", "one unknown", "no driver", "no device", "no text"],
)
def test_the_busiest_gpu_counts(root: Path, percents: str, percent: int | None) -> None:
    nvidia_smi(root, percents)
    assert look().work.gpu_percent == percent


def test_an_instance_may_have_no_gpu(root: Path) -> None:
    assert root
    assert look().work.gpu_percent is None


def test_a_driver_that_hangs_holds_nothing_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_stop, "SECONDS_FOR_GPUS", 0.1)
    nvidia_smi(root, "exec /bin/sleep 60")
    assert look().work.gpu_percent is None


def test_a_process_outside_of_the_kernels_holds_a_gpu(root: Path) -> None:
    process(root, 4242)
    nvidia_smi(root, pids="echo 4242")
    assert look().work.holds_gpu


@pytest.mark.parametrize("above", [4242, 4241, 4240], ids=["itself", "its parent", "further up"])
def test_a_kernel_does_not_hold_a_gpu(root: Path, above: int) -> None:
    for pid in (4240, 4241, 4242):
        process(root, pid, parent=pid - 1, command=KERNEL if pid == above else "bash\0")
    nvidia_smi(root, pids="echo 4242")
    assert not look().work.holds_gpu


def test_one_process_beside_kernels_is_enough(root: Path) -> None:
    process(root, 4242, command=KERNEL)
    process(root, 4243)
    nvidia_smi(root, pids="echo 4242; echo 4243")
    assert look().work.holds_gpu


@pytest.mark.parametrize("pids", ["echo 1", "echo '[N/A]'", "exit 9", ":"])
def test_a_process_that_is_not_the_users_holds_no_gpu(root: Path, pids: str) -> None:
    nvidia_smi(root, pids=pids)
    assert not look().work.holds_gpu


def test_parents_in_a_circle_come_to_an_end(root: Path) -> None:
    process(root, 4242, parent=4243)
    process(root, 4243, parent=4242)
    nvidia_smi(root, pids="echo 4242")
    assert look().work.holds_gpu


# The servers


@dataclass
class FakeServer:
    """Answers as a Jupyter server does, or as `odd` says for a path."""

    http: ThreadingHTTPServer
    answers: dict[str, Any]
    token: str = ""
    asked: list[str] = field(default_factory=list)
    odd: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)

    def announce(self, root: Path, **about: Any) -> Path:
        folder = root / "home/ec2-user/.local/share/jupyter/runtime"
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(
            {"port": self.http.server_port, "secure": False, "base_url": "/", "token": self.token, **about}
        )
        file = folder / f"jpserver-{len(list(folder.iterdir()))}.json"
        file.write_text(text)
        return file


@pytest.fixture
def server(root: Path) -> Iterator[FakeServer]:
    assert root
    before = threading.enumerate()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            path = self.path.partition("?")[0]
            if path in made.odd:
                made.odd[path](self)
                return
            allowed = not made.token or self.headers["Authorization"] == f"token {made.token}"
            self.send_response(403 if not allowed else 200 if path in made.answers else 404)
            self.end_headers()
            self.wfile.write(json.dumps(made.answers.get(path) if allowed else {"message": "Forbidden"}).encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Says nothing of clients that went away."""

    quiet = {"last_activity": "2026-11-20T10:00:00.000001Z", "execution_state": "idle"}
    with Server(("127.0.0.1", 0), Handler) as http:
        made = FakeServer(http, {"/api/kernels": [quiet], "/api/terminals": [], "/api/status": quiet})
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        http.shutdown()
    # Whoever asks on must not do so in another test.
    for each in {*threading.enumerate()} - {*before}:
        each.join()


def at(text: str) -> float:
    return idle_stop._moment(f"2026-11-20T{text}")  # noqa: SLF001 (tested below)


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-02T00:00:00Z",
        "1970-01-02T00:00:00.000000Z",
        "1970-01-02T01:00:00+01:00",
        "1970-01-02T00:00:00",
    ],
)
def test_times_are_read_with_and_without_a_fraction(text: str) -> None:
    assert idle_stop._moment(text) == 24 * HOUR  # noqa: SLF001 (the pitfall of this API)


@pytest.mark.enable_socket
def test_a_server_is_found_by_its_runtime_file(root: Path, server: FakeServer) -> None:
    server.announce(root)
    assert idle_stop.ask_servers(NOW) == Jupyter(busy_kernels=0, last_activity=at("10:00:00.000001Z"))


@pytest.mark.enable_socket
def test_a_server_is_found_where_it_usually_is(root: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert root
    monkeypatch.setattr(idle_stop, "USUAL_PORTS", (("https", 1), ("http", server.http.server_port)))
    assert idle_stop.ask_servers(NOW) == Jupyter(last_activity=at("10:00:00.000001Z"))


@pytest.mark.enable_socket
def test_where_nothing_listens_is_no_server(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert root
    monkeypatch.setattr(idle_stop, "USUAL_PORTS", (("https", 1), ("http", 2)))
    assert idle_stop.ask_servers(NOW).silence == "no server: https://localhost:1/, http://localhost:2/"


@pytest.mark.enable_socket
def test_no_proxy_is_asked(root: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("http_proxy", "http://localhost:1")
    server.announce(root)
    assert not idle_stop.ask_servers(NOW).silence


@pytest.mark.enable_socket
def test_the_token_of_a_server_is_used(root: Path, server: FakeServer) -> None:
    server.token = "secret"  # noqa: S105 (of a test)
    server.announce(root)
    assert not idle_stop.ask_servers(NOW).silence


@pytest.mark.enable_socket
def test_an_old_token_of_a_server_makes_it_not_silent(root: Path, server: FakeServer) -> None:
    server.token = "secret"  # noqa: S105 (of a test)
    server.announce(root)
    server.announce(root, token="before")  # noqa: S106 (of a test)
    assert not idle_stop.ask_servers(NOW).silence


@pytest.mark.enable_socket
def test_a_kernel_counts_once_however_often_its_server_is_announced(root: Path, server: FakeServer) -> None:
    server.answers["/api/kernels"][0]["execution_state"] = "busy"
    server.announce(root)
    server.announce(root, token="another")  # noqa: S106 (of a test)
    assert idle_stop.ask_servers(NOW).busy_kernels == 1


@pytest.mark.enable_socket
def test_only_the_newest_runtime_files_are_read(root: Path, server: FakeServer) -> None:
    server.announce(root)
    for number in range(20):
        os.utime(server.announce(root, port=1), (number, number))
    assert not idle_stop.ask_servers(NOW).silence


@pytest.mark.enable_socket
def test_a_question_does_not_count_as_activity(root: Path, server: FakeServer) -> None:
    server.announce(root)
    idle_stop.ask_servers(NOW)
    assert server.asked
    assert all(path.endswith("?no_track_activity=1") for path in server.asked)


@pytest.mark.enable_socket
@pytest.mark.parametrize(("state", "busy"), [("busy", 1), ("idle", 0), ("starting", 0), ("dead", 0), (None, 0)])
def test_only_a_busy_kernel_is_busy(root: Path, server: FakeServer, state: str | None, busy: int) -> None:
    server.answers["/api/kernels"][0]["execution_state"] = state
    server.announce(root)
    assert idle_stop.ask_servers(NOW).busy_kernels == busy


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/api/kernels", [{"execution_state": "starting", "last_activity": "2026-11-20T12:00:00Z"}]),
        ("/api/terminals", [{"name": "1", "last_activity": "2026-11-20T12:00:00Z"}]),
        ("/api/status", {"last_activity": "2026-11-20T12:00:00Z"}),
    ],
)
def test_the_newest_activity_counts(root: Path, server: FakeServer, path: str, answer: Any) -> None:
    server.answers[path] = answer
    server.announce(root)
    assert idle_stop.ask_servers(NOW).last_activity == at("12:00:00Z")


@pytest.mark.enable_socket
def test_activity_in_time_to_come_hides_no_other(root: Path, server: FakeServer) -> None:
    server.answers["/api/terminals"] = [{"last_activity": "9999-12-31T23:59:59Z"}]
    server.announce(root)
    assert idle_stop.ask_servers(NOW).last_activity == at("10:00:00.000001Z")


@pytest.mark.enable_socket
def test_activity_since_the_run_began_counts(root: Path, server: FakeServer) -> None:
    server.answers["/api/terminals"] = [{"last_activity": moment(NOW + MINUTE)}]
    server.announce(root)
    assert idle_stop.ask_servers(NOW).last_activity == NOW


@pytest.mark.enable_socket
def test_a_server_may_have_no_terminals(root: Path, server: FakeServer) -> None:
    del server.answers["/api/terminals"]
    server.announce(root)
    assert not idle_stop.ask_servers(NOW).silence


@pytest.mark.enable_socket
@pytest.mark.parametrize("path", ["/api/kernels", "/api/status"])
def test_a_server_has_kernels_and_a_status(root: Path, server: FakeServer, path: str) -> None:
    del server.answers[path]
    server.announce(root)
    assert idle_stop.ask_servers(NOW).silence


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "kernel", [{"execution_state": "starting", "last_activity": None}, {}, None, 3, "kernel", [], {"last_activity": 3}]
)
def test_a_kernel_of_nonsense_hides_no_other(root: Path, server: FakeServer, kernel: Any) -> None:
    server.answers["/api/kernels"] = [kernel, {"execution_state": "busy", "last_activity": None}, kernel]
    server.announce(root)
    assert idle_stop.ask_servers(NOW) == Jupyter(busy_kernels=1, last_activity=at("10:00:00.000001Z"))


@pytest.mark.enable_socket
def test_a_server_that_refuses_is_silent_and_told(root: Path, server: FakeServer) -> None:
    server.announce(root)
    server.token = "secret"  # noqa: S105 (of a test)
    assert (
        idle_stop.ask_servers(NOW).silence == f"http://localhost:{server.http.server_port}/: HTTP Error 403: Forbidden"
    )


@pytest.mark.enable_socket
@pytest.mark.parametrize("answer", [{"message": "Forbidden"}, None, 3, "kernels"])
def test_a_server_whose_kernels_are_no_list_is_silent(root: Path, server: FakeServer, answer: Any) -> None:
    server.answers["/api/kernels"] = answer
    server.announce(root)
    assert idle_stop.ask_servers(NOW).silence


@pytest.mark.enable_socket
def test_one_server_that_is_there_is_enough(root: Path, server: FakeServer) -> None:
    server.announce(root, port=1)
    server.announce(root)
    assert not idle_stop.ask_servers(NOW).silence


@pytest.mark.enable_socket
def test_a_runtime_file_leads_to_no_other_machine(root: Path, server: FakeServer) -> None:
    server.announce(root, base_url="@elsewhere.example/", hostname="elsewhere.example")
    idle_stop.ask_servers(NOW)
    assert server.asked
    assert all(path.startswith("/@elsewhere.example/api/") for path in server.asked)


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"port": "x"}',
        '{"port": 1, "base_url": 2}',
        '{"port": 99999}',
        '{"port": 1e999}',
        '{"port": 1, "base_url": "/\\u0000 \\u00e9/"}',
        '{"port": 1, "token": "a\\nb"}',
    ],
    ids=lambda text: text[:30],
)
def test_a_runtime_file_of_nonsense_is_passed_over(root: Path, server: FakeServer, text: str) -> None:
    server.announce(root).with_name("jpserver-1.json").write_text(text)
    assert idle_stop.ask_servers(NOW).last_activity == at("10:00:00.000001Z")


# Servers that misbehave


def says(status: int, body: bytes, **headers: Any) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def raw(*pieces: bytes, pause: float = 0.0) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        for piece in pieces:
            handler.wfile.write(piece)
            time.sleep(pause)

    return answer


ODD = {
    "forbidden": says(403, b'{"message": "Forbidden"}'),
    "an error": says(500, b""),
    "a page": says(200, b"<html><title>Log in</title></html>"),
    "elsewhere": says(302, b"", Location="http://elsewhere.example/"),
    "nothing": says(200, b""),
    "no text": says(200, b"\xff\xfe"),
    "half": says(200, b'[{"execution_state": "busy"}'),
    "less than announced": says(200, b"[]", Content_Length=100),
    "more than we read": says(200, b"[" + b" " * 2_000_000 + b"]"),
    "deep": says(200, b"[" * 100_000),
    "a large number": says(200, b"1" * 10_000),
    "a closed connection": raw(),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "lines without end": raw(b"HTTP/1.1 200 OK\r\n", *[b"A: B\r\n"] * 200),
    "a reason of many lines": raw("HTTP/1.1 500 caf\u00e9 \x0b\x85 \x1b[2J\r\n\r\n".encode()),
    "late": raw(b"", b"HTTP/1.1 200 OK\r\n\r\n[]", pause=0.6),
    "byte by byte": raw(*[b"%c" % each for each in b"HTTP/1.1 200 OK\r\n\r\n[]"], pause=0.06),
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_stop, "SECONDS_TO_ANSWER", 0.3)
    monkeypatch.setattr(idle_stop, "SECONDS_FOR_ALL_ANSWERS", 1)


@pytest.mark.enable_socket
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.slow
def test_a_server_that_misbehaves_is_silent_and_told_in_one_line(root: Path, server: FakeServer, odd: str) -> None:
    server.odd = dict.fromkeys(server.answers, ODD[odd])
    server.announce(root)
    told = idle_stop.ask_servers(NOW)
    assert (told.busy_kernels, told.last_activity, len(told.silence.splitlines())) == (0, 0.0, 1)


@pytest.mark.enable_socket
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("odd", sorted({*ODD} - {"byte by byte"}))
def test_a_busy_kernel_counts_whatever_else_misbehaves(root: Path, server: FakeServer, odd: str) -> None:
    server.answers["/api/kernels"][0]["execution_state"] = "busy"
    server.odd = {"/api/terminals": ODD[odd], "/api/status": ODD[odd]}
    server.announce(root)
    assert idle_stop.ask_servers(NOW).busy_kernels == 1


@pytest.mark.enable_socket
@pytest.mark.usefixtures("impatient")
def test_a_server_that_answers_byte_by_byte_is_not_waited_for(root: Path, server: FakeServer) -> None:
    server.odd = dict.fromkeys(server.answers, ODD["byte by byte"])
    server.announce(root)
    assert idle_stop.ask_servers(NOW).silence.endswith(": no answer in 1 seconds")


@pytest.mark.enable_socket
@pytest.mark.usefixtures("impatient")
def test_a_server_that_misbehaves_hides_no_other(root: Path, server: FakeServer) -> None:
    server.announce(root)
    server.announce(root, base_url="/odd")
    server.odd = {f"/odd{path}": ODD["byte by byte"] for path in server.answers}
    assert idle_stop.ask_servers(NOW).last_activity == at("10:00:00.000001Z")


@pytest.mark.enable_socket
def test_a_redirect_is_not_followed(root: Path, server: FakeServer) -> None:
    server.odd["/api/kernels"] = says(302, b"", Location="/elsewhere")
    server.announce(root)
    idle_stop.ask_servers(NOW)
    assert "/elsewhere" not in server.asked


NAMES = st.sampled_from(["execution_state", "last_activity", "id", "name", "kernel", "type"])
TEXT = st.text(max_size=8).filter(lambda text: text != "busy") | st.sampled_from(
    ["idle", "starting", "dead", "2026-11-20T17:54:02.314868Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"]
)
KERNELS = st.fixed_dictionaries({"last_activity": TEXT | st.none()}, optional={"execution_state": TEXT | st.none()})
JSON = KERNELS | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
FAILURES = st.sampled_from([TimeoutError(), ValueError("HTML"), ConnectionResetError(), OSError("refused")])
PATHS = ("api/kernels", "api/terminals", "api/status")


@settings(deadline=None)
@given(st.tuples(*[JSON | FAILURES] * 3), st.integers(0, 3), st.lists(JSON, max_size=3))
def test_a_busy_kernel_is_seen_among_any_answers(answers: Sequence[Any], busy: int, others: list[Any]) -> None:
    told = dict(zip(PATHS, answers, strict=True))
    if busy:
        told["api/kernels"] = [*others, *[{"execution_state": "busy", "last_activity": None}] * busy]
    with pytest.MonkeyPatch.context() as patch:
        answer_with(patch, told)
        assert idle_stop.ask_servers(NOW).busy_kernels == busy


def answer_with(patch: pytest.MonkeyPatch, told: dict[str, Any]) -> None:
    """Puts these in place of what a server answers; an exception is raised."""

    def get(_: object, path: str) -> Any:
        if isinstance(told[path], Exception):
            raise told[path]
        return told[path]

    patch.setattr(idle_stop, "_get", get)
    patch.setattr(idle_stop, "_runtime_files", list)
    patch.setattr(idle_stop, "USUAL_PORTS", (("http", 8888),))


# The program


@pytest.fixture
def idle(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance that has been idle for long, as the two runs before found too."""
    monkeypatch.setattr(idle_stop, "ask_servers", lambda _: Jupyter(last_activity=time.time() - 2 * HOUR))
    before = {"last_activity": 0, "quiet_runs": 2, "silent_runs": 0, "uptime": 32100.12, "counters": {}}
    (root / "run/trainyard/idle.json").write_text(json.dumps(before))
    program(root, "aws", f'echo "$*" >>{root}/calls')
    return root


def run(*arguments: str) -> int:
    return idle_stop.main(["--minutes", "60", "--region", "eu-west-1", *arguments])


def test_the_instance_is_stopped_by_its_name(idle: Path) -> None:
    run()
    assert (idle / "calls").read_text() == (
        "sagemaker stop-notebook-instance --notebook-instance-name atlas-1 --region eu-west-1\n"
    )


def test_the_reason_is_printed_in_one_line(idle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert idle
    run()
    assert capsys.readouterr().out.partition("Z ")[2] == "stops: idle for 120 minutes\n"


def test_the_reason_has_plain_characters_only(
    idle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert idle
    monkeypatch.setattr(idle_stop, "ask_servers", lambda _: Jupyter(silence="caf\u00e9\udcff"))
    run("--dry-run")
    assert "caf\\xe9\\udcff" in capsys.readouterr().out


def test_a_stop_that_fails_is_an_error(idle: Path) -> None:
    program(idle, "aws", "exit 254")
    assert run() == 254


def test_a_stop_that_fails_is_tried_again(idle: Path) -> None:
    program(idle, "aws", f"echo >>{idle}/calls; exit 254")
    run()
    run()
    assert (idle / "calls").read_text() == "\n\n"


def test_a_stop_that_hangs_is_an_error(
    idle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_stop, "SECONDS_TO_STOP", 0.1)
    program(idle, "aws", "exec /bin/sleep 60")
    assert run() == 1
    assert "\ncannot stop: TimeoutExpired: " in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_an_instance_without_a_name_is_an_error(idle: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (idle / "opt/ml/metadata/resource-metadata.json").write_text(text)
    assert run() == 1
    assert "\ncannot stop: " in capsys.readouterr().out


def test_an_instance_in_use_is_not_stopped(idle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process(idle, 4242, cpu_seconds=300)
    assert run() == 0
    assert not (idle / "calls").exists()
    assert capsys.readouterr().out.partition("Z ")[2] == "stays: processes use 1.00 CPUs and 0.0 MB a second, no GPUs\n"


def test_a_dry_run_does_not_stop(idle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--dry-run")
    assert not (idle / "calls").exists()
    assert capsys.readouterr().out.partition("Z ")[2] == "would stop: idle for 120 minutes\n"


def test_a_dry_run_is_not_counted(idle: Path) -> None:
    before = (idle / "run/trainyard/idle.json").read_text()
    run("--dry-run")
    assert (idle / "run/trainyard/idle.json").read_text() == before


def test_runs_are_counted_from_one_to_the_next(idle: Path) -> None:
    process(idle, 4242, cpu_seconds=1)
    run()
    after = json.loads((idle / "run/trainyard/idle.json").read_text())
    assert (after["quiet_runs"], after["uptime"], after["counters"]) == (3, 32400.12, {"4242-4000": [1.0, 0]})


@pytest.mark.parametrize("text", ["", "[]", '{"other": 1}', '{"last_activity": null, "quiet_runs": 9}', "[" * 100_000])
def test_a_memory_of_nonsense_is_forgotten(idle: Path, text: str) -> None:
    (idle / "run/trainyard/idle.json").write_text(text)
    assert run() == 0
    assert not (idle / "calls").exists()


def test_it_is_for_the_python_of_the_platform() -> None:
    """3.9 runs it; the tests have a later one, so this reads the grammar and the names that came later."""
    source = (ROOT / "lifecycle_scripts/notebook/job/idle_stop.py").read_text()
    ast.parse(source, feature_version=(3, 9))
    assert "from __future__ import annotations\n" in source
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(source))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names


# Many runs


@dataclass(frozen=True)
class Signals:
    """What happens in the five minutes before a run."""

    busy_kernel: bool = False
    used_minutes_ago: int | None = None
    others: tuple[Any, ...] = ()
    silent: frozenset[str] = frozenset()
    cpu_seconds: int = 0
    gpu_percent: int = 0
    gpu_holder: str = ""
    keep_awake_minutes: int | None = None
    bootstrap: bool = False

    @property
    def works(self) -> bool:
        kernel = self.busy_kernel and "api/kernels" not in self.silent
        return kernel or self.cpu_seconds >= 30 or self.gpu_percent >= 5

    def answers(self, now: float) -> dict[str, Any]:
        used = (
            [] if self.used_minutes_ago is None else [{"last_activity": moment(now - self.used_minutes_ago * MINUTE)}]
        )
        busy = [{"execution_state": "busy", "last_activity": None}] if self.busy_kernel else []
        told: dict[str, Any] = {"api/kernels": [*self.others, *busy], "api/terminals": used, "api/status": {}}
        return told | dict.fromkeys(self.silent, TimeoutError())


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


NOTHING = Signals()
SIGNALS = st.builds(
    Signals,
    busy_kernel=st.booleans(),
    used_minutes_ago=st.none() | st.integers(0, 200),
    others=st.lists(JSON, max_size=2).map(tuple),
    silent=st.frozensets(st.sampled_from(PATHS)),
    cpu_seconds=st.sampled_from([0, 1, 29, 30, 1200]),
    gpu_percent=st.sampled_from([0, 4, 5, 100]),
    gpu_holder=st.sampled_from(["", "kernel", "other", "system"]),
    keep_awake_minutes=st.none() | st.integers(0, 120),
    bootstrap=st.booleans(),
)
SOME = st.lists(st.just(NOTHING) | SIGNALS, max_size=12)
QUIET_END = st.builds(
    Signals,
    others=st.lists(JSON, max_size=2).map(tuple),
    silent=st.sampled_from([frozenset(), frozenset({"api/status"}), frozenset(PATHS)]),
    cpu_seconds=st.sampled_from([0, 29]),
    gpu_percent=st.sampled_from([0, 4]),
    gpu_holder=st.sampled_from(["", "kernel", "other", "system"]),
)


class Instance:
    """Runs the program every five minutes by a clock of its own, and knows when it may and must stop."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch, limit_minutes: int) -> None:
        self.root, self.patch, self.limit = root, patch, limit_minutes
        self.now, self.uptime, self.cpu_seconds, self.stopped = NOW, 0.0, 0.0, False
        self.used, self.awake_until, self.worked, self.silence_changed, self.silent = NOW, NOW, NOW, NOW, False
        (root / "home/ec2-user/SageMaker").mkdir(parents=True)
        (root / "proc").mkdir()
        (root / "run/trainyard").mkdir(parents=True)
        patch.setattr(idle_stop, "ROOT", root)
        patch.setattr(idle_stop, "_stop", self.stop)
        patch.setattr(time, "time", lambda: self.now)

    def stop(self, _: str) -> int:
        self.stopped = True
        return 0

    def five_minutes(self, signals: Signals) -> None:
        self.now += RUN
        self.uptime += RUN
        self.cpu_seconds += signals.cpu_seconds
        (self.root / "proc/uptime").write_text(f"{self.uptime} 0\n")
        process(self.root, 4241, command=KERNEL)
        process(self.root, 4242, cpu_seconds=self.cpu_seconds)
        numbers = {
            "--query-gpu=utilization.gpu": [signals.gpu_percent],
            "--query-compute-apps=pid": [{"kernel": 4241, "other": 4242}.get(signals.gpu_holder, 7)],
        }
        self.patch.setattr(idle_stop, "_nvidia_smi", numbers.__getitem__)
        self.patch.setattr(idle_stop, "_bootstrap_running", lambda: signals.bootstrap)
        answer_with(self.patch, signals.answers(self.now))
        if signals.keep_awake_minutes is not None:
            keep_awake(self.root, f"{signals.keep_awake_minutes}m", self.now)
            self.awake_until = self.now + signals.keep_awake_minutes * MINUTE
        if signals.works:
            self.used = self.worked = self.now
        if signals.used_minutes_ago is not None and "api/terminals" not in signals.silent:
            self.used = max(self.used, self.now - signals.used_minutes_ago * MINUTE)
        if bool(signals.silent) != self.silent:
            self.silent, self.silence_changed = bool(signals.silent), self.now
        assert idle_stop.main(["--minutes", str(self.limit), "--region", "eu-west-1"]) == 0
        if self.stopped:
            assert not signals.works
            assert not signals.bootstrap
            assert self.now >= max(self.used + self.limit * MINUTE, self.awake_until, NOW + 15 * MINUTE)

    def must_stop_at(self, last: Signals) -> float:
        more = 2 * HOUR if last.gpu_holder == "other" else 0
        quiet = max(self.worked, self.silence_changed, NOW) + 15 * MINUTE
        return max(self.used + self.limit * MINUTE + more, self.awake_until, quiet) + RUN


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(SOME, QUIET_END, st.sampled_from([1, 5, 20, 60]))
def test_it_never_stops_while_something_works_and_always_within_the_bound_when_nothing_does(
    some: list[Signals], end: Signals, limit: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        instance = Instance(Path(folder), patch, limit)
        for signals in some:
            instance.five_minutes(signals)
            if instance.stopped:
                return
        instance.five_minutes(end)
        while not instance.stopped:
            assert instance.now <= instance.must_stop_at(end)
            instance.five_minutes(end)
