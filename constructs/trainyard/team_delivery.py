"""What people of a team may do to get a model to production: pipelines, and versions in the model registry."""

from constructs import Construct

from trainyard.managed_policy import ManagedPolicy, Statement
from trainyard.place import place_of
from trainyard.team_work import NO_RESOURCE, OWN_NAMES, PASS_ROLE, TAG

DEFINE_PIPELINES = ("sagemaker:CreatePipeline", "sagemaker:UpdatePipeline", "sagemaker:DeletePipeline")
RUN_PIPELINES = (
    *("sagemaker:DescribePipeline", "sagemaker:StartPipelineExecution", "sagemaker:ListPipelineExecutions"),
    *("sagemaker:DescribePipelineExecution", "sagemaker:DescribePipelineDefinitionForExecution"),
    *("sagemaker:ListPipelineExecutionSteps", "sagemaker:ListPipelineParametersForExecution"),
    *("sagemaker:StopPipelineExecution", "sagemaker:RetryPipelineExecution"),
)
REGISTER = ("sagemaker:CreateModelPackageGroup", "sagemaker:CreateModelPackage")
DESCRIBE_VERSIONS = (
    *("sagemaker:DescribeModelPackageGroup", "sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"),
)
EDIT_VERSIONS = ("sagemaker:UpdateModelPackage",)
FIND_MODELS = ("sagemaker:ListPipelines", "sagemaker:ListModelPackageGroups")
TAKE_ON = ("sts:AssumeRole", "sts:SetSourceIdentity")


class TeamDelivery(ManagedPolicy):
    """Pipelines and model versions by the team's name; a version that the team registers awaits its approver.

    Args:
        team: the team's name, with which the names of its pipelines and model package groups begin.
        pipeline_role: ARN of the role that its pipelines run as.
        exception_role: ARN of the role whose jobs need not be isolated, if the team has one.

    Source: AWS docs sagemaker/latest/dg/build-and-manage-access.html; model-registry-access.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        team: str,
        pipeline_role: str,
        exception_role: str | None = None,
    ) -> None:
        place = place_of(scope)
        pipelines = [place.arn("sagemaker", f"pipeline/{team}-*")]
        models = models_of(scope, team)
        exception = Statement("TakeOnTheException", TAKE_ON, [exception_role or ""])
        super().__init__(
            scope,
            construct_id,
            statements=[
                Statement("UsePipelines", [*DEFINE_PIPELINES, *RUN_PIPELINES], pipelines, wildcards=OWN_NAMES),
                Statement(
                    "PassThePipelineRole",
                    PASS_ROLE,
                    [pipeline_role],
                    conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
                ),
                Statement(
                    "RegisterModels",
                    # Not to edit: the model behind a version that was approved could be another one then.
                    [*REGISTER, *DESCRIBE_VERSIONS],
                    models,
                    wildcards=OWN_NAMES,
                ),
                Statement(
                    "TagWhatIsMade",
                    TAG,
                    [*pipelines, *models],
                    conditions={"Null": {"sagemaker:TaggingAction": "false"}},
                    wildcards=OWN_NAMES,
                ),
                Statement("FindModels", FIND_MODELS, wildcards=NO_RESOURCE),
                *([exception] if exception_role else []),
            ],
        )


class TeamApproval(ManagedPolicy):
    """Looking at a team's model versions and saying which may be deployed; nothing is made, and no data is read.

    Args:
        team: the team's name.

    Source: AWS docs sagemaker/latest/dg/model-registry-approve.html
    """

    def __init__(self, scope: Construct, construct_id: str, *, team: str) -> None:
        super().__init__(
            scope,
            construct_id,
            statements=[
                Statement(
                    "ApproveVersions",
                    [*DESCRIBE_VERSIONS, *EDIT_VERSIONS],
                    models_of(scope, team),
                    wildcards=OWN_NAMES,
                ),
                Statement("FindModels", FIND_MODELS, wildcards=NO_RESOURCE),
            ],
        )


def models_of(scope: Construct, team: str) -> list[str]:
    """ARNs of a team's model package groups and of the versions in them."""
    place = place_of(scope)
    return [place.arn("sagemaker", f"{each}/{team}-*") for each in ("model-package-group", "model-package")]
