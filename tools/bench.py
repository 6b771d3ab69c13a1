"""Measures synth: ``python -m tools.bench [ROUNDS]``.

Three programs take turns, so that what else the machine does falls on all of them:

- floor: imports the aws_cdk modules that Trainyard imports and synthesises an empty app;
- bare: Trainyard's prod without the policy packs;
- full: Trainyard's prod, as ``python app.py`` does it.

None runs the CDK's own validation engine. Times are seconds of wall clock, medians over the rounds.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from environments.loading import ROOT

ROUNDS = 7
TARGET = 2.0

FLOOR = """
import sys
{imports}
aws_cdk.App(outdir=sys.argv[1], analytics_reporting=False, builtin_cloud_formation_validation=False).synth()
"""

# Prints the seconds of each phase as one line of JSON.
TRAINYARD = """
import json, sys, time
started = time.perf_counter()
import app
imported = time.perf_counter()
if sys.argv[2] == "bare":
    app.gate.attach = lambda root: None
root = app.build(app.load("prod"), sys.argv[1])
built = time.perf_counter()
root.synth()
if sys.argv[2] == "full":
    app.gate.check(app.Path(sys.argv[1]))
synthesised = time.perf_counter()
print(json.dumps({
    "imports": imported - started, "construction": built - imported, "synth": synthesised - built,
}))
"""


def main(rounds: int) -> None:
    """Prints the medians, the ratio to the floor, and where the time goes."""
    floor = FLOOR.format(
        constructs=str(ROOT / "constructs"), imports="\n".join(f"import {each}" for each in _modules())
    )
    programs = {"floor": floor, "bare": TRAINYARD, "full": TRAINYARD}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    phases: dict[str, list[dict[str, float]]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        for name, program in programs.items():
            took, said = _run(program, name)
            if number:  # the first round warms the disk
                seconds[name].append(took)
                phases[name].append(said)

    middle = {name: statistics.median(each) for name, each in seconds.items()}
    for name, each in seconds.items():
        print(f"{name:6}{middle[name]:6.2f} s   ({min(each):.2f} to {max(each):.2f}, {rounds} rounds)")
    print(f"\nfull / floor = {middle['full'] / middle['floor']:.2f} (target: at most {TARGET})\n\nwhere full goes:")
    for phase in ("imports", "construction"):
        print(f"  {phase:26}{statistics.median(each[phase] for each in phases['full']):6.2f} s")
    synth = statistics.median(each["synth"] for each in phases["bare"])
    print(f"  {'synth without packs':26}{synth:6.2f} s")
    print(
        f"  {'packs (full less that)':26}{statistics.median(each['synth'] for each in phases['full']) - synth:6.2f} s"
    )
    print(f"  {'their import (in imports)':26}{_import_of('cdk_nag'):6.2f} s")


def _modules() -> list[str]:
    """The modules of aws_cdk that the app imports."""
    code = (
        "import sys, app\nprint(*(name for name in sys.modules if name.startswith('aws_cdk') and name.count('.') < 2))"
    )
    return [name for name in _python(code).split() if "._" not in name]


def _import_of(module: str) -> float:
    """Seconds to import ``module`` once aws_cdk is there."""
    code = f"import time, aws_cdk\nstarted = time.perf_counter()\nimport {module}\nprint(time.perf_counter() - started)"
    return float(_python(code))


def _run(program: str, name: str) -> tuple[float, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        output = _python(program, folder, name)
        return time.perf_counter() - started, json.loads(output or "{}")


def _python(code: str, *arguments: str) -> str:
    return subprocess.run(  # noqa: S603 (programs of this file)
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "JSII_NODE": os.environ["JSII_NODE"]},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else ROUNDS)
