"""The model of an environment file: every field, with what it is, its unit, its default and its rules.

Strict and closed: a key that is not here is refused, and so is a value of another type. A rule that looks at one value
is a validator of its type (``fields``); a rule that looks at several reports each place where it is broken
(``problems.refuse``), and what one part says of another is checked in ``coherence``.
"""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from environments.access import Access
from environments.batch import Batch
from environments.coherence import misfits
from environments.fields import (
    AccountId,
    Days,
    EmailAddress,
    Name,
    Section,
    TagKey,
    TagValue,
    UsdAMonth,
    matches,
    repeated,
)
from environments.network import Network, outside
from environments.problems import Problem, refuse, shown
from environments.storage import Data, Dataset, EfsFileSystem, FileSystem
from environments.studio import Studio
from environments.teams import Notebooks, Team
from environments.teardown import Teardown, impossible
from trainyard.endpoint_services import Feature, is_offered
from trainyard.regions import REGIONS

MAX_ADDITIONAL_TAGS = 45
"""A resource takes 50, and five are ours (AWS docs tag-editor/latest/userguide/tagging.html)."""

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


ResourceOfStack = Annotated[
    str, matches(r"[A-Za-z][A-Za-z0-9-]*\.[A-Za-z0-9]+", "must be STACK.LogicalId, as make diff calls it")
]


class Tags(Section):
    """Tags on every resource. The tag Environment is the environment's name; Team is the team's, on what it owns."""

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
        taken = {"environment", "owner", "costcenter", "project", "team"}
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
    monthly_budget_usd: UsdAMonth
    """What the environment may spend; alerts at 80 and 100 percent, and when the forecast passes it."""
    alert_emails: tuple[EmailAddress, ...] = ()
    """Who gets the alerts, after a confirmation by mail."""
    network: Network
    """The network."""
    data: Data = Data()
    """Buckets, container repositories and their key."""
    access: Access = Access()
    """What work may use at most, and who may look at everything."""
    studio: Studio = Studio()
    """How people work in SageMaker Studio."""
    notebooks: Notebooks = Notebooks()
    """What all notebook instances have in common."""
    batch: Batch = Batch()
    """GPU pools of AWS Batch and the queues before them."""
    teams: tuple[Team, ...] = ()
    """The teams that train here."""
    datasets: tuple[Dataset, ...] = ()
    """Datasets beside the folders train, validation and test that every team has."""
    lustre: tuple[FileSystem, ...] = ()
    """FSx for Lustre file systems."""
    efs: tuple[EfsFileSystem, ...] = ()
    """EFS file systems that notebook instances mount."""
    allowed_replacements: tuple[ResourceOfStack, ...] = ()
    """Resources with data that a deployment may replace or remove, by the names that `make diff` calls them."""
    teardown: Teardown = Teardown()
    """What a teardown does with volumes."""

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

    @field_validator("allowed_replacements")
    @classmethod
    def _replacements_are_unique_and_ours(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        problems = list(repeated(("*",), names))
        environment = info.data.get("name")
        problems += [
            Problem((index,), shown(name), f"must be in a stack of this environment, as trainyard-{environment}-data")
            for index, name in enumerate(names)
            if environment and not name.startswith(f"trainyard-{environment}-")
        ]
        refuse(problems)
        return names

    @field_validator("network")
    @classmethod
    def _network_is_in_the_region(cls, network: Network, info: ValidationInfo) -> Network:
        region = info.data.get("region")
        if region:
            refuse(outside(network, region))
        return network

    @field_validator("teardown")
    @classmethod
    def _teardown_can_be_done(cls, teardown: Teardown, info: ValidationInfo) -> Teardown:
        data, notebooks = info.data.get("data"), info.data.get("notebooks")
        if data and notebooks:
            refuse(impossible(teardown, data, notebooks))
        return teardown

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        refuse(misfits(self))
        return self

    def all_tags(self) -> dict[str, str]:
        """The tags that everything in the environment carries."""
        return {
            "Environment": self.name,
            "Owner": self.tags.owner,
            "CostCenter": self.tags.cost_center,
            "Project": self.tags.project,
            **self.tags.additional,
        }

    def file_systems_of(self, team: Team) -> list[FileSystem]:
        """The file systems that ``team`` shares."""
        return [each for each in self.lustre if team.name in each.teams]

    def efs_of(self, team: Team) -> list[EfsFileSystem]:
        """The EFS file systems that notebook instances of ``team`` mount."""
        return [each for each in self.efs if team.name in each.teams]

    def datasets_shared_with(self, team: Team) -> list[Dataset]:
        """The datasets of other teams that ``team`` may read."""
        return [each for each in self.datasets if team.name in each.read_by]
