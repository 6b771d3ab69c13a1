"""A notebook instance as its scripts see it: a folder that stands for the root of the machine.

The scripts find only the programs in that folder: real ones by link, and stand-ins for AWS, systemd, mounts and
packages, which write down how they were called.
"""

import contextlib
import hashlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from environments.loading import ROOT
from lifecycle_scripts import collect

SCRIPTS = ROOT / "lifecycle_scripts" / "notebook"
REAL = (
    *("bash", "cat", "cp", "cut", "date", "df", "env", "find", "flock", "grep", "head", "ln", "mkdir", "mv", "nohup"),
    *("python3", "readlink", "rm", "setsid", "sha256sum", "sleep", "stat", "tail", "tar", "tee", "test", "timeout"),
    *("chmod", "sync", "touch"),
)
INSTANCE = "trainyard-dev-atlas-ana"
PREFIX = "s3://team-code/atlas/code/packages"
SECONDS = 60

# Every stand-in writes its call down, waits while ROOT/wait-NAME exists, and fails while ROOT/fail-NAME exists.
STAND_IN = """#!/bin/bash
root=ROOT
name=${0##*/}
echo "$name $*" >>"$root/calls"
for _ in {1..200}; do [ -e "$root/wait-$name" ] || break; sleep 0.05; done
if [ -e "$root/fail-$name" ]; then exit 1; fi
"""
STAND_INS = {
    # `-H -u ec2-user COMMAND`; it closes what is open beyond the first three, such as the lock of the job.
    "sudo": 'shift 3; exec 9>&-; exec "$@"',
    "systemctl": "",
    "systemd-run": """
run="$*"
while [[ $1 == -* ]]; do shift; done
if [[ $run == *--wait* ]]; then exec "$@" </dev/null >/dev/null 2>&1; fi
setsid "$@" </dev/null >/dev/null 2>&1 &
echo $! >>"$root/jobs"
""",
    # `s3 cp OPTIONS URI -` or `s3 sync OPTIONS PREFIX FOLDER`, which compares sizes and times as the AWS CLI does.
    "aws": """
if [ "$1" = s3 ]; then
    from="$root/s3/${*: -2:1}" to=${*: -1} follow=
    if [ "$2" = cp ]; then exec cat "$from"; fi
    mkdir -p "$from" "$to"
    cd "$from"
    while read -r file; do
        if [ "$(stat -c %s "$file")" = "$(stat -c %s "$to/$file" 2>/dev/null)" ]; then
            if [[ $* == *--exact-timestamps* ]]; then
                [ "$file" -nt "$to/$file" ] || [ "$file" -ot "$to/$file" ] || continue
            else
                [ "$file" -ot "$to/$file" ] || continue
            fi
        fi
        mkdir -p "$to/${file%/*}"
        cp -p "$file" "$to/$file"
    done < <(find . -type f)
    [[ $* == *--no-follow-symlinks* ]] || follow=-L
    cd "$to"
    while read -r file; do
        [ -e "$from/$file" ] || rm "$file"
    done < <([[ $* != *--delete* ]] || find $follow . -type f)
elif [ "$2" = get-authorization-token ]; then
    echo the-token
elif [ "$2" = put-log-events ]; then
    file=${*: -1}
    cat "${file#file://}" >>"$root/events"
fi
""",
    "mount": 'mkdir -p "${*: -1}/.mounted"',
    "mountpoint": '[ -e "$2/.mounted" ]',
    "dnf": "",
}
# `-I environments.py build|register --home HOME --team TEAM`: an environment is a file, with what it was made of.
PYTHON = """
packages="$5/SageMaker/.trainyard/packages" environments="$5/SageMaker/.trainyard/environments"
kernels="$5/.local/share/jupyter/kernels"
case "$3" in
    build)
        mkdir -p "$environments"
        echo "${TRAINYARD_INDEX_TOKEN:-no token}" >"$root/token"
        for spec in "$packages"/requirements.txt "$5"/SageMaker/environments/*; do
            [ -e "$spec" ] || continue
            name=${spec##*/}
            if grep -q broken "$spec"; then
                echo "failed ${name%.*}: line 1 is broken"
                continue
            fi
            cp "$spec" "$environments/.$name.new" && mv "$environments/.$name.new" "$environments/$name"
            echo "ok ${name%.*}"
        done
        ;;
    register)
        for environment in "$environments"/*; do
            [ -e "$environment" ] || continue
            name=${environment##*/}
            mkdir -p "$kernels/trainyard-${name%.*}"
            cp "$environment" "$kernels/trainyard-${name%.*}/kernel.json"
        done
        ;;
esac
"""


class Notebook:
    """A notebook instance: what it has on its disk, what S3 has, and what was called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "usr/bin"
        self.volume = root / "home/ec2-user/SageMaker"
        self.state = self.volume / ".trainyard"
        self.lib = root / "usr/local/lib/trainyard"
        self.conda = root / "home/ec2-user/anaconda3/envs/python3/bin/python"
        self.bin.mkdir(parents=True)
        self.volume.mkdir(parents=True)
        for name in REAL:
            (self.bin / name).symlink_to(sys.executable if name == "python3" else shutil.which(name) or f"no {name}")
        for name, body in STAND_INS.items():
            self.stand_in(self.bin / name, body)
        self.stand_in(self.conda, PYTHON)
        about = root / "opt/ml/metadata/resource-metadata.json"
        about.parent.mkdir(parents=True)
        about.write_text(json.dumps({"ResourceArn": "arn:aws:sagemaker", "ResourceName": INSTANCE}))
        (root / "proc").mkdir()
        self.up(minutes=1)
        self.settings = {
            "ENVIRONMENT": "dev",
            "TEAM": "atlas",
            "REGION": "eu-west-1",
            "PACKAGES": PREFIX,
            "FILE_SYSTEMS": "",
            "EFS_FILE_SYSTEMS": "",
            "REPOSITORIES": "",
            "IDLE_MINUTES": "60",
            "HOOK_MINUTES": "10",
            "BACKUP": "",
            "BACKUP_KEY": "",
            "CODEARTIFACT": "",
            "SUBNETS": "subnet-a subnet-b",
            "SECURITY_GROUPS": "sg-a",
            "VOLUME_KEY": "arn:aws:kms:eu-west-1:111122223333:key/volume",
            "OUTPUT_KEY": "arn:aws:kms:eu-west-1:111122223333:key/output",
            "JOB_ROLE": "arn:aws:iam::111122223333:role/job",
            "OUTPUT": "s3://artifacts/atlas/output",
            "RETRY_SECONDS": "0",
        }
        self.publish(collect.job())
        self.inside: tuple[str | Path, ...] = ()
        """What the scripts run in: a command that runs a command."""
        self._ends: list[int] = []

    def stand_in(self, file: Path, body: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        # It may be a link to the real program of this machine.
        file.unlink(missing_ok=True)
        file.write_text(STAND_IN.replace("ROOT", str(self.root)) + body)
        file.chmod(0o755)

    def up(self, minutes: int) -> None:
        """Makes it have started so long ago."""
        (self.root / "proc/uptime").write_text(f"{minutes * 60}.27 99.9\n")

    def publish(self, archive: bytes) -> None:
        """Puts the job into S3, and its address and hash into the settings."""
        sha256 = hashlib.sha256(archive).hexdigest()
        self.put(f"s3://assets/{sha256}.tar", archive)
        self.settings |= {"JOB": f"s3://assets/{sha256}.tar", "JOB_SHA256": sha256}

    def put(self, uri: str, content: str | bytes) -> None:
        file = self.root / "s3" / uri
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def run(self, name: str, before: str = "") -> subprocess.CompletedProcess[str]:
        """A lifecycle script as synth makes it, until SageMaker would take it to be at its end."""
        settings = "".join(f"TRAINYARD_{key}='{value}'\n" for key, value in self.settings.items())
        first, rest = collect.short(SCRIPTS / name).split("\n", 1)
        return self.bash("-c", f"{first}\n{settings}{before}\n{rest}")

    def bash(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Whoever it leaves running holds an end of a pipe."""
        end, held = os.pipe()
        self._ends.append(end)
        try:
            return subprocess.run(
                [*self.inside, "bash", *arguments],
                cwd="/",
                # Whoever kills its process group is to kill no more than that.
                start_new_session=True,
                env={"PATH": os.environ["PATH"], "TRAINYARD_ROOT": str(self.root)},
                pass_fds=[held],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        finally:
            os.close(held)

    def start(self) -> str:
        """A start with its background job; gives what it recorded."""
        assert self.run("on_start.sh").returncode == 0
        self.wait()
        return self.status

    def stop(self) -> None:
        """Only the volume outlives it."""
        for each in ("etc", "run", "var", "usr/local", "home/ec2-user/.local", "home/ec2-user/.ipython", "calls"):
            path = self.root / each
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def restart(self) -> str:
        """A stop and a start."""
        self.stop()
        return self.start()

    def is_running(self) -> bool:
        """Whether anything that was started still runs."""
        return not all(select.select([end], [], [], 0)[0] for end in self._ends)

    def wait(self) -> None:
        """Until all that was started is at its end."""
        while self._ends:
            assert select.select([self._ends[-1]], [], [], SECONDS)[0], "a process is left behind"
            os.close(self._ends.pop())

    def kill(self) -> None:
        """Ends all jobs at once, as a power cut would. Programs under `timeout` have a process group of their own."""
        jobs = {int(job) for job in (self.root / "jobs").read_text().split()}
        while self.is_running():
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(ProcessLookupError):
                    if os.getsid(int(process.name)) in jobs:
                        os.kill(int(process.name), signal.SIGKILL)
        self.wait()

    def close(self) -> None:
        for each in self.root.glob("wait-*"):
            each.unlink()
        self.wait()

    @property
    def status(self) -> str:
        file = self.state / "status"
        return file.read_text() if file.exists() else ""

    @property
    def calls(self) -> list[str]:
        """How the stand-ins were called."""
        file = self.root / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def called(self, start: str) -> list[str]:
        return [call for call in self.calls if call.startswith(start)]

    @property
    def steps(self) -> dict[str, str]:
        """State of each step, in the order in which they began."""
        return {line.split(" ")[2].rstrip(":"): line.split(" ")[1] for line in self.status.splitlines()}

    @property
    def page(self) -> str:
        """What the user sees in the file browser."""
        return (self.volume / "BOOTSTRAP_STATUS.md").read_text()

    @property
    def kernels(self) -> dict[str, str]:
        """The kernels that are registered, and what they are of."""
        folder = self.root / "home/ec2-user/.local/share/jupyter/kernels"
        return {file.parent.name: file.read_text() for file in sorted(folder.glob("*/kernel.json"))}

    def add_work(self) -> None:
        """Files of a user, of all kinds and with all names."""
        for name in ("work.ipynb", 'a b\'s "c"/ü\n.csv', "-rf", ".hidden", "environments/mine.txt", ".trainyard/mine"):
            file = self.volume / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
            file.chmod(0o640)
        (self.volume / "link").symlink_to("work.ipynb")
        (self.volume / "dangling").symlink_to("nowhere")
        (self.volume / "empty").mkdir(mode=0o700)

    @property
    def work(self) -> dict[str, tuple[int, bytes]]:
        """All that is on the volume and not ours: mode and content, or where it leads."""
        ours = re.compile(
            r"BOOTSTRAP_STATUS\.md|\.trainyard"
            r"(/(created|status|bootstrap\.log|job\.tar|packages|environments|tools|cache|clones|\..*\.new).*)?"
        )
        return {
            name: (each.lstat().st_mode, os.fsencode(each.readlink()) if each.is_symlink() else _content(each))
            for each in sorted(self.volume.rglob("*"))
            if not ours.fullmatch(name := str(each.relative_to(self.volume))) or self._leads_to_work(each)
        }

    def _leads_to_work(self, each: Path) -> bool:
        """Whether it is a link of the user, from a folder of ours to one that is not."""
        target = each.resolve()
        inside = each.is_relative_to(self.state) and target.is_relative_to(self.volume)
        return each.is_symlink() and inside and not target.is_relative_to(self.state)


def _content(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() else b""


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
