"""Which VPC endpoints and which AWS-owned buckets each feature needs, and why.

A VPC without internet reaches AWS through endpoints alone, and an interface endpoint is billed by the hour and zone.
The tables below are the whole list: an environment gets the rows of the features that it switches on, and no more.

Sources: AWS docs sagemaker/latest/dg/interface-vpc-endpoint.html, studio-interface-endpoint.html and
notebook-interface-endpoint.html; AmazonECR/latest/userguide/vpc-endpoints.html;
AmazonECS/latest/developerguide/vpc-endpoints.html; batch/latest/userguide/vpc-interface-endpoints.html;
codeartifact/latest/ug/create-vpc-endpoints.html;
codecommit/latest/userguide/codecommit-and-interface-VPC.html.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from trainyard.regions import REGIONS


class Feature(StrEnum):
    """A part of the platform that an environment switches on."""

    STUDIO = "studio"
    NOTEBOOKS = "notebooks"
    TRAINING = "training"
    SERVING = "serving"
    BATCH = "batch"
    LUSTRE = "lustre"
    EFS = "efs"
    MLFLOW = "mlflow"
    FEATURE_STORE = "feature_store"
    METRICS = "metrics"
    REMOTE_IDE = "remote_ide"
    DOCKER = "docker"
    CODEARTIFACT = "codeartifact"
    CODECOMMIT = "codecommit"
    JUMPSTART = "jumpstart"
    AMAZON_LINUX = "amazon_linux"
    SECRETS = "secrets"
    MONITORING = "monitoring"


@dataclass(frozen=True)
class EndpointService:
    """One service that can be reached through an interface endpoint.

    Args:
        name: AWS's name for it, with ``{region}`` where the region stands.
        actions: the IAM actions that the endpoint's policy admits.
        every_zone: it must stand in the zone of each client, also where an environment asks for one zone.
        signed: its requests carry the caller's identity; those of a page in a browser carry only its token.
        takes_policy: AWS refuses to make the endpoint when a policy is given to one that takes none.
        missing_in: regions that do not offer it.
    """

    name: str
    actions: tuple[str, ...]
    every_zone: bool = False
    signed: bool = True
    takes_policy: bool = True
    missing_in: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Need:
    """One endpoint that a feature needs, by its key in ``INTERFACE_SERVICES``, and why."""

    service: str
    reason: str


@dataclass(frozen=True)
class AwsBucket:
    """A bucket of AWS's own that a feature reads through the S3 endpoint; ``{region}`` stands for the region."""

    name: str
    reason: str


@dataclass(frozen=True)
class AwsResources:
    """Resources of AWS's own that a feature reads through the endpoint of ``service``, by the end of their ARNs."""

    service: str
    arns: tuple[str, ...]
    reason: str


S3 = "s3"
"""The gateway endpoint, which every environment has and nobody pays for."""

_WITH_CODEARTIFACT = frozenset(
    {
        *("ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "eu-central-1", "eu-north-1"),
        *("eu-south-1", "eu-west-1", "eu-west-2", "eu-west-3", "us-east-1", "us-east-2", "us-west-2"),
    }
)
"""The regions that offer CodeArtifact; a test holds them against botocore's list."""

_WITHOUT_CODECOMMIT = frozenset(
    {
        *("ap-east-2", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-west-1"),
        *("eu-central-2", "eu-south-2", "mx-central-1"),
    }
)
"""Those that do not offer CodeCommit; a test holds them against botocore's list."""

INTERFACE_SERVICES: dict[str, EndpointService] = {
    "sagemaker.api": EndpointService("com.amazonaws.{region}.sagemaker.api", ("sagemaker:*",)),
    # Its private name resolves only in zones where it has an interface: interface-vpc-endpoint.html.
    "sagemaker.runtime": EndpointService("com.amazonaws.{region}.sagemaker.runtime", ("sagemaker:*",), every_zone=True),
    "sagemaker.featurestore-runtime": EndpointService(
        "com.amazonaws.{region}.sagemaker.featurestore-runtime", ("sagemaker:*",)
    ),
    "sagemaker.metrics": EndpointService("com.amazonaws.{region}.sagemaker.metrics", ("sagemaker:*",)),
    "studio": EndpointService("aws.sagemaker.{region}.studio", ("sagemaker:*",), signed=False),
    "notebook": EndpointService("aws.sagemaker.{region}.notebook", ("sagemaker:*",), signed=False),
    "experiments": EndpointService("aws.sagemaker.{region}.experiments", ("sagemaker:*", "sagemaker-mlflow:*")),
    "sts": EndpointService("com.amazonaws.{region}.sts", ("sts:*",)),
    "logs": EndpointService("com.amazonaws.{region}.logs", ("logs:*",)),
    "monitoring": EndpointService("com.amazonaws.{region}.monitoring", ("cloudwatch:*",)),
    "ecs": EndpointService("com.amazonaws.{region}.ecs", ("ecs:*",)),
    # https://github.com/awsdocs/amazon-ecs-developer-guide/issues/55
    "ecs-agent": EndpointService("com.amazonaws.{region}.ecs-agent", (), takes_policy=False),
    "ecs-telemetry": EndpointService("com.amazonaws.{region}.ecs-telemetry", (), takes_policy=False),
    "ecr.api": EndpointService("com.amazonaws.{region}.ecr.api", ("ecr:*",)),
    "ecr.dkr": EndpointService("com.amazonaws.{region}.ecr.dkr", ("ecr:*",)),
    "batch": EndpointService(
        "com.amazonaws.{region}.batch", ("batch:*",), missing_in=frozenset({"ap-northeast-3", "ap-southeast-3"})
    ),
    "codeartifact.api": EndpointService(
        "com.amazonaws.{region}.codeartifact.api",
        ("codeartifact:*",),
        missing_in=frozenset(REGIONS) - _WITH_CODEARTIFACT,
    ),
    "git-codecommit": EndpointService(
        "com.amazonaws.{region}.git-codecommit", ("codecommit:*",), missing_in=_WITHOUT_CODECOMMIT
    ),
    "codeartifact.repositories": EndpointService(
        "com.amazonaws.{region}.codeartifact.repositories",
        ("codeartifact:*",),
        missing_in=frozenset(REGIONS) - _WITH_CODEARTIFACT,
    ),
    "ssm": EndpointService("com.amazonaws.{region}.ssm", ("ssm:*",)),
    "ssmmessages": EndpointService("com.amazonaws.{region}.ssmmessages", ("ssmmessages:*",)),
    "secretsmanager": EndpointService("com.amazonaws.{region}.secretsmanager", ("secretsmanager:*",)),
}

ALWAYS: tuple[Need, ...] = (
    Need("sagemaker.api", "every client submits, lists and stops SageMaker work through it"),
    Need("sts", "role credentials; without it calls fail as if a permission were missing"),
    Need("logs", "logs of notebooks, lifecycle scripts and Batch; without it they hang at their start"),
)

NEEDS: dict[Feature, tuple[Need, ...]] = {
    Feature.STUDIO: (
        Need("studio", "the pages and apps of a domain in VpcOnly mode"),
        Need("sagemaker.runtime", "calls to endpoints from notebooks"),
    ),
    Feature.NOTEBOOKS: (
        Need("notebook", "opening an instance from inside the VPC"),
        Need("sagemaker.runtime", "calls to endpoints from notebooks"),
    ),
    # SageMaker pulls the image and ships the logs on its own network: the job's interfaces carry data alone.
    Feature.TRAINING: (),
    Feature.SERVING: (Need("sagemaker.runtime", "callers of the endpoints"),),
    Feature.BATCH: (
        # All three, or the agent falls back to public addresses that do not exist here.
        Need("ecs", "the container agent of Batch hosts"),
        Need("ecs-agent", "the container agent of Batch hosts"),
        Need("ecs-telemetry", "the container agent of Batch hosts"),
        Need("ecr.api", "image pulls of Batch hosts"),
        Need("ecr.dkr", "image pulls of Batch hosts"),
        Need("batch", "submitting and watching jobs from notebooks"),
    ),
    # Mounting and data repository associations use no endpoint.
    Feature.LUSTRE: (),
    Feature.EFS: (),
    Feature.MLFLOW: (Need("experiments", "tracking from notebooks and jobs"),),
    Feature.FEATURE_STORE: (Need("sagemaker.featurestore-runtime", "reading and writing online features"),),
    Feature.METRICS: (Need("sagemaker.metrics", "metrics sent from training code"),),
    Feature.REMOTE_IDE: (
        Need("ssm", "the tunnel from a local IDE to a Studio space"),
        Need("ssmmessages", "the tunnel from a local IDE to a Studio space"),
    ),
    Feature.DOCKER: (
        Need("ecr.api", "pulling and pushing images from Studio"),
        Need("ecr.dkr", "pulling and pushing images from Studio"),
    ),
    Feature.CODEARTIFACT: (
        Need("codeartifact.api", "tokens for pip"),
        Need("codeartifact.repositories", "packages for pip"),
    ),
    Feature.CODECOMMIT: (Need("git-codecommit", "git on notebooks: pulling and pushing"),),
    Feature.JUMPSTART: (),
    Feature.AMAZON_LINUX: (),
    Feature.SECRETS: (Need("secretsmanager", "git tokens and registry passwords"),),
    Feature.MONITORING: (Need("monitoring", "metrics sent from notebooks and Batch jobs"),),
}

_LAYERS = AwsBucket("prod-{region}-starport-layer-bucket", "image layers, which ECR hands out as presigned links")

BUCKETS: dict[Feature, tuple[AwsBucket, ...]] = {
    Feature.BATCH: (_LAYERS,),
    Feature.DOCKER: (_LAYERS,),
    Feature.JUMPSTART: (
        AwsBucket("jumpstart-cache-prod-{region}", "models, scripts and their manifest"),
        AwsBucket("jumpstart-private-cache-prod-{region}", "models behind a licence"),
    ),
    Feature.AMAZON_LINUX: (
        AwsBucket(
            "al2023-repos-{region}-de612dc2", "dnf on notebooks and Batch hosts, which does not sign its requests"
        ),
    ),
}

AWS_RESOURCES: dict[Feature, tuple[AwsResources, ...]] = {
    Feature.JUMPSTART: (
        AwsResources("sagemaker.api", ("sagemaker:{region}:aws:hub*",), "the public hub, which lists the models"),
    ),
    Feature.REMOTE_IDE: (
        AwsResources(
            "ssm", ("ssm:{region}::parameter/aws/*", "ssm:{region}::document/*"), "what the agent and sessions look up"
        ),
    ),
}


def interface_services(features: Collection[Feature], region: str) -> tuple[str, ...]:
    """The keys of the interface endpoints for ``features`` in ``region``, each once, in table order."""
    needs = (*ALWAYS, *(need for feature in Feature if feature in features for need in NEEDS[feature]))
    return tuple(dict.fromkeys(need.service for need in needs if _stands_in(need, region)))


def is_offered(feature: Feature, region: str) -> bool:
    """Whether the region has what the feature is for; an endpoint among several that is missing does not count."""
    return not NEEDS[feature] or any(_stands_in(need, region) for need in NEEDS[feature])


def _stands_in(need: Need, region: str) -> bool:
    return region not in INTERFACE_SERVICES[need.service].missing_in


def aws_buckets(features: Collection[Feature]) -> tuple[AwsBucket, ...]:
    """The buckets of AWS's own that ``features`` read, each once, in table order."""
    return tuple(
        dict.fromkeys(bucket for feature in Feature if feature in features for bucket in BUCKETS.get(feature, ()))
    )


def aws_resources(features: Collection[Feature], service: str) -> tuple[str, ...]:
    """The ends of the ARNs of AWS's own resources that ``features`` read through the endpoint of ``service``."""
    rows = (row for feature in Feature if feature in features for row in AWS_RESOURCES.get(feature, ()))
    return tuple(arn for row in rows if row.service == service for arn in row.arns)
