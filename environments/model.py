"""The model of an environment file: every field, with what it is, its unit, its default and its rules.

Strict and closed: a key that is not here is refused, and so is a value of another type. A rule that looks at one value
is a validator of its type (``fields``); a rule that looks at several reports each place where it is broken
(``problems.refuse``).
"""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from environments.fields import AccountId, Days, Name, Section, TagKey, TagValue, repeated
from environments.network import Network, outside
from environments.problems import Problem, refuse, shown
from trainyard.endpoint_services import Feature, is_offered
from trainyard.regions import REGIONS

MAX_ADDITIONAL_TAGS = 46
"""A resource takes 50, of which four are compulsory (AWS docs tag-editor/latest/userguide/tagging.html)."""

LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545),
    *(731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""What CloudWatch Logs takes (AWS docs AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html)."""


def _taken_by_cloudwatch(days: int) -> int:
    if days not in LOG_RETENTION_DAYS:
        values = ", ".join(str(each) for each in LOG_RETENTION_DAYS)
        raise ValueError(f"must be one of CloudWatch's values: {values}")
    return days


def _known_region(value: str) -> str:
    if value not in REGIONS:
        raise ValueError(f"must be an AWS region with SageMaker: {', '.join(REGIONS)}")
    return value


class Tags(Section):
    """Tags on every resource. The tag Environment is the environment's name."""

    owner: TagValue
    """Who answers for this environment: a team or its address. The tag Owner."""
    cost_center: TagValue
    """Who pays for it. The tag CostCenter."""
    project: TagValue
    """What it is for. The tag Project."""
    additional: Annotated[dict[TagKey, TagValue], Field(default_factory=dict)]
    """Further tags, for example of your organisation."""

    @field_validator("additional")
    @classmethod
    def _keep_the_compulsory_tags(cls, additional: dict[str, str]) -> dict[str, str]:
        # Without regard to case, as IAM compares them.
        taken = {"environment", "owner", "costcenter", "project"}
        problems = []
        for key, value in additional.items():
            if key.lower() in taken:
                problems.append(Problem((key,), shown(value), "is a tag already, upper and lower case being one"))
            taken.add(key.lower())
        if len(additional) > MAX_ADDITIONAL_TAGS:
            problems.append(Problem((), f"{len(additional)} tags", f"must be at most {MAX_ADDITIONAL_TAGS}"))
        refuse(problems)
        return additional


class Logs(Section):
    """Logs that the platform itself writes: VPC flow logs and DNS queries."""

    retention_days: Annotated[Days, AfterValidator(_taken_by_cloudwatch)] = 365
    """How long CloudWatch keeps them."""
    keep_after_teardown: bool = True
    """Whether the log groups and their key stay when the stacks are deleted."""


class Team(Section):
    """A team that trains models here."""

    name: Name
    """The team's name."""


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
    def _features_are_unique_and_offered(
        cls, features: tuple[Feature, ...], info: ValidationInfo
    ) -> tuple[Feature, ...]:
        problems = list(repeated(("*",), (feature.value for feature in features)))
        region = info.data.get("region")
        problems += [
            Problem((index,), shown(feature.value), f"is not offered in {region}")
            for index, feature in enumerate(features)
            if region and not is_offered(feature, region)
        ]
        refuse(problems)
        return features

    @field_validator("teams")
    @classmethod
    def _team_names_are_unique(cls, teams: tuple[Team, ...]) -> tuple[Team, ...]:
        refuse(repeated(("*", "name"), (team.name for team in teams)))
        return teams

    @field_validator("network")
    @classmethod
    def _network_is_in_the_region(cls, network: Network, info: ValidationInfo) -> Network:
        region = info.data.get("region")
        if region:
            refuse(outside(network, region))
        return network
