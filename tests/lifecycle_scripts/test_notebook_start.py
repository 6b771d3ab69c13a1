"""How notebook instances start: the scripts that SageMaker runs, and the background job, run for real."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lifecycle_scripts import collect
from tests.lifecycle_scripts.machine import INSTANCE, PREFIX, STAND_INS, Notebook, until
from tests.lifecycle_scripts.wheels import wheel

pytestmark = pytest.mark.slow

BROKEN = "broken\n"
KERNELS = {"trainyard-mine": "environments/mine.txt", "trainyard-requirements": "numpy==2.4.0\n"}
ALL_READY = {
    **dict.fromkeys(("bootstrap", "sdk", "kernels", "idle-stop", "motd", "volume", "packages"), "ok"),
    **dict.fromkeys(("environments", "environment-requirements", "environment-mine", "hook", "backup"), "ok"),
}
RECORDS = 24
"""What a start records: the beginning and the end of each step, and a line for each environment."""


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Notebook]:
    """A notebook whose team has packages, with work of its user on it."""
    made = with_packages(Notebook(tmp_path / "root"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Notebook:
    """A notebook after its start, for all who only look at it."""
    made = with_packages(Notebook(tmp_path_factory.mktemp("started") / "root"))
    made.start()
    return made


@pytest.fixture
def kept(notebook: Notebook) -> Iterator[Notebook]:
    """A notebook of which a test ends with the user's work as it was."""
    before = notebook.work
    yield notebook
    notebook.wait()
    assert notebook.work == before


def with_packages(notebook: Notebook) -> Notebook:
    notebook.add_work()
    notebook.put(f"{PREFIX}/requirements.txt", "numpy==2.4.0\n")
    return notebook


def changed(old: str, new: str) -> bytes:
    """The archive of the job with another bootstrap.sh."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(collect.job())) as before, tarfile.open(fileobj=archive, mode="w") as after:
        for member in before.getmembers():
            content = before.extractfile(member)
            assert content
            text = content.read()
            if member.name == "bootstrap.sh":
                assert old.encode() in text
                text = text.replace(old.encode(), new.encode())
                member.size = len(text)
            after.addfile(member, io.BytesIO(text))
    return archive.getvalue()


def job_on_the_volume(notebook: Notebook) -> Path:
    return notebook.state / "job.tar"


def status_of_root(notebook: Notebook) -> str:
    return (notebook.root / "run/trainyard/status").read_text()


def log(notebook: Notebook) -> str:
    return (notebook.state / "bootstrap.log").read_text()


# on_create


def test_a_new_volume_gets_its_folder(notebook: Notebook) -> None:
    notebook.run("on_create.sh")
    assert (notebook.state / "created").read_text().endswith(" dev atlas\n")


@pytest.mark.parametrize("script", ["on_create.sh", "on_start.sh"])
def test_a_script_succeeds_whatever_fails(notebook: Notebook, script: str) -> None:
    for each in notebook.bin.iterdir():
        if each.name not in ("bash", "env"):
            each.unlink()
    assert notebook.run(script).returncode == 0


@pytest.mark.parametrize("script", ["on_create.sh", "on_start.sh"])
def test_a_script_without_settings_succeeds(notebook: Notebook, script: str) -> None:
    notebook.settings = {"RETRY_SECONDS": "0"}
    assert notebook.run(script).returncode == 0


@pytest.mark.parametrize("script", ["on_create.sh", "on_start.sh"])
def test_a_script_that_nobody_listens_to_succeeds(notebook: Notebook, script: str) -> None:
    assert notebook.run(script, before="exec >&-").returncode == 0


@pytest.mark.parametrize(("script", "program"), [("on_create.sh", "sudo"), ("on_start.sh", "systemd-run")])
def test_a_program_that_hangs_is_given_up(notebook: Notebook, script: str, program: str) -> None:
    notebook.stand_in(notebook.bin / program, "exec sleep 60")
    # `timeout OPTIONS SECONDS COMMAND`, with less patience; 0 is for ever.
    timeout = f"""
while [[ $1 == -* ]]; do shift; done
[ "$1" = 0 ] || set -- 0.5 "${{@:2}}"
exec {shutil.which("timeout")} "$@"
"""
    notebook.stand_in(notebook.bin / "timeout", timeout)
    assert notebook.run(script).returncode == 0
    assert notebook.called(program)


# on_start: the loader


def test_a_start_calls_nothing_that_may_take_long(notebook: Notebook) -> None:
    """Nothing but systemd-run, which here starts nothing."""
    notebook.stand_in(notebook.bin / "systemd-run", "")
    notebook.run("on_start.sh")
    assert [call.split()[0] for call in notebook.calls] == ["systemd-run"]


def test_a_creation_calls_nothing_but_once_as_the_user(notebook: Notebook) -> None:
    notebook.run("on_create.sh")
    assert [call.split()[0] for call in notebook.calls] == ["sudo"]


def test_a_start_does_not_wait_for_its_job(notebook: Notebook) -> None:
    (notebook.root / "wait-aws").touch()
    notebook.run("on_start.sh")
    assert notebook.is_running()


def test_a_start_without_systemd_does_not_wait_for_its_job(notebook: Notebook) -> None:
    (notebook.bin / "systemd-run").unlink()
    (notebook.root / "wait-aws").touch()
    notebook.run("on_start.sh")
    assert notebook.is_running()


def test_a_start_without_systemd_ends_as_one_with_it(notebook: Notebook) -> None:
    (notebook.bin / "systemd-run").unlink()
    notebook.start()
    assert notebook.steps == ALL_READY


@pytest.mark.parametrize(
    "setting", ["RuntimeMaxSec=2h", "Restart=on-failure", "RestartSec=2min", "StartLimitIntervalSec=0"]
)
def test_the_job_is_ended_and_tried_again_by_systemd(started: Notebook, setting: str) -> None:
    assert f" -p{setting} " in started.called("systemd-run")[0]


def test_the_job_is_not_tried_for_ever(notebook: Notebook) -> None:
    notebook.publish(changed("\nbegin\n", "\nexit 1\n"))
    notebook.start()
    codes = [notebook.bash(notebook.lib / "job.sh").returncode for _ in range(3)]
    assert codes == [1, 1, 0]


def test_two_starts_at_once_do_not_disturb_each_other(notebook: Notebook) -> None:
    (notebook.bin / "mv").unlink()
    notebook.stand_in(notebook.bin / "mv", f'sleep 0.2; exec {shutil.which("mv")} "$@"')
    notebook.stand_in(notebook.bin / "systemd-run", "")
    with ThreadPoolExecutor() as starts:
        for _ in range(3):
            both = [starts.submit(notebook.run, "on_start.sh") for _ in range(2)]
            assert not [start for start in both if "cannot be written" in start.result().stdout]
            assert notebook.bash("-n", notebook.lib / "job.sh").returncode == 0


def test_systemd_knows_the_settings_of_the_job(started: Notebook, tmp_path: Path) -> None:
    settings = re.findall(r" -p(\S+)", started.called("systemd-run")[0])
    of_unit = [each for each in settings if each.startswith("StartLimit")]
    of_service = [each for each in settings if each not in of_unit]
    lines = ["[Unit]", *of_unit, "[Service]", "ExecStart=/bin/true", *of_service]
    assert verify(tmp_path / "job.service", "\n".join(lines)) == ""


def test_settings_reach_the_job_as_they_are(notebook: Notebook) -> None:
    notebook.settings["TEAM"] = 'a "quoted" $(team) `here`'
    notebook.start()
    result = notebook.bash("-c", f'source {notebook.root}/etc/trainyard/settings; printf %s "$TRAINYARD_TEAM"')
    assert result.stdout == notebook.settings["TEAM"]


def test_scripts_whose_hash_is_wrong_are_not_run(notebook: Notebook) -> None:
    notebook.put(notebook.settings["JOB"], changed("\nbegin\n", f"\ntouch {notebook.root}/harm\n"))
    notebook.start()
    assert not (notebook.root / "harm").exists()


def test_scripts_whose_hash_is_wrong_are_told(notebook: Notebook) -> None:
    notebook.put(notebook.settings["JOB"], "other")
    assert f"failed fetch: no scripts of the right hash from {notebook.settings['JOB']}; " in notebook.start()
    assert "Not ready yet: no scripts of the right hash from s3://assets/" in notebook.page


def test_scripts_whose_hash_is_wrong_are_not_kept(notebook: Notebook) -> None:
    notebook.put(notebook.settings["JOB"], "other")
    notebook.start()
    assert not job_on_the_volume(notebook).exists()


STOP = f"aws sagemaker stop-notebook-instance --region eu-west-1 --notebook-instance-name {INSTANCE}"


@pytest.mark.parametrize(
    ("limit", "told", "up", "stops"),
    [
        ("180", "180 minutes", 179, False),
        ("180", "180 minutes", 180, True),
        ("15", "60 minutes", 59, False),
        ("15", "60 minutes", 60, True),
        ("0", "", 10000, False),
    ],
)
def test_an_instance_without_scripts_stops(notebook: Notebook, limit: str, told: str, up: int, *, stops: bool) -> None:
    notebook.settings["IDLE_MINUTES"] = limit
    notebook.put(notebook.settings["JOB"], "other")
    notebook.up(up)
    notebook.start()
    assert (STOP in notebook.calls) is stops
    assert ("without them the instance stops after" in notebook.page) is bool(told)
    assert told in notebook.page


@pytest.mark.parametrize(("hours", "stops"), [(23, False), (25, True)])
def test_an_instance_without_scripts_is_kept_awake_for_a_day(notebook: Notebook, hours: int, *, stops: bool) -> None:
    file = notebook.volume / ".keep-awake"
    file.touch()
    os.utime(file, (time.time() - hours * 3600,) * 2)
    notebook.put(notebook.settings["JOB"], "other")
    notebook.up(minutes=60)
    notebook.start()
    assert (STOP in notebook.calls) is stops


def test_scripts_that_come_late_are_run(notebook: Notebook) -> None:
    right = notebook.settings["JOB"]
    notebook.put(right, "other")
    notebook.start()
    assert [notebook.bash(notebook.lib / "job.sh").returncode for _ in range(3)] == [1, 1, 1]
    notebook.put(right, collect.job())
    notebook.bash(notebook.lib / "job.sh")
    assert notebook.steps == ALL_READY


def test_s3_is_asked_again_when_it_does_not_answer(notebook: Notebook) -> None:
    (notebook.root / "fail-aws").touch()
    notebook.start()
    assert sum(notebook.settings["JOB"] in call for call in notebook.called("aws s3 cp")) == 10


def test_the_copy_on_the_volume_serves_when_s3_does_not_answer(notebook: Notebook) -> None:
    notebook.start()
    (notebook.root / "fail-aws").touch()
    notebook.restart()
    assert notebook.steps == {**ALL_READY, "bootstrap": "failed", "packages": "failed"}


def test_the_copy_on_the_volume_spares_s3(notebook: Notebook) -> None:
    notebook.start()
    notebook.restart()
    assert not notebook.called("aws s3 cp")


def test_a_changed_copy_on_the_volume_is_not_run(notebook: Notebook) -> None:
    notebook.start()
    job_on_the_volume(notebook).write_bytes(changed("\nbegin\n", f"\ntouch {notebook.root}/harm\n"))
    (notebook.root / "fail-aws").touch()
    notebook.restart()
    assert not (notebook.root / "harm").exists()


def test_a_changed_copy_on_the_volume_is_fetched_anew(notebook: Notebook) -> None:
    notebook.start()
    job_on_the_volume(notebook).write_text("other")
    notebook.restart()
    assert job_on_the_volume(notebook).read_bytes() == collect.job()


def test_scripts_of_a_new_deployment_take_the_place_of_the_copy(notebook: Notebook) -> None:
    notebook.start()
    other = changed("\nbegin\n", "\nbegin\nstep new true\n")
    notebook.publish(other)
    notebook.restart()
    assert notebook.steps["new"] == "ok"
    assert job_on_the_volume(notebook).read_bytes() == other


def test_a_pipe_for_a_copy_holds_nothing_up(notebook: Notebook) -> None:
    os.mkfifo(job_on_the_volume(notebook))
    notebook.start()
    assert notebook.steps == ALL_READY


def test_root_writes_nothing_on_the_volume(notebook: Notebook) -> None:
    """When it cannot become the user, nothing gets there."""
    before = sorted(notebook.volume.rglob("*"))
    (notebook.root / "fail-sudo").touch()
    notebook.start()
    assert sorted(notebook.volume.rglob("*")) == before


@pytest.fixture
def two_users() -> Iterator[Notebook]:
    """A notebook whose user is another one than root: the machine's own root, or that of a namespace."""
    # The folders of pytest are closed to other users.
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    made = with_packages(Notebook(folder / "root"))
    if os.geteuid():
        made.inside = ("unshare", "--map-root-user", "--map-auto")
    for name in ("calls", "token"):
        (made.root / name).touch()
        (made.root / name).chmod(0o666)
    become = "--reuid=1000 --regid=1000 --clear-groups"
    made.stand_in(made.bin / "sudo", f'shift 3; exec 9>&-; exec {shutil.which("setpriv")} {become} "$@"')
    made.bash("-c", f"chown -R 1000:1000 {made.root}/home")
    yield made
    made.close()
    made.bash("-c", f"rm -rf {folder}")


def test_nothing_of_the_user_belongs_to_root(two_users: Notebook) -> None:
    two_users.settings |= {"FILE_SYSTEMS": "scratch:fs-1.example:abcde", "EFS_FILE_SYSTEMS": "home:fs-0123"}
    for _ in range(2):
        two_users.start()
        assert two_users.steps == ALL_READY | {"file-system-fsx-scratch": "ok", "file-system-efs-home": "ok"}
    home = two_users.root / "home/ec2-user"
    assert (two_users.volume / "fsx").is_symlink()
    assert not [each for each in (home, *home.rglob("*")) if each.lstat().st_uid == os.geteuid()]


# the job


def test_no_user_can_hold_a_lock(started: Notebook) -> None:
    locks = list((started.root / "run/trainyard").glob("*.lock"))
    assert {lock.name for lock in locks} == {"bootstrap.lock", "dnf.lock", "report.lock"}
    assert {lock.stat().st_mode & 0o777 for lock in locks} == {0o600}


def test_all_steps_are_recorded(started: Notebook) -> None:
    assert started.steps == ALL_READY


def test_kernels_of_the_last_start_are_there_before_s3_is_asked(notebook: Notebook) -> None:
    notebook.start()
    shutil.rmtree(notebook.root / "home/ec2-user/.local")
    (notebook.root / "wait-aws").touch()
    notebook.run("on_start.sh")
    until(lambda: notebook.kernels)
    assert notebook.is_running()


def test_a_start_registers_kernels_again(notebook: Notebook) -> None:
    notebook.start()
    before = notebook.kernels
    notebook.restart()
    assert notebook.kernels == before == KERNELS


def test_kernels_get_the_variables_of_the_team(started: Notebook) -> None:
    assert "--env AWS_DEFAULT_REGION=eu-west-1" in started.called("python -I")[0]


def test_a_changed_spec_is_built(notebook: Notebook) -> None:
    notebook.start()
    notebook.put(f"{PREFIX}/requirements.txt", "numpy==2.5.0\n")
    notebook.restart()
    assert notebook.kernels["trainyard-requirements"] == "numpy==2.5.0\n"


@pytest.mark.parametrize("linked", ["packages", "packages/wheels"])
def test_a_link_among_the_packages_is_not_followed(notebook: Notebook, linked: str) -> None:
    (notebook.volume / "mine").mkdir()
    (notebook.volume / "mine/mine.whl").write_text("mine")
    link = notebook.state / linked
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(notebook.volume / "mine")
    before = notebook.work
    assert f"failed packages: {link} is a link: nothing is copied\n" in notebook.start()
    assert notebook.work == before


def test_what_is_gone_from_the_packages_is_gone_from_the_volume(notebook: Notebook) -> None:
    notebook.put(f"{PREFIX}/wheels/old.whl", "old")
    notebook.start()
    (notebook.root / "s3" / PREFIX / "wheels/old.whl").unlink()
    notebook.restart()
    assert not (notebook.state / "packages/wheels/old.whl").exists()


def test_kernels_that_cannot_be_registered_say_why(notebook: Notebook) -> None:
    notebook.stand_in(notebook.conda, 'if [ "$3" = register ]; then echo "one"; echo "two" >&2; exit 1; fi')
    assert "failed kernels: two\n" in notebook.start()
    assert "\none\ntwo\n" in log(notebook)


def test_a_broken_spec_is_told(kept: Notebook) -> None:
    kept.put(f"{PREFIX}/requirements.txt", BROKEN)
    assert "failed environment-requirements: line 1 is broken\n" in kept.start()
    assert kept.steps == {**ALL_READY, "bootstrap": "failed", "environment-requirements": "failed"}


def test_a_broken_spec_leaves_the_kernel_before(kept: Notebook) -> None:
    kept.start()
    kept.put(f"{PREFIX}/requirements.txt", BROKEN)
    kept.restart()
    assert kept.kernels["trainyard-requirements"] == "numpy==2.4.0\n"


def test_specs_may_have_any_names(notebook: Notebook) -> None:
    names = ("a b", "it's", 'a "b"', "a: b", "$(touch harm)", "*", "@", "ü", "-x", "a\\b", "`]")
    for name in names:
        (notebook.volume / "environments" / f"{name}.txt").write_text("")
    before = notebook.work
    told = notebook.start()
    assert [name for name in names if f"ok environment-{name}\n" not in told] == []
    assert notebook.work == before


def test_builds_without_a_word_are_told(notebook: Notebook) -> None:
    notebook.stand_in(notebook.conda, '[ "$3" != build ]')
    notebook.start()
    assert notebook.steps == {**ready_without_environments(), "bootstrap": "failed", "environments": "failed"}


def test_builds_that_cannot_begin_are_told(notebook: Notebook) -> None:
    notebook.stand_in(notebook.conda, 'if [ "$3" = build ]; then echo "failed environments: it is a link"; exit 1; fi')
    assert "failed environments: it is a link\n" in notebook.start()


def ready_without_environments() -> dict[str, str]:
    return {name: state for name, state in ALL_READY.items() if not name.startswith("environment-")}


def test_without_conda_the_systems_python_builds(notebook: Notebook) -> None:
    notebook.stand_in(notebook.bin / "python3", notebook.conda.read_text())
    notebook.conda.unlink()
    notebook.start()
    assert notebook.called("python3 -I ")


def test_a_team_may_have_no_place_for_packages(notebook: Notebook) -> None:
    notebook.settings["PACKAGES"] = ""
    assert "ok packages: none\n" in notebook.start()


def test_the_token_of_an_index_reaches_the_build(notebook: Notebook) -> None:
    notebook.settings["CODEARTIFACT"] = "team:111122223333:pypi"
    notebook.start()
    assert (notebook.root / "token").read_text() == "the-token\n"
    assert (
        "aws codeartifact get-authorization-token --domain team --domain-owner 111122223333 --region eu-west-1 "
        "--query authorizationToken --output text"
    ) in notebook.calls


def test_the_build_is_told_the_index(notebook: Notebook) -> None:
    notebook.settings["CODEARTIFACT"] = "team:111122223333:pypi"
    notebook.start()
    address = "https://team-111122223333.d.codeartifact.eu-west-1.amazonaws.com/pypi/pypi/simple/"
    assert f" --index-url {address}" in next(call for call in notebook.called("python") if " build " in call)


def test_the_token_of_an_index_is_in_no_command_line_and_no_log(notebook: Notebook) -> None:
    notebook.settings["CODEARTIFACT"] = "team:111122223333:pypi"
    notebook.start()
    files = (notebook.root / "calls", *(notebook.root / "var/log").rglob("*.*"), *notebook.state.rglob("*.log"))
    assert not [file for file in files if "the-token" in file.read_text()]


def test_without_a_token_environments_are_looked_at(notebook: Notebook) -> None:
    notebook.settings["CODEARTIFACT"] = "team:111122223333:pypi"
    notebook.start()
    (notebook.root / "fail-aws").touch()
    notebook.restart()
    assert (notebook.root / "token").read_text() == "no token\n"
    assert notebook.steps["environments"] == "ok"


def test_a_step_that_fails_does_not_stop_the_others(notebook: Notebook) -> None:
    (notebook.root / "fail-systemctl").touch()
    notebook.start()
    assert notebook.steps == {**ALL_READY, "bootstrap": "failed", "idle-stop": "failed"}


def test_a_mount_that_hangs_does_not_delay_kernels(notebook: Notebook) -> None:
    notebook.settings["FILE_SYSTEMS"] = "scratch:fs-1.example:abcde"
    (notebook.root / "wait-mount").touch()
    notebook.run("on_start.sh")
    until(lambda: notebook.steps.get("backup") == "ok")
    assert notebook.steps["file-system-fsx-scratch"] == "running"
    assert "- File system `/fsx/scratch`\n" in notebook.page
    assert notebook.is_running()


def test_a_second_run_gives_the_same(notebook: Notebook) -> None:
    notebook.start()
    first = (notebook.steps, notebook.kernels)
    notebook.start()
    assert (notebook.steps, notebook.kernels) == first


def test_of_two_starts_at_once_one_does_the_work(kept: Notebook) -> None:
    (kept.root / "wait-systemctl").touch()
    kept.run("on_start.sh")
    until(lambda: kept.called("systemctl"))
    assert kept.bash(kept.lib / "job.sh").returncode == 0
    (kept.root / "wait-systemctl").unlink()
    kept.wait()
    assert len(kept.called("systemctl daemon-reload")) == 1
    assert kept.steps == ALL_READY


def test_a_start_without_network(kept: Notebook) -> None:
    kept.start()
    before = kept.kernels
    (kept.root / "fail-aws").touch()
    kept.inside = ("unshare", "-rn")
    kept.restart()
    assert kept.kernels == before
    assert kept.steps == {**ALL_READY, "bootstrap": "failed", "packages": "failed"}


def test_a_first_start_without_network_is_made_good_by_the_next(kept: Notebook) -> None:
    (kept.root / "fail-aws").touch()
    kept.inside = ("unshare", "-rn")
    kept.start()
    assert kept.steps == {"fetch": "failed"}
    kept.inside = ()
    (kept.root / "fail-aws").unlink()
    kept.start()
    assert kept.steps == ALL_READY


def test_the_real_builder_is_called_as_it_wants_to_be(notebook: Notebook) -> None:
    """A small environment of the team, a broken one of the user, and a later start without network."""
    notebook.stand_in(notebook.conda, f'exec {sys.executable} "$@"')
    wheel(notebook.root / "s3" / PREFIX / "wheels", "ipykernel", "7.0", {"ipykernel_launcher.py": ""})
    notebook.put(f"{PREFIX}/requirements.txt", "# nothing more\r\n")
    (notebook.volume / "environments" / 'it\'s "mine".txt').write_text("no-such-package==1\n")
    (notebook.volume / "environments" / "mine.txt").unlink()
    before = notebook.work
    assert "ok environment-atlas: built with pip: " in notebook.start()
    assert 'failed environment-it\'s "mine": ' in notebook.status
    (notebook.root / "fail-aws").touch()
    notebook.inside = ("unshare", "-rn")
    assert "ok environment-atlas: built with pip: " in notebook.restart()
    (kernel,) = [json.loads(text) for text in notebook.kernels.values()]
    assert kernel["display_name"] == "Trainyard (atlas)"
    assert kernel["env"]["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert notebook.work == before


# killed


def killed_at(line: int) -> bytes:
    """A job that is killed, with all that it started, when it has recorded that many lines."""
    kill = """
eval "real_$(declare -f record)"
record() {
    real_record "$@"
    if [ "$(grep -c '' "$journal")" = LINE ] && mkdir "$root/killed"; then kill -KILL 0; fi
}
begin
""".replace("LINE", str(line))
    return changed("\nbegin\n", kill)


def is_made_good(notebook: Notebook) -> None:
    assert notebook.steps == ALL_READY
    assert notebook.kernels == KERNELS
    assert "**Ready** since" in notebook.page
    assert not list(notebook.volume.rglob("*.new"))


def test_a_start_records_so_much(notebook: Notebook) -> None:
    notebook.publish(killed_at(RECORDS + 1))
    notebook.start()
    assert (notebook.root / "run/trainyard/journal").read_text().count("\n") == RECORDS


@pytest.mark.parametrize("line", range(1, RECORDS + 1, 3))
def test_a_job_killed_at_any_step_is_made_good_by_the_next(kept: Notebook, line: int) -> None:
    kept.publish(killed_at(line))
    kept.start()
    assert (kept.root / "killed").exists()
    kept.start()
    is_made_good(kept)


@pytest.mark.parametrize(
    ("program", "call", "before"),
    [
        ("aws", 1, False),
        ("aws", 2, True),
        ("cp", 1, False),
        ("cp", 3, True),
        ("cp", 12, False),
        ("mv", 1, True),
        ("mv", 5, False),
        ("tar", 1, True),
        ("rm", 1, False),
        ("tail", 4, True),
    ],
)
def test_a_job_killed_in_a_program_is_made_good_by_the_next(
    kept: Notebook, program: str, call: int, *, before: bool
) -> None:
    """With what it writes half written."""
    if before:
        kept.start()
        (kept.root / "run/trainyard/bootstrap.lock").unlink()
    real = kept.bin / f"real-{program}"
    (kept.bin / program).rename(real)
    kept.stand_in(
        kept.bin / program,
        f"""
[ ! -e "$root/run/trainyard/bootstrap.lock" ] || echo >>"$root/count"
if [ "$(grep -c '' "$root/count")" = {call} ] && mkdir "$root/killed"; then
    case $name in
        cp) head -c 9 "${{*: -2:1}}" >"${{*: -1}}" ;;
        aws) echo half ;;
    esac
    kill -KILL 0
fi
exec "{real}" "$@"
""",
    )
    kept.start()
    kept.restart()
    is_made_good(kept)


def test_what_is_killed_by_a_power_cut_is_made_good_by_the_next(kept: Notebook) -> None:
    (kept.root / "wait-aws").touch()
    kept.run("on_start.sh")
    until(lambda: kept.called("aws"))
    kept.kill()
    (kept.root / "wait-aws").unlink()
    kept.restart()
    is_made_good(kept)


def test_a_job_that_is_ended_says_so(notebook: Notebook) -> None:
    notebook.publish(changed("\nbegin\n", "\nbegin\nstep last kill -TERM $$\n"))
    assert "failed last: interrupted\n" in notebook.start()
    assert "failed bootstrap: interrupted\n" in notebook.status
    assert "**Not all is ready**: interrupted" in notebook.page


def test_systemd_is_told_that_a_job_did_not_end_well(notebook: Notebook) -> None:
    notebook.publish(changed("\nbegin\n", "\nbegin\nstep last kill -TERM $$\n"))
    notebook.start()
    assert notebook.bash(notebook.lib / "job.sh").returncode == 1


# full disks


@pytest.fixture
def limit(kept: Notebook) -> Iterator[Callable[[Path, int], None]]:
    """Gives a folder of the machine a disk of so many kB."""
    holders = []

    def limit(folder: Path, size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        mount = (
            'cp -a "$0" "$0.was"; mount -t tmpfs -o size="$1"k tmpfs "$0"; cp -a "$0.was/." "$0"; echo; exec sleep 99'
        )
        holder = subprocess.Popen(["unshare", "-rm", "bash", "-c", mount, folder, str(size)], stdout=subprocess.PIPE)
        holders.append(holder)
        assert holder.stdout
        holder.stdout.readline()
        kept.inside = ("nsenter", "-t", str(holder.pid), "-U", "-m", "--preserve-credentials")
        if folder == kept.volume:
            kept.volume = Path(f"/proc/{holder.pid}/root{folder}")
            kept.state = kept.volume / ".trainyard"

    yield limit
    kept.wait()
    kept.volume = kept.root / "home/ec2-user/SageMaker"
    kept.state = kept.volume / ".trainyard"
    for holder in holders:
        holder.kill()
        holder.communicate()


def fill(folder: Path) -> None:
    with (folder / "full").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def test_a_full_volume_is_told(kept: Notebook, limit: Callable[[Path, int], None]) -> None:
    kept.start()
    limit(kept.volume, 1500)
    fill(kept.volume)
    before = kept.work
    assert "failed volume: 0MB free\n" in kept.restart().replace(" MB", "MB")
    assert "Delete what you no longer need." in kept.page
    assert kept.work == before
    assert kept.kernels


def test_a_volume_that_was_always_full_loses_nothing(kept: Notebook, limit: Callable[[Path, int], None]) -> None:
    limit(kept.volume, 200)
    fill(kept.volume)
    before = kept.work
    kept.start()
    assert kept.work == before
    assert " failed volume: 0 MB free\n" in status_of_root(kept)


def test_a_full_disk_of_the_system_is_told(kept: Notebook, limit: Callable[[Path, int], None]) -> None:
    limit(kept.root / "usr/local", 4)
    kept.inside = (*kept.inside, "bash", "-c", f'head -c 4096 /dev/zero >{kept.root}/usr/local/full; exec "$@"', "-")
    assert kept.run("on_start.sh").returncode == 0
    kept.wait()
    assert "failed start: the disk of the system is full\n" in kept.status
    assert "Not ready yet: the disk of the system is full." in kept.page


def test_without_room_for_the_log_all_is_made_ready(kept: Notebook, limit: Callable[[Path, int], None]) -> None:
    limit(kept.root / "var", 4)
    kept.inside = (*kept.inside, "bash", "-c", f'head -c 4096 /dev/zero >{kept.root}/var/full; exec "$@"', "-")
    kept.start()
    assert kept.steps == ALL_READY


# the page


def test_the_page_says_that_all_is_ready(started: Notebook) -> None:
    assert re.fullmatch(
        r"# The start of this notebook instance \(a page of Trainyard\)\n\n"
        r"\*\*Ready\*\* since 2\d{3}-\S+Z\.\n\nThe log is `~/SageMaker/\.trainyard/bootstrap\.log`\.\n",
        started.page,
    )


def test_the_page_says_what_is_going_on(notebook: Notebook) -> None:
    (notebook.root / "wait-systemctl").touch()
    notebook.run("on_start.sh")
    until(lambda: notebook.called("systemctl"))
    assert "**Being prepared** since" in notebook.page
    assert "## What is still going on\n\n- Idle stop\n" in notebook.page
    assert "## What is ready\n\n- Settings of the SageMaker SDK\n- Kernels of the environments\n" in notebook.page


def test_the_page_says_what_failed_and_what_to_do(notebook: Notebook) -> None:
    notebook.put(f"{PREFIX}/requirements.txt", BROKEN)
    notebook.start()
    assert "**Not all is ready**: 1 failed" in notebook.page
    assert (
        "## What failed\n\n- Environment `requirements`: line 1 is broken\n"
        "  - If it was built before, the last good one stays in use. Correct its specification. Then stop"
    ) in notebook.page


def test_the_page_says_that_scripts_are_fetched(notebook: Notebook) -> None:
    (notebook.root / "wait-aws").touch()
    notebook.run("on_start.sh")
    until(lambda: notebook.called("aws"))
    assert "Not ready yet: scripts are fetched from s3://assets/" in notebook.page


def test_the_page_of_the_last_start_is_written_anew(notebook: Notebook) -> None:
    notebook.put(f"{PREFIX}/requirements.txt", BROKEN)
    notebook.start()
    notebook.put(f"{PREFIX}/requirements.txt", "numpy==2.4.0\n")
    notebook.restart()
    assert "What failed" not in notebook.page


@pytest.mark.parametrize("content", ["", "mine", "mine\n# The start of this notebook instance (a page of Trainyard)\n"])
def test_a_page_of_the_user_stays(notebook: Notebook, content: str) -> None:
    (notebook.volume / "BOOTSTRAP_STATUS.md").write_text(content)
    notebook.start()
    assert notebook.page == content
    assert notebook.steps == ALL_READY


@pytest.mark.parametrize("target", ["work.ipynb", "nowhere"])
def test_a_link_for_the_page_stays(kept: Notebook, target: str) -> None:
    (kept.volume / "BOOTSTRAP_STATUS.md").symlink_to(target)
    kept.start()
    assert str((kept.volume / "BOOTSTRAP_STATUS.md").readlink()) == target


def test_a_folder_for_the_page_stays_empty(kept: Notebook) -> None:
    (kept.volume / "BOOTSTRAP_STATUS.md").mkdir()
    kept.start()
    assert not list((kept.volume / "BOOTSTRAP_STATUS.md").iterdir())


def test_a_pipe_for_the_page_holds_nothing_up(kept: Notebook) -> None:
    os.mkfifo(kept.volume / "BOOTSTRAP_STATUS.md")
    kept.start()
    assert kept.steps == ALL_READY


def test_a_link_for_the_status_leads_nowhere(notebook: Notebook, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("as it was")
    (notebook.state / "status").symlink_to(elsewhere)
    notebook.start()
    assert elsewhere.read_text() == "as it was"


# the log


def test_the_log_is_on_the_volume(started: Notebook) -> None:
    assert " running idle-stop\n" in log(started)


def test_the_log_is_in_cloudwatch(started: Notebook) -> None:
    stream = f"--log-group-name /aws/sagemaker/NotebookInstances --log-stream-name {INSTANCE}/trainyard-bootstrap "
    assert stream in started.called("aws logs put-log-events")[0]
    assert " ok bootstrap" in (started.root / "events").read_text()


def test_the_end_of_the_log_waits_for_what_is_still_sent(notebook: Notebook) -> None:
    """The first send takes until the job is at its end."""
    notebook.publish(changed("\nbegin\n", "\nfollow() { send_log; }\nbegin\n"))
    notebook.stand_in(
        notebook.bin / "aws",
        STAND_INS["aws"]
        + """
if [ "$2" = put-log-events ] && mkdir "$root/first"; then
    for _ in {1..200}; do grep -q $'\tok\tbootstrap' "$root/run/trainyard/journal" && break; sleep 0.05; done
    sleep 2
fi
""",
    )
    notebook.start()
    assert " ok bootstrap" in (notebook.root / "events").read_text()


def test_the_log_of_a_job_that_is_ended_is_sent(notebook: Notebook) -> None:
    notebook.publish(changed("\nbegin\n", "\nbegin\nstep last kill -TERM $$\n"))
    notebook.start()
    assert " failed bootstrap: interrupted" in (notebook.root / "events").read_text()


def test_the_log_of_the_start_before_is_kept(notebook: Notebook) -> None:
    notebook.start()
    before = log(notebook)
    notebook.restart()
    assert (notebook.state / "bootstrap.log.1").read_text() == before
    assert log(notebook) != before


def test_a_job_that_is_tried_again_goes_on_in_its_log(notebook: Notebook) -> None:
    notebook.start()
    notebook.start()
    assert log(notebook).count(" ok bootstrap\n") == 2
    assert not (notebook.state / "bootstrap.log.1").exists()


def test_of_a_long_log_the_end_is_kept(notebook: Notebook) -> None:
    notebook.publish(changed("\nbegin\n", "\nbegin\nstep talk eval 'head -c 3000000 /dev/zero | tr \"\\0\" x'\n"))
    (notebook.bin / "tr").symlink_to(shutil.which("tr") or "no tr")
    notebook.start()
    assert (notebook.state / "bootstrap.log").stat().st_size == 1_000_000
    assert log(notebook).endswith(" ok bootstrap\n")


def test_cloudwatch_that_does_not_answer_is_no_failure(notebook: Notebook) -> None:
    notebook.start()
    (notebook.root / "fail-aws").touch()
    notebook.settings["PACKAGES"] = ""
    notebook.restart()
    assert notebook.steps == ALL_READY


# idle stop


def verify(file: Path, text: str) -> str:
    """What systemd has to say of a unit."""
    file.write_text(text)
    result = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True, check=False)
    return "".join(line for line in result.stderr.splitlines(keepends=True) if str(file) in line)


def unit(notebook: Notebook, name: str) -> str:
    return (notebook.root / "etc/systemd/system" / name).read_text()


def test_the_idle_stop_is_started(started: Notebook) -> None:
    assert started.called("systemctl") == [
        "systemctl daemon-reload",
        "systemctl enable --now trainyard-idle-stop.timer",
    ]


def test_the_idle_stop_gets_its_settings(started: Notebook) -> None:
    service = unit(started, "trainyard-idle-stop.service")
    assert f"{started.lib}/job/idle_stop.py --minutes 60 --region eu-west-1\n" in service


def test_the_idle_stop_looks_every_five_minutes(started: Notebook) -> None:
    assert "OnCalendar=*:0/5\n" in unit(started, "trainyard-idle-stop.timer")


def test_what_the_idle_stop_decides_is_logged_and_sent(started: Notebook) -> None:
    service = unit(started, "trainyard-idle-stop.service")
    assert f"StandardOutput=append:{started.root}/var/log/trainyard/idle-stop.log\n" in service
    assert f"{started.lib}/job/send_log.py idle-stop --region eu-west-1 --rotate\n" in service


@pytest.mark.parametrize("name", ["trainyard-idle-stop.service", "trainyard-idle-stop.timer"])
def test_systemd_takes_the_units_of_the_idle_stop(started: Notebook, tmp_path: Path, name: str) -> None:
    (tmp_path / "trainyard-idle-stop.service").write_text(unit(started, "trainyard-idle-stop.service"))
    assert verify(tmp_path / name, unit(started, name)) == ""


def test_systemd_refuses_a_unit_that_it_does_not_know(tmp_path: Path) -> None:
    assert "Unknown key" in verify(tmp_path / "x.service", "[Service]\nExecStart=/bin/true\nNoSuchKey=1\n")


def test_the_idle_stop_can_be_off(notebook: Notebook) -> None:
    notebook.settings["IDLE_MINUTES"] = "0"
    assert "ok idle-stop: off\n" in notebook.start()
    assert not notebook.called("systemctl")
