"""What people and pipelines of a team may do in SageMaker: submit work under the team's name and follow it."""

from collections.abc import Mapping
from dataclasses import dataclass

from constructs import Construct

from trainyard.managed_policy import Conditions, ManagedPolicy, Statement
from trainyard.place import place_of


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
"""What a team does in SageMaker beside Studio."""

SUBMIT = tuple(f"sagemaker:{work.submit}" for work in WORK if not work.of_a_model)
SUBMIT_WITH_MODEL = tuple(f"sagemaker:{work.submit}" for work in WORK if work.of_a_model)
FOLLOW = tuple(f"sagemaker:{action}" for work in WORK for action in work.follow)
TAG = ("sagemaker:AddTags",)
FIND = (
    *("sagemaker:ListTrainingJobs", "sagemaker:ListHyperParameterTuningJobs", "sagemaker:ListProcessingJobs"),
    *("sagemaker:ListTransformJobs", "sagemaker:ListModels", "sagemaker:ListNotebookInstances"),
    *("sagemaker:ListDomains", "sagemaker:ListUserProfiles", "sagemaker:ListSpaces", "sagemaker:ListApps"),
)
# Searching (FilterLogEvents, StartQuery) goes over a whole log group, which is every team's.
READ_LOGS = ("logs:GetLogEvents",)
LOG_GROUPS = ("TrainingJobs", "ProcessingJobs", "TransformJobs")
PASS_ROLE = ("iam:PassRole",)
USE_NOTEBOOKS = (
    "sagemaker:DescribeNotebookInstance",
    "sagemaker:StartNotebookInstance",
    "sagemaker:StopNotebookInstance",
)

OPEN_NOTEBOOKS = ("sagemaker:CreatePresignedNotebookInstanceUrl",)
RECORD = ("sagemaker:CallMlflowAppApi", "sagemaker:DescribeMlflowApp")

NO_RESOURCE = "AWS has no resources for these actions, and none of them changes anything"
OWN_INSTANCES = "An instance gets its name when it is deployed; only those with the team's tag are meant"
OWN_NAMES = "A job gets its name when it is submitted; the name must begin with the team's"


class TeamWork(ManagedPolicy):
    """Jobs, models and logs by the team's name, and its job role.

    What a submission must say beside its name, its tags among it, the guardrails decide.

    Args:
        team: the team's name; what it submits is called ``TEAM-...``.
        tags: the tags by which work is known as the team's.
        job_role: ARN of the role that its jobs run as, the only one that it may pass.
        mlflow_app: ARN of the MLflow App that it records experiments in, if there is one.
        presigned_urls_from: the VPC from which the URLs of notebook instances can be asked for; anywhere if left out.

    Source: AWS docs sagemaker/latest/dg/security_iam_service-with-iam.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        team: str,
        tags: Mapping[str, str],
        job_role: str,
        mlflow_app: str | None = None,
        presigned_urls_from: str | None = None,
    ) -> None:
        place = place_of(scope)
        own = [place.arn("sagemaker", f"{work.resource}/{team}-*") for work in WORK]
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
                    conditions={"ArnLike": {"sagemaker:ModelArn": place.arn("sagemaker", f"model/{team}-*")}},
                    wildcards=OWN_NAMES,
                ),
                Statement("FollowWork", FOLLOW, own, conditions=tagged, wildcards=OWN_NAMES),
                Statement(
                    "TagWhatIsSubmitted",
                    TAG,
                    own,
                    conditions={"Null": {"sagemaker:TaggingAction": "false"}},
                    wildcards=OWN_NAMES,
                ),
                Statement("FindWork", FIND, wildcards=NO_RESOURCE),
                Statement(
                    "ReadLogs",
                    READ_LOGS,
                    [
                        place.arn("logs", f"log-group:/aws/sagemaker/{group}:log-stream:{team}-*")
                        for group in LOG_GROUPS
                    ],
                    wildcards=OWN_NAMES,
                ),
                Statement(
                    "PassTheJobRole",
                    PASS_ROLE,
                    [job_role],
                    conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
                ),
                Statement(
                    "UseNotebooks",
                    USE_NOTEBOOKS,
                    [place.arn("sagemaker", "notebook-instance/*")],
                    conditions=tagged,
                    wildcards=OWN_INSTANCES,
                ),
                Statement(
                    "OpenNotebooks",
                    OPEN_NOTEBOOKS,
                    [place.arn("sagemaker", "notebook-instance/*")],
                    conditions=_and_from(presigned_urls_from, tagged),
                    wildcards=OWN_INSTANCES,
                ),
                *([Statement("RecordExperiments", RECORD, [mlflow_app])] if mlflow_app else []),
            ],
        )


def _and_from(vpc_id: str | None, conditions: Conditions) -> Conditions:
    equal = dict(conditions["StringEquals"])
    return {"StringEquals": equal | ({"aws:SourceVpc": vpc_id} if vpc_id else {})}
