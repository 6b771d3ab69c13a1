"""What people do in an environment once it is deployed, and leave behind: as a teardown finds it."""

from typing import Any

from environments import Environment
from environments.coherence import share_identifier
from environments.teams import Team
from operations.local.inventory import Client, entries
from operations.local.leftovers import Place

INSTANCE = {"InstanceType": "ml.m5.large", "InstanceCount": 1}


def work(client: Client, environment: Environment) -> list[str]:
    """Opens apps, trains a model, serves it and submits jobs, for each team; says what, a line for each kind."""
    domains = entries(client, "sagemaker", "list_domains", "Domains[].DomainId")
    spaces = [(domain, space) for domain in domains for space in _spaces(client, domain)]
    for domain, space in spaces:
        client("sagemaker").create_app(DomainId=domain, SpaceName=space, AppType="JupyterLab", AppName="default")
    jobs = [job for team in environment.teams for job in _batch_jobs(client, environment, team)]
    for team in environment.teams:
        _train_and_serve(client, environment, team)
    return [
        f"{len(spaces)} apps run in spaces",
        f"{len(environment.teams)} training jobs run, and as many models answer behind endpoints",
        f"{len(jobs)} Batch jobs are submitted",
    ]


def place(client: Client, environment: Environment, team: Team) -> Place:
    """Where a team works, once all is deployed."""
    (domain,) = entries(client, "sagemaker", "list_domains", "Domains[].DomainId")
    queue, *_ = _queues(client, environment)
    return Place(
        environment.name, domain, _job_role(client, environment, team), queue["jobQueueArn"], _tags(environment, team)
    )


def _spaces(client: Client, domain: str) -> list[str]:
    return entries(client, "sagemaker", "list_spaces", "Spaces[].SpaceName", DomainIdEquals=domain)


def _train_and_serve(client: Client, environment: Environment, team: Team) -> None:
    sagemaker, name, role = client("sagemaker"), f"{team.name}-example", _job_role(client, environment, team)
    tagged = {"Tags": [{"Key": key, "Value": value} for key, value in _tags(environment, team).items()]}
    sagemaker.create_training_job(
        TrainingJobName=name,
        RoleArn=role,
        AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
        OutputDataConfig={"S3OutputPath": "s3://bucket/output"},
        ResourceConfig={**INSTANCE, "VolumeSizeInGB": 10},
        StoppingCondition={"MaxRuntimeInSeconds": 36000},
        **tagged,
    )
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "image"}, **tagged)
    variant = {
        "VariantName": "all",
        "ModelName": name,
        "InstanceType": INSTANCE["InstanceType"],
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **tagged)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, **tagged)


def _batch_jobs(client: Client, environment: Environment, team: Team) -> list[str]:
    """Ids of jobs, one in each queue that takes a definition of the team's for one host."""
    prefix = f"trainyard-{environment.name}-"
    definitions = entries(client, "batch", "describe_job_definitions", "jobDefinitions[]", status="ACTIVE")
    of_team = [
        each["jobDefinitionArn"]
        for each in definitions
        if each["type"] == "container" and each["tags"].get("Team") == team.name
    ]
    submitted: list[str] = []
    for queue in _queues(client, environment) if of_team else ():
        job: dict[str, Any] = client("batch").submit_job(
            jobName=f"{prefix}{team.name}-example",
            jobQueue=queue["jobQueueName"],
            jobDefinition=of_team[0],
            shareIdentifier=share_identifier(team.name),
            tags=_tags(environment, team),
        )
        submitted.append(job["jobId"])
    return submitted


def _queues(client: Client, environment: Environment) -> list[Any]:
    queues = entries(client, "batch", "describe_job_queues", "jobQueues[]")
    return [each for each in queues if each["tags"].get("Environment") == environment.name]


def _job_role(client: Client, environment: Environment, team: Team) -> str:
    resources = entries(
        client,
        "cloudformation",
        "list_stack_resources",
        "StackResourceSummaries[]",
        StackName=f"trainyard-{environment.name}-team-{team.name}",
    )
    (role,) = (
        each["PhysicalResourceId"]
        for each in resources
        if each["ResourceType"] == "AWS::IAM::Role" and each["LogicalResourceId"].startswith("RolesJobRole")
    )
    return str(client("iam").get_role(RoleName=role)["Role"]["Arn"])


def _tags(environment: Environment, team: Team) -> dict[str, str]:
    return {"Environment": environment.name, "Team": team.name}
