"""Reads the scripts of instances for the stacks, which read no file."""

import hashlib
import io
import re
import tarfile
from pathlib import Path

from stacks.platform import Scripts
from trainyard.notebook_lifecycle import Archive, NotebookScripts

FOLDER = Path(__file__).parent
JOB = FOLDER / "notebook" / "job"
SOURCE = re.compile(r"^source ([\w./]+)$", re.MULTILINE)
LINE_OF_WORDS = re.compile(r"(?<=\n)(?: *#.*\n| *\n)")
INDENTATION = re.compile(r"^ +", re.MULTILINE)


def text(script: Path) -> str:
    """A script with the files of this folder that it reads, each in the place of its ``source``.

    AWS takes one text for a script, and an instance has nothing else beside it.
    """

    def without_first_line(found: re.Match[str]) -> str:
        return text(FOLDER / found[1]).partition("\n")[2].rstrip("\n")

    return SOURCE.sub(without_first_line, script.read_text())


def short(script: Path) -> str:
    """A script without its comments and indentation: SageMaker takes few characters.

    So a script that is shortened holds no text whose lines begin with spaces or a hash.
    """
    return INDENTATION.sub("", LINE_OF_WORDS.sub("", text(script)))


def job() -> bytes:
    """What notebook instances fetch, as a tar archive: the same bytes on every machine."""
    files = {file.name: text(file).encode() for file in JOB.glob("*.sh")}
    files |= {file.name: file.read_bytes() for file in (*JOB.glob("*.py"), *JOB.glob("*.txt"))}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def collect(folder: Path) -> Scripts:
    """All scripts; the archive of the notebooks' job is written to ``folder``, from where the CDK takes it."""
    archive = folder / "job.tar"
    archive.write_bytes(job())
    return Scripts(
        notebook=NotebookScripts(
            on_create=short(FOLDER / "notebook" / "on_create.sh"),
            on_start=short(FOLDER / "notebook" / "on_start.sh"),
            job=Archive(str(archive), hashlib.sha256(archive.read_bytes()).hexdigest()),
        ),
        studio_start=text(FOLDER / "studio" / "on_start.sh"),
        batch_host=text(FOLDER / "batch" / "host.sh"),
    )
