"""A person of a team, in Studio."""

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from trainyard.place import in_place_of
from trainyard.security_groups import JUPYTER, SecurityGroup
from trainyard.service_role import ServiceRole
from trainyard.team_studio import private_space

MAX_GROUPS = 4
"""SageMaker takes five and adds one of its own (botocore, UserSettings.SecurityGroups)."""


class TeamMember(Construct):
    """A user profile with a role and a security group of its own, and a private space.

    Nobody else is in the group, so nobody else reaches this person's apps.

    Args:
        name: the name of the user profile.
        sso_user_name: the user name in IAM Identity Center, if the domain signs people in by it.
        domain_id: the domain.
        vpc_id: the VPC of the group.
        security_groups: groups that are attached beside the own one.
        policies: ARNs of the managed policies of the role.
        boundary: ARN of the permissions boundary.
        file_systems: ids of the Lustre file systems that the person may mount; the space mounts the first.
        keep: whether the space, which holds the person's files, stays when its stack is deleted.

    Attributes:
        profile: the user profile.

    Raises:
        ValueError: for more groups than a profile takes.

    Source: AWS docs sagemaker/latest/dg/studio-updated-and-internet-access.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        sso_user_name: str | None,
        domain_id: str,
        vpc_id: str,
        security_groups: Sequence[str],
        policies: Sequence[str],
        boundary: str,
        file_systems: Sequence[str],
        keep: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        in_place_of(self, scope)
        if len(security_groups) >= MAX_GROUPS:
            raise ValueError(
                f"security_groups: {len(security_groups)} beside the own one, a profile takes {MAX_GROUPS}"
            )
        role = ServiceRole(
            self,
            "Role",
            service="sagemaker.amazonaws.com",
            policies=policies,
            boundary=boundary,
            for_a_person=True,
        )
        self.profile = sagemaker.CfnUserProfile(
            self,
            "Profile",
            domain_id=domain_id,
            user_profile_name=name,
            single_sign_on_user_identifier="UserName" if sso_user_name else None,
            single_sign_on_user_value=sso_user_name,
            user_settings=sagemaker.CfnUserProfile.UserSettingsProperty(
                execution_role=role.arn,
                security_groups=[self._group(name, vpc_id), *security_groups],
                custom_file_system_configs=[
                    sagemaker.CfnUserProfile.CustomFileSystemConfigProperty(
                        f_sx_lustre_file_system_config=sagemaker.CfnUserProfile.FSxLustreFileSystemConfigProperty(
                            file_system_id=file_system_id, file_system_path="/"
                        )
                    )
                    for file_system_id in file_systems
                ]
                or None,
            ),
        )
        space = sagemaker.CfnSpace(
            self,
            "Space",
            domain_id=domain_id,
            space_name=private_space(name),
            ownership_settings=sagemaker.CfnSpace.OwnershipSettingsProperty(owner_user_profile_name=name),
            space_sharing_settings=sagemaker.CfnSpace.SpaceSharingSettingsProperty(sharing_type="Private"),
            space_settings=sagemaker.CfnSpace.SpaceSettingsProperty(
                app_type="JupyterLab",
                remote_access="DISABLED",
                custom_file_systems=[
                    # AWS mounts one of them in a space (botocore, SpaceSettings.CustomFileSystems).
                    sagemaker.CfnSpace.CustomFileSystemProperty(
                        f_sx_lustre_file_system=sagemaker.CfnSpace.FSxLustreFileSystemProperty(file_system_id=each)
                    )
                    for each in file_systems[:1]
                ]
                or None,
            ),
        )
        space.add_resource_dependency(self.profile)
        space.apply_removal_policy(RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY)

    def _group(self, name: str, vpc_id: str) -> str:
        group = SecurityGroup(self, "Group", vpc_id=vpc_id, name=name, description="The Studio apps of one person")
        group.reach("itself", group, JUPYTER)
        return group.id
