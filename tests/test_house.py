"""What must stay as it is for everything else to work."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import aws_cdk
import boto3
import pytest
from aws_cdk import aws_ec2 as ec2

from environments.loading import ROOT
from trainyard.endpoint_services import INTERFACE_SERVICES
from trainyard.regions import ENDPOINT_HOUR_USD, REGIONS, S3_PREFIX_LISTS

# Feature flags that are set otherwise than the CDK recommends; docs/decisions/0005-feature-flags.md says why.
DEVIATIONS = {
    "@aws-cdk/core:defaultCrossStackReferences": "strong",
    "@aws-cdk/core:explicitStackTags": False,
}


def test_the_folder_constructs_is_no_package() -> None:
    """With an ``__init__.py`` it would hide the package of that name that the CDK imports."""
    assert not (ROOT / "constructs" / "__init__.py").exists()


def test_it_holds_one_package_of_a_name_of_its_own() -> None:
    assert [each.name for each in (ROOT / "constructs").iterdir() if each.is_dir() and each.name != "__pycache__"] == [
        "trainyard"
    ]


@pytest.mark.parametrize("file", sorted((ROOT / "local_aws").rglob("*.py")), ids=lambda file: file.name)
def test_the_local_aws_could_be_taken_out(file: Path) -> None:
    ours = {folder.name for folder in ROOT.iterdir() if folder.is_dir()} | {"app", "aws_cdk", "constructs", "trainyard"}
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(file.read_text()))
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not imported & (ours - {"local_aws"})


def test_the_feature_flags_are_those_that_the_cdk_recommends() -> None:
    """A new release of the CDK brings new ones, which someone must look at."""
    (library,) = aws_cdk.__path__
    bundle = next((Path(library) / "_jsii").glob("aws-cdk-lib@*.jsii.tgz"))
    with tarfile.open(bundle) as archive:
        file = archive.extractfile("package/recommended-feature-flags.json")
        assert file
        recommended = json.load(file)
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    assert {key: value for key, value in flags.items() if key.startswith("@aws-cdk")} == recommended | DEVIATIONS


def test_cdk_runs_the_app_in_the_projects_own_environment() -> None:
    assert json.loads((ROOT / "cdk.json").read_text())["app"] == ".venv/bin/python app.py"


def test_the_regions_are_those_that_have_sagemaker() -> None:
    assert sorted(boto3.Session().get_available_regions("sagemaker")) == list(REGIONS)


def test_prices_and_prefix_lists_are_of_known_regions() -> None:
    assert {*S3_PREFIX_LISTS, *ENDPOINT_HOUR_USD} <= set(REGIONS)


def test_endpoint_services_have_the_names_that_the_cdk_knows() -> None:
    constants = [name for name in dir(ec2.InterfaceVpcEndpointAwsService) if name.isupper()]
    # The CDK leaves the region open, and "com.amazonaws" too, which differs in China.
    known = {
        re.sub(r"\$\{Token\[[^]]*\]\}", "", getattr(ec2.InterfaceVpcEndpointAwsService, name).name)
        for name in constants
    }
    ours = {service.name.format(region="") for service in INTERFACE_SERVICES.values()}
    assert {name.removeprefix("com.amazonaws") for name in ours} <= known


def test_packages_are_compiled() -> None:
    """Or the import of the CDK takes seconds longer at every synth, where Python may not write what it compiled."""
    assert Path(importlib.util.cache_from_source(ec2.__file__)).exists()


@pytest.mark.parametrize("name", sorted(file.name for file in ROOT.glob("requirements*.txt")))
def test_every_package_is_pinned_with_hashes_and_none_with_a_host(name: str) -> None:
    text = (ROOT / name).read_text()
    packages = re.findall(r"^[a-z0-9]\S+", text, flags=re.M | re.I)
    assert packages
    assert all(re.fullmatch(r"\S+==\S+", package) for package in packages)
    assert len(re.findall(r"^    --hash=sha256:\w{64}", text, flags=re.M)) >= len(packages)
    assert "://" not in text


def test_the_cdk_cli_is_pinned_with_a_hash_and_without_a_host() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    cli = lock["packages"]["node_modules/aws-cdk"]
    assert cli["version"].startswith("2.")
    assert cli["integrity"].startswith("sha512-")
    assert "resolved" not in cli


@pytest.mark.parametrize("file", sorted((ROOT / "environments").glob("*.yaml")), ids=lambda file: file.name)
def test_editors_complete_the_environment_files(file: Path) -> None:
    assert file.read_text().startswith("# yaml-language-server: $schema=schema.json\n")


@pytest.mark.slow
def test_tests_of_a_group_run_in_one_process(tmp_path: Path) -> None:
    """What they share is made once: the suite takes its time by that."""
    (tmp_path / "test_group.py").write_text(
        "import os, pathlib, pytest\n\n"
        "@pytest.mark.xdist_group('one')\n"
        "@pytest.mark.parametrize('number', range(8))\n"
        "def test_it(number):\n"
        "    pathlib.Path(str(os.getpid())).touch()\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--numprocesses=2", "--dist=loadgroup"]
    subprocess.run([*command, "test_group.py"], cwd=tmp_path, check=True, capture_output=True)
    assert len([each for each in tmp_path.iterdir() if each.name.isdigit()]) == 1
