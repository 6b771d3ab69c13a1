"""Rules about AWS Batch: launch templates of hosts, compute environments, job definitions."""

import base64
import posixpath
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from policies.rules.images import faults
from policies.rules.rule import RuleBook
from policies.rules.secrets import secrets
from policies.rules.security_groups import batch_launch_templates, launch_template_uses
from policies.rules.template import App, Finding, Resource, get, is_known, is_one_of, text

RULES = RuleBook()

TEMPLATE, COMPUTE, JOB = "AWS::EC2::LaunchTemplate", "AWS::Batch::ComputeEnvironment", "AWS::Batch::JobDefinition"
DATA = "LaunchTemplateData"

CLOSED_METADATA = re.compile(r"^[^#\n]*\bECS_AWSVPC_BLOCK_IMDS=[\"']?true\b", re.MULTILINE)
MOVING = ("$Latest", "$Default", "")
MAX_GROUPS = 5
"""Security groups of a network interface that Batch makes.

Source: AWS docs batch/latest/userguide/mnp-ce.html
"""


class Task(NamedTuple):
    """What a job runs on one host, by paths into its definition."""

    path: str
    role: str
    containers: list[str]


@RULES.rule(
    "B1",
    "Launch templates guard the instance's role, encrypt volumes with an own key and hold no secrets",
    why="A container that reaches the metadata service acts in the role of the host, and with it in those of its "
    "neighbours; user data is readable to whoever may describe the template",
    source="Security Hub EC2.25, EC2.170 and EC2.181; AWS docs AmazonECS/latest/developerguide/ecs-agent-config.html",
    fix="Set HttpTokens to required and HttpPutResponseHopLimit to 1; set Encrypted and KmsKeyId of every volume; "
    "leave AssociatePublicIpAddress out; write ECS_AWSVPC_BLOCK_IMDS=true to /etc/ecs/ecs.config in the user data of "
    "Batch hosts, and read secrets at run time",
)
def launch_templates(app: App) -> Iterator[Finding]:
    of_batch = batch_launch_templates(app)
    for template in app.of(TEMPLATE):
        if template.get(f"{DATA}.MetadataOptions.HttpEndpoint") != "disabled":
            options = f"{DATA}.MetadataOptions"
            yield from template.must_be(f"{options}.HttpTokens", "required", detail="HttpTokens")
            # Left out it is the image's choice, and 2 in some of AWS's.
            yield from template.must_be(f"{options}.HttpPutResponseHopLimit", 1, detail="HttpPutResponseHopLimit")
        yield from _volume_findings(template)
        for index, _ in enumerate(template.list(f"{DATA}.NetworkInterfaces")):
            path = f"NetworkInterfaces.{index}.AssociatePublicIpAddress"
            yield from template.must_not_be(f"{DATA}.{path}", True, detail=path)
        yield from _user_data_findings(template, of_batch=template in of_batch)


@RULES.rule(
    "B2",
    "A compute environment has a fixed launch template, private subnets, own groups and bounds",
    why="With $Latest or $Default, whoever may add a version of the template runs code on the hosts; without groups "
    "the default one of the VPC is taken; hosts of several nodes must not be reclaimed, nor meet no adapter",
    source="AWS docs batch/latest/userguide/create-compute-environment.html and mnp-ce.html; AWS Config "
    "batch-managed-compute-environment-using-launch-template",
    fix="Name LaunchTemplate with the number of a version (Fn::GetAtt LatestVersionNumber is one), subnets without "
    "public addresses or a route to an internet gateway, up to five SecurityGroupIds, and InstanceTypes with their "
    "sizes; leave Ec2KeyPair out; take Type EC2 for hosts with adapters or a placement group; keep MaxvCpus within "
    "Settings(max_vcpus=...)",
)
def compute_environments(app: App) -> Iterator[Finding]:
    public = _public_subnets(app)
    for environment in app.of(COMPUTE):
        if environment.get("Type") == "UNMANAGED" or environment.get("ComputeResources") is None:
            continue
        if _has_hosts(environment):
            yield from _host_findings(app, environment)
        for subnet in environment.list("ComputeResources.Subnets"):
            if app.target(subnet, environment) in public:
                yield environment.broken("ComputeResources.Subnets", f"{text(subnet)} is public", "Subnets")
        groups = "ComputeResources.SecurityGroupIds"
        yield from environment.must_have(groups, detail="SecurityGroupIds")
        if len(environment.list(groups)) > MAX_GROUPS:
            yield environment.broken(groups, f"are more than {MAX_GROUPS}", "SecurityGroupIds")
        size, limit = environment.get("ComputeResources.MaxvCpus"), app.settings.max_vcpus
        if limit is not None and is_known(size) and int(size) > limit:
            yield environment.broken("ComputeResources.MaxvCpus", f"is {size} and more than {limit}", "MaxvCpus")


@RULES.rule(
    "B3",
    "A job runs unprivileged, in a role of its own, from an own image, logged, in time, without secrets or host paths",
    why="A privileged container, or one with a folder of the host, is the host; environment variables are readable to "
    "whoever may describe the job, and stay so for months",
    source="Security Hub ECS.4, ECS.8 and ECS.9; Prowler batch_job_definition_no_secrets; AWS docs "
    "batch/latest/userguide/job_definition_parameters.html",
    fix="In ContainerProperties, NodeProperties and EcsProperties alike: leave Privileged out; set JobRoleArn "
    "(TaskRoleArn in EcsProperties) and LogConfiguration with a log group; take images from ECR, by digest or a tag "
    "that does not move; pass secrets in Secrets; mount and use no more of the host than Settings(host_paths=...). "
    "Set Timeout",
)
def job_definitions(app: App) -> Iterator[Finding]:
    for job in app.of(JOB):
        yield from job.must_have("Timeout.AttemptDurationSeconds", detail="Timeout")
        for task in _tasks(job):
            yield from job.must_have(task.role, detail=task.role)
            for index, _ in enumerate(job.list(f"{task.path}.Volumes")):
                yield from _host_path_findings(app, job, f"{task.path}.Volumes.{index}.Host.SourcePath")
            for container in task.containers:
                yield from _container_findings(app, job, container)


def _volume_findings(template: Resource) -> Iterator[Finding]:
    mappings = "BlockDeviceMappings"
    yield from template.must_have(f"{DATA}.{mappings}", detail=mappings)
    for index, mapping in enumerate(template.list(f"{DATA}.{mappings}")):
        if get(mapping, "Ebs") is not None:
            volume = f"{mappings}.{index}.Ebs"
            yield from template.must_be(f"{DATA}.{volume}.Encrypted", True, detail=f"{volume}.Encrypted")
            yield from template.must_have_key(f"{DATA}.{volume}.KmsKeyId", detail=f"{volume}.KmsKeyId")


def _user_data_findings(template: Resource, *, of_batch: bool) -> Iterator[Finding]:
    path = f"{DATA}.UserData"
    script = _script(template.get(path))
    for kind in secrets(script):
        yield template.broken(path, f"has a secret in it, of kind {kind}", f"UserData.{kind}")
    unknown = re.fullmatch(r"\$\{[^}]*}", script)
    if of_batch and not unknown and not CLOSED_METADATA.search(script):
        yield template.broken(path, "does not set ECS_AWSVPC_BLOCK_IMDS=true", "UserData.ECS_AWSVPC_BLOCK_IMDS")


def _script(user_data: Any) -> str:
    """User data as text, whether the template encodes it or CloudFormation does."""
    written = text(user_data or "")
    try:
        return base64.b64decode(written, validate=True).decode()
    except ValueError:
        return written


def _has_hosts(environment: Resource) -> bool:
    type_ = environment.get("ComputeResources.Type")
    return not is_known(type_) or type_ in ("EC2", "SPOT")


def _host_findings(app: App, environment: Resource) -> Iterator[Finding]:
    template = "ComputeResources.LaunchTemplate"
    yield from environment.must_have(template, detail="LaunchTemplate")
    for use in launch_template_uses(environment):
        version = use.get("Version", "")
        if version in MOVING:
            yield environment.broken(
                f"{template}.Version", f"is {version or 'left out'} and must be a number", "Version"
            )
    types = "ComputeResources.InstanceTypes"
    yield from environment.must_have(types, detail="InstanceTypes")
    for each in environment.list(types):
        if is_known(each) and "." not in str(each):
            yield environment.broken(types, f"{each} leaves the type to AWS", "InstanceTypes")
    if environment.get("ComputeResources.Ec2KeyPair") is not None:
        yield environment.broken("ComputeResources.Ec2KeyPair", "lets people log in to hosts", "Ec2KeyPair")
    if _is_for_several_nodes(app, environment):
        yield from environment.must_be("ComputeResources.Type", "EC2", detail="Type")


def _is_for_several_nodes(app: App, environment: Resource) -> bool:
    """Whether its hosts stand together or have Elastic Fabric Adapters."""
    templates = [app.target(use.get("LaunchTemplateId"), environment) for use in launch_template_uses(environment)]
    interfaces = [each for template in templates if template for each in template.list(f"{DATA}.NetworkInterfaces")]
    adapters = any(get(each, "InterfaceType") in ("efa", "efa-only") for each in interfaces)
    return adapters or environment.get("ComputeResources.PlacementGroup") is not None


def _public_subnets(app: App) -> set[Resource | None]:
    """Subnets that give public addresses or have a route to an internet gateway."""
    tables = {app.target(each.get("RouteTableId"), each) for each in app.of("AWS::EC2::Route") if _leads_out(app, each)}
    routed = {
        app.target(each.get("SubnetId"), each)
        for each in app.of("AWS::EC2::SubnetRouteTableAssociation")
        if app.target(each.get("RouteTableId"), each) in tables - {None}
    }
    giving = [each for each in app.of("AWS::EC2::Subnet") if is_one_of(each.get("MapPublicIpOnLaunch"), (True,))]
    return {*routed, *giving} - {None}


def _leads_out(app: App, route: Resource) -> bool:
    gateway = route.get("GatewayId")
    target = app.target(gateway, route)
    return str(gateway).startswith("igw-") or (target is not None and target.type == "AWS::EC2::InternetGateway")


def _tasks(job: Resource) -> Iterator[Task]:
    """Wherever a definition has containers; ``EcsProperties`` and nodes may have several in one task."""
    several = ["EcsProperties"]
    single = ["ContainerProperties"]
    for index, _ in enumerate(job.list("NodeProperties.NodeRangeProperties")):
        several.append(f"NodeProperties.NodeRangeProperties.{index}.EcsProperties")
        single.append(f"NodeProperties.NodeRangeProperties.{index}.Container")
    for path in single:
        if is_known(job.get(path)):
            yield Task(path, f"{path}.JobRoleArn", [path])
    for path in several:
        for index, task in enumerate(job.list(f"{path}.TaskProperties")):
            at = f"{path}.TaskProperties.{index}"
            containers = [f"{at}.Containers.{number}" for number, _ in enumerate(get(task, "Containers") or ())]
            yield Task(at, f"{at}.TaskRoleArn", containers)


def _container_findings(app: App, job: Resource, path: str) -> Iterator[Finding]:
    yield from job.must_not_be(f"{path}.Privileged", True, detail=f"{path}.Privileged")
    for index, _ in enumerate(job.list(f"{path}.LinuxParameters.Devices")):
        yield from _host_path_findings(app, job, f"{path}.LinuxParameters.Devices.{index}.HostPath")
    for fault, what in faults(job.get(f"{path}.Image") or "", app.settings.image_accounts):
        yield job.broken(f"{path}.Image", what, f"{path}.Image.{fault}")
    for variable in job.list(f"{path}.Environment"):
        name = text(get(variable, "Name"))
        if any(secrets(f"{name}={text(get(variable, 'Value'))}")):
            yield job.broken(f"{path}.Environment", f"has a secret in {name}", f"{path}.Environment.{name}")
    if any(secrets(" ".join(text(each) for each in job.list(f"{path}.Command")))):
        yield job.broken(f"{path}.Command", "has a secret in it", f"{path}.Command")
    # Without a group the log goes to /aws/batch/job, which Batch makes without a key and without an end.
    yield from job.must_have(f"{path}.LogConfiguration", detail=f"{path}.LogConfiguration")
    if job.get(f"{path}.LogConfiguration.LogDriver") == "awslogs":
        group = f"{path}.LogConfiguration.Options.awslogs-group"
        yield from job.must_have(group, detail=f"{path}.LogConfiguration")


def _host_path_findings(app: App, job: Resource, path: str) -> Iterator[Finding]:
    value = job.get(path)
    if isinstance(value, str):
        place = posixpath.normpath(value)
        if not any(place == each or place.startswith(f"{each}/") for each in app.settings.host_paths):
            yield job.broken(path, f"is {value}, which is the host's", path)
