"""Warnings about instance types that a region or zone does not offer."""

from pathlib import Path

import pytest

from environments import load
from environments.loading import known_environments
from environments.offerings import not_offered, warnings
from environments.problems import Problem
from tests.support import Json, environment_with, text_of
from tests.test_app import run
from trainyard.instance_offerings import origin

STOCKHOLM: Json = {"region": "eu-north-1", "network.vpc.zones": ["eu-north-1a", "eu-north-1b"]}
"""It has g5 in its zones b and c, p4d in c alone, and no p4de."""

MEXICO: Json = {
    "region": "mx-central-1",
    "network.vpc.zones": ["mx-central-1a", "mx-central-1b"],
    "network.s3_prefix_list_id": "pl-0123456789abcdef0",
}


def notebooks(*types: str, **fields: str) -> Json:
    return {"teams.0.notebooks": [{"name": f"n{at}", "instance_type": each, **fields} for at, each in enumerate(types)]}


def pool(*types: str, kind: str = "on_demand", **fields: str) -> Json:
    one = {"name": "one", "kind": kind, "instance_types": list(types), "max_vcpus": 768, **fields}
    return {"batch.pools": [one]}


def warned(*changes: Json) -> list[str]:
    return warnings(environment_with({key: value for each in changes for key, value in each.items()}, "dev"))


@pytest.mark.parametrize("name", known_environments())
def test_a_shipped_environment_gives_no_warning(name: str) -> None:
    assert warnings(load(name)) == []


def test_a_notebook_of_a_type_that_the_region_lacks_is_warned_of() -> None:
    assert warned(STOCKHOLM, pool("g5.xlarge"), notebooks("ml.m5.xlarge", "ml.p4de.24xlarge")) == [
        "teams[0].notebooks[1].instance_type: 'ml.p4de.24xlarge': EC2 does not offer p4de.24xlarge in eu-north-1 "
        f"(by the copy in {origin()}; what SageMaker offers may differ from EC2)"
    ]


def test_a_notebook_of_a_type_that_its_zone_lacks_is_warned_of() -> None:
    (warning,) = warned(STOCKHOLM, pool("g5.xlarge"), notebooks("ml.g5.xlarge", zone="eu-north-1a"))
    assert ": 'ml.g5.xlarge': EC2 offers g5.xlarge in eu-north-1b, eu-north-1c, not in eu-north-1a (by " in warning


def test_a_notebook_without_a_zone_is_in_the_first() -> None:
    (warning,) = warned(STOCKHOLM, pool("g5.xlarge"), notebooks("ml.g5.xlarge"))
    assert "not in eu-north-1a" in warning


def test_a_notebook_of_a_type_that_its_zone_has_is_not_warned_of() -> None:
    assert warned(STOCKHOLM, pool("g5.xlarge"), notebooks("ml.g5.xlarge", zone="eu-north-1b")) == []


def test_each_type_of_a_pool_that_the_region_lacks_is_warned_of() -> None:
    assert warned(STOCKHOLM, pool("p4de.24xlarge", "g5.xlarge")) == [
        "batch.pools[0].instance_types[0]: 'p4de.24xlarge': EC2 does not offer p4de.24xlarge in eu-north-1 "
        f"(by the copy in {origin()})"
    ]


def test_a_pool_needs_one_zone_that_has_its_type() -> None:
    assert warned(STOCKHOLM, pool("g5.xlarge")) == []


def test_a_pool_of_a_type_that_none_of_its_zones_has_is_warned_of() -> None:
    (warning,) = warned(STOCKHOLM, pool("p4d.24xlarge"))
    assert "EC2 offers p4d.24xlarge in eu-north-1c, not in eu-north-1a, eu-north-1b (by " in warning


def test_a_multi_node_pool_needs_its_type_in_its_one_zone() -> None:
    (warning,) = warned(STOCKHOLM, pool("g5.12xlarge", kind="multi_node"))
    assert "not in eu-north-1a (by " in warning


def test_a_multi_node_pool_in_a_zone_that_has_its_type_is_not_warned_of() -> None:
    assert warned(STOCKHOLM, pool("g5.12xlarge", kind="multi_node", zone="eu-north-1b")) == []


def test_where_accounts_name_zones_themselves_the_warning_says_so() -> None:
    (warning,) = warned(pool("p4d.24xlarge"))
    assert "not in eu-west-1a, eu-west-1b; your account may name zones otherwise (by " in warning


def test_a_zone_that_the_copy_does_not_know_is_not_judged() -> None:
    canada: Json = {"region": "ca-central-1", "network.vpc.zones": ["ca-central-1c", "ca-central-1e"]}
    assert warned(canada, pool("p5.48xlarge")) == []


def test_a_type_that_the_region_lacks_is_warned_of_in_an_unknown_zone_too() -> None:
    canada: Json = {"region": "ca-central-1", "network.vpc.zones": ["ca-central-1c", "ca-central-1e"]}
    assert len(warned(canada, pool("p4de.24xlarge"))) == 1


def test_a_region_that_the_copy_does_not_know_is_not_judged() -> None:
    assert warned(MEXICO, pool("p4de.24xlarge"), notebooks("ml.p4de.24xlarge")) == []


def test_a_pattern_of_which_the_region_has_no_type_is_told_by_its_index() -> None:
    (problem,) = not_offered(["ml.g5.*", "ml.p5.*"], "eu-west-1")
    assert problem == Problem(
        (1,),
        "'ml.p5.*'",
        f"EC2 offers no such type in eu-west-1 (by the copy in {origin()}; what SageMaker offers may differ from EC2)",
    )


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("ml.g*.xlarge", "g5 is offered, though g6 is not"),
        ("ml.p3.*", "the copy does not know p3"),
        ("ml.p[3]*", "it matches nothing that the copy knows"),
        ("ml.g5.xlarge", "it is offered"),
    ],
)
def test_a_pattern_of_which_a_type_may_be_there_is_not_told(pattern: str, reason: str) -> None:
    assert not list(not_offered([pattern], "eu-west-1")), reason


def test_a_type_is_a_pattern_of_itself() -> None:
    assert [problem.path for problem in not_offered(["ml.p5.48xlarge"], "eu-west-1")] == [(0,)]


def test_of_a_region_that_the_copy_does_not_know_no_pattern_is_told() -> None:
    assert not list(not_offered(["ml.p5.*"], "mx-central-1"))


@pytest.mark.slow
def test_synth_prints_them_and_succeeds(tmp_path: Path) -> None:
    (tmp_path / "staging.yaml").write_text(text_of("dev", {"name": "staging", **pool("g6.xlarge")}))
    result = run(tmp_path, "-c", "environment=staging.yaml")
    warning = "batch.pools[0].instance_types[0]: 'g6.xlarge': EC2 does not offer g6.xlarge in eu-west-1"
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == f"warning: staging.yaml: {warning} (by the copy in {origin()})\n"
    assert (tmp_path / "cdk.out" / "manifest.json").exists()
