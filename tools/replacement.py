"""What CloudFormation replaces, from AWS's schemas; ``python -m tools.replacement`` renews the baseline.

The schemas are those of the CloudFormation registry, as cfn-lint carries them.
"""

import json
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

import app
from environments import load
from environments.loading import ROOT, known_environments
from operations.assembly import Json, stacks_of
from operations.replacement import STATEFUL, Record, changes, create_only, record, stateful

BASELINE = ROOT / "tests" / "baseline"
"""A file per shipped environment: its stateful resources at the last release."""


@dataclass(frozen=True)
class Completion:
    """What the schema of a type leaves out.

    Args:
        replaces: further properties whose change replaces a resource.
        may_replace: further properties whose change may replace one.
        note: what else is to be known, and where all this stands.
    """

    replaces: tuple[str, ...] = ()
    may_replace: tuple[str, ...] = ()
    note: str = ""


REFERENCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference"
FSX = "https://docs.aws.amazon.com/fsx/latest/APIReference/API_UpdateFileSystem.html"

COMPLETIONS = {
    "AWS::FSx::FileSystem": Completion(
        replaces=("LustreConfiguration/CopyTagsToBackups", "LustreConfiguration/DeploymentType"),
        may_replace=(
            "FileSystemTypeVersion",
            "LustreConfiguration/DriveCacheType",
            "LustreConfiguration/EfaEnabled",
            "LustreConfiguration/ExportPath",
            "LustreConfiguration/ImportPath",
            "LustreConfiguration/ImportedFileChunkSize",
            "LustreConfiguration/PerUnitStorageThroughput",
            "StorageType",
        ),
        note=(
            f"AWS's pages of the [file system]({REFERENCE}/aws-resource-fsx-filesystem.html) and its "
            f"[Lustre configuration]({REFERENCE}/aws-properties-fsx-filesystem-lustreconfiguration.html). "
            'What may replace one is "no interruption" there, but of these '
            f"[UpdateFileSystem]({FSX}) takes only `FileSystemTypeVersion` and `PerUnitStorageThroughput` for Lustre, "
            "and of those two the data of the CDK CLI says replacement. "
            "A larger `StorageCapacity` replaces nothing, and FSx refuses a smaller one."
        ),
    ),
    "AWS::KMS::Key": Completion(
        note="AWS refuses a change of `KeySpec`, `KeyUsage`, `MultiRegion` and `Origin`: "
        f"[AWS's page]({REFERENCE}/aws-resource-kms-key.html)."
    ),
}
"""The types whose schema says less than AWS's pages do."""

PAGE = """\
# Replacement

Some properties of a resource cannot be changed in place. When one of them changes, CloudFormation makes a new resource
and deletes the old one with all that is in it. It also deletes a resource that is gone from its template, and a
construct that is renamed or moved is gone: its resources get other logical ids.

Two checks stop a deployment that would do so to a resource that holds data, or that much depends on: through a property
of its own, or through a resource that it refers to. They do so even if the old one is kept (`Retain`), since an empty
one takes its place.

- `make diff` and `make deploy` compare the templates with those of the stacks that are deployed, before the CDK CLI
  does anything. `python -m operations check-replacement ENV` does the same with what `make synth` left in `cdk.out`. A
  plain `cdk deploy` asks nobody.
- A test compares the templates of the shipped environments with `tests/baseline/`, which records their stateful
  resources as they were at the last release.

When it is meant:

1. Save what the resource holds.
2. Write the lines that the refusal ends with into the environment file:

   ```yaml
   allowed_replacements:
     - trainyard-dev-team-vision.NotebooksgpuA1B2C3D4
   ```

3. Deploy, and take them out again; until then `make deploy` warns of those that allow nothing any more.

What is replaced because of it is named by lines of its own. A platform of a notebook instance needs none of this:
[notebooks.md](notebooks.md#upgrading-the-platform).

`make baseline` renews the baseline and prints what it gives up; commit it with the change. A release renews it too: in
the test, a resource is guarded from the release on that brings it. Renew it as well when a new version of cfn-lint
knows a further property of those below and our templates set it: the baseline has no value of it.

## What replaces what

| type | what is lost | a change replaces it | a change may replace it |
|---|---|---|---|
"""

SOURCES = """
What may replace a resource counts as if it did. The change set of a deployment says under "Replacement" what holds
for it.

This page is made (`make snapshots`) from the schemas of the CloudFormation registry that cfn-lint carries, for the
regions of the shipped environments. Where they say less than AWS's pages do:

"""


def page() -> str:
    """The page about replacement."""
    rows = []
    for type_, lost in STATEFUL.items():
        replaces, may_replace = _paths(type_)
        rows.append(f"| `{type_}` | {lost} | {_list(replaces)} | {_list(may_replace)} |\n")
    notes = [f"- `{type_}`: {completion.note}\n" for type_, completion in COMPLETIONS.items()]
    return PAGE + "".join([*rows, SOURCES, *notes])


def _list(paths: list[str]) -> str:
    return ", ".join(f"`{path}`" for path in paths) or "none"


def table() -> str:
    """Type of resource to the paths of its create-only properties, for all types in the shipped environments."""
    types = {
        resource["Type"]
        for templates in _templates().values()
        for template in templates.values()
        for resource in template["Resources"].values()
    }
    paths = {type_: _paths(type_) for type_ in sorted(types | STATEFUL.keys())}
    found = {type_: sorted(replaces + may_replace) for type_, (replaces, may_replace) in paths.items()}
    return json.dumps({type_: paths for type_, paths in found.items() if paths}, indent=2) + "\n"


def _paths(type_: str) -> tuple[list[str], list[str]]:
    """Properties whose change replaces a resource, and those whose change may replace it."""
    completion = COMPLETIONS.get(type_, Completion())
    replaces, may_replace = {*completion.replaces}, {*completion.may_replace}
    for region in {load(name).region for name in known_environments()}:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, type_).schema
        replaces |= _named(schema, "createOnlyProperties")
        may_replace |= _named(schema, "conditionalCreateOnlyProperties")
    return _without_parts(replaces, replaces), _without_parts(may_replace - replaces, replaces | may_replace)


def _named(schema: Json, keyword: str) -> set[str]:
    return {path.removeprefix("/properties/") for path in schema.get(keyword, ())}


def _without_parts(paths: set[str], wholes: set[str]) -> list[str]:
    """Without paths into a property that is there as a whole."""
    return sorted(path for path in paths if not any(path.startswith(f"{whole}/") for whole in wholes))


def baseline(name: str) -> Record:
    """The stateful resources of a shipped environment, as its templates are now."""
    return stateful(record(_templates()[name], create_only()))


@cache
def _templates() -> dict[str, dict[str, Json]]:
    """Environment to stack to template."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in known_environments():
            app.build(load(name), str(Path(folder) / name)).synth()
            found[name] = {stack.name: stack.template for stack in stacks_of(Path(folder) / name)}
    return found


if __name__ == "__main__":
    BASELINE.mkdir(exist_ok=True)
    for file in BASELINE.glob("*.json"):
        if file.stem not in known_environments():
            file.unlink()
    for name in known_environments():
        file, now = BASELINE / f"{name}.json", baseline(name)
        given_up = changes(json.loads(file.read_text()), now) if file.exists() else []
        for change in given_up:
            print(f"{name}: given up: {change}")
        file.write_text(json.dumps(now, indent=2) + "\n")
