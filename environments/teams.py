"""Teams: who trains here, on which notebooks, for how much money."""

from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from environments.access import MAX_PRINCIPALS, RoleName, WithoutNetworkIsolation
from environments.fields import GiB, Minutes, Name, Section, UsdAMonth, matches, one_of, repeated
from environments.problems import refuse
from trainyard.instances import AL2023_NOTEBOOK_TYPES, NOTEBOOK_PLATFORMS


def _is_no_space(name: str) -> str:
    if name.endswith(("-private", "-shared")):
        raise ValueError("must not end in -private or -shared, as spaces do")
    return name


MAX_REPOSITORIES = 10
"""Of one team: their names go into a lifecycle script, which must stay short."""

RepositoryName = Annotated[
    str,
    matches(
        r"(?![.-])(?!.*\.git$)[A-Za-z0-9_.-]{1,100}",
        "must be 1 to 100 of A-Z, a-z, 0-9, '.', '_' and '-', not begin with '.' or '-' and not end in .git",
    ),
    matches(
        r"(?!(fsx|efs|environments|BOOTSTRAP_STATUS\.md)$).*",
        "must not be fsx, efs, environments or BOOTSTRAP_STATUS.md, which a notebook instance has in SageMaker/",
    ),
]
"""Of CodeCommit (AWS docs codecommit/latest/userguide/limits.html); it becomes the name of a folder in SageMaker/."""


class Member(Section):
    """A person of a team: a user profile, a role and a security group of their own, and a private space."""

    name: Annotated[Name, AfterValidator(_is_no_space)]
    """The name of the user profile, unique in the environment."""
    sso_user_name: Annotated[str, matches(r"\S{1,256}", "must be 1 to 256 characters without spaces")] | None = None
    """The user name in IAM Identity Center; compulsory with studio.auth_mode SSO, and of no use without."""


class Notebook(Section):
    """A notebook instance. A change of its zone replaces it: docs/replacement.md."""

    name: Name
    """Its name in the team."""
    instance_type: Annotated[
        str, AfterValidator(one_of("a notebook instance type on Amazon Linux 2023", AL2023_NOTEBOOK_TYPES))
    ] = "ml.t3.medium"
    """The instance type."""
    volume_gib: Annotated[GiB, Field(ge=5, le=16384)] = 50
    """The size of the volume that holds SageMaker/, the folder that stays; it can grow and not shrink."""
    zone: str | None = None
    """The Availability Zone; the first of the network when left out."""
    platform: Annotated[str, AfterValidator(one_of("a platform of notebook instances", NOTEBOOK_PLATFORMS))] = (
        # For ever: another default would replace all instances that were made with this one.
        "notebook-al2023-v1"
    )
    """The platform it was made with. A change replaces it; `operations notebook upgrade` upgrades it in place."""


class CodeArtifact(Section):
    """A repository of CodeArtifact in this account; needs the feature codeartifact."""

    domain: Annotated[str, matches(r"[a-z][a-z0-9-]{0,48}[a-z0-9]", "must be 2 to 50 of a-z, 0-9 and hyphens")]
    """The domain."""
    repository: Annotated[
        str, matches(r"[A-Za-z0-9][A-Za-z0-9._-]{1,99}", "must be 2 to 100 letters, digits or ._-, no ._- first")
    ]
    """The repository."""


class Notebooks(Section):
    """What all notebook instances have in common."""

    idle_stop_minutes: Annotated[Minutes, Field(ge=0, le=10080)] = 60
    """After how long without work an instance stops itself; 0 for never."""
    hook_minutes: Annotated[Minutes, Field(ge=1, le=60)] = 10
    """How long a user's own script may run at a start."""
    backup: bool = False
    """Whether SageMaker/ is copied to TEAM/output/notebooks/ at each start and once a day."""
    codeartifact: CodeArtifact | None = None
    """Where libraries come from; from the team's own wheels when left out."""


class Team(Section):
    """A team that trains models here."""

    name: Name
    """The team's name."""
    monthly_budget_usd: UsdAMonth
    """What it may spend; alerts at 80 and 100 percent, and when the forecast passes it."""
    batch_weight: Annotated[int, Field(ge=1, le=1000, json_schema_extra={"unit": "share"})] = 1
    """Its share of a busy Batch queue: a team with 2 gets twice what a team with 1 gets."""
    batch_image_tag: Annotated[
        str, matches(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "must be a tag of 1 to 128 letters, digits or _.-")
    ] = "v1"
    """Which image in the team's repository its Batch jobs run. Tags never move: a new image is a new tag."""
    own_key: bool = False
    """Whether its data and images are under a key of its own, which uploads must name: docs/decisions/0013."""
    members: tuple[Member, ...] = ()
    """Its people. The first owns the space that the team shares: another one in that place replaces the space."""
    notebooks: tuple[Notebook, ...] = ()
    """Its notebook instances."""
    repositories: Annotated[tuple[RepositoryName, ...], Field(max_length=MAX_REPOSITORIES)] = ()
    """Repositories of CodeCommit in this account that its notebook instances clone; needs the feature codecommit."""
    approvers: Annotated[tuple[RoleName, ...], Field(max_length=MAX_PRINCIPALS)] = ()
    """IAM roles that may take on the one that approves the team's model versions; the team itself cannot."""
    deployers: Annotated[tuple[RoleName, ...], Field(max_length=MAX_PRINCIPALS)] = ()
    """IAM roles that may take on the one that deploys the team's models to endpoints; the team itself cannot."""
    without_network_isolation: WithoutNetworkIsolation | None = None
    """An exception for jobs that cannot be isolated, with a reason and an end."""

    @field_validator("approvers", "deployers", "repositories")
    @classmethod
    def _names_are_unique(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        refuse(repeated(("*",), names))
        return names

    @field_validator("notebooks")
    @classmethod
    def _notebook_names_are_unique(cls, notebooks: tuple[Notebook, ...]) -> tuple[Notebook, ...]:
        refuse(repeated(("*", "name"), (notebook.name for notebook in notebooks)))
        return notebooks
