"""A Studio space that a team shares."""

from aws_cdk import Acknowledgment, RemovalPolicy, Validations
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from trainyard.team_studio import shared_space


class SharedSpace(sagemaker.CfnSpace):
    """A space for notebooks that several people work on at once; it runs as the domain's role, which may do nothing.

    Args:
        domain_id: the domain.
        team: the team.
        owner: the user profile that AWS wants as its owner.
        keep: whether the space stays when its stack is deleted.

    Source: AWS docs sagemaker/latest/dg/domain-space.html
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, domain_id: str, team: str, owner: str, keep: bool
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            domain_id=domain_id,
            space_name=shared_space(team),
            ownership_settings=sagemaker.CfnSpace.OwnershipSettingsProperty(owner_user_profile_name=owner),
            space_sharing_settings=sagemaker.CfnSpace.SpaceSharingSettingsProperty(sharing_type="Shared"),
            space_settings=sagemaker.CfnSpace.SpaceSettingsProperty(app_type="JupyterLab", remote_access="DISABLED"),
        )
        Validations.of(self).acknowledge(
            Acknowledgment(
                id="Trainyard::S10[SharingType]",
                reason="It is for sharing: it runs as a role that may do nothing, in groups that admit nothing",
            )
        )
        self.apply_removal_policy(RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY)
