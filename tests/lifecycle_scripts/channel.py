"""A channel of conda in a folder, with packages of a few files each.

Source: https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html
"""

import hashlib
import io
import json
import platform
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# In a process of its own, with an end of its own: rattler's threads crash the interpreter at its usual end.
INDEX = """
import asyncio, os, sys
from rattler.index import index_fs
asyncio.run(index_fs(sys.argv[1], write_shards=False, force=True))
os._exit(0)
"""


@dataclass(frozen=True)
class Link:
    """A symbolic link in a package."""

    target: str


@dataclass(frozen=True)
class Channel:
    """The folder, which conda-forge would have at its address."""

    folder: Path

    def add(
        self,
        name: str,
        version: str,
        files: Mapping[str, str | Link],
        depends: Sequence[str] = (),
        subdir: str = "noarch",
    ) -> Path:
        """A package; one of ``noarch`` is of Python, and its site-packages/ come to those of the environment."""
        build = "py_0" if subdir == "noarch" else "h0_0"
        index = {"name": name, "version": version, "build": build, "build_number": 0, "depends": list(depends)}
        index |= {"subdir": subdir, "timestamp": 1_700_000_000_000, "license": "MIT"}
        index |= {"noarch": "python"} if subdir == "noarch" else {}
        paths = [
            {"_path": path, "path_type": "softlink" if isinstance(file, Link) else "hardlink", **_facts(file)}
            for path, file in files.items()
        ]
        metadata = {"info/index.json": json.dumps(index), "info/files": "\n".join(files) + "\n"}
        metadata["info/paths.json"] = json.dumps({"paths": paths, "paths_version": 1})
        if subdir == "noarch":
            metadata["info/link.json"] = json.dumps({"noarch": {"type": "python"}, "package_metadata_version": 1})
        package = self.folder / subdir / f"{name}-{version}-{build}.tar.bz2"
        package.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(package, "w:bz2") as archive:
            for path, file in {**metadata, **files}.items():
                _put(archive, path, file)
        return package

    def add_python(self) -> Path:
        """The Python of the tests, as a virtual environment of it."""
        version = platform.python_version()
        real = Path(sys.base_prefix) / "bin" / "python3"
        library = f"lib/python3.{sys.version_info.minor}/site-packages"
        files: dict[str, str | Link] = {
            "bin/python": Link(str(real)),
            "pyvenv.cfg": f"home = {real.parent}\nversion_info = {version}\ninclude-system-site-packages = false\n",
            f"{library}/README.txt": "Here lie packages.\n",
        }
        return self.add("python", version, files, subdir="linux-64")

    def write_index(self) -> None:
        """Brings repodata.json up to date."""
        (self.folder / "noarch").mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-c", INDEX, self.folder], check=True, timeout=60)

    def lock(self, packages: Sequence[Path], wheels: Sequence[Path] = ()) -> str:
        """A lock file as conda-lock writes it, of conda-forge and PyPI."""
        entries = []
        for path in packages:
            name, version, _ = path.name.removesuffix(".tar.bz2").rsplit("-", 2)
            url = f"https://conda.anaconda.org/conda-forge/{path.parent.name}/{path.name}"
            entries.append(_locked("conda", name, version, url, path))
        for path in wheels:
            name, version = path.name.split("-")[:2]
            entries.append(
                _locked("pip", name, version, f"https://files.pythonhosted.org/packages/aa/{path.name}", path)
            )
        head = {
            "content_hash": {"linux-64": "0" * 64},
            "channels": [{"url": "conda-forge", "used_env_vars": []}],
            "platforms": ["linux-64"],
            "sources": ["environment.yml"],
        }
        # JSON is YAML.
        return json.dumps({"version": 1, "metadata": head, "package": entries}, indent=1)


def _locked(manager: str, name: str, version: str, url: str, path: Path) -> dict[str, object]:
    content = path.read_bytes()
    digests = {"md5": hashlib.md5(content, usedforsecurity=False).hexdigest()} if manager == "conda" else {}
    digests["sha256"] = hashlib.sha256(content).hexdigest()
    entry = {"name": name, "version": version, "manager": manager, "platform": "linux-64", "dependencies": {}}
    return entry | {"url": url, "hash": digests, "category": "main", "optional": False}


def _facts(file: str | Link) -> dict[str, object]:
    content = b"" if isinstance(file, Link) else file.encode()
    return {"sha256": hashlib.sha256(content).hexdigest(), "size_in_bytes": len(content)}


def _put(archive: tarfile.TarFile, path: str, file: str | Link) -> None:
    member = tarfile.TarInfo(path)
    if isinstance(file, Link):
        member.type, member.linkname = tarfile.SYMTYPE, file.target
        archive.addfile(member)
        return
    content = file.encode()
    member.size, member.mode = len(content), 0o755 if path.startswith("bin/") else 0o644
    archive.addfile(member, io.BytesIO(content))
