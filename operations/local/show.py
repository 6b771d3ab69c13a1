"""What an account holds, as tables and a tree."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from operations.local.inventory import Client, Thing, entries, key_metadata

Rows = Iterable[tuple[Any, ...]]


class Section(NamedTuple):
    """One table.

    Args:
        title: its heading.
        columns: the headings of its columns.
        rows: asks the API for what stands in it.
    """

    title: str
    columns: tuple[str, ...]
    rows: Callable[[Client], Rows]


def show(console: Console, client: Client, things: Iterable[Thing]) -> None:
    """Prints what is there; ``things`` are counted, the rest is asked from the API."""
    console.print(studio(client))
    for section in SECTIONS:
        rows = sorted(tuple(map(str, row)) for row in section.rows(client))
        if rows:
            console.print(_table(section, rows))
    counts = Counter(kind for kind, _ in things)
    console.print(", ".join(f"{kind}: {number}" for kind, number in sorted(counts.items(), key=_in_any_case)))


def _in_any_case(counted: tuple[str, int]) -> str:
    return counted[0].casefold()


def studio(client: Client) -> Tree:
    """The domains with their people and spaces."""
    tree = Tree("[bold]Studio[/bold]")
    for domain in entries(client, "sagemaker", "list_domains", "Domains[]"):
        branch = tree.add(f"{domain['DomainName']} ({domain['DomainId']}, {domain['Status']})")
        of_domain = {"DomainIdEquals": domain["DomainId"]}
        spaces = entries(client, "sagemaker", "list_spaces", "Spaces[]", **of_domain)
        people = {
            profile["UserProfileName"]: branch.add(f"{profile['UserProfileName']} ({profile['Status']})")
            for profile in entries(client, "sagemaker", "list_user_profiles", "UserProfiles[]", **of_domain)
        }
        for space in spaces:
            owner = (space.get("OwnershipSettingsSummary") or {}).get("OwnerUserProfileName")
            sharing = (space.get("SpaceSharingSettingsSummary") or {}).get("SharingType", "")
            leaf = f"space {space['SpaceName']} ({', '.join(filter(None, [sharing, space['Status']]))})"
            shared = sharing == "Shared" or owner not in people
            (branch if shared else people[owner]).add(leaf)
    return tree


def _table(section: Section, rows: list[tuple[str, ...]]) -> Table:
    table = Table(title=section.title, title_justify="left", title_style="bold")
    for column in section.columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _notebooks(client: Client) -> Rows:
    for name in entries(client, "sagemaker", "list_notebook_instances", "NotebookInstances[].NotebookInstanceName"):
        each = client("sagemaker").describe_notebook_instance(NotebookInstanceName=name)
        yield (
            name,
            each["InstanceType"],
            each["NotebookInstanceStatus"],
            f"{each.get('VolumeSizeInGB', '-')} GiB",
            each.get("DirectInternetAccess", "-"),
        )


def _lustre(client: Client) -> Rows:
    associations = entries(client, "fsx", "describe_data_repository_associations", "Associations[]")
    for each in entries(client, "fsx", "describe_file_systems", "FileSystems[]"):
        shown = [
            f"{one['FileSystemPath']} = {one['DataRepositoryPath']} ({one['Lifecycle']})"
            for one in associations
            if one["FileSystemId"] == each["FileSystemId"]
        ]
        settings = each.get("LustreConfiguration", {})
        yield (
            each["FileSystemId"],
            settings.get("DeploymentType", "-"),
            f"{each['StorageCapacity']} GiB",
            each["Lifecycle"],
            "\n".join(shown),
        )


def _environments(client: Client) -> Rows:
    for each in entries(client, "batch", "describe_compute_environments", "computeEnvironments[]"):
        resources = each["computeResources"]
        yield (
            each["computeEnvironmentName"],
            resources["type"],
            ", ".join(resources["instanceTypes"]),
            resources["maxvCpus"],
            f"{each['state']}, {each['status']}",
        )


def _queues(client: Client) -> Rows:
    for each in entries(client, "batch", "describe_job_queues", "jobQueues[]"):
        order = sorted(each["computeEnvironmentOrder"], key=lambda one: int(one["order"]))
        yield (
            each["jobQueueName"],
            "fair share" if each.get("schedulingPolicyArn") else "first in, first out",
            "\n".join(_last(one["computeEnvironment"]) for one in order),
            f"{each['state']}, {each['status']}",
        )


def _definitions(client: Client) -> Rows:
    for each in entries(client, "batch", "describe_job_definitions", "jobDefinitions[]", status="ACTIVE"):
        yield each["jobDefinitionName"], each["revision"], each["type"]


def _endpoints(client: Client) -> Rows:
    for each in entries(client, "ec2", "describe_vpc_endpoints", "VpcEndpoints[]"):
        places = len(each.get("SubnetIds") or ()) or len(each.get("RouteTableIds") or ())
        yield each["ServiceName"], each["VpcEndpointType"], places, each["State"]


def _keys(client: Client) -> Rows:
    for each in key_metadata(client):
        yield each["KeyId"], each.get("Description", ""), each["KeyState"]


def _buckets(client: Client) -> Rows:
    s3 = client("s3")
    for name in entries(client, "s3", "list_buckets", "Buckets[].Name"):
        yield name, s3.get_bucket_versioning(Bucket=name).get("Status", "-"), _encryption(s3, name)


def _encryption(s3: Any, bucket: str) -> str:
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    default = rules[0]["ApplyServerSideEncryptionByDefault"]
    return f"{default['SSEAlgorithm']} {_last(default.get('KMSMasterKeyID', ''))}".strip()


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]


SECTIONS = (
    Section("Notebook instances", ("name", "type", "status", "volume", "direct internet"), _notebooks),
    Section("Lustre file systems", ("id", "type", "capacity", "status", "folders that are S3's"), _lustre),
    Section("Batch: compute environments", ("name", "type", "instances", "vCPUs at most", "state"), _environments),
    Section("Batch: queues", ("name", "order of jobs", "compute environments", "state"), _queues),
    Section("Batch: job definitions", ("name", "revision", "type"), _definitions),
    Section("VPC endpoints", ("service", "type", "subnets or tables", "state"), _endpoints),
    Section("Keys", ("id", "description", "state"), _keys),
    Section("Buckets", ("name", "versions", "encryption"), _buckets),
)
