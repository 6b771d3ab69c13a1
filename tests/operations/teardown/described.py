"""All that the API tells of what is in an account, as JSON: to see that what is not the environment's is as it was."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from operations.local.inventory import entries
from operations.teardown.kinds import KINDS, OF_NAME, Kind
from tests.support import Json

Client = Callable[[str], Any]
Described = dict[tuple[str, str], str]
"""Operation that lists a thing, and its id, to what is told of it."""


@dataclass(frozen=True)
class Row:
    """How things are listed, and what more is told of each.

    Args:
        service, operation: what lists them.
        items: where they stand in its answer.
        id: the member that identifies one.
        more: operations, and the argument that each wants the id in.
        arguments: what the listing is given.
    """

    service: str
    operation: str
    items: str
    id: str
    more: dict[str, str] = field(default_factory=dict)
    arguments: Json = field(default_factory=dict)


ROWS = (
    Row(
        *("cloudformation", "describe_stacks", "Stacks[]", "StackId"),
        more={"get_template": "StackName", "list_stack_resources": "StackName"},
    ),
    Row("ec2", "describe_vpcs", "Vpcs[]", "VpcId"),
    Row("ec2", "describe_subnets", "Subnets[]", "SubnetId"),
    Row("ec2", "describe_route_tables", "RouteTables[]", "RouteTableId"),
    Row("ec2", "describe_security_groups", "SecurityGroups[]", "GroupId"),
    Row("ec2", "describe_network_interfaces", "NetworkInterfaces[]", "NetworkInterfaceId"),
    Row("ec2", "describe_vpc_endpoints", "VpcEndpoints[?State!='deleted']", "VpcEndpointId"),
    Row("ec2", "describe_flow_logs", "FlowLogs[]", "FlowLogId"),
    Row("ec2", "describe_launch_templates", "LaunchTemplates[]", "LaunchTemplateId"),
    Row("ec2", "describe_volumes", "Volumes[]", "VolumeId"),
    Row("route53resolver", "list_firewall_rule_groups", "FirewallRuleGroups[]", "Id"),
    Row("route53resolver", "list_firewall_domain_lists", "FirewallDomainLists[]", "Id"),
    Row("route53resolver", "list_firewall_rule_group_associations", "FirewallRuleGroupAssociations[]", "Id"),
    Row("route53resolver", "list_resolver_query_log_configs", "ResolverQueryLogConfigs[]", "Id"),
    Row(
        *("s3", "list_buckets", "Buckets[]", "Name"),
        more=dict.fromkeys(
            ("get_bucket_policy", "get_bucket_encryption", "get_bucket_tagging", "list_object_versions"), "Bucket"
        ),
    ),
    Row("kms", "list_keys", "Keys[]", "KeyId", more={"describe_key": "KeyId", "get_key_policy": "KeyId"}),
    Row("kms", "list_aliases", "Aliases[]", "AliasName"),
    Row("ecr", "describe_repositories", "repositories[]", "repositoryName", more={"list_images": "repositoryName"}),
    Row("iam", "get_account_authorization_details", "RoleDetailList[]", "Arn"),
    # AWS's own tell how many use them.
    Row(
        *("iam", "get_account_authorization_details", "Policies[?!starts_with(Arn, 'arn:aws:iam::aws:')]", "Arn"),
        arguments={"Filter": ["LocalManagedPolicy"]},
    ),
    Row("logs", "describe_log_groups", "logGroups[]", "logGroupName"),
    Row("fsx", "describe_file_systems", "FileSystems[]", "FileSystemId"),
    Row("fsx", "describe_data_repository_associations", "Associations[]", "AssociationId"),
    Row(
        "efs", "describe_file_systems", "FileSystems[]", "FileSystemId", more={"describe_mount_targets": "FileSystemId"}
    ),
    Row("batch", "describe_compute_environments", "computeEnvironments[]", "computeEnvironmentArn"),
    Row("batch", "describe_job_definitions", "jobDefinitions[]", "jobDefinitionArn"),
    Row("batch", "list_scheduling_policies", "schedulingPolicies[]", "arn"),
    Row("batch", "describe_job_queues", "jobQueues[]", "jobQueueArn"),
    Row("sns", "list_topics", "Topics[]", "TopicArn", more={"get_topic_attributes": "TopicArn"}),
    Row("cloudwatch", "describe_alarms", "MetricAlarms[]", "AlarmArn"),
    Row("cloudwatch", "list_dashboards", "DashboardEntries[]", "DashboardName"),
    Row("events", "list_rules", "Rules[]", "Arn"),
    Row("lambda", "list_functions", "Functions[]", "FunctionArn"),
    Row("ssm", "describe_parameters", "Parameters[]", "Name", more={"get_parameter": "Name"}),
    Row("sagemaker", "list_domains", "Domains[]", "DomainId", more={"describe_domain": "DomainId"}),
    Row(
        *("sagemaker", "list_notebook_instance_lifecycle_configs", "NotebookInstanceLifecycleConfigs[]"),
        "NotebookInstanceLifecycleConfigName",
        more={"describe_notebook_instance_lifecycle_config": "NotebookInstanceLifecycleConfigName"},
    ),
    Row("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList[]", "ResourceARN"),
)

_PASSED_OVER = ("job queues", "warm pools")
"""Kinds that a row, or another kind, tells of."""


LATER = "later"
"""What stands for a time that is not known beforehand."""


def described(client: Client, since: datetime) -> Described:
    """All of it; a time from ``since`` on is told as such alone, as it is another in each test."""
    found: dict[tuple[str, str], list[Json]] = {}
    for row in ROWS:
        for each in entries(client, row.service, row.operation, row.items, **row.arguments):
            told = [_told(client, row.service, more, {name: each[row.id]}) for more, name in row.more.items()]
            found[f"{row.service}.{row.operation}", str(each[row.id])] = [each, *told]
    for kind in KINDS:
        if kind.name not in _PASSED_OVER:
            found |= {(kind.name, id_): told for id_, told in _of_kind(client, kind)}
    return {key: json.dumps(_settled(told, since), sort_keys=True) for key, told in found.items()}


def _settled(told: Any, since: datetime) -> Any:
    match told:
        case datetime():
            return LATER if told.astimezone(UTC) >= since else told.isoformat()
        # Batch tells milliseconds since 1970.
        case int() if told >= since.timestamp() * 1000:
            return LATER
        case dict():
            return {name: _settled(each, since) for name, each in told.items()}
        case list():
            return [_settled(each, since) for each in told]
    return told


def _of_kind(client: Client, kind: Kind) -> Iterator[tuple[str, list[Json]]]:
    for arguments in _asked(client, kind):
        for each in entries(client, kind.service, kind.listed, kind.items, **arguments):
            key = {name: value for name in kind.key if (value := each.get(name, arguments.get(name)))}
            told = [_told(client, kind.service, kind.described, key)] if kind.described else []
            if kind.tagged:
                told.append(_told(client, kind.service, "list_tags", {"ResourceArn": _find(kind.tagged, each, *told)}))
            yield "/".join(map(str, key.values())), [each, *told]


def _asked(client: Client, kind: Kind) -> Iterable[Json]:
    """The arguments of each listing, for the whole account."""
    if kind.within:
        parent = OF_NAME[kind.within]
        members = entries(client, parent.service, parent.listed, parent.items)
        return [{name: each[name] for name in parent.key} for each in members]
    if kind.name == "batch jobs":
        queues = entries(client, "batch", "describe_job_queues", "jobQueues[].jobQueueArn")
        states = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
        return [{"jobQueue": queue, "jobStatus": state} for queue in queues for state in states]
    return [{"ServiceNamespace": "sagemaker"}] if kind.name == "scaling targets" else [{}]


def _find(name: str, *told: Json) -> Any:
    return next(each[name] for each in told if name in each)


def _told(client: Client, service: str, operation: str, arguments: Json) -> Json:
    try:
        answer = getattr(client(service), operation)(**arguments)
    except ClientError as error:
        return {"refused": str(error)}
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}
