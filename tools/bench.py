"""Measures synth: ``python -m tools.bench [ROUNDS]``.

Three programs take turns, so that what else the machine does falls on all of them:

- floor: imports the aws_cdk modules that Trainyard imports and synthesises an empty app;
- full: ``python app.py`` on prod;
- phases: the same, and says what it does when;
- bare: that without the policy packs.

None runs the CDK's own validation engine. Times are seconds of wall clock, medians over the rounds.

Then prod with other teams in it shows what a further person costs, and that it is the same for the twelfth and the
thousandth.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise

import yaml

from environments import Environment
from environments.loading import FOLDER, ROOT, parse

ROUNDS = 7
TARGET = 2.5
PERSON_TARGET = 10
COMPARED = (12, 100, 1000)
TEAMS = ((1, 12), (1, 20), (5, 20), (10, 20), (50, 20))
"""How many teams of how many people to measure."""

FLOOR = """
import sys
{imports}
aws_cdk.App(outdir=sys.argv[1], analytics_reporting=False, builtin_cloud_formation_validation=False).synth()
"""

FULL = """
import os, runpy, sys
os.environ["CDK_OUTDIR"] = sys.argv[1]
sys.argv = ["app.py", "-c", "environment=prod"]
runpy.run_path("app.py", run_name="__main__")
"""

# Prints the seconds of each phase as one line of JSON.
TRAINYARD = """
import gc, json, sys, time
gc.disable()
started = time.perf_counter()
import app
imported = time.perf_counter()
if sys.argv[2] == "bare":
    app.gate.attach = lambda *_: None
root = app.build(app.load("prod"), sys.argv[1])
built = time.perf_counter()
root.synth()
if sys.argv[2] == "phases":
    app.gate.check(app.Path(sys.argv[1]))
synthesised = time.perf_counter()
print(json.dumps({
    "imports": imported - started, "construction": built - imported, "synth": synthesised - built,
}))
"""


# Prints the seconds of one synth with the packs, in a process that has done another before, and the largest stack.
GROWN = """
import gc, json, sys, tempfile, time
gc.disable()
import app
from tools.bench import grown
teams, people = int(sys.argv[2]), int(sys.argv[3])
def once(environment, folder):
    started = time.perf_counter()
    app.build(environment, folder).synth()
    app.gate.check(app.Path(folder))
    return time.perf_counter() - started
with tempfile.TemporaryDirectory() as folder:
    once(app.load("prod"), folder)
took = once(grown(teams, people), sys.argv[1])
templates = app.Path(sys.argv[1]).glob("*.template.json")
print(json.dumps({"seconds": took, "largest": max(len(json.loads(t.read_text())["Resources"]) for t in templates)}))
"""


def grown(teams: int, people: int) -> Environment:
    """Prod with ``teams`` teams of ``people`` people and a notebook instance each, in place of its own."""
    data = yaml.safe_load((FOLDER / "prod.yaml").read_text())
    data["teams"] = [
        {
            "name": f"team{team}",
            "monthly_budget_usd": 1000,
            "members": [
                {"name": f"t{team}-person{person}", "sso_user_name": f"t{team}-person{person}"}
                for person in range(people)
            ],
            "notebooks": [{"name": "exploration"}],
        }
        for team in range(teams)
    ]
    data["datasets"] = [{"name": f"data{team}", "team": f"team{team}"} for team in range(teams)]
    data["lustre"] = [
        {
            "name": "shared",
            "teams": ["team0"],
            "data_repository_associations": [{"dataset": "data0", "file_system_path": "/data0"}],
        }
    ]
    return parse(yaml.safe_dump(data), "prod.yaml")


def main(rounds: int) -> None:
    """Prints the medians, the ratio to the floor, where the time goes, and what people cost."""
    _against_the_floor(rounds)
    _by_people(rounds)


def _by_people(rounds: int) -> None:
    seconds: dict[tuple[int, int], list[float]] = {size: [] for size in TEAMS}
    largest: dict[tuple[int, int], float] = {}
    for _ in range(max(1, rounds // 2)):
        for size in TEAMS:
            _, said = _run(GROWN, *(str(each) for each in size))
            seconds[size].append(said["seconds"])
            largest[size] = said["largest"]
    middle = {size: statistics.median(each) for size, each in seconds.items()}
    print(f"\n{'teams':>6}{'people':>8}{'synth':>10}{'largest stack':>20}")
    for (teams, people), took in middle.items():
        print(f"{teams:6}{teams * people:8}{took:8.2f} s{largest[teams, people]:10.0f} resources")
    by_people = [(teams * people, took) for (teams, people), took in middle.items() if teams * people in COMPARED]
    for (few, before), (many, after) in pairwise(sorted(by_people)):
        print(
            f"each further person from {few} to {many}: {(after - before) / (many - few) * 1000:.1f} ms "
            f"(target: at most {PERSON_TARGET})"
        )


def _against_the_floor(rounds: int) -> None:
    floor = FLOOR.format(
        constructs=str(ROOT / "constructs"), imports="\n".join(f"import {each}" for each in _modules())
    )
    programs = {"floor": floor, "full": FULL, "phases": TRAINYARD, "bare": TRAINYARD}
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
    imports, construction, synth = (
        statistics.median(each[phase] for each in phases["phases"]) for phase in ("imports", "construction", "synth")
    )
    without_packs = statistics.median(each["synth"] for each in phases["bare"])
    print(f"  {'imports':26}{imports:6.2f} s")
    print(f"  {'construction':26}{construction:6.2f} s")
    print(f"  {'synth without packs':26}{without_packs:6.2f} s")
    print(f"  {'packs (synth less that)':26}{synth - without_packs:6.2f} s")
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


def _run(program: str, *arguments: str) -> tuple[float, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        output = _python(program, folder, *arguments)
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
