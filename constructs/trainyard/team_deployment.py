"""What the deployer of a team may do: put its models behind endpoints."""

from constructs import Construct

from trainyard.managed_policy import ManagedPolicy, Statement
from trainyard.place import place_of
from trainyard.team_delivery import DESCRIBE_VERSIONS, FIND_MODELS, models_of
from trainyard.team_work import NO_RESOURCE, OWN_NAMES, TAG

DEPLOY = (
    *("sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint", "sagemaker:DeleteEndpoint"),
    *("sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities"),
    *("sagemaker:DescribeEndpointConfig", "sagemaker:DeleteEndpointConfig"),
)
CONFIGURE = ("sagemaker:CreateEndpointConfig",)
LOOK_AT_MODELS = ("sagemaker:DescribeModel",)
FIND_ENDPOINTS = ("sagemaker:ListEndpoints", "sagemaker:ListEndpointConfigs", "sagemaker:ListModels")


class TeamDeployment(ManagedPolicy):
    """Endpoints by the team's name, of models by the team's name; whoever deploys a model does not make one.

    Args:
        team: the team's name.

    Source: AWS docs sagemaker/latest/dg/api-permissions-reference.html
    """

    def __init__(self, scope: Construct, construct_id: str, *, team: str) -> None:
        place = place_of(scope)
        endpoints, configs = (place.arn("sagemaker", f"{each}/{team}-*") for each in ("endpoint", "endpoint-config"))
        own_models = place.arn("sagemaker", f"model/{team}-*")
        super().__init__(
            scope,
            construct_id,
            statements=[
                Statement(
                    "ConfigureEndpoints",
                    CONFIGURE,
                    [configs],
                    conditions={"ArnLike": {"sagemaker:ModelArn": own_models}},
                    wildcards=OWN_NAMES,
                ),
                Statement("Deploy", DEPLOY, [endpoints, configs], wildcards=OWN_NAMES),
                Statement(
                    "TagEndpoints",
                    TAG,
                    [endpoints, configs],
                    conditions={"Null": {"sagemaker:TaggingAction": "false"}},
                    wildcards=OWN_NAMES,
                ),
                Statement(
                    "LookAtModels",
                    [*LOOK_AT_MODELS, *DESCRIBE_VERSIONS],
                    [own_models, *models_of(scope, team)],
                    wildcards=OWN_NAMES,
                ),
                Statement("FindEndpoints", [*FIND_ENDPOINTS, *FIND_MODELS], wildcards=NO_RESOURCE),
            ],
        )
