"""A mistake in an environment file gets one clear message per problem."""

from pathlib import Path

import pytest

from environments import EnvironmentFileError, load
from environments.loading import known_environments, parse
from tests.support import Json, text_of

ADOPTED: Json = {
    "network.vpc": None,
    "network.existing_vpc": {
        "vpc_id": "vpc-0123456789abcdef0",
        "subnets": [
            {
                "subnet_id": f"subnet-0123456789abcdef{index}",
                "zone": f"eu-west-1{zone}",
                "route_table_id": "rtb-0123456789abcdef0",
            }
            for index, zone in enumerate("ab")
        ],
    },
    "batch.pools.2.zone": "eu-west-1b",
}

PLAIN_NOTEBOOKS: Json = {"notebooks": {}, "teams.0.repositories": []}

# The changed places, and the one message that they give.
MISTAKES: list[tuple[Json, str]] = [
    (
        {"regoin": "eu-west-1"},
        "regoin: 'eu-west-1': unknown key; did you mean region? Known here: access, account, alert_emails, "
        "allowed_replacements, batch, data, datasets, efs, features, logs, lustre, monthly_budget_usd, name, network, "
        "notebooks, region, studio, tags, teams, teardown, termination_protection",
    ),
    (
        {"access.instance_types": ["ml.g5.xlarge", "ml.g55.*"]},
        "access.instance_types[1]: 'ml.g55.*': must be an instance type of SageMaker such as ml.g5.xlarge, or a "
        "pattern such as ml.g5.*",
    ),
    ({"access.instance_types": ["g5.xlarge"]}, "access.instance_types[0]: 'g5.xlarge': must begin with ml."),
    ({"access.instance_types": []}, "access.instance_types: []: must have at least 1 entries"),
    (
        {"access.instance_types": ["ml.t3.*", "ml.t3.*"]},
        "access.instance_types[1]: 'ml.t3.*': must be unique: it stands here a second time",
    ),
    (
        {"access.instance_types": ["ml.g5.*"]},
        "studio.default_instance_type: 'ml.t3.medium': must be one of access.instance_types, which are ml.g5.*",
    ),
    (
        {"features": ["studio", "notebooks", "batch", "lustre", "amazon_linux"], "teams.0.repositories": []},
        "notebooks.codeartifact: 1 given: must have the feature codeartifact on",
    ),
    (
        {"notebooks.codeartifact": {"domain": "Libraries", "repository": "pypi"}},
        "notebooks.codeartifact.domain: 'Libraries': must be 2 to 50 of a-z, 0-9 and hyphens",
    ),
    (
        {"notebooks.codeartifact": {"domain": "libraries", "repository": "-pypi"}},
        "notebooks.codeartifact.repository: '-pypi': must be 2 to 100 letters, digits or ._-, no ._- first",
    ),
    ({"notebooks.hook_minutes": 0}, "notebooks.hook_minutes: 0: must be at least 1"),
    (
        {"features": ["studio", "notebooks", "batch", "lustre", "amazon_linux"], "notebooks": {}},
        "teams[0].repositories: 1 given: must have the feature codecommit on",
    ),
    (
        {"teams.0.repositories": ["notebooks", "notebooks"]},
        "teams[0].repositories[1]: 'notebooks': must be unique: it stands here a second time",
    ),
    *(
        (
            {"teams.0.repositories": [name]},
            f"teams[0].repositories[0]: '{name}': must be 1 to 100 of A-Z, a-z, 0-9, '.', '_' and '-', not begin with "
            "'.' or '-' and not end in .git",
        )
        for name in ("../etc", ".hidden", "-x", "notebooks.git", "a b", "büro", "१", "")
    ),
    *(
        (
            {"teams.0.repositories": [name]},
            f"teams[0].repositories[0]: '{name}': must not be fsx, efs, environments or BOOTSTRAP_STATUS.md, which a "
            "notebook instance has in SageMaker/",
        )
        for name in ("fsx", "efs", "environments", "BOOTSTRAP_STATUS.md")
    ),
    (
        {"efs": [{"name": "homes", "file_system_id": "fs-0123456789abcdef0", "teams": ["vision"]}]},
        "efs: 1 given: must have the feature efs on",
    ),
    (
        {"efs": [{"name": "homes", "file_system_id": "fs-1", "teams": ["vision"]}]},
        "efs[0].file_system_id: 'fs-1': must be an id of AWS such as fs-0123456789abcdef0",
    ),
    (
        {
            "features": ["efs", "studio", "notebooks", "batch", "lustre", "amazon_linux"],
            **PLAIN_NOTEBOOKS,
            "efs": [{"name": "homes", "file_system_id": "fs-0123456789abcdef0", "teams": ["nobody"]}],
        },
        "efs[0].teams[0]: 'nobody': must be one of the teams: ",
    ),
    ({"access.max_runtime_hours": 12}, "access.max_runtime_hours: 12: must be at least 24"),
    ({"access.max_runtime_hours": 1000}, "access.max_runtime_hours: 1000: must be at most 672"),
    ({"access.keep_alive_minutes": 61}, "access.keep_alive_minutes: 61: must be at most 60"),
    (
        {"access.auditors": ["arn:aws:iam::111111111111:role/Audit"]},
        "access.auditors[0]: 'arn:aws:iam::111111111111:role/Audit': must be the name of an IAM role of this account, "
        "with its path if it has one and without a slash in front",
    ),
    (
        {"teams.0.approvers": ["Approvers", "Approvers"]},
        "teams[0].approvers[1]: 'Approvers': must be unique: it stands here a second time",
    ),
    (
        {"teams.0.without_network_isolation": {"reason": "It cannot work.", "until": "soon"}},
        "teams[0].without_network_isolation.until: 'soon': must be a date such as 2027-03-31",
    ),
    (
        {"teams.0.without_network_isolation": {"reason": "It cannot work.", "until": "2027-02-30"}},
        "teams[0].without_network_isolation.until: '2027-02-30': must be a date such as 2027-03-31",
    ),
    (
        {"teams.0.without_network_isolation": {"reason": "no", "until": "2027-03-31"}},
        "teams[0].without_network_isolation.reason: 'no': must be a sentence of 10 to 500 characters",
    ),
    (
        {"teams.0.without_network_isolation": {"until": "2027-03-31"}},
        "teams[0].without_network_isolation.reason: missing: is compulsory. Why, for whoever reviews it",
    ),
    (
        {"network.vpc.nat": True},
        "network.vpc.nat: True: unknown key; Known here: allowed_domains, cidr, dns_firewall, reserved_cidrs, zones",
    ),
    ({"account": None}, "account: missing: is compulsory. The AWS account to deploy to, in quotes."),
    ({"account": "12345"}, "account: '12345': must be 12 digits, in quotes"),
    ({"account": 111111111111}, "account: 111111111111: must be text: put it in quotes"),
    ({"name": "Prod"}, "name: 'Prod': must be 1 to 20 of a-z, 0-9 and single hyphens, with a letter first"),
    ({"termination_protection": "yes"}, "termination_protection: 'yes': must be true or false"),
    ({"features": "studio"}, "features: 'studio': must be a list"),
    (
        {"features": ["studio", "batch", "studio"]},
        "features[2]: 'studio': must be unique: it stands here a second time",
    ),
    ({"logs.retention_days": 42}, "logs.retention_days: 42: must be one of CloudWatch's values: 1, 3, 5, 7, 14, "),
    ({"logs.retention_days": 30.5}, "logs.retention_days: 30.5: must be a whole number"),
    ({"tags.owner": ""}, "tags.owner: '': must be 1 to 256 letters, digits, spaces or _.:/=+-@"),
    ({"tags.cost_center": None}, "tags.cost_center: missing: is compulsory. Who pays for it. The tag CostCenter."),
    (
        {"tags.additional": {"Owner": "me"}},
        "tags.additional.Owner: 'me': is a tag already, upper and lower case being one",
    ),
    (
        {"tags.additional": {"ward": "a", "Ward": "b"}},
        "tags.additional.Ward: 'b': is a tag already, upper and lower case being one",
    ),
    ({"tags.additional": {f"t{n}": "x" for n in range(46)}}, "tags.additional: 46 tags: must be at most 45"),
    (
        {"tags.additional": {"AWS:x": "y"}},
        "tags.additional.AWS:x: 'AWS:x': must be 1 to 128 letters, digits, spaces or _.:/=+-@, and not begin with aws:",
    ),
    ({"tags.owner": "  "}, "tags.owner: '  ': must be 1 to 256 letters, digits, spaces or _.:/=+-@"),
    ({"tags.owner": "\ud800"}, "holds a character that is no text"),
    ({"account": "\u0663" * 12}, f"account: '{chr(0x663) * 12}': must be 12 digits, in quotes"),
    (
        {"name": "a-b-c-d-e-f-g-h-i-j-k"},
        "name: 'a-b-c-d-e-f-g-h-i-j-k': must be 1 to 20 of a-z, 0-9 and single hyphens",
    ),
    (
        {
            "features": ["batch", "codeartifact"],
            "region": "ca-central-1",
            "network.vpc.zones": ["ca-central-1a", "ca-central-1b"],
        },
        "features[1]: 'codeartifact': is not offered in ca-central-1",
    ),
    (
        {"network.image_accounts": ["444444444444", "444444444444"]},
        "network.image_accounts[1]: '444444444444': must be unique: it stands here a second time",
    ),
    (
        {"network.vpc.allowed_domains": ["a.example", "a.example"]},
        "network.vpc.allowed_domains[1]: 'a.example': must be unique: it stands here a second time",
    ),
    (
        {"network.vpc.allowed_domains": ["10.0.0.10"]},
        "network.vpc.allowed_domains[0]: '10.0.0.10': must be a domain name",
    ),
    ({"network.vpc.zones": ["eu-west-1a", True]}, "network.vpc.zones[1]: True: must be text"),
    ({"tags.additional": {"team": "x"}}, "tags.additional.team: 'x': is a tag already, upper and lower case being one"),
    ({"teams": ["vision"]}, "teams[0]: 'vision': must be a mapping of keys to values"),
    ({"region": "eu-west-9"}, "region: 'eu-west-9': must be an AWS region with SageMaker: af-south-1, "),
    (
        {"network.vpc.cidr": "8.8.0.0/16"},
        "network.vpc.cidr: '8.8.0.0/16': must be private: inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "
        "100.64.0.0/10",
    ),
    (
        {"network.vpc.cidr": "172.32.0.0/16"},
        "network.vpc.cidr: '172.32.0.0/16': must be private: inside 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "
        "100.64.0.0/10",
    ),
    (
        {"network.vpc.cidr": "10.0.0.0/26"},
        "network.vpc.cidr: '10.0.0.0/26': too small: must be at most /22, so that each of 4 zones has a /24",
    ),
    ({"network.vpc.cidr": "10.0.0.0/8"}, "network.vpc.cidr: '10.0.0.0/8': too large: AWS takes VPCs from /16 on"),
    (
        {"network.vpc.cidr": "10.0.0.1/16"},
        "network.vpc.cidr: '10.0.0.1/16': must be an IPv4 network such as 10.20.0.0/16 (10.0.0.1/16 has host bits set)",
    ),
    (
        {"network.vpc.cidr": "172.17.0.0/20"},
        "network.vpc.cidr: '172.17.0.0/20': must not overlap 172.17.0.0/16, which SageMaker and Docker use themselves",
    ),
    (
        {"network.vpc.reserved_cidrs": ["192.168.0.0/16", "10.0.0.0/8"]},
        "network.vpc.reserved_cidrs[1]: '10.0.0.0/8': must not overlap network.vpc.cidr, which is 10.20.0.0/16",
    ),
    ({"network.vpc.zones": ["eu-west-1a"]}, "network.vpc.zones: ['eu-west-1a']: must have at least 2 entries"),
    (
        {"network.vpc.zones": [f"eu-west-1{zone}" for zone in "abcde"]},
        "network.vpc.zones: ['eu-west-1a', 'eu-west-1b', 'eu-west-1c', 'eu-west-1d', 'eu-west-1e']: "
        "must have at most 4 entries",
    ),
    (
        {"network.vpc.zones": ["eu-west-1a", "eu-west-1a"]},
        "network.vpc.zones[1]: 'eu-west-1a': must be unique: it stands here a second time",
    ),
    (
        {"network.vpc.zones": ["eu-west-1a", "us-east-1a"]},
        "network.vpc.zones[1]: 'us-east-1a': must be a zone of the region eu-west-1, such as eu-west-1a",
    ),
    ({"network.vpc.dns_firewall": "off"}, "network.vpc.dns_firewall: 'off': must be 'block' or 'alert'"),
    (
        {"network.vpc.allowed_domains": ["https://example.com"]},
        "network.vpc.allowed_domains[0]: 'https://example.com': must be a domain name such as git.example.com, or "
        "*.example.com for all names below it",
    ),
    ({"network.endpoint_zones": "two"}, "network.endpoint_zones: 'two': must be 'one' or 'all'"),
    (
        {"network.vpc": None},
        "network: {endpoint_zones}: must have exactly one of vpc and existing_vpc",
    ),
    (
        {"network.existing_vpc": ADOPTED["network.existing_vpc"]},
        "network: {vpc, endpoint_zones, existing_vpc}: must have exactly one of vpc and existing_vpc",
    ),
    (
        ADOPTED | {"network.existing_vpc.vpc_id": "vpc-1"},
        "network.existing_vpc.vpc_id: 'vpc-1': must be an id of AWS such as vpc-0123456789abcdef0",
    ),
    (
        ADOPTED | {"network.existing_vpc.subnets": ADOPTED["network.existing_vpc"]["subnets"][:1] * 2},
        "network.existing_vpc.subnets[1].subnet_id: 'subnet-0123456789abcdef0': must be unique: it stands here a "
        "second time\nprod.yaml: network.existing_vpc.subnets: ['eu-west-1a']: must lie in at least two zones",
    ),
    (
        ADOPTED | {"network.existing_vpc.endpoints": [{"service": "s4", "security_group_id": "sg-0123456789abcdef0"}]},
        "network.existing_vpc.endpoints[0].service: 's4': must be one of sagemaker.api, ",
    ),
    (
        ADOPTED | {"network.existing_vpc.subnets.1.subnet_id": "subnet-x"},
        "network.existing_vpc.subnets[1].subnet_id: 'subnet-x': must be an id of AWS such as subnet-0123456789abcdef0",
    ),
    (
        ADOPTED | {"network.existing_vpc.subnets.1.zone": "eu-west-2a"},
        "network.existing_vpc.subnets[1].zone: 'eu-west-2a': must be a zone of the region eu-west-1, such as "
        "eu-west-1a",
    ),
]


TEAM = "datasets.3.team"  # of the third team, which nothing else names
LINK = "data_repository_associations"

# The same for teams, data, and what they compute with.
MISTAKES += [
    ({"teams.0.monthly_budget_usd": 0}, "teams[0].monthly_budget_usd: 0: must be at least 1"),
    (
        {"teams.0.monthly_budget_usd": None},
        "teams[0].monthly_budget_usd: missing: is compulsory. What it may spend; alerts at 80 and 100 percent, and "
        "when the forecast passes it.",
    ),
    ({"teams.0.batch_weight": 1001}, "teams[0].batch_weight: 1001: must be at most 1000"),
    (
        {"teams.0.batch_image_tag": "a:b"},
        "teams[0].batch_image_tag: 'a:b': must be a tag of 1 to 128 letters, digits or _.-",
    ),
    (
        {"teams.2.name": "vision", TEAM: "vision"},
        "teams[2].name: 'vision': must be unique: it stands here a second time",
    ),
    (
        {"teams.2.name": "vi-sion", TEAM: "vision"},
        "teams[2].name: 'vi-sion': must differ from vision in more than hyphens: Batch knows teams without them",
    ),
    (
        {"teams.2.name": "vision-lab", TEAM: "vision"},
        "teams[0].name: 'vision': must not begin vision-lab: jobs are known as a team's by how their names begin",
    ),
    ({"teams.2.name": "mlflow", TEAM: "vision"}, "teams[2].name: 'mlflow': must not be the folder of experiments"),
    (
        {"teams.1.members.0.name": "vision-1"},
        "teams[1].members[0].name: 'vision-1': must be unique: it stands here a second time",
    ),
    (
        {"teams.0.members.0.name": "vision-2-private"},
        "teams[0].members[0].name: 'vision-2-private': must not end in -private or -shared, as spaces do",
    ),
    (
        {"teams.0.members.0.sso_user_name": None},
        "teams[0].members[0].sso_user_name: missing: is compulsory with studio.auth_mode SSO",
    ),
    ({"studio.auth_mode": "iam"}, "studio.auth_mode: 'iam': must be 'IAM' or 'SSO'"),
    ({"studio.idle_timeout_minutes": 30}, "studio.idle_timeout_minutes: 30: must be at least 60"),
    (
        {"studio.default_instance_type": "ml.t3.mediun"},
        "studio.default_instance_type: 'ml.t3.mediun': must be an instance type of Studio; did you mean ml.t3.medium",
    ),
    (
        {"studio.max_space_volume_gib": 10},
        "studio.max_space_volume_gib: 10: must be at least space_volume_gib, which is 50",
    ),
    (
        {"teams.0.notebooks.0.instance_type": "ml.p3.2xlarge"},
        "teams[0].notebooks[0].instance_type: 'ml.p3.2xlarge': must be a notebook instance type on Amazon Linux 2023",
    ),
    ({"teams.0.notebooks.0.volume_gib": 4}, "teams[0].notebooks[0].volume_gib: 4: must be at least 5"),
    (
        {"teams.0.notebooks.0.zone": "eu-west-1d"},
        "teams[0].notebooks[0].zone: 'eu-west-1d': must be one of the network's zones: eu-west-1a, eu-west-1b, "
        "eu-west-1c",
    ),
    (
        {"teams.0.notebooks.1.name": "exploration"},
        "teams[0].notebooks[1].name: 'exploration': must be unique: it stands here a second time",
    ),
    ({"notebooks": {"idle_stop_minutes": -1}}, "notebooks.idle_stop_minutes: -1: must be at least 0"),
    ({"data.noncurrent_version_days": 0}, "data.noncurrent_version_days: 0: must be at least 1"),
    (
        {"datasets.3.name": "train"},
        "datasets[3].name: 'train': must not be one of train, validation, test, the folders that every team has",
    ),
    ({"datasets.3.name": "books"}, "datasets[3].name: 'books': must be unique: it stands here a second time"),
    ({TEAM: "sails"}, "datasets[3].team: 'sails': must be one of the teams: vision, language, forecasting"),
    (
        {"datasets.3.read_by": ["nobody"]},
        "datasets[3].read_by[0]: 'nobody': must be one of the teams: vision, language, forecasting",
    ),
    (
        {"datasets.3.read_by": ["vision", "forecasting"]},
        "datasets[3].read_by[1]: 'forecasting': must be a team that is not in yet",
    ),
    (
        {"lustre.0.storage_capacity_gib": 3600},
        "lustre[0].storage_capacity_gib: 3600: must be 1200, 2400 or a multiple of 2400",
    ),
    (
        {"lustre.0.per_unit_storage_throughput": 200},
        "lustre[0].per_unit_storage_throughput: 200: must be 125, 250, 500 or 1000",
    ),
    (
        {"lustre.0.weekly_maintenance_start_time": "0:03:00"},
        "lustre[0].weekly_maintenance_start_time: '0:03:00': must be d:HH:MM in UTC, with 1 for Monday and 7 for ",
    ),
    (
        {"lustre.0.zone": "eu-west-2a"},
        "lustre[0].zone: 'eu-west-2a': must be one of the network's zones: eu-west-1a, eu-west-1b, eu-west-1c",
    ),
    ({"lustre.0.teams": []}, "lustre[0].teams: []: must have at least 1 entries"),
    (
        {"lustre.1.teams": ["vision", "vision"]},
        "lustre[1].teams[1]: 'vision': must be unique: it stands here a second time",
    ),
    (
        {"lustre.1.teams": ["sails"], f"lustre.1.{LINK}": []},
        "lustre[1].teams[0]: 'sails': must be one of the teams: vision, language, forecasting",
    ),
    ({"lustre.1.name": "shared"}, "lustre[1].name: 'shared': must be unique: it stands here a second time"),
    (
        {f"lustre.0.{LINK}.0.dataset": "caption"},
        f"lustre[0].{LINK}[0].dataset: 'caption': must be one of the datasets: street-scenes, captions, books, sales",
    ),
    (
        {f"lustre.0.{LINK}.1.dataset": "captions"},
        f"lustre[0].{LINK}[1].dataset: 'captions': must be unique: it stands here a second time",
    ),
    (
        {f"lustre.0.{LINK}.0.dataset": "sales"},
        f"lustre[0].{LINK}[0].dataset: 'sales': must be readable for every team of the file system, and is not for "
        "vision, language",
    ),
    (
        {f"lustre.0.{LINK}.0.export_events": ["NEW"]},
        f"lustre[0].{LINK}[0].export_events: ['NEW']: must be empty: other teams than vision, which owns it, could "
        "write to captions",
    ),
    (
        {"teams.0.own_key": True},
        f"lustre[1].{LINK}[0].export_events: ['NEW', 'CHANGED', 'DELETED']: must be empty: FSx writes with the key of "
        "the bucket, and vision has a key of its own",
    ),
    (
        {
            "teams": [{"name": f"t{number:02}", "monthly_budget_usd": 1, "own_key": True} for number in range(41)],
            "datasets": [],
            "lustre": [{"name": "fs", "teams": ["t00"]}],
        },
        "teams: 41 with a key of their own: must be at most 40: the policies of the buckets have room for no more",
    ),
    (
        {f"lustre.0.{LINK}.1.file_system_path": "/captions/books"},
        f"lustre[0].{LINK}[1].file_system_path: '/captions/books': must not overlap /captions, which captions has",
    ),
    (
        {f"lustre.0.{LINK}.1.file_system_path": "/"},
        f"lustre[0].{LINK}[1].file_system_path: '/': must not overlap /captions, which captions has",
    ),
    (
        {f"lustre.0.{LINK}.1.file_system_path": "books"},
        f"lustre[0].{LINK}[1].file_system_path: 'books': must be an absolute path such as /images, of letters, digits",
    ),
    (
        {f"lustre.1.{LINK}.0.export_events": ["NEW", "NEW"]},
        f"lustre[1].{LINK}[0].export_events[1]: 'NEW': must be unique: it stands here a second time",
    ),
    (
        {f"lustre.1.{LINK}": [{"dataset": "street-scenes", "file_system_path": f"/d{n}"} for n in range(9)]},
        f"lustre[1].{LINK}: [{{'dataset': 'street-scenes', 'file_system_path': '/d0'}}, {{'dataset': 'street...: must "
        "have at most 8 entries",
    ),
    (
        {"lustre": [{"name": f"fs{n}", "teams": ["vision"]} for n in range(11)]},
        "lustre: 11 for vision: must be at most 10: a user profile takes no more",
    ),
    ({"lustre": []}, "lustre: none given: must have at least one, as the feature lustre is on"),
    ({"batch.pools": []}, "batch.pools: none given: must have at least one, as the feature batch is on"),
    (
        {"batch.pools.0.instance_types": ["m5.xlarge"]},
        "batch.pools[0].instance_types[0]: 'm5.xlarge': must be an EC2 type with NVIDIA GPUs that Batch's image runs ",
    ),
    (
        {"batch.pools.0.instance_types": ["g5.xlarge", "g5.xlarge"]},
        "batch.pools[0].instance_types[1]: 'g5.xlarge': must be unique: it stands here a second time",
    ),
    ({"batch.pools.0.max_vcpus": 10}, "batch.pools[0].max_vcpus: 10: must be at least 48: one of g5.12xlarge"),
    ({"batch.pools.2.max_vcpus": 96}, "batch.pools[2].max_vcpus: 96: must be at least 192: two of p4d.24xlarge"),
    (
        {"batch.pools.2.instance_types": ["p4d.24xlarge", "p4de.24xlarge"]},
        "batch.pools[2].instance_types: ['p4d.24xlarge', 'p4de.24xlarge']: must be one type for multi_node: the "
        "adapters of a host depend on it",
    ),
    (
        {"batch.pools.2.instance_types": ["g5.xlarge"]},
        "batch.pools[2].instance_types[0]: 'g5.xlarge': must have Elastic Fabric Adapters for multi_node",
    ),
    (
        {"batch.pools.2.name": "gpu"},
        "batch.pools[2].name: 'gpu': must be another name: the definition of jobs on one host is called so",
    ),
    ({"batch.pools.0.zone": "eu-west-1a"}, "batch.pools[0].zone: 'eu-west-1a': must be left out: only multi_node has"),
    (
        {"batch.pools.2.zone": "eu-west-1z"},
        "batch.pools[2].zone: 'eu-west-1z': must be one of the network's zones: eu-west-1a, eu-west-1b, eu-west-1c",
    ),
    ({"batch.pools.1.name": "single"}, "batch.pools[1].name: 'single': must be unique: it stands here a second time"),
    (
        {
            "batch.pools": [
                {"name": f"p{n}", "kind": "spot", "instance_types": ["g5.xlarge"], "max_vcpus": 8} for n in range(4)
            ]
        },
        "batch.pools[3].kind: 'spot': must be at most 3 pools of a kind: a queue takes no more",
    ),
    ({"batch.pools.0.kind": "cheap"}, "batch.pools[0].kind: 'cheap': must be 'on_demand', 'spot' or 'multi_node'"),
    ({"batch.runnable_limit_minutes": 5}, "batch.runnable_limit_minutes: 5: must be at least 10"),
    (
        {"features": ["studio", "notebooks", "training", "batch", "lustre"], **PLAIN_NOTEBOOKS},
        "features: ['studio', 'notebooks', 'training', 'batch', 'lustre']: must hold amazon_linux: batch and notebooks "
        "install the client of Lustre from its packages",
    ),
    (
        {"features": ["studio", "batch", "lustre", "amazon_linux"], "teams.1.notebooks": [], **PLAIN_NOTEBOOKS},
        "teams[0].notebooks: 2 instances: must have the feature notebooks on",
    ),
    (
        {"features": ["studio", "notebooks", "lustre", "amazon_linux"], **PLAIN_NOTEBOOKS},
        "batch.pools: 3 given: must have the feature batch on",
    ),
    (
        {"features": ["studio", "notebooks", "batch", "amazon_linux"], **PLAIN_NOTEBOOKS},
        "lustre: 2 given: must have the feature lustre on",
    ),
    *(
        (
            {"data.keep_after_teardown": False, "teardown": {field: "keep"}},
            f"teardown.{field}: 'keep': must go with data.keep_after_teardown: true",
        )
        for field in ("notebook_volumes", "space_volumes")
    ),
    (
        {"data.keep_after_teardown": False, "teardown": {"notebook_volumes": "back_up"}},
        "teardown.notebook_volumes: 'back_up': must go with data.keep_after_teardown: true",
    ),
    (
        {"notebooks.backup": False, "teardown": {"notebook_volumes": "back_up"}},
        "teardown.notebook_volumes: 'back_up': must go with notebooks.backup: true",
    ),
    (
        {"teardown": {"space_volumes": "back_up"}},
        "teardown.space_volumes: 'back_up': must be 'keep' or 'discard'",
    ),
    ({"alert_emails": ["nobody"]}, "alert_emails[0]: 'nobody': must be an e-mail address such as team@example.com"),
    ({"monthly_budget_usd": 10.5}, "monthly_budget_usd: 10.5: must be a whole number"),
]


@pytest.mark.parametrize(("changes", "message"), MISTAKES, ids=[message.split(": must")[0] for _, message in MISTAKES])
def test_a_mistake_gets_its_one_message(changes: Json, message: str) -> None:
    with pytest.raises(EnvironmentFileError) as error:
        parse(text_of("prod", changes), "prod.yaml")
    text = str(error.value)
    assert text.startswith(f"prod.yaml: {message}")
    assert len(text.splitlines()) == len(message.splitlines())


def test_all_mistakes_are_told_at_once() -> None:
    changes = {"account": "1", "tags.owner": None, "network.vpc.cidr": "8.8.8.0/24", "teams.0.name": "X"}
    with pytest.raises(EnvironmentFileError) as error:
        parse(text_of("prod", changes), "prod.yaml")
    assert [str(problem).split(":")[0] for problem in error.value.problems] == [
        "account",
        "tags.owner",
        "network.vpc.cidr",
        "teams[0].name",
    ]


# What the file holds, and the message behind its name.
NOT_YAML = [
    ("", "is empty; docs/environment.md lists the fields"),
    ("# only a comment\n", "is empty; docs/environment.md lists the fields"),
    ("- a\n- b\n", "['a', 'b']: must be a mapping of keys to values"),
    ("name: [prod\n", "line 2, column 1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
    ("name: prod\nname: dev\n", "line 2, column 1: not valid YAML: the key 'name' stands twice"),
    ("1: prod\n", "line 1, column 1: not valid YAML: the key 1 must be text"),
    (
        "name: !!python/name:os.system\n",
        "line 1, column 7: not valid YAML: could not determine a constructor for the tag",
    ),
    ("name: !!binary aGVsbG8=\n", "line 1, column 7: not valid YAML: could not determine a constructor for the tag"),
    ("name: &loop [*loop]\n", "line 1, column 14: not valid YAML: aliases are not taken"),
    ("name: \x07\n", "not valid YAML: unacceptable character #x0007"),
    ("[" * 5000, "not valid YAML here: maximum recursion depth exceeded"),
]


@pytest.mark.parametrize(("text", "message"), NOT_YAML, ids=[message for _, message in NOT_YAML])
def test_what_is_no_yaml_mapping_gets_its_one_message(text: str, message: str) -> None:
    with pytest.raises(EnvironmentFileError) as error:
        parse(text, "prod.yaml")
    (line, *rest) = str(error.value).splitlines()
    assert line.startswith(f"prod.yaml: {message}")
    assert len(rest) == (1 if "unacceptable" in message else 0)


@pytest.mark.parametrize("plain", ["2026-01-01", "1:30", "yes", "No", "012345", "0x1f", "1e3", "="])
def test_what_is_neither_a_number_nor_true_nor_false_is_text(plain: str) -> None:
    text = text_of("prod").replace("owner: ml-platform@example.com", f"owner: {plain}")
    assert parse(text, "prod.yaml").tags.owner == plain


def test_an_account_that_begins_with_zero_needs_no_quotes() -> None:
    text = text_of("prod").replace("'333333333333'", "012345670123")
    assert parse(text, "prod.yaml").account == "012345670123"


def test_a_merge_key_is_a_key_like_any_other() -> None:
    text = text_of("prod").replace("tags:", "tags:\n  <<: {owner: x}")
    with pytest.raises(EnvironmentFileError, match=r"^prod.yaml: tags.<<: \{owner\}: unknown key"):
        parse(text, "prod.yaml")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(EnvironmentFileError) as error:
        load("prdo")
    assert str(error.value) == (
        "environment: 'prdo': unknown environment; known are dev, local, prod; or give the path of a .yaml file"
    )


def test_a_file_elsewhere_is_read_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "staging.yaml"
    file.write_text(text_of("prod", {"name": "staging"}))
    assert load(str(file)).name == "staging"


def test_a_file_must_be_called_like_its_environment(tmp_path: Path) -> None:
    file = tmp_path / "staging.yaml"
    file.write_text(text_of("prod"))
    with pytest.raises(EnvironmentFileError, match="name: 'prod': must be staging, as the file is called"):
        load(str(file))


@pytest.mark.parametrize(
    ("path", "message"),
    [("nowhere/x.yaml", "cannot be read: No such file or directory"), ("/", "cannot be read: Is a directory")],
)
def test_a_file_that_cannot_be_read_says_why(path: str, message: str) -> None:
    with pytest.raises(EnvironmentFileError) as error:
        load(path)
    assert str(error.value) == f"{path}: {message}"


def test_a_file_that_is_not_text_says_so(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EnvironmentFileError, match="must be UTF-8 text"):
        load(str(file))


@pytest.mark.parametrize("name", known_environments())
def test_a_shipped_file_is_read(name: str) -> None:
    assert load(name).name == name


@pytest.mark.parametrize(
    ("base", "volumes"),
    [
        ("prod", {"notebook_volumes": "keep", "space_volumes": "keep"}),
        ("prod", {"notebook_volumes": "back_up"}),
        ("dev", {"notebook_volumes": "discard", "space_volumes": "discard"}),
    ],
)
def test_what_becomes_of_volumes_can_be_chosen(base: str, volumes: Json) -> None:
    assert parse(text_of(base, {"teardown": volumes}), f"{base}.yaml").teardown.model_dump(exclude_none=True) == volumes


def test_what_becomes_of_volumes_need_not_be_chosen() -> None:
    assert parse(text_of("dev", {"teardown": None}), "dev.yaml").teardown.model_dump(exclude_none=True) == {}


def test_prod_is_the_strict_one() -> None:
    prod, dev = load("prod"), load("dev")
    assert len(prod.network.zones()) >= 2
    assert prod.termination_protection
    assert prod.logs.keep_after_teardown
    assert prod.network.endpoint_zones == "all"
    assert prod.logs.retention_days > dev.logs.retention_days


@pytest.mark.parametrize("name", ["dev", "local"])
def test_the_others_are_cheap(name: str) -> None:
    environment = load(name)
    assert environment.network.endpoint_zones == "one"
    assert environment.logs.retention_days <= 14
