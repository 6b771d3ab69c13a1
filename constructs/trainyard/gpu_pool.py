"""A pool of GPU hosts for AWS Batch."""

from collections.abc import Mapping, Sequence
from typing import Literal

from aws_cdk import Fn
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from trainyard.instance_types import ACCELERATED

Kind = Literal["on_demand", "spot", "multi_node"]

ROOT_VOLUME_GIB = 200
"""Container images for training are large, and a host keeps those of several teams."""

MAX_UPDATE_MINUTES = 7200
"""How long jobs may run on while their hosts are replaced; Batch takes no more (botocore, UpdatePolicy)."""


class GpuPool(Construct):
    """A compute environment that has no hosts while no job runs, and its launch template.

    Hosts have encrypted volumes, no key pair and no public address. Those of a multi-node pool have all the Elastic
    Fabric Adapters of their type and stand close together. Containers with a network of their own get no metadata from
    them; those of a job on one host share its network, and can take on the role of the host.

    Args:
        kind: ``on_demand``, ``spot``, or ``multi_node`` for jobs over several hosts.
        instance_types: EC2 types; one for ``multi_node``.
        max_vcpus: how large it may grow.
        subnet_ids: where hosts start; one for ``multi_node``.
        security_groups: groups of the hosts, at most five.
        instance_profile: ARN of the profile of the hosts' role.
        volume_key: ARN of the customer key of their volumes.
        user_data: the script that prepares a host.
        tags: tags of the hosts, which Batch does not take over from the stack.

    Attributes:
        compute_environment: the compute environment.

    Raises:
        ValueError: for a multi-node pool of several types or zones.

    Source: AWS docs batch/latest/userguide/launch-templates.html; efa.html; mnp-ce.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        kind: Kind,
        instance_types: Sequence[str],
        max_vcpus: int,
        subnet_ids: Sequence[str],
        security_groups: Sequence[str],
        instance_profile: str,
        volume_key: str,
        user_data: str,
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        multi_node = kind == "multi_node"
        if multi_node and (len(instance_types) != 1 or len(subnet_ids) != 1):
            raise ValueError(
                f"instance_types: {instance_types}, subnet_ids: {subnet_ids}: multi_node takes one of each"
            )
        template = self._launch_template(
            volume_key, user_data, adapters(instance_types[0], security_groups) if multi_node else None
        )
        self.compute_environment = batch.CfnComputeEnvironment(
            self,
            "ComputeEnvironment",
            type="MANAGED",
            # Replaced, it would leave its queue without hosts, and running jobs would be lost.
            replace_compute_environment=False,
            update_policy=batch.CfnComputeEnvironment.UpdatePolicyProperty(
                terminate_jobs_on_update=False, job_execution_timeout_minutes=MAX_UPDATE_MINUTES
            ),
            compute_resources=batch.CfnComputeEnvironment.ComputeResourcesProperty(
                type="SPOT" if kind == "spot" else "EC2",
                allocation_strategy="SPOT_PRICE_CAPACITY_OPTIMIZED" if kind == "spot" else "BEST_FIT_PROGRESSIVE",
                instance_types=list(instance_types),
                minv_cpus=0,
                maxv_cpus=max_vcpus,
                subnets=list(subnet_ids),
                security_group_ids=list(security_groups),
                instance_role=instance_profile,
                ec2_configuration=[
                    batch.CfnComputeEnvironment.Ec2ConfigurationObjectProperty(image_type="ECS_AL2023_NVIDIA")
                ],
                update_to_latest_image_version=True,
                launch_template=batch.CfnComputeEnvironment.LaunchTemplateSpecificationProperty(
                    launch_template_id=template.ref,
                    # A number: Batch looks $Latest up again at moments of its own.
                    version=template.attr_latest_version_number,
                ),
                placement_group=ec2.CfnPlacementGroup(self, "Together", strategy="cluster").ref if multi_node else None,
                tags=dict(tags),
            ),
        )

    def _launch_template(
        self,
        volume_key: str,
        user_data: str,
        network_interfaces: list[ec2.CfnLaunchTemplate.NetworkInterfaceProperty] | None,
    ) -> ec2.CfnLaunchTemplate:
        return ec2.CfnLaunchTemplate(
            self,
            "LaunchTemplate",
            launch_template_data=ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
                metadata_options=ec2.CfnLaunchTemplate.MetadataOptionsProperty(
                    http_tokens="required", http_put_response_hop_limit=1, http_endpoint="enabled"
                ),
                block_device_mappings=[
                    ec2.CfnLaunchTemplate.BlockDeviceMappingProperty(
                        device_name="/dev/xvda",
                        ebs=ec2.CfnLaunchTemplate.EbsProperty(
                            volume_size=ROOT_VOLUME_GIB,
                            volume_type="gp3",
                            encrypted=True,
                            kms_key_id=volume_key,
                            delete_on_termination=True,
                        ),
                    )
                ],
                network_interfaces=network_interfaces,
                user_data=Fn.base64(in_mime(user_data)),
            ),
        )


def adapters(
    instance_type: str, security_groups: Sequence[str]
) -> list[ec2.CfnLaunchTemplate.NetworkInterfaceProperty]:
    """The network interfaces of a host: an Elastic Fabric Adapter on each card that takes one.

    Where there is one card more than adapters, the first card carries ordinary traffic alone.

    Source: AWS docs AWSEC2/latest/UserGuide/efa-acc-inst-types.html
    """
    facts = ACCELERATED[instance_type]
    plain_first = facts.network_cards > facts.efa_interfaces
    return [
        ec2.CfnLaunchTemplate.NetworkInterfaceProperty(
            network_card_index=card,
            device_index=min(card, 1),
            interface_type="interface" if plain_first and card == 0 else "efa",
            groups=list(security_groups),
            delete_on_termination=True,
        )
        for card in range(facts.efa_interfaces + plain_first)
    ]


def in_mime(script: str) -> str:
    """A script as Batch takes user data: it adds a part of its own.

    Source: AWS docs batch/latest/userguide/launch-templates.html
    """
    return (
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="==TRAINYARD=="\n\n'
        f'--==TRAINYARD==\nContent-Type: text/x-shellscript; charset="us-ascii"\n\n{script}\n--==TRAINYARD==--\n'
    )
