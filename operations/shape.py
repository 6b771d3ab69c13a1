"""What a synthesised assembly holds, what the gate said of it, and what its endpoints cost when nobody works."""

import json
from pathlib import Path
from typing import Any

from policies import report
from trainyard.regions import ENDPOINT_HOUR_USD

HOURS_A_MONTH = 730


def shape(assembly: Path) -> str:
    """The report that ``make synth`` prints, read from the assembly alone."""
    stacks = _stacks(assembly)
    lines = ["", f"{'stack':34}{'resources':>10}  deployed after"]
    lines += [
        f"{stack['name']:34}{len(stack['resources']):>10}  {', '.join(stack['after']) or '-'}" for stack in stacks
    ]
    lines += ["", f"{'policy pack':34}{'findings':>10}{'acknowledged':>14}"]
    found = report.read(assembly)
    lines += [
        f"{pack:34}{_count(found.get(pack), 'violations'):>10}{_count(found.get(pack), 'suppressedViolations'):>14}"
        for pack in report.PACKS
    ]
    return "\n".join([*lines, "", endpoint_cost(stacks)])


def endpoint_cost(stacks: list[dict[str, Any]]) -> str:
    """One line: how many interface endpoints in how many zones, and their price per month without traffic."""
    zones = [
        len(resource["Properties"]["SubnetIds"])
        for stack in stacks
        for resource in stack["resources"]
        if resource["Type"] == "AWS::EC2::VPCEndpoint" and resource["Properties"]["VpcEndpointType"] == "Interface"
    ]
    region = stacks[0]["region"]
    priced = region if region in ENDPOINT_HOUR_USD else "us-east-1"
    price = ENDPOINT_HOUR_USD[priced]
    return (
        f"{len(zones)} interface endpoints, {sum(zones)} in all zones together: "
        f"{sum(zones) * HOURS_A_MONTH * price:.0f} USD a month when idle\n"
        f"({HOURS_A_MONTH} hours at {price} USD, the price of {priced} in 2026-11; traffic comes on top)"
    )


def _stacks(assembly: Path) -> list[dict[str, Any]]:
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    stacks = {key: each for key, each in artifacts.items() if each["type"] == "aws:cloudformation:stack"}
    names = {key: stack["properties"].get("stackName", key) for key, stack in stacks.items()}
    return [
        {
            "name": names[key],
            "region": stack["environment"].rpartition("/")[2],
            "resources": list(
                json.loads((assembly / stack["properties"]["templateFile"]).read_text())["Resources"].values()
            ),
            "after": [names[other] for other in stack.get("dependencies", ()) if other in names],
        }
        for key, stack in stacks.items()
    ]


def _count(found: report.Report | None, kind: str) -> int:
    return sum(len(each["violatingConstructs"]) for each in (found or {}).get(kind, ()))
