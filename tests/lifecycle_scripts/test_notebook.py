"""The shell scripts of notebook instances, run for real in a folder that stands for the root of the machine.

They find only the programs in that folder: real ones by link, and stand-ins for AWS, systemd, mounts and packages,
which write down how they were called.
"""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lifecycle_scripts.machine import PREFIX, PYTHON, SCRIPTS, Notebook, until

pytestmark = pytest.mark.slow


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Notebook]:
    made = Notebook(tmp_path / "root")
    yield made
    made.close()


@pytest.fixture
def packaged(notebook: Notebook) -> Notebook:
    """A notebook whose team has packages."""
    return with_packages(notebook)


@pytest.fixture
def lustre(notebook: Notebook) -> Notebook:
    """A notebook with file systems."""
    return with_file_systems(notebook)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Notebook:
    """A notebook with packages and file systems after its start, for all who only look at it."""
    made = with_file_systems(with_packages(Notebook(tmp_path_factory.mktemp("started") / "root")))
    made.start()
    return made


def with_packages(notebook: Notebook) -> Notebook:
    notebook.put(f"{PREFIX}/requirements.txt", "numpy==2.4.0\n")
    notebook.put(f"{PREFIX}/wheels/numpy-2.4.0-py3-none-any.whl", "")
    return notebook


def with_file_systems(notebook: Notebook) -> Notebook:
    notebook.settings["FILE_SYSTEMS"] = "scratch:fs-1.example:abcde data:fs-2.example:fghij"
    return notebook


def environment_of(notebook: Notebook) -> Path:
    return (notebook.state / "environments" / "current").resolve()


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


# on_start


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
    assert "ok idle-stop\n" in notebook.start()


def test_the_job_may_not_run_for_ever(started: Notebook) -> None:
    assert "--property=RuntimeMaxSec=2h" in started.called("systemd-run")[0]


def test_settings_reach_the_job_as_they_are(notebook: Notebook) -> None:
    notebook.settings["TEAM"] = 'a "quoted" $(team) `here`'
    notebook.start()
    result = notebook.bash("-c", f'source {notebook.root}/etc/trainyard/settings; printf %s "$TRAINYARD_TEAM"')
    assert result.stdout == notebook.settings["TEAM"]


def test_a_script_of_the_right_hash_is_run(started: Notebook) -> None:
    assert "ok kernel" in started.status


def test_a_script_whose_hash_is_wrong_is_not_run(notebook: Notebook) -> None:
    notebook.put(notebook.settings["BOOTSTRAP"], f"touch {notebook.root}/harm")
    notebook.start()
    assert not (notebook.root / "harm").exists()


def test_a_script_whose_hash_is_wrong_is_told(notebook: Notebook) -> None:
    notebook.put(notebook.settings["BOOTSTRAP"], "other")
    assert "failed fetch: no bootstrap.sh of the right hash\n" in notebook.start()


def test_a_script_whose_hash_is_wrong_is_not_kept(notebook: Notebook) -> None:
    notebook.put(notebook.settings["BOOTSTRAP"], "other")
    notebook.start()
    assert not (notebook.state / "scripts" / "bootstrap.sh").exists()


def test_s3_is_asked_again_when_it_does_not_answer(notebook: Notebook) -> None:
    (notebook.root / "fail-aws").touch()
    notebook.start()
    assert sum(notebook.settings["BOOTSTRAP"] in call for call in notebook.called("aws s3 cp")) == 10


def test_the_copy_on_the_volume_serves_when_s3_does_not_answer(notebook: Notebook) -> None:
    notebook.start()
    (notebook.root / "fail-aws").touch()
    assert "ok kernel" in notebook.restart()


def test_a_changed_copy_on_the_volume_is_not_run(notebook: Notebook) -> None:
    notebook.start()
    (notebook.state / "scripts" / "bootstrap.sh").write_text(f"touch {notebook.root}/harm")
    (notebook.root / "fail-aws").touch()
    notebook.restart()
    assert not (notebook.root / "harm").exists()


def test_a_changed_copy_on_the_volume_is_fetched_anew(notebook: Notebook) -> None:
    notebook.start()
    copy = notebook.state / "scripts" / "bootstrap.sh"
    copy.write_text("other")
    notebook.restart()
    assert copy.read_text() == (SCRIPTS / "bootstrap.sh").read_text()


def test_a_pipe_for_a_copy_holds_nothing_up(notebook: Notebook) -> None:
    (notebook.state / "scripts").mkdir(parents=True)
    os.mkfifo(notebook.state / "scripts" / "bootstrap.sh")
    assert "ok kernel" in notebook.start()


def test_root_writes_nothing_on_the_volume(notebook: Notebook) -> None:
    """When it cannot become the user, nothing gets there."""
    (notebook.state / "scripts").mkdir(parents=True)
    (notebook.root / "fail-sudo").touch()
    notebook.start()
    assert list(notebook.state.rglob("*")) == [notebook.state / "scripts"]


# bootstrap


def test_two_at_once_do_not_collide(notebook: Notebook) -> None:
    (notebook.root / "wait-systemctl").touch()
    notebook.run("on_start.sh")
    until(lambda: notebook.called("systemctl"))
    notebook.bash(notebook.lib / "bootstrap.sh")
    assert len(notebook.called("systemctl daemon-reload")) == 1


def test_a_second_run_gives_the_same(packaged: Notebook) -> None:
    def without_times(status: str) -> list[str]:
        return [line.split(" ", 1)[1] for line in status.splitlines()]

    packaged.start()
    first = without_times(packaged.status)
    assert without_times(packaged.start()) == first


def test_the_log_is_on_the_volume(started: Notebook) -> None:
    assert "running idle-stop" in (started.state / "bootstrap.log").read_text()


def test_the_log_of_the_start_before_is_kept(notebook: Notebook) -> None:
    notebook.start()
    log = (notebook.state / "bootstrap.log").read_text()
    notebook.restart()
    assert (notebook.state / "bootstrap.log.1").read_text() == log


def test_a_link_for_the_status_leads_nowhere(notebook: Notebook, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("as it was")
    notebook.state.mkdir()
    (notebook.state / "status").symlink_to(elsewhere)
    notebook.start()
    assert elsewhere.read_text() == "as it was"


def test_a_step_that_fails_does_not_stop_the_others(notebook: Notebook) -> None:
    (notebook.root / "fail-systemctl").touch()
    status = notebook.start()
    assert "failed idle-stop" in status
    assert "ok environment" in status


# idle stop


def test_the_idle_stop_is_started(started: Notebook) -> None:
    assert started.called("systemctl") == [
        "systemctl daemon-reload",
        "systemctl enable --now trainyard-idle-stop.timer",
    ]


def test_the_idle_stop_gets_its_settings(started: Notebook) -> None:
    unit = (started.root / "etc/systemd/system/trainyard-idle-stop.service").read_text()
    assert f"{started.lib}/idle_stop.py --minutes 60 --region eu-west-1\n" in unit


def test_the_idle_stop_looks_every_five_minutes(started: Notebook) -> None:
    assert "OnCalendar=*:0/5\n" in (started.root / "etc/systemd/system/trainyard-idle-stop.timer").read_text()


def test_the_idle_stop_can_be_off(notebook: Notebook) -> None:
    notebook.settings["IDLE_MINUTES"] = "0"
    assert "ok idle-stop: off\n" in notebook.start()
    assert not notebook.called("systemctl")


def test_an_idle_stop_whose_hash_is_wrong_is_not_installed(notebook: Notebook) -> None:
    notebook.put(notebook.settings["IDLE_STOP"], "other")
    assert "failed idle-stop: no idle_stop.py of the right hash\n" in notebook.start()
    assert not (notebook.lib / "idle_stop.py").exists()


# file systems


def test_a_mount_that_fails_does_not_stop_the_packages(lustre: Notebook) -> None:
    (lustre.root / "fail-mount").touch()
    status = lustre.start()
    assert "failed file-system-data\n" in status
    assert "ok environment" in status


def test_a_mount_that_hangs_does_not_delay_the_packages(lustre: Notebook) -> None:
    (lustre.root / "wait-mount").touch()
    lustre.run("on_start.sh")
    until(lambda: "ok environment" in lustre.status)
    assert lustre.is_running()


# packages


def test_without_packages_there_is_no_kernel(notebook: Notebook) -> None:
    assert f"ok environment: no requirements.txt in {PREFIX}\n" in notebook.start()
    assert not notebook.kernel.exists()


def test_a_team_may_have_no_place_for_packages(notebook: Notebook) -> None:
    notebook.settings["PACKAGES"] = ""
    assert "ok environment: no packages\n" in notebook.start()


def test_packages_come_from_the_teams_wheels_alone(started: Notebook) -> None:
    options = f"--no-index --find-links {started.state}/packages/wheels --only-binary :all:"
    assert [options in call for call in started.called("python -m pip")] == [True, True]


def test_hashes_are_required_where_there_are_some(packaged: Notebook) -> None:
    packaged.put(f"{PREFIX}/requirements.txt", "numpy==2.4.0 --hash=sha256:abc\n")
    packaged.start()
    assert "--require-hashes -r" in packaged.called("python -m pip")[0]


def test_the_environment_can_be_a_kernel(started: Notebook) -> None:
    assert started.called("python -m pip")[1].endswith(" ipykernel")


def test_the_kernel_is_named_after_the_team(started: Notebook) -> None:
    assert json.loads(started.kernel.read_text())["display_name"] == "Trainyard (atlas)"


def test_the_kernel_is_the_environments_python(started: Notebook) -> None:
    assert json.loads(started.kernel.read_text())["argv"][0] == f"{environment_of(started)}/bin/python"


def test_the_kernel_is_registered_again_without_a_rebuild(packaged: Notebook) -> None:
    packaged.start()
    packaged.restart()
    assert packaged.kernel.exists()
    assert not packaged.called("python -m venv")


def test_the_kernel_is_registered_when_s3_does_not_answer(packaged: Notebook) -> None:
    packaged.start()
    (packaged.root / "fail-aws").touch()
    assert "failed environment" in packaged.restart()
    assert packaged.kernel.exists()


def test_an_environment_whose_python_is_gone_is_no_kernel(packaged: Notebook) -> None:
    packaged.start()
    (environment_of(packaged) / "bin" / "python").unlink()
    (packaged.root / "fail-aws").touch()
    packaged.restart()
    assert not packaged.kernel.exists()


@pytest.mark.parametrize(
    ("file", "text"),
    [("requirements.txt", "numpy==2.4.1\n"), ("wheels/ipykernel-7.0-py3-none-any.whl", "")],
)
def test_changed_packages_are_built_anew(packaged: Notebook, file: str, text: str) -> None:
    packaged.start()
    before = environment_of(packaged)
    packaged.put(f"{PREFIX}/{file}", text)
    packaged.restart()
    assert environment_of(packaged) != before


def test_another_python_builds_anew(packaged: Notebook) -> None:
    packaged.start()
    before = environment_of(packaged)
    packaged.stand_in(packaged.conda, PYTHON.replace("3.10.14", "3.12.0"))
    packaged.restart()
    assert environment_of(packaged) != before


def test_a_failed_build_leaves_the_environment_before(packaged: Notebook) -> None:
    packaged.start()
    before = environment_of(packaged)
    packaged.put(f"{PREFIX}/requirements.txt", "numpy==9\n")
    (packaged.root / "fail-pip").touch()
    assert "failed environment: see bootstrap.log; the environment before stays\n" in packaged.restart()
    assert json.loads(packaged.kernel.read_text())["argv"][0] == f"{before}/bin/python"


def test_a_failed_build_leaves_nothing_else(packaged: Notebook) -> None:
    packaged.start()
    packaged.put(f"{PREFIX}/requirements.txt", "numpy==9\n")
    (packaged.root / "fail-pip").touch()
    packaged.restart()
    assert len(list((packaged.state / "environments").iterdir())) == 2


def test_a_build_that_was_cut_off_is_begun_again(packaged: Notebook) -> None:
    packaged.start()
    (environment_of(packaged) / ".complete").unlink()
    packaged.restart()
    assert packaged.called("python -m venv")


def test_only_the_environment_before_is_kept(packaged: Notebook) -> None:
    built = []
    for version in ("1", "2", "3"):
        packaged.put(f"{PREFIX}/requirements.txt", f"numpy=={version}\n")
        packaged.restart()
        built.append(environment_of(packaged))
    assert sorted((packaged.state / "environments").glob("*[!t]")) == sorted(built[1:])


def test_a_start_without_a_change_keeps_the_environment_before(packaged: Notebook) -> None:
    packaged.start()
    before = environment_of(packaged)
    packaged.put(f"{PREFIX}/requirements.txt", "numpy==9\n")
    packaged.restart()
    packaged.restart()
    assert before.exists()


def test_the_way_back_needs_no_build(packaged: Notebook) -> None:
    packaged.start()
    before = environment_of(packaged)
    packaged.put(f"{PREFIX}/requirements.txt", "numpy==9\n")
    packaged.restart()
    packaged.put(f"{PREFIX}/requirements.txt", "numpy==2.4.0\n")
    packaged.restart()
    assert environment_of(packaged) == before
    assert not packaged.called("python -m venv")


def test_without_conda_the_systems_python_serves(packaged: Notebook) -> None:
    packaged.conda.unlink()
    packaged.stand_in(packaged.bin / "python3", PYTHON)
    packaged.start()
    assert packaged.called("python3 -m venv")


def wheel(folder: Path, name: str) -> None:
    """The smallest wheel that pip installs."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def test_a_real_environment_has_the_packages(notebook: Notebook) -> None:
    notebook.put(f"{PREFIX}/requirements.txt", "trainyard_example==1.0\n")
    wheels = notebook.root / "s3" / PREFIX / "wheels"
    wheels.mkdir()
    for name in ("trainyard_example", "ipykernel"):
        wheel(wheels, name)
    notebook.conda.unlink()
    notebook.conda.symlink_to(sys.executable)
    assert "ok environment\n" in notebook.start()
    python = json.loads(notebook.kernel.read_text())["argv"][0]
    subprocess.run([python, "-c", "import trainyard_example, ipykernel"], check=True)
