"""With a folder of wheels for an index, and an S3 and CloudFormation that stand in this process."""

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws

from environments import load
from operations import wheelhouse
from operations.errors import InputError
from tests.support import Json

BUCKET = "artifacts-of-dev"
KEY = "arn:aws:kms:eu-west-1:222222222222:key/the-key"
PREFIX = "vision/code/packages"

pytestmark = pytest.mark.slow


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip looks, and nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in ("ipykernel", "shapes"):
        a_wheel(folder, name)
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


def a_wheel(folder: Path, name: str) -> None:
    """A wheel of a package with nothing in it."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},"
        for path, text in files.items()
    ]
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,", ""]))


def requirements(folder: Path, text: str) -> Path:
    file = folder / "requirements.txt"
    file.write_text(text)
    return file


def fill(session: boto3.Session, file: Path, environment: str = "dev", team: str = "vision") -> str:
    return wheelhouse.fill(load(environment), team, file, "3.10", session)


@pytest.mark.usefixtures("index")
def test_wheels_and_requirements_come_to_the_teams_folder(session: boto3.Session, tmp_path: Path) -> None:
    said = fill(session, requirements(tmp_path, "shapes==1.0\n"))
    assert said == f"s3://{BUCKET}/{PREFIX}: requirements.txt and 2 wheels, 2 of them new"
    assert {each["Key"] for each in session.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]} == {
        f"{PREFIX}/requirements.txt",
        f"{PREFIX}/wheels/ipykernel-1.0-py3-none-any.whl",
        f"{PREFIX}/wheels/shapes-1.0-py3-none-any.whl",
    }


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
    assert fill(session, file).endswith("2 wheels, 0 of them new")


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


def test_hashed_requirements_must_hold_the_kernel_themselves(index: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256((index / "shapes-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    with pytest.raises(InputError, match="must list ipykernel, with its hashes"):
        wheelhouse.download(requirements(tmp_path, f"shapes==1.0 --hash=sha256:{digest}\n"), tmp_path / "to", "3.10")


@pytest.mark.usefixtures("index")
def test_an_environment_that_is_not_deployed_is_told(session: boto3.Session, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^prod: .*trainyard-prod-data does not exist"):
        fill(session, requirements(tmp_path, "shapes\n"), environment="prod")
