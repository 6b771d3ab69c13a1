"""An account with an environment, another one like it, and things of nobody's; and what people leave in them."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from environments import Environment, load
from environments.loading import parse
from local_aws import LocalAws
from operations.assembly import stacks_of
from operations.teardown.aws import Aws
from operations.teardown.inventory import Inventory
from operations.teardown.journal import Journal
from operations.teardown.kinds import OF_NAME
from operations.teardown.schedule import Outcome, Result, Step, Waits, run
from operations.teardown.scope import Resource, Scope, look
from tests.support import Assembly, Json, synthesize, text_of

HOUR = 3600.0
TEAM = "vision"
"""The team of the environment of the tests."""
_QUALIFIER = "hnb659fds"
_NOTHING = b"PK\x05\x06" + bytes(18)
"""An archive of no files: nothing that is published runs here."""


def other_assembly(folder: Path) -> Assembly:
    """Another environment like ``local``, in the same account and region."""
    return synthesize(parse(text_of("local", {"name": "other"}), "other.yaml"), folder)


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


@dataclass(frozen=True)
class Account:
    """An account of the local AWS.

    Args:
        aws: the local AWS.
        environment: the environment that is taken away.
        assembly: the folder of its assembly.
        journal: a file for the journal of a run.
        refuses: asked before every call of the run: service, operation and arguments. What it raises, the call raises.
    """

    aws: LocalAws
    environment: Environment
    assembly: Path
    journal: Path
    refuses: list[Callable[[str, str, Json], None]] = field(default_factory=list)

    def client(self, service: str) -> Any:
        """A boto3 client."""
        return self.aws.client(service)

    @cached_property
    def ours(self) -> Place:
        """The environment."""
        return self.place(self.environment.name)

    @cached_property
    def theirs(self) -> Place:
        """The other environment."""
        return self.place("other")

    @cached_property
    def bare(self) -> Place:
        """A place that is an environment for ``bare_inventory``, and takes no deployment."""
        return somewhere(self, "bare", {"Environment": "bare", "Team": TEAM})

    @cached_property
    def nobodys(self) -> Place:
        """What is in the account and in no environment."""
        return somewhere(self, "nobody", {"Team": TEAM})

    def place(self, name: str) -> Place:
        """An environment that is deployed."""
        stack = f"trainyard-{name}-team-{TEAM}"
        roles = {each: f"arn:aws:iam::{self.environment.account}:role/{each}" for each in self.ids(stack, "IAM::Role")}
        (job_role,) = (arn for each, arn in roles.items() if "RolesJobRole" in each)
        (domain,) = self.ids(f"trainyard-{name}-studio", "SageMaker::Domain")
        queue, *_ = self.ids(f"trainyard-{name}-batch", "Batch::JobQueue")
        return Place(name, domain, job_role, queue, {"Environment": name, "Team": TEAM})

    def ids(self, stack: str, type_: str) -> list[str]:
        """The physical ids of what a stack has of a type."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        resources = [each for page in pages for each in page["StackResourceSummaries"]]
        return sorted(each["PhysicalResourceId"] for each in resources if each["ResourceType"] == f"AWS::{type_}")

    def deploy(self, assembly: Path) -> None:
        """Makes the stacks of an assembly, with the tags that the CDK gives them."""
        manifest = json.loads((assembly / "manifest.json").read_text())["artifacts"]
        stacks = {each.name: each for each in stacks_of(assembly)}
        for name in TopologicalSorter({each.name: each.after for each in stacks.values()}).static_order():
            tags = manifest[stacks[name].key]["properties"].get("tags", {})
            self.client("cloudformation").create_stack(
                StackName=name,
                TemplateBody=json.dumps(stacks[name].template),
                Capabilities=["CAPABILITY_NAMED_IAM"],
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            )

    def bootstrap(self, assembly: Path) -> None:
        """What templates of the CDK count on: the version, and the published assets."""
        self.client("ssm").put_parameter(
            Name=f"/cdk-bootstrap/{_QUALIFIER}/version", Value="30", Type="String", Overwrite=True
        )
        s3 = self.client("s3")
        for file in assembly.glob("*.assets.json"):
            for asset in json.loads(file.read_text())["files"].values():
                for place in asset["destinations"].values():
                    if place["bucketName"] not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
                        location = {"LocationConstraint": self.environment.region}
                        s3.create_bucket(Bucket=place["bucketName"], CreateBucketConfiguration=location)
                    s3.put_object(Bucket=place["bucketName"], Key=place["objectKey"], Body=_NOTHING)

    @cached_property
    def asked(self) -> Aws:
        """The account as a run asks it."""

        def client(service: str) -> Any:
            return _Asked(service, self.client(service), self.refuses)

        return Aws(client, self.environment.region, self.aws.clock, Journal(self.journal))

    def result(self, work: Waits) -> Result:
        """How a step ends."""
        return run([Step("step", lambda: work)], self.aws.clock)["step"]

    def done(self, work: Waits) -> Any:
        """What a step returns."""
        result = self.result(work)
        assert result.outcome is Outcome.DONE, result.value
        return result.value

    def inventory(self, name: str | None = None) -> Inventory:
        """What there is of an environment, asked afresh."""
        return Inventory(self.asked, self.done(look(self.asked, name or self.environment.name)))

    def bare_inventory(self) -> Inventory:
        """What there is of ``bare``, asked afresh."""
        place = self.bare
        ids = {
            "IAM::Role": place.role.rpartition("/")[2],
            "SageMaker::Domain": place.domain,
            "Batch::JobQueue": place.queue,
        }
        resources = tuple(
            Resource(f"trainyard-bare-team-{TEAM}", type_, f"AWS::{type_}", id_, False, "CREATE_COMPLETE")
            for type_, id_ in ids.items()
        )
        scope = Scope(place.name, self.environment.account, self.environment.region, "aws", (), resources)
        return Inventory(self.asked, scope)

    def names(self, kind: str, inventory: Inventory | None = None) -> set[str]:
        """The names of the things of a kind that are the environment's."""
        return {each.name for each in self.done((inventory or self.inventory()).things(OF_NAME[kind]))}

    def passes(self, seconds: float) -> None:
        """Lets time pass."""
        self.aws.clock.sleep(seconds)


class _Asked:
    """A client, of which each call can be refused."""

    def __init__(self, service: str, client: Any, refuses: Sequence[Callable[[str, str, Json], None]]) -> None:
        self._service, self._client, self._refuses = service, client, refuses

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            for each in self._refuses:
                each(self._service, operation, arguments)
            return getattr(self._client, operation)(**arguments)

        return call


@contextmanager
def account(ours: Assembly, theirs: Assembly, folder: Path) -> Iterator[Account]:
    """An account with both environments deployed. Things of nobody's come with the first look at ``nobodys``."""
    environment = ours.environment
    with LocalAws(account=environment.account, region=environment.region) as aws:
        made = Account(aws, environment, ours.folder, folder / "journal.jsonl")
        for assembly in (ours, theirs):
            made.bootstrap(assembly.folder)
            made.deploy(assembly.folder)
        yield made


@contextmanager
def bare_account(folder: Path) -> Iterator[Account]:
    """An account with nothing in it: fast. ``bare`` and ``nobodys`` come with the first look at them."""
    environment = load("local")
    with LocalAws(account=environment.account, region=environment.region) as aws:
        yield Account(aws, environment, folder, folder / "journal.jsonl")


def leftovers(account: Account, place: Place | None = None) -> dict[str, set[str]]:
    """Makes what people leave behind in a place, one of each kind at least.

    Returns: name of a kind to the names of what was made of it, as the inventory has them.
    """
    return _Leftovers(account, place or account.ours).make()


class _Leftovers:
    """Makes them. Services want many members that are of no matter here: they are as short as botocore lets them be."""

    def __init__(self, account: Account, place: Place) -> None:
        self._sagemaker, self._batch = account.client("sagemaker"), account.client("batch")
        self._scaling = account.client("application-autoscaling")
        self._account, self._place, self._name = account, place, f"{place.name}-thing"
        self._tagged = {"Tags": place.listed_tags}
        self._role = {"RoleArn": place.role}

    def make(self) -> dict[str, set[str]]:
        made = self._spaces() | self._endpoints() | self._records()
        self._account.passes(HOUR / 10)
        made |= self._studio() | self._on_the_endpoint() | self._pipelines() | self._jobs() | self._batch_jobs()
        self._account.passes(HOUR / 20)
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
        definition = self._batch.register_job_definition(
            jobDefinitionName=self._name,
            type="container",
            containerProperties={
                "image": "image",
                "command": ["true"],
                "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "128"}],
            },
        )["jobDefinitionArn"]
        jobs: list[str] = []
        for more in (dict, lambda: {"arrayProperties": {"size": 2}}, lambda: {"dependsOn": [{"jobId": jobs[0]}]}):
            submitted = self._batch.submit_job(
                jobName=self._name,
                jobQueue=self._place.queue,
                jobDefinition=definition,
                shareIdentifier=TEAM,
                tags=self._place.tags,
                **more(),
            )
            jobs.append(submitted["jobId"])
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


def somewhere(account: Account, name: str, tags: dict[str, str]) -> Place:
    """A place that no stack made: a domain, a role and a queue by this name."""
    iam, ec2, batch = account.client("iam"), account.client("ec2"), account.client("batch")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
    domain = account.client("sagemaker").create_domain(
        DomainName=name,
        AuthMode="IAM",
        DefaultUserSettings={"ExecutionRole": role, "SecurityGroups": [group]},
        SubnetIds=[subnet],
        VpcId=vpc,
    )
    environment = batch.create_compute_environment(
        computeEnvironmentName=name,
        type="MANAGED",
        computeResources={"type": "FARGATE", "maxvCpus": 4, "subnets": [subnet], "securityGroupIds": [group]},
    )
    account.passes(60)
    queue = batch.create_job_queue(
        jobQueueName=name,
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment["computeEnvironmentArn"]}],
    )
    # A domain takes longer than a queue.
    account.passes(HOUR / 6)
    return Place(name, domain["DomainArn"].rpartition("/")[2], role, queue["jobQueueArn"], tags)
