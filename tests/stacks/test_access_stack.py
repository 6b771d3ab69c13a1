"""What the roles of every shipped environment may do: the Access stack bounds what the other stacks give them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from environments import Environment, load
from environments.storage import Dataset
from policies.evaluator import Context, Decision, Request, decide, plain
from stacks.access_stack import AccessStack
from stacks.data_stack import DataStack
from stacks.network_stack import NetworkStack
from tests.support import Assembly, Json
from trainyard.sagemaker_actions import CONDITION_KEYS, Key
from trainyard.team_work import WORK, Work

ROLE = iam.CfnRole.CFN_RESOURCE_TYPE_NAME
POLICY = iam.CfnManagedPolicy.CFN_RESOURCE_TYPE_NAME
SAGEMAKER, ECS, EC2 = "sagemaker.amazonaws.com", "ecs-tasks.amazonaws.com", "ec2.amazonaws.com"

PROD = load("prod")
TEAMS = [team.name for team in PROD.teams]

# Lambda runs the one function that the CDK brings along, which closes the default security group.
LAMBDA = "lambda.amazonaws.com"


@dataclass(frozen=True)
class Role:
    """A role; it and its managed policies are called ``stack.LogicalId``, or by their ARNs when no stack has them."""

    name: str
    properties: Json
    trust: Json
    policies: tuple[str, ...]
    boundary: str

    @property
    def service(self) -> str:
        """The service that takes it on; none for a role that other roles of the account take on."""
        return str(self.trust["Principal"].get("Service", ""))


@dataclass(frozen=True)
class Access:
    """All roles and managed policies of an environment, by ``stack.LogicalId``."""

    assembly: Assembly
    roles: dict[str, Role]
    policies: dict[str, Json]

    def ours(self) -> list[Role]:
        return [role for role in self.roles.values() if role.service != LAMBDA]

    def of_computers(self) -> list[Role]:
        """Those that code of people runs as."""
        return [role for role in self.roles.values() if role.service in (SAGEMAKER, ECS, EC2)]

    def of_the_account(self) -> list[Role]:
        """Those that other roles of the account take on."""
        return [role for role in self.roles.values() if "AWS" in role.trust["Principal"]]

    def documents(self, role: Role) -> list[Json]:
        return [self.policies[each] for each in role.policies]

    def of_team(self, team: str, service: str) -> list[Role]:
        return [
            role for role in self.roles.values() if (role.name.split(".")[0], role.service) == (f"team-{team}", service)
        ]


@pytest.fixture(scope="module")
def access(assembly: Assembly) -> Access:
    return _access(assembly)


@pytest.fixture(scope="module")
def prod_access(prod: Assembly) -> Access:
    return _access(prod)


def test_there_are_roles_of_every_kind(access: Access) -> None:
    assert {role.service for role in access.of_computers()} == {SAGEMAKER, ECS, EC2}


def test_every_role_that_runs_code_of_people_has_the_boundary(access: Access) -> None:
    assert {role.boundary for role in access.of_computers()} == {_boundary(access)}


@pytest.mark.parametrize("service", [SAGEMAKER, ECS])
def test_a_role_is_taken_on_for_this_account_alone(access: Access, service: str) -> None:
    account = access.assembly.environment.account
    conditions = [role.trust.get("Condition") for role in access.of_computers() if role.service == service]
    assert conditions
    assert [each for each in conditions if each != {"StringEquals": {"aws:SourceAccount": account}}] == []


def test_a_role_is_taken_on_by_one_service_or_by_roles_of_this_account(access: Access) -> None:
    root = f"arn:aws:iam::{access.assembly.environment.account}:root"
    for role in access.roles.values():
        assert len(role.properties["AssumeRolePolicyDocument"]["Statement"]) == 1
        ((kind, principal),) = role.trust["Principal"].items()
        assert (kind == "Service" and isinstance(principal, str)) or (kind, plain(principal)) == ("AWS", root)


def test_a_role_of_the_account_says_which_roles_take_it_on(prod_access: Access) -> None:
    """The account itself as a principal lets in whoever has the permission, so a condition names who is meant."""
    roles = prod_access.of_the_account()
    named = [plain(role.trust["Condition"]) for role in roles]
    assert len(named) == 6
    for condition in named:
        assert set(condition) <= {"ArnEquals", "StringEquals"}
        assert set(condition.get("ArnEquals", {})) | set(condition.get("StringEquals", {})) in (
            {"aws:PrincipalArn"},
            {"aws:PrincipalTag/Team", "aws:PrincipalTag/Environment"},
        )


def test_an_environment_without_approvers_has_no_role_for_them(assembly_of: Callable[[str], Assembly]) -> None:
    assert _access(assembly_of("local")).of_the_account() == []


def test_only_an_exception_is_taken_on_by_roles_of_a_team(prod_access: Access) -> None:
    taken = [role.name for role in prod_access.of_the_account() if "StringEquals" in role.trust["Condition"]]
    assert [name.partition(".")[0] for name in taken] == ["team-language"]


def test_no_role_has_policies_inline(access: Access) -> None:
    assert [role.name for role in access.ours() if "Policies" in role.properties] == []
    assert access.assembly.resources(iam.CfnPolicy.CFN_RESOURCE_TYPE_NAME) == {}


def test_no_role_has_a_policy_that_aws_wrote(access: Access) -> None:
    assert [role.name for role in access.ours() if set(role.policies) - set(access.policies)] == []


def test_only_the_cdk_has_a_function_and_its_role_stands_in_the_network(access: Access) -> None:
    """The one role that the rules above leave out."""
    assert [role.name.split(".")[0] for role in access.roles.values() if role.service == LAMBDA] == ["network"]


def test_no_role_has_more_policies_than_iam_takes(access: Access) -> None:
    assert max(len(role.policies) for role in access.roles.values()) <= 10


@pytest.mark.parametrize("type_", [iam.CfnUser, iam.CfnGroup, iam.CfnAccessKey])
def test_there_are_no_credentials_that_last(access: Access, type_: Any) -> None:
    assert access.assembly.resources(type_.CFN_RESOURCE_TYPE_NAME) == {}


def test_no_policy_allows_all_but_something(access: Access) -> None:
    for document in access.policies.values():
        for statement in document["Statement"]:
            assert not {"NotAction", "NotResource", "NotPrincipal"} & set(statement)


def test_every_allowed_action_is_named(access: Access) -> None:
    """Not ``*``, nor ``sagemaker:Create*``, which takes in what no condition can bound."""
    allowed = {action for document in access.policies.values() for action in _allowed(document)}
    assert allowed
    assert [action for action in sorted(allowed) if "*" in action or "?" in action] == []


def test_a_role_is_passed_by_its_name_and_to_one_service(access: Access) -> None:
    roles = {plain({"Fn::GetAtt": [name.split(".")[1], "Arn"]}) for name in access.roles}
    passing = [
        statement
        for name, document in access.policies.items()
        for statement in document["Statement"]
        if name != _boundary(access) and "iam:PassRole" in statement["Action"]
    ]
    assert len(passing) == 2 * len(access.assembly.environment.teams)
    for statement in passing:
        assert set(statement["Resource"]) <= roles
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": SAGEMAKER}}


def test_only_roles_of_the_own_team_are_passed(access: Access) -> None:
    """They are trusted by SageMaker: that of jobs may submit nothing, and that of pipelines carries the guardrails."""
    for team in access.assembly.environment.teams:
        passed = {
            resource
            for name, document in access.policies.items()
            for statement in document["Statement"]
            if name.startswith(f"team-{team.name}.") and "iam:PassRole" in statement["Action"]
            for resource in statement["Resource"]
        }
        roles = [role for role in access.of_team(team.name, SAGEMAKER) if _arn(role) in passed]
        assert len(roles) == len(passed) == 2
        assert sorted(_submits(access, role) for role in roles) == [False, True]


def test_every_role_that_submits_work_carries_all_guardrails(access: Access) -> None:
    guardrails = {name for name, document in access.policies.items() if not _allowed(document)}
    submitting = [role for role in access.ours() if _submits(access, role)]
    assert submitting
    # About the network, about work, about the platform, and those of the team.
    assert {len(guardrails & set(role.policies)) for role in submitting} == {4}


def test_a_batch_job_uses_data_and_images_and_nothing_else(access: Access) -> None:
    roles = [role for role in access.roles.values() if role.service == ECS]
    actions = {action for role in roles for document in access.documents(role) for action in _allowed(document)}
    assert {action.split(":")[0] for action in actions} == {"s3", "kms", "ecr"}


def test_the_boundary_holds_all_that_its_roles_are_allowed(access: Access) -> None:
    boundary = access.policies[_boundary(access)]
    for role in access.of_computers():
        for document in access.documents(role):
            assert _allowed(document) <= _allowed(boundary), role.name


def test_a_role_has_the_policies_of_its_own_team_alone(access: Access) -> None:
    data = _stack(access, "Data")
    assert isinstance(data, DataStack)
    for team in access.assembly.environment.teams:
        own = {f"data.{data.get_logical_id(data.folders[team.name])}"}
        for role in access.of_team(team.name, SAGEMAKER) + access.of_team(team.name, ECS):
            shared = {each for each in role.policies if each.split(".")[0] in ("access", "studio")}
            assert {each for each in role.policies if not each.startswith(f"team-{team.name}.")} - shared == own


@pytest.mark.parametrize("team", TEAMS)
@pytest.mark.parametrize("bucket", ["datasets", "artifacts"])
@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"])
def test_a_team_uses_its_own_folders_alone(prod_access: Access, team: str, bucket: str, action: str) -> None:
    for owner in TEAMS:
        decisions = _on_object(prod_access, team, action, bucket, f"{owner}/models/file")
        assert decisions == {Decision.ALLOWED if owner == team else Decision.IMPLICITLY_DENIED}


@pytest.mark.parametrize("dataset", PROD.datasets, ids=lambda dataset: dataset.name)
@pytest.mark.parametrize("team", TEAMS)
def test_a_dataset_is_read_by_the_teams_that_it_is_shared_with(
    prod_access: Access, team: str, dataset: Dataset
) -> None:
    decisions = _on_object(prod_access, team, "s3:GetObject", "datasets", f"{dataset.team}/{dataset.name}/file")
    assert decisions == {Decision.ALLOWED if team in dataset.readers() else Decision.IMPLICITLY_DENIED}


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:DeleteObject"])
def test_a_dataset_of_others_is_not_written(prod_access: Access, action: str) -> None:
    for dataset in PROD.datasets:
        for reader in dataset.read_by:
            decisions = _on_object(prod_access, reader, action, "datasets", f"{dataset.team}/{dataset.name}/file")
            assert decisions == {Decision.IMPLICITLY_DENIED}


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.submit)
@pytest.mark.parametrize("team", TEAMS)
@pytest.mark.parametrize("owner", TEAMS)
def test_a_person_submits_work_of_the_own_team_alone(prod_access: Access, team: str, owner: str, work: Work) -> None:
    decisions = {
        _decide(prod_access, role, _submission(prod_access, team, work, owner)) for role in _people(prod_access, team)
    }
    assert decisions == {Decision.ALLOWED if owner == team else Decision.EXPLICITLY_DENIED}


@pytest.mark.parametrize(
    "work",
    [each for each in WORK if Key.NETWORK_ISOLATION in CONDITION_KEYS[each.submit]],
    ids=lambda work: work.submit,
)
@pytest.mark.parametrize("team", TEAMS)
def test_a_person_submits_nothing_that_is_not_isolated(prod_access: Access, team: str, work: Work) -> None:
    request = _submission(prod_access, team, work, team, {Key.NETWORK_ISOLATION: False})
    decisions = {_decide(prod_access, role, request) for role in _people(prod_access, team)}
    assert decisions == {Decision.EXPLICITLY_DENIED}


def _access(assembly: Assembly) -> Access:
    templates = assembly.stacks
    exports = {
        output["Export"]["Name"]: _name(stack, output["Value"], {})
        for stack, template in templates.items()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }
    resources = [
        (stack, logical_id, resource["Type"], resource["Properties"])
        for stack, template in templates.items()
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] in (ROLE, POLICY)
    ]
    return Access(
        assembly,
        {
            f"{stack}.{logical_id}": Role(
                f"{stack}.{logical_id}",
                properties,
                properties["AssumeRolePolicyDocument"]["Statement"][0],
                tuple(_name(stack, each, exports) for each in properties.get("ManagedPolicyArns", [])),
                _name(stack, properties.get("PermissionsBoundary", "none"), exports),
            )
            for stack, logical_id, type_, properties in resources
            if type_ == ROLE
        },
        {
            f"{stack}.{logical_id}": plain(properties["PolicyDocument"])
            for stack, logical_id, type_, properties in resources
            if type_ == POLICY
        },
    )


def _name(stack: str, reference: Any, exports: dict[str, str]) -> str:
    """Which resource a reference is about, as ``stack.LogicalId``, through exports too; else its text."""
    match reference:
        case {"Ref": logical_id} | {"Fn::GetAtt": [logical_id, _]}:
            return f"{stack}.{logical_id}"
        case {"Fn::ImportValue": name}:
            return exports[name]
    return str(reference)


def _boundary(access: Access) -> str:
    stack = _stack(access, "Access")
    assert isinstance(stack, AccessStack)
    return _name("access", stack.resolve(stack.boundary), {})


def _arn(role: Role) -> str:
    return str(plain({"Fn::GetAtt": [role.name.split(".")[1], "Arn"]}))


def _allowed(document: Json) -> set[str]:
    return {action for each in document["Statement"] if each["Effect"] == "Allow" for action in each["Action"]}


def _submits(access: Access, role: Role) -> bool:
    allowed = {action for document in access.documents(role) for action in _allowed(document)}
    return bool(allowed & {f"sagemaker:{work.submit}" for work in WORK})


def _people(access: Access, team: str) -> list[Role]:
    """The roles of a team's people, whom CloudTrail names."""
    return [role for role in access.of_team(team, SAGEMAKER) if "sts:SetSourceIdentity" in role.trust["Action"]]


def _decide(access: Access, role: Role, request: Request) -> Decision:
    return decide(request, access.documents(role), access.policies[role.boundary])


def _on_object(access: Access, team: str, action: str, bucket: str, path: str) -> set[Decision]:
    """What each role of a team gets that may use data at all."""
    data = _stack(access, "Data")
    assert isinstance(data, DataStack)
    arn = plain(data.resolve({"datasets": data.datasets, "artifacts": data.artifacts}[bucket].arn))
    request = Request(action, f"{arn}/{path}", {"aws:ResourceAccount": access.assembly.environment.account})
    return {_decide(access, role, request) for service in (SAGEMAKER, ECS) for role in access.of_team(team, service)}


def _submission(access: Access, team: str, work: Work, owner: str, changes: Context | None = None) -> Request:
    """A request of one team that keeps to every guardrail, under the name and tags of another."""
    environment = access.assembly.environment
    stack, data, network = (_stack(access, each) for each in ("Access", "Data", "Network"))
    assert isinstance(data, DataStack)
    assert isinstance(network, NetworkStack)
    compliant: dict[str, Any] = {
        Key.SUBNETS: plain(stack.resolve([subnet.subnet_id for subnet in network.subnets])),
        Key.SECURITY_GROUPS: plain(stack.resolve([network.groups.training])),
        Key.TRAFFIC_ENCRYPTION: True,
        Key.NETWORK_ISOLATION: True,
        Key.VOLUME_KEY: plain(stack.resolve(data.compute_key.arn)),
        Key.OUTPUT_KEY: plain(_stack(access, f"Team-{owner}").resolve(data.keys[owner].arn)),
        Key.INSTANCE_TYPES: ["ml.m5.xlarge"],
        Key.MAX_RUNTIME: 3600,
        Key.KEEP_ALIVE: 0,
        Key.REMOTE_DEBUG: False,
        Key.TEAM_TAG: owner,
        Key.ENVIRONMENT_TAG: environment.name,
    }
    context: dict[str, Any] = {
        **{str(key): compliant[key] for key in CONDITION_KEYS[work.submit] if key in compliant},
        "aws:PrincipalTag/Team": team,
        "sagemaker:ModelArn": _sagemaker(environment, f"model/{owner}-a"),
        "aws:ResourceAccount": environment.account,
    }
    context |= changes or {}
    return Request(f"sagemaker:{work.submit}", _sagemaker(environment, f"{work.resource}/{owner}-a"), context)


def _sagemaker(environment: Environment, resource: str) -> str:
    return f"arn:aws:sagemaker:{environment.region}:{environment.account}:{resource}"


def _stack(access: Access, construct_id: str) -> Stack:
    stack = access.assembly.root.node.find_child(construct_id)
    assert isinstance(stack, Stack)
    return stack
