"""Stops this notebook instance when nobody and nothing uses it. A systemd timer runs it every five minutes.

It stops the instance only if all of these hold, and prints one line with the reason for what it decides:

| signal | idle when |
|---|---|
| uptime | above the grace period |
| bootstrap | not running |
| ~/SageMaker/.keep-awake | absent, or older than the hours written in it (8 if none, at most 24) |
| kernels | none busy; one that is starting has only its last activity, because it may be starting for ever |
| load and GPUs | low in three runs in a row: a quiet job in a terminal shows nowhere else |
| activity | the newest of kernels, terminals and the server itself is older than the limit |

A Jupyter server that is silent in three runs in a row is left out: its last known activity counts, or the start of the
instance. A JupyterLab tab that is open and visible counts as activity, because it asks the server without end
(https://github.com/jupyterlab/jupyterlab/issues/19796). It saves money and guards nothing: whoever uses the instance
can keep it busy.

For Python 3.9, the system's on AL2023, and its standard library.
"""

from __future__ import annotations

import argparse
import fcntl
import http.client
import json
import math
import os
import ssl
import stat
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(os.environ.get("TRAINYARD_ROOT") or "/")

GRACE_SECONDS = 15 * 60
RUNS = 3
BUSY_LOAD = 0.5
"""Not per CPU: a job of one process is a job."""
BUSY_GPU_PERCENT = 5.0
KEEP_AWAKE_HOURS = 8.0
KEEP_AWAKE_HOURS_AT_MOST = 24.0

USUAL_SERVERS = ("https://localhost:8443/", "http://localhost:8888/")
"""Where AWS's own samples and Jupyter itself have the server; asked besides those that its runtime files name."""
ANSWER_BYTES = 1_000_000
SECONDS_TO_ANSWER = 5
# What a server, or a file that a user wrote, may hold us up with.
NONSENSE = (OSError, ValueError, LookupError, TypeError, AttributeError, http.client.HTTPException)


@dataclass(frozen=True)
class Jupyter:
    """What the Jupyter servers say; times are seconds since the epoch."""

    busy_kernels: int = 0
    last_activity: float = 0.0
    silence: str = ""
    """Why none answered, empty if one did."""


@dataclass(frozen=True)
class Memory:
    """What one run leaves for the next; gone with a restart."""

    last_activity: float = 0.0
    quiet_runs: int = 0
    silent_runs: int = 0


@dataclass(frozen=True)
class Signals:
    """All that the decision depends on; times are seconds, those of a moment since the epoch."""

    now: float
    uptime: float
    bootstrap_running: bool
    keep_awake_until: float
    jupyter: Jupyter
    load: float
    gpu_percent: float | None
    memory: Memory
    """Of this run, so with it counted in."""


def decide(signals: Signals, limit_minutes: float) -> tuple[bool, str]:
    """Whether to stop, and why or why not; a limit of 0 means never."""
    memory, jupyter = signals.memory, signals.jupyter
    idle = min(signals.now - memory.last_activity, signals.uptime) / 60
    awake = (signals.keep_awake_until - signals.now) / 60
    against = (
        (limit_minutes <= 0, "the idle stop is off"),
        (signals.uptime < GRACE_SECONDS, f"up for only {signals.uptime / 60:.0f} minutes"),
        (signals.bootstrap_running, "the bootstrap is running"),
        (awake > 0, f"kept awake for {awake:.0f} more minutes"),
        (jupyter.busy_kernels > 0, f"{jupyter.busy_kernels} kernels are busy"),
        (_is_busy(signals.load, signals.gpu_percent), f"load {signals.load}, GPUs at {signals.gpu_percent} percent"),
        (memory.quiet_runs < RUNS, f"load and GPUs low in only {memory.quiet_runs} of {RUNS} runs"),
        (0 < memory.silent_runs < RUNS, f"no answer in {memory.silent_runs} of {RUNS} runs: {jupyter.silence}"),
        (idle < limit_minutes, f"used {idle:.0f} minutes ago, the limit is {limit_minutes:g}"),
    )
    for holds, reason in against:
        if holds:
            return False, reason
    return True, f"idle for {idle:.0f} minutes" + (f"; no answer: {jupyter.silence}" if jupyter.silence else "")


def observe(before: Memory, now: float) -> Signals:
    """Looks at everything; ``before`` is the memory of the run before."""
    jupyter, load, gpu_percent = ask_servers(), _first_number("proc/loadavg"), _gpu_percent()
    memory = Memory(
        last_activity=max(before.last_activity, jupyter.last_activity, now if jupyter.busy_kernels else 0.0),
        quiet_runs=0 if _is_busy(load, gpu_percent) else before.quiet_runs + 1,
        silent_runs=before.silent_runs + 1 if jupyter.silence else 0,
    )
    return Signals(
        now=now,
        uptime=_first_number("proc/uptime"),
        bootstrap_running=_bootstrap_running(),
        keep_awake_until=_keep_awake_until(now),
        jupyter=jupyter,
        load=load,
        gpu_percent=gpu_percent,
        memory=memory,
    )


def ask_servers() -> Jupyter:
    """What all servers that answer say together."""
    answers, silences = [], []
    for url, token in _servers():
        try:
            answers.append(_ask(url, token))
        except NONSENSE as error:
            silences.append(" ".join(f"{url}: {error}".split()))
    if not answers:
        return Jupyter(silence="; ".join(silences))
    return Jupyter(sum(each.busy_kernels for each in answers), max(each.last_activity for each in answers))


def _servers() -> Iterator[tuple[str, str]]:
    """Address and token of every server that may be there; always on this machine, whatever a runtime file says."""
    usual = ROOT / "home/ec2-user/.local/share/jupyter/runtime"
    for file in sorted(Path(os.environ.get("JUPYTER_RUNTIME_DIR") or usual).glob("jpserver-*.json")):
        try:
            about = json.loads(_text(file))
            scheme = "https" if about.get("secure") else "http"
            path = about.get("base_url", "/").strip("/")
            url = f"{scheme}://localhost:{int(about['port'])}/{path}".rstrip("/") + "/"
            yield url, str(about.get("token") or "")
        except NONSENSE:
            continue
    for url in USUAL_SERVERS:
        yield url, ""


def _ask(url: str, token: str) -> Jupyter:
    kernels = _get(url, "api/kernels", token)
    try:
        terminals = _get(url, "api/terminals", token)
    except urllib.error.HTTPError as error:
        if error.code != http.client.NOT_FOUND:
            raise
        terminals = []  # a server may have none
    told = [each["last_activity"] for each in (*kernels, *terminals, _get(url, "api/status", token))]
    return Jupyter(
        busy_kernels=sum(each["execution_state"] == "busy" for each in kernels),
        last_activity=max((_moment(each) for each in told if each), default=0.0),
    )


def _get(url: str, path: str, token: str) -> Any:
    """Without ``no_track_activity`` the question itself would count as activity."""
    headers = {"Authorization": f"token {token}"} if token else {}
    request = urllib.request.Request(f"{url}{path}?no_track_activity=1", headers=headers)  # noqa: S310 (localhost)
    # Its certificate is one that it signed itself; no proxy stands between us.
    tls = urllib.request.HTTPSHandler(context=ssl._create_unverified_context())  # noqa: S323, SLF001
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), tls)
    with opener.open(request, timeout=SECONDS_TO_ANSWER) as response:
        return json.loads(response.read(ANSWER_BYTES))


def _moment(text: str) -> float:
    """Jupyter ends its times with Z, which Python 3.9 does not read, and drops a fraction that is zero."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _text(file: Path) -> str:
    """Of a file that its user may have made a pipe or endless."""
    if not stat.S_ISREG(file.lstat().st_mode):
        raise ValueError(f"{file} is no file")
    with file.open() as opened:
        return opened.read(ANSWER_BYTES)


def _keep_awake_until(now: float) -> float:
    file = ROOT / "home/ec2-user/SageMaker/.keep-awake"
    try:
        text, changed = _text(file).strip(), file.lstat().st_mtime
    except NONSENSE:
        return 0.0
    try:
        hours = float(text)
    except ValueError:
        hours = KEEP_AWAKE_HOURS
    # A time to come would hold for ever.
    return 0.0 if math.isnan(hours) or changed > now else changed + min(hours, KEEP_AWAKE_HOURS_AT_MOST) * 3600


def _bootstrap_running() -> bool:
    try:
        with (ROOT / "run/trainyard/bootstrap.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _first_number(file: str) -> float:
    return float((ROOT / file).read_text().split()[0])


def _gpu_percent() -> float | None:
    """The busiest GPU's; None without a GPU or a driver that says."""
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout  # noqa: S603
        return max(float(line) for line in output.split("\n") if line.strip().isdigit())
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _is_busy(load: float, gpu_percent: float | None) -> bool:
    return load >= BUSY_LOAD or (gpu_percent or 0.0) >= BUSY_GPU_PERCENT


def _stop(region: str) -> int:
    name = json.loads((ROOT / "opt/ml/metadata/resource-metadata.json").read_text())["ResourceName"]
    command = ["aws", "sagemaker", "stop-notebook-instance", "--notebook-instance-name", name, "--region", region]
    return subprocess.run(command, check=False, timeout=90).returncode  # noqa: S603 (a name from AWS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0, or that of the call that should have stopped the instance."""
    parser = argparse.ArgumentParser(description="Stops this notebook instance when it is idle.")
    parser.add_argument("--minutes", type=float, required=True, help="without activity before the stop; 0: never")
    parser.add_argument("--region", required=True)
    parser.add_argument("--dry-run", action="store_true", help="decide, but neither stop nor count this run")
    options = parser.parse_args(arguments)

    file = ROOT / "run/trainyard/idle.json"
    try:
        before = Memory(**json.loads(file.read_text()))
    except NONSENSE:
        before = Memory()
    signals = observe(before, time.time())
    stop, reason = decide(signals, options.minutes)
    verb = "stays" if not stop else "would stop" if options.dry_run else "stops"
    print(f"{verb}: {reason}", flush=True)
    if options.dry_run:
        return 0
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(signals.memory)))
    return _stop(options.region) if stop else 0


if __name__ == "__main__":
    raise SystemExit(main())
