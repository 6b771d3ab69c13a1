"""What people leave behind where they work: one thing at least of each kind that a teardown knows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from environments.coherence import share_identifier
from operations.local.inventory import Client

Json = dict[str, Any]

HOUR = 3600.0


@dataclass(frozen=True)
class Place:
    """Where people work: an environment, or what nobody of an environment has.

    Args:
        name: the environment's name.
        domain, role, queue: the id of the domain, the ARN of the role that jobs run as, and the ARN of the queue.
        tags: what the guardrails ask for.
    """

    name: str
    domain: str
    role: str
    queue: str
    tags: dict[str, str]

    @property
    def listed_tags(self) -> list[Json]:
        """The tags as SageMaker wants them."""
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]


def leave(client: Client, place: Place, passes: Callable[[float], None]) -> dict[str, set[str]]:
    """Makes what people leave behind in a place.

    Args:
        client: makes the client of a service.
        place: where.
        passes: lets so many seconds of AWS pass.

    Returns: name of a kind to the names of what was made of it, as the inventory of a teardown has them.
    """
    return _Leftovers(client, place, passes).make()


def job_definition(batch: Any, name: str) -> str:
    """Makes a job definition, and gives its ARN."""
    answer = batch.register_job_definition(
        jobDefinitionName=name,
        type="container",
        containerProperties={
            "image": "image",
            "command": ["true"],
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "128"}],
        },
    )
    return str(answer["jobDefinitionArn"])


class _Leftovers:
    """Makes them. Services want many members that are of no matter here: they are as short as botocore lets them be."""

    def __init__(self, client: Client, place: Place, passes: Callable[[float], None]) -> None:
        self._sagemaker, self._batch = client("sagemaker"), client("batch")
        self._scaling = client("application-autoscaling")
        self._passes, self._place, self._name = passes, place, f"{place.name}-thing"
        self._tagged = {"Tags": place.listed_tags}
        self._role = {"RoleArn": place.role}

    def make(self) -> dict[str, set[str]]:
        made = self._spaces() | self._endpoints() | self._records()
        self._passes(HOUR / 10)
        made |= self._studio() | self._on_the_endpoint() | self._pipelines() | self._jobs() | self._batch_jobs()
        self._passes(HOUR / 20)
        return {kind: set(names) for kind, names in made.items()}

    def _spaces(self) -> dict[str, list[str]]:
        domain = self._place.domain
        profile, space = f"{self._name}-person", f"{self._name}-space"
        self._sagemaker.create_user_profile(DomainId=domain, UserProfileName=profile)
        self._sagemaker.create_space(
            DomainId=domain,
            SpaceName=space,
            OwnershipSettings={"OwnerUserProfileName": profile},
            SpaceSharingSettings={"SharingType": "Private"},
            SpaceSettings={"AppType": "JupyterLab"},
        )
        return {"spaces": [f"{domain}/{space}"], "user profiles": [f"{domain}/{profile}"]}

    def _studio(self) -> dict[str, list[str]]:
        domain = self._place.domain
        profile, space = f"{self._name}-person", f"{self._name}-space"
        self._sagemaker.create_app(DomainId=domain, SpaceName=space, AppType="JupyterLab", AppName="default")
        self._sagemaker.create_app(DomainId=domain, UserProfileName=profile, AppType="Canvas", AppName="default")
        self._sagemaker.create_image(ImageName=self._name, **self._role)
        self._sagemaker.create_app_image_config(AppImageConfigName=self._name, **self._tagged)
        self._sagemaker.create_studio_lifecycle_config(
            StudioLifecycleConfigName=self._name,
            StudioLifecycleConfigContent="IyEvYmluL3NoCg==",
            StudioLifecycleConfigAppType="JupyterLab",
            **self._tagged,
        )
        self._sagemaker.create_notebook_instance(
            NotebookInstanceName=self._name, InstanceType="ml.t3.medium", **self._role
        )
        return {
            "apps": [f"{domain}/{space}/JupyterLab/default", f"{domain}/{profile}/Canvas/default"],
            "images": [self._name],
            "app image configs": [self._name],
            "Studio lifecycle configs": [self._name],
            "notebook instances": [self._name],
        }

    def _endpoints(self) -> dict[str, list[str]]:
        name = self._name
        self._sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=self._place.role, PrimaryContainer={"Image": "image"}, **self._tagged
        )
        self._sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "main",
                    "ModelName": name,
                    "InitialInstanceCount": 1,
                    "InstanceType": "ml.m5.large",
                }
            ],
            **self._tagged,
        )
        self._sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, **self._tagged)
        return {"models": [name], "endpoint configs": [name], "endpoints": [name]}

    def _on_the_endpoint(self) -> dict[str, list[str]]:
        name = self._name
        self._sagemaker.create_inference_component(
            InferenceComponentName=name,
            EndpointName=name,
            VariantName="main",
            Specification={
                "ModelName": name,
                "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 128, "NumberOfCpuCoresRequired": 1},
            },
            RuntimeConfig={"CopyCount": 1},
        )
        dimension = "sagemaker:variant:DesiredInstanceCount"
        self._scaling.register_scalable_target(
            ServiceNamespace="sagemaker",
            ResourceId=f"endpoint/{name}/variant/main",
            ScalableDimension=dimension,
            MinCapacity=1,
            MaxCapacity=2,
        )
        self._experiment()
        self._schedule()
        return {
            "inference components": [name],
            "scaling targets": [f"sagemaker/endpoint/{name}/variant/main/{dimension}"],
            "inference experiments": [name],
            "monitoring schedules": [name],
        }

    def _experiment(self) -> None:
        """A shadow test on the endpoint."""
        infrastructure = {
            "InfrastructureType": "RealTimeInference",
            "RealTimeInferenceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        }
        self._sagemaker.create_inference_experiment(
            Name=self._name,
            Type="ShadowMode",
            EndpointName=self._name,
            ModelVariants=[
                {"ModelName": self._name, "VariantName": each, "InfrastructureConfig": infrastructure}
                for each in ("main", "shadow")
            ],
            ShadowModeConfig={
                "SourceModelVariantName": "main",
                "ShadowModelVariants": [{"ShadowModelVariantName": "shadow", "SamplingPercentage": 10}],
            },
            **self._role,
        )

    def _schedule(self) -> None:
        """A monitoring schedule of the endpoint."""
        self._sagemaker.create_monitoring_schedule(
            MonitoringScheduleName=self._name,
            MonitoringScheduleConfig={
                "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
                "MonitoringType": "DataQuality",
                "MonitoringJobDefinition": {
                    "MonitoringInputs": [
                        {"EndpointInput": {"EndpointName": self._name, "LocalPath": "/opt/ml/processing/input"}}
                    ],
                    "MonitoringOutputConfig": {
                        "MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://bucket/out", "LocalPath": "/opt/ml/out"}}]
                    },
                    "MonitoringResources": {"ClusterConfig": _CLUSTER},
                    "MonitoringAppSpecification": {"ImageUri": "image"},
                    **self._role,
                },
            },
            **self._tagged,
        )

    def _records(self) -> dict[str, list[str]]:
        name = self._name
        app = self._sagemaker.create_mlflow_app(Name=name, ArtifactStoreUri="s3://bucket/mlflow", **self._role)["Arn"]
        self._sagemaker.create_mlflow_tracking_server(
            TrackingServerName=name, ArtifactStoreUri="s3://bucket/mlflow", **self._role
        )
        self._sagemaker.create_model_package_group(ModelPackageGroupName=name, **self._tagged)
        self._sagemaker.create_model_package(ModelPackageGroupName=name, InferenceSpecification=_INFERENCE)
        self._sagemaker.create_feature_group(
            FeatureGroupName=name,
            RecordIdentifierFeatureName="id",
            EventTimeFeatureName="at",
            FeatureDefinitions=[{"FeatureName": each, "FeatureType": "String"} for each in ("id", "at")],
            OnlineStoreConfig={"EnableOnlineStore": True},
            **self._role,
            **self._tagged,
        )
        return {
            "MLflow apps": [app.partition("/")[2]],
            "MLflow tracking servers": [name],
            "model package groups": [name],
            "model packages": [f"{name}/1"],
            "feature groups": [name],
        }

    def _pipelines(self) -> dict[str, list[str]]:
        self._sagemaker.create_pipeline(
            PipelineName=self._name, PipelineDefinition="{}", ClientRequestToken="0" * 32, **self._role, **self._tagged
        )
        executions = [
            self._sagemaker.start_pipeline_execution(PipelineName=self._name, ClientRequestToken=str(each) * 32)
            for each in range(2)
        ]
        return {
            "pipelines": [self._name],
            "pipeline executions": [each["PipelineExecutionArn"].partition("/")[2] for each in executions],
        }

    def _jobs(self) -> dict[str, list[str]]:
        name = self._name
        self._sagemaker.create_training_job(TrainingJobName=name, **_TRAINING, **self._role, **self._tagged)
        warm = {**_TRAINING, "ResourceConfig": {**_INSTANCES, "KeepAlivePeriodInSeconds": 3600}}
        self._sagemaker.create_training_job(TrainingJobName=f"{name}-warm", **warm, **self._role, **self._tagged)
        self._sagemaker.stop_training_job(TrainingJobName=f"{name}-warm")
        self._sagemaker.create_processing_job(
            ProcessingJobName=name,
            ProcessingResources={"ClusterConfig": _CLUSTER},
            AppSpecification={"ImageUri": "image"},
            **self._role,
            **self._tagged,
        )
        self._sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName=name,
            TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in"}}},
            TransformOutput={"S3OutputPath": "s3://bucket/out"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **self._tagged,
        )
        definition = {**_TRAINING, "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"}}
        self._sagemaker.create_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name,
            HyperParameterTuningJobConfig={"Strategy": "Random", "ResourceLimits": {"MaxParallelTrainingJobs": 1}},
            TrainingJobDefinition={**definition, **self._role},
            **self._tagged,
        )
        self._sagemaker.create_auto_ml_job_v2(
            AutoMLJobName=name,
            AutoMLJobInputDataConfig=[
                {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in"}}}
            ],
            OutputDataConfig={"S3OutputPath": "s3://bucket/out"},
            AutoMLProblemTypeConfig={"TabularJobConfig": {"TargetAttributeName": "label"}},
            **self._role,
            **self._tagged,
        )
        self._sagemaker.create_compilation_job(
            CompilationJobName=name,
            OutputConfig={"S3OutputLocation": "s3://bucket/out", "TargetDevice": "ml_c5"},
            StoppingCondition={"MaxRuntimeInSeconds": 3600},
            **self._role,
            **self._tagged,
        )
        self._sagemaker.create_cluster(
            ClusterName=name,
            InstanceGroups=[
                {
                    "InstanceGroupName": "workers",
                    "InstanceType": "ml.m5.large",
                    "InstanceCount": 1,
                    "ThreadsPerCore": 1,
                    "ExecutionRole": self._place.role,
                    "LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-bucket/scripts", "OnCreate": "create.sh"},
                }
            ],
            **self._tagged,
        )
        alike = ("training jobs", "processing jobs", "transform jobs", "tuning jobs", "AutoML jobs", "compilation jobs")
        return {kind: [name] for kind in (*alike, "clusters")} | {"warm pools": [f"{name}-warm"]}

    def _batch_jobs(self) -> dict[str, list[str]]:
        """One that runs, an array, and one that waits for another."""
        definition = job_definition(self._batch, self._name)
        jobs: list[str] = []
        for more in (dict, lambda: {"arrayProperties": {"size": 2}}, lambda: {"dependsOn": [{"jobId": jobs[0]}]}):
            submitted = self._batch.submit_job(
                jobName=self._name,
                jobQueue=self._place.queue,
                jobDefinition=definition,
                shareIdentifier=share_identifier(self._place.tags["Team"]),
                tags=self._place.tags,
                **more(),
            )
            jobs.append(submitted["jobId"])
        # A definition costs nothing, and no teardown asks for those that people made.
        self._batch.deregister_job_definition(jobDefinition=definition)
        return {"batch jobs": jobs, "job queues": [self._place.queue.rpartition("/")[2]]}


_INSTANCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}
_CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}
_TRAINING: Json = {
    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": _INSTANCES,
    "StoppingCondition": {"MaxRuntimeInSeconds": 36000},
}
_INFERENCE = {
    "Containers": [{"Image": "111111111111.dkr.ecr.eu-west-1.amazonaws.com/model:1"}],
    "SupportedContentTypes": ["application/json"],
    "SupportedResponseMIMETypes": ["application/json"],
}
