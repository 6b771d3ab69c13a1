"""A team's models in the model registry: who registers versions, and who says which may be deployed."""

from constructs import Construct

from trainyard.managed_policy import ManagedPolicy, Statement
from trainyard.place import place_of

REGISTER_GROUPS = ("sagemaker:CreateModelPackageGroup",)
REGISTER_VERSIONS = ("sagemaker:CreateModelPackage",)
DESCRIBE_GROUPS = ("sagemaker:DescribeModelPackageGroup", "sagemaker:ListModelPackages")
DESCRIBE_VERSIONS = ("sagemaker:DescribeModelPackage",)
EDIT_VERSIONS = ("sagemaker:UpdateModelPackage",)
FIND_MODELS = ("sagemaker:ListModelPackageGroups",)

NO_RESOURCE = "AWS has no resources for these actions, and none of them changes anything"
OWN_MODELS = "Its groups are named when they are made, after the team, and its versions are in them"


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
                *look_at_models(scope, team),
                Statement("ApproveVersions", EDIT_VERSIONS, [versions_of(scope, team)], wildcards=OWN_MODELS),
            ],
        )


def look_at_models(scope: Construct, team: str) -> list[Statement]:
    """Seeing a team's model package groups and the versions in them."""
    return [
        Statement("DescribeGroups", DESCRIBE_GROUPS, [groups_of(scope, team)], wildcards=OWN_MODELS),
        Statement("DescribeVersions", DESCRIBE_VERSIONS, [versions_of(scope, team)], wildcards=OWN_MODELS),
        Statement("FindModels", FIND_MODELS, wildcards=NO_RESOURCE),
    ]


def groups_of(scope: Construct, team: str) -> str:
    """ARN of a team's model package groups."""
    return place_of(scope).arn("sagemaker", f"model-package-group/{team}-*")


def versions_of(scope: Construct, team: str) -> str:
    """ARN of the versions in them. A model package outside of a group has no version, and nobody to approve it."""
    return place_of(scope).arn("sagemaker", f"model-package/{team}-*/*")
