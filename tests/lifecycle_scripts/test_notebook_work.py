"""What people find when they begin to work on a notebook instance: the steps, run for real with real git and bash."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lifecycle_scripts import collect
from tests.lifecycle_scripts.machine import INSTANCE, Notebook, until

pytestmark = pytest.mark.slow

# As bootstrap.sh, with the steps that a test is about; they are recorded in a file.
STEPS = """#!/bin/bash
set -u
umask 022
source notebook/library.sh
source "$settings"
job="$lib/job"
mkdir -p "$run"
exec >"$root/log" 2>&1
record() { echo "$2 $1${note:+: $note}" >"$root/step-$1"; }
step() {
    local name=$1
    note=''
    shift
    record "$name" running
    if "$@"; then record "$name" ok; else record "$name" failed; fi
}
source notebook/job/file_systems.sh
source notebook/job/work.sh
COMMAND
"""
BACKUP = "s3://artifacts/atlas/output/notebooks"
REAL = ("git", "tr")
STAND_INS = {
    # systemd starts what it runs with an environment of its own.
    "systemd-run": """
path=$PATH
while [[ $1 == --* ]]; do shift; done
exec env -i PATH="$path" HOME="$root/home/ec2-user" "$@" </dev/null >/dev/null 2>&1
""",
    # `s3 sync|cp OPTIONS FOLDER PREFIX`, `s3 cp OPTIONS FILE|- URI` and `s3 ls URI`; code 2 for a folder while
    # ROOT/skip-aws exists
    "aws": """
from="${*: -2:1}" to="$root/s3/${*: -1}"
if [ "$2" = ls ]; then exec test -e "$to"; fi
if [ "$from" = - ]; then from=/dev/stdin; fi
if [ ! -d "$from" ]; then mkdir -p "${to%/*}" && exec cat "$from" >"$to"; fi
mkdir -p "$to" && cp -r "${*: -2:1}/." "$to"
if [ -e "$root/skip-aws" ]; then exit 2; fi
""",
}


class Worker(Notebook):
    """A notebook instance of which single steps are run."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        for name in REAL:
            (self.bin / name).symlink_to(shutil.which(name) or f"no {name}")
        for name, body in STAND_INS.items():
            self.stand_in(self.bin / name, body)
        self.home = root / "home/ec2-user"
        self.settings["BACKUP"] = BACKUP
        self.job = self.lib / "job"
        self.job.mkdir(parents=True, exist_ok=True)
        for each in collect.JOB.iterdir():
            if each.is_file():
                (self.job / each.name).write_text(collect.text(each))
        (root / "proc/self").mkdir(parents=True, exist_ok=True)
        (root / "proc/self/mounts").touch()

    def tell(self) -> None:
        """Writes the settings as on_start.sh does."""
        file = self.root / "etc/trainyard/settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"TRAINYARD_{name}='{value}'\n" for name, value in self.settings.items()))

    def script(self, command: str) -> Path:
        self.tell()
        file = self.root / "steps.sh"
        file.write_text(STEPS.replace("COMMAND", command))
        file.write_text(collect.text(file))
        return file

    def run_steps(self, command: str) -> None:
        """Runs steps."""
        self.bash(self.script(command))

    def begin_steps(self, command: str) -> None:
        """Begins steps, which end when the test does."""
        file = self.script(command)
        self.bash("-c", f"setsid bash {file} </dev/null >/dev/null 2>&1 &")

    def program(self, name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """One of the job's programs, as its unit or a terminal runs it."""
        self.tell()
        return self.bash(self.job / name, *arguments)

    @property
    def recorded(self) -> set[str]:
        """The last state of each step, its name and its note."""
        return {file.read_text().rstrip("\n") for file in self.root.glob("step-*")}

    @property
    def log(self) -> str:
        return (self.root / "log").read_text()


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Worker]:
    made = Worker(tmp_path / "root")
    yield made
    made.close()


# repositories

URL = "https://git.example/team/tools.git"


class Upstream:
    """A repository at URL, which is a folder for the git of the instance."""

    def __init__(self, notebook: Worker, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main", at=folder)
        self.commit("one")
        config = notebook.home / ".gitconfig"
        config.write_text(f'[url "file://{folder}"]\n    insteadOf = {URL}\n')
        # The stand-in for sudo leaves HOME as it is.
        notebook.stand_in(notebook.bin / "git", f'HOME="$root/home/ec2-user" exec {shutil.which("git")} "$@"')

    def git(self, *arguments: str, at: Path | None = None) -> str:
        where = at or self.folder
        where.mkdir(parents=True, exist_ok=True)
        who = ("-c", "user.name=ana", "-c", "user.email=ana@example.com")
        command = ["git", "-C", str(where), *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, text: str) -> str:
        (self.folder / "file.txt").write_text(text)
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", text)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def upstream(notebook: Worker, tmp_path: Path) -> Upstream:
    notebook.settings["REPOSITORIES"] = f"tools={URL}"
    return Upstream(notebook, tmp_path / "upstream")


def clone(notebook: Worker) -> Path:
    notebook.run_steps("clone_repositories")
    return notebook.volume / "tools"


@pytest.mark.usefixtures("upstream")
def test_a_repository_is_cloned(notebook: Worker) -> None:
    assert (clone(notebook) / "file.txt").read_text() == "one"
    assert notebook.recorded == {"ok repository-tools: cloned"}


def test_a_clone_is_of_the_address_that_was_given(notebook: Worker, upstream: Upstream) -> None:
    assert upstream.git("config", "remote.origin.url", at=clone(notebook)) == URL


def test_a_clone_is_brought_what_is_new(notebook: Worker, upstream: Upstream) -> None:
    folder = clone(notebook)
    new = upstream.commit("two")
    notebook.run_steps("clone_repositories")
    assert upstream.git("rev-parse", "origin/main", at=folder) == new
    assert notebook.recorded == {"ok repository-tools: fetched, not merged"}


def test_what_is_new_is_not_merged(notebook: Worker, upstream: Upstream) -> None:
    folder = clone(notebook)
    before = upstream.git("rev-parse", "HEAD", at=folder)
    upstream.commit("two")
    notebook.run_steps("clone_repositories")
    assert upstream.git("rev-parse", "HEAD", at=folder) == before


def test_what_is_not_committed_stays(notebook: Worker, upstream: Upstream) -> None:
    folder = clone(notebook)
    (folder / "file.txt").write_text("mine")
    (folder / "new file.txt").write_text("mine too")
    upstream.commit("two")
    notebook.run_steps("clone_repositories")
    assert [(folder / each).read_text() for each in ("file.txt", "new file.txt")] == ["mine", "mine too"]


@pytest.mark.usefixtures("upstream")
def test_a_folder_of_that_name_is_left_alone(notebook: Worker) -> None:
    (notebook.volume / "tools").mkdir()
    (notebook.volume / "tools/file.txt").write_text("mine")
    assert (clone(notebook) / "file.txt").read_text() == "mine"
    assert notebook.recorded == {"failed repository-tools: something else has this name, and stays as it is"}


@pytest.mark.usefixtures("upstream")
def test_a_file_of_that_name_is_left_alone(notebook: Worker) -> None:
    (notebook.volume / "tools").write_text("mine")
    assert clone(notebook).read_text() == "mine"


@pytest.mark.usefixtures("upstream")
def test_a_link_of_that_name_is_left_alone(notebook: Worker) -> None:
    (notebook.volume / "tools").symlink_to(notebook.volume / "elsewhere")
    clone(notebook)
    assert not (notebook.volume / "elsewhere").exists()


def test_another_repository_of_that_name_is_not_fetched(notebook: Worker, upstream: Upstream) -> None:
    folder = clone(notebook)
    upstream.git("remote", "set-url", "origin", "https://git.example/other.git", at=folder)
    notebook.run_steps("clone_repositories")
    assert notebook.recorded == {"failed repository-tools: something else has this name, and stays as it is"}


def test_a_folder_inside_a_repository_of_that_address_is_none_itself(notebook: Worker, upstream: Upstream) -> None:
    upstream.git("init", "--quiet", at=notebook.volume)
    upstream.git("remote", "add", "origin", URL, at=notebook.volume)
    (notebook.volume / "tools").mkdir()
    clone(notebook)
    assert notebook.recorded == {"failed repository-tools: something else has this name, and stays as it is"}


@pytest.mark.usefixtures("upstream")
def test_a_clone_that_was_cut_off_is_begun_again(notebook: Worker) -> None:
    partial = notebook.state / "clones/tools"
    partial.mkdir(parents=True)
    (partial / "half").touch()
    assert (clone(notebook) / "file.txt").read_text() == "one"
    assert not partial.exists()


@pytest.mark.usefixtures("upstream")
@pytest.mark.parametrize("linked", [".trainyard", ".trainyard/clones"])
def test_nothing_is_removed_behind_a_link(notebook: Worker, linked: str) -> None:
    work = notebook.volume / "mine" / ("clones/tools" if linked == ".trainyard" else "tools") / "work"
    work.parent.mkdir(parents=True)
    work.write_text("mine")
    (notebook.volume / linked).parent.mkdir(exist_ok=True)
    (notebook.volume / linked).symlink_to(notebook.volume / "mine")
    clone(notebook)
    assert work.read_text() == "mine"
    assert notebook.recorded == {
        f"failed repository-tools: {notebook.state}/clones is behind a link: nothing is cloned"
    }


@pytest.mark.usefixtures("upstream")
def test_a_clone_that_fails_leaves_nothing_beside_the_notebooks(notebook: Worker) -> None:
    notebook.settings["REPOSITORIES"] = f"tools={URL}x"
    assert not clone(notebook).exists()
    assert "failed repository-tools" in notebook.recorded


def test_a_clone_that_fails_is_tried_again(notebook: Worker, upstream: Upstream) -> None:
    shutil.rmtree(upstream.folder)
    clone(notebook)
    assert notebook.log.count("attempt") == 3


@pytest.mark.usefixtures("upstream")
def test_a_repository_that_fails_does_not_stop_the_others(notebook: Worker) -> None:
    notebook.settings["REPOSITORIES"] = f"gone=https://git.invalid/gone tools={URL}"
    notebook.run_steps("clone_repositories")
    assert notebook.recorded == {"failed repository-gone", "ok repository-tools: cloned"}


@pytest.mark.usefixtures("upstream")
def test_stars_in_an_address_stay_as_they_are(notebook: Worker) -> None:
    notebook.settings["REPOSITORIES"] = f"tools={URL} other=https://git.invalid/*"
    notebook.run_steps("clone_repositories")
    assert "'https://git.invalid/*/'" in notebook.log


@pytest.mark.usefixtures("upstream")
def test_git_asks_nobody(notebook: Worker) -> None:
    notebook.stand_in(notebook.bin / "git", 'echo "prompt=$GIT_TERMINAL_PROMPT" >&2; exit 1')
    clone(notebook)
    assert "prompt=0" in notebook.log


def test_codecommit_is_signed_in_to_by_the_aws_cli(notebook: Worker) -> None:
    url = "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/tools"
    notebook.settings["REPOSITORIES"] = f"tools={url}"
    notebook.stand_in(notebook.bin / "git", 'mkdir -p "${*: -1}"')
    clone(notebook)
    helper = "-c credential.helper=!aws codecommit credential-helper $@ -c credential.UseHttpPath=true"
    assert any(f"{helper} -- {url} " in call for call in notebook.called("git "))


def test_other_servers_are_not_shown_credentials_of_aws(notebook: Worker) -> None:
    notebook.settings["REPOSITORIES"] = f"tools={URL}"
    notebook.stand_in(notebook.bin / "git", 'mkdir -p "${*: -1}"')
    clone(notebook)
    assert notebook.called("git ")
    assert not any("credential" in call for call in notebook.called("git "))


def test_a_clone_that_hangs_is_stopped(notebook: Worker) -> None:
    notebook.settings["REPOSITORIES"] = f"tools={URL}"
    notebook.stand_in(notebook.bin / "timeout", f'shift 3; exec {shutil.which("timeout")} 0.3 "$@"')
    notebook.stand_in(notebook.bin / "git", "exec sleep 60")
    clone(notebook)
    assert notebook.recorded == {"failed repository-tools"}


# the user's own hook


def hook(notebook: Worker, text: str | bytes) -> None:
    notebook.state.mkdir(exist_ok=True)
    (notebook.state / "on_start.sh").write_bytes(text.encode() if isinstance(text, str) else text)
    notebook.run_steps("step hook run_hook")


def hook_log(notebook: Worker) -> str:
    """What the hook said; its reader may be a moment later than the hook."""
    file, seen = notebook.state / "hook.log", [-1]

    def is_still() -> bool:
        seen.append(file.stat().st_size if file.exists() else -1)
        time.sleep(0.05)
        return seen[-1] == seen[-2] > 0

    until(is_still)
    return file.read_text()


def test_without_a_hook_nothing_is_run(notebook: Worker) -> None:
    notebook.run_steps("step hook run_hook")
    assert notebook.recorded == {"ok hook: none"}
    assert not notebook.called("systemd-run")


def test_a_hook_is_run(notebook: Worker) -> None:
    hook(notebook, "echo hello")
    assert hook_log(notebook) == "hello\n"
    assert notebook.recorded == {"ok hook: exit code 0"}


def test_a_hook_is_run_as_the_user(notebook: Worker) -> None:
    hook(notebook, "true")
    assert "--uid=ec2-user" in notebook.called("systemd-run")[0]


def test_a_hook_that_fails_is_told(notebook: Worker) -> None:
    hook(notebook, "exit 3")
    assert notebook.recorded == {"failed hook: exit code 3; see hook.log"}


def test_a_hook_is_run_once_in_a_start(notebook: Worker) -> None:
    hook(notebook, "echo hello")
    notebook.run_steps("step hook run_hook")
    assert len(notebook.called("systemd-run")) == 1
    assert notebook.recorded == {"ok hook: begun before; see hook.log"}


def test_each_attempt_at_a_hook_has_a_unit_of_its_own(notebook: Worker) -> None:
    hook(notebook, "echo hello")
    (notebook.root / "run/trainyard/hook").unlink()
    hook(notebook, "echo hello")
    units = re.findall(r"--unit=(\S+)", "\n".join(notebook.called("systemd-run")))
    assert len(set(units)) == 2


def test_a_hook_that_takes_too_long_is_stopped(notebook: Worker) -> None:
    notebook.settings["HOOK_MINUTES"] = "0.01"
    hook(notebook, "sleep 60")
    assert notebook.recorded == {"failed hook: stopped after 0.01 minutes; see hook.log"}


def test_a_hook_has_ten_minutes_when_the_settings_say_so(notebook: Worker) -> None:
    hook(notebook, "true")
    assert "/timeout -k 10 10m " in notebook.called("systemd-run")[0]


def test_a_hook_sees_no_setting_of_the_job(notebook: Worker) -> None:
    hook(notebook, "env; echo end")
    assert "TRAINYARD" not in hook_log(notebook)


def test_a_hook_reads_nothing(notebook: Worker) -> None:
    hook(notebook, "cat; echo end")
    assert hook_log(notebook) == "end\n"


def test_what_a_hook_leaves_in_the_background_is_not_waited_for(notebook: Worker) -> None:
    hook(notebook, f"while [ -e {notebook.root}/wait-hook ]; do sleep 0.05; done & echo done")
    assert hook_log(notebook) == "done\n"


def test_the_job_ends_while_something_of_the_hook_still_runs(notebook: Worker) -> None:
    (notebook.root / "wait-hook").touch()
    hook(notebook, f"while [ -e {notebook.root}/wait-hook ]; do sleep 0.05; done & echo done")
    assert notebook.recorded == {"ok hook: exit code 0"}
    assert notebook.is_running()


def test_what_a_hook_leaves_in_the_background_may_stay(notebook: Worker) -> None:
    hook(notebook, "true")
    assert "--property=KillMode=process" in notebook.called("systemd-run")[0]


def test_a_hook_that_never_stops_talking_fills_no_disk(notebook: Worker) -> None:
    hook(notebook, f"{shutil.which('head')} -c 3000000 /dev/zero | tr '\\0' 'x'")
    until(lambda: (notebook.state / "hook.log").stat().st_size == 1_000_000)
    assert notebook.recorded == {"ok hook: exit code 0"}


def test_a_hook_need_not_be_executable(notebook: Worker) -> None:
    notebook.state.mkdir()
    (notebook.state / "on_start.sh").touch(mode=0o600)
    hook(notebook, "echo hello")
    assert hook_log(notebook) == "hello\n"


def test_a_hook_from_windows_is_run(notebook: Worker) -> None:
    hook(notebook, b"if true\r\nthen\r\n  echo hello\r\nfi\r\n")
    assert hook_log(notebook).splitlines()[-1] == "hello"


def test_a_hook_from_windows_is_told(notebook: Worker) -> None:
    hook(notebook, b"echo hello\r\n")
    assert "end as on Windows" in hook_log(notebook)


def test_a_hook_from_windows_stays_as_it_is(notebook: Worker) -> None:
    hook(notebook, b"echo hello\r\n")
    assert (notebook.state / "on_start.sh").read_bytes() == b"echo hello\r\n"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_a_hook_that_is_no_file_is_not_run(notebook: Worker, make: Callable[[Path], None]) -> None:
    notebook.state.mkdir()
    make(notebook.state / "on_start.sh")
    notebook.run_steps("step hook run_hook")
    assert notebook.recorded == {"failed hook: exit code 1; see hook.log"}
    assert hook_log(notebook).endswith("on_start.sh is no file\n")


def test_a_link_for_the_log_of_a_hook_leads_nowhere(notebook: Worker, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("as it was")
    notebook.state.mkdir()
    (notebook.state / "hook.log").symlink_to(elsewhere)
    hook(notebook, "echo hello")
    assert hook_log(notebook) == "hello\n"
    assert elsewhere.read_text() == "as it was"


# backup


def marker(notebook: Worker) -> dict[str, object]:
    loaded: dict[str, object] = json.loads(
        (notebook.root / "s3" / BACKUP / INSTANCE / ".trainyard-backup.json").read_text()
    )
    return loaded


def copies(notebook: Worker) -> list[str]:
    """The calls that copied the volume."""
    return [each for each in notebook.called("aws s3") if f" {notebook.volume} " in each]


def test_the_backup_can_be_off(notebook: Worker) -> None:
    notebook.settings["BACKUP"] = ""
    notebook.run_steps("step backup install_backup")
    assert notebook.recorded == {"ok backup: off"}
    assert not notebook.called("systemctl")


def test_a_backup_is_made_now_and_every_day(notebook: Worker) -> None:
    notebook.run_steps("step backup install_backup")
    assert notebook.called("systemctl") == [
        "systemctl daemon-reload",
        "systemctl enable --now trainyard-backup.timer",
        "systemctl start --no-block trainyard-backup.service",
    ]
    assert "OnCalendar=daily\n" in (notebook.root / "etc/systemd/system/trainyard-backup.timer").read_text()


def test_a_backup_is_made_as_the_user(notebook: Worker) -> None:
    notebook.run_steps("step backup install_backup")
    unit = (notebook.root / "etc/systemd/system/trainyard-backup.service").read_text()
    assert "User=ec2-user\n" in unit
    assert f"ExecStart={notebook.root}/usr/bin/bash {notebook.job}/backup.sh\n" in unit


def test_a_backup_may_not_run_for_ever(notebook: Worker) -> None:
    notebook.run_steps("step backup install_backup")
    assert "TimeoutStartSec=12h\n" in (notebook.root / "etc/systemd/system/trainyard-backup.service").read_text()


def test_the_units_are_what_systemd_takes(notebook: Worker) -> None:
    verify = shutil.which("systemd-analyze")
    if not verify:
        pytest.skip("no systemd-analyze")
    notebook.run_steps("step backup install_backup")
    units = sorted((notebook.root / "etc/systemd/system").glob("trainyard-backup.*"))
    assert len(units) == 2
    result = subprocess.run([verify, "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    assert "trainyard" not in result.stderr


def test_a_backup_has_what_is_on_the_volume(notebook: Worker) -> None:
    (notebook.volume / "a 'note' \"book\".ipynb").write_text("mine")
    notebook.program("backup.sh")
    assert (notebook.root / "s3" / BACKUP / INSTANCE / "a 'note' \"book\".ipynb").read_text() == "mine"


def test_a_backup_deletes_nothing(notebook: Worker) -> None:
    for _ in range(2):
        notebook.program("backup.sh")
    assert len(copies(notebook)) == 2
    assert not any("--delete" in call for call in notebook.called("aws"))


def test_without_a_marker_a_backup_passes_over_nothing(notebook: Worker) -> None:
    notebook.program("backup.sh")
    assert [call.split()[2:4] for call in copies(notebook)] == [["cp", "--recursive"]]


def test_with_a_marker_a_backup_copies_what_changed(notebook: Worker) -> None:
    for _ in range(2):
        notebook.program("backup.sh")
    assert copies(notebook)[1].split()[2] == "sync"


def test_the_log_of_a_backup_is_in_it(notebook: Worker) -> None:
    notebook.stand_in(
        notebook.bin / "aws", STAND_INS["aws"].replace("mkdir", "echo 'warning: Skipping file' >&2\nmkdir")
    )
    notebook.program("backup.sh")
    log = notebook.root / "s3" / BACKUP / INSTANCE / ".trainyard/backup.log"
    assert "warning: Skipping file" in log.read_text()


def test_a_backup_follows_no_link(notebook: Worker) -> None:
    notebook.program("backup.sh")
    assert "--no-follow-symlinks" in copies(notebook)[0]


@pytest.mark.parametrize("folder", ["environments", "packages", "tools", "cache", "clones"])
def test_a_backup_leaves_out_what_a_start_makes(notebook: Worker, folder: str) -> None:
    notebook.program("backup.sh")
    assert f"--exclude .trainyard/{folder}/* " in copies(notebook)[0]


def test_the_hook_of_the_user_is_not_left_out(notebook: Worker) -> None:
    notebook.program("backup.sh")
    assert "on_start" not in copies(notebook)[0]


def test_the_marker_counts_what_was_there(notebook: Worker) -> None:
    (notebook.volume / "a file.txt").write_text("12345")
    (notebook.volume / "line\nbreak").write_text("678")
    (notebook.state / "environments").mkdir(parents=True)
    (notebook.state / "environments/left-out").write_text("9")
    (notebook.volume / "link").symlink_to("a file.txt")
    notebook.program("backup.sh")
    # backup.lock and backup.log are the two others, both empty then.
    assert (marker(notebook)["files"], marker(notebook)["bytes"]) == (4, 8)


def test_the_marker_says_from_when_to_when(notebook: Worker) -> None:
    notebook.program("backup.sh")
    assert str(marker(notebook)["started"]) <= str(marker(notebook)["ended"])
    assert str(marker(notebook)["ended"]).endswith("Z")


def test_files_that_vanish_are_no_failure(notebook: Worker) -> None:
    (notebook.root / "skip-aws").touch()
    assert notebook.program("backup.sh").returncode == 0
    assert marker(notebook)["exit_code"] == 2
    assert len(copies(notebook)) == 1


def test_a_backup_that_fails_is_tried_again(notebook: Worker) -> None:
    (notebook.root / "fail-aws").touch()
    assert notebook.program("backup.sh").returncode == 1
    assert len(copies(notebook)) == 3


def test_a_backup_that_fails_is_no_complete_one(notebook: Worker) -> None:
    notebook.stand_in(notebook.bin / "aws", STAND_INS["aws"].replace('mkdir -p "$to" && cp', "exit 1; cp"))
    assert notebook.program("backup.sh").returncode == 1
    assert marker(notebook)["exit_code"] == 1


def test_a_backup_that_was_cut_off_leaves_the_marker_before(notebook: Worker) -> None:
    notebook.program("backup.sh")
    before = marker(notebook)
    notebook.stand_in(notebook.bin / "aws", 'kill -9 "$PPID"')
    notebook.program("backup.sh")
    assert marker(notebook) == before


def test_two_backups_do_not_run_at_once(notebook: Worker) -> None:
    (notebook.root / "wait-aws").touch()
    notebook.tell()
    notebook.bash("-c", f"setsid bash {notebook.job}/backup.sh </dev/null >/dev/null 2>&1 &")
    until(lambda: notebook.called("aws s3"))
    assert "a backup is running" in notebook.program("backup.sh").stdout
    assert len(notebook.called("aws s3")) == 1


def test_the_bucket_encrypts_by_itself(notebook: Worker) -> None:
    notebook.program("backup.sh")
    assert not any("--sse" in call for call in notebook.called("aws"))


def test_a_key_of_the_team_is_named(notebook: Worker) -> None:
    notebook.settings["BACKUP_KEY"] = "arn:aws:kms:eu-west-1:111122223333:key/atlas"
    notebook.program("backup.sh")
    options = f"--sse aws:kms --sse-kms-key-id {notebook.settings['BACKUP_KEY']} "
    assert [options in call for call in notebook.called("aws s3 cp")] == [True, True, True]


def test_without_a_name_nothing_is_copied(notebook: Worker) -> None:
    (notebook.root / "opt/ml/metadata/resource-metadata.json").write_text("{}")
    assert notebook.program("backup.sh").returncode == 1
    assert not notebook.called("aws")


# terminals and the SDK


@pytest.fixture
def terminal(notebook: Worker) -> Worker:
    """A notebook with what its terminals read."""
    (notebook.bin / "sh").symlink_to(shutil.which("bash") or "no bash")
    (notebook.job / "sdk_config.py").write_text(
        "import os, sys\n"
        "if sys.argv[1] == 'environment':\n"
        "    print(\"PLAIN=\" + os.environ['TRAINYARD_TEAM'])\n"
        "    print('ODD=a \"b\" $(c) `d` \\'e\\' = *')\n"
        "else:\n"
        "    os.makedirs(os.path.dirname(sys.argv[1]), exist_ok=True)\n"
        "    open(sys.argv[1], 'w').write('SchemaVersion: 1.0')\n"
    )
    notebook.run_steps("step sdk configure_sdk; step motd write_motd")
    return notebook


def in_terminal(notebook: Worker, command: str, *, interactive: bool = True) -> str:
    """What a terminal prints that reads /etc/profile.d and then runs a command."""
    options = "-i" if interactive else "+i"
    file = notebook.root / "etc/profile.d/trainyard.sh"
    result = subprocess.run(
        [notebook.bin / "sh", "--norc", options, "-c", f". {file}; {command}"],
        env={"PATH": str(notebook.bin), "TRAINYARD_ROOT": str(notebook.root)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return result.stdout


def test_a_terminal_says_where_it_is(terminal: Worker) -> None:
    assert in_terminal(terminal, "").startswith(f"Trainyard dev, team atlas, notebook instance {INSTANCE}\n")


def test_a_terminal_says_when_the_instance_stops(terminal: Worker) -> None:
    assert "stops after 60 minutes; awake for 12 hours: echo 12 > ~/SageMaker/.keep-awake\n" in in_terminal(
        terminal, ""
    )


def test_a_terminal_says_that_the_instance_does_not_stop(terminal: Worker) -> None:
    terminal.settings["IDLE_MINUTES"] = "0"
    terminal.tell()
    assert "never stops by itself\n" in in_terminal(terminal, "")


def test_a_terminal_says_what_is_mounted(terminal: Worker) -> None:
    terminal.settings |= {"FILE_SYSTEMS": "scratch:dns:m", "EFS_FILE_SYSTEMS": "home:fs-1"}
    terminal.tell()
    (terminal.root / "proc/self/mounts").write_text(f"fs-1:/ {terminal.root}/efs/home nfs4 rw 0 0\n")
    text = in_terminal(terminal, "")
    assert "  data     /fsx/scratch is not mounted\n" in text
    assert "  data     /efs/home\n" in text


def test_a_terminal_says_which_kernels_there_are(terminal: Worker) -> None:
    for name in ("vision", "with space"):
        (terminal.home / ".local/share/jupyter/kernels" / name).mkdir(parents=True)
    assert "  kernels  vision with\\ space\n" in in_terminal(terminal, "")


def test_a_terminal_says_how_the_start_went(terminal: Worker) -> None:
    terminal.state.mkdir(exist_ok=True)
    (terminal.state / "status").write_text("T failed bootstrap: 1 failed\nT failed hook: exit code 1\nT ok motd\n")
    assert "  start    failed; see " in in_terminal(terminal, "")


def test_a_terminal_is_short(terminal: Worker) -> None:
    terminal.settings["FILE_SYSTEMS"] = " ".join(f"name{number}:dns:m" for number in range(20))
    terminal.tell()
    assert len(in_terminal(terminal, "").splitlines()) <= 12


def test_a_shell_inside_a_terminal_says_nothing(terminal: Worker) -> None:
    file = terminal.root / "etc/profile.d/trainyard.sh"
    assert in_terminal(terminal, f"sh --norc -i -c '. {file}'").count("Trainyard") == 1


def test_a_shell_that_nobody_sits_at_says_nothing(terminal: Worker) -> None:
    assert in_terminal(terminal, "", interactive=False) == ""


def test_a_terminal_of_an_instance_that_is_not_prepared_works(terminal: Worker) -> None:
    shutil.rmtree(terminal.root / "etc/trainyard")
    shutil.rmtree(terminal.job)
    assert in_terminal(terminal, "echo works") == "works\n"


def test_variables_reach_a_terminal_as_they_are(terminal: Worker) -> None:
    assert in_terminal(terminal, 'echo "$PLAIN|$ODD"', interactive=False) == "atlas|a \"b\" $(c) `d` 'e' = *\n"


def test_variables_reach_a_kernel_as_they_are(terminal: Worker) -> None:
    assert in_kernel(terminal, "print(os.environ['ODD'])") == "a \"b\" $(c) `d` 'e' = *\n"


def test_a_variable_that_is_set_stays(terminal: Worker) -> None:
    assert in_kernel(terminal, "print(os.environ['PLAIN'])", PLAIN="mine") == "mine\n"


def test_a_notebook_finds_nothing_new_in_its_names(terminal: Worker) -> None:
    assert in_kernel(terminal, "print([name for name in ('_set_variables', 'Path') if name in globals()])") == "[]\n"


def in_kernel(notebook: Worker, code: str, **variables: str) -> str:
    """What IPython prints, which reads the startup files of its user."""
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", f"import os\n{code}"]
    where = {"HOME": str(notebook.home), "TRAINYARD_ROOT": str(notebook.root), "PATH": os.environ["PATH"]}
    return subprocess.run(command, env=where | variables, capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_sdk_has_its_settings(terminal: Worker) -> None:
    assert (terminal.root / "etc/xdg/sagemaker/config.yaml").read_text() == "SchemaVersion: 1.0"
    assert "ok sdk" in terminal.recorded


def test_settings_of_the_sdk_that_cannot_be_made_are_told(terminal: Worker) -> None:
    (terminal.job / "sdk_config.py").write_text("raise SystemExit(1)")
    terminal.run_steps("step sdk configure_sdk")
    assert "failed sdk" in terminal.recorded


def test_variables_that_cannot_be_made_leave_those_before(terminal: Worker) -> None:
    before = (terminal.root / "etc/trainyard/environment").read_text()
    (terminal.job / "sdk_config.py").write_text("import sys\nprint('HALF')\nsys.exit(sys.argv[1] == 'environment')")
    terminal.run_steps("step sdk configure_sdk")
    assert (terminal.root / "etc/trainyard/environment").read_text() == before
    assert "failed sdk" in terminal.recorded


def test_startup_files_of_the_user_stay(notebook: Worker) -> None:
    startup = notebook.home / ".ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "mine.py").write_text("x = 1")
    notebook.run_steps("step sdk configure_sdk")
    assert (startup / "mine.py").read_text() == "x = 1"


def test_the_real_variables_are_lines_with_a_name_and_a_value(notebook: Worker) -> None:
    notebook.run_steps("step sdk configure_sdk")
    lines = (notebook.root / "etc/trainyard/environment").read_text().splitlines()
    assert lines
    assert all(line.partition("=")[0].isidentifier() for line in lines)
