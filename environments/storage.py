"""What is kept, and the file systems over it."""

from enum import StrEnum
from itertools import combinations
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from environments.fields import Days, GiB, Name, Section, aws_id, matches, repeated
from environments.problems import Problem, refuse, shown
from trainyard.lustre_limits import CAPACITY_RULE, MAX_ASSOCIATIONS, is_capacity
from trainyard.prefixes import DATASET_SPLITS


class Data(Section):
    """Buckets, container repositories and their key."""

    keep_after_teardown: bool = True
    """Whether they stay when the stacks are deleted. If not, an empty one goes, and a full one stops the deletion."""
    noncurrent_version_days: Annotated[Days, Field(ge=1)] = 90
    """How long an overwritten or deleted object can be brought back."""


def _is_no_split(name: str) -> str:
    if name in DATASET_SPLITS:
        raise ValueError(f"must not be one of {', '.join(DATASET_SPLITS)}, the folders that every team has")
    return name


class Dataset(Section):
    """A dataset beside the team's own folders, at TEAM/NAME/ in the bucket of datasets."""

    name: Annotated[Name, AfterValidator(_is_no_split)]
    """Its name, unique in the environment."""
    team: Name
    """The team that owns it: reads and writes."""
    read_by: tuple[Name, ...] = ()
    """Other teams that may read it."""

    def readers(self) -> set[str]:
        """Every team that may read it."""
        return {self.team, *self.read_by}


class Event(StrEnum):
    """What happens to an object or a file, as a data repository association follows it."""

    NEW = "NEW"
    CHANGED = "CHANGED"
    DELETED = "DELETED"


class DataRepositoryAssociation(Section):
    """A dataset as a folder of a file system."""

    dataset: Name
    """The dataset."""
    file_system_path: Annotated[
        str, matches(r"/|(/[\w.-]+)+", "must be an absolute path such as /images, of letters, digits and _.-")
    ]
    """The folder. No other association of the file system may lie in it or around it."""
    import_events: tuple[Event, ...] = (Event.NEW, Event.CHANGED, Event.DELETED)
    """Changes in S3 that the file system follows."""
    export_events: tuple[Event, ...] = ()
    """Changes in the file system that go back to S3: only where the owner alone mounts it, and has no own_key."""

    @field_validator("import_events", "export_events")
    @classmethod
    def _events_are_unique(cls, events: tuple[Event, ...]) -> tuple[Event, ...]:
        refuse(repeated(("*",), (event.value for event in events)))
        return events


def _is_offered(capacity: int) -> int:
    if not is_capacity(capacity):
        raise ValueError(CAPACITY_RULE)
    return capacity


class EfsFileSystem(Section):
    """An EFS file system that is there already, with mount targets in the VPC and in its group for them."""

    name: Name
    """Its name; notebook instances mount it at /efs/NAME."""
    file_system_id: Annotated[str, aws_id("fs")]
    """Its id."""
    access_point_id: Annotated[str, aws_id("fsap")] | None = None
    """The access point that it is mounted through; its root when left out."""
    teams: Annotated[tuple[Name, ...], Field(min_length=1)]
    """The teams whose notebook instances mount it."""

    @field_validator("teams")
    @classmethod
    def _teams_are_unique(cls, teams: tuple[str, ...]) -> tuple[str, ...]:
        refuse(repeated(("*",), teams))
        return teams


class FileSystem(Section):
    """An FSx for Lustre file system. Whoever mounts it reads all of it: teams that share one trust each other."""

    name: Name
    """Its name; clients mount it at /fsx/NAME."""
    teams: Annotated[tuple[Name, ...], Field(min_length=1)]
    """The teams that share it."""
    storage_capacity_gib: Annotated[GiB, AfterValidator(_is_offered)] = 1200
    """1200, 2400 or a multiple of 2400; it can grow and not shrink."""
    per_unit_storage_throughput: Annotated[
        Literal[125, 250, 500, 1000], Field(json_schema_extra={"unit": "MB/s per TiB"})
    ] = 125
    """Its throughput."""
    zone: str | None = None
    """The Availability Zone; the first of the network when left out. A change replaces the file system."""
    weekly_maintenance_start_time: Annotated[
        str,
        matches(r"[1-7]:([01][0-9]|2[0-3]):[0-5][0-9]", "must be d:HH:MM in UTC, with 1 for Monday and 7 for Sunday"),
    ] = "7:03:00"
    """When AWS may maintain it, as d:HH:MM in UTC; 7 is Sunday."""
    data_repository_associations: Annotated[
        tuple[DataRepositoryAssociation, ...], Field(max_length=MAX_ASSOCIATIONS)
    ] = ()
    """Datasets that appear as folders. Files outside of them are in the file system alone."""

    @field_validator("teams")
    @classmethod
    def _teams_are_unique(cls, teams: tuple[str, ...]) -> tuple[str, ...]:
        refuse(repeated(("*",), teams))
        return teams

    @field_validator("data_repository_associations")
    @classmethod
    def _paths_lie_apart(
        cls, associations: tuple[DataRepositoryAssociation, ...]
    ) -> tuple[DataRepositoryAssociation, ...]:
        problems = list(repeated(("*", "dataset"), (each.dataset for each in associations)))
        for (_, one), (index, other) in combinations(enumerate(associations), 2):
            first, second = (f"{path.rstrip('/')}/" for path in (one.file_system_path, other.file_system_path))
            if first.startswith(second) or second.startswith(first):
                problems.append(
                    Problem(
                        (index, "file_system_path"),
                        shown(other.file_system_path),
                        f"must not overlap {one.file_system_path}, which {one.dataset} has",
                    )
                )
        refuse(problems)
        return associations
