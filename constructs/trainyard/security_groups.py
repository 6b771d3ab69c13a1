"""The security groups of the platform: who may talk to whom inside the VPC.

| group | attached to | in | out |
|---|---|---|---|
| endpoints | interface endpoints | 443 from clients | - |
| clients | everything that calls AWS | - | 443 to endpoints and S3 |
| studio | shared spaces, which belong to no one person | 8192-65535 from itself | the same |
| notebook | notebook instances | - | - |
| training | SageMaker jobs | TCP, UDP 500 and ESP from itself | the same |
| batch | Batch hosts and tasks | - | - |
| efa | hosts with Elastic Fabric Adapters | everything from itself | the same |
| lustre | Lustre file systems | Lustre from itself and lustre_clients | the same |
| lustre_clients | everything that mounts Lustre | Lustre from lustre and itself | the same |
| efs | EFS mount targets | NFS from efs_clients | - |
| efs_clients | everything that mounts EFS | - | NFS to efs |

Whoever is in ``studio`` reaches the apps of all others in it without a password. So it is for shared spaces; a person's
apps need a group of their own with the same rule, and no two people one.

A group takes about 60 rules. So what a thousand people share (endpoints, S3, file systems) admits one group, which is
attached beside each client's own: no rule per person, and no way from one person to another but the privileged ports of
Lustre, which AWS asks for between its clients.
"""

from collections.abc import Sequence

from aws_cdk import Acknowledgment, Stack, Tags, Validations
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

NOBODY = ec2.Peer.ipv4("255.255.255.255/32")
"""Without a rule of its own a group gets EC2's, out to everywhere; so each has one that leads nowhere.

Source: AWS docs AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
"""
HTTPS = ec2.Port.tcp(443)
NFS = ec2.Port.tcp(2049)
LUSTRE = (ec2.Port.tcp(988), ec2.Port.tcp_range(1018, 1023))
"""Source: AWS docs fsx/latest/LustreGuide/limit-access-security-groups.html"""
JUPYTER = ec2.Port.tcp_range(8192, 65535)
"""Source: AWS docs sagemaker/latest/dg/studio-updated-and-internet-access.html"""
ESP = ec2.Port(protocol=ec2.Protocol.ESP, string_representation="ESP")
"""Without the ports that ``Port.esp()`` writes: the protocol has none."""
JOB_NODES = (ec2.Port.all_tcp(), ec2.Port.udp(500), ESP)
"""The nodes of one job, and the tunnel between them under inter-container encryption.

Source: AWS docs sagemaker/latest/dg/train-vpc.html and train-encrypt.html
"""

EFA_FINDINGS = ("HIPAA.Security", "NIST.800.53.R4", "NIST.800.53.R5", "PCI.DSS.321")
"""The packs whose rule EC2RestrictedCommonPorts refuses any rule for all protocols."""


class SecurityGroups(Construct):
    """One group for each kind of client and server, with exactly the rules in the table above.

    Args:
        vpc: the VPC.
        s3_prefix_list_id: AWS's prefix list of S3 in the region; the only way out that is not a group.
        other_endpoint_groups: ids of groups of interface endpoints that are there already; clients may reach them.

    Attributes:
        endpoints, clients, studio, notebook, training, batch, efa, lustre, lustre_clients, efs, efs_clients: groups.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        s3_prefix_list_id: str,
        other_endpoint_groups: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self._vpc = vpc
        self.endpoints = self._group("endpoints", "Interface endpoints: HTTPS from clients")
        self.clients = self._group("clients", "Whatever calls AWS: HTTPS to the endpoints and S3, nothing in")
        self.studio = self._group("studio", "Studio shared spaces: their kernels")
        self.notebook = self._group("notebook", "Notebook instances: nothing of their own")
        self.training = self._group("training", "SageMaker jobs: the nodes of a job, encrypted")
        self.batch = self._group("batch", "Batch hosts and tasks: nothing of their own")
        self.efa = self._group("efa", "Hosts with Elastic Fabric Adapters: each other")
        self.lustre = self._group("lustre", "Lustre file systems: each other and their clients")
        self.lustre_clients = self._group("lustre-clients", "Whatever mounts Lustre")
        self.efs = self._group("efs", "EFS mount targets: NFS from their clients")
        self.efs_clients = self._group("efs-clients", "Whatever mounts EFS")

        self._connect_clients(s3_prefix_list_id, other_endpoint_groups)
        self._connect_nodes()
        self._connect_file_systems()

    def _group(self, name: str, description: str) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self, name.title().replace("-", ""), vpc=self._vpc, description=description, allow_all_outbound=False
        )
        group.add_egress_rule(NOBODY, HTTPS, "Nowhere")
        Tags.of(group).add("Name", f"{Stack.of(self).stack_name}-{name}")
        return group

    def _connect_clients(self, s3_prefix_list_id: str, other_endpoint_groups: Sequence[str]) -> None:
        _allow(self.clients, self.endpoints, HTTPS)
        self.clients.add_egress_rule(ec2.Peer.prefix_list(s3_prefix_list_id), HTTPS, "S3")
        for group_id in dict.fromkeys(other_endpoint_groups):
            self.clients.add_egress_rule(ec2.Peer.security_group_id(group_id), HTTPS, "Endpoints of the VPC")

    def _connect_nodes(self) -> None:
        _allow(self.studio, self.studio, JUPYTER)
        _allow(self.training, self.training, *JOB_NODES)
        _allow(self.efa, self.efa, ec2.Port.all_traffic())
        Validations.of(self.efa).acknowledge(
            *(
                Acknowledgment(
                    id=f"{pack}::{pack}-EC2RestrictedCommonPorts",
                    reason="EFA works only when a group admits all traffic from itself; this one admits nothing else",
                )
                for pack in EFA_FINDINGS
            )
        )

    def _connect_file_systems(self) -> None:
        _allow(self.lustre, self.lustre, *LUSTRE)
        _allow(self.lustre, self.lustre_clients, *LUSTRE)
        _allow(self.lustre_clients, self.lustre, *LUSTRE)
        _allow(self.lustre_clients, self.lustre_clients, *LUSTRE)
        _allow(self.efs_clients, self.efs, NFS)


def _allow(source: ec2.SecurityGroup, target: ec2.SecurityGroup, *ports: ec2.Port) -> None:
    """Opens both ends: out of ``source`` and into ``target``."""
    for port in ports:
        source.add_egress_rule(target, port)
        target.add_ingress_rule(source, port)
