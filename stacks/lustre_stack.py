"""FSx for Lustre over the datasets in S3."""

from constructs import Construct

from environments import Environment
from stacks.data_stack import DataStack
from stacks.network_stack import NetworkStack
from stacks.platform_stack import PlatformStack
from trainyard.encrypted_log_group import EncryptedLogGroup
from trainyard.lustre_file_system import Association, LustreFileSystem
from trainyard.prefixes import dataset
from trainyard.script_settings import file_systems


class LustreStack(PlatformStack):
    """Attributes: ``file_systems``, by name."""

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
            scope, construct_id, environment=environment, description="Trainyard: Lustre file systems over S3"
        )
        owners = {each.name: each.team for each in environment.datasets}

        log_group = EncryptedLogGroup(
            self,
            "Logs",
            name=f"/aws/fsx/{self.stack_name}",
            key=data.log_key.arn,
            retention_days=environment.logs.retention_days,
            # Kept, it would stand in the way of the next deployment, which needs the same name.
            keep=False,
        )
        self.file_systems = {
            each.name: LustreFileSystem(
                self,
                each.name,
                subnet_id=network.subnet_of_zone[each.zone or environment.network.zones()[0]],
                security_group=network.groups.lustre,
                # A file system that several teams share belongs to none of them.
                key=(data.keys[each.teams[0]] if len(each.teams) == 1 else data.data_key).arn,
                storage_capacity_gib=each.storage_capacity_gib,
                per_unit_storage_throughput=each.per_unit_storage_throughput,
                weekly_maintenance_start_time=each.weekly_maintenance_start_time,
                log_group=log_group.name,
                datasets=data.datasets.name,
                associations=[
                    Association(
                        name=link.dataset,
                        folder=dataset(owners[link.dataset], link.dataset),
                        file_system_path=link.file_system_path,
                        import_events=link.import_events,
                        export_events=link.export_events,
                    )
                    for link in each.data_repository_associations
                ],
            )
            for each in environment.lustre
        }

    def mounts(self, *names: str) -> str:
        """What scripts are told of the file systems ``names``, or of all."""
        return file_systems(
            {
                name: (each.dns_name, each.mount_name)
                for name, each in self.file_systems.items()
                if not names or name in names
            }
        )
