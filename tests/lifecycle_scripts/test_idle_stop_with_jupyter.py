"""The idle stop against a real Jupyter server, with its kernels, terminals, tokens and ways to go wrong."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from websocket import WebSocket, create_connection

from environments.loading import ROOT
from lifecycle_scripts.notebook.job import idle_stop
from lifecycle_scripts.notebook.job.idle_stop import Jupyter, Memory

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

PROGRAM = ROOT / "lifecycle_scripts/notebook/job/idle_stop.py"
HOUR = 3600.0
LIMIT = 60.0
RUNTIME = "home/ec2-user/.local/share/jupyter/runtime"
TWO_QUIET_RUNS = Memory(quiet_runs=2)


@dataclass
class Server:
    """A Jupyter server of an instance whose disk is ``root``."""

    process: subprocess.Popen[bytes]
    root: Path

    @property
    def runtime_file(self) -> Path:
        return self.root / RUNTIME / f"jpserver-{self.process.pid}.json"

    @property
    def about(self) -> dict[str, Any]:
        about: dict[str, Any] = json.loads(self.runtime_file.read_text())
        return about

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 (our server)
            f"{self.about['url']}api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.about['token']}"},
        )
        trusting = ssl._create_unverified_context()  # noqa: S323, SLF001
        with urllib.request.urlopen(request, context=trusting, timeout=10) as response:  # noqa: S310 (our server)
            return json.loads(response.read() or "null")

    def websocket(self, path: str) -> WebSocket:
        about = self.about
        return create_connection(f"ws{about['url'][4:]}{path}?token={about['token']}", timeout=20)

    def kernels(self) -> dict[str, dict[str, Any]]:
        return {kernel["id"]: kernel for kernel in self.call("GET", "kernels?no_track_activity=1")}

    def last_activity(self) -> datetime:
        return datetime.fromisoformat(self.call("GET", "status?no_track_activity=1")["last_activity"])

    def processes(self) -> dict[int, str]:
        """The command lines of the server and of all below it."""
        lines, parents = {}, {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                lines[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        below = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in below} - below:
            below |= more
        return {pid: line for pid, line in lines.items() if pid in below}

    def pid_of(self, text: str) -> int:
        return until(lambda: next((pid for pid, line in self.processes().items() if text in line), None))


T = TypeVar("T")


def until(ask: Callable[[], T | None]) -> T:
    """What it says as soon as it says something."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise TimeoutError("20 seconds")


@contextmanager
def running(root: Path, *options: str) -> Iterator[Server]:
    files = {"proc/uptime": "32400.12 60000.00\n", "opt/ml/metadata/resource-metadata.json": '{"ResourceName": "a-1"}'}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "home/ec2-user/SageMaker").mkdir(parents=True)
    (root / "bin").mkdir()
    settings = {"HOME": root / "home/ec2-user", "JUPYTER_RUNTIME_DIR": root / RUNTIME, "SHELL": "/bin/bash"}
    started = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ServerApp.port=0", *options],
        env={"PATH": os.environ["PATH"], **{name: str(value) for name, value in settings.items()}},
        cwd=root / "home/ec2-user/SageMaker",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = Server(started, root)
    try:
        until(lambda: server.runtime_file.exists() and server.runtime_file.read_text())
        until(lambda: answers(server))
        yield server
    finally:
        below = server.processes()
        started.terminate()
        try:
            started.wait(10)
        finally:
            for pid in below:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            started.wait()


def answers(server: Server) -> bool:
    with suppress(OSError):
        return bool(server.call("GET", "status?no_track_activity=1"))
    return False


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("instance")) as server:
        yield server


@pytest.fixture
def server(module_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server that most tests share; each leaves it without kernels and terminals."""
    looks_at(module_server, monkeypatch)
    yield module_server
    for kernel in module_server.kernels():
        module_server.call("DELETE", f"kernels/{kernel}")
    for terminal in module_server.call("GET", "terminals"):
        module_server.call("DELETE", f"terminals/{terminal['name']}")
    for shown in (module_server.root / "proc").glob("[0-9]*"):
        shown.unlink()


def looks_at(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUPYTER_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(idle_stop, "ROOT", server.root)
    monkeypatch.setattr(idle_stop, "USUAL_PORTS", ())
    monkeypatch.setenv("PATH", str(server.root / "bin"))


def decided(hours_later: float = 0.0, before: Memory = TWO_QUIET_RUNS) -> tuple[bool, str]:
    """By a run that the third quiet one is, with its clock put forward."""
    look = idle_stop.observe(before, time.time() + hours_later * HOUR)
    return idle_stop.decide(look, idle_stop.remember(before, look), LIMIT)


def asked() -> Jupyter:
    return idle_stop.ask_servers(time.time())


def execute(server: Server, kernel: str, code: str, state: str = "idle") -> None:
    """Runs code as the user's browser does, until the kernel says that it is in this state for it."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "version": "5.3",
        "username": "",
        "session": "",
    }
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    socket = server.websocket(f"api/kernels/{kernel}/channels")
    socket.send(json.dumps(message))
    said: dict[str, Any] = {}
    while (said.get("parent_header", {}).get("msg_id"), said.get("content", {}).get("execution_state")) != (
        header["msg_id"],
        state,
    ):
        said = json.loads(socket.recv())
    socket.close()
    assert in_state(server, kernel, state)


def in_state(server: Server, kernel: str, state: str) -> bool:
    return until(lambda: bool(server.kernels()[kernel]["execution_state"] == state))


def opened_kernel(server: Server, code: str = "1 + 1", state: str = "idle") -> str:
    kernel: str = server.call("POST", "kernels", {"name": "python3"})["id"]
    execute(server, kernel, code, state)
    return kernel


def type_in(server: Server, terminal: str, text: str) -> None:
    socket = server.websocket(f"terminals/websocket/{terminal}")
    socket.send(json.dumps(["stdin", f"{text}\n"]))
    time.sleep(0.2)
    socket.close()


# Kernels


def test_a_server_without_anything_is_idle_after_the_limit(server: Server) -> None:
    assert server.kernels() == {}
    assert [decided(hours)[0] for hours in (0, 0.9, 1.1)] == [False, False, True]


def test_a_busy_kernel_keeps_the_instance(server: Server) -> None:
    kernel = opened_kernel(server, "import time; time.sleep(600)", "busy")
    assert decided(hours_later=9) == (False, "1 kernel is busy")
    server.call("POST", f"kernels/{kernel}/interrupt")
    assert in_state(server, kernel, "idle")
    assert decided(hours_later=9)[0]


def test_an_idle_kernel_does_not_keep_the_instance(server: Server) -> None:
    opened_kernel(server)
    assert [decided(hours)[0] for hours in (0, 1.1)] == [False, True]


def test_a_kernel_that_was_never_opened_does_not_keep_the_instance(server: Server) -> None:
    kernel = server.call("POST", "kernels", {"name": "python3"})["id"]
    time.sleep(1)
    assert server.kernels()[kernel]["execution_state"] == "starting"
    assert [decided(hours)[0] for hours in (0, 1.1)] == [False, True]


def test_a_busy_kernel_without_a_session_counts(server: Server) -> None:
    opened_kernel(server, "while True: pass", "busy")
    assert server.call("GET", "sessions") == []
    assert asked().busy_kernels == 1


def test_a_busy_console_counts(server: Server) -> None:
    console = {"path": "console-1", "name": "", "type": "console", "kernel": {"name": "python3"}}
    kernel = server.call("POST", "sessions", console)["kernel"]["id"]
    execute(server, kernel, "while True: pass", "busy")
    assert asked().busy_kernels == 1


def test_a_kernel_that_ended_is_not_busy(server: Server) -> None:
    kernel = opened_kernel(server, "while True: pass", "busy")
    server.call("DELETE", f"kernels/{kernel}")
    assert asked().busy_kernels == 0


def test_activity_of_a_kernel_is_seen(server: Server) -> None:
    kernel = opened_kernel(server)
    before = asked().last_activity
    execute(server, kernel, "print('here')")
    assert asked().last_activity > before


# Terminals


def test_an_open_terminal_does_not_keep_the_instance(server: Server) -> None:
    server.call("POST", "terminals")
    assert [decided(hours)[0] for hours in (0, 1.1)] == [False, True]


def test_activity_in_a_terminal_is_seen(server: Server) -> None:
    terminal = server.call("POST", "terminals")["name"]
    time.sleep(0.5)
    before = asked().last_activity
    type_in(server, terminal, "echo here")
    assert until(lambda: asked().last_activity > before)


def shown(server: Server) -> None:
    """Shows the processes of the server, and no others, to the idle stop."""
    for pid in server.processes():
        (server.root / f"proc/{pid}").symlink_to(f"/proc/{pid}")


def works_during(seconds: float, monkeypatch: pytest.MonkeyPatch, root: Path) -> bool:
    uptime = root / "proc/uptime"
    before = uptime.read_text()
    monkeypatch.setattr(idle_stop, "ask_servers", lambda _: Jupyter())
    first = idle_stop.remember(Memory(), idle_stop.observe(Memory(), time.time()))
    time.sleep(seconds)
    uptime.write_text(f"{float(before.split()[0]) + seconds} 0\n")
    try:
        return idle_stop.observe(first, time.time()).work.is_busy
    finally:
        uptime.write_text(before)


def test_a_quiet_job_in_a_terminal_is_work(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = server.call("POST", "terminals")["name"]
    type_in(server, terminal, f"{sys.executable} -c 'while 1: quiet = 1'")
    server.pid_of("quiet = 1")
    shown(server)
    assert works_during(1, monkeypatch, server.root)


def test_a_thread_that_works_in_an_idle_kernel_is_work(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import threading\ndef work():\n    while True: pass\nthreading.Thread(target=work, daemon=True).start()"
    opened_kernel(server, code)
    shown(server)
    assert works_during(1, monkeypatch, server.root)


def test_a_server_with_idle_kernels_and_terminals_does_no_work(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    opened_kernel(server)
    opened_kernel(server)
    server.call("POST", "terminals")
    time.sleep(1)
    shown(server)
    assert not works_during(3, monkeypatch, server.root)


# GPUs


@pytest.mark.parametrize("outside", [False, True])
def test_only_outside_of_the_kernels_a_process_holds_a_gpu(server: Server, outside: bool) -> None:
    opened_kernel(server, "import subprocess; subprocess.Popen(['sleep', '601'])")
    type_in(server, server.call("POST", "terminals")["name"], "sleep 602")
    pids = [server.pid_of("ipykernel_launcher"), server.pid_of("sleep 601")]
    terminal = server.pid_of("sleep 602")
    shown(server)
    program = server.root / "bin/nvidia-smi"
    holders = "\n".join(map(str, [*pids, *([terminal] if outside else [])]))
    program.write_text(f'#!/bin/sh\ncase "$1" in *gpu=*) echo 0;; *) echo "{holders}";; esac\n')
    program.chmod(0o755)
    try:
        assert idle_stop.observe(Memory(), time.time()).work.holds_gpu == outside
    finally:
        program.unlink()


# The server


def test_asking_is_no_activity(server: Server) -> None:
    before = server.last_activity()
    for _ in range(3):
        assert not asked().silence
    assert server.last_activity() == before


def test_asking_without_care_would_be_activity(server: Server) -> None:
    before = server.last_activity()
    server.call("GET", "sessions")
    assert server.last_activity() > before


def test_a_server_that_wants_a_token_is_silent_without(server: Server) -> None:
    text = server.runtime_file.read_text()
    server.runtime_file.write_text(json.dumps({**json.loads(text), "token": ""}))
    try:
        assert asked().silence.endswith("HTTP Error 403: Forbidden")
    finally:
        server.runtime_file.write_text(text)


def test_a_server_with_tls_and_a_path_and_without_terminals_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    self_signed(tmp_path / "pem")
    options = (
        f"--ServerApp.certfile={tmp_path}/pem",
        "--ServerApp.base_url=/lab/atlas",
        "--ServerApp.terminals_enabled=False",
    )
    with running(tmp_path / "instance", *options) as server:
        looks_at(server, monkeypatch)
        address = urllib.parse.urlsplit(server.about["url"])
        assert (address.scheme, address.path) == ("https", "/lab/atlas/")
        server.call("POST", "kernels", {"name": "python3"})
        assert (asked().silence, asked().last_activity > time.time() - 20) == ("", True)


def self_signed(file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another.example")])
    today = datetime.now(UTC)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), today, today)
    pem = certificate.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    file.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_a_server_that_hangs_and_then_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path / "instance") as server:
        looks_at(server, monkeypatch)
        monkeypatch.setattr(idle_stop, "SECONDS_TO_ANSWER", 0.2)
        url = f"http://localhost:{server.about['port']}/"
        before, reasons = TWO_QUIET_RUNS, []
        for signals in ((), (signal.SIGSTOP,), (signal.SIGCONT, signal.SIGKILL), ()):
            for each in signals:
                server.process.send_signal(each)
            if signal.SIGKILL in signals:
                server.process.wait()
            look = idle_stop.observe(before, time.time() + 2 * HOUR)
            before = idle_stop.remember(before, look)
            stop, reason = idle_stop.decide(look, before, LIMIT)
            reasons.append((stop, reason.partition(";")[0]))
    assert reasons == [
        (True, "idle for 120 minutes"),
        (False, f"no answer in 1 of 3 runs: {url}: timed out"),
        (False, f"no answer in 2 of 3 runs: no server: {url}"),
        (True, "idle for 120 minutes"),
    ]


# The program


@pytest.fixture
def aws(server: Server) -> Iterator[Path]:
    """Stands for the AWS CLI; gives the file that it writes its arguments to."""
    calls = server.root / "calls"
    (server.root / "bin/aws").write_text(f'#!/bin/sh\necho "$*" >>{calls}\n')
    (server.root / "bin/aws").chmod(0o755)
    yield calls
    for file in (calls, server.root / "bin/aws", server.root / "run/trainyard/idle.json"):
        file.unlink(missing_ok=True)


def run(server: Server, minutes: float, *options: str) -> str:
    """What the program says after the time, by itself as systemd runs it."""
    moment, _, said = subprocess.run(
        [sys.executable, "-I", PROGRAM, "--minutes", str(minutes), "--region", "eu-west-1", *options],
        env={"TRAINYARD_ROOT": str(server.root), "PATH": str(server.root / "bin")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.partition(" ")
    assert abs(time.time() - datetime.fromisoformat(moment).timestamp()) < HOUR
    return said


def test_the_program_stops_an_idle_instance_in_its_third_run(server: Server, aws: Path) -> None:
    assert server.kernels() == {}
    said = [run(server, 0.001).partition(":")[0] for _ in range(3)]
    assert said == ["stays", "stays", "stops"]
    assert aws.read_text() == ("sagemaker stop-notebook-instance --notebook-instance-name a-1 --region eu-west-1\n")


def test_the_program_lets_a_busy_kernel_work(server: Server, aws: Path) -> None:
    opened_kernel(server, "while True: pass", "busy")
    assert [run(server, 0.001) for _ in range(4)] == ["stays: 1 kernel is busy\n"] * 4
    assert not aws.exists()


def test_the_program_says_when_it_would_stop(server: Server, aws: Path) -> None:
    opened_kernel(server)
    said = run(server, 60, "--dry-run")
    assert said.startswith("stays: processes and GPUs quiet in only 1 of 3 runs; stops after ")
    assert not aws.exists()
