"""The network part of the environment file: a VPC to make, or one that is there already."""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from environments.fields import AccountId, Cidr, DomainName, Section, SecurityGroupId, aws_id, repeated
from environments.problems import Path, Problem, refuse, shown
from trainyard.address_plan import MAX_ZONES, SUBNET_BITS
from trainyard.endpoint_services import INTERFACE_SERVICES, S3
from trainyard.regions import S3_PREFIX_LISTS

DOCKER_RANGE = IPv4Network("172.17.0.0/16")
"""Used by SageMaker AI and by Docker on Batch hosts (AWS docs vpc/latest/userguide/vpc-cidr-blocks.html)."""

SMALLEST_SUBNET = 24
"""Prefix length of the smallest useful subnet of a zone: about 20 endpoints, and 2 to 5 addresses per instance."""


class DnsMode(StrEnum):
    """What the DNS firewall does with a name that is neither AWS's nor the VPC's."""

    BLOCK = "block"
    ALERT = "alert"


class NewVpc(Section):
    """A VPC of the environment's own, with isolated subnets only."""

    cidr: Cidr
    """The address range of the VPC, /16 to /22. Each zone gets a quarter of it."""
    zones: Annotated[tuple[str, ...], Field(min_length=2, max_length=MAX_ZONES)]
    """Availability Zones, 2 to 4. Append only: a subnet's range follows from its place in this list."""
    reserved_cidrs: tuple[Cidr, ...] = ()
    """Ranges that the VPC must keep clear of, because it is or will be connected to them."""
    dns_firewall: DnsMode = DnsMode.BLOCK
    """What happens to a DNS query for a name outside AWS and the VPC: block, or alert (answer it and log it)."""
    allowed_domains: tuple[DomainName, ...] = ()
    """Further names that the DNS firewall answers for, for example of your own resolvers."""

    @field_validator("cidr")
    @classmethod
    def _has_room(cls, cidr: str) -> str:
        network = IPv4Network(cidr)
        longest = SMALLEST_SUBNET - SUBNET_BITS
        if network.prefixlen > longest:
            raise ValueError(
                f"too small: must be at most /{longest}, so that each of {MAX_ZONES} zones has a /{SMALLEST_SUBNET}"
            )
        if network.prefixlen < 16:
            raise ValueError("too large: AWS takes VPCs from /16 on")
        if network.overlaps(DOCKER_RANGE):
            raise ValueError(f"must not overlap {DOCKER_RANGE}, which SageMaker and Docker use themselves")
        return cidr

    @field_validator("zones")
    @classmethod
    def _zones_are_unique(cls, zones: tuple[str, ...]) -> tuple[str, ...]:
        refuse(repeated(("*",), zones))
        return zones

    @field_validator("allowed_domains")
    @classmethod
    def _domains_are_unique(cls, domains: tuple[str, ...]) -> tuple[str, ...]:
        refuse(repeated(("*",), domains))
        return domains

    @field_validator("reserved_cidrs")
    @classmethod
    def _keeps_clear(cls, reserved: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        cidr = info.data.get("cidr")
        refuse(
            Problem((index,), shown(other), f"must not overlap network.vpc.cidr, which is {cidr}")
            for index, other in enumerate(reserved)
            if cidr and IPv4Network(other).overlaps(IPv4Network(cidr))
        )
        return reserved


class ExistingSubnet(Section):
    """A subnet of an existing VPC."""

    subnet_id: Annotated[str, aws_id("subnet")]
    """Its id."""
    zone: str
    """Its Availability Zone."""
    route_table_id: Annotated[str, aws_id("rtb")]
    """The id of its route table; the S3 endpoint is added to it."""


class ExistingEndpoint(Section):
    """An interface endpoint that the VPC has already: it is used, not made a second time."""

    service: str
    """Which one, by Trainyard's name for it, for example sagemaker.api."""
    security_group_id: SecurityGroupId
    """Its security group: clients get an egress rule to it. That it admits them is its owner's part."""

    @field_validator("service")
    @classmethod
    def _is_known(cls, service: str) -> str:
        if service not in INTERFACE_SERVICES:
            raise ValueError(f"must be one of {', '.join(INTERFACE_SERVICES)}")
        return service


class ExistingVpc(Section):
    """A VPC made elsewhere. Nothing of it is looked up or changed; endpoints and security groups are added to it."""

    vpc_id: Annotated[str, aws_id("vpc")]
    """Its id."""
    subnets: Annotated[tuple[ExistingSubnet, ...], Field(min_length=2)]
    """The subnets to work in, in two zones or more; none may have a route to the internet."""
    endpoints: tuple[ExistingEndpoint, ...] = ()
    """Interface endpoints that are there already: two with private DNS for one service clash."""
    has_s3_endpoint: bool = False
    """Whether the subnets' route tables have a gateway endpoint for S3 already."""

    @field_validator("subnets")
    @classmethod
    def _cover_two_zones(cls, subnets: tuple[ExistingSubnet, ...]) -> tuple[ExistingSubnet, ...]:
        problems = list(repeated(("*", "subnet_id"), (subnet.subnet_id for subnet in subnets)))
        zones = sorted({subnet.zone for subnet in subnets})
        if len(zones) < 2:
            problems.append(Problem((), shown(zones), "must lie in at least two zones"))
        refuse(problems)
        return subnets

    @field_validator("endpoints")
    @classmethod
    def _are_unique(cls, endpoints: tuple[ExistingEndpoint, ...]) -> tuple[ExistingEndpoint, ...]:
        refuse(repeated(("*", "service"), (endpoint.service for endpoint in endpoints)))
        return endpoints


class Network(Section):
    """The network: exactly one of vpc and existing_vpc."""

    vpc: NewVpc | None = None
    """Make a VPC."""
    existing_vpc: ExistingVpc | None = None
    """Use a VPC that is there already."""
    endpoint_zones: Literal["one", "all"] = "all"
    """Where interface endpoints stand: in all zones, or in the first alone (cheaper; no cover if that zone fails)."""
    s3_prefix_list_id: Annotated[str, aws_id("pl")] | None = None
    """The id of AWS's prefix list of S3 in this region; compulsory where Trainyard does not know it."""
    image_accounts: tuple[AccountId, ...] = ()
    """Further accounts whose container images may be pulled, for example that of AWS Deep Learning Containers."""

    @field_validator("image_accounts")
    @classmethod
    def _accounts_are_unique(cls, accounts: tuple[str, ...]) -> tuple[str, ...]:
        refuse(repeated(("*",), accounts))
        return accounts

    @model_validator(mode="after")
    def _is_one_vpc(self) -> Self:
        given = [name for name in ("vpc", "existing_vpc") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("must have exactly one of vpc and existing_vpc")
        return self

    def zones(self) -> tuple[str, ...]:
        """The Availability Zones in use, in the order of the file."""
        if self.vpc:
            return self.vpc.zones
        assert self.existing_vpc
        return tuple(dict.fromkeys(subnet.zone for subnet in self.existing_vpc.subnets))


def outside(network: Network, region: str) -> Iterator[Problem]:
    """What in ``network`` does not fit ``region``."""
    places: Iterable[tuple[Path, str]] = ()
    if network.vpc:
        places = ((("vpc", "zones", index), zone) for index, zone in enumerate(network.vpc.zones))
    elif network.existing_vpc:
        places = (
            (("existing_vpc", "subnets", index, "zone"), subnet.zone)
            for index, subnet in enumerate(network.existing_vpc.subnets)
        )
    for path, zone in places:
        if not re.fullmatch(rf"{region}[a-z]", zone):
            yield Problem(path, shown(zone), f"must be a zone of the region {region}, such as {region}a")
    if network.s3_prefix_list_id is None and region not in S3_PREFIX_LISTS:
        yield Problem(
            ("s3_prefix_list_id",),
            "missing",
            f"is compulsory in {region}: aws ec2 describe-managed-prefix-lists --region {region} "
            f"--filters Name=prefix-list-name,Values=com.amazonaws.{region}.{S3}",
        )
