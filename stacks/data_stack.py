"""What outlives the environment when its file says so: keys, buckets and container repositories."""

from aws_cdk import CfnOutput
from constructs import Construct

from environments import Environment
from environments.teams import Team
from stacks.platform_stack import PlatformStack
from trainyard.alert_topic import PUBLISHERS
from trainyard.customer_key import CustomerKey
from trainyard.data_bucket import DataBucket
from trainyard.endpoint_services import Feature
from trainyard.folder_policy import Folder, FolderPolicy
from trainyard.prefixes import MLFLOW, dataset
from trainyard.team_repository import TeamRepository


class DataStack(PlatformStack):
    """Attributes.

    ``data_key``, ``log_key``, ``compute_key``: the customer keys of data, of logs and alerts, and of volumes;
    ``datasets``, ``artifacts``: the buckets; ``keys``, ``repositories``, ``folders``: per team, the key of its data,
    its own or ``data_key``, its container repository, and the managed policy that lets its roles use its folders and
    both of these; ``experiments``: that of the folder of experiments.
    """

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(
            scope, construct_id, environment=environment, description="Trainyard: what outlives the stacks"
        )
        self._settings = environment.data

        self._make_keys(environment)
        scopes = {team.name: Construct(self, f"Team-{team.name}") for team in environment.teams}
        self.keys = {
            team.name: self._own_key(scopes[team.name], team, environment) if team.own_key else self.data_key
            for team in environment.teams
        }
        access_logs = self._bucket("AccessLogs", expire_after_days=environment.logs.retention_days)
        own_keys = {team.name: self.keys[team.name].arn for team in environment.teams if team.own_key}
        self.datasets = self._bucket("Datasets", access_logs=access_logs, folder_keys=own_keys)
        self.artifacts = self._bucket("Artifacts", access_logs=access_logs, folder_keys=own_keys)

        self.repositories: dict[str, TeamRepository] = {}
        self.folders: dict[str, FolderPolicy] = {}
        for team in environment.teams:
            self._add(scopes[team.name], team, environment)
        if Feature.MLFLOW in environment.features:
            self.experiments = FolderPolicy(
                self, "Experiments", own=[Folder(self.artifacts.arn, MLFLOW)], key=self.data_key.arn
            )

        CfnOutput(self, "DatasetsBucket", value=self.datasets.name)
        CfnOutput(self, "ArtifactsBucket", value=self.artifacts.name)
        for name, key in own_keys.items():
            CfnOutput(self, f"KeyOf-{name}", value=key)

    def _make_keys(self, environment: Environment) -> None:
        keep, of = environment.data.keep_after_teardown, f"of Trainyard {environment.name}"
        self.data_key = CustomerKey(self, "DataKey", description=f"Buckets, images and file systems {of}", keep=keep)
        self.data_key.admit_services("logging.s3.amazonaws.com")
        self.data_key.admit_lustre()
        self.log_key = CustomerKey(
            self,
            "LogKey",
            description=f"Log groups and alerts {of}",
            keep=environment.logs.keep_after_teardown,
        )
        self.log_key.admit_log_groups()
        self.log_key.admit_services(*PUBLISHERS)
        self.compute_key = CustomerKey(self, "ComputeKey", description=f"Volumes of hosts and apps {of}", keep=keep)
        self.compute_key.admit_auto_scaling()

    def _own_key(self, scope: Construct, team: Team, environment: Environment) -> CustomerKey:
        key = CustomerKey(
            scope,
            "Key",
            description=f"Objects, images and file systems of the team {team.name} of Trainyard {environment.name}",
            keep=environment.data.keep_after_teardown,
        )
        linked = {link.dataset for each in environment.lustre for link in each.data_repository_associations}
        if any(each.name in linked for each in environment.datasets if each.team == team.name):
            key.admit_lustre()
        return key

    def _bucket(
        self,
        name: str,
        *,
        access_logs: DataBucket | None = None,
        expire_after_days: int | None = None,
        folder_keys: dict[str, str] | None = None,
    ) -> DataBucket:
        return DataBucket(
            self,
            name,
            key=self.data_key.arn,
            keep=self._settings.keep_after_teardown,
            noncurrent_version_days=self._settings.noncurrent_version_days,
            expire_after_days=expire_after_days,
            access_logs=access_logs,
            folder_keys=folder_keys,
        )

    def _add(self, scope: Construct, team: Team, environment: Environment) -> None:
        key = self.keys[team.name].arn
        shared = environment.datasets_shared_with(team)
        repository = TeamRepository(scope, "Repository", key=key, keep=self._settings.keep_after_teardown)
        self.repositories[team.name] = repository
        self.folders[team.name] = FolderPolicy(
            scope,
            "Folders",
            own=[Folder(self.datasets.arn, team.name), Folder(self.artifacts.arn, team.name)],
            shared=[Folder(self.datasets.arn, dataset(each.team, each.name)) for each in shared],
            key=key,
            shared_keys=list(dict.fromkeys(arn for each in shared if (arn := self.keys[each.team].arn) != key)),
            further=repository.use(),
        )
