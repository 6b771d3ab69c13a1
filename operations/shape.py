"""What a synthesised assembly holds, what the gate said of it, and what its endpoints cost when nobody works."""

from pathlib import Path

from operations.assembly import StackTemplate, stacks_of
from policies import report
from trainyard.regions import ENDPOINT_HOUR_USD

HOURS_A_MONTH = 730


def shape(assembly: Path) -> str:
    """The report that ``make synth`` prints, read from the assembly alone."""
    stacks = stacks_of(assembly)
    lines = ["", f"{'stack':34}{'resources':>10}  deployed after"]
    lines += [f"{stack.name:34}{len(stack.resources):>10}  {', '.join(stack.after) or '-'}" for stack in stacks]
    lines += ["", f"{'policy pack':34}{'findings':>10}{'acknowledged':>14}"]
    found = report.read(assembly)
    lines += [
        f"{pack:34}{_count(found.get(pack), 'violations'):>10}{_count(found.get(pack), 'suppressedViolations'):>14}"
        for pack in report.PACKS
    ]
    return "\n".join([*lines, "", endpoint_cost(stacks)])


def endpoint_cost(stacks: list[StackTemplate]) -> str:
    """One line: how many interface endpoints in how many zones, and their price per month without traffic."""
    zones = [
        len(resource["Properties"]["SubnetIds"])
        for stack in stacks
        for resource in stack.resources.values()
        if resource["Type"] == "AWS::EC2::VPCEndpoint" and resource["Properties"]["VpcEndpointType"] == "Interface"
    ]
    region = stacks[0].region
    price = ENDPOINT_HOUR_USD.get(region, ENDPOINT_HOUR_USD["us-east-1"])
    source = f"the price of {region} in 2026-11"
    if region not in ENDPOINT_HOUR_USD:
        source = f"the price of us-east-1 in 2026-11, as that of {region} is not known here"
    return (
        f"{len(zones)} interface endpoints, {sum(zones)} in all zones together: "
        f"{sum(zones) * HOURS_A_MONTH * price:.0f} USD a month when idle\n"
        f"({HOURS_A_MONTH} hours at {price} USD, {source}; traffic comes on top)"
    )


def _count(found: report.Report | None, kind: str) -> int:
    return sum(len(each["violatingConstructs"]) for each in (found or {}).get(kind, ()))
