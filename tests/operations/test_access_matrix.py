"""Every role of every shipped environment may do what it is meant to, and nothing else, as the evaluator sees it."""

from collections import defaultdict
from collections.abc import Callable

import pytest

from environments.loading import known_environments
from operations.access.matrix import GUARDED, NEVER, RESOURCES, URLS, Case
from operations.access.roles import KINDS, Kind
from tests.operations.access_cases import Access
from tests.support import Assembly, environment_with, synthesize
from trainyard.permissions_boundary import OF_THIS_ACCOUNT, WITHOUT_RESOURCE_ACCOUNT
from trainyard.sagemaker_actions import CONDITION_KEYS, PROTECTIONS, Key, Protection
from trainyard.team_people import RECORD, TAKE_ON
from trainyard.team_work import PASS_ROLE

pytestmark = pytest.mark.slow

ASKED = [
    (kind, action)
    for kind in KINDS
    for action in dict.fromkeys((*kind.may, *GUARDED, *NEVER, *URLS, *PASS_ROLE, *TAKE_ON))
]
CASES_OF_PROD = 10_000


@pytest.fixture(scope="module")
def shipped(assembly_of: Callable[[str], Assembly]) -> list[Access]:
    return [Access(assembly_of(name)) for name in known_environments()]


@pytest.fixture(scope="module")
def prod_access(prod: Assembly) -> Access:
    return Access(prod)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Access:
    """Of an environment whose settings are not those of the shipped ones."""
    changes = {
        "access.presigned_urls_from_vpc_only": False,
        "access.instance_types": ["ml.m5.*", "ml.g5.*", "ml.p4d.24xlarge", "ml.p5.48xlarge"],
        "studio.auth_mode": "IAM",
        "studio.default_instance_type": "ml.m5.large",
        "teams.0.members": [{"name": "vision-1"}],
        "teams.1.members": [],
        "teams.2.members": [],
    }
    return Access(synthesize(environment_with(changes), tmp_path_factory.mktemp("other")))


@pytest.fixture(scope="module")
def asked(shipped: list[Access]) -> dict[tuple[str, str], list[tuple[Access, Case]]]:
    """Kind of role and action to the cases of all shipped environments."""
    found = defaultdict(list)
    for access in shipped:
        for case in access.cases:
            found[case.role.kind.name, case.action].append((access, case))
    return found


@pytest.mark.parametrize(("kind", "action"), ASKED, ids=[f"{kind.name}-{action}" for kind, action in ASKED])
def test_a_role_gets_what_is_meant(
    asked: dict[tuple[str, str], list[tuple[Access, Case]]], kind: Kind, action: str
) -> None:
    cases = asked[kind.name, action]
    assert cases
    assert [
        f"{access.assembly.environment.name}: {case.name}" for access, case in cases if not access.is_as_meant(case)
    ] == []


def test_nobody_makes_a_bucket(asked: dict[tuple[str, str], list[tuple[Access, Case]]]) -> None:
    cases = [each for (_, action), found in asked.items() if action == "s3:CreateBucket" for each in found]
    assert {case.role.kind.name for _, case in cases} == {kind.name for kind in KINDS if kind.guarded}
    assert [case.name for access, case in cases if not access.is_as_meant(case)] == []


def test_there_are_thousands_of_cases(prod_access: Access) -> None:
    print(f"{len(prod_access.cases)} cases of prod")
    assert len(prod_access.cases) > CASES_OF_PROD


def test_no_two_cases_have_one_name(shipped: list[Access]) -> None:
    for access in shipped:
        names = [case.name for case in access.cases]
        assert sorted(names) == sorted(set(names))


def test_no_two_cases_ask_the_same(shipped: list[Access]) -> None:
    for access in shipped:
        asked = [
            (case.role.name, case.action, case.resource, str(sorted(case.context.items())), case.all_else_allowed)
            for case in access.cases
        ]
        assert len(set(asked)) == len(asked)


def test_every_kind_of_role_is_asked(prod_access: Access) -> None:
    assert {case.role.kind.name for case in prod_access.cases} == {kind.name for kind in KINDS}


def test_every_role_is_of_a_kind(shipped: list[Access]) -> None:
    """But for that of the function that the CDK brings along."""
    for access in shipped:
        known = {role.resource.path for role in access.roles}
        roles = {each.path for each in access.platform.resources if each.type == "AWS::IAM::Role"}
        (other,) = roles - known
        assert "VpcRestrictDefaultSG" in other


def test_people_of_a_team_have_the_same_policies(shipped: list[Access]) -> None:
    """Only the first of them is asked for everything."""
    for access in shipped:
        for role in access.roles:
            first = next(each for each in access.roles if (each.team, each.kind) == (role.team, role.kind))
            if role.member:
                assert [id(each) for each in access.policies(role)] == [id(each) for each in access.policies(first)]
                assert access.boundary(role) is access.boundary(first)


def test_what_anybody_has_of_sagemaker_is_asked_about() -> None:
    allowed = {each for each in OF_THIS_ACCOUNT | WITHOUT_RESOURCE_ACCOUNT if each.startswith("sagemaker:")}
    meant = {action for kind in KINDS for action in kind.may} | {"sagemaker:AddTags"}
    assert allowed - meant == set(RECORD)


@pytest.mark.parametrize("action", [*CONDITION_KEYS])
def test_an_action_of_the_table_is_asked_about_by_the_arn_of_something(action: str) -> None:
    assert f"sagemaker:{action}" in RESOURCES or action == "AddTags"


@pytest.mark.parametrize(("protection", "action"), [(each, action) for each in PROTECTIONS for action in each.actions])
def test_every_protection_of_every_action_is_broken(prod_access: Access, protection: Protection, action: str) -> None:
    cases = [case for case in _cases(prod_access, "Person", action) if case.all_else_allowed]
    right = next(case for case in cases if case.what == "compliant").context.get(protection.key)
    assert any(not case.allowed and case.context.get(protection.key) != right for case in cases)


@pytest.mark.parametrize(
    ("instance_type", "allowed"),
    [("ml.p4d.24xlarge", True), ("ml.p5.48xlarge", True), ("ml.g5.12xlarge", True), ("ml.m5.12xlarge", False)],
)
def test_a_volume_without_a_key_is_for_local_storage_alone(other: Access, instance_type: str, allowed: bool) -> None:
    outcomes = {
        case.allowed
        for case in _cases(other, "Person", "CreateTrainingJob")
        if case.what == f"on {instance_type} without VolumeKmsKeyArn"
    }
    assert outcomes == {allowed}


def test_one_type_without_local_storage_among_others_needs_the_key(prod_access: Access) -> None:
    (both,) = {
        tuple(types)
        for case in _cases(prod_access, "Person", "CreateTrainingJob")
        if len(types := _list(case.context.get(Key.INSTANCE_TYPES, []))) > 1
        if Key.VOLUME_KEY not in case.context and not case.allowed
    }
    assert [each.split(".")[1] for each in both] == ["g4dn", "t3"]


def test_an_exception_holds_until_its_day(prod_access: Access) -> None:
    dated = {
        (case.context["aws:CurrentTime"], case.allowed)
        for case in _cases(prod_access, "WithoutIsolation", "CreateTrainingJob")
        if "without NetworkIsolation" in case.what
    }
    assert dated == {
        ("2027-03-30T23:59:59Z", True),
        ("2027-03-31T00:00:00Z", False),
        ("2028-03-30T12:00:00Z", False),
    }


def test_versions_are_approved_by_the_approver_alone(prod_access: Access) -> None:
    cases = [case for case in prod_access.cases if case.context.get(Key.APPROVAL) == "Approved"]
    assert {case.role.kind.name for case in cases if case.allowed} == {"Approver"}
    assert {"Person", "Notebook", "WithoutIsolation"} <= {case.role.kind.name for case in cases if not case.allowed}


def test_autopilot_is_nobodys(prod_access: Access) -> None:
    cases = [each for each in prod_access.cases if "AutoML" in each.action and not each.all_else_allowed]
    assert len(cases) == 2 * len(prod_access.roles)
    assert not any(case.allowed for case in cases)


def test_the_denies_let_a_compliant_autopilot_job_pass(prod_access: Access) -> None:
    cases = [each for each in prod_access.cases if "AutoML" in each.action and each.all_else_allowed]
    assert any(case.allowed for case in cases)
    assert not any(Key.NETWORK_ISOLATION in case.context for case in cases)


def test_a_team_with_a_key_of_its_own_writes_under_no_other(prod_access: Access) -> None:
    denied = {
        case.context[Key.OUTPUT_KEY]
        for case in _cases(prod_access, "Person", "CreateTrainingJob", "forecasting")
        if "with OutputKmsKeyArn" in case.what and not case.allowed
    }
    assert {str(each).rpartition("/")[2] for each in denied} == {"Data.ComputeKey", "Data.DataKey"}


def test_a_team_without_file_systems_reads_from_none(prod_access: Access) -> None:
    cases = _cases(prod_access, "Person", "CreateTrainingJob", "forecasting")
    reading = [case for case in cases if Key.FILE_SYSTEM in case.context]
    assert len(reading) >= 3
    assert not any(case.allowed for case in reading)


def test_an_environment_of_other_settings_gets_what_is_meant(other: Access) -> None:
    assert [case.name for case in other.cases if not other.is_as_meant(case)] == []


def test_urls_are_asked_for_anywhere_if_the_file_says_so(other: Access) -> None:
    cases = [case for case in other.cases if "outside of any VPC" in case.what]
    assert {case.allowed for case in cases} == {True}


def _cases(access: Access, kind: str, action: str, team: str | None = None) -> list[Case]:
    return [
        case
        for case in access.cases
        if (case.role.kind.name, case.action) == (kind, f"sagemaker:{action}") and team in (None, case.role.team)
    ]


def _list(value: object) -> list[str]:
    assert isinstance(value, list)
    return value
