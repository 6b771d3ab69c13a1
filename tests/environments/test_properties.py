"""Any valid environment file becomes an app that passes the gate; any broken rule gets its message."""

import copy
import ipaddress
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from environments import EnvironmentFileError
from environments.fields import PRIVATE_RANGES
from environments.loading import parse
from environments.model import LOG_RETENTION_DAYS
from environments.network import DOCKER_RANGE
from policies import gate
from tests.support import Json, synthesize, written
from trainyard.address_plan import MAX_ZONES
from trainyard.endpoint_services import INTERFACE_SERVICES, Feature, is_offered
from trainyard.regions import REGIONS, S3_PREFIX_LISTS

pytestmark = pytest.mark.slow

names = st.from_regex(r"[a-z](-?[a-z0-9]){0,19}", fullmatch=True).filter(lambda name: len(name) <= 20)
accounts = st.from_regex(r"[0-9]{12}", fullmatch=True)
tag_values = st.text("abcXYZ019 _.:/=+-@", min_size=1, max_size=40).filter(str.strip)


def ids(prefix: str) -> st.SearchStrategy[str]:
    return st.from_regex(rf"{prefix}-[0-9a-f]{{17}}", fullmatch=True)


@st.composite
def cidrs(draw: st.DrawFn) -> str:
    range_ = draw(st.sampled_from(PRIVATE_RANGES))
    prefix = draw(st.integers(16, 22))
    candidates = range_.num_addresses >> (32 - prefix)
    start = int(range_.network_address) + (draw(st.integers(0, candidates - 1)) << (32 - prefix))
    network = ipaddress.IPv4Network((start, prefix))
    return str(network) if not network.overlaps(DOCKER_RANGE) else "10.0.0.0/16"


@st.composite
def zone_names(draw: st.DrawFn, region: str) -> list[str]:
    letters = st.lists(st.sampled_from("abcdef"), min_size=2, max_size=MAX_ZONES, unique=True)
    return [f"{region}{letter}" for letter in draw(letters)]


@st.composite
def networks(draw: st.DrawFn, region: str) -> Json:
    network: Json = {"endpoint_zones": draw(st.sampled_from(["one", "all"]))}
    if region not in S3_PREFIX_LISTS or draw(st.booleans()):
        network["s3_prefix_list_id"] = draw(ids("pl"))
    network["image_accounts"] = draw(st.lists(accounts, unique=True, max_size=2))
    zones = draw(zone_names(region))
    if draw(st.booleans()):
        network["vpc"] = {
            "cidr": draw(cidrs()),
            "zones": zones,
            "dns_firewall": draw(st.sampled_from(["block", "alert"])),
            "allowed_domains": draw(st.lists(st.sampled_from(["git.example.com", "*.corp.example"]), unique=True)),
        }
    else:
        services = draw(st.lists(st.sampled_from(sorted(INTERFACE_SERVICES)), unique=True, max_size=4))
        network["existing_vpc"] = {
            "vpc_id": draw(ids("vpc")),
            "subnets": [
                {"subnet_id": f"subnet-{index:017x}", "zone": zone, "route_table_id": draw(ids("rtb"))}
                for index, zone in enumerate(zones + draw(st.lists(st.sampled_from(zones), max_size=2)))
            ],
            "endpoints": [{"service": service, "security_group_id": draw(ids("sg"))} for service in services],
            "has_s3_endpoint": draw(st.booleans()),
        }
    return network


@st.composite
def platforms(draw: st.DrawFn, features: list[Feature], zones: list[str]) -> Json:
    """Teams and what they use, as far as ``features`` allow."""
    sso = draw(st.booleans())
    named = draw(st.lists(team_names, unique=True, max_size=4))
    teams = [draw(a_team(name, features, zones, sso)) for name in named]
    datasets = [
        {"name": f"data{index}", "team": team, "read_by": draw(st.lists(st.sampled_from(others), unique=True))}
        if (others := [each for each in named if each != team])
        else {"name": f"data{index}", "team": team}
        for index, team in enumerate(named)
    ]
    platform: Json = {
        "teams": teams,
        "datasets": datasets,
        "data": {"keep_after_teardown": draw(st.booleans())},
        "studio": {"auth_mode": "SSO" if sso else "IAM", "idle_timeout_minutes": draw(st.integers(60, 525600))},
    }
    if Feature.CODEARTIFACT in features:
        libraries = {"domain": "libraries", "repository": "pypi.store"}
        platform["notebooks"] = {
            "backup": draw(st.booleans()),
            "codeartifact": draw(st.sampled_from([None, libraries])),
        }
    if Feature.EFS in features and Feature.AMAZON_LINUX in features and named:
        point = draw(st.sampled_from([None, "fsap-0123456789abcdef0"]))
        homes = {"name": "homes", "file_system_id": "fs-0123456789abcdef0", "access_point_id": point}
        platform["efs"] = [{**homes, "teams": draw(st.lists(st.sampled_from(named), unique=True, min_size=1))}]
    if Feature.BATCH in features:
        kinds = st.sampled_from(["on_demand", "spot", "multi_node"])
        platform["batch"] = {
            "owns_service_linked_role": draw(st.booleans()),
            "pools": [a_pool(f"pool{index}", kind) for index, kind in enumerate(draw(st.lists(kinds, min_size=1)))][:3],
        }
    if Feature.LUSTRE in features and not named:
        features.remove(Feature.LUSTRE)
    elif Feature.LUSTRE in features:
        own_keys = {team["name"] for team in teams if team["own_key"]}
        platform["lustre"] = [
            draw(a_file_system(f"fs{index}", datasets, own_keys)) for index in range(draw(st.integers(1, 3)))
        ]
    return platform


# Of one length and without hyphens: no name is another's beginning.
team_names = st.text("abcdef0123456789", min_size=9, max_size=9).map(lambda name: f"t{name}")


@st.composite
def a_team(draw: st.DrawFn, name: str, features: list[Feature], zones: list[str], sso: bool) -> Json:
    team: Json = {
        "name": name,
        "monthly_budget_usd": 100,
        "batch_weight": draw(st.integers(1, 1000)),
        "own_key": draw(st.booleans()),
    }
    if Feature.STUDIO in features:
        team["members"] = [
            {"name": f"{name}-{index}", **({"sso_user_name": f"user{index}"} if sso else {})}
            for index in range(draw(st.integers(0, 3)))
        ]
    if Feature.NOTEBOOKS in features:
        types = st.sampled_from(["ml.t3.medium", "ml.g5.xlarge", "ml.c5d.xlarge"])
        team["notebooks"] = [
            {"name": f"n{index}", "instance_type": kind, "zone": draw(st.sampled_from(zones))}
            for index, kind in enumerate(draw(st.lists(types, max_size=2)))
        ]
        if Feature.CODECOMMIT in features:
            team["repositories"] = draw(st.lists(st.sampled_from(["notebooks", "a_b.c-1"]), unique=True))
    return team


def a_pool(name: str, kind: str) -> Json:
    types = ["p4d.24xlarge"] if kind == "multi_node" else ["g5.xlarge", "g6.xlarge"]
    return {"name": name, "kind": kind, "instance_types": types, "max_vcpus": 192}


@st.composite
def a_file_system(draw: st.DrawFn, name: str, datasets: list[Json], own_keys: set[str]) -> Json:
    """Shared by all who may read its first dataset, and showing each dataset that all of them may read."""
    first = draw(st.sampled_from(datasets))
    sharing = [first["team"], *first.get("read_by", [])]
    shown = [each for each in datasets if {*sharing} <= {each["team"], *each.get("read_by", [])}]
    return {
        "name": name,
        "teams": sharing,
        "storage_capacity_gib": draw(st.sampled_from([1200, 2400, 4800])),
        "data_repository_associations": [
            {
                "dataset": each["name"],
                "file_system_path": f"/{each['name']}",
                "export_events": ["NEW"] if sharing == [each["team"]] and each["team"] not in own_keys else [],
            }
            for each in shown
        ],
    }


@st.composite
def environments(draw: st.DrawFn) -> Json:
    region = draw(st.sampled_from(REGIONS))
    features = draw(st.lists(st.sampled_from([each for each in Feature if is_offered(each, region)]), unique=True))
    if Feature.LUSTRE in features and Feature.AMAZON_LINUX not in features:
        features.append(Feature.AMAZON_LINUX)
    network = draw(networks(region))
    zones = [subnet["zone"] for subnet in network.get("existing_vpc", {}).get("subnets", [])] or network["vpc"]["zones"]
    platform = draw(platforms(features, zones))
    return {
        "name": draw(names),
        "account": draw(accounts),
        "region": region,
        "tags": {
            **{key: draw(tag_values) for key in ("owner", "cost_center", "project")},
            "additional": draw(st.dictionaries(st.sampled_from(["ward", "Data-Class", "a:b"]), tag_values)),
        },
        "termination_protection": draw(st.booleans()),
        "logs": {
            "retention_days": draw(st.sampled_from(LOG_RETENTION_DAYS)),
            "keep_after_teardown": draw(st.booleans()),
        },
        "features": [feature.value for feature in features],
        "monthly_budget_usd": draw(st.integers(1, 10**6)),
        "network": network,
        **platform,
    }


# Without shrinking: each example is a synth, and a failing one says enough.
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(environments())
def test_any_valid_file_becomes_an_app_that_passes_the_gate(data: Json) -> None:
    environment = parse(written(data), "any.yaml")
    with tempfile.TemporaryDirectory() as folder:
        assembly = synthesize(environment, Path(folder))
        gate.check(assembly.folder)
        assert max(len(template["Resources"]) for template in assembly.stacks.values()) <= 400


def _set(data: Json, path: str, value: object) -> str:
    *parents, last = path.split(".")
    for part in parents:
        data = data[part]
    data[last] = value
    return path


# Each breaks one rule in a valid file, and says where the message must point.
BREAKS: dict[str, Callable[[Json], str]] = {
    "unknown key": lambda data: _set(data, "features_", []),
    "unknown key below": lambda data: _set(data, "tags.colour", "red"),
    "wrong type": lambda data: _set(data, "termination_protection", 1),
    "short account": lambda data: _set(data, "account", data["account"][1:]),
    "account as a number": lambda data: _set(data, "account", int(data["account"])),
    "unknown region": lambda data: _set(data, "region", data["region"] + "0"),
    "retention CloudWatch does not take": lambda data: _set(data, "logs.retention_days", 8),
    "empty tag": lambda data: _set(data, "tags.project", ""),
    "capital in the name": lambda data: _set(data, "name", data["name"].upper()),
    "no owner": lambda data: (data["tags"].pop("owner"), "tags.owner")[1],
    "no network": lambda data: (data.pop("network"), "network")[1],
    "feature twice": lambda data: (_set(data, "features", ["batch", "batch"]), "features[1]")[1],
    "budget of nothing": lambda data: _set(data, "monthly_budget_usd", 0),
    "team without a budget": lambda data: (
        _set(data, "teams", [*data["teams"], {"name": "a"}]),
        f"teams[{len(data['teams']) - 1}].monthly_budget_usd",
    )[1],
    "public range": lambda data: _new_vpc(data, "cidr", "52.0.0.0/16"),
    "range too small": lambda data: _new_vpc(data, "cidr", "10.0.0.0/23"),
    "range of Docker": lambda data: _new_vpc(data, "cidr", "172.17.64.0/18"),
    "one zone": lambda data: _new_vpc(data, "zones", [f"{data['region']}a"]),
    "zone of elsewhere": lambda data: _new_vpc(data, "zones", [f"{data['region']}a", "xx-east-1a"], "[1]"),
    "one zone of an existing VPC": lambda data: _existing_vpc(data, "a", "a", ""),
    "zone of elsewhere in an existing VPC": lambda data: _existing_vpc(data, "a", "0", "[1].zone"),
    "overlap": lambda data: _new_vpc(data, "reserved_cidrs", ["10.0.0.0/12"], "[0]"),
}


def _new_vpc(data: Json, field: str, value: object, place: str = "") -> str:
    region = data["region"]
    vpc = {"cidr": "10.0.0.0/16", "zones": [f"{region}a", f"{region}b"], field: value}
    data["network"] = {"vpc": vpc, "s3_prefix_list_id": "pl-0123456789abcdef0"}
    return f"network.vpc.{field}{place}"


def _existing_vpc(data: Json, first: str, second: str, place: str) -> str:
    subnets = [
        {
            "subnet_id": f"subnet-{index:017x}",
            "zone": f"{data['region']}{letter}",
            "route_table_id": "rtb-0123456789abcdef0",
        }
        for index, letter in enumerate((first, second))
    ]
    vpc = {"vpc_id": "vpc-0123456789abcdef0", "subnets": subnets}
    data["network"] = {"existing_vpc": vpc, "s3_prefix_list_id": "pl-0123456789abcdef0"}
    return f"network.existing_vpc.subnets{place}"


@pytest.mark.parametrize("rule", BREAKS)
@settings(max_examples=20, deadline=None)
@given(valid=environments())
def test_any_broken_rule_is_told_at_its_place(rule: str, valid: Json) -> None:
    data = copy.deepcopy(valid)
    place = BREAKS[rule](data)
    with pytest.raises(EnvironmentFileError) as error:
        parse(written(data), "any.yaml")
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"any.yaml: {place}: ")
