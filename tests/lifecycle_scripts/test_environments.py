"""environments.py, run for real without a network: its own tools, and packages that the tests make."""

import base64
import functools
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import pytest
import websocket
from jupyter_client.kernelspec import KernelSpecManager

from environments.loading import ROOT
from tests.lifecycle_scripts import wheels
from tests.lifecycle_scripts.channel import Channel
from tests.support import Json

pytestmark = pytest.mark.slow

JOB = ROOT / "lifecycle_scripts" / "notebook" / "job"
TOOLS = ("uv", "py-rattler", "pyyaml")
NETWORK_NAMESPACE = ["unshare", "--map-root-user", "--net"]
MOUNT_NAMESPACE = ["unshare", "--map-root-user", "--mount"]
# What environments.py may change.
OURS = ("environments", "tools", "cache")
SECONDS = 60

TOKEN = "a-secret-token"  # noqa: S105 (of a server of the tests)

# Ends environments.py before the change of the disk, or the call of a tool, of that number.
KILLER = """
import os, runpy, signal, sys
left = int(sys.argv[1])
sys.argv = sys.argv[2:]
changes = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.chmod", "subprocess.Popen")
def watch(event, arguments):
    global left
    if event in changes or event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
runpy.run_path(sys.argv[0], run_name="__main__")
"""

# `venv --python PYTHON FOLDER` and `pip install --python FOLDER/bin/python ...`
FAST_UV = f"""#!/bin/sh
case $1 in
    venv) mkdir -p "$4/bin" "$4/lib/python3.{sys.version_info.minor}/site-packages" && ln -s "$3" "$4/bin/python" ;;
    pip) touch "${{4%/bin/python}}/lib/python3.{sys.version_info.minor}/site-packages/ipykernel_launcher.py" ;;
esac
"""


class Instance:
    """The home of a notebook instance's user, and the job's files beside it. Nothing else on the volume may change."""

    def __init__(self, root: Path, tools: Path) -> None:
        self.root = root
        self.lib = root / "lib"
        self.home = root / "home"
        self.volume = self.home / "SageMaker"
        self.state = self.volume / ".trainyard"
        self.packages = self.state / "packages"
        self.wheels = self.packages / "wheels"
        self.mine = self.volume / "environments"
        self.kernels = self.home / ".local/share/jupyter/kernels"
        self.prefix: list[str] = NETWORK_NAMESPACE
        for folder in (self.lib, self.mine, self.packages / "environments", self.volume / "work"):
            folder.mkdir(parents=True)
        (self.volume / "work" / "thesis.ipynb").write_text("{}")
        (self.volume / "a link").symlink_to("work/thesis.ipynb")
        (self.state / "status").write_text("running environments\n")
        shutil.copy(JOB / "environments.py", self.lib)
        shutil.copy(tools / "tools.txt", self.lib)
        (self.packages / "tools").mkdir()
        for wheel in tools.glob("*.whl"):
            os.link(wheel, self.packages / "tools" / wheel.name)

    def command(self, name: str, *options: str | Path) -> list[str | Path]:
        script = self.lib / "environments.py"
        return [*self.prefix, sys.executable, "-I", script, name, "--home", self.home, "--team", "atlas", *options]

    def run(self, name: str, *options: str | Path, variables: Mapping[str, str] | None = None) -> Json:
        """The lines of one call, as state and the rest by name of the spec, with its code and log."""
        before = self.tree()
        done = subprocess.run(
            self.command(name, *options),
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", **(variables or {})},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert self.tree() == before, "it changed what is not its own"
        lines = done.stdout.splitlines()
        said = {line.partition(" ")[2].partition(": ")[0]: line for line in lines}
        assert len(said) == len(lines)
        return {"code": done.returncode, "log": done.stderr, "lines": lines, **said}

    def build(self, *options: str) -> Json:
        return self.run("build", *options)

    def built(self, *options: str) -> Json:
        """A build of which all must be well."""
        result = self.build(*options)
        assert result["code"] == 0, (result["lines"], result["log"])
        return result

    def tree(self) -> dict[str, object]:
        """All of the volume but what is environments.py's own."""
        found: dict[str, object] = {}
        for folder, folders, files in os.walk(self.volume):
            if Path(folder) == self.state:
                folders[:] = [name for name in folders if name not in OURS]
            for name in (*folders, *files):
                path = Path(folder, name)
                about = path.lstat()
                # That of a folder changes with the folders of ours in it.
                found[str(path)] = (about.st_mode, *((about.st_size, about.st_mtime_ns) if name in files else ()))
        return found

    def require(self, text: str) -> None:
        (self.packages / "requirements.txt").write_bytes(text.encode())

    def spec(self, name: str, text: str) -> Path:
        file = self.packages / "environments" / name
        file.write_text(text)
        return file

    def package(self, name: str, release: str = "1.0", text: str = "SIDES = 3\n") -> Path:
        return wheels.wheel(self.wheels, name, release, {f"{name}.py": text})

    def channel(self) -> Channel:
        return Channel(self.packages / "channel")

    def current(self, identity: str = "default") -> Path:
        folder = self.state / "environments" / identity
        return folder / (folder / "current").readlink()

    def built_keys(self, identity: str = "default") -> set[str]:
        folder = self.state / "environments" / identity
        return {each.name for each in folder.iterdir() if not each.is_symlink()} if folder.exists() else set()

    def says(self, code: str, identity: str = "default") -> str:
        """What a line of Python prints in the environment in use."""
        command = [str(self.current(identity) / "bin" / "python"), "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def kernel(self, name: str = "trainyard") -> Json:
        kernel: Json = json.loads((self.kernels / name / "kernel.json").read_text())
        return kernel


def pinned(folder: Path, *found: Path) -> Path:
    """tools.txt of these wheels."""
    names = [wheel.name.split("-")[:2] for wheel in found]
    lines = [
        f"{name.replace('_', '-')}=={release} --hash=sha256:{wheels.sha256(wheel)}\n"
        for (name, release), wheel in zip(names, found, strict=True)
    ]
    (folder / "tools.txt").write_text("".join(lines))
    return folder


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tools that are installed here, as wheels, and tools.txt with their hashes."""
    folder = tmp_path_factory.mktemp("tools")
    return pinned(folder, *(wheels.installed(folder, name) for name in TOOLS))


@pytest.fixture(scope="session")
def unpacked(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tools as builds leave them."""
    instance = Instance(tmp_path_factory.mktemp("unpacked"), tools)
    instance.require("")
    instance.spec("x.yml", "")
    instance.build()
    return instance.state / "tools"


@pytest.fixture(scope="session")
def ipykernel(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with the wheels of ipykernel and of all it needs, and their names and versions."""
    folder = tmp_path_factory.mktemp("ipykernel")
    return folder, wheels.with_dependencies(folder, "ipykernel")


@pytest.fixture
def instance(tmp_path: Path, tools: Path, unpacked: Path) -> Instance:
    """Its ipykernel is only a name."""
    instance = Instance(tmp_path, tools)
    shutil.copytree(unpacked, instance.state / "tools", copy_function=os.link)
    wheels.wheel(instance.wheels, "ipykernel", "1.0", {"ipykernel_launcher.py": ""})
    instance.package("shapes")
    return instance


@pytest.fixture
def real(tmp_path: Path, tools: Path, unpacked: Path, ipykernel: tuple[Path, list[str]]) -> Instance:
    """With the real ipykernel."""
    instance = Instance(tmp_path, tools)
    shutil.copytree(unpacked, instance.state / "tools", copy_function=os.link)
    shutil.copytree(ipykernel[0], instance.wheels, copy_function=os.link)
    instance.package("shapes")
    return instance


@pytest.fixture
def fast(tmp_path: Path) -> Instance:
    """With a uv that only makes the files."""
    folder = tmp_path / "fast"
    folder.mkdir()
    uv = wheels.wheel(folder, "uv", "1.0", {"uv-1.0.data/scripts/uv": FAST_UV})
    pinned(folder, uv)
    with (folder / "tools.txt").open("a") as file:
        file.writelines(f"{name}==1.0 --hash=sha256:{'0' * 64}\n" for name in TOOLS[1:])
    return Instance(tmp_path / "instance", folder)


class Jupyter:
    """A real server, which knows what the user's home says."""

    def __init__(self, home: Path) -> None:
        self.runtime = home / "runtime"
        variables = {**os.environ, "HOME": str(home), "JUPYTER_RUNTIME_DIR": str(self.runtime)}
        command = [sys.executable, "-m", "jupyter_server", "--ip=127.0.0.1", "--port=0", "--no-browser", "--allow-root"]
        self.process = subprocess.Popen(
            [*command, f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={home}"],
            env=variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                (file,) = self.runtime.glob("jpserver-*.json")
                self.port = json.loads(file.read_text())["port"]
                self.ask("status")
                return
            except (ValueError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def ask(self, path: str, body: Json | None = None) -> Json:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/{path}",
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"token {TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            answer: Json = json.load(response)
        return answer

    def run(self, kernel: str, code: str) -> str:
        """Starts a kernel, runs a cell in it as a browser does, and gives what it printed."""
        identity = self.ask("kernels", {"name": kernel})["id"]
        header = {"msg_id": uuid.uuid4().hex, "username": "", "session": "s", "msg_type": "execute_request"}
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        cell = {"header": {**header, "version": "5.3"}, "parent_header": {}, "metadata": {}, "content": content}
        printed = ""
        url = f"ws://127.0.0.1:{self.port}/api/kernels/{identity}/channels"
        socket = websocket.create_connection(url, timeout=SECONDS, header=[f"Authorization: token {TOKEN}"])
        try:
            socket.send(json.dumps({**cell, "channel": "shell", "buffers": []}))
            while True:
                message = json.loads(socket.recv())
                if message["parent_header"].get("msg_id") != header["msg_id"]:
                    continue
                if message["msg_type"] in ("stream", "error"):
                    printed += message["content"].get("text") or str(message["content"])
                if message["content"].get("execution_state") == "idle":
                    return printed.strip()
        finally:
            socket.close()

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(SECONDS)


@pytest.fixture
def jupyter(real: Instance) -> Iterator[Callable[[], Jupyter]]:
    """Starts the server when asked, as it must find the kernels."""
    started: list[Jupyter] = []

    def start() -> Jupyter:
        started.append(Jupyter(real.home))
        return started[0]

    yield start
    for each in started:
        each.end()


CELL = "import os, shapes, subprocess, sys; print(shapes.SIDES, sys.prefix, os.environ['DATA'])"


@pytest.mark.enable_socket
def test_a_cell_runs_in_the_kernel_of_requirements(real: Instance, jupyter: Callable[[], Jupyter]) -> None:
    real.require("shapes==1.0\n")
    assert real.built()["lines"] == ["ok atlas"]
    assert real.run("register", "--env", "DATA=s3://a/$b")["lines"] == ["ok atlas"]
    assert jupyter().run("trainyard", CELL) == f"3 {real.current()} s3://a/$b"


@pytest.mark.enable_socket
def test_a_cell_runs_in_the_kernel_of_a_lock_with_hashes(
    real: Instance, jupyter: Callable[[], Jupyter], ipykernel: tuple[Path, list[str]]
) -> None:
    by_name = {wheel.name.split("-")[0].lower().replace("_", "-"): wheel for wheel in real.wheels.glob("*.whl")}
    pins = [*ipykernel[1], "shapes==1.0"]
    real.require("".join(f"{pin} --hash=sha256:{wheels.sha256(by_name[pin.split('==')[0]])}\n" for pin in pins))
    real.built()
    real.run("register", "--env", "DATA=d")
    assert jupyter().run("trainyard", CELL) == f"3 {real.current()} d"


def conda_specs(channel: Channel) -> dict[str, str]:
    """Both kinds, of one environment, with packages of conda and pip."""
    python = channel.add_python()
    shapes = channel.add("shapes", "2.0", {"site-packages/shapes.py": "SIDES = 4\n"}, ["python >=3.8"])
    channel.write_index()
    environment = (
        "name: x\nchannels: [conda-forge]\ndependencies:\n- python\n- conda-forge::shapes=2.0\n- pip: [colours]\n"
    )
    colours = channel.folder.parent / "wheels" / "colours-1.0-py3-none-any.whl"
    return {"a.yml": environment, "b.conda-lock.yml": channel.lock([python, shapes], [colours])}


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("name", "identity"), [("a.yml", "team-a.2eyml"), ("b.conda-lock.yml", "team-b.2econda-lock.2eyml")]
)
def test_a_cell_runs_in_the_kernel_of_conda(
    real: Instance, jupyter: Callable[[], Jupyter], name: str, identity: str
) -> None:
    real.package("colours", text="RED = 'red'\n")
    real.spec(name, conda_specs(real.channel())[name])
    real.built()
    real.run("register", "--env", "DATA=d")
    cell = "import colours; print(colours.RED); " + CELL
    assert jupyter().run(f"trainyard-{identity}", cell) == f"red\n4 {real.current(identity)} d"


def test_the_network_is_blocked() -> None:
    code = "import socket; socket.create_connection(('1.1.1.1', 53), 2)"
    result = subprocess.run([*NETWORK_NAMESPACE, sys.executable, "-c", code], capture_output=True, check=False)
    assert b"Network is unreachable" in result.stderr


@pytest.mark.parametrize("name", TOOLS)
def test_the_pinned_tools_are_those_that_are_tested(name: str) -> None:
    assert f"{name}=={version(name)} --hash=sha256:" in (JOB / "tools.txt").read_text()


def test_an_unchanged_spec_is_not_built_again(instance: Instance) -> None:
    instance.require("shapes\n")
    instance.built()
    assert instance.built() == {"code": 0, "log": "", "lines": ["ok atlas"], "atlas": "ok atlas"}


def test_other_line_ends_and_a_byte_order_mark_are_no_change(instance: Instance) -> None:
    instance.require("shapes\n# none\n")
    instance.built()
    instance.require("\ufeffshapes\r\n# none\r\n")
    assert instance.built()["log"] == ""
    assert len(instance.built_keys()) == 1


def test_line_ends_of_windows_are_built(instance: Instance) -> None:
    instance.require("\ufeffshapes\r\n# none\r\n")
    instance.built()
    assert instance.says("import shapes; print(shapes.SIDES)") == "3"


def test_a_changed_spec_is_built_beside_the_last(instance: Instance) -> None:
    instance.package("shapes", "2.0", "SIDES = 4\n")
    instance.require("shapes==1.0\n")
    instance.built()
    before = instance.current()
    instance.require("shapes==2.0\n")
    instance.built()
    assert instance.says("import shapes; print(shapes.SIDES)") == "4"
    assert instance.built_keys() == {before.name, instance.current().name}


def test_only_the_last_and_the_one_before_are_kept(instance: Instance) -> None:
    for number in range(3):
        instance.require(f"shapes\n# {number}\n")
        instance.built()
    assert len(instance.built_keys()) == 2


def test_the_one_before_comes_back_without_a_build(instance: Instance) -> None:
    for text in ("shapes\n", "shapes\n# two\n"):
        instance.require(text)
        instance.built()
    first = instance.built_keys() - {instance.current().name}
    instance.require("shapes\n")
    assert instance.built()["log"] == ""
    assert {instance.current().name} == first


def test_one_that_a_kernel_runs_from_is_kept(instance: Instance) -> None:
    instance.require("shapes\n")
    instance.built()
    first = instance.current()
    kernel = subprocess.Popen([first / "bin" / "python", "-c", "input()"], stdin=subprocess.PIPE)
    try:
        for number in range(2):
            instance.require(f"shapes\n# {number}\n")
            instance.built()
        assert first.name in instance.built_keys()
    finally:
        kernel.communicate()
    instance.built()
    assert first.name not in instance.built_keys()


def test_new_wheels_are_looked_at(instance: Instance) -> None:
    instance.require("shapes\n")
    instance.built()
    instance.package("shapes", "2.0", "SIDES = 4\n")
    instance.built()
    assert instance.says("import shapes; print(shapes.SIDES)") == "4"


def test_new_wheels_do_not_matter_to_hashes(instance: Instance) -> None:
    found = sorted(instance.wheels.glob("*.whl"))
    pins = {wheel.name.split("-")[0]: wheels.sha256(wheel) for wheel in found}
    instance.require("".join(f"{name}==1.0 --hash=sha256:{digest}\n" for name, digest in pins.items()))
    instance.built()
    instance.package("shapes", "2.0")
    assert instance.built()["log"] == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("shapes\nnowhere==1.0\n", "nowhere was not found in the provided package locations"),
        (f"shapes==1.0 --hash=sha256:{'0' * 64}\n", "Hash mismatch for `shapes==1.0` Expected: sha256:000"),
        ("shapes\n\nshapes = = 3\n", "Couldn't parse requirement in line 3 cause: no such comparison operator"),
        ("shapes\n-r other.txt\n", "line 2: -r other.txt: one file must hold it all"),
        ("shapes @ https://example.com/shapes-1.0-py3-none-any.whl\n", "Network connectivity is disabled"),
        ("shapes\n\0", "start of a requirement: line 2"),
    ],
)
def test_a_broken_spec_says_why_and_leaves_the_last(instance: Instance, text: str, reason: str) -> None:
    instance.require("shapes\n")
    instance.built()
    before = instance.current()
    instance.require(text)
    result = instance.build()
    assert result["code"] == 1
    assert result["lines"][0].startswith("failed atlas: ")
    assert reason in result["lines"][0]
    assert (instance.current(), instance.built_keys()) == (before, {before.name})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dependencies:\n- python\n- nowhere=1.0\n", "No candidates were found for nowhere 1.0.*"),
        ("dependencies:\n- python\n- shapes >=>=1\n", "dependencies: shapes >=>=1: "),
        ("dependencies: [\n", "line 2: "),
        ("name: x\n", "lists no dependencies"),
        ("", "lists no dependencies"),
        ("dependencies:\n- python\n- conda: x\n", "must be a package, or pip: with a list"),
        ("dependencies:\n- python\n- pip: [nowhere]\n", "nowhere was not found in the provided package locations"),
        ("dependencies:\n- shapes-data\n- pip: [shapes]\n", "add python to its dependencies"),
        ("dependencies:\n- shapes-data\n", "has neither ipykernel nor IRkernel"),
    ],
)
def test_a_broken_conda_spec_says_why(instance: Instance, text: str, reason: str) -> None:
    channel = instance.channel()
    channel.add_python()
    channel.add("shapes-data", "1.0", {"share/shapes": "3\n"}, subdir="linux-64")
    channel.write_index()
    instance.spec("x.yml", text)
    result = instance.build()
    assert result["code"] == 1
    assert reason in result["x"]
    assert not instance.built_keys("team-x.2eyml")


def test_a_package_that_the_lock_does_not_mean_is_not_installed(instance: Instance) -> None:
    channel = instance.channel()
    python = channel.add_python()
    instance.spec("x.conda-lock.yml", channel.lock([python]))
    python.write_bytes(python.read_bytes() + b"\0")
    assert "is not the file of that sha256" in instance.build()["x"]


def test_a_package_that_the_index_does_not_mean_is_not_installed(instance: Instance) -> None:
    channel = instance.channel()
    python = channel.add_python()
    channel.write_index()
    instance.spec("x.yml", "dependencies: [python]\n")
    python.write_bytes(python.read_bytes() + b"\0")
    assert "is not the file of that sha256" in instance.build()["x"]
    assert not instance.built_keys("team-x.2eyml")


def test_a_package_of_the_lock_that_is_not_there_is_named(instance: Instance) -> None:
    channel = instance.channel()
    python = channel.add_python()
    instance.spec("x.conda-lock.yml", channel.lock([python]))
    python.unlink()
    assert f"linux-64/{python.name} is not in channel/" in instance.build()["x"]


def test_one_that_fails_does_not_keep_others_from_a_build(instance: Instance) -> None:
    instance.require("nowhere\n")
    instance.spec("good.txt", "shapes\n")
    result = instance.build()
    assert (result["code"], result["good"]) == (1, "ok good")


def test_channels_of_the_file_are_noted_at_each_start(instance: Instance) -> None:
    channel = instance.channel()
    channel.add_python()
    channel.write_index()
    instance.spec("x.yml", "channels: [conda-forge]\ndependencies: [python]\n")
    first = instance.built()["lines"]
    assert first == ["ok x: all packages come from the team's channel, whatever the file names"]
    assert instance.built()["lines"] == first


NAMES = [
    "a b.txt",
    "a'b.txt",
    'a"b.txt',
    "ä.txt",
    "-x.txt",
    "a\nb.txt",
    "A.txt",
    "a.txt",
    "a.b.txt",
    "$(id).txt",
    "x" * 200 + ".txt",
]


def test_any_name_makes_a_kernel_of_its_own(fast: Instance) -> None:
    for name in NAMES:
        (fast.mine / name).write_text("")
    result = fast.built()
    assert len(result["lines"]) == len(NAMES)
    fast.run("register")
    manager = KernelSpecManager(kernel_dirs=[str(fast.kernels)], ensure_native_kernel=False)
    shown = {manager.get_kernel_spec(name).display_name for name in manager.find_kernel_specs()}
    assert shown == {f"Trainyard ({name.removesuffix('.txt').replace(chr(10), '?')})" for name in NAMES}


def test_a_name_that_is_no_text_makes_a_kernel(fast: Instance) -> None:
    (fast.mine / os.fsdecode(b"\xff.txt")).write_text("")
    assert fast.built()["lines"] == ["ok ?: it lists nothing, so only ipykernel is there"]


@pytest.mark.parametrize(("name", "label"), [("environments", "environments.txt"), ("a: b", "a:b")])
def test_a_name_that_would_be_misread_is_told_in_another_way(fast: Instance, name: str, label: str) -> None:
    (fast.mine / f"{name}.txt").write_text("shapes\n")
    assert fast.built()["lines"] == [f"ok {label}"]


def test_an_empty_spec_is_only_ipykernel(instance: Instance) -> None:
    instance.require("# nothing yet\n")
    assert instance.built()["lines"] == ["ok atlas: it lists nothing, so only ipykernel is there"]


def test_what_is_no_file_fails_by_itself(fast: Instance) -> None:
    (fast.mine / "folder.txt").mkdir()
    os.mkfifo(fast.mine / "pipe.txt")
    (fast.mine / "endless.txt").symlink_to("/dev/zero")
    (fast.mine / "broken.txt").symlink_to("nothing")
    (fast.mine / "binary.txt").write_bytes(b"\xff\xfe\0")
    (fast.mine / "link.txt").symlink_to("../work/list")
    (fast.volume / "work/list").write_text("shapes\n")
    result = fast.build()
    assert result.pop("lines") == [
        "failed binary: is not text in UTF-8",
        result["broken"],
        "failed endless: is not a file",
        "failed folder: is not a file",
        "ok link",
        "failed pipe: is not a file",
    ]
    assert "No such file or directory" in result["broken"]


def test_what_is_no_spec_is_left_alone(fast: Instance) -> None:
    (fast.mine / ".ipynb_checkpoints").mkdir()
    (fast.mine / "README.md").write_text("mine")
    (fast.mine / ".a.txt").write_text("mine")
    assert fast.built()["lines"] == []


def test_the_users_spec_of_a_name_of_the_teams_is_built_too(fast: Instance) -> None:
    fast.spec("vision.txt", "shapes\n")
    fast.spec("vision.yml", "dependencies: [python]\n")
    (fast.mine / "vision.txt").write_text("shapes\n")
    lines = fast.build()["lines"]
    assert [line.partition(": ")[0] for line in lines] == ["ok vision", "failed vision.yml", "ok vision, mine"]
    fast.run("register")
    assert fast.kernel("trainyard-user-vision.2etxt")["display_name"] == "Trainyard (vision, mine)"


def test_an_environment_whose_spec_is_gone_goes_a_start_later(fast: Instance) -> None:
    file = fast.spec("old.txt", "shapes\n")
    fast.built()
    fast.run("register")
    file.unlink()
    fast.built()
    fast.run("register")
    assert not (fast.kernels / "trainyard-team-old.2etxt").exists()
    assert fast.built_keys("team-old.2etxt")
    fast.built()
    assert not (fast.state / "environments/team-old.2etxt").exists()


def test_a_spec_that_comes_back_is_not_built_again(fast: Instance) -> None:
    text = "shapes\n"
    fast.spec("old.txt", text).unlink()
    fast.spec("old.txt", text)
    fast.built()
    fast.spec("old.txt", text).unlink()
    fast.built()
    fast.spec("old.txt", text)
    assert fast.built()["log"] == ""


def test_what_others_put_beside_environments_stays(fast: Instance) -> None:
    fast.require("shapes\n")
    fast.built()
    other = fast.state / "environments" / "My own"
    other.mkdir()
    mine = fast.state / "environments" / "default" / "notes"
    mine.mkdir()
    fast.built()
    assert other.is_dir()
    assert mine.is_dir()


def test_a_folder_of_environments_that_leads_elsewhere_is_not_cleaned(fast: Instance) -> None:
    (fast.state / "environments").symlink_to(fast.volume / "work")
    result = fast.build()
    assert result["code"] == 1
    assert "is a link" in result["environments"]


def lose_python(instance: Instance) -> None:
    """As when an image brings its Python in another place."""
    python = instance.current() / "bin" / "python"
    python.unlink()
    python.symlink_to("/python/of/another/image")


def test_a_kernel_whose_python_is_gone_is_not_registered(fast: Instance) -> None:
    fast.require("shapes\n")
    fast.built()
    lose_python(fast)
    assert fast.run("register")["lines"] == [
        "ok atlas: its Python is gone, so it has no kernel until it is built again"
    ]
    assert not (fast.kernels / "trainyard").exists()


def test_an_environment_whose_python_is_gone_is_built_again(fast: Instance) -> None:
    fast.require("shapes\n")
    fast.built()
    lose_python(fast)
    assert fast.built()["lines"] == ["ok atlas: its Python was gone, so it was built again"]
    assert fast.built()["lines"] == ["ok atlas"]
    fast.run("register")
    assert os.access(fast.kernel()["argv"][0], os.X_OK)


def test_a_python_in_another_place_is_another_environment(fast: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    fast.require("shapes\n")
    fast.built()
    moved = fast.root / "python"
    shutil.copytree(Path(sys.prefix), moved, symlinks=True, ignore=lambda *_: ["lib", "lib64", "share"])
    lose_python(fast)
    monkeypatch.setattr(sys, "executable", str(moved / "bin" / "python"))
    assert fast.built()["lines"] == ["ok atlas: its Python was gone, so it was built again"]
    assert len(fast.built_keys()) == 2


def fake_sync(instance: Instance, text: str) -> dict[str, str]:
    """The variables with which `sync` is this."""
    program = instance.root / "bin" / "sync"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:{os.environ['PATH']}"}


def test_no_other_file_system_than_the_volume_is_waited_for(fast: Instance) -> None:
    fast.require("shapes\n")
    script = fast.lib / "environments.py"
    script.write_text(script.read_text().replace("import os\n", "import os\nos.sync = lambda: os._exit(9)\n"))
    calls = fast.root / "calls"
    fast.run("build", variables=fake_sync(fast, f'[ -e "$2/.complete" ] || echo "$@" >>{calls}'))
    assert calls.read_text().splitlines()[-1] == f"-f {fast.current()}"


@pytest.mark.parametrize(
    ("sync", "reason"),
    [("sleep 20", "the volume did not write it down in 0.5 seconds"), ("exit 1", "the volume did not write it down")],
)
def test_what_the_volume_does_not_write_down_is_not_used(fast: Instance, sync: str, reason: str) -> None:
    fast.require("shapes\n")
    script = fast.lib / "environments.py"
    script.write_text(script.read_text().replace("SYNC_SECONDS = 600\n", "SYNC_SECONDS = 0.5\n"))
    fast.built()
    before = fast.current()
    fast.require("shapes\n# two\n")
    result = fast.run("build", variables=fake_sync(fast, f"exec {sync}"))
    assert (result["lines"], fast.current(), fast.built_keys()) == ([f"failed atlas: {reason}"], before, {before.name})


def test_kernels_of_others_stay(fast: Instance) -> None:
    for name in ("python3", "trainyard-of-mine"):
        (fast.kernels / name).mkdir(parents=True)
        (fast.kernels / name / "kernel.json").write_text('{"argv": [], "display_name": "x", "metadata": {}}')
    fast.run("register")
    assert {each.name for each in fast.kernels.iterdir()} == {"python3", "trainyard-of-mine"}


def test_a_spec_without_an_environment_is_noted(fast: Instance) -> None:
    fast.require("shapes\n")
    assert fast.run("register")["lines"] == ["ok atlas: no environment yet"]


def test_programs_of_the_environment_come_first_in_its_kernel(fast: Instance) -> None:
    fast.require("shapes\n")
    fast.built()
    fast.run("register", "--env", "TEAM=atlas")
    assert fast.kernel()["env"] == {"TEAM": "atlas", "PATH": f"{fast.current()}/bin:${{PATH}}"}


@pytest.mark.parametrize("variable", ["TEAM", "1=2", "=x"])
def test_a_variable_without_a_name_or_value_is_refused(fast: Instance, variable: str) -> None:
    assert fast.run("register", f"--env={variable}")["code"] == 2


def test_r_has_a_kernel_of_its_own(instance: Instance) -> None:
    argv = ["R", "--slave", "-e", "IRkernel::main()", "--args", "{connection_file}"]
    kernel = json.dumps({"argv": argv, "display_name": "R", "language": "R"})
    channel = instance.channel()
    files = {"bin/R": "#!/bin/sh\n", "lib/R/library/IRkernel/kernelspec/kernel.json": kernel}
    channel.add("r-irkernel", "1.3", files, subdir="linux-64")
    channel.write_index()
    instance.spec("stats.yml", "dependencies: [r-irkernel]\n")
    instance.built()
    instance.run("register")
    (found,) = instance.kernels.iterdir()
    written = instance.kernel(found.name)
    assert written["argv"] == [str(instance.current("team-stats.2eyml") / "bin/R"), *argv[1:]]
    assert (written["display_name"], written["language"]) == ("Trainyard (stats, R)", "R")


def test_without_uv_there_is_pip(instance: Instance) -> None:
    shutil.rmtree(instance.state / "tools")
    (uv,) = (instance.packages / "tools").glob("uv-*")
    uv.unlink()
    instance.require("shapes\n")
    (line,) = instance.built()["lines"]
    assert line == f"ok atlas: built with pip: uv {version('uv')} is not in tools/ of the team's packages"
    assert instance.says("import shapes; print(shapes.SIDES)") == "3"


def test_the_reason_of_pip_is_told(instance: Instance) -> None:
    shutil.rmtree(instance.state / "tools")
    (uv,) = (instance.packages / "tools").glob("uv-*")
    uv.unlink()
    instance.require("nowhere==1.0\n")
    assert instance.build()["lines"] == ["failed atlas: No matching distribution found for nowhere==1.0"]


def test_a_tool_of_another_hash_is_not_used(instance: Instance) -> None:
    shutil.rmtree(instance.state / "tools")
    (rattler,) = (instance.packages / "tools").glob("py_rattler-*")
    rattler.unlink()
    rattler.write_bytes(b"another")
    instance.spec("x.yml", "dependencies: [python]\n")
    assert instance.build()["lines"] == [
        f"failed x: {rattler.name} in tools/ of the team's packages is not the file of that sha256"
    ]
    assert not (instance.state / "tools" / "py-rattler").exists()


def test_tools_are_unpacked_once(instance: Instance) -> None:
    shutil.rmtree(instance.state / "tools")
    instance.require("shapes\n")
    instance.built()
    shutil.rmtree(instance.packages / "tools")
    instance.require("shapes\n# two\n")
    instance.built()


def killed(instance: Instance, step: int) -> int:
    """A build that is killed before one step; its exit code."""
    command = instance.command("build")
    at = command.index(instance.lib / "environments.py")
    command[at:at] = ["-c", KILLER, str(step)]
    return subprocess.run(command, capture_output=True, timeout=SECONDS, check=False).returncode


def test_a_build_killed_at_any_step_is_made_good_by_the_next(fast: Instance, tmp_path: Path) -> None:
    fast.prefix = []
    fast.require("shapes\n")
    fast.built()
    first = fast.current().name
    shutil.rmtree(fast.state / "tools")
    fast.require("shapes\n# two\n")
    saved = tmp_path / "saved"
    shutil.copytree(fast.volume, saved, symlinks=True)
    seen = set()
    for step in range(1, 500):
        shutil.rmtree(fast.volume)
        shutil.copytree(saved, fast.volume, symlinks=True)
        code = killed(fast, step)
        assert os.access(fast.current() / "bin" / "python", os.X_OK), step
        assert (fast.current() / ".complete").is_file(), step
        seen.add(fast.current().name)
        assert fast.built()["lines"] == ["ok atlas"], step
        second = fast.current().name
        assert fast.built_keys() == {first, second}, step
        if code != -signal.SIGKILL:
            break
    assert code == 0
    assert step > 15
    assert seen == {first, second}


def test_an_orphan_of_a_killed_build_is_waited_for(fast: Instance) -> None:
    fast.require("shapes\n")
    uv = fast.packages / "tools" / "uv-1.0-py3-none-any.whl"
    uv.unlink()
    slow = FAST_UV.replace("#!/bin/sh", '#!/bin/sh\necho "$1" >>"$HOME/calls"; sleep 1; echo "$1" >>"$HOME/calls"')
    pinned(fast.lib, wheels.wheel(uv.parent, "uv", "1.0", {"uv-1.0.data/scripts/uv": slow}))
    first = subprocess.Popen(
        [*fast.command("build")[len(fast.prefix) :]], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    calls = fast.home / "calls"
    while not calls.exists():
        time.sleep(0.02)
    first.kill()
    first.communicate()
    fast.built()
    assert calls.read_text().split() == ["venv", "venv", "venv", "venv", "pip", "pip"]


def test_of_two_builds_at_once_one_waits(instance: Instance) -> None:
    instance.require("shapes\n")
    both = [
        subprocess.Popen(instance.command("build"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ends = [each.communicate(timeout=SECONDS) for each in both]
    assert [each[0] for each in ends] == ["ok atlas\n"] * 2
    assert sorted(" venv " in each[1] for each in ends) == [False, True]


def test_a_full_disk_leaves_the_last(instance: Instance, tools: Path, tmp_path: Path) -> None:
    shutil.rmtree(instance.state / "tools")
    wheels.wheel(instance.wheels, "huge", "1.0", {"huge.bin": bytes(90_000_000)}, compressed=True)
    (instance.packages / "tools" / next(tools.glob("py_rattler-*")).name).unlink()
    instance.require("shapes\n")
    small = tmp_path / "mounted"
    small.mkdir()
    build = " ".join(f"'{part}'" for part in instance.command("build")[len(instance.prefix) :])
    script = f"""
        mount -t tmpfs -o size=120m none '{small}' && cp -a '{instance.home}' '{small}/home' || exit 9
        mount --bind '{small}/home' '{instance.home}' && cd '{instance.packages}' || exit 9
        {build} && echo huge >>requirements.txt && ! {build} && ! {build} || exit 8
        rm wheels/huge* && sed -i s/huge/shapes/ requirements.txt
        ../environments/default/current/bin/python -c 'import shapes; print(shapes.SIDES)' || exit 7
        ls ../environments/default
        {build}
    """
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "--net", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert lines[0] == lines[-1] == "ok atlas"
    assert all("No space left on device" in line and line.startswith("failed atlas: ") for line in lines[1:3])
    assert (lines[3], len(lines)) == ("3", 7)


class Index(http.server.SimpleHTTPRequestHandler):
    """A repository of CodeArtifact, as pip sees it."""

    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(f"aws:{TOKEN}".encode()).decode()
        if self.headers["Authorization"] == expected:
            super().do_GET()
            return
        self.send_response(401)
        self.send_header("WWW-Authenticate", "Basic")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def index(instance: Instance) -> Iterator[str]:
    """The address of a server that has what was in wheels/."""
    folder = instance.root / "index"
    folder.mkdir()
    for wheel in instance.wheels.glob("*.whl"):
        (folder / wheel.name.split("-")[0]).mkdir()
        wheel.rename(folder / wheel.name.split("-")[0] / wheel.name)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Index, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    instance.prefix = []
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.enable_socket
@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_an_index_is_asked_with_a_token_that_no_log_shows(instance: Instance, index: str, tool: str) -> None:
    if tool == "pip":
        shutil.rmtree(instance.packages / "tools")
        shutil.rmtree(instance.state / "tools")
    instance.require("shapes\n")
    result = instance.run("build", "--index-url", index, variables={"TRAINYARD_INDEX_TOKEN": TOKEN})
    assert result["code"] == 0, result["log"]
    assert instance.says("import shapes; print(shapes.SIDES)") == "3"
    assert TOKEN not in result["log"]
    assert not [file for file in instance.state.rglob("*") if file.is_file() and TOKEN.encode() in file.read_bytes()]


@pytest.mark.enable_socket
def test_an_index_is_asked_with_the_users_netrc(instance: Instance, index: str) -> None:
    netrc = instance.home / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login aws password {TOKEN}\n")
    netrc.chmod(0o600)
    instance.require("shapes\n")
    instance.built("--index-url", index)


@pytest.mark.enable_socket
def test_a_wrong_token_is_told_without_it(instance: Instance, index: str) -> None:
    instance.require("shapes\n")
    result = instance.run("build", "--index-url", index, variables={"TRAINYARD_INDEX_TOKEN": "another-secret"})
    assert (result["code"], "401" in result["atlas"]) == (1, True)
    assert "another-secret" not in result["log"] + result["atlas"]


@pytest.mark.parametrize("url", ["https://aws:secret@example.com/simple/", "file:///etc", "simple"])
def test_an_index_with_a_password_or_no_address_is_refused(fast: Instance, url: str) -> None:
    result = fast.build("--index-url", url)
    assert (result["code"], "secret" in result["log"]) == (2, False)
