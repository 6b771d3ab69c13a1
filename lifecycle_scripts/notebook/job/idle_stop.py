"""Stops this notebook instance when nobody and nothing uses it. A systemd timer runs it every five minutes.

It stops the instance only if all of these hold, and prints one line with the reason for what it decides:

| signal | idle when |
|---|---|
| uptime | above the grace period |
| bootstrap | not running; later than three hours after the start it does not count, it must hang |
| ~/SageMaker/.keep-awake | absent, or past: hours (8 if it says nothing), `90m`, or a time in UTC; at most 24 hours |
| kernels | none busy; one that is starting has only its last activity, because it may be starting for ever |
| processes of the user, GPUs | quiet since the run before, in three runs in a row |
| last activity | of kernels, terminals, server, processes and GPUs: older than the limit |
| GPU memory | free of processes outside of the kernels, or two hours over the limit |

The user's processes count by their CPU time and by what they read and wrote since the run before, so a job that prints
nothing counts however short its processes are, and the system's own services do not. GPUs are looked at for a moment
only, but whoever feeds one uses a CPU. Memory of a GPU says little: an idle kernel keeps it until it ends, so it does
not count there; another process may wait for data, and gets two more hours.

So an instance where nothing works stops within the limit (at least 15 minutes) and one run, two hours later if such a
process holds a GPU. A Jupyter server that is silent in three runs in a row is left out: its last known activity
counts, or the start of the instance. A JupyterLab tab that is open and visible counts as activity, because it asks the
server without end (https://github.com/jupyterlab/jupyterlab/issues/19796). It saves money and guards nothing: whoever
uses the instance can keep it busy.

For Python 3.9, the system's on AL2023, and its standard library.
"""

from __future__ import annotations

import argparse
import fcntl
import http.client
import json
import math
import os
import re
import ssl
import stat
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(os.environ.get("TRAINYARD_ROOT") or "/")

RUN_SECONDS = 5 * 60
"""The timer's."""
RUNS = 3
GRACE_SECONDS = 15 * 60
BOOTSTRAP_SECONDS = 3 * 3600
"""The job itself is ended after two hours; a program that hangs in the kernel is not."""
GPU_MEMORY_SECONDS = 2 * 3600
BUSY_CPUS = 0.1
"""Not per CPU: a job of one process is a job. A server with idle kernels stays far below."""
BUSY_BYTES = 1_000_000
"""A second, read and written."""
BUSY_GPU_PERCENT = 5
KEEP_AWAKE_SECONDS = 8 * 3600
KEEP_AWAKE_SECONDS_AT_MOST = 24 * 3600

USUAL_PORTS = (("https", 8443), ("http", 8888))
"""Where AWS's own samples and Jupyter itself have the server; asked besides those that its runtime files name."""
RUNTIME_FILES = 8
"""The newest: a server that was killed leaves its own behind."""
ANSWER_BYTES = 1_000_000
SECONDS_TO_ANSWER = 5
SECONDS_FOR_ALL_ANSWERS = 20
SECONDS_FOR_GPUS = 10
SECONDS_TO_STOP = 60
FIRST_SUBORDINATE_USER = 100_000
"""Containers of rootless Docker, which instances without root access have, run as users from here on."""
KERNEL = re.compile(rb"kernel-[0-9a-f-]{36}\.json")
"""The connection file on the command line of a kernel in any language."""
# What a server, or a file that a user wrote, may hold us up with.
NONSENSE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    http.client.HTTPException,
)

Counters = dict[str, tuple[float, float]]
"""CPU seconds and bytes of each process, since it began."""


class Server(NamedTuple):
    """Where a Jupyter server may be; always on this machine."""

    port: int
    url: str
    token: str


@dataclass(frozen=True)
class Jupyter:
    """What the Jupyter servers say; times are seconds since the epoch."""

    busy_kernels: int = 0
    last_activity: float = 0.0
    silence: str = ""
    """Why one that is there did not answer, or why none did; empty if all answered."""


@dataclass(frozen=True)
class Work:
    """What the user's processes and the GPUs did since the run before."""

    cpus: float = 0.0
    bytes_per_second: float = 0.0
    gpu_percent: int | None = None
    """None without a GPU, or a driver that says."""
    holds_gpu: bool = False
    """Whether a process outside of the kernels holds memory of a GPU."""

    @property
    def is_busy(self) -> bool:
        """Whether this is work, and not what an idle server does anyway."""
        return (
            self.cpus >= BUSY_CPUS or self.bytes_per_second >= BUSY_BYTES or (self.gpu_percent or 0) >= BUSY_GPU_PERCENT
        )

    def __str__(self) -> str:
        gpus = "no GPUs" if self.gpu_percent is None else f"GPUs at {self.gpu_percent} percent"
        return f"processes use {self.cpus:.2f} CPUs and {self.bytes_per_second / 1e6:.1f} MB a second, {gpus}"


@dataclass(frozen=True)
class Look:
    """All that one run saw; times are seconds, those of a moment since the epoch."""

    now: float
    uptime: float
    bootstrap_running: bool
    keep_awake_until: float
    jupyter: Jupyter
    work: Work
    counters: Counters = field(default_factory=dict)


@dataclass(frozen=True)
class Memory:
    """What one run leaves for the next; gone with a restart."""

    last_activity: float = 0.0
    quiet_runs: int = 0
    silent_runs: int = 0
    uptime: float = 0.0
    counters: Counters = field(default_factory=dict)


def remember(before: Memory, look: Look) -> Memory:
    """The memory with this run in it."""
    works = look.jupyter.busy_kernels > 0 or look.work.is_busy
    return Memory(
        last_activity=look.now if works else max(_past(before.last_activity, look.now), look.jupyter.last_activity),
        quiet_runs=0 if look.work.is_busy else before.quiet_runs + 1,
        silent_runs=before.silent_runs + 1 if look.jupyter.silence else 0,
        uptime=look.uptime,
        counters=look.counters,
    )


def _past(moment: float, now: float) -> float:
    """A time to come would hold for ever: it is of a clock that was set back, or made up."""
    return min(moment, now) if moment <= now + RUN_SECONDS else 0.0


def decide(look: Look, memory: Memory, limit_minutes: float) -> tuple[bool, str]:
    """Whether to stop, and why or why not; ``memory`` has this look in it, and a limit of 0 means never."""
    idle = min(look.now - memory.last_activity, look.uptime)
    left, kernels, held = limit_minutes * 60 - idle, look.jupyter.busy_kernels, look.work.holds_gpu
    used = f"used {idle / 60:.0f} minutes ago, the limit is {limit_minutes:g}"
    bootstrap = look.bootstrap_running and look.uptime < BOOTSTRAP_SECONDS
    # For how many seconds each holds the instance if nothing happens.
    reasons = (
        (_for_ever(not limit_minutes > 0), "the idle stop is off"),
        (GRACE_SECONDS - look.uptime, f"up for only {look.uptime / 60:.0f} minutes"),
        (_for_ever(bootstrap), "the bootstrap is running"),
        (look.keep_awake_until - look.now, f"kept awake until {_clock(look.keep_awake_until)}"),
        (_for_ever(kernels > 0), f"{kernels} kernel{'s are' if kernels > 1 else ' is'} busy"),
        (_for_ever(look.work.is_busy), str(look.work)),
        (
            (RUNS - memory.quiet_runs) * RUN_SECONDS,
            f"processes and GPUs quiet in only {memory.quiet_runs} of {RUNS} runs",
        ),
        (
            (RUNS - memory.silent_runs) * RUN_SECONDS if memory.silent_runs else 0,
            f"no answer in {memory.silent_runs} of {RUNS} runs: {look.jupyter.silence}",
        ),
        (left, used),
        (left + GPU_MEMORY_SECONDS if held else 0, f"{used}, but a process outside of the kernels holds a GPU"),
    )
    against = [(seconds, reason) for seconds, reason in reasons if seconds > 0]
    if against:
        last = max(seconds for seconds, _ in against)
        then = "" if math.isinf(last) else f"; stops after {_clock(look.now + last)} if nothing happens"
        return False, against[0][1] + then
    return True, f"idle for {idle / 60:.0f} minutes" + (f"; {look.jupyter.silence}" if look.jupyter.silence else "")


def _for_ever(holds: bool) -> float:
    return math.inf if holds else 0.0


def _clock(moment: float) -> str:
    return time.strftime("%H:%M UTC", time.gmtime(moment))


def observe(before: Memory, now: float) -> Look:
    """Looks at everything; ``before`` is the memory of the run before."""
    uptime = float((ROOT / "proc/uptime").read_text().split()[0])
    processes = {process.pid: process for process in _users_processes()}
    counters = {process.name: (process.cpu_seconds, process.bytes) for process in processes.values()}
    cpu_seconds, in_and_out = _growth(before.counters, counters)
    # The first run has the average since the start.
    elapsed = max(uptime - before.uptime, 1.0)
    return Look(
        now=now,
        uptime=uptime,
        bootstrap_running=_bootstrap_running(),
        keep_awake_until=_keep_awake_until(now),
        jupyter=ask_servers(now),
        work=Work(cpu_seconds / elapsed, in_and_out / elapsed, *_gpus(processes)),
        counters=counters,
    )


# The Jupyter servers


def ask_servers(now: float) -> Jupyter:
    """What all servers that are there say together."""
    silent = f"no answer in {SECONDS_FOR_ALL_ANSWERS} seconds"
    told: dict[Server, Jupyter | None] = {each: Jupyter(silence=f"{each.url}: {silent}") for each in _servers()}

    def ask(server: Server) -> None:
        told[server] = _ask(server, now)

    # One that answers byte by byte must not keep us from the others.
    threads = [Thread(target=ask, args=(server,), daemon=True) for server in told]
    end = time.monotonic() + SECONDS_FOR_ALL_ANSWERS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0))

    there = [(server, answer) for server, answer in told.items() if answer]
    heard = {server.port for server, answer in there if not answer.silence}
    return Jupyter(
        busy_kernels=sum(
            max(answer.busy_kernels for server, answer in there if server.port == port)
            for port in {server.port for server, _ in there}
        ),
        last_activity=max((answer.last_activity for _, answer in there), default=0.0),
        # A runtime file may be of a server before, whose port and not whose token the one of today has.
        silence="; ".join(answer.silence for server, answer in there if server.port not in heard)
        or ("" if there else "no server: " + ", ".join(server.url for server in told)),
    )


def _servers() -> Iterator[Server]:
    """Whatever a runtime file says, on this machine."""
    ports = set()
    for file in _runtime_files():
        try:
            about = json.loads(_read(file)[0])
            port, path = int(about["port"]), about.get("base_url", "/").strip("/")
            scheme = "https" if about.get("secure") else "http"
            url = f"{scheme}://localhost:{port}/{path}".rstrip("/") + "/"
            yield Server(port, url, str(about.get("token") or ""))
            ports.add(port)
        except NONSENSE:
            continue
    for scheme, port in USUAL_PORTS:
        if port not in ports:
            yield Server(port, f"{scheme}://localhost:{port}/", "")


def _runtime_files() -> list[Path]:
    def changed(file: Path) -> float:
        try:
            return file.lstat().st_mtime
        except OSError:
            return 0.0

    usual = ROOT / "home/ec2-user/.local/share/jupyter/runtime"
    files = Path(os.environ.get("JUPYTER_RUNTIME_DIR") or usual).glob("jpserver-*.json")
    return sorted(files, key=changed, reverse=True)[:RUNTIME_FILES]


def _ask(server: Server, now: float) -> Jupyter | None:
    """None if there is no server. What a part of it says counts even if another part is silent."""
    busy, moments, silence = 0, [0.0], ""
    for path in ("api/kernels", "api/terminals", "api/status"):
        try:
            answer = _get(server, path)
            if not isinstance(answer, dict if path == "api/status" else list):
                raise TypeError(f"{path} says {str(answer)[:60]}")
        except urllib.error.HTTPError as error:
            error.close()
            # A server may have no terminals.
            if path != "api/terminals" or error.code != http.client.NOT_FOUND:
                silence = silence or f"{server.url}: {error}"
            continue
        except NONSENSE as error:
            if isinstance(getattr(error, "reason", error), ConnectionRefusedError):
                return None
            silence = silence or f"{server.url}: {error}"
            continue
        for each in answer if isinstance(answer, list) else [answer]:
            # One kernel of nonsense says nothing about the others.
            with suppress(*NONSENSE):
                busy += path == "api/kernels" and each["execution_state"] == "busy"
            with suppress(*NONSENSE):
                moments.append(_past(_moment(each["last_activity"]), now))
    return Jupyter(busy, max(moments), " ".join(silence.split())[:200])


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Whatever a server says, we ask none elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _get(server: Server, path: str) -> Any:
    """Without ``no_track_activity`` the question itself would count as activity."""
    headers = {"Authorization": f"token {server.token}"} if server.token else {}
    request = urllib.request.Request(f"{server.url}{path}?no_track_activity=1", headers=headers)  # noqa: S310 (localhost)
    # Its certificate is one that it signed itself; no proxy stands between us.
    tls = urllib.request.HTTPSHandler(context=ssl._create_unverified_context())  # noqa: S323, SLF001
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), tls, _NoRedirect)
    with opener.open(request, timeout=SECONDS_TO_ANSWER) as response:
        return json.loads(response.read(ANSWER_BYTES))


def _moment(text: str) -> float:
    """Jupyter ends its times with Z, which Python 3.9 does not read, and drops a fraction that is zero."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    utc = timezone.utc  # noqa: UP017 (Python 3.9 has no datetime.UTC)
    return (moment if moment.tzinfo else moment.replace(tzinfo=utc)).timestamp()


# Processes and GPUs


class Process(NamedTuple):
    """A process, with what those of its children used that have ended."""

    pid: int
    parent: int
    name: str
    """With the moment of its start, because numbers are used again."""
    cpu_seconds: float
    bytes: float


def _users_processes() -> Iterator[Process]:
    """Source: proc_pid_stat(5), proc_pid_io(5)."""
    user, ticks = (ROOT / "home/ec2-user").stat().st_uid, os.sysconf("SC_CLK_TCK")
    for folder in (ROOT / "proc").glob("[0-9]*"):
        # It may end meanwhile.
        with suppress(OSError, ValueError, LookupError):
            if not (folder.stat().st_uid == user or folder.stat().st_uid >= FIRST_SUBORDINATE_USER):
                continue
            # A program may have parentheses in its name.
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            read_and_written = [line.split()[1] for line in (folder / "io").read_bytes().splitlines()[:2]]
            yield Process(
                pid=int(folder.name),
                parent=int(fields[1]),
                name=f"{folder.name}-{int(fields[19])}",
                cpu_seconds=sum(int(each) for each in fields[11:15]) / ticks,
                bytes=sum(int(each) for each in read_and_written),
            )


def _growth(before: Counters, after: Counters) -> tuple[float, float]:
    """By how much CPU seconds and bytes grew; a process that ended is in the numbers of its parent."""
    pairs = [(before.get(name, (0.0, 0.0)), numbers) for name, numbers in after.items()]
    cpu_seconds, in_and_out = (sum(new[i] - old[i] for old, new in pairs) for i in (0, 1))
    return cpu_seconds, in_and_out


def _gpus(processes: Mapping[int, Process]) -> tuple[int | None, bool]:
    """How busy the busiest GPU is, and whether a process of the user outside of the kernels holds memory of one."""
    percents = _nvidia_smi("--query-gpu=utilization.gpu")
    if not percents:
        return None, False
    holders = _nvidia_smi("--query-compute-apps=pid")
    return max(percents), any(pid in processes and not _is_of_kernel(pid, processes) for pid in holders)


def _nvidia_smi(query: str) -> list[int]:
    """The numbers that it prints; none without a GPU, or a driver that says."""
    command = ["nvidia-smi", query, "--format=csv,noheader,nounits"]
    try:
        started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, errors="replace")  # noqa: S603
    except OSError:
        return []
    try:
        output = started.communicate(timeout=SECONDS_FOR_GPUS)[0]
    except subprocess.TimeoutExpired:
        started.kill()
        # Not for long: one that hangs in the driver does not end.
        with suppress(subprocess.TimeoutExpired):
            started.communicate(timeout=1)
        return []
    return [int(line) for line in output.split("\n") if re.fullmatch("[0-9]+", line.strip())]


def _is_of_kernel(pid: int, processes: Mapping[int, Process]) -> bool:
    """Whether it is a kernel or below one."""
    above = dict(processes)
    process = above.pop(pid, None)
    while process:
        with suppress(OSError):
            if KERNEL.search((ROOT / f"proc/{process.pid}/cmdline").read_bytes()):
                return True
        process = above.pop(process.parent, None)
    return False


# Files


def _read(file: Path) -> tuple[str, float]:
    """Text and time of change of a file that its user may have made a pipe, a link or endless."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, errors="replace") as opened:  # noqa: PTH123 (a descriptor)
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise ValueError(f"{file} is no file")
        return opened.read(ANSWER_BYTES), about.st_mtime


def _keep_awake_until(now: float) -> float:
    try:
        text, changed = _read(ROOT / "home/ec2-user/SageMaker/.keep-awake")
    except NONSENSE:
        return 0.0
    changed = max(_past(changed, now), 0.0)
    return min(_until(text.strip(), changed), changed + KEEP_AWAKE_SECONDS_AT_MOST)


def _until(text: str, changed: float) -> float:
    duration = re.fullmatch("([0-9.]+) *([mh]?)", text)
    try:
        return changed + float(duration[1]) * (60 if duration[2] == "m" else 3600) if duration else _moment(text)
    except NONSENSE:
        return changed + KEEP_AWAKE_SECONDS


def _bootstrap_running() -> bool:
    try:
        with (ROOT / "run/trainyard/bootstrap.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _remembered(file: Path) -> Memory:
    """What the run before left; nothing if that makes no sense."""
    try:
        told = json.loads(file.read_text())
        return Memory(
            last_activity=float(told["last_activity"]),
            quiet_runs=int(told["quiet_runs"]),
            silent_runs=int(told["silent_runs"]),
            uptime=float(told["uptime"]),
            counters={
                name: (float(cpu_seconds), float(count)) for name, (cpu_seconds, count) in told["counters"].items()
            },
        )
    except NONSENSE:
        return Memory()


def _stop(region: str) -> int:
    try:
        name = json.loads((ROOT / "opt/ml/metadata/resource-metadata.json").read_text())["ResourceName"]
        command = ["aws", "sagemaker", "stop-notebook-instance", "--notebook-instance-name", name, "--region", region]
        return subprocess.run(command, check=False, timeout=SECONDS_TO_STOP).returncode  # noqa: S603 (a name from AWS)
    except (*NONSENSE, subprocess.SubprocessError) as error:
        print(f"cannot stop: {type(error).__name__}: {error}")
        return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0, or that of the call that should have stopped the instance."""
    parser = argparse.ArgumentParser(description="Stops this notebook instance when it is idle.")
    parser.add_argument("--minutes", type=float, required=True, help="without activity before the stop; 0: never")
    parser.add_argument("--region", required=True)
    parser.add_argument("--dry-run", action="store_true", help="decide, but neither stop nor count this run")
    options = parser.parse_args(arguments)

    file = ROOT / "run/trainyard/idle.json"
    before = _remembered(file)
    look = observe(before, time.time())
    memory = remember(before, look)
    stop, reason = decide(look, memory, options.minutes)
    verb = "stays" if not stop else "would stop" if options.dry_run else "stops"
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(look.now))
    print(f"{moment} {verb}: {reason}".encode("ascii", "backslashreplace").decode(), flush=True)
    if options.dry_run:
        return 0
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(memory)))
    return _stop(options.region) if stop else 0


if __name__ == "__main__":
    raise SystemExit(main())
