"""Wheels for tests: small ones, and those of what is installed here, packed again."""

import base64
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LEFT_OUT = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


def wheel(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str | bytes],
    tag: str = "py3-none-any",
    *,
    requires: Sequence[str] = (),
    compressed: bool = False,
) -> Path:
    """A wheel with these files; gives its path."""
    info = f"{name}-{version}.dist-info"
    usual = {
        f"{info}/METADATA": "\n".join(
            ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
            + [f"Requires-Dist: {each}" for each in requires]
            + [""]
        ),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tag}.whl"
    rows = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        for file, text in (usual | dict(files)).items():
            content = text.encode() if isinstance(text, str) else text
            archive.writestr(file, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            rows.append(f"{file},sha256={digest},{len(content)}\n")
        archive.writestr(f"{info}/RECORD", "".join([*rows, f"{info}/RECORD,,\n"]))
    return path


def installed(folder: Path, name: str) -> Path:
    """The wheel that an installed package came from, but for the bytes of the archive."""
    package = distribution(name)
    plain = name.replace("-", "_")
    generated = {each.name for each in package.entry_points}
    files = {}
    for file in package.files or []:
        where = Path(str(package.locate_file(file)))
        if file.suffix == ".pyc" or (file.parts[0].endswith(".dist-info") and file.name in LEFT_OUT):
            continue
        if file.parts[0] != "..":
            target = file.as_posix()
        elif "bin" in file.parts:
            if file.name in generated:
                continue
            target = f"{plain}-{package.version}.data/scripts/{file.name}"
        else:
            outside = Path(*(part for part in file.parts if part != ".."))
            target = f"{plain}-{package.version}.data/data/{outside}"
        files[target] = where.read_bytes()
    return wheel(folder, plain, package.version, _named(files, plain, package.version), _tag(package))


def with_dependencies(folder: Path, name: str) -> list[str]:
    """The wheels of an installed package and of all it needs here; gives name==version of each."""
    found: dict[str, str] = {}
    names = [name]
    while names:
        each = canonicalize_name(names.pop())
        if each not in found:
            package = distribution(each)
            found[each] = f"{each}=={package.version}"
            installed(folder, each)
            needed = [Requirement(text) for text in package.requires or []]
            names += [each.name for each in needed if not each.marker or each.marker.evaluate({"extra": ""})]
    return sorted(found.values())


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _named(files: dict[str, bytes], name: str, version: str) -> dict[str, bytes]:
    """Some packages write their own name in another way, and installers ask for one."""
    info = f"{name}-{version}.dist-info"
    return {
        (f"{info}/{path.split('/', 1)[1]}" if path.split("/")[0].endswith(".dist-info") else path): content
        for path, content in files.items()
    }


def _tag(package: Distribution) -> str:
    lines = (package.read_text("WHEEL") or "").splitlines()
    tags = [line.removeprefix("Tag: ").split("-") for line in lines if line.startswith("Tag: ")]
    return "-".join(".".join(dict.fromkeys(part)) for part in zip(*tags, strict=True))
