"""Rules about the network: ways to the internet, security groups, VPC endpoints.

Source: the AWS documents that each rule names, and docs/decisions/0006 and 0007.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.rules.documents import Statement, statements
from policies.rules.rule import RuleBook
from policies.rules.security_groups import (
    IN,
    OUT,
    GroupRule,
    groups_in,
    job_groups,
    machine_learning_groups,
    rules,
)
from policies.rules.template import App, Finding, Resource, is_known, text, walk

RULES = RuleBook()

VPC, SUBNET, ROUTE, ENDPOINT = "AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::Route", "AWS::EC2::VPCEndpoint"
NOTEBOOK, DOMAIN = "AWS::SageMaker::NotebookInstance", "AWS::SageMaker::Domain"
COMPUTE, LUSTRE = "AWS::Batch::ComputeEnvironment", "AWS::FSx::FileSystem"

DOORS = {
    "AWS::EC2::InternetGateway": "is a way to the internet",
    "AWS::EC2::EgressOnlyInternetGateway": "is a way to the internet",
    "AWS::EC2::CarrierGateway": "is a way to the internet",
    "AWS::EC2::NatGateway": "is a way to the internet",
    "AWS::EC2::EIP": "is a public address",
    "AWS::EC2::VPCBlockPublicAccessExclusion": "lifts the block of public access",
}

WITHOUT_POLICY = {
    "ecs-agent": "takes no endpoint policy: https://github.com/awsdocs/amazon-ecs-developer-guide/issues/55",
    "ecs-telemetry": "takes no endpoint policy: https://github.com/awsdocs/amazon-ecs-developer-guide/issues/55",
}
"""Services whose endpoints have no policy, and why."""

CONFINING = (
    *("aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalArn"),
    *("aws:ResourceAccount", "aws:ResourceOrgID", "aws:ResourceOrgPaths"),
)
"""Condition keys that keep foreign principals or foreign resources out of an endpoint."""

ALWAYS = {
    "s3": "data and the layers of images",
    "sts": "credentials of roles; without it calls fail as if a permission were missing",
    "logs": "logs; without it hosts and notebooks hang at their start",
}
AGENT = dict.fromkeys(
    ("ecs", "ecs-agent", "ecs-telemetry"), "the container agent of Batch hosts, which needs all three or none works"
)
PULLS = dict.fromkeys(("ecr.api", "ecr.dkr"), "image pulls of Batch jobs")
STUDIO = {
    "sagemaker.api": "the apps of the domain",
    "sagemaker.runtime": "calls to endpoints from the apps of the domain",
    "studio": "the pages and apps of the domain",
}
NOTEBOOKS = {
    "sagemaker.api": "calls of notebook instances",
    "sagemaker.runtime": "calls to endpoints from notebook instances",
    "notebook": "opening a notebook instance from inside the VPC",
}

EFA = re.compile(r"(?<![A-Za-z])(?:EFA|efa)(?![A-Za-z])|Efa(?![a-z])|[Ee]lastic [Ff]abric")
"""How the name, the description or a tag of a group says that its members have Elastic Fabric Adapters."""

NOWHERE = ("255.255.255.255/32", "127.0.0.1/32", "::1/128")
"""Addresses that stand for no rule: without any rule out EC2 gives a group one to everywhere."""

NODES = ("tcp", 1024, 65535)
"""What the nodes of a job open to each other; a group with less is for something else."""
ENCRYPTED_NODES = (("udp", 500, 500), ("50", None, None))
"""Encryption between containers: IKE, and IP protocol 50, which is ESP."""
LUSTRE_PORTS = ((988, 988), (1018, 1023))


@RULES.rule(
    "N1",
    "The app has no way to the internet",
    why="A gateway or a route out lets data leave past every endpoint policy",
    source="AWS docs vpc/latest/userguide/VPC_Internet_Gateway.html; cdk-nag does not judge NAT and transit gateways",
    fix="Take it out and reach AWS through VPC endpoints; an app that needs the internet says so with "
    "Settings(internet=True), and a route to public addresses of your own is acknowledged",
)
def no_internet(app: App) -> Iterator[Finding]:
    if app.settings.internet:
        return
    for door in app.of(*DOORS):
        yield door.broken("", DOORS[door.type])
    for attachment in app.of("AWS::EC2::VPCGatewayAttachment"):
        if attachment.get("InternetGatewayId") is not None:
            yield attachment.broken("InternetGatewayId", "attaches a way to the internet")
    for route, path in _public_routes(app):
        yield route.broken(path, f"is {text(route.get(path))}, which lies outside private networks")


@RULES.rule(
    "N2",
    "Subnets give no public addresses, and the default security group of a VPC is closed",
    why="Whatever is started without a thought has a public address, or talks to all that was started so",
    source="Security Hub EC2.2, EC2.15 and EC2.172",
    fix="Set MapPublicIpOnLaunch to false; take the rules of the default group away, as ec2.Vpc does with "
    "restrict_default_security_group=True; block public access with block-bidirectional or block-ingress",
)
def closed_defaults(app: App) -> Iterator[Finding]:
    for subnet in app.of(SUBNET):
        yield from subnet.must_not_be("MapPublicIpOnLaunch", True)
    custom = [each for each in app.resources if each.type.startswith(("Custom::", "AWS::CloudFormation::Custom"))]
    for vpc in app.of(VPC):
        if not any(_is_default_group(app, value, each, vpc) for each in custom for value in walk(each.properties)):
            yield vpc.broken("", "leaves the default security group open: no custom resource takes its rules away")
    for block in app.of("AWS::EC2::VPCBlockPublicAccessOptions"):
        yield from block.must_be("InternetGatewayBlockMode", "block-bidirectional", "block-ingress")


@RULES.rule(
    "N3",
    "Security groups of machine learning let nothing out to addresses",
    why="Code of users runs there; a rule to addresses lets it send data to whoever has them",
    source="AWS docs vpc/latest/userguide/security-group-rules.html; sagemaker/latest/dg/train-vpc.html",
    fix="Let out to the group of the endpoints, to prefix lists and to the group itself; a group that needs no rule "
    "gets one to 255.255.255.255/32, or EC2 gives it one to everywhere",
)
def no_egress_to_addresses(app: App) -> Iterator[Finding]:
    groups = machine_learning_groups(app)
    for group in groups:
        if group.get(OUT) in (None, []):
            yield group.broken(OUT, "is missing: EC2 then lets everything out to everywhere", "Default")
    for rule in rules(app):
        goes_to: Any = rule.addresses if rule.direction == OUT and rule.group in groups else None
        if is_known(goes_to) and goes_to not in NOWHERE:
            yield rule.holder.broken(rule.path, f"goes to {goes_to}", goes_to)


@RULES.rule(
    "N4",
    "All traffic is open only between hosts with Elastic Fabric Adapters, and nodes of training jobs can encrypt",
    why="A rule for all protocols opens every port of all members; without UDP 500 and protocol 50 encrypted jobs hang",
    source="AWS docs AWSEC2/latest/UserGuide/efa-start.html; sagemaker/latest/dg/train-encrypt.html",
    fix="Name the protocol and ports, from a group. A group for Elastic Fabric Adapters says so in its name, its "
    "description or a tag (efa or Elastic Fabric) and opens all traffic to itself or to another such group. A group "
    "in which nodes of SageMaker jobs reach each other has UDP 500 and protocol 50 from and to itself",
)
def all_traffic(app: App) -> Iterator[Finding]:
    all_rules = list(rules(app))
    for rule in all_rules:
        if rule.all_traffic and (problem := _all_traffic_problem(rule)):
            yield rule.holder.broken(rule.path, problem, "Ingress" if rule.direction == IN else "Egress")
    for group in job_groups(app):
        own = [each for each in all_rules if each.group is group and each.peer is group]
        if any(each.covers(*NODES) for each in own):
            for direction in (IN, OUT):
                for need in ENCRYPTED_NODES:
                    if not any(each.direction == direction and each.covers(*need) for each in own):
                        yield _unopened(group, direction, group, need)


@RULES.rule(
    "N5",
    "A VPC endpoint has a policy that keeps strangers out, and a private name",
    why="Without a policy whoever brings foreign credentials sends data to foreign accounts through it; clients ask "
    "for the public name of a service, which leads to the endpoint only as its private name",
    source="AWS docs vpc/latest/privatelink/vpc-endpoints-access.html; data-perimeter policy examples of AWS",
    fix="Give PolicyDocument with aws:PrincipalAccount and aws:ResourceAccount, or name the resources; set "
    "PrivateDnsEnabled to true. Not asked for a policy: "
    + "; ".join(f"{name} {reason}" for name, reason in WITHOUT_POLICY.items()),
)
def endpoint_policies(app: App) -> Iterator[Finding]:
    for endpoint in app.of(ENDPOINT):
        if endpoint.get("PolicyDocument") is None and not _is_for(endpoint, *WITHOUT_POLICY):
            yield endpoint.broken("PolicyDocument", "is missing: everything is allowed through it", "PolicyDocument")
        for statement in statements(endpoint.get("PolicyDocument"), "PolicyDocument"):
            if _admits_strangers(statement):
                yield endpoint.broken(statement.path, "admits anybody to resources of anybody", "Strangers")
        if endpoint.get("VpcEndpointType") == "Interface":
            yield from endpoint.must_be("PrivateDnsEnabled", True, detail="PrivateDnsEnabled")


@RULES.rule(
    "N6",
    "A VPC without internet has the endpoints that its features need",
    why="What is missing shows only at run time, as a missing permission, a time-out or a host that never registers",
    source="AWS docs sagemaker/latest/dg/interface-vpc-endpoint.html, studio-updated-and-internet-access.html and "
    "notebook-interface-endpoint.html; AmazonECS/latest/developerguide/vpc-endpoints.html",
    fix="Add the endpoint to the VPC",
)
def endpoints_of_features(app: App) -> Iterator[Finding]:
    with_internet = {_vpc_of_table(app, route) for route, _ in _public_routes(app)}
    needs: dict[Resource, dict[str, str]] = {}
    for user in app.of(DOMAIN, NOTEBOOK, COMPUTE):
        for vpc in _vpcs(app, user):
            needs.setdefault(vpc, {}).update(_services(user))
    for vpc, services in needs.items():
        there = [each for each in app.of(ENDPOINT) if app.target(each.get("VpcId"), each) is vpc]
        if vpc not in with_internet and all(_is_named(each) for each in there):
            for service, reason in services.items():
                if not any(_is_for(each, service) for each in there):
                    yield vpc.broken("", f"has no endpoint of {service}, which is for {reason}", service)


@RULES.rule(
    "N7",
    "Lustre file systems and their clients reach each other on all of Lustre's ports, and nobody else does",
    why="With a port or a direction missing a file system fails to be made, or clients hang; addresses let anybody in",
    source="AWS docs fsx/latest/LustreGuide/limit-access-security-groups.html",
    fix="Open TCP 988 and 1018-1023 in and out: within the file system's group, between it and the group of its "
    "clients, and within that group; name groups, not addresses",
)
def lustre_ports(app: App) -> Iterator[Finding]:
    all_rules = list(rules(app))
    systems = [each for each in app.of(LUSTRE) if each.get("FileSystemType") == "LUSTRE"]
    for system in systems:
        yield from system.must_have("SecurityGroupIds")
    for servers in {tuple(groups_in(app, each, each.get("SecurityGroupIds"))): None for each in systems}:
        if servers:
            yield from _lustre_findings(servers, all_rules)


def _lustre_findings(servers: tuple[Resource, ...], all_rules: list[GroupRule]) -> Iterator[Finding]:
    own = [each for each in all_rules if each.group in servers and any(each.covers("tcp", *p) for p in LUSTRE_PORTS)]
    for rule in own:
        if rule.peer_id is None and rule.addresses not in NOWHERE:
            yield rule.holder.broken(rule.path, "opens Lustre's ports to addresses and not to a group", "Addresses")
    pairs = [(servers, servers)]
    for client in dict.fromkeys(each.peer for each in own if each.peer and each.peer not in servers):
        pairs += [(servers, (client,)), ((client,), servers), ((client,), (client,))]
    for groups, peers in pairs:
        between = [each for each in all_rules if each.group in groups and each.peer in peers]
        for direction in (IN, OUT):
            for ports in LUSTRE_PORTS:
                if not any(each.direction == direction and each.covers("tcp", *ports) for each in between):
                    yield _unopened(groups[0], direction, peers[0], ("tcp", *ports))


def _unopened(group: Resource, direction: str, peer: Resource, need: tuple[str, int | None, int | None]) -> Finding:
    protocol, first, last = need
    ports = "" if first is None else f" {first}" if first == last else f" {first}-{last}"
    towards = ("from" if direction == IN else "to") + (" itself" if peer is group else f" {peer.logical_id}")
    name = "protocol 50" if protocol == "50" else protocol
    return group.broken(direction, f"does not open {name}{ports} {towards}", f"{name}{ports} {towards}")


def _all_traffic_problem(rule: GroupRule) -> str:
    if rule.addresses in NOWHERE:
        return ""
    if rule.peer_id is None:
        return "opens all traffic to addresses and not to a group"
    for group in (rule.group, rule.peer):
        if group and not _has_efa(group):
            return f"opens all traffic, and {group.logical_id} is not marked for Elastic Fabric Adapters"
    return ""


def _has_efa(group: Resource) -> bool:
    said = (group.get(each) for each in ("GroupName", "GroupDescription", "Tags"))
    return any(isinstance(each, str) and EFA.search(each) for value in said for each in walk(value))


def _public_routes(app: App) -> Iterator[tuple[Resource, str]]:
    """Routes to public addresses, and the property that says so."""
    for route in app.of(ROUTE):
        for path in ("DestinationCidrBlock", "DestinationIpv6CidrBlock"):
            if is_known(route.get(path)) and ipaddress.ip_network(route.get(path), strict=False).is_global:
                yield route, path


def _vpc_of_table(app: App, route: Resource) -> Resource | None:
    table = app.target(route.get("RouteTableId"), route)
    return app.target(table.get("VpcId"), table) if table else None


def _vpcs(app: App, user: Resource) -> list[Resource]:
    """The VPCs of the app in which a domain, a notebook instance or a compute environment stands."""
    if user.type == DOMAIN:
        found = [app.target(user.get("VpcId"), user)]
    else:
        path = "SubnetId" if user.type == NOTEBOOK else "ComputeResources.Subnets"
        subnets = (app.target(each, user) for each in walk(user.get(path)))
        found = [app.target(each.get("VpcId"), each) for each in subnets if each]
    return [each for each in found if each and each.type == VPC]


def _services(user: Resource) -> Mapping[str, str]:
    """Services that it calls, and what for."""
    if user.type == NOTEBOOK:
        return ALWAYS | NOTEBOOKS
    if user.type == DOMAIN:
        return ALWAYS | STUDIO if user.get("AppNetworkAccessType") == "VpcOnly" else {}
    if user.get("EksConfiguration") is not None:
        return {}
    fargate = str(user.get("ComputeResources.Type")).startswith("FARGATE")
    return ALWAYS | PULLS if fargate else ALWAYS | PULLS | AGENT


def _is_for(endpoint: Resource, *services: str) -> bool:
    """Whether it is of one of these services; ``ecs`` stands for ``com.amazonaws.eu-west-1.ecs``."""
    name = text(endpoint.get("ServiceName")).removesuffix("-fips")
    return any(name.endswith(f".{each}") for each in services)


def _is_named(endpoint: Resource) -> bool:
    """Whether the end of its service's name is written out."""
    return not text(endpoint.get("ServiceName")).endswith("}")


def _admits_strangers(statement: Statement) -> bool:
    named = statement.resources and all(_is_named_resource(each) for each in statement.resources)
    return statement.allows and statement.for_everybody and not named and not statement.is_confined_by(*CONFINING)


def _is_named_resource(resource: Any) -> bool:
    """Whether an ARN names its account, or the bucket or other thing itself."""
    arn = re.sub(r"\$\{[^}]*}", "x", text(resource)).split(":", 5)
    if len(arn) < 6:
        return text(resource).startswith("${")
    return arn[4] not in ("", "*") or "*" not in arn[5].partition("/")[0]


def _is_default_group(app: App, value: Any, user: Resource, vpc: Resource) -> bool:
    return app.target(value, user) is vpc and "DefaultSecurityGroup" in text(value)
