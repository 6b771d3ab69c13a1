"""How notebook instances mount Lustre and EFS: the steps, run for real, with stand-ins for mounts and packages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lifecycle_scripts.machine import until
from tests.lifecycle_scripts.test_notebook_work import Worker

pytestmark = pytest.mark.slow

LUSTRE = "scratch:fs-1.example:abcde data:fs-2.example:fghij"
EFS = "home:fs-0123 models:fs-4567:fsap-89ab"


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Worker]:
    made = Worker(tmp_path / "root")
    made.settings |= {"FILE_SYSTEMS": LUSTRE, "EFS_FILE_SYSTEMS": EFS}
    yield made
    made.close()


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Worker:
    """A notebook after its mounts, for all who only look at it."""
    made = Worker(tmp_path_factory.mktemp("mounted") / "root")
    made.settings |= {"FILE_SYSTEMS": LUSTRE, "EFS_FILE_SYSTEMS": EFS}
    mount(made)
    return made


def mount(notebook: Worker) -> None:
    notebook.run_steps("mount_file_systems")


def test_every_lustre_file_system_is_mounted(mounted: Worker) -> None:
    options = "-t lustre -o noatime,flock,_netdev"
    assert sorted(mounted.called("mount -t lustre")) == [
        f"mount {options} fs-1.example@tcp:/abcde {mounted.root}/fsx/scratch",
        f"mount {options} fs-2.example@tcp:/fghij {mounted.root}/fsx/data",
    ]


def test_every_efs_file_system_is_mounted_with_tls(mounted: Worker) -> None:
    assert sorted(mounted.called("mount -t efs")) == [
        f"mount -t efs -o tls,_netdev,region=eu-west-1 fs-0123:/ {mounted.root}/efs/home",
        f"mount -t efs -o tls,_netdev,region=eu-west-1,accesspoint=fsap-89ab fs-4567:/ {mounted.root}/efs/models",
    ]


def test_every_mount_is_a_step(mounted: Worker) -> None:
    names = ("fsx-scratch", "fsx-data", "efs-home", "efs-models")
    assert {f"ok file-system-{name}" for name in names} <= mounted.recorded


def test_file_systems_of_one_name_are_two_steps(notebook: Worker) -> None:
    notebook.settings |= {"FILE_SYSTEMS": "data:fs-2.example:fghij", "EFS_FILE_SYSTEMS": "data:fs-0123"}
    notebook.stand_in(notebook.bin / "mount", '[ "$2" = lustre ]')
    mount(notebook)
    assert notebook.recorded == {"ok file-system-fsx-data", "failed file-system-efs-data"}


@pytest.mark.parametrize(("owner_and_mode", "after"), [("0 755", 0o1777), ("0 750", 0o755), ("1000 755", 0o755)])
def test_a_lustre_file_system_that_is_new_is_opened_to_all(notebook: Worker, owner_and_mode: str, after: int) -> None:
    notebook.stand_in(notebook.bin / "stat", f"echo {owner_and_mode}")
    mount(notebook)
    assert (notebook.root / "fsx/scratch").stat().st_mode & 0o7777 == after


def test_an_efs_file_system_stays_as_it_is(notebook: Worker) -> None:
    notebook.stand_in(notebook.bin / "stat", "echo 0 755")
    mount(notebook)
    assert (notebook.root / "efs/home").stat().st_mode & 0o7777 == 0o755


def test_a_file_system_that_the_user_cannot_write_to_is_told(notebook: Worker) -> None:
    notebook.stand_in(notebook.bin / "sudo", '[[ $* != *" test -w "*/efs/* ]] || exit 1; shift 3; exec "$@"')
    mount(notebook)
    assert {"ok file-system-fsx-data", "ok file-system-efs-home: you cannot write at its root"} <= notebook.recorded


def test_the_installation_leaves_the_running_kernel_alone(mounted: Worker) -> None:
    assert set(mounted.called("dnf")) == {
        "dnf install -y --exclude=kernel* lustre-client",
        "dnf install -y --exclude=kernel* amazon-efs-utils",
    }


def test_the_file_systems_are_linked_beside_the_notebooks(mounted: Worker) -> None:
    assert [(mounted.volume / each).readlink() for each in ("fsx", "efs")] == [
        mounted.root / "fsx",
        mounted.root / "efs",
    ]


def test_without_file_systems_nothing_is_called(notebook: Worker) -> None:
    notebook.settings |= {"FILE_SYSTEMS": "", "EFS_FILE_SYSTEMS": ""}
    mount(notebook)
    assert not notebook.called("mount ")
    assert not list(notebook.volume.glob("*"))


@pytest.mark.parametrize(("client", "package"), [("mount.lustre", "lustre-client"), ("mount.efs", "amazon-efs-utils")])
def test_a_client_that_is_there_is_not_installed(notebook: Worker, client: str, package: str) -> None:
    notebook.stand_in(notebook.bin / client, "")
    mount(notebook)
    assert not any(package in call for call in notebook.called("dnf"))


@pytest.mark.parametrize("folder", ["fsx/scratch", "efs/home"])
def test_a_mounted_file_system_is_not_mounted_again(notebook: Worker, folder: str) -> None:
    (notebook.root / folder / ".mounted").mkdir(parents=True)
    mount(notebook)
    assert not any(call.endswith(folder) for call in notebook.called("mount "))


def test_a_second_time_mounts_nothing(notebook: Worker) -> None:
    mount(notebook)
    calls = len(notebook.called("mount "))
    mount(notebook)
    assert len(notebook.called("mount ")) == calls == 4


@pytest.mark.parametrize(("setting", "folder"), [("FILE_SYSTEMS", "fsx"), ("EFS_FILE_SYSTEMS", "efs")])
def test_an_installation_that_fails_is_tried_again(notebook: Worker, setting: str, folder: str) -> None:
    notebook.settings |= {"FILE_SYSTEMS": "", "EFS_FILE_SYSTEMS": ""} | {setting: "scratch:fs-1:abcde"}
    (notebook.root / "fail-dnf").touch()
    mount(notebook)
    assert notebook.recorded == {f"failed file-system-{folder}-scratch"}
    assert len(notebook.called("dnf")) == 5


def test_a_mount_that_fails_is_tried_again(notebook: Worker) -> None:
    (notebook.root / "fail-mount").touch()
    mount(notebook)
    assert len(notebook.called("mount -t efs -o tls,_netdev,region=eu-west-1 fs-0123")) == 5


def test_an_installation_that_fails_leaves_the_other_kind_alone(notebook: Worker) -> None:
    notebook.stand_in(notebook.bin / "mount.efs", "")
    (notebook.root / "fail-dnf").touch()
    mount(notebook)
    assert {"failed file-system-fsx-scratch", "ok file-system-efs-home"} <= notebook.recorded


def test_a_mount_that_hangs_does_not_hold_up_the_others(notebook: Worker) -> None:
    notebook.stand_in(
        notebook.bin / "mount",
        'while [ -e "$root/wait-scratch" ] && [[ $* == *scratch ]]; do sleep 0.05; done; mkdir -p "${*: -1}/.mounted"',
    )
    (notebook.root / "wait-scratch").touch()
    notebook.begin_steps("mount_file_systems")
    others = {"ok file-system-fsx-data", "ok file-system-efs-home", "ok file-system-efs-models"}
    until(lambda: others <= notebook.recorded)
    assert "running file-system-fsx-scratch" in notebook.recorded


@pytest.mark.parametrize("folder", ["fsx", "efs"])
def test_a_folder_that_the_user_has_is_left_alone(notebook: Worker, folder: str) -> None:
    (notebook.volume / folder).mkdir()
    mount(notebook)
    assert not list((notebook.volume / folder).iterdir())


@pytest.mark.parametrize("folder", ["fsx", "efs"])
def test_a_file_that_the_user_has_is_left_alone(notebook: Worker, folder: str) -> None:
    (notebook.volume / folder).write_text("mine")
    mount(notebook)
    assert (notebook.volume / folder).read_text() == "mine"


@pytest.mark.parametrize("folder", ["fsx", "efs"])
def test_a_link_that_the_user_has_is_left_alone(notebook: Worker, folder: str) -> None:
    (notebook.volume / folder).symlink_to("elsewhere")
    mount(notebook)
    assert (notebook.volume / folder).readlink() == Path("elsewhere")


def test_the_tunnel_of_efs_does_not_end_with_the_job(mounted: Worker) -> None:
    assert len(mounted.called("systemd-run --quiet --scope --collect mount -t efs")) == 2
