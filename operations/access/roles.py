"""The roles of an assembly, and what each kind of them is meant to do in SageMaker."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from operations.access.resources import Resource
from operations.assembly import Json
from trainyard.audit_policy import SEE
from trainyard.runtime_policy import ASK_ENDPOINTS
from trainyard.team_deployment import CONFIGURE, DEPLOY, FIND_ENDPOINTS, LOOK_AT, USE_CONFIGS, USE_ENDPOINTS
from trainyard.team_people import (
    DEFINE_PIPELINES,
    FIND,
    FOLLOW_EXECUTIONS,
    OPEN_NOTEBOOKS,
    USE_NOTEBOOKS,
    USE_PIPELINES,
)
from trainyard.team_registry import (
    DESCRIBE_GROUPS,
    DESCRIBE_VERSIONS,
    EDIT_VERSIONS,
    FIND_MODELS,
    REGISTER_GROUPS,
    REGISTER_VERSIONS,
)
from trainyard.team_studio import LOOK_AROUND, USE_APPS, USE_SPACES
from trainyard.team_work import FOLLOW, SUBMIT, SUBMIT_WITH_MODEL, WORK

WORKING = (*SUBMIT, *SUBMIT_WITH_MODEL, *FOLLOW, *REGISTER_GROUPS, *REGISTER_VERSIONS, *ASK_ENDPOINTS)
LOOKING_AT_MODELS = (*DESCRIBE_GROUPS, *DESCRIBE_VERSIONS, *FIND_MODELS)
OF_PEOPLE = (
    *(*DEFINE_PIPELINES, *USE_PIPELINES, *FOLLOW_EXECUTIONS, *LOOKING_AT_MODELS),
    *(*FIND, *USE_NOTEBOOKS, *OPEN_NOTEBOOKS),
)
BY_TAG = (*FOLLOW, *USE_PIPELINES, *USE_NOTEBOOKS, *OPEN_NOTEBOOKS)
STUDIO = (*USE_APPS, *USE_SPACES, *LOOK_AROUND)

TAGS_WORK = (*(work.resource for work in WORK), "model-package-group")
TAGS_OF_PEOPLE = (*TAGS_WORK, "pipeline")


@dataclass(frozen=True)
class Kind:
    """A kind of role.

    Args:
        name: what it is called.
        path: its construct's path, as a regular expression.
        may: the actions of SageMaker that it is meant to have.
        by_tag: those of them for which a thing is the team's by its tags, and not or not only by its name.
        tags: the resource types whose things it tags when it makes them.
        passes: the kinds whose roles it hands to SageMaker, of its own team.
        takes_on: the kinds whose roles it takes on, of its own team.
        guarded: whether it carries the guardrails.
    """

    name: str
    path: str
    may: tuple[str, ...] = ()
    by_tag: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()
    takes_on: tuple[str, ...] = ()
    guarded: bool = False


KINDS = (
    Kind(
        "Person",
        r"(?P<stack>Team-(?P<team>.+))/Member-(?P<member>.+)/Role",
        may=(*WORKING, *OF_PEOPLE, *STUDIO),
        by_tag=BY_TAG,
        tags=(*TAGS_OF_PEOPLE, "app"),
        passes=("Job", "Pipeline"),
        takes_on=("WithoutIsolation",),
        guarded=True,
    ),
    Kind(
        "Notebook",
        r"(?P<stack>Team-(?P<team>.+))/NotebookRole",
        may=(*WORKING, *OF_PEOPLE),
        by_tag=BY_TAG,
        tags=TAGS_OF_PEOPLE,
        passes=("Job", "Pipeline"),
        takes_on=("WithoutIsolation",),
        guarded=True,
    ),
    *(
        Kind(
            name,
            rf"(?P<stack>Team-(?P<team>.+))/Roles/{path}",
            may=WORKING,
            by_tag=BY_TAG,
            tags=TAGS_WORK,
            passes=("Job",),
            guarded=True,
        )
        for name, path in (("Pipeline", "PipelineRole"), ("WithoutIsolation", "WithoutIsolation"))
    ),
    Kind(
        "Deployer",
        r"(?P<stack>Team-(?P<team>.+))/Roles/Deployer",
        may=(*CONFIGURE, *DEPLOY, *USE_ENDPOINTS, *USE_CONFIGS, *LOOK_AT, *LOOKING_AT_MODELS, *FIND_ENDPOINTS),
        by_tag=(*USE_ENDPOINTS, *USE_CONFIGS, *LOOK_AT),
        tags=("endpoint", "endpoint-config"),
        guarded=True,
    ),
    Kind(
        "Approver",
        r"(?P<stack>Team-(?P<team>.+))/Roles/Approver",
        may=(*LOOKING_AT_MODELS, *EDIT_VERSIONS),
    ),
    Kind("Job", r"(?P<stack>Team-(?P<team>.+))/Roles/JobRole", may=ASK_ENDPOINTS),
    Kind("BatchJob", r"(?P<stack>Team-(?P<team>.+))/BatchJobRole"),
    Kind("BatchHost", r"(?P<stack>Access)/BatchHosts/Role"),
    Kind(
        "Auditor",
        r"(?P<stack>Access)/Auditor",
        may=tuple(action for action in SEE if action.startswith("sagemaker:")),
    ),
    Kind("Mlflow", r"(?P<stack>Studio)/Mlflow/Role"),
    Kind("Nobody", r"(?P<stack>Studio)/Studio/Nobody"),
    Kind("FlowLog", r"(?P<stack>Network)/FlowLog/Role"),
)
"""All kinds but the role of the function that the CDK brings along, which closes the default security group."""


@dataclass(frozen=True, eq=False)
class Role:
    """A role.

    Args:
        name: its stack, its kind and whose it is, as ``Team-vision Person vision-1``.
        kind: its kind.
        resource: itself.
        team, member: whose it is, if it is somebody's.
        policies: the documents of its managed policies, with references.
        boundary: the document of its boundary, with references.
    """

    name: str
    kind: Kind
    resource: Resource
    team: str | None
    member: str | None
    policies: tuple[Json, ...]
    boundary: Json | None

    @property
    def tags(self) -> dict[str, str]:
        """Its tags."""
        return {each["Key"]: each["Value"] for each in self.resource.properties.get("Tags", ())}


def roles_of(resources: Sequence[Resource]) -> list[Role]:
    """The roles of all kinds."""
    documents = {each.name: each.properties["PolicyDocument"] for each in resources if each.type == POLICY}
    return [
        Role(
            " ".join(filter(None, (found["stack"], kind.name, found.groupdict().get("member")))),
            kind,
            resource,
            found.groupdict().get("team"),
            found.groupdict().get("member"),
            tuple(documents[_named(each)] for each in resource.properties.get("ManagedPolicyArns", ())),
            documents[_named(boundary)] if (boundary := resource.properties.get("PermissionsBoundary")) else None,
        )
        for resource in resources
        if resource.type == ROLE
        for kind in KINDS
        if (found := re.fullmatch(kind.path, resource.path))
    ]


ROLE, POLICY = "AWS::IAM::Role", "AWS::IAM::ManagedPolicy"


def _named(reference: Any) -> str:
    return str(reference["Ref"])
