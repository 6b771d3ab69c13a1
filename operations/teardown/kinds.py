"""What people make in an environment while it runs, and what its stacks have that must be drained: one table.

A kind says how things of it are listed, which of them are the environment's, and what is done to them in which order.
Source of orders and states: AWS docs sagemaker/latest/dg/gs-studio-delete-domain.html and the references of the API.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from operations.teardown.aws import code_of, message_of
from operations.teardown.scope import Scope

Json = dict[str, Any]

GONE = "gone"
"""The state of what is not there."""


@dataclass(frozen=True)
class Verb:
    """Something that is done to every thing of a kind.

    Args:
        name: how it is called, such as delete.
        operation: the call, in boto3's words.
        states: in which it can be called; in all others it is waited.
        until: the states that it leads to.
        after: what must be done before: ``KIND.VERB``.
        also: arguments beside those that identify the thing.
        minutes: after how long it is given up.
    """

    name: str
    operation: str
    states: frozenset[str]
    until: frozenset[str]
    after: tuple[str, ...] = ()
    also: tuple[tuple[str, Any], ...] = ()
    minutes: int = 60

    @property
    def done(self) -> str:
        """What a thing is then."""
        return {"stop": "stopped", "terminate": "terminated"}.get(self.name, f"{self.name}d")


@dataclass(frozen=True)
class Kind:
    """One kind of thing.

    Args:
        name: what they are called, in the plural.
        service: boto3's name of the service.
        listed: the operation that lists them.
        items: a JMESPath expression for the things in its answer.
        asked: the arguments of each listing, from the scope: it is asked once for each.
        key: the members that identify a thing, and in which the calls want them.
        state: the member with its state.
        verbs: what is done to them, in this order.
        described: the operation that tells more of one, where a listing does not say whose it is.
        ours: whether a thing, as it is listed or described, is the environment's.
        types: types of CloudFormation whose resources are of this kind.
        missing: codes, and what the message says, when a thing is not there.
        data: whether things of it are kept unless somebody names them.
        billed: whether a thing costs money as long as it is there, and in which states if not in all.
        size: a JMESPath expression for its size in GiB.
    """

    name: str
    service: str
    listed: str
    items: str
    key: tuple[str, ...]
    state: str
    verbs: tuple[Verb, ...]
    asked: Callable[[Scope], Sequence[Json]] = lambda _scope: [{}]
    described: str | None = None
    ours: Callable[[Json, Scope], bool] = lambda _thing, _scope: True
    types: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = (("ResourceNotFound", ""),)
    data: bool = False
    billed: frozenset[str] | bool = True
    size: str = ""

    def is_missing(self, error: ClientError) -> bool:
        """Whether AWS says that a thing is not there, and nothing else with the same code."""
        return any(code_of(error) == code and re.search(pattern, message_of(error)) for code, pattern in self.missing)


def _of_domains(scope: Scope) -> list[Json]:
    return [{"DomainIdEquals": each} for each in scope.ids("AWS::SageMaker::Domain")]


def _states(*names: str) -> frozenset[str]:
    return frozenset(names)


def runs_as(*path: str) -> Callable[[Json, Scope], bool]:
    """Whether a thing runs as a role of the environment; ``path`` leads to the role's ARN."""

    def ours(thing: Json, scope: Scope) -> bool:
        found: Any = thing
        for name in path:
            found = (found or {}).get(name)
        return found in scope.roles

    return ours


KINDS = (
    Kind(
        name="apps",
        service="sagemaker",
        listed="list_apps",
        items="Apps[?Status!='Deleted' && Status!='Failed']",
        asked=_of_domains,
        key=("DomainId", "UserProfileName", "SpaceName", "AppType", "AppName"),
        state="Status",
        verbs=(Verb("delete", "delete_app", _states("InService"), _states(GONE), minutes=120),),
        # One that failed, or was deleted a moment ago, is no app any more.
        missing=(
            ("ResourceNotFound", ""),
            ("ValidationException", "already been deleted|previously failed and was automatically deleted"),
        ),
    ),
    Kind(
        name="spaces",
        service="sagemaker",
        listed="list_spaces",
        items="Spaces[]",
        asked=_of_domains,
        key=("DomainId", "SpaceName"),
        state="Status",
        verbs=(
            Verb(
                "delete",
                "delete_space",
                _states("InService", "Failed", "Delete_Failed", "Update_Failed"),
                _states(GONE),
                after=("apps.delete",),
            ),
        ),
        types=("AWS::SageMaker::Space",),
        size="SpaceSettingsSummary.SpaceStorageSettings.EbsStorageSettings.EbsVolumeSizeInGb",
    ),
    Kind(
        name="user profiles",
        service="sagemaker",
        listed="list_user_profiles",
        items="UserProfiles[]",
        asked=_of_domains,
        key=("DomainId", "UserProfileName"),
        state="Status",
        verbs=(
            Verb(
                "delete",
                "delete_user_profile",
                _states("InService", "Failed", "Delete_Failed", "Update_Failed"),
                _states(GONE),
                after=("spaces.delete",),
            ),
        ),
        types=("AWS::SageMaker::UserProfile",),
        billed=False,
    ),
    Kind(
        name="notebook instances",
        service="sagemaker",
        listed="list_notebook_instances",
        items="NotebookInstances[]",
        described="describe_notebook_instance",
        ours=runs_as("RoleArn"),
        key=("NotebookInstanceName",),
        state="NotebookInstanceStatus",
        verbs=(
            Verb("stop", "stop_notebook_instance", _states("InService"), _states("Stopped", "Failed", GONE)),
            Verb("delete", "delete_notebook_instance", _states("Stopped", "Failed"), _states(GONE)),
        ),
        types=("AWS::SageMaker::NotebookInstance",),
        missing=(("ValidationException", "RecordNotFound"),),
        size="VolumeSizeInGB",
    ),
    Kind(
        name="training jobs",
        service="sagemaker",
        listed="list_training_jobs",
        items="TrainingJobSummaries[]",
        asked=lambda _scope: [{"StatusEquals": "InProgress"}, {"StatusEquals": "Stopping"}],
        described="describe_training_job",
        ours=runs_as("RoleArn"),
        key=("TrainingJobName",),
        state="TrainingJobStatus",
        verbs=(
            Verb("stop", "stop_training_job", _states("InProgress"), _states("Completed", "Failed", "Stopped", GONE)),
        ),
        missing=(("ValidationException", "not found|does not exist"),),
    ),
)
