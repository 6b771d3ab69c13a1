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
}

# The changed places, and the one message that they give.
MISTAKES: list[tuple[Json, str]] = [
    (
        {"regoin": "eu-west-1"},
        "regoin: 'eu-west-1': unknown key; did you mean region? Known here: account, features, logs, name, network, "
        "region, tags, teams, termination_protection",
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
        {"teams": [{"name": "vision"}, {"name": "language"}, {"name": "vision"}]},
        "teams[2].name: 'vision': must be unique: it stands here a second time",
    ),
    (
        {"tags.additional": {"ward": "a", "Ward": "b"}},
        "tags.additional.Ward: 'b': is a tag already, upper and lower case being one",
    ),
    ({"tags.additional": {f"t{n}": "x" for n in range(47)}}, "tags.additional: 47 tags: must be at most 46"),
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


@pytest.mark.parametrize(("changes", "message"), MISTAKES, ids=[message.split(": must")[0] for _, message in MISTAKES])
def test_a_mistake_gets_its_one_message(changes: Json, message: str) -> None:
    with pytest.raises(EnvironmentFileError) as error:
        parse(text_of("prod", changes), "prod.yaml")
    text = str(error.value)
    assert text.startswith(f"prod.yaml: {message}")
    assert len(text.splitlines()) == len(message.splitlines())


def test_all_mistakes_are_told_at_once() -> None:
    changes = {"account": "1", "tags.owner": None, "network.vpc.cidr": "8.8.8.0/24", "teams": [{"name": "X"}]}
    with pytest.raises(EnvironmentFileError) as error:
        parse(text_of("prod", changes), "prod.yaml")
    assert [str(problem).split(":")[0] for problem in error.value.problems] == [
        "account",
        "tags.owner",
        "teams[0].name",
        "network.vpc.cidr",
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
