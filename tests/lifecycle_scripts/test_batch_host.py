"""The script that prepares Batch hosts, run for real in a folder that stands for the root of the machine.

It finds only the programs in that folder: two real ones by link, and stand-ins for whatever would change the machine,
which write down how they were called.
"""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from lifecycle_scripts import collect
from trainyard.script_settings import file_systems, told

SCRIPT = collect.text(collect.FOLDER / "batch" / "host.sh")
REAL = ("grep", "mkdir")
STAND_INS = ("dnf", "mount", "shutdown", "sleep", "systemctl")

BLOCKED = "ECS_AWSVPC_BLOCK_IMDS=true"
SCRATCH = {"scratch": ("fs-1.fsx.eu-west-1.amazonaws.com", "abcd")}
BOTH = {**SCRATCH, "home": ("fs-2.fsx.eu-west-1.amazonaws.com", "efgh")}
INSTALL = "dnf install -y lustre-client"
LEAVE = ["systemctl mask --now ecs", "shutdown -h now"]


class Host:
    """A host that has just started: nothing is mounted, and everything works."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "usr/bin"
        self.config = root / "etc/ecs/ecs.config"
        self._calls = root / "calls"
        self._calls.touch()
        self.bin.mkdir(parents=True)
        for name in REAL:
            (self.bin / name).symlink_to(shutil.which(name) or f"no {name}")
        for name in STAND_INS:
            self.stand_in(name, "exit 0")
        self.stand_in("mountpoint", "exit 1")

    def stand_in(self, name: str, body: str) -> None:
        """What a program does, after its call is written down."""
        file = self.bin / name
        # It may be a link to the real program of this machine.
        file.unlink(missing_ok=True)
        file.write_text(f'#!/bin/bash\necho "{name} $*" >>"{self._calls}"\n{body}\n')
        file.chmod(0o755)

    def fails(self, call: str, times: int = 99) -> None:
        """Calls that begin so fail, the given number of times."""
        name = call.split()[0]
        so_far = f'$(grep -c "^{call}\\b" "{self._calls}")'
        self.stand_in(name, f'[[ "{name} $*" != "{call}"* ]] || [ "{so_far}" -gt {times} ] || exit 1')

    def start(self, mounts: Mapping[str, tuple[str, str]], *, errors: bool = False) -> str:
        """Runs the script as a host gets it; gives what it said."""
        # The tests may run as root on a machine that somebody needs.
        assert 'export PATH="$root/' in SCRIPT
        result = subprocess.run(
            ["/bin/bash", "-c", told(SCRIPT, {"FILE_SYSTEMS": file_systems(mounts)})],
            env={"TRAINYARD_ROOT": str(self.root)},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert bool(result.stderr) == errors
        return result.stdout

    def mount_of(self, name: str) -> str:
        dns_name, mount_name = BOTH[name]
        return f"mount -t lustre -o noatime,flock,_netdev {dns_name}@tcp:/{mount_name} {self.root}/fsx/{name}"

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines()

    def calls_of(self, name: str) -> list[str]:
        return [call for call in self.calls if call.split()[0] == name]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_containers_with_a_network_of_their_own_do_not_get_the_role_of_the_host(host: Host) -> None:
    host.start({})
    assert host.config.read_text() == f"{BLOCKED}\n"


def test_what_the_agent_was_told_before_stays(host: Host) -> None:
    host.config.parent.mkdir(parents=True)
    host.config.write_text("ECS_CLUSTER=pool\n")
    host.start({})
    assert host.config.read_text().splitlines() == ["ECS_CLUSTER=pool", BLOCKED]


def test_a_second_run_tells_the_agent_nothing_twice(host: Host) -> None:
    host.start({})
    host.start({})
    assert host.config.read_text() == f"{BLOCKED}\n"


@pytest.mark.parametrize("line", [f"#{BLOCKED}", "ECS_AWSVPC_BLOCK_IMDS=false", f"{BLOCKED}ish"])
def test_a_line_that_does_not_close_the_metadata_is_not_taken_for_one_that_does(host: Host, line: str) -> None:
    """Of two lines for one setting the last counts."""
    host.config.parent.mkdir(parents=True)
    host.config.write_text(f"{line}\n")
    host.start({})
    assert host.config.read_text().splitlines() == [line, BLOCKED]


def test_metadata_are_closed_even_where_nothing_can_be_mounted(host: Host) -> None:
    host.fails("dnf")
    host.start(SCRATCH)
    assert host.config.read_text() == f"{BLOCKED}\n"


def test_a_host_that_cannot_close_the_metadata_takes_no_job_and_goes(host: Host) -> None:
    (host.root / "etc").write_text("a file stands where the folder should be")
    host.start(SCRATCH, errors=True)
    assert host.calls == LEAVE


def test_without_file_systems_nothing_is_installed_or_mounted(host: Host) -> None:
    host.start({})
    assert host.calls == []


def test_a_file_system_is_mounted_once_its_client_is_installed(host: Host) -> None:
    host.start(SCRATCH)
    assert [call for call in host.calls if call.split()[0] != "mountpoint"] == [INSTALL, host.mount_of("scratch")]


def test_every_file_system_is_mounted_in_its_own_folder(host: Host) -> None:
    host.start(BOTH)
    assert host.calls_of("mount") == [host.mount_of("scratch"), host.mount_of("home")]
    assert all((host.root / "fsx" / name).is_dir() for name in BOTH)


def test_it_is_said_what_was_mounted(host: Host) -> None:
    said = host.start(BOTH).splitlines()
    assert [line.partition(" ")[2] for line in said] == ["trainyard: mounted scratch", "trainyard: mounted home"]


def test_what_is_mounted_already_is_not_mounted_again(host: Host) -> None:
    host.stand_in("mountpoint", f'[ "$*" = "-q {host.root}/fsx/scratch" ]')
    host.start(BOTH)
    assert host.calls_of("mount") == [host.mount_of("home")]


def test_the_package_manager_is_asked_again_while_another_program_uses_it(host: Host) -> None:
    host.fails("dnf", times=3)
    host.start(SCRATCH)
    assert host.calls_of("dnf") == [INSTALL] * 4
    assert host.calls_of("mount") == [host.mount_of("scratch")]


def test_a_file_system_that_does_not_answer_yet_is_asked_again(host: Host) -> None:
    host.fails("mount", times=9)
    host.start(SCRATCH)
    assert host.calls_of("mount") == [host.mount_of("scratch")] * 10
    assert not host.calls_of("shutdown")


def test_between_two_attempts_there_are_some_seconds(host: Host) -> None:
    host.fails("mount", times=2)
    host.start(SCRATCH)
    assert host.calls_of("sleep") == ["sleep 15"] * 2


def test_it_is_said_which_attempt_failed(host: Host) -> None:
    host.fails("dnf", times=1)
    assert f" trainyard: attempt 1 of 10 failed: {INSTALL}\n" in host.start(SCRATCH)


def test_a_host_with_its_file_systems_takes_jobs(host: Host) -> None:
    host.start(BOTH)
    assert not host.calls_of("systemctl")
    assert not host.calls_of("shutdown")


@pytest.mark.parametrize("program", ["dnf", "mount"])
def test_a_host_without_its_file_systems_takes_no_job_and_goes(host: Host, program: str) -> None:
    host.fails(program)
    said = host.start(SCRATCH)
    assert host.calls[-2:] == LEAVE
    assert said.endswith("trainyard: not ready: this host takes no job and goes\n")


@pytest.mark.parametrize("program", ["dnf", "mount"])
def test_a_host_does_not_go_before_the_tenth_attempt(host: Host, program: str) -> None:
    host.fails(program)
    host.start(SCRATCH)
    assert len(host.calls_of(program)) == 10


@pytest.mark.parametrize("missing", BOTH)
def test_a_host_goes_when_one_of_its_file_systems_is_missing(host: Host, missing: str) -> None:
    host.fails(host.mount_of(missing))
    host.start(BOTH)
    assert host.calls[-2:] == LEAVE


def test_without_the_client_nothing_is_mounted(host: Host) -> None:
    host.fails("dnf")
    host.start(SCRATCH)
    assert not host.calls_of("mount")


def test_a_host_goes_even_where_its_agent_cannot_be_stopped(host: Host) -> None:
    host.fails("dnf")
    host.fails("systemctl")
    host.start(SCRATCH)
    assert host.calls[-1] == "shutdown -h now"
