"""Rules about SageMaker: models, endpoints, monitoring."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from policies.rules import images
from policies.rules.documents import statements
from policies.rules.rule import RuleBook
from policies.rules.template import App, Finding, Resource, get, is_known, is_one_of, listed
from trainyard.instances import has_local_storage

RULES = RuleBook()

MODEL, ENDPOINT_CONFIG = "AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig"
FEATURE_GROUP, EXPERIMENT = "AWS::SageMaker::FeatureGroup", "AWS::SageMaker::InferenceExperiment"
PACKAGE, PACKAGE_GROUP = "AWS::SageMaker::ModelPackage", "AWS::SageMaker::ModelPackageGroup"

VARIANTS = ("ProductionVariants", "ShadowProductionVariants")
MIN_INSTANCES = 2
"""In two zones, so that an endpoint outlives one of them."""


class Job(NamedTuple):
    """Where a resource that is a job, or has one in it, says what.

    Args:
        base: where the job is; empty when the resource is the job.
        resources: its machines.
        output: its output.
    """

    base: str
    resources: str
    output: str

    def path(self, name: str) -> str:
        return f"{self.base}.{name}" if self.base else name


JOBS = {
    **{
        f"AWS::SageMaker::{kind}JobDefinition": Job("", "JobResources", f"{kind}JobOutputConfig")
        for kind in ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")
    },
    "AWS::SageMaker::ProcessingJob": Job("", "ProcessingResources", "ProcessingOutputConfig"),
    "AWS::SageMaker::MonitoringSchedule": Job(
        "MonitoringScheduleConfig.MonitoringJobDefinition", "MonitoringResources", "MonitoringOutputConfig"
    ),
}


@RULES.rule(
    "S11",
    "A model's containers have no network",
    why="A container that can call out can send the data that it is asked about, and the model, to anyone",
    source="Security Hub SageMaker.5; AWS docs sagemaker/latest/dg/mkt-algo-model-internet-free.html",
    fix="Set EnableNetworkIsolation to true",
)
def isolated(app: App) -> Iterator[Finding]:
    for model in app.of(MODEL):
        yield from model.must_be("EnableNetworkIsolation", True)


@RULES.rule(
    "S12",
    "A model is in the VPC",
    why="Otherwise SageMaker fetches its artifacts over a network of AWS, past endpoint policies and flow logs",
    source="AWS Config sagemaker-model-in-vpc; AWS docs sagemaker/latest/dg/host-vpc.html",
    fix="Set VpcConfig",
)
def in_vpc(app: App) -> Iterator[Finding]:
    for model in app.of(MODEL):
        yield from model.must_have("VpcConfig")


@RULES.rule(
    "S13",
    "A model's image is one that may run here, and always the same",
    why="An image runs with the model's role; the owner of another account, or of a tag that moves, decides what runs",
    source="AWS docs sagemaker/latest/dg/your-algorithms-inference-code.html",
    fix="Take the image from ECR in the own account or in one of the settings' image_accounts, by digest or fixed tag",
)
def known_image(app: App) -> Iterator[Finding]:
    for model in app.of(MODEL):
        accounts = [*app.settings.image_accounts, *_account(model.get("ExecutionRoleArn"))]
        containers = [f"Containers.{index}" for index, _ in enumerate(model.list("Containers"))]
        for container in ("PrimaryContainer", *containers):
            image = model.get(f"{container}.Image")
            for detail, what in images.faults(image, accounts) if image else ():
                yield model.broken(f"{container}.Image", what, f"{container}.{detail}")


def _account(role: Any) -> list[str]:
    """The account of a role that is written out: SageMaker takes roles of the own account alone."""
    return str(role).split(":")[4:5] if is_known(role) else []


@RULES.rule(
    "S14",
    "The volumes of an endpoint are under a customer key, where AWS takes one",
    why="Only a customer key can be taken away, and its use shows in CloudTrail; for types with local storage, which "
    "the hardware encrypts, SageMaker refuses a key and the deployment fails",
    source="AWS docs sagemaker/latest/APIReference/API_CreateEndpointConfig.html",
    fix="Set KmsKeyId; leave it out when an instance type has local storage",
)
def endpoint_key(app: App) -> Iterator[Finding]:
    for config in app.of(ENDPOINT_CONFIG):
        variants = [each for name in VARIANTS for each in config.list(name)]
        pools = [pool for each in variants for pool in listed(get(each, "InstancePools"))]
        yield from _volume_key(config, "KmsKeyId", [get(each, "InstanceType") for each in variants + pools])


def _volume_key(resource: Resource, path: str, instance_types: Iterable[Any], detail: str = "") -> Iterator[Finding]:
    """A finding unless there is a customer key, or a type with local storage and none; none while a type is unknown."""
    types = [each for each in instance_types if each is not None]
    if any(is_known(each) and has_local_storage(str(each)) for each in types):
        if resource.get(path) is not None:
            yield resource.broken(path, "must be left out: an instance type has local storage", detail)
    elif all(is_known(each) for each in types):
        yield from resource.must_have_key(path, detail)


@RULES.rule(
    "S15",
    "An endpoint's captured data is under a customer key, nobody logs in to its machines, and in production it has two",
    why="Captured requests and answers are the data itself; a session on a machine sees them all; one machine is one "
    "zone's fault away from none",
    source="Security Hub SageMaker.4; AWS docs sagemaker/latest/APIReference/API_DataCaptureConfig.html; "
    "sagemaker/latest/dg/ssm-access.html",
    fix="Set DataCaptureConfig.KmsKeyId, leave EnableSSMAccess out, set InitialInstanceCount to 2 or more",
)
def endpoint_data(app: App) -> Iterator[Finding]:
    for config in app.of(ENDPOINT_CONFIG):
        capture = config.get("DataCaptureConfig")
        if capture and not is_one_of(config.get("DataCaptureConfig.EnableCapture"), [False]):
            yield from config.must_have_key("DataCaptureConfig.KmsKeyId", "DataCaptureConfig")
        for variants in VARIANTS:
            for index, _ in enumerate(config.list(variants)):
                path = f"{variants}.{index}.EnableSSMAccess"
                yield from config.must_not_be(path, True, detail=path)
        if app.settings.production:
            yield from _single_instances(config)


def _single_instances(config: Resource) -> Iterator[Finding]:
    for index, variant in enumerate(config.list("ProductionVariants")):
        count = get(variant, "InitialInstanceCount")
        if is_known(count) and int(count) < MIN_INSTANCES:
            path = f"ProductionVariants.{index}.InitialInstanceCount"
            yield config.broken(path, f"is {count} and should be {MIN_INSTANCES} or more", path)


def _jobs(app: App) -> Iterator[tuple[Resource, Job]]:
    """The jobs; a monitoring schedule that names a definition has none of its own."""
    for type_, job in JOBS.items():
        for resource in app.of(type_):
            if not job.base or resource.get(job.base) is not None:
                yield resource, job


@RULES.rule(
    "S16",
    "Monitoring and processing jobs have no network but the VPC, and encrypt what passes between their machines",
    why="They read the data, and run code that whoever starts them brings along",
    source="Security Hub SageMaker.9 to .15, .20, .22 and .25",
    fix="Set NetworkConfig: EnableInterContainerTrafficEncryption, EnableNetworkIsolation and VpcConfig",
)
def job_network(app: App) -> Iterator[Finding]:
    for resource, job in _jobs(app):
        network = job.path("NetworkConfig")
        for name in ("EnableInterContainerTrafficEncryption", "EnableNetworkIsolation"):
            yield from resource.must_be(f"{network}.{name}", True, detail=name)
        yield from resource.must_have(f"{network}.VpcConfig", "VpcConfig")


@RULES.rule(
    "S17",
    "What jobs, feature groups and experiments store is under customer keys, and a job ends",
    why="Only a customer key can be taken away, and its use shows in CloudTrail; a job without an end runs, and costs, "
    "for as long as SageMaker lets it",
    source="Checkov CKV_AWS_367 and CKV_AWS_368; Security Hub SageMaker.17, .18, .23 and .24",
    fix="Set the keys of volume and output, none for the volume of an instance type with local storage; set "
    "StoppingCondition.MaxRuntimeInSeconds",
)
def stored_data(app: App) -> Iterator[Finding]:
    for resource, job in _jobs(app):
        cluster = job.path(f"{job.resources}.ClusterConfig")
        types = [resource.get(f"{cluster}.InstanceType")]
        yield from _volume_key(resource, f"{cluster}.VolumeKmsKeyId", types, "VolumeKmsKeyId")
        yield from _key_of(resource, job.path(job.output), "KmsKeyId")
        yield from resource.must_have(job.path("StoppingCondition.MaxRuntimeInSeconds"), "MaxRuntimeInSeconds")
    for group in app.of(FEATURE_GROUP):
        if not is_one_of(group.get("OnlineStoreConfig.EnableOnlineStore"), [False]):
            yield from _key_of(group, "OnlineStoreConfig", "SecurityConfig.KmsKeyId")
        yield from _key_of(group, "OfflineStoreConfig", "S3StorageConfig.KmsKeyId")
    for experiment in app.of(EXPERIMENT):
        machines = "InfrastructureConfig.RealTimeInferenceConfig.InstanceType"
        types = [get(each, machines) for each in experiment.list("ModelVariants")]
        yield from _volume_key(experiment, "KmsKey", types, "KmsKey")
        yield from _key_of(experiment, "DataStorageConfig", "KmsKey")


def _key_of(resource: Resource, store: str, key: str) -> Iterator[Finding]:
    """A finding if there is such a store and it has no customer key."""
    if resource.get(store) is not None:
        yield from resource.must_have_key(f"{store}.{key}", store.rpartition(".")[2])


@RULES.rule(
    "S18",
    "A group of model packages is not open to everybody, and no package comes into being approved",
    why="Approval is what lets a model into production; a package that is born with it was looked at by nobody",
    source="AWS docs sagemaker/latest/dg/model-registry-approve.html",
    fix="Name the principals in ModelPackageGroupPolicy; leave ModelApprovalStatus to those who approve",
)
def approval(app: App) -> Iterator[Finding]:
    for group in app.of(PACKAGE_GROUP):
        policy = group.get("ModelPackageGroupPolicy")
        document = json.loads(policy) if isinstance(policy, str) else policy
        for statement in statements(document, "ModelPackageGroupPolicy"):
            everybody = ("AWS", "*") in statement.principals or "NotPrincipal" in statement.body
            if statement.allows and everybody:
                yield group.broken(statement.path, "allows everybody")
    for package in app.of(PACKAGE):
        yield from package.must_not_be("ModelApprovalStatus", "Approved")
