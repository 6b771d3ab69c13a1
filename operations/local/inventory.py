"""What an account and region hold, asked from the API."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jmespath  # type: ignore[import-untyped]

Client = Callable[[str], Any]
"""Makes the boto3 client of a service."""


class Listing(NamedTuple):
    """How things of one kind are listed.

    Args:
        kind: what they are, in the plural.
        service: boto3's name of the service.
        operation: the method that lists them.
        ids: the ids in its answer, as a JMESPath expression; in sets of their own where AWS makes some by itself.
        arguments: what the method is given.
    """

    kind: str
    service: str
    operation: str
    ids: str
    arguments: dict[str, Any] = {}  # noqa: RUF012 (nobody writes to it)


LISTINGS = (
    Listing("stacks", "cloudformation", "describe_stacks", "Stacks[].StackName"),
    Listing("networks", "ec2", "describe_vpcs", "Vpcs[?!IsDefault].VpcId"),
    Listing("subnets", "ec2", "describe_subnets", "Subnets[?!DefaultForAz].SubnetId"),
    Listing("route tables", "ec2", "describe_route_tables", "RouteTables[?!(Associations[?Main])].RouteTableId"),
    Listing("security groups", "ec2", "describe_security_groups", "SecurityGroups[?GroupName!='default'].GroupId"),
    Listing("VPC endpoints", "ec2", "describe_vpc_endpoints", "VpcEndpoints[?State!='deleted'].VpcEndpointId"),
    Listing("flow logs", "ec2", "describe_flow_logs", "FlowLogs[].FlowLogId"),
    Listing("launch templates", "ec2", "describe_launch_templates", "LaunchTemplates[].LaunchTemplateId"),
    Listing(
        "DNS firewall rule groups",
        "route53resolver",
        "list_firewall_rule_groups",
        "FirewallRuleGroups[].Id",
    ),
    Listing("DNS query logs", "route53resolver", "list_resolver_query_log_configs", "ResolverQueryLogConfigs[].Id"),
    Listing("buckets", "s3", "list_buckets", "Buckets[].Name"),
    Listing("keys", "kms", "list_keys", "Keys[].KeyId"),
    Listing("container repositories", "ecr", "describe_repositories", "repositories[].repositoryName"),
    Listing("roles", "iam", "list_roles", "Roles[?!starts_with(Path, '/aws-service-role/')].RoleName"),
    Listing("policies", "iam", "list_policies", "Policies[].Arn", {"Scope": "Local"}),
    Listing("instance profiles", "iam", "list_instance_profiles", "InstanceProfiles[].InstanceProfileName"),
    Listing("log groups", "logs", "describe_log_groups", "logGroups[].logGroupName"),
    Listing("SageMaker domains", "sagemaker", "list_domains", "Domains[].DomainId"),
    Listing("user profiles", "sagemaker", "list_user_profiles", "UserProfiles[].UserProfileName"),
    Listing("spaces", "sagemaker", "list_spaces", "Spaces[].SpaceName"),
    Listing("apps", "sagemaker", "list_apps", "Apps[?Status!='Deleted'].AppName"),
    Listing(
        "Studio lifecycle scripts",
        "sagemaker",
        "list_studio_lifecycle_configs",
        "StudioLifecycleConfigs[].StudioLifecycleConfigName",
    ),
    Listing(
        "notebook lifecycle scripts",
        "sagemaker",
        "list_notebook_instance_lifecycle_configs",
        "NotebookInstanceLifecycleConfigs[].NotebookInstanceLifecycleConfigName",
    ),
    Listing(
        "notebook instances",
        "sagemaker",
        "list_notebook_instances",
        "NotebookInstances[].NotebookInstanceName",
    ),
    Listing("home file systems", "efs", "describe_file_systems", "FileSystems[].FileSystemId"),
    Listing("Lustre file systems", "fsx", "describe_file_systems", "FileSystems[].FileSystemId"),
    Listing("Lustre associations", "fsx", "describe_data_repository_associations", "Associations[].AssociationId"),
    Listing(
        "Batch environments",
        "batch",
        "describe_compute_environments",
        "computeEnvironments[].computeEnvironmentName",
    ),
    Listing("Batch queues", "batch", "describe_job_queues", "jobQueues[].jobQueueName"),
    Listing(
        "Batch job definitions",
        "batch",
        "describe_job_definitions",
        "jobDefinitions[].jobDefinitionArn",
        {"status": "ACTIVE"},
    ),
    Listing("Batch scheduling policies", "batch", "list_scheduling_policies", "schedulingPolicies[].arn"),
    Listing("topics", "sns", "list_topics", "Topics[].TopicArn"),
    Listing("alarms", "cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
    Listing("dashboards", "cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
    Listing("rules", "events", "list_rules", "Rules[].Name"),
    Listing("functions", "lambda", "list_functions", "Functions[].FunctionName"),
)

Thing = tuple[str, str]
"""Kind and id."""


def things(client: Client, account: str) -> set[Thing]:
    """All that is there, but for keys that only wait for their deletion and what AWS itself keeps in each account."""
    found = {(listing.kind, each) for listing in LISTINGS for each in listed(client, listing)}
    found |= {("budgets", each) for each in _budgets(client, account)}
    passed_over = (
        key["KeyId"]
        for key in key_metadata(client)
        if key["KeyState"] == "PendingDeletion" or key["KeyManager"] == "AWS"
    )
    return found - {("keys", key) for key in passed_over}


def listed(client: Client, listing: Listing) -> list[str]:
    """The ids of one kind."""
    return [str(each) for each in entries(client, listing.service, listing.operation, listing.ids, **listing.arguments)]


def entries(client: Client, service: str, operation: str, expression: str, **arguments: Any) -> list[Any]:
    """What an expression finds in all pages of an answer."""
    asked = client(service)
    if asked.can_paginate(operation):
        pages: Iterator[Any] = iter(asked.get_paginator(operation).paginate(**arguments))
    else:
        pages = iter([getattr(asked, operation)(**arguments)])
    return [each for page in pages for each in jmespath.search(expression, page) or ()]


def key_metadata(client: Client) -> list[dict[str, Any]]:
    """All keys, as ``DescribeKey`` tells them."""
    return [client("kms").describe_key(KeyId=key)["KeyMetadata"] for key in listed(client, KEYS)]


def waiting_keys(client: Client) -> list[str]:
    """The ids of keys that are deleted once their waiting period is over."""
    return [key["KeyId"] for key in key_metadata(client) if key["KeyState"] == "PendingDeletion"]


def _budgets(client: Client, account: str) -> list[str]:
    return entries(client, "budgets", "describe_budgets", "Budgets[].BudgetName", AccountId=account)


(KEYS,) = (listing for listing in LISTINGS if listing.kind == "keys")
