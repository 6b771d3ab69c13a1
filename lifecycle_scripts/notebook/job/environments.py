"""Builds the environments of a notebook instance onto its volume, without internet, and registers them as kernels.

| spec | built |
|---|---|
| requirements.txt, NAME.txt | with uv, from the team's wheels or from an index; with venv and pip where uv is missing |
| NAME.yml, NAME.yaml | environment.yml of conda: solved against the team's copy of a channel, pip: from the wheels |
| NAME.conda-lock.yml | lock file of conda-lock: the packages it names, by their hashes, from that copy |

The team's specs lie in its packages, as requirements.txt and in environments/; the user's in SageMaker/environments/.
Every spec has a folder, and in it a folder for each key, which says what it was built from. An environment stays where
it was built, as it holds its own path; the link `current` turns to it when it is whole. The one before stays for the
way back, and one that a process runs from stays too.

`build` and `register` print a line for each spec: `ok NAME`, `ok NAME: note` or `failed NAME: reason`. Exit code 1 when
one failed. What the tools say goes to stderr.

For Python 3.10, that of the kernels of the image, and its standard library; run as the user of the instance.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import urllib.parse
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rattler import RepoDataRecord

REQUIREMENTS, ENVIRONMENT, LOCK = "requirements", "environment", "lock"
ENDINGS = (
    (".conda-lock.yml", LOCK),
    (".conda-lock.yaml", LOCK),
    (".yml", ENVIRONMENT),
    (".yaml", ENVIRONMENT),
    (".txt", REQUIREMENTS),
)
SPEC_BYTES = 20_000_000
SECONDS = 3600
"""That one call of a tool may take."""
SYNC_SECONDS = 600
"""That the volume may take to write down what a build wrote."""

TOKEN = "TRAINYARD_INDEX_TOKEN"  # noqa: S105 (the name of a variable)
"""Names the variable with the password for --index-url. Without it uv and pip look into the user's netrc."""

ALL = "environments"
"""Stands for the name of a spec when none could be looked at."""

COMPLETE = ".complete"
KEY = re.compile(r"[0-9a-f]{16}")
OURS = re.compile(r"default|(team|user)-[a-z0-9_.-]+")
KERNEL_PREFIX = "trainyard"
TOOL = re.compile(r"^([\w-]+)==([\w.]+) --hash=sha256:([0-9a-f]{64})$", re.MULTILINE)
# They name other files, which the key does not cover and which are not beside the copy that is installed.
OTHER_FILE = re.compile(r"\s*(-r|-c|-e|--requirement|--constraint|--editable)\b")
FOREIGN_SETTINGS = ("UV_", "PIP_", "PYTHON", "CONDA", "MAMBA", "RATTLER_", "VIRTUAL_ENV", "TRAINYARD_")
LOST_PYTHON = "its Python is gone, so it has no kernel until it is built again"
NO_SPACE = "No space left on device"


class BuildError(Exception):
    """Why there is no environment, in words that a person can act on."""


@dataclass(frozen=True)
class Spec:
    """A file that says what is in an environment."""

    identity: str
    """Names its folder and its kernel: safe in a path, and no other spec has it."""
    label: str
    """What people read."""
    file: Path
    kind: str


@dataclass(frozen=True)
class Tool:
    """A wheel that tools.txt pins."""

    name: str
    version: str
    sha256: str

    @property
    def folder(self) -> str:
        """Where it is unpacked."""
        return f"{self.name}-{self.version}-{self.sha256[:16]}"


class Volume:
    """Where things lie."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.state = home / "SageMaker" / ".trainyard"
        self.packages = self.state / "packages"
        self.wheels = self.packages / "wheels"
        self.channel = self.packages / "channel"
        self.environments = self.state / "environments"
        self.tools = self.state / "tools"
        self.cache = self.state / "cache"
        self.kernels = home / ".local" / "share" / "jupyter" / "kernels"

    def specs(self, team: str) -> list[Spec]:
        """All specs, the team's first. Names that begin with a dot are no specs: Jupyter's own copies lie there."""
        default = self.packages / "requirements.txt"
        found = [Spec("default", team, default, REQUIREMENTS)] if os.path.lexists(default) else []
        for owner, folder in (
            ("team", self.packages / "environments"),
            ("user", self.home / "SageMaker" / "environments"),
        ):
            theirs = {each.label for each in found}
            for file in sorted(_entries(folder)):
                ending, kind = next((each for each in ENDINGS if file.name.endswith(each[0])), ("", ""))
                if not kind or file.name.startswith("."):
                    continue
                mine = ", mine" if owner == "user" and _printable(file.name[: -len(ending)]) in theirs else ""
                # ": " ends a name in what is printed.
                names = [_printable(name).replace(": ", ":") for name in (file.name[: -len(ending)], file.name)]
                labels = [name + mine for name in names]
                taken = {ALL, *(spec.label for spec in found)}
                label = next((each for each in labels if each not in taken), labels[-1])
                found.append(Spec(f"{owner}-{_encoded(file.name)}", label, file, kind))
        return found

    def in_use(self, spec: Spec) -> Path | None:
        """The folder of a spec's environment that is whole."""
        key = _key_in(self.environments / spec.identity / "current")
        folder = self.environments / spec.identity / key
        return folder if key and (folder / COMPLETE).is_file() else None


class Builder:
    """Builds what is missing. Holds the lock of the volume, which its tools hold too should they outlive it."""

    def __init__(self, volume: Volume, lock: int, index_url: str) -> None:
        self.volume = volume
        self.lock = lock
        self.index_url = index_url
        text = Path(__file__).with_name("tools.txt").read_text(encoding="utf-8")
        self.tools = {found[0]: Tool(*found) for found in TOOL.findall(text)}
        self.notes: list[str] = []

    def build(self, spec: Spec) -> str:
        """Brings the environment of a spec into use, building it if there is none; gives what is to be said of it."""
        self.notes = []
        text = _text(spec.file)
        home = self.volume.environments / spec.identity
        key = self._key(spec, text)
        before = _key_in(home / "current")
        again = bool(before) and _has_lost_python(home / before)
        if _has_lost_python(home / key):
            _remove(home / key)
        try:
            _make(home / key, lambda folder: self._fill(folder, spec.kind, text))
        except (BuildError, OSError) as error:
            if NO_SPACE in str(error):
                shutil.rmtree(self.volume.cache, ignore_errors=True)
            raise
        if before != key:
            if before:
                _link(home / "previous", before)
            _link(home / "current", key)
            _sweep(home)
        note = (home / key / COMPLETE).read_text(encoding="utf-8")
        return "; ".join(["its Python was gone, so it was built again"] * again + [note] * bool(note))

    def _key(self, spec: Spec, text: str) -> str:
        """Of all that an environment depends on. What is pinned by hashes does not depend on what else there is."""
        facts: list[object] = [spec.kind, text]
        if spec.kind == REQUIREMENTS:
            facts += [sys.executable, platform.python_version(), self.index_url]
        if spec.kind != LOCK and not _is_hashed(text):
            folders = [self.volume.wheels, *(_entries(self.volume.channel) if spec.kind == ENVIRONMENT else [])]
            facts += [sorted((file.name, file.stat().st_size) for folder in folders for file in _entries(folder))]
        for name in ("uv",) if spec.kind == REQUIREMENTS else self.tools:
            try:
                facts.append(self._tool(name).name)
            except BuildError:
                facts.append(f"no {name}")
        return hashlib.sha256(json.dumps(facts).encode(errors="surrogateescape")).hexdigest()[:16]

    def _fill(self, folder: Path, kind: str, text: str) -> str:
        if kind == REQUIREMENTS:
            self._fill_from_requirements(folder, text)
        else:
            self._fill_from_conda(folder, kind, text)
        if not (_has_ipykernel(folder) or _r_kernel(folder)):
            raise BuildError("has neither ipykernel nor IRkernel, so it is no kernel")
        return "; ".join(self.notes)

    def _fill_from_requirements(self, folder: Path, text: str) -> None:
        try:
            uv = self._uv()
        except BuildError as error:
            self.notes.append(f"built with pip: {error}")
            self._run([sys.executable, "-m", "venv", folder])
        else:
            self._run([uv, "venv", "--python", sys.executable, folder])
        if not re.search(r"^\s*[^\s#]", text, re.MULTILINE):
            self.notes.append("it lists nothing, so only ipykernel is there")
        self._install(folder, text)

    def _fill_from_conda(self, folder: Path, kind: str, text: str) -> None:
        tools = [self._tool(name) for name in ("py-rattler", "pyyaml")]
        folder.mkdir(parents=True)
        (folder / "spec.yml").write_text(text, encoding="utf-8")
        cache = self.volume.cache / "conda"
        self._run([sys.executable, "-I", __file__, "conda", kind, folder, self.volume.channel, cache, *tools])
        told = json.loads((folder / "told.json").read_text(encoding="utf-8"))
        self.notes += told["notes"]
        if (folder / "bin" / "python").exists():
            self._install(folder, told["pip"])
        elif told["pip"]:
            raise BuildError("has packages of pip, but no Python: add python to its dependencies")

    def _install(self, folder: Path, text: str) -> None:
        """Installs requirements, and ipykernel unless it is there, without which there is no kernel."""
        for number, line in enumerate(text.split("\n"), start=1):
            if OTHER_FILE.match(line):
                raise BuildError(f"line {number}: {line.strip()}: one file must hold it all")
        spec = folder / "spec.txt"
        spec.write_text(text, encoding="utf-8")
        python = folder / "bin" / "python"
        try:
            command: list[str | Path] = [self._uv(), "pip", "install", "--python", python]
        except BuildError:
            command = [python, "-m", "pip", "install", "--no-input"]
        command += ["--only-binary", ":all:"]
        if not self.index_url:
            command += ["--no-index"]
        if self.volume.wheels.is_dir():
            command += ["--find-links", self.volume.wheels]
        listed: list[str | Path] = ["--requirement", spec] if text.strip() else []
        # With hashes for all, ipykernel cannot stand beside them without its own.
        if _is_hashed(text):
            self._run([*command, "--require-hashes", *listed], text)
            listed = []
        kernel = [] if _has_ipykernel(folder) or _r_kernel(folder) else ["ipykernel"]
        if listed or kernel:
            self._run([*command, *listed, *kernel], text)

    def _tool(self, name: str) -> Path:
        """The folder of a tool, unpacked from its wheel when it is first asked for."""
        tool = self.tools[name]
        folder = self.volume.tools / tool.folder
        _make(folder, lambda folder: self._unpack(tool, folder))
        return folder

    def _unpack(self, tool: Tool, folder: Path) -> str:
        wheels = self.volume.packages / "tools"
        found = sorted(wheels.glob(f"{tool.name.replace('-', '_')}-{tool.version}-*.whl"))
        if not found:
            raise BuildError(f"{tool.name} {tool.version} is not in tools/ of the team's packages")
        if _digest(found[0], "sha256").hex() != tool.sha256:
            raise BuildError(f"{found[0].name} in tools/ of the team's packages is not the file of that sha256")
        with zipfile.ZipFile(found[0]) as wheel:
            wheel.extractall(folder)
        for script in folder.glob("*.data/scripts/*"):
            script.chmod(0o755)
        return ""

    def _uv(self) -> Path:
        return self._tool("uv") / f"uv-{self.tools['uv'].version}.data" / "scripts" / "uv"

    def _run(self, command: Sequence[str | Path], spec: str = "") -> None:
        """Runs a tool; its words go to the log, and its last error is the reason."""
        print("+", *command, file=sys.stderr, flush=True)
        try:
            done = subprocess.run(  # noqa: S603 (our tools, with paths of ours)
                command,
                env=self._variables(),
                pass_fds=[self.lock],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BuildError(f"{Path(command[0]).name} took longer than {SECONDS // 60} minutes") from None
        print(done.stdout, file=sys.stderr, flush=True)
        if done.returncode:
            end = f"{Path(command[0]).name} ended with {done.returncode}"
            raise BuildError(_reason(done.stdout, spec) or end)

    def _variables(self) -> dict[str, str]:
        """For the tools: nothing of the user's settings, no internet, and everything on the volume."""
        variables = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN_SETTINGS)}
        variables |= {
            "HOME": str(self.volume.home),
            "NO_COLOR": "1",
            "PIP_CACHE_DIR": str(self.volume.cache / "pip"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_CACHE_DIR": str(self.volume.cache / "uv"),
            "UV_NO_CONFIG": "1",
            "UV_NO_PROGRESS": "1",
            "UV_PYTHON_DOWNLOADS": "never",
        }
        if not self.index_url:
            return variables | {"UV_OFFLINE": "1"}
        variables |= {"UV_DEFAULT_INDEX": f"trainyard={self.index_url}", "PIP_INDEX_URL": self.index_url}
        token = os.environ.get(TOKEN)
        if token:
            scheme, host = self.index_url.split("//", 1)
            variables |= {
                "UV_INDEX_TRAINYARD_USERNAME": "aws",
                "UV_INDEX_TRAINYARD_PASSWORD": token,
                "PIP_INDEX_URL": f"{scheme}//aws:{urllib.parse.quote(token, safe='')}@{host}",
            }
        return variables


def build(volume: Volume, team: str, index_url: str) -> bool:
    """Builds all; whether that went well. One after the other, because two would spoil each other's cache."""
    well = True
    with _locked(volume) as lock:
        specs = volume.specs(team)
        _clean(volume, {spec.identity for spec in specs})
        builder = Builder(volume, lock, index_url)
        for folder in _entries(volume.tools):
            if folder.name not in {tool.folder for tool in builder.tools.values()}:
                _remove(folder)
        for spec in specs:
            try:
                _say("ok", spec.label, builder.build(spec))
            except (BuildError, OSError) as error:
                _say("failed", spec.label, str(error))
                well = False
    return well


def register(volume: Volume, team: str, variables: Mapping[str, str]) -> None:
    """Writes the kernels of all environments in use, and removes those of ours that have none."""
    specs = volume.specs(team)
    folders = {spec.identity: volume.in_use(spec) for spec in specs}
    kernels: dict[str, dict[str, Any]] = {}
    for spec in specs:
        folder = folders[spec.identity]
        if folder:
            kernels |= _kernels(spec, folder, variables)
    for each in _entries(volume.kernels):
        if each.name not in kernels and _is_our_kernel(each):
            (each / "kernel.json").unlink()
            with contextlib.suppress(OSError):  # something else lies there
                each.rmdir()
    for name, kernel in kernels.items():
        file = volume.kernels / name / "kernel.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name("kernel.json.new")
        new.write_text(json.dumps(kernel, indent=2) + "\n", encoding="utf-8")
        new.replace(file)
    for spec in specs:
        folder = folders[spec.identity]
        lost = folder and _has_lost_python(folder)
        _say("ok", spec.label, LOST_PYTHON if lost else "" if folder else "no environment yet")


def _kernels(spec: Spec, folder: Path, variables: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The kernels of an environment, by name. Jupyter replaces what stands after a $ in their variables."""
    about = {
        "env": {
            **{name: value.replace("$", "$$") for name, value in variables.items()},
            "PATH": f"{str(folder / 'bin').replace('$', '$$')}:${{PATH}}",
        },
        "metadata": {"trainyard": spec.identity},
    }
    name = KERNEL_PREFIX if spec.identity == "default" else f"{KERNEL_PREFIX}-{spec.identity}"
    kernels = {}
    if _has_ipykernel(folder) and not _has_lost_python(folder):
        kernels[name] = {
            "argv": [str(folder / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": f"Trainyard ({spec.label})",
            "language": "python",
            **about,
            "metadata": {**about["metadata"], "debugger": True},
        }
    r = _r_kernel(folder)
    if r:
        program, *rest = r["argv"]
        kernels[f"{name}-r"] = {
            "argv": [str(folder / "bin" / program), *rest],
            "display_name": f"Trainyard ({spec.label}, R)",
            "language": "R",
            **about,
        }
    return kernels


def _has_ipykernel(folder: Path) -> bool:
    return any(folder.glob("lib/python3*/site-packages/ipykernel_launcher.py"))


def _has_lost_python(folder: Path) -> bool:
    """An environment that uv or venv made has a link to the image's Python, which another image may have elsewhere."""
    return _has_ipykernel(folder) and not os.access(folder / "bin" / "python", os.X_OK)


def _r_kernel(folder: Path) -> Any:
    """IRkernel's own kernel.json, if it is there."""
    try:
        return json.loads((folder / "lib/R/library/IRkernel/kernelspec/kernel.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _is_our_kernel(folder: Path) -> bool:
    try:
        kernel = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(kernel, dict) and "trainyard" in kernel.get("metadata", {})


def conda(kind: str, folder: Path, channel: Path, cache: Path) -> None:
    """Installs folder/spec.yml into ``folder``; told.json then says what is left for pip, and what to note.

    In a process of its own, so that whatever happens in the tool ends only this.
    """
    told = asyncio.run((_install_lock if kind == LOCK else _install_environment)(folder, channel, cache))
    (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")


async def _install(records: list[RepoDataRecord], folder: Path, channel: Path, cache: Path) -> None:
    """Installs from the copy of the channel: an URL stands for the file of that name there.

    The hash is looked at here, because rattler does not do it for files.
    """
    import rattler

    for record in records:
        file = channel / Path(*urllib.parse.urlsplit(record.url).path.split("/")[-2:])
        name = f"{file.parent.name}/{file.name}"
        if not file.is_file():
            raise BuildError(f"{name} is not in channel/ of the team's packages")
        # Old channels and lock files give only the MD5.
        expected, algorithm = (record.sha256, "sha256") if record.sha256 else (record.md5, "md5")
        if not expected or _digest(file, algorithm) != expected:
            raise BuildError(f"{name} in channel/ of the team's packages is not the file of that {algorithm}")
        record.url = file.as_uri()
    await rattler.install(records, folder, cache_dir=cache, show_progress=False)


async def _install_environment(folder: Path, channel: Path, cache: Path) -> dict[str, Any]:
    import rattler

    specs, pip, notes = _parsed((folder / "spec.yml").read_text(encoding="utf-8"))
    if not (channel / "noarch").is_dir():
        raise BuildError("there is no channel/noarch in the team's packages")
    matches = []
    for spec in specs:
        try:
            matches.append(rattler.MatchSpec(spec))
        except Exception as error:  # noqa: BLE001 (it says nowhere what it raises)
            raise BuildError(f"dependencies: {spec}: {error}") from None
    records = await rattler.solve(
        [rattler.Channel(channel.as_uri())],
        matches,
        gateway=rattler.Gateway(cache_dir=cache / "repodata"),
        virtual_packages=rattler.VirtualPackage.detect(),
    )
    await _install(records, folder, channel, cache)
    return {"pip": "\n".join(pip), "notes": notes}


async def _install_lock(folder: Path, channel: Path, cache: Path) -> dict[str, Any]:
    import rattler

    environment = rattler.LockFile.from_path(folder / "spec.yml").default_environment()
    here = next((each for each in environment.platforms() if each.name == "linux-64"), None) if environment else None
    if environment is None or here is None:
        raise BuildError("has no packages for linux-64")
    await _install(environment.conda_repodata_records_for_platform(here) or [], folder, channel, cache)
    pip = []
    for package in environment.pypi_packages_for_platform(here) or []:
        sha256 = package.hashes.sha256 if package.hashes else None
        if not sha256:
            raise BuildError(f"{package.name}: the lock file has no sha256 for it")
        pip.append(f"{package.name}=={package.version} --hash=sha256:{sha256.hex()}")
    return {"pip": "\n".join(pip), "notes": []}


def _parsed(text: str) -> tuple[list[str], list[str], list[str]]:
    """Of an environment.yml: what conda installs, what pip installs, and what to note."""
    import yaml

    try:
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BuildError(f"line {line}: {error.problem}") from None
    dependencies = content.get("dependencies") if isinstance(content, dict) else None
    if not isinstance(dependencies, list) or not dependencies:
        raise BuildError("lists no dependencies")
    specs: list[str] = []
    pip: list[str] = []
    for each in dependencies:
        if isinstance(each, str):
            specs.append(each.rpartition("::")[2])
        elif isinstance(each, dict) and set(each) == {"pip"} and isinstance(each["pip"], list):
            pip += [str(line) for line in each["pip"]]
        else:
            raise BuildError(f"dependencies: {each}: must be a package, or pip: with a list")
    channels = content.get("channels") or []
    return specs, pip, ["all packages come from the team's channel, whatever the file names"] if channels else []


def _digest(file: Path, algorithm: str) -> bytes:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with file.open("rb") as opened:
        while part := opened.read(1 << 20):
            digest.update(part)
    return digest.digest()


def _make(folder: Path, fill: Callable[[Path], str]) -> None:
    """A folder that is whole or is made anew: it is marked when all of it is on the disk."""
    if (folder / COMPLETE).is_file():
        return
    _remove(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        note = fill(folder)
        _write_down(folder)
        new = folder / f"{COMPLETE}.new"
        new.write_text(note, encoding="utf-8")
        new.replace(folder / COMPLETE)
    except BaseException:
        _remove(folder)
        raise


def _write_down(folder: Path) -> None:
    """The file system of a folder and no other: one that does not answer would hold up a sync of all."""
    try:
        subprocess.run(["sync", "-f", folder], timeout=SYNC_SECONDS, check=True)  # noqa: S603, S607 (of PATH)
    except subprocess.TimeoutExpired:
        raise BuildError(f"the volume did not write it down in {SYNC_SECONDS} seconds") from None
    except subprocess.CalledProcessError:
        raise BuildError("the volume did not write it down") from None


def _remove(folder: Path) -> None:
    """The mark first: what is half gone is not whole."""
    with contextlib.suppress(OSError):
        (folder / COMPLETE).unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _clean(volume: Volume, identities: set[str]) -> None:
    """Removes what no spec needs; when the spec is gone, a start later, in case that it comes back."""
    for folder in _entries(volume.environments):
        if not OURS.fullmatch(folder.name) or folder.is_symlink():
            continue
        if folder.name not in identities:
            if os.path.lexists(folder / "current"):
                (folder / "current").replace(folder / "previous")
            else:
                (folder / "previous").unlink(missing_ok=True)
        _sweep(folder)
        with contextlib.suppress(OSError):  # there is more in it
            folder.rmdir()


def _sweep(home: Path) -> None:
    kept = {_key_in(home / name) for name in ("current", "previous")}
    for folder in _entries(home):
        if KEY.fullmatch(folder.name) and folder.name not in kept and not _runs_from(folder):
            _remove(folder)


def _runs_from(folder: Path) -> bool:
    start = os.fsencode(folder) + b"/"
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if start in file.read_bytes():
                return True
    return False


def _link(link: Path, target: str) -> None:
    new = link.with_name(f"{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


def _key_in(link: Path) -> str:
    """What a link of ours points to, empty if there is none."""
    try:
        target = str(link.readlink())
    except OSError:
        return ""
    return target if KEY.fullmatch(target) else ""


@contextlib.contextmanager
def _locked(volume: Volume) -> Iterator[int]:
    """One build at a time; another one waits, and then finds everything done."""
    if volume.environments.is_symlink():
        raise BuildError(f"{volume.environments} is a link: what it leads to would be cleaned")
    volume.environments.mkdir(parents=True, exist_ok=True)
    with (volume.environments / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _text(file: Path) -> str:
    """Of a spec, with the line ends of Unix. Its user may have made it anything: a folder, a pipe, endless."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise BuildError("is not a file")
    with file.open("rb") as opened:
        content = opened.read(SPEC_BYTES + 1)
    if len(content) > SPEC_BYTES:
        raise BuildError(f"is larger than {SPEC_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BuildError("is not text in UTF-8") from None
    return text.replace("\r\n", "\n")


def _is_hashed(text: str) -> bool:
    return "--hash=" in text


def _reason(output: str, spec: str) -> str:
    """What a tool said from its last error on, with the line of the spec where it gives a position."""
    lines = output.split("\n")
    starts = [number for number, line in enumerate(lines) if line.lower().startswith("error:")]
    if not starts:
        return ""
    said = " ".join(" ".join(lines[starts[-1] :]).split())[len("error:") :].strip()
    said = re.sub(r"\S+/spec\.txt:(\d+):\d+", r"line \1", said)
    return re.sub(
        r" in `[^`]*` at position (\d+)",
        lambda found: f" in line {spec[: int(found[1])].count(chr(10)) + 1}",
        said,
    )


def _encoded(name: str) -> str:
    """Small letters, digits, - and _ as they are, all else as .XX: Jupyter takes no others, and no capitals apart."""
    plain = b"abcdefghijklmnopqrstuvwxyz0123456789-_"
    encoded = "".join(chr(byte) if byte in plain else f".{byte:02x}" for byte in os.fsencode(name))
    if len(encoded) <= 150:
        return encoded
    return f"{encoded[:100]}..{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, nothing where there is none."""
    return list(folder.iterdir()) if folder.is_dir() else []


def _say(state: str, name: str, note: str) -> None:
    line = f"{state} {name}: {note}" if note else f"{state} {name}"
    print(_printable(" ".join(line.split()))[:500], flush=True)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text}: must be NAME=VALUE")
    return name, value


def _index_url(text: str) -> str:
    """Without a password, which every process of this machine could read."""
    parts = urllib.parse.urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc):
        raise argparse.ArgumentTypeError("must be an address with http(s) and without a password")
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 1 when an environment could not be built or registered."""
    parser = argparse.ArgumentParser(description="Builds environments and registers their kernels.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("build", "register"):
        command = commands.add_parser(name)
        command.add_argument("--home", type=Path, required=True, help="the user's home, with SageMaker/ in it")
        command.add_argument("--team", required=True, help="names the kernel of requirements.txt")
    commands.choices["build"].add_argument("--index-url", type=_index_url, default="", help=f"its token: {TOKEN}")
    commands.choices["register"].add_argument("--env", type=_variable, action="append", default=[])
    part = commands.add_parser("conda", help="a part of build")
    part.add_argument("kind")
    for name in ("folder", "channel", "cache"):
        part.add_argument(name, type=Path)
    part.add_argument("tools", nargs="+")
    options = parser.parse_args(arguments)

    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    if options.command == "conda":
        sys.path[:0] = options.tools
        code = 0
        try:
            conda(options.kind, options.folder, options.channel, options.cache)
        except Exception as error:  # noqa: BLE001 (whatever the tool raises is the reason)
            print(f"error: {error}")
            code = 1
        # Not the usual end: rattler's threads outlive the interpreter, which crashes one process in five.
        sys.stdout.flush()
        os._exit(code)
    try:
        if options.command == "build":
            return 0 if build(Volume(options.home), options.team, options.index_url) else 1
        register(Volume(options.home), options.team, dict(options.env))
    except (BuildError, OSError) as error:
        _say("failed", ALL, str(error))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
