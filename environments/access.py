"""What work may use at most, and who may look at everything."""

from datetime import date
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from environments.fields import Hours, Minutes, Section, matches, repeated
from environments.problems import refuse
from trainyard.instance_types import SAGEMAKER_TYPES

MAX_INSTANCE_TYPES = 25
"""They stand in one managed policy beside much else."""

MAX_PRINCIPALS = 10
"""They stand in one trust policy, of 2,048 characters."""


def _is_known(pattern: str) -> str:
    if not any(fnmatchcase(each, pattern) for each in SAGEMAKER_TYPES):
        raise ValueError("must be an instance type of SageMaker such as ml.g5.xlarge, or a pattern such as ml.g5.*")
    return pattern


def _is_date(value: str) -> str:
    try:
        written = date.fromisoformat(value).isoformat()
    except ValueError:
        written = ""
    if written != value:
        raise ValueError("must be a date such as 2027-03-31")
    return value


RoleName = Annotated[
    str,
    matches(
        r"(?=.{1,200}\Z)([\w.@=,-]+/)*[\w+=,.@-]{1,64}",
        "must be the name of an IAM role of this account, with its path if it has one and without a slash in front",
    ),
]


class Access(Section):
    """What all work in SageMaker is held to by IAM, whoever submits it."""

    instance_types: Annotated[
        tuple[
            Annotated[str, matches(r"ml\.[a-z0-9*?.-]+", "must begin with ml."), AfterValidator(_is_known)],
            ...,
        ],
        Field(min_length=1, max_length=MAX_INSTANCE_TYPES),
    ] = ("ml.t3.*", "ml.m5.*", "ml.c5.*", "ml.r5.*", "ml.g4dn.*", "ml.g5.*")
    """SageMaker's instance types that work may run on, or patterns of them: * stands for any text."""
    max_runtime_hours: Annotated[Hours, Field(ge=24, le=672)] = 120
    """How long a job may run; AWS takes at most 28 days. At least a day, which a job gets that asks for none."""
    keep_alive_minutes: Annotated[Minutes, Field(ge=0, le=60)] = 30
    """How long an instance may be kept warm for the next training job, which costs as much as training."""
    presigned_urls_from_vpc_only: bool = True
    """Whether the URL of a notebook instance or of Studio can be asked for from inside the VPC alone."""
    auditors: Annotated[tuple[RoleName, ...], Field(max_length=MAX_PRINCIPALS)] = ()
    """IAM roles that may take on the auditor's role, which sees every setting and no data; none, and there is no such
    role."""

    @field_validator("instance_types", "auditors")
    @classmethod
    def _entries_are_unique(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        refuse(repeated(("*",), entries))
        return entries


class WithoutNetworkIsolation(Section):
    """An exception: a role of the team, taken on from its other roles, whose jobs need not be isolated."""

    reason: Annotated[str, matches(r"\S[ -~]{9,499}", "must be a sentence of 10 to 500 characters")]
    """Why, for whoever reviews it; it stands in the role's description."""
    until: Annotated[str, AfterValidator(_is_date)]
    """The first day, in UTC, on which IAM denies it again."""
