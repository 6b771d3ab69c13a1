"""What people and pipelines of a team may do in SageMaker: submit work in the team's name, follow and register it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from constructs import Construct

from trainyard.managed_policy import ManagedPolicy, Statement
from trainyard.place import place_of
from trainyard.team_registry import OWN_MODELS, REGISTER_GROUPS, REGISTER_VERSIONS, groups_of, versions_of


@dataclass(frozen=True)
class Work:
    """A kind of work that people submit.

    Args:
        resource: how its ARNs name it.
        submit: the action that starts it.
        follow: what is done with it afterwards.
        of_a_model: whether it runs a model, under that model's role.
    """

    resource: str
    submit: str
    follow: tuple[str, ...]
    of_a_model: bool = False


WORK = (
    Work("training-job", "CreateTrainingJob", ("DescribeTrainingJob", "StopTrainingJob")),
    Work(
        "hyper-parameter-tuning-job",
        "CreateHyperParameterTuningJob",
        (
            "DescribeHyperParameterTuningJob",
            "ListTrainingJobsForHyperParameterTuningJob",
            "StopHyperParameterTuningJob",
        ),
    ),
    Work("processing-job", "CreateProcessingJob", ("DescribeProcessingJob", "StopProcessingJob")),
    Work("transform-job", "CreateTransformJob", ("DescribeTransformJob", "StopTransformJob"), of_a_model=True),
    Work("model", "CreateModel", ("DescribeModel", "DeleteModel")),
)
"""The kinds of work there are."""

SUBMIT = tuple(f"sagemaker:{work.submit}" for work in WORK if not work.of_a_model)
SUBMIT_WITH_MODEL = tuple(f"sagemaker:{work.submit}" for work in WORK if work.of_a_model)
FOLLOW = tuple(f"sagemaker:{action}" for work in WORK for action in work.follow)
TAG = ("sagemaker:AddTags",)
PASS_ROLE = ("iam:PassRole",)

OWN_NAMES = "A job gets its name when it is submitted; the name must begin with the team's"


def names_of(team: str) -> tuple[str, str]:
    """What the names of a team's jobs look like: those that it gives, and those that a pipeline gives to its steps.

    A pipeline calls a job ``pipelines-EXECUTION-STEP-...``, so a step is called like a job: ``TEAM-...``.
    """
    return f"{team}-*", f"pipelines-*-{team}-*"


class TeamWork(ManagedPolicy):
    """Jobs, models and model versions by the team's name, and its job role.

    What a submission must say beside its name, its tags among it, the guardrails decide.

    Args:
        team: the team's name.
        tags: the tags by which work is known as the team's.
        job_role: ARN of the role that its jobs run as, the only one that it may pass.

    Source: AWS docs sagemaker/latest/dg/security_iam_service-with-iam.html; model-registry-access.html
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, team: str, tags: Mapping[str, str], job_role: str
    ) -> None:
        place = place_of(scope)
        own = [place.arn("sagemaker", f"{work.resource}/{name}") for work in WORK for name in names_of(team)]
        models = [place.arn("sagemaker", f"model/{name}") for name in names_of(team)]
        tagged = {"StringEquals": {f"aws:ResourceTag/{key}": value for key, value in tags.items()}}
        super().__init__(
            scope,
            construct_id,
            statements=[
                Statement("SubmitWork", SUBMIT, own, wildcards=OWN_NAMES),
                Statement(
                    "SubmitWorkWithModels",
                    SUBMIT_WITH_MODEL,
                    own,
                    # It runs as the role of its model.
                    conditions={"ArnLike": {"sagemaker:ModelArn": models}},
                    wildcards=OWN_NAMES,
                ),
                Statement("FollowWork", FOLLOW, own, conditions=tagged, wildcards=OWN_NAMES),
                Statement(
                    "PassTheJobRole",
                    PASS_ROLE,
                    [job_role],
                    conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
                ),
                Statement("RegisterGroups", REGISTER_GROUPS, [groups_of(scope, team)], wildcards=OWN_MODELS),
                Statement(
                    "RegisterVersions",
                    # Not to edit: the model behind a version that was approved could be another one then.
                    REGISTER_VERSIONS,
                    [groups_of(scope, team), versions_of(scope, team)],
                    wildcards=OWN_MODELS,
                ),
                tag_what_is_made([*own, groups_of(scope, team)]),
            ],
        )


def tag_what_is_made(resources: Sequence[str]) -> Statement:
    """Tagging things while they are made, and at no other time."""
    return Statement(
        "TagWhatIsMade",
        TAG,
        resources,
        conditions={"Null": {"sagemaker:TaggingAction": "false"}},
        wildcards=OWN_NAMES,
    )
