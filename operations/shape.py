"""What a synthesised assembly holds, what the gate said of it, and what its endpoints cost when nobody works."""

from pathlib import Path

from operations.assembly import Json, StackTemplate, stacks_of
from policies import report
from trainyard.lengths import MAX_POLICIES, MAX_POLICY, characters
from trainyard.regions import ENDPOINT_HOUR_USD

HOURS_A_MONTH = 730


def shape(assembly: Path) -> str:
    """The report that ``make synth`` prints, read from the assembly alone."""
    stacks = stacks_of(assembly)
    short = {stack.name: stack.key for stack in stacks}
    lines = ["", f"{'stack':34}{'resources':>10}  deployed after"]
    for stack in stacks:
        after = ", ".join(short[name] for name in directly_after(stack, stacks))
        lines.append(f"{stack.name:34}{len(stack.resources):>10}  {after or '-'}")
    lines += ["", f"{'policy pack':34}{'findings':>10}{'acknowledged':>14}"]
    found = report.read(assembly)
    lines += [
        f"{pack:34}{_count(found.get(pack), 'violations'):>10}{_count(found.get(pack), 'suppressedViolations'):>14}"
        for pack in report.PACKS
    ]
    return "\n".join([*lines, "", policy_sizes(stacks), exceptions(stacks), "", endpoint_cost(stacks)])


def directly_after(stack: StackTemplate, stacks: list[StackTemplate]) -> list[str]:
    """The stacks that this one is deployed after, but those that another of them is deployed after anyway."""
    before = {each.name: set(each.after) for each in stacks}
    return sorted(name for name in stack.after if not any(name in before[other] for other in stack.after))


def policy_sizes(stacks: list[StackTemplate]) -> str:
    """Two lines: how near the largest policy and the role with the most policies come to what IAM takes."""
    policies = _of(stacks, "AWS::IAM::ManagedPolicy")
    roles = _of(stacks, "AWS::IAM::Role")
    size, largest = max((characters(each["Properties"]["PolicyDocument"]), path) for path, each in policies.items())
    most, role = max((len(each["Properties"].get("ManagedPolicyArns", ())), path) for path, each in roles.items())
    return (
        f"largest managed policy: {size} of {MAX_POLICY} characters at most, {largest}\n"
        f"most policies of a role: {most} of {MAX_POLICIES}, {role}"
    )


def exceptions(stacks: list[StackTemplate]) -> str:
    """A line for each role whose jobs need no network isolation for some time, with the reason."""
    found = [
        f"exception, {path}: {role['Properties']['Description']}"
        for stack in stacks
        for path, role in _of([stack], "AWS::IAM::Role").items()
        if any(_ends(stack, policy) for policy in role["Properties"].get("ManagedPolicyArns", ()))
    ]
    return "\n".join(found or ["exceptions from network isolation: none"])


def _ends(stack: StackTemplate, policy: Json) -> bool:
    """Whether a policy of the stack denies something from some day on."""
    properties = stack.resources.get(policy.get("Ref", ""), {}).get("Properties", {})
    statements = properties.get("PolicyDocument", {}).get("Statement", ())
    return any("aws:CurrentTime" in keys for each in statements for keys in each.get("Condition", {}).values())


def _of(stacks: list[StackTemplate], type_: str) -> dict[str, Json]:
    """Construct path to resource, over all stacks."""
    return {
        f"{stack.key}/{resource['Metadata']['aws:cdk:path'].partition('/')[2].removesuffix('/Resource')}": resource
        for stack in stacks
        for resource in stack.resources.values()
        if resource["Type"] == type_ and "Metadata" in resource
    }


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
