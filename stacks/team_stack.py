"""One team: its roles, its people in Studio, its notebook instances, its jobs and its budget."""

from aws_cdk import Tags
from constructs import Construct

from environments import Environment
from environments.batch import ON_ONE_HOST, PoolKind
from environments.coherence import share_identifier
from environments.teams import Team
from stacks.access_stack import AccessStack
from stacks.batch_stack import BatchStack
from stacks.data_stack import DataStack
from stacks.governance_stack import GovernanceStack
from stacks.lustre_stack import LustreStack
from stacks.network_stack import NetworkStack
from stacks.platform_stack import PlatformStack
from stacks.studio_stack import StudioStack
from trainyard.gpu_job_definitions import GpuJobDefinitions
from trainyard.guardrails import TeamGuardrails
from trainyard.monthly_budget import MonthlyBudget
from trainyard.notebook_instance import NotebookInstance
from trainyard.notebook_lifecycle import NotebookLifecycle, NotebookScripts, git_url
from trainyard.prefixes import output, packages
from trainyard.runtime_policy import RuntimePolicy
from trainyard.service_role import ServiceRole
from trainyard.shared_space import SharedSpace
from trainyard.team_batch import TeamBatch
from trainyard.team_member import TeamMember
from trainyard.team_roles import IsolationException, TeamRoles
from trainyard.team_studio import TeamStudio, shared_space


class TeamStack(PlatformStack):
    """Everything of one team that comes and goes with it; its folders and images stay in the Data stack."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        team: Team,
        data: DataStack,
        network: NetworkStack,
        access: AccessStack,
        governance: GovernanceStack,
        studio: StudioStack | None,
        lustre: LustreStack | None,
        batch: BatchStack | None,
        notebook_scripts: NotebookScripts,
    ) -> None:
        super().__init__(scope, construct_id, environment=environment, description=f"Trainyard: team {team.name}")
        self._environment, self._team = environment, team
        self._data, self._network, self._access = data, network, access
        self._folders = data.folders[team.name].arn
        self._tags = {"Environment": environment.name, "Team": team.name}
        Tags.of(self).add("Team", team.name)
        self._file_systems = (
            {each.name: lustre.file_systems[each.name].file_system_id for each in environment.file_systems_of(team)}
            if lustre
            else {}
        )

        roles = self._add_roles(studio.mlflow_app if studio else None)
        may = [*roles.policies, self._add_batch(batch)] if batch else roles.policies
        if studio:
            self._add_people(studio, may)
        if team.notebooks:
            mounts = lustre.mounts(*self._file_systems) if lustre and self._file_systems else ""
            self._add_notebooks(may, roles.job_role, mounts, notebook_scripts)
        MonthlyBudget(
            self,
            "Budget",
            limit_usd=team.monthly_budget_usd,
            tags=self._tags,
            topic_arn=governance.topic.arn,
        )

    def _add_roles(self, mlflow_app: str | None) -> TeamRoles:
        environment, team, access = self._environment, self._team, self._access
        guardrails = TeamGuardrails(
            self,
            "Guardrails",
            output_key=self._data.keys[team.name].arn,
            file_systems=list(self._file_systems.values()),
        ).arn
        runtime = RuntimePolicy(
            self,
            "Runtime",
            team=team.name,
            subnets=access.allowed.subnets,
            security_groups=self._network.groups.of_jobs(mounting_lustre=bool(self._file_systems)),
            volume_key=access.allowed.volume_key,
            image_accounts=environment.network.image_accounts,
        ).arn
        exception = team.without_network_isolation
        return TeamRoles(
            self,
            "Roles",
            team=team.name,
            environment=environment.name,
            allowed=access.allowed,
            network_guardrails=access.network_guardrails,
            guardrails=[*access.guardrails, guardrails],
            data=[self._folders, runtime],
            boundary=access.boundary,
            mlflow_app=mlflow_app,
            approvers=team.approvers,
            deployers=team.deployers,
            exception=IsolationException(exception.reason, exception.until) if exception else None,
        )

    def _client_groups(self) -> list[str]:
        """Those that the team shares with all others: what it cannot mount it need not reach."""
        groups = self._network.groups
        return [groups.clients, groups.lustre_clients] if self._file_systems else [groups.clients]

    def _add_people(self, studio: StudioStack, may: list[str]) -> None:
        if not self._team.members:
            return
        keep = self._environment.data.keep_after_teardown
        vpc_id = self._network.vpc.vpc_id
        policies = [*may, TeamStudio(self, "Studio", shared_space=shared_space(self._team.name)).arn]
        people = [
            TeamMember(
                self,
                f"Member-{member.name}",
                name=member.name,
                sso_user_name=member.sso_user_name,
                domain_id=studio.domain_id,
                vpc_id=vpc_id,
                security_groups=self._client_groups(),
                policies=policies,
                boundary=self._access.boundary,
                file_systems=list(self._file_systems.values()),
                keep=keep,
            )
            for member in self._team.members
        ]
        SharedSpace(
            self,
            "SharedSpace",
            domain_id=studio.domain_id,
            team=self._team.name,
            owner=self._team.members[0].name,
            keep=keep,
        ).add_resource_dependency(people[0].profile)

    def _add_notebooks(self, may: list[str], job_role: str, mounts: str, scripts: NotebookScripts) -> None:
        environment, groups = self._environment, self._network.groups
        libraries, efs = environment.notebooks.codeartifact, environment.efs_of(self._team)
        lifecycle = NotebookLifecycle(
            self,
            "NotebookLifecycle",
            scripts=scripts,
            settings=self._notebook_settings(job_role, mounts),
            repositories=self._team.repositories,
            codeartifact=(libraries.domain, libraries.repository) if libraries else None,
        )
        role = ServiceRole(
            self,
            "NotebookRole",
            service="sagemaker.amazonaws.com",
            policies=[*may, lifecycle.policy],
            boundary=self._access.boundary,
        )
        instances = Construct(self, "Notebooks")
        for notebook in self._team.notebooks:
            NotebookInstance(
                instances,
                notebook.name,
                platform=notebook.platform,
                instance_type=notebook.instance_type,
                volume_gib=notebook.volume_gib,
                subnet_id=self._network.subnet_of_zone[notebook.zone or environment.network.zones()[0]],
                security_groups=[groups.notebook, *self._client_groups(), *([groups.efs_clients] if efs else [])],
                key=self._data.compute_key.arn,
                role=role.arn,
                lifecycle_config=lifecycle.name,
                keep=environment.data.keep_after_teardown,
            )

    def _notebook_settings(self, job_role: str, mounts: str) -> dict[str, str]:
        """What the scripts of notebook instances are told: lifecycle_scripts/notebook."""
        environment, team, common = self._environment, self._team, self._environment.notebooks
        folder, key = f"s3://{self._data.artifacts.name}/{output(team.name)}", self._data.keys[team.name].arn
        libraries = common.codeartifact
        return {
            "ENVIRONMENT": environment.name,
            "TEAM": team.name,
            "REGION": environment.region,
            "PACKAGES": f"s3://{self._data.artifacts.name}/{packages(team.name)}",
            "CODEARTIFACT": f"{libraries.domain}:{environment.account}:{libraries.repository}" if libraries else "",
            "FILE_SYSTEMS": mounts,
            "EFS_FILE_SYSTEMS": " ".join(
                ":".join(filter(None, (each.name, each.file_system_id, each.access_point_id)))
                for each in environment.efs_of(team)
            ),
            "REPOSITORIES": " ".join(f"{name}={git_url(environment.region, name)}" for name in team.repositories),
            "IDLE_MINUTES": str(common.idle_stop_minutes),
            "HOOK_MINUTES": str(common.hook_minutes),
            "BACKUP": f"{folder}/notebooks" if common.backup else "",
            "BACKUP_KEY": key if team.own_key else "",
            "SUBNETS": " ".join(self._access.allowed.subnets),
            "SECURITY_GROUPS": " ".join([self._network.groups.training, *self._client_groups()]),
            "VOLUME_KEY": self._access.allowed.volume_key,
            "OUTPUT_KEY": key,
            "OUTPUT": folder,
            "JOB_ROLE": job_role,
        }

    def _add_batch(self, batch: BatchStack) -> str:
        """ARN of the policy that lets people submit the team's jobs."""
        team = self._team
        definitions = GpuJobDefinitions(
            self,
            "Jobs",
            image=f"{self._data.repositories[team.name].attr_repository_uri}:{team.batch_image_tag}",
            job_role=ServiceRole(
                self,
                "BatchJobRole",
                service="ecs-tasks.amazonaws.com",
                policies=[self._folders],
                boundary=self._access.boundary,
            ).arn,
            log_group=batch.log_group.name,
            log_stream_prefix=team.name,
            timeout_hours=self._environment.batch.job_timeout_hours,
            file_systems=list(self._file_systems),
            on_one_host=ON_ONE_HOST,
            multi_node_pools={
                pool.name: pool.instance_types[0]
                for pool in self._environment.batch.pools
                if pool.kind is PoolKind.MULTI_NODE
            },
        )
        return TeamBatch(
            self,
            "Batch",
            tags=self._tags,
            share_identifier=share_identifier(team.name),
            queues=[queue.attr_job_queue_arn for queue in batch.queues],
            job_definitions=definitions.names,
            log_groups=f"{batch.stack_name}-",
            log_stream_prefix=team.name,
        ).arn
