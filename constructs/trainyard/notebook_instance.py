"""A SageMaker notebook instance."""

from collections.abc import Sequence

from aws_cdk import Acknowledgment, CfnDeletionPolicy, Validations
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from trainyard.instances import has_local_storage

WITHOUT_KEY = (
    "AwsSolutions::AwsSolutions-SM2",
    *(
        f"{pack}::{pack}-SageMakerNotebookInstanceKMSKeyConfigured"
        for pack in ("NIST.800.53.R4", "NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321")
    ),
)


class NotebookInstance(sagemaker.CfnNotebookInstance):
    """An instance in the VPC, without internet, without root for its users, under a customer key.

    An instance type with local storage takes no customer key; AWS encrypts its volume with a key of its own.

    Args:
        platform: the platform it is made with; a change replaces it: docs/replacement.md.
        instance_type: the instance type.
        volume_gib: the size of the volume that stays when the instance is stopped.
        subnet_id: its subnet, and so its zone.
        security_groups: its groups.
        key: ARN of the customer key of its volume.
        role: ARN of its role.
        lifecycle_config: the name of its lifecycle configuration.
        keep: whether it stays when its stack is deleted. When it is replaced, the old one always stays, for its files.

    Source: AWS docs sagemaker/latest/dg/nbi.html; encryption-at-rest-nbi.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        platform: str,
        instance_type: str,
        volume_gib: int,
        subnet_id: str,
        security_groups: Sequence[str],
        key: str,
        role: str,
        lifecycle_config: str,
        keep: bool,
    ) -> None:
        takes_key = not has_local_storage(instance_type)
        super().__init__(
            scope,
            construct_id,
            instance_type=instance_type,
            platform_identifier=platform,
            volume_size_in_gb=volume_gib,
            subnet_id=subnet_id,
            security_group_ids=list(security_groups),
            direct_internet_access="Disabled",
            root_access="Disabled",
            instance_metadata_service_configuration=(
                sagemaker.CfnNotebookInstance.InstanceMetadataServiceConfigurationProperty(
                    minimum_instance_metadata_service_version="2"
                )
            ),
            kms_key_id=key if takes_key else None,
            role_arn=role,
            lifecycle_config_name=lifecycle_config,
        )
        self.cfn_options.deletion_policy = CfnDeletionPolicy.RETAIN if keep else CfnDeletionPolicy.DELETE
        self.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN
        if not takes_key:
            Validations.of(self).acknowledge(
                *(
                    Acknowledgment(
                        id=finding,
                        reason=f"{instance_type} has local storage, and AWS refuses a customer key for such a type",
                    )
                    for finding in WITHOUT_KEY
                )
            )
