"""What people of a team may do in SageMaker beside submitting work: define pipelines, read logs, open notebooks."""

from collections.abc import Mapping

from constructs import Construct

from trainyard.managed_policy import Conditions, ManagedPolicy, Statement
from trainyard.place import place_of
from trainyard.runtime_policy import LOG_GROUPS
from trainyard.team_registry import NO_RESOURCE, look_at_models
from trainyard.team_work import OWN_NAMES, PASS_ROLE, names_of, tag_what_is_made

DEFINE_PIPELINES = ("sagemaker:CreatePipeline",)
USE_PIPELINES = (
    *("sagemaker:UpdatePipeline", "sagemaker:DeletePipeline", "sagemaker:DescribePipeline"),
    *("sagemaker:StartPipelineExecution", "sagemaker:ListPipelineExecutions"),
)
FOLLOW_EXECUTIONS = (
    *("sagemaker:DescribePipelineExecution", "sagemaker:DescribePipelineDefinitionForExecution"),
    *("sagemaker:ListPipelineExecutionSteps", "sagemaker:ListPipelineParametersForExecution"),
    *("sagemaker:StopPipelineExecution", "sagemaker:RetryPipelineExecution"),
)
FIND = (
    *("sagemaker:ListTrainingJobs", "sagemaker:ListHyperParameterTuningJobs", "sagemaker:ListProcessingJobs"),
    *("sagemaker:ListTransformJobs", "sagemaker:ListModels", "sagemaker:ListPipelines"),
    *("sagemaker:ListNotebookInstances", "sagemaker:ListEndpoints"),
    *("sagemaker:ListDomains", "sagemaker:ListUserProfiles", "sagemaker:ListSpaces", "sagemaker:ListApps"),
)
# Searching (FilterLogEvents, StartQuery) goes over a whole log group, which is every team's.
READ_LOGS = ("logs:GetLogEvents",)
USE_NOTEBOOKS = (
    "sagemaker:DescribeNotebookInstance",
    "sagemaker:StartNotebookInstance",
    "sagemaker:StopNotebookInstance",
)
OPEN_NOTEBOOKS = ("sagemaker:CreatePresignedNotebookInstanceUrl",)
RECORD = ("sagemaker:CallMlflowAppApi", "sagemaker:DescribeMlflowApp")
TAKE_ON = ("sts:AssumeRole", "sts:SetSourceIdentity")

OWN_INSTANCES = "An instance gets its name when it is deployed; only those with the team's tag are meant"


class TeamPeople(ManagedPolicy):
    """Pipelines, logs and model versions by the team's name, and its notebook instances by its tags.

    Args:
        team: the team's name.
        tags: the tags by which things are known as the team's.
        pipeline_role: ARN of the role that its pipelines run as.
        exception_role: ARN of the role whose jobs need not be isolated, if the team has one.
        mlflow_app: ARN of the MLflow App that it records experiments in, if there is one.
        presigned_urls_from: the VPC from which the URLs of notebook instances can be asked for; anywhere if left out.

    Source: AWS docs sagemaker/latest/dg/build-and-manage-access.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        team: str,
        tags: Mapping[str, str],
        pipeline_role: str,
        exception_role: str | None = None,
        mlflow_app: str | None = None,
        presigned_urls_from: str | None = None,
    ) -> None:
        place = place_of(scope)
        pipelines = [place.arn("sagemaker", f"pipeline/{team}-*")]
        instances = [place.arn("sagemaker", "notebook-instance/*")]
        streams = [f"{group}:log-stream:{name}" for group in LOG_GROUPS for name in names_of(team)]
        owned = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
        tagged: Conditions = {"StringEquals": owned}
        from_the_vpc = {"aws:SourceVpc": presigned_urls_from} if presigned_urls_from else {}
        super().__init__(
            scope,
            construct_id,
            statements=[
                Statement("DefinePipelines", DEFINE_PIPELINES, pipelines, wildcards=OWN_NAMES),
                Statement("UsePipelines", USE_PIPELINES, pipelines, conditions=tagged, wildcards=OWN_NAMES),
                Statement("FollowExecutions", FOLLOW_EXECUTIONS, pipelines, wildcards=OWN_NAMES),
                tag_what_is_made(pipelines),
                Statement(
                    "PassThePipelineRole",
                    PASS_ROLE,
                    [pipeline_role],
                    conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
                ),
                *look_at_models(scope, team),
                Statement("FindWork", FIND, wildcards=NO_RESOURCE),
                Statement(
                    "ReadLogs",
                    READ_LOGS,
                    [place.arn("logs", f"log-group:/aws/sagemaker/{stream}") for stream in streams],
                    wildcards=OWN_NAMES,
                ),
                Statement("UseNotebooks", USE_NOTEBOOKS, instances, conditions=tagged, wildcards=OWN_INSTANCES),
                Statement(
                    "OpenNotebooks",
                    OPEN_NOTEBOOKS,
                    instances,
                    conditions={"StringEquals": {**owned, **from_the_vpc}},
                    wildcards=OWN_INSTANCES,
                ),
                *([Statement("RecordExperiments", RECORD, [mlflow_app])] if mlflow_app else []),
                *([Statement("TakeOnTheException", TAKE_ON, [exception_role])] if exception_role else []),
            ],
        )
