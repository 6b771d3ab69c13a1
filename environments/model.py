"""The model of an environment file: every field, with what it is, its unit, its default and its rules.

Strict and closed: a key that is not here is refused, and so is a value of another type. A rule that looks at one value
is a validator of its type; a rule that looks at several reports each place it is broken (``problems.refuse``).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from environments.problems import Problem, refuse, shown
from trainyard.endpoint_services import INTERFACE_SERVICES, S3, Feature
from trainyard.regions import REGIONS, S3_PREFIX_LISTS

PRIVATE_RANGES = [IPv4Network(range_) for range_ in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")]
"""RFC 1918 and RFC 6598: all that a VPC without internet may use."""

DOCKER_RANGE = IPv4Network("172.17.0.0/16")
"""Used by SageMaker AI and by Docker on Batch hosts (AWS docs vpc/latest/userguide/vpc-cidr-blocks.html)."""

MAX_ZONES = 4
"""A VPC is always cut into this many equal parts, so that a zone can be added without moving the others."""

SMALLEST_SUBNET = 24
"""Prefix length of the smallest useful subnet of a zone: about 20 endpoints, and 2 to 5 addresses per instance."""

LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545),
    *(731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""What CloudWatch Logs takes (AWS docs AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html)."""


def _matches(pattern: str, rule: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(rule)
        return value

    return AfterValidator(check)


def _one_of(values: Sequence[int], rule: str) -> AfterValidator:
    def check(value: int) -> int:
        if value not in values:
            raise ValueError(f"{rule}: {', '.join(str(each) for each in values)}")
        return value

    return AfterValidator(check)


def _private_cidr(value: str) -> str:
    try:
        network = IPv4Network(value)
    except ValueError as error:
        raise ValueError(f"must be an IPv4 network such as 10.20.0.0/16 ({error})") from None
    if not any(network.subnet_of(range_) for range_ in PRIVATE_RANGES):
        raise ValueError(f"must be private: inside {', '.join(str(range_) for range_ in PRIVATE_RANGES)}")
    return str(network)


def _known_region(value: str) -> str:
    if value not in REGIONS:
        raise ValueError(f"must be an AWS region with SageMaker: {', '.join(REGIONS)}")
    return value


def _repeated(path: tuple[str | int, ...], values: Iterable[object]) -> Iterator[Problem]:
    """A problem for each value that stands more than once, at its second place."""
    seen: Counter[object] = Counter()
    for index, value in enumerate(values):
        seen[value] += 1
        if seen[value] == 2:
            at = tuple(index if part == "*" else part for part in path)
            yield Problem(at, shown(value), "must be unique: it stands here a second time")


def _aws_id(prefix: str) -> AfterValidator:
    return _matches(
        rf"{prefix}-[0-9a-f]{{8}}([0-9a-f]{{9}})?", f"must be an id of AWS such as {prefix}-0123456789abcdef0"
    )


AccountId = Annotated[str, _matches(r"\d{12}", "must be 12 digits, in quotes")]
Cidr = Annotated[str, AfterValidator(_private_cidr)]
Days = Annotated[int, Field(json_schema_extra={"unit": "days"})]
DomainName = Annotated[
    str,
    _matches(
        r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}",
        "must be a domain name such as git.example.com, or *.example.com for all names below it",
    ),
]
Name = Annotated[
    str,
    _matches(r"[a-z](-?[a-z0-9]){0,19}", "must be 1 to 20 of a-z, 0-9 and single hyphens, with a letter first"),
]
TagKey = Annotated[
    str,
    _matches(
        r"(?!aws:)[\w .:/=+@-]{1,128}", "must be 1 to 128 letters, digits, spaces or _.:/=+-@, and not begin with aws:"
    ),
]
TagValue = Annotated[str, _matches(r"[\w .:/=+@-]{1,256}", "must be 1 to 256 letters, digits, spaces or _.:/=+-@")]
SecurityGroupId = Annotated[str, _aws_id("sg")]


class Section(BaseModel):
    """A part of the file."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, validate_default=True
    )


class DnsMode(StrEnum):
    """What the DNS firewall does with a name that is neither AWS's nor the VPC's."""

    BLOCK = "block"
    ALERT = "alert"


class Tags(Section):
    """Tags on every resource. The tag Environment is the environment's name."""

    owner: TagValue
    """Who answers for this environment: a team or its address. The tag Owner."""
    cost_center: TagValue
    """Who pays for it. The tag CostCenter."""
    project: TagValue
    """What it is for. The tag Project."""
    additional: dict[TagKey, TagValue] = {}
    """Further tags, for example of your organisation."""

    @field_validator("additional")
    @classmethod
    def _keep_the_compulsory_tags(cls, additional: dict[str, str]) -> dict[str, str]:
        refuse(
            Problem((key,), shown(value), "is a compulsory tag: give it as a field of tags, or as the name")
            for key, value in additional.items()
            if key in {"Environment", "Owner", "CostCenter", "Project"}
        )
        return additional


class Logs(Section):
    """Logs that the platform itself writes: VPC flow logs and DNS queries."""

    retention_days: Annotated[Days, _one_of(LOG_RETENTION_DAYS, "must be one of CloudWatch's values")] = 365
    """How long CloudWatch keeps them."""
    keep_after_teardown: bool = True
    """Whether the log groups and their key stay when the stacks are deleted."""


class Team(Section):
    """A team that trains models here."""

    name: Name
    """The team's name; it becomes part of stack names."""


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
        longest = SMALLEST_SUBNET - (MAX_ZONES - 1).bit_length()
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
        refuse(_repeated(("*",), zones))
        return zones

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

    subnet_id: Annotated[str, _aws_id("subnet")]
    """Its id."""
    zone: str
    """Its Availability Zone."""
    route_table_id: Annotated[str, _aws_id("rtb")]
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

    vpc_id: Annotated[str, _aws_id("vpc")]
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
        problems = list(_repeated(("*", "subnet_id"), (subnet.subnet_id for subnet in subnets)))
        zones = sorted({subnet.zone for subnet in subnets})
        if len(zones) < 2:
            problems.append(Problem((), shown(zones), "must lie in at least two zones"))
        refuse(problems)
        return subnets

    @field_validator("endpoints")
    @classmethod
    def _are_unique(cls, endpoints: tuple[ExistingEndpoint, ...]) -> tuple[ExistingEndpoint, ...]:
        refuse(_repeated(("*", "service"), (endpoint.service for endpoint in endpoints)))
        return endpoints


class Network(Section):
    """The network: exactly one of vpc and existing_vpc."""

    vpc: NewVpc | None = None
    """Make a VPC."""
    existing_vpc: ExistingVpc | None = None
    """Use a VPC that is there already."""
    endpoint_zones: Literal["one", "all"] = "all"
    """Where interface endpoints stand: in all zones, or in the first alone (cheaper; no cover if that zone fails)."""
    s3_prefix_list_id: Annotated[str, _aws_id("pl")] | None = None
    """The id of AWS's prefix list of S3 in this region; compulsory where Trainyard does not know it."""
    image_accounts: tuple[AccountId, ...] = ()
    """Further accounts whose container images may be pulled, for example that of AWS Deep Learning Containers."""

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


class Environment(Section):
    """One deployment of Trainyard: its account, its region, and all that sets it apart from others."""

    name: Name
    """The environment's name, which is also the name of its file and the tag Environment."""
    account: AccountId
    """The AWS account to deploy to, in quotes."""
    region: Annotated[str, AfterValidator(_known_region)]
    """The AWS region to deploy to."""
    tags: Tags
    """Tags on every resource."""
    termination_protection: bool = True
    """Whether CloudFormation refuses to delete the stacks; also what `make destroy` asks."""
    logs: Logs = Logs()
    """Logs that the platform itself writes."""
    features: tuple[Feature, ...]
    """The parts of the platform to switch on; each brings the VPC endpoints that it needs."""
    teams: tuple[Team, ...] = ()
    """The teams that train here."""
    network: Network
    """The network."""

    @field_validator("features")
    @classmethod
    def _features_are_unique(cls, features: tuple[Feature, ...]) -> tuple[Feature, ...]:
        refuse(_repeated(("*",), (feature.value for feature in features)))
        return features

    @field_validator("teams")
    @classmethod
    def _team_names_are_unique(cls, teams: tuple[Team, ...]) -> tuple[Team, ...]:
        refuse(_repeated(("*", "name"), (team.name for team in teams)))
        return teams

    @field_validator("network")
    @classmethod
    def _network_is_in_the_region(cls, network: Network, info: ValidationInfo) -> Network:
        region = info.data.get("region")
        if region:
            refuse(_outside(network, region))
        return network


def _outside(network: Network, region: str) -> Iterator[Problem]:
    """What in ``network`` does not fit ``region``."""
    places: Iterable[tuple[tuple[str | int, ...], str]] = ()
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
