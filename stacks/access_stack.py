"""Who may do what at most: guardrails, the ceiling, and the roles that belong to no team."""

from functools import cached_property

from constructs import Construct

from environments import Environment
from stacks.data_stack import DataStack
from stacks.network_stack import NetworkStack
from stacks.platform_stack import PlatformStack, stack_name
from trainyard.account_role import AccountRole, named_roles
from trainyard.audit_policy import AuditPolicy
from trainyard.batch_host_role import BatchHostRole
from trainyard.endpoint_services import Feature
from trainyard.guardrails import Allowed, NetworkGuardrails, PlatformGuardrails, WorkGuardrails
from trainyard.permissions_boundary import PermissionsBoundary


class AccessStack(PlatformStack):
    """Attributes.

    ``allowed``: what the guardrails allow; ``network_guardrails``,
    ``guardrails``: ARNs of the Denies, those about the network and all others; ``host_profile``: ARN of the instance
    profile of Batch hosts.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        data: DataStack,
        network: NetworkStack,
    ) -> None:
        super().__init__(
            scope, construct_id, environment=environment, description="Trainyard: guardrails and shared roles"
        )
        settings = environment.access
        self.allowed = Allowed(
            subnets=[subnet.subnet_id for subnet in network.subnets],
            security_groups=network.groups.of_jobs(),
            volume_key=data.compute_key.arn,
            sharing_key=data.data_key.arn,
            instance_types=settings.instance_types,
            max_runtime_hours=settings.max_runtime_hours,
            keep_alive_minutes=settings.keep_alive_minutes,
            notebook_lifecycles=stack_name(environment, "Team-"),
            studio_lifecycles=stack_name(environment, "Studio-"),
            auth_mode=environment.studio.auth_mode,
            environment=environment.name,
            presigned_urls_from=network.vpc.vpc_id if settings.presigned_urls_from_vpc_only else None,
        )
        guardrails = Construct(self, "Guardrails")
        self.network_guardrails = NetworkGuardrails(guardrails, "Network", allowed=self.allowed).arn
        self.guardrails = (
            WorkGuardrails(guardrails, "Work", allowed=self.allowed).arn,
            PlatformGuardrails(guardrails, "Platform", allowed=self.allowed).arn,
        )

        if settings.auditors:
            self._add_auditor(settings.auditors)
        if Feature.BATCH in environment.features:
            self.host_profile = BatchHostRole(
                self,
                "BatchHosts",
                repositories=f"{data.stack_name}-",
                image_accounts=environment.network.image_accounts,
                log_groups=f"{stack_name(environment, 'Batch')}-",
                boundary=self.boundary,
            ).instance_profile

    @cached_property
    def boundary(self) -> str:
        """ARN of the permissions boundary, which is made for the first role: without any it would be nobody's."""
        return PermissionsBoundary(self, "Boundary").arn

    def _add_auditor(self, auditors: tuple[str, ...]) -> None:
        policy = AuditPolicy(self, "Audit").arn
        AccountRole(
            self,
            "Auditor",
            who=named_roles(self, auditors),
            policies=[policy],
            # It does nothing that a role of a team does, so the ceiling is its own.
            boundary=policy,
            description="Sees every setting of the platform, changes nothing and reads no data",
        )
