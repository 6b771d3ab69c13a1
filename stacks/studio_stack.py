"""SageMaker Studio: the domain, and MLflow."""

from constructs import Construct

from environments import Environment
from stacks.access_stack import AccessStack
from stacks.data_stack import DataStack
from stacks.network_stack import NetworkStack
from stacks.platform_stack import PlatformStack
from trainyard.endpoint_services import Feature
from trainyard.mlflow_app import MlflowApp
from trainyard.prefixes import MLFLOW
from trainyard.script_settings import told
from trainyard.studio_domain import StudioDomain


class StudioStack(PlatformStack):
    """Attributes: ``domain_id``; ``mlflow_app``, ARN of the app for experiments, if the feature mlflow is on."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        data: DataStack,
        network: NetworkStack,
        access: AccessStack,
        start_script: str,
    ) -> None:
        super().__init__(scope, construct_id, environment=environment, description="Trainyard: SageMaker Studio")
        settings = environment.studio

        self.domain_id = StudioDomain(
            self,
            "Studio",
            vpc_id=network.vpc.vpc_id,
            subnet_ids=[subnet.subnet_id for subnet in network.subnets],
            security_groups=[network.groups.clients],
            key=data.compute_key.arn,
            auth_mode=settings.auth_mode,
            idle_timeout_minutes=settings.idle_timeout_minutes,
            default_instance_type=settings.default_instance_type,
            space_volume_gib=settings.space_volume_gib,
            max_space_volume_gib=settings.max_space_volume_gib,
            start_script=told(start_script, {"CULL_MINUTES": str(settings.idle_timeout_minutes)}),
            boundary=access.boundary,
        ).domain_id
        self.mlflow_app: str | None = None
        if Feature.MLFLOW in environment.features:
            self.mlflow_app = MlflowApp(
                self,
                "Mlflow",
                artifact_store_uri=f"s3://{data.artifacts.name}/{MLFLOW}",
                folder_policy=data.experiments.arn,
                boundary=access.boundary,
                keep=environment.data.keep_after_teardown,
            ).arn
