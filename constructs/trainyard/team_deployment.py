"""What the deployer of a team may do: put its models behind endpoints."""

from collections.abc import Mapping

from constructs import Construct

from trainyard.managed_policy import ManagedPolicy, Statement
from trainyard.place import place_of
from trainyard.team_registry import NO_RESOURCE, look_at_models
from trainyard.team_work import OWN_NAMES, names_of, tag_what_is_made

CONFIGURE = ("sagemaker:CreateEndpointConfig",)
DEPLOY = ("sagemaker:CreateEndpoint",)
USE_ENDPOINTS = (
    *("sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpoint", "sagemaker:DeleteEndpoint"),
    "sagemaker:UpdateEndpointWeightsAndCapacities",
)
USE_CONFIGS = ("sagemaker:DescribeEndpointConfig", "sagemaker:DeleteEndpointConfig")
LOOK_AT = ("sagemaker:DescribeModel",)
FIND_ENDPOINTS = ("sagemaker:ListEndpoints", "sagemaker:ListEndpointConfigs", "sagemaker:ListModels")
LOOK_UP_KEY = ("kms:DescribeKey",)
LEND_KEY = ("kms:CreateGrant",)


class TeamDeployment(ManagedPolicy):
    """Endpoints by the team's name, of models by the team's name; no data, no image, and no model of its own.

    Args:
        team: the team's name.
        tags: the tags by which endpoints are known as the team's.
        volume_key: ARN of the key of volumes.

    Source: AWS docs sagemaker/latest/dg/api-permissions-reference.html
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, team: str, tags: Mapping[str, str], volume_key: str
    ) -> None:
        place = place_of(scope)
        endpoints, configs = (place.arn("sagemaker", f"{each}/{team}-*") for each in ("endpoint", "endpoint-config"))
        models = [place.arn("sagemaker", f"model/{name}") for name in names_of(team)]
        tagged = {"StringEquals": {f"aws:ResourceTag/{key}": value for key, value in tags.items()}}
        super().__init__(
            scope,
            construct_id,
            statements=[
                Statement(
                    "ConfigureEndpoints",
                    CONFIGURE,
                    [configs],
                    conditions={"ArnLike": {"sagemaker:ModelArn": models}},
                    wildcards=OWN_NAMES,
                ),
                Statement("Deploy", DEPLOY, [endpoints, configs], wildcards=OWN_NAMES),
                Statement(
                    "UseEndpoints",
                    [*USE_ENDPOINTS, *USE_CONFIGS],
                    [endpoints, configs],
                    conditions=tagged,
                    wildcards=OWN_NAMES,
                ),
                tag_what_is_made([endpoints, configs]),
                Statement("LookAtModels", LOOK_AT, models, conditions=tagged, wildcards=OWN_NAMES),
                *look_at_models(scope, team),
                Statement("FindEndpoints", FIND_ENDPOINTS, wildcards=NO_RESOURCE),
                Statement("LookUpTheKey", LOOK_UP_KEY, [volume_key]),
                Statement(
                    "EncryptVolumes",
                    LEND_KEY,
                    [volume_key],
                    conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
                ),
            ],
        )
