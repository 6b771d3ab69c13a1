"""The security groups of the platform: who may talk to whom inside the VPC.

| group | attached to | in | out |
|---|---|---|---|
| endpoints | interface endpoints | 443 from clients | - |
| clients | everything that calls AWS | - | 443 to endpoints and S3 |
| notebook | notebook instances | - | - |
| training | SageMaker jobs | TCP, UDP 500 and ESP from itself | the same |
| batch | Batch hosts and tasks | - | - |
| efa | hosts with Elastic Fabric Adapters | everything from itself | the same |
| lustre | Lustre file systems | Lustre from itself and lustre_clients | the same |
| lustre_clients | everything that mounts Lustre | Lustre from lustre and itself | the same |
| efs | EFS mount targets | NFS from efs_clients | - |
| efs_clients | everything that mounts EFS | - | NFS to efs |

Whoever is in a group of Studio that admits itself reaches the apps of all others in it without a password. So each
person has a group of their own (``team_member``), and shared spaces, for which a domain has one set of groups, none.

A group takes about 60 rules. So what a thousand people share (endpoints, S3, file systems) admits one group, which is
attached beside each client's own: no rule per person, and no way from one person to another but the privileged ports of
Lustre, which AWS asks for between its clients.
"""

from collections.abc import Sequence
from typing import NamedTuple

from aws_cdk import Acknowledgment, CfnTag, Validations
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from trainyard.place import place_of

NOWHERE = ec2.CfnSecurityGroup.EgressProperty(
    ip_protocol="tcp", from_port=443, to_port=443, cidr_ip="255.255.255.255/32", description="Nowhere"
)
"""Without a rule of its own a group gets EC2's, out to everywhere; so each has one that leads nowhere.

Source: AWS docs AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
"""


class Ports(NamedTuple):
    """A protocol and its ports; none for a protocol that has none."""

    protocol: str
    first: int | None = None
    last: int | None = None


HTTPS = Ports("tcp", 443, 443)
NFS = Ports("tcp", 2049, 2049)
LUSTRE = (Ports("tcp", 988, 988), Ports("tcp", 1018, 1023))
"""Source: AWS docs fsx/latest/LustreGuide/limit-access-security-groups.html"""
JUPYTER = Ports("tcp", 8192, 65535)
"""Source: AWS docs sagemaker/latest/dg/studio-updated-and-internet-access.html"""
JOB_NODES = (Ports("tcp", 0, 65535), Ports("udp", 500, 500), Ports("50"))
"""The nodes of one job, and the tunnel between them under inter-container encryption (ESP is protocol 50).

Source: AWS docs sagemaker/latest/dg/train-vpc.html and train-encrypt.html
"""
EVERYTHING = Ports("-1")

EFA_FINDINGS = ("HIPAA.Security", "NIST.800.53.R4", "NIST.800.53.R5", "PCI.DSS.321")
"""The packs whose rule EC2RestrictedCommonPorts refuses any rule for all protocols."""


class SecurityGroup(ec2.CfnSecurityGroup):
    """A group from which nothing leads out but what is allowed.

    Args:
        vpc_id: the VPC.
        name: what it is called, after the stack.
        description: whom it is for; a change replaces it.
        egress: rules out to what is no group.

    Attributes:
        id: its id.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc_id: str,
        name: str,
        description: str,
        egress: Sequence[ec2.CfnSecurityGroup.EgressProperty] = (),
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            vpc_id=vpc_id,
            group_description=description,
            security_group_egress=[NOWHERE, *egress],
            tags=[CfnTag(key="Name", value=f"{place_of(scope).stack_name}-{name}")],
        )
        self.id = self.attr_group_id

    def reach(self, name: str, target: "SecurityGroup", *ports: Ports) -> None:
        """Opens both ends: out of this group and into ``target``, which may be this one; ``name`` is of the target."""
        for index, (protocol, first, last) in enumerate(ports):
            ec2.CfnSecurityGroupEgress(
                self,
                f"To-{name}-{index}",
                group_id=self.id,
                destination_security_group_id=target.id,
                ip_protocol=protocol,
                from_port=first,
                to_port=last,
            )
            ec2.CfnSecurityGroupIngress(
                self,
                f"Into-{name}-{index}",
                group_id=target.id,
                source_security_group_id=self.id,
                ip_protocol=protocol,
                from_port=first,
                to_port=last,
            )


class SecurityGroups(Construct):
    """One group for each kind of client and server, with exactly the rules in the table above.

    Args:
        vpc_id: the VPC.
        s3_prefix_list_id: AWS's prefix list of S3 in the region; the only way out that is not a group.
        other_endpoint_groups: ids of groups of interface endpoints that are there already; clients may reach them.

    Attributes:
        endpoints, clients, notebook, training, batch, efa, lustre, lustre_clients, efs, efs_clients: ids of the groups.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc_id: str,
        s3_prefix_list_id: str,
        other_endpoint_groups: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, construct_id)

        def group(
            name: str, description: str, egress: Sequence[ec2.CfnSecurityGroup.EgressProperty] = ()
        ) -> SecurityGroup:
            construct_id = name.title().replace("-", "")
            return SecurityGroup(self, construct_id, vpc_id=vpc_id, name=name, description=description, egress=egress)

        endpoints = group("endpoints", "Interface endpoints: HTTPS from clients")
        clients = group(
            "clients",
            "Whatever calls AWS: HTTPS to the endpoints and S3, nothing in",
            [
                _https_to(prefix_list=s3_prefix_list_id),
                *(_https_to(group=each) for each in dict.fromkeys(other_endpoint_groups)),
            ],
        )
        notebook = group("notebook", "Notebook instances: nothing of their own")
        training = group("training", "SageMaker jobs: the nodes of a job, encrypted")
        batch = group("batch", "Batch hosts and tasks: nothing of their own")
        efa = group("efa", "Hosts with Elastic Fabric Adapters: each other")
        lustre = group("lustre", "Lustre file systems: each other and their clients")
        lustre_clients = group("lustre-clients", "Whatever mounts Lustre")
        efs = group("efs", "EFS mount targets: NFS from their clients")
        efs_clients = group("efs-clients", "Whatever mounts EFS")

        clients.reach("endpoints", endpoints, HTTPS)
        training.reach("itself", training, *JOB_NODES)
        efa.reach("itself", efa, EVERYTHING)
        lustre.reach("itself", lustre, *LUSTRE)
        lustre.reach("clients", lustre_clients, *LUSTRE)
        lustre_clients.reach("lustre", lustre, *LUSTRE)
        lustre_clients.reach("itself", lustre_clients, *LUSTRE)
        efs_clients.reach("efs", efs, NFS)
        _answer_the_packs(efa)

        self.endpoints, self.clients = endpoints.id, clients.id
        self.notebook, self.training = notebook.id, training.id
        self.batch, self.efa = batch.id, efa.id
        self.lustre, self.lustre_clients = lustre.id, lustre_clients.id
        self.efs, self.efs_clients = efs.id, efs_clients.id

    def of_jobs(self, *, mounting_lustre: bool = True) -> list[str]:
        """Those that a SageMaker job or a notebook instance may be in.

        Args:
            mounting_lustre: whether it may mount a Lustre file system.
        """
        groups = [self.training, self.notebook, self.clients, self.efs_clients]
        return [*groups, self.lustre_clients] if mounting_lustre else groups


def _https_to(*, prefix_list: str | None = None, group: str | None = None) -> ec2.CfnSecurityGroup.EgressProperty:
    return ec2.CfnSecurityGroup.EgressProperty(
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        destination_prefix_list_id=prefix_list,
        destination_security_group_id=group,
        description="S3" if prefix_list else "Endpoints of the VPC",
    )


def _answer_the_packs(efa: SecurityGroup) -> None:
    Validations.of(efa).acknowledge(
        *(
            Acknowledgment(
                id=f"{pack}::{pack}-EC2RestrictedCommonPorts",
                reason="EFA works only when a group admits all traffic from itself; this one admits nothing else",
            )
            for pack in EFA_FINDINGS
        )
    )
