"""When a notebook instance is stopped: the decision by itself, what it rests on, and the program as a whole."""

import fcntl
import json
import os
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from lifecycle_scripts.notebook.job import idle_stop
from lifecycle_scripts.notebook.job.idle_stop import Jupyter, Memory, Signals

NOW = 1_800_000_000.0
MINUTE, HOUR = 60.0, 3600.0
LIMIT = 60.0
IDLE = Signals(
    now=NOW,
    uptime=9 * HOUR,
    bootstrap_running=False,
    keep_awake_until=0.0,
    jupyter=Jupyter(busy_kernels=0, last_activity=NOW - 2 * HOUR),
    load=0.1,
    gpu_percent=0.0,
    memory=Memory(last_activity=NOW - 2 * HOUR, quiet_runs=3, silent_runs=0),
)
SILENT = replace(IDLE, jupyter=Jupyter(silence="https://localhost:8443/: refused"))


def memory(**changes: Any) -> Memory:
    return replace(IDLE.memory, **changes)


# The decision


def test_an_idle_instance_is_stopped() -> None:
    assert idle_stop.decide(IDLE, LIMIT) == (True, "idle for 120 minutes")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"uptime": 14 * MINUTE}, "up for only 14 minutes"),
        ({"bootstrap_running": True}, "the bootstrap is running"),
        ({"keep_awake_until": NOW + HOUR}, "kept awake for 60 more minutes"),
        ({"jupyter": Jupyter(busy_kernels=2)}, "2 kernels are busy"),
        ({"load": 0.5}, "load 0.5, GPUs at 0.0 percent"),
        ({"gpu_percent": 5.0}, "load 0.1, GPUs at 5.0 percent"),
        ({"memory": memory(quiet_runs=2)}, "load and GPUs low in only 2 of 3 runs"),
        ({"memory": memory(last_activity=NOW - 59 * MINUTE)}, "used 59 minutes ago, the limit is 60"),
        ({"uptime": 59 * MINUTE}, "used 59 minutes ago, the limit is 60"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_instance_in_use_stays(changes: dict[str, Any], reason: str) -> None:
    assert idle_stop.decide(replace(IDLE, **changes), LIMIT) == (False, reason)


def test_a_limit_of_zero_is_never_reached() -> None:
    assert idle_stop.decide(IDLE, 0) == (False, "the idle stop is off")


def test_an_instance_without_gpus_is_stopped() -> None:
    assert idle_stop.decide(replace(IDLE, gpu_percent=None), LIMIT)[0]


def test_a_keep_awake_that_ran_out_is_past() -> None:
    assert idle_stop.decide(replace(IDLE, keep_awake_until=NOW - 1), LIMIT)[0]


def test_a_server_that_is_silent_for_a_moment_is_waited_for() -> None:
    assert idle_stop.decide(replace(SILENT, memory=memory(silent_runs=2)), LIMIT) == (
        False,
        "no answer in 2 of 3 runs: https://localhost:8443/: refused",
    )


def test_a_server_that_stays_silent_does_not_keep_the_instance() -> None:
    assert idle_stop.decide(replace(SILENT, memory=memory(silent_runs=3)), LIMIT) == (
        True,
        "idle for 120 minutes; no answer: https://localhost:8443/: refused",
    )


def test_a_server_that_never_answered_leaves_the_time_since_the_start() -> None:
    unknown = replace(SILENT, uptime=59 * MINUTE, memory=memory(last_activity=0.0, silent_runs=9))
    assert not idle_stop.decide(unknown, LIMIT)[0]


def test_a_job_on_an_instance_without_a_server_keeps_it() -> None:
    assert not idle_stop.decide(replace(SILENT, load=1.0, memory=memory(silent_runs=9)), LIMIT)[0]


# What it rests on


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The disk of an instance that has been up for nine hours, with no server and nothing to do."""
    files = {
        "proc/uptime": "32400.12 60000.00\n",
        "proc/loadavg": "0.10 0.20 0.30 1/300 4242\n",
        "opt/ml/metadata/resource-metadata.json": '{"ResourceName": "atlas-1"}',
        "home/ec2-user/SageMaker/notebook.ipynb": "{}",
        "run/trainyard/bootstrap.lock": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(idle_stop, "ROOT", tmp_path)
    monkeypatch.setattr(idle_stop, "USUAL_SERVERS", ())
    monkeypatch.delenv("JUPYTER_RUNTIME_DIR", raising=False)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def program(root: Path, name: str, body: str) -> None:
    file = root / "bin" / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


def keep_awake(root: Path, text: str, changed: float) -> None:
    file = root / "home/ec2-user/SageMaker/.keep-awake"
    file.write_text(text)
    os.utime(file, (changed, changed))


@pytest.mark.parametrize(
    ("text", "hours"), [("", 8), ("2\n", 2), ("0.5", 0.5), ("100", 24), ("inf", 24), ("until Monday", 8)]
)
def test_keep_awake_holds_for_the_hours_in_it(root: Path, text: str, hours: float) -> None:
    keep_awake(root, text, NOW - HOUR)
    assert idle_stop.observe(Memory(), NOW).keep_awake_until == NOW - HOUR + hours * HOUR


@pytest.mark.parametrize(("text", "changed"), [("nan", NOW - HOUR), ("", NOW + HOUR)])
def test_keep_awake_does_not_hold_for_ever(root: Path, text: str, changed: float) -> None:
    keep_awake(root, text, changed)
    assert idle_stop.observe(Memory(), NOW).keep_awake_until <= NOW


def test_a_pipe_as_keep_awake_holds_nothing_up(root: Path) -> None:
    os.mkfifo(root / "home/ec2-user/SageMaker/.keep-awake")
    assert idle_stop.observe(Memory(), NOW).keep_awake_until == 0


def test_a_bootstrap_that_runs_is_seen(root: Path) -> None:
    with (root / "run/trainyard/bootstrap.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert idle_stop.observe(Memory(), NOW).bootstrap_running


def test_a_bootstrap_at_its_end_is_seen(root: Path) -> None:
    assert (root / "run/trainyard/bootstrap.lock").exists()
    assert not idle_stop.observe(Memory(), NOW).bootstrap_running


def test_the_load_and_the_uptime_are_those_of_the_machine(root: Path) -> None:
    assert root
    signals = idle_stop.observe(Memory(), NOW)
    assert (signals.load, signals.uptime) == (0.1, 32400.12)


@pytest.mark.parametrize(
    ("body", "percent"),
    [("echo 0; echo 87; echo 3", 87.0), ("echo '[N/A]'", None), ("exit 9", None)],
    ids=["three", "unknown", "no driver"],
)
def test_the_busiest_gpu_counts(root: Path, body: str, percent: float | None) -> None:
    program(root, "nvidia-smi", body)
    assert idle_stop.observe(Memory(), NOW).gpu_percent == percent


def test_an_instance_may_have_no_gpu(root: Path) -> None:
    assert root
    assert idle_stop.observe(Memory(), NOW).gpu_percent is None


def test_quiet_runs_are_counted(root: Path) -> None:
    assert root
    assert idle_stop.observe(Memory(quiet_runs=1), NOW).memory.quiet_runs == 2


def test_a_busy_run_begins_the_count_anew(root: Path) -> None:
    (root / "proc/loadavg").write_text("0.90 0.20 0.30 1/300 4242\n")
    assert idle_stop.observe(Memory(quiet_runs=9), NOW).memory.quiet_runs == 0


def test_silent_runs_are_counted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert root
    monkeypatch.setattr(idle_stop, "ask_servers", lambda: Jupyter(silence="refused"))
    assert idle_stop.observe(Memory(silent_runs=1), NOW).memory.silent_runs == 2


def test_the_last_activity_is_remembered_when_the_server_is_silent(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert root
    monkeypatch.setattr(idle_stop, "ask_servers", lambda: Jupyter(silence="refused"))
    assert idle_stop.observe(Memory(last_activity=NOW - 1), NOW).memory.last_activity == NOW - 1


def test_a_busy_kernel_is_activity(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own time is that of its last message, which may be long ago."""
    assert root
    monkeypatch.setattr(idle_stop, "ask_servers", lambda: Jupyter(busy_kernels=1, last_activity=NOW - HOUR))
    assert idle_stop.observe(Memory(), NOW).memory.last_activity == NOW


# The server


@dataclass
class FakeServer:
    """Answers as a Jupyter server does."""

    http: HTTPServer
    answers: dict[str, Any]
    token: str = ""
    asked: list[str] = field(default_factory=list)

    def announce(self, root: Path, **about: Any) -> None:
        folder = root / "home/ec2-user/.local/share/jupyter/runtime"
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(
            {"port": self.http.server_port, "secure": False, "base_url": "/", "token": self.token, **about}
        )
        (folder / f"jpserver-{len(list(folder.iterdir()))}.json").write_text(text)


@pytest.fixture
def server(root: Path) -> Iterator[FakeServer]:
    assert root

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            path = self.path.partition("?")[0]
            allowed = not made.token or self.headers["Authorization"] == f"token {made.token}"
            self.send_response(403 if not allowed else 200 if path in made.answers else 404)
            self.end_headers()
            self.wfile.write(json.dumps(made.answers.get(path) if allowed else {"message": "Forbidden"}).encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    quiet = {"last_activity": "2026-11-20T10:00:00.000001Z", "execution_state": "idle"}
    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        made = FakeServer(http, {"/api/kernels": [quiet], "/api/terminals": [], "/api/status": quiet})
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        http.shutdown()
        thread.join()


def at(text: str) -> float:
    return idle_stop._moment(f"2026-11-20T{text}")  # noqa: SLF001 (tested below)


@pytest.mark.parametrize("text", ["1970-01-02T00:00:00Z", "1970-01-02T00:00:00.000000Z", "1970-01-02T01:00:00+01:00"])
def test_times_are_read_with_and_without_a_fraction(text: str) -> None:
    assert idle_stop._moment(text) == 24 * HOUR  # noqa: SLF001 (the pitfall of this API)


@pytest.mark.enable_socket
def test_a_server_is_found_by_its_runtime_file(root: Path, server: FakeServer) -> None:
    server.announce(root)
    assert idle_stop.ask_servers() == Jupyter(busy_kernels=0, last_activity=at("10:00:00.000001Z"))


@pytest.mark.enable_socket
def test_a_server_is_found_where_it_usually_is(root: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert root
    monkeypatch.setattr(
        idle_stop, "USUAL_SERVERS", ("https://localhost:1/", f"http://localhost:{server.http.server_port}/")
    )
    assert not idle_stop.ask_servers().silence


@pytest.mark.enable_socket
def test_a_server_may_have_signed_its_certificate_itself(root: Path, server: FakeServer, tmp_path: Path) -> None:
    server.http.socket = self_signed(tmp_path).wrap_socket(server.http.socket, server_side=True)
    server.announce(root, secure=True)
    assert not idle_stop.ask_servers().silence


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another.example")])
    today = datetime.now(UTC)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), today, today)
    pem = certificate.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem")
    return context


@pytest.mark.enable_socket
def test_no_proxy_is_asked(root: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("http_proxy", "http://localhost:1")
    server.announce(root)
    assert not idle_stop.ask_servers().silence


@pytest.mark.enable_socket
def test_the_token_of_a_server_is_used(root: Path, server: FakeServer) -> None:
    server.token = "secret"  # noqa: S105 (of a test)
    server.announce(root)
    assert not idle_stop.ask_servers().silence


@pytest.mark.enable_socket
def test_a_server_below_a_path_is_asked_there(root: Path, server: FakeServer) -> None:
    server.answers = {f"/lab/user{path}": answer for path, answer in server.answers.items()}
    server.announce(root, base_url="/lab/user/")
    assert not idle_stop.ask_servers().silence


@pytest.mark.enable_socket
def test_a_question_does_not_count_as_activity(root: Path, server: FakeServer) -> None:
    server.announce(root)
    idle_stop.ask_servers()
    assert server.asked
    assert all(path.endswith("?no_track_activity=1") for path in server.asked)


@pytest.mark.enable_socket
@pytest.mark.parametrize(("state", "busy"), [("busy", 1), ("idle", 0), ("starting", 0), ("dead", 0)])
def test_only_a_busy_kernel_is_busy(root: Path, server: FakeServer, state: str, busy: int) -> None:
    server.answers["/api/kernels"][0]["execution_state"] = state
    server.announce(root)
    assert idle_stop.ask_servers().busy_kernels == busy


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
    assert idle_stop.ask_servers().last_activity == at("12:00:00Z")


@pytest.mark.enable_socket
def test_a_server_may_have_no_terminals(root: Path, server: FakeServer) -> None:
    del server.answers["/api/terminals"]
    server.announce(root)
    assert not idle_stop.ask_servers().silence


@pytest.mark.enable_socket
def test_a_kernel_may_have_had_no_activity(root: Path, server: FakeServer) -> None:
    server.answers["/api/kernels"][0] = {"execution_state": "starting", "last_activity": None}
    server.announce(root)
    assert not idle_stop.ask_servers().silence


@pytest.mark.enable_socket
def test_a_server_that_refuses_is_silent_and_told(root: Path, server: FakeServer) -> None:
    server.announce(root)
    server.token = "secret"  # noqa: S105 (of a test)
    assert idle_stop.ask_servers().silence == f"http://localhost:{server.http.server_port}/: HTTP Error 403: Forbidden"


@pytest.mark.enable_socket
@pytest.mark.parametrize("answer", [{"message": "Forbidden"}, None, 3, ["kernel"], [{"last_activity": "yesterday"}]])
def test_a_server_that_talks_nonsense_is_silent(root: Path, server: FakeServer, answer: Any) -> None:
    server.answers["/api/kernels"] = answer
    server.announce(root)
    assert idle_stop.ask_servers().silence


@pytest.mark.enable_socket
def test_one_server_that_answers_is_enough(root: Path, server: FakeServer) -> None:
    server.announce(root, port=1)
    server.announce(root)
    assert not idle_stop.ask_servers().silence


@pytest.mark.enable_socket
def test_a_runtime_file_leads_to_no_other_machine(root: Path, server: FakeServer) -> None:
    server.announce(root, base_url="@elsewhere.example/", hostname="elsewhere.example")
    idle_stop.ask_servers()
    assert server.asked == ["/@elsewhere.example/api/kernels?no_track_activity=1"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"port": "x"}', '{"port": 1, "base_url": 2}'])
def test_a_runtime_file_of_nonsense_is_passed_over(root: Path, text: str) -> None:
    folder = root / "home/ec2-user/.local/share/jupyter/runtime"
    folder.mkdir(parents=True)
    (folder / "jpserver-1.json").write_text(text)
    assert idle_stop.ask_servers() == Jupyter()


# The program


@pytest.fixture
def idle(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance that has been idle for long, as the two runs before found too."""
    monkeypatch.setattr(idle_stop, "ask_servers", lambda: Jupyter(last_activity=time.time() - 2 * HOUR))
    (root / "run/trainyard/idle.json").write_text('{"last_activity": 0, "quiet_runs": 2, "silent_runs": 0}')
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
    assert capsys.readouterr().out == "stops: idle for 120 minutes\n"


def test_a_stop_that_fails_is_an_error(idle: Path) -> None:
    program(idle, "aws", "exit 254")
    assert run() == 254


def test_a_stop_that_fails_is_tried_again(idle: Path) -> None:
    program(idle, "aws", f"echo >>{idle}/calls; exit 254")
    run()
    run()
    assert (idle / "calls").read_text() == "\n\n"


def test_an_instance_in_use_is_not_stopped(idle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (idle / "proc/loadavg").write_text("3.00 0.20 0.30 1/300 4242\n")
    assert run() == 0
    assert not (idle / "calls").exists()
    assert capsys.readouterr().out == "stays: load 3.0, GPUs at None percent\n"


def test_a_dry_run_does_not_stop(idle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--dry-run")
    assert not (idle / "calls").exists()
    assert capsys.readouterr().out == "would stop: idle for 120 minutes\n"


def test_a_dry_run_is_not_counted(idle: Path) -> None:
    before = (idle / "run/trainyard/idle.json").read_text()
    run("--dry-run")
    assert (idle / "run/trainyard/idle.json").read_text() == before


def test_runs_are_counted_from_one_to_the_next(idle: Path) -> None:
    run()
    assert json.loads((idle / "run/trainyard/idle.json").read_text())["quiet_runs"] == 3


@pytest.mark.parametrize("text", ["", "[]", '{"other": 1}'])
def test_a_memory_of_nonsense_is_forgotten(idle: Path, text: str) -> None:
    (idle / "run/trainyard/idle.json").write_text(text)
    assert run() == 0
    assert not (idle / "calls").exists()
