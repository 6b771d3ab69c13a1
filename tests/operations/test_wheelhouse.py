"""With a folder of wheels for an index, and an S3 and CloudFormation that stand in this process."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws

from environments import load
from operations import wheelhouse
from operations.errors import InputError
from tests.lifecycle_scripts import wheels
from tests.support import Json

BUCKET = "artifacts-of-dev"
KEY = "arn:aws:kms:eu-west-1:222222222222:key/the-key"
PREFIX = "vision/code/packages"

pytestmark = pytest.mark.slow


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip looks, and nowhere else."""
    folder = tmp_path / "index"
    for name in ("ipykernel", "shapes", "uv"):
        wheels.wheel(folder, name, "1.0", {})
    tools = tmp_path / "tools.txt"
    tools.write_text(f"uv==1.0 --hash=sha256:{wheels.sha256(folder / 'uv-1.0-py3-none-any.whl')}\n")
    monkeypatch.setattr(wheelhouse, "TOOLS", tools)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    """Of an account where dev is deployed, as far as it matters here."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        session = boto3.Session(region_name="eu-west-1")
        session.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        session.events.register("before-call.cloudformation.DescribeStacks", answer)  # type: ignore[arg-type]
        yield session


def answer(params: Json, **_: object) -> tuple[SimpleNamespace, Json]:
    """CloudFormation's, for the one stack that there is."""
    if "trainyard-dev-data" in str(params["body"]):
        outputs = [
            {"OutputKey": "ArtifactsBucket", "OutputValue": BUCKET},
            {"OutputKey": "KeyOflanguage", "OutputValue": KEY},
        ]
        return SimpleNamespace(status_code=200), {"Stacks": [{"Outputs": outputs}]}
    error = {"Code": "ValidationError", "Message": "Stack with id trainyard-prod-data does not exist"}
    return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}


def requirements(folder: Path, text: str) -> Path:
    file = folder / "requirements.txt"
    file.write_text(text)
    return file


def fill(
    session: boto3.Session,
    file: Path,
    environment: str = "dev",
    team: str = "vision",
    name: str = "",
    channel: Path | None = None,
) -> str:
    return wheelhouse.fill(load(environment), team, file, "3.10", session, name=name, channel=channel)


def uploaded(session: boto3.Session) -> dict[str, bytes]:
    """What lies in the team's folder."""
    s3 = session.client("s3")
    return {
        each["Key"].removeprefix(f"{PREFIX}/"): s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read()
        for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    }


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    """A copy of a channel, and what a mirror may leave beside it."""
    folder = tmp_path / "channel"
    for name in ("noarch/repodata.json", "noarch/a-1-0.conda", "linux-64/repodata.json", "linux-64/b-1-0.tar.bz2"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps({}))
    (folder / "noarch" / "index.html").write_text("<html>")
    (folder / "win-64").mkdir()
    (folder / "win-64" / "c-1-0.conda").write_text("")
    return folder


@pytest.mark.usefixtures("index")
def test_wheels_and_requirements_come_to_the_teams_folder(session: boto3.Session, tmp_path: Path) -> None:
    said = fill(session, requirements(tmp_path, "shapes==1.0\n"))
    assert said == f"s3://{BUCKET}/{PREFIX}: requirements.txt and 3 files, 3 of them new"
    assert set(uploaded(session)) == {
        "requirements.txt",
        "tools/uv-1.0-py3-none-any.whl",
        "wheels/ipykernel-1.0-py3-none-any.whl",
        "wheels/shapes-1.0-py3-none-any.whl",
    }


@pytest.mark.usefixtures("index")
def test_line_ends_of_windows_are_not_uploaded(session: boto3.Session, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_bytes(b"shapes\r\n# none\r\n")
    fill(session, file)
    assert uploaded(session)["requirements.txt"] == b"shapes\n# none\n"


@pytest.mark.usefixtures("index")
def test_a_further_environment_lies_beside_the_teams_own(session: boto3.Session, tmp_path: Path) -> None:
    fill(session, requirements(tmp_path, "shapes\n"), name="maps")
    assert "environments/maps.txt" in uploaded(session)
    assert "requirements.txt" not in uploaded(session)


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("ending", [".yml", ".yaml", ".conda-lock.yml"])
def test_an_environment_of_conda_comes_with_its_channel(
    session: boto3.Session, tmp_path: Path, channel: Path, ending: str
) -> None:
    file = tmp_path / f"environment{ending}"
    file.write_text("dependencies: [python]\n")
    fill(session, file, name="maps", channel=channel)
    assert set(uploaded(session)) == {
        f"environments/maps{ending}",
        "tools/uv-1.0-py3-none-any.whl",
        *("channel/noarch/repodata.json", "channel/noarch/a-1-0.conda"),
        *("channel/linux-64/repodata.json", "channel/linux-64/b-1-0.tar.bz2"),
    }


@pytest.mark.usefixtures("index")
def test_a_changed_index_of_a_channel_is_uploaded_again(session: boto3.Session, tmp_path: Path, channel: Path) -> None:
    for text in ("{}", '{"packages": {}}'):
        (channel / "noarch" / "repodata.json").write_text(text)
        fill(session, requirements(tmp_path, "shapes\n"), channel=channel)
    assert uploaded(session)["channel/noarch/repodata.json"] == b'{"packages": {}}'


def test_an_environment_of_conda_must_have_a_name(session: boto3.Session, tmp_path: Path) -> None:
    (tmp_path / "maps.yml").write_text("dependencies: [python]\n")
    with pytest.raises(InputError, match=r"^name: an environment of conda must have one, such as --name maps$"):
        fill(session, tmp_path / "maps.yml")


@pytest.mark.parametrize("name", ["a b", "../x", ".hidden", "-x", "a/b"])
def test_a_name_that_is_no_name_of_a_file_is_refused(session: boto3.Session, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"^name: .* must be letters, digits, "):
        fill(session, requirements(tmp_path, "shapes\n"), name=name)


def test_a_folder_that_is_no_channel_is_refused(session: boto3.Session, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^channel: .* must be a folder with noarch/repodata.json$"):
        fill(session, requirements(tmp_path, "shapes\n"), channel=tmp_path)


def test_a_tool_of_another_hash_is_not_uploaded(session: boto3.Session, index: Path, tmp_path: Path) -> None:
    wheels.wheel(index, "uv", "1.0", {"uv.py": "another"})
    with pytest.raises(InputError, match=r"tools.txt: .*HASHES"):
        fill(session, requirements(tmp_path, "shapes\n"))
    assert not uploaded(session)


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(("team", "key"), [("language", "the-key"), ("vision", None)])
def test_a_team_with_a_key_of_its_own_has_it_named(
    session: boto3.Session, tmp_path: Path, team: str, key: str | None
) -> None:
    fill(session, requirements(tmp_path, "shapes\n"), team=team)
    s3 = session.client("s3")
    for name in ("requirements.txt", "wheels/shapes-1.0-py3-none-any.whl"):
        file = s3.head_object(Bucket=BUCKET, Key=f"{team}/code/packages/{name}")
        assert (file.get("SSEKMSKeyId") or "").endswith(key or "")
        assert ("SSEKMSKeyId" in file) is (key is not None)


@pytest.mark.usefixtures("index")
def test_what_is_there_is_not_uploaded_again(session: boto3.Session, tmp_path: Path) -> None:
    file = requirements(tmp_path, "shapes\n")
    fill(session, file)
    assert fill(session, file).endswith("3 files, 0 of them new")


def test_an_unknown_team_is_told_with_the_known_ones(session: boto3.Session, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^team: 'visoin': must be one of the teams of dev: vision, language$"):
        fill(session, requirements(tmp_path, "shapes\n"), team="visoin")


def test_a_missing_file_is_told(session: boto3.Session, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^requirements: '.*nothing.txt': must be a file$"):
        fill(session, tmp_path / "nothing.txt")


@pytest.mark.usefixtures("index")
def test_what_pip_does_not_find_is_told_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"requirements.txt: No matching distribution found for nowhere==2.0"):
        wheelhouse.download(requirements(tmp_path, "nowhere==2.0\n"), tmp_path / "to", "3.10")


def test_what_only_the_notebooks_python_needs_is_downloaded(index: Path, tmp_path: Path) -> None:
    for name, marker in (("old", "python_version < '3.11'"), ("mac", "sys_platform == 'darwin'")):
        wheels.wheel(index, name, "1.0", {})
        wheels.wheel(index, f"needs{name}", "1.0", {}, requires=[f"{name}; {marker}"])
    found = wheelhouse.download(requirements(tmp_path, "needsold\nneedsmac\n"), tmp_path / "to", "3.10")
    assert {wheel.name.split("-")[0] for wheel in found} == {"ipykernel", "needsold", "needsmac", "old"}


@pytest.mark.parametrize("platform", ["manylinux_2_34", "manylinux_2_27", "manylinux_2_5", "manylinux2010"])
def test_a_wheel_for_an_older_glibc_is_downloaded(index: Path, tmp_path: Path, platform: str) -> None:
    wheels.wheel(index, "compiled", "1.0", {}, f"cp310-cp310-{platform}_x86_64")
    found = wheelhouse.download(requirements(tmp_path, "compiled\n"), tmp_path / "to", "3.10")
    assert f"compiled-1.0-cp310-cp310-{platform}_x86_64.whl" in {wheel.name for wheel in found}


def test_a_wheel_for_a_newer_glibc_is_not_downloaded(index: Path, tmp_path: Path) -> None:
    wheels.wheel(index, "compiled", "1.0", {}, "cp310-cp310-manylinux_2_35_x86_64")
    with pytest.raises(InputError, match="No matching distribution found for compiled"):
        wheelhouse.download(requirements(tmp_path, "compiled\n"), tmp_path / "to", "3.10")


def test_hashed_requirements_must_hold_the_kernel_themselves(index: Path, tmp_path: Path) -> None:
    digest = wheels.sha256(index / "shapes-1.0-py3-none-any.whl")
    with pytest.raises(InputError, match="must list ipykernel, with its hashes"):
        wheelhouse.download(requirements(tmp_path, f"shapes==1.0 --hash=sha256:{digest}\n"), tmp_path / "to", "3.10")


@pytest.mark.usefixtures("index")
def test_an_environment_that_is_not_deployed_is_told(session: boto3.Session, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^prod: .*trainyard-prod-data does not exist"):
        fill(session, requirements(tmp_path, "shapes\n"), environment="prod")
