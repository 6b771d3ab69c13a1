"""The ceiling: what a role of the platform may do at most, whatever policies it is given."""

from constructs import Construct

from trainyard import (
    batch_host_role,
    folder_policy,
    notebook_lifecycle,
    runtime_policy,
    team_batch,
    team_deployment,
    team_people,
    team_registry,
    team_repository,
    team_studio,
    team_work,
)
from trainyard.managed_policy import ManagedPolicy, Statement
from trainyard.place import place_of

GRANTS_NOTHING = "A boundary grants nothing: to what a role may do this, its own policies say"


class PermissionsBoundary(ManagedPolicy):
    """Every action that some role of the platform has, on resources of this account alone; nothing else.

    Source: AWS docs IAM/latest/UserGuide/access_policies_boundaries.html
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        place = place_of(scope)
        role = f"arn:{place.partition}:iam::{place.account}:role/*"
        super().__init__(
            scope,
            construct_id,
            statements=[
                Statement(
                    "HereAlone",
                    sorted(OF_THIS_ACCOUNT),
                    conditions={"StringEquals": {"aws:ResourceAccount": place.account}},
                    wildcards=GRANTS_NOTHING,
                ),
                Statement("Everywhere", sorted(WITHOUT_RESOURCE_ACCOUNT), wildcards=GRANTS_NOTHING),
                Statement(
                    "RolesOfJobs",
                    team_work.PASS_ROLE,
                    [role],
                    conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
                    wildcards=GRANTS_NOTHING,
                ),
                Statement(
                    "RolesOfTheTeam",
                    team_people.TAKE_ON,
                    [role],
                    conditions={"StringEquals": {"aws:ResourceTag/Team": "${aws:PrincipalTag/Team}"}},
                    wildcards=GRANTS_NOTHING,
                ),
            ],
        )


OF_THIS_ACCOUNT = {
    *(*folder_policy.READ_OBJECTS, *folder_policy.WRITE_OBJECTS, *folder_policy.LIST_BUCKETS),
    *(*folder_policy.LOCATE_BUCKETS, *team_repository.PUSH_IMAGES),
    *(*folder_policy.USE_KEY, *folder_policy.LOOK_UP_KEY),
    *(*runtime_policy.MAKE_INTERFACES, *runtime_policy.HAND_OVER_INTERFACES),
    *(*runtime_policy.MAKE_LOGS, *runtime_policy.WRITE_LOGS, *runtime_policy.ASK_ENDPOINTS),
    *(*runtime_policy.VOLUME_KEY, *runtime_policy.VOLUME_GRANTS),
    *(*batch_host_role.CONTAINER_AGENT, *batch_host_role.WRITE_STREAMS),
    *(*team_work.SUBMIT, *team_work.SUBMIT_WITH_MODEL, *team_work.FOLLOW, *team_work.TAG),
    *(*team_registry.REGISTER_GROUPS, *team_registry.REGISTER_VERSIONS, *team_registry.DESCRIBE_GROUPS),
    *(*team_registry.DESCRIBE_VERSIONS, *team_registry.EDIT_VERSIONS),
    *(*team_people.DEFINE_PIPELINES, *team_people.USE_PIPELINES, *team_people.FOLLOW_EXECUTIONS),
    *(*team_people.USE_NOTEBOOKS, *team_people.OPEN_NOTEBOOKS, *team_people.READ_LOGS, *team_people.RECORD),
    *(*team_deployment.CONFIGURE, *team_deployment.DEPLOY, *team_deployment.LOOK_AT),
    *(*team_deployment.USE_ENDPOINTS, *team_deployment.USE_CONFIGS),
    *(*team_studio.USE_APPS, *team_studio.USE_SPACES, *team_studio.LOOK_AROUND),
    *(*notebook_lifecycle.USE_REPOSITORIES, *notebook_lifecycle.SIGN_IN_TO_LIBRARIES),
    *notebook_lifecycle.READ_LIBRARIES,
    *(*team_batch.SUBMIT_BATCH, *team_batch.TAG_BATCH, *team_batch.END_BATCH, *team_batch.VIEW_QUEUES),
}
WITHOUT_RESOURCE_ACCOUNT = {
    # Images of trusted accounts are pulled too.
    *team_repository.PULL_IMAGES,
    # These act on no resource, so the request carries no account of one.
    *(*team_repository.SIGN_IN_TO_REGISTRIES, *runtime_policy.DESCRIBE_NETWORK, *runtime_policy.METRICS),
    *(*batch_host_role.DISCOVER, *team_people.FIND, *team_batch.FIND_BATCH),
    *(*team_registry.FIND_MODELS, *team_deployment.FIND_ENDPOINTS, *notebook_lifecycle.BEARER_TOKENS),
}
