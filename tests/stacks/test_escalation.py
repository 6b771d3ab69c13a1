"""Nobody gets further than meant: the published ways to more rights, tried as every role of every shipped environment.

A way is a set of actions that must all be possible. Each is tried in the attacker's favour: on whatever resource, with
whatever the guardrails and the own policies ask for. Where a way begins with an action that a role does have (a job is
submitted, a role is passed), the tests say exactly on what.

Source: https://github.com/prowler-cloud/prowler (privilege_escalation.py), https://pathfinding.cloud, as of 2026-09
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest

from environments.batch import ON_ONE_HOST
from operations.access.resources import made_up, resources_of
from operations.access.roles import Role, roles_of
from operations.access.values import Platform
from operations.assembly import stacks_of
from policies.evaluator import Decision, Request, decide
from tests.support import Assembly, Json
from trainyard import notebook_lifecycle
from trainyard.sagemaker_actions import CONDITION_KEYS, FORBIDDEN, Key

pytestmark = pytest.mark.slow

SAGEMAKER = "sagemaker.amazonaws.com"
SERVICES = (
    *(SAGEMAKER, "ecs-tasks.amazonaws.com", "ec2.amazonaws.com", "lambda.amazonaws.com", "glue.amazonaws.com"),
    *("cloudformation.amazonaws.com", "codebuild.amazonaws.com", "batch.amazonaws.com", "states.amazonaws.com"),
    *("ssm.amazonaws.com", "events.amazonaws.com", "scheduler.amazonaws.com", "bedrock.amazonaws.com"),
)
"""Those that run something as the role that they are given."""

EVERYTHING: Json = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def _each(service: str, actions: str) -> Iterator[tuple[str, ...]]:
    return ((f"{service}:{action}",) for action in actions.split())


# An action that is a way by itself, or without which a longer way does not work.
ROLES_AND_POLICIES = (
    *_each("iam", "AttachRolePolicy DetachRolePolicy PutRolePolicy DeleteRolePolicy UpdateAssumeRolePolicy"),
    *_each("iam", "PutRolePermissionsBoundary DeleteRolePermissionsBoundary TagRole UntagRole UpdateRole CreateRole"),
    *_each(
        "iam", "CreatePolicy CreatePolicyVersion SetDefaultPolicyVersion DeletePolicyVersion DeletePolicy TagPolicy"
    ),
    *_each("iam", "CreateUser CreateAccessKey CreateLoginProfile UpdateLoginProfile AttachUserPolicy PutUserPolicy"),
    *_each("iam", "AddUserToGroup AttachGroupPolicy PutGroupPolicy CreateServiceSpecificCredential"),
    *_each("iam", "ResetServiceSpecificCredential DeactivateMFADevice DeleteVirtualMFADevice"),
    *_each("iam", "CreateInstanceProfile AddRoleToInstanceProfile CreateServiceLinkedRole"),
    *_each("iam", "CreateSAMLProvider UpdateSAMLProvider CreateOpenIDConnectProvider"),
    *_each("sts", "TagSession AssumeRoleWithSAML AssumeRoleWithWebIdentity GetFederationToken"),
    *_each("organizations", "DetachPolicy UpdatePolicy LeaveOrganization"),
    *_each("kms", "PutKeyPolicy RevokeGrant ScheduleKeyDeletion DisableKey"),
    *_each(
        "s3", "PutBucketPolicy DeleteBucketPolicy PutBucketAcl PutObjectAcl PutBucketPublicAccessBlock CreateBucket"
    ),
    *_each("ecr", "SetRepositoryPolicy PutRegistryPolicy PutReplicationConfiguration"),
    *_each("cognito-identity", "SetIdentityPoolRoles"),
    *_each("secretsmanager", "GetSecretValue PutResourcePolicy"),
)
OTHER_SERVICES = (
    *_each("lambda", "CreateFunction UpdateFunctionCode UpdateFunctionConfiguration InvokeFunction AddPermission"),
    *_each("lambda", "CreateEventSourceMapping PublishLayerVersion"),
    *_each("ec2", "RunInstances RequestSpotInstances RequestSpotFleet CreateFleet StartInstances"),
    *_each("ec2", "ModifyInstanceAttribute AssociateIamInstanceProfile ReplaceIamInstanceProfileAssociation"),
    *_each("ec2", "CreateLaunchTemplate CreateLaunchTemplateVersion ModifyLaunchTemplate GetPasswordData"),
    *_each("ec2", "AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress ModifyVpcEndpoint CreateVpcEndpoint"),
    *_each("ec2", "ModifyNetworkInterfaceAttribute AttachNetworkInterface CreateRoute CreateNatGateway"),
    *_each("ec2-instance-connect", "SendSSHPublicKey SendSerialConsoleSSHPublicKey OpenTunnel"),
    *_each("autoscaling", "CreateAutoScalingGroup UpdateAutoScalingGroup CreateLaunchConfiguration"),
    *_each("ssm", "StartSession SendCommand StartAutomationExecution CreateAssociation GetParameter PutParameter"),
    *_each("cloudformation", "CreateStack UpdateStack CreateChangeSet ExecuteChangeSet SetStackPolicy DeleteStack"),
    *_each("cloudformation", "CreateStackSet UpdateStackSet CreateStackInstances"),
    *_each("codebuild", "CreateProject UpdateProject StartBuild StartBuildBatch"),
    *_each("codedeploy", "CreateDeployment"),
    *_each("codestar", "CreateProject"),
    *_each("datapipeline", "CreatePipeline PutPipelineDefinition"),
    *_each("glue", "CreateDevEndpoint UpdateDevEndpoint CreateJob UpdateJob StartJobRun CreateTrigger CreateSession"),
    *_each("ecs", "RegisterTaskDefinition RunTask StartTask CreateService UpdateService ExecuteCommand"),
    *_each("elasticmapreduce", "RunJobFlow AddJobFlowSteps"),
    *_each("emr-serverless", "StartJobRun"),
    *_each("states", "CreateStateMachine UpdateStateMachine StartExecution"),
    *_each("events", "PutRule PutTargets"),
    *_each("scheduler", "CreateSchedule"),
    *_each("apprunner", "CreateService UpdateService"),
    *_each("bedrock", "CreateAgent InvokeAgent"),
    *_each("bedrock-agentcore", "CreateCodeInterpreter InvokeCodeInterpreter CreateAgentRuntime"),
    *_each("braket", "CreateJob"),
    *_each("imagebuilder", "CreateInfrastructureConfiguration"),
    *_each("kinesisanalytics", "CreateApplication"),
    *_each("omics", "StartRun"),
    *_each("gamelift", "CreateFleet"),
)
BATCH = (
    *_each("batch", "RegisterJobDefinition DeregisterJobDefinition CreateComputeEnvironment UpdateComputeEnvironment"),
    *_each("batch", "CreateJobQueue UpdateJobQueue CreateSchedulingPolicy UpdateSchedulingPolicy UntagResource"),
    *_each("batch", "SubmitServiceJob CreateServiceEnvironment UpdateConsumableResource"),
)
STUDIO_AND_NOTEBOOKS = (
    *_each("sagemaker", "CreateNotebookInstance UpdateNotebookInstance DeleteNotebookInstance"),
    *_each("sagemaker", "CreateNotebookInstanceLifecycleConfig UpdateNotebookInstanceLifecycleConfig"),
    *_each("sagemaker", "CreateStudioLifecycleConfig CreateCodeRepository UpdateCodeRepository"),
    *_each("sagemaker", "CreateDomain UpdateDomain CreateUserProfile UpdateUserProfile CreateSpace DeleteSpace"),
    *_each("sagemaker", "CreateImage UpdateImage CreateImageVersion UpdateImageVersion CreateAppImageConfig"),
    *_each("sagemaker", "CreatePresignedDomainUrl CreatePresignedMlflowAppUrl CreatePresignedMlflowTrackingServerUrl"),
    *_each("sagemaker", "CreatePartnerAppPresignedUrl CreateHubContentPresignedUrls StartSession DeleteTags"),
    *_each("sagemaker", "CreateMlflowApp UpdateMlflowApp CreateMlflowTrackingServer CreatePartnerApp"),
)
OTHER_WORK = (
    *_each("sagemaker", "CreateAutoMLJob CreateAutoMLJobV2 CreateJob CreateLabelingJob CreateMonitoringSchedule"),
    *_each("sagemaker", "UpdateMonitoringSchedule CreateDataQualityJobDefinition CreateModelQualityJobDefinition"),
    *_each("sagemaker", "CreateModelBiasJobDefinition CreateModelExplainabilityJobDefinition UpdateTrainingJob"),
    *_each("sagemaker", "CreateCluster UpdateCluster UpdateClusterSoftware CreateCompilationJob CreateAlgorithm"),
    *_each("sagemaker", "CreateInferenceRecommendationsJob CreateInferenceExperiment CreateEdgePackagingJob"),
    *_each("sagemaker", "CreateFeatureGroup CreateFlowDefinition CreateProject PutModelPackageGroupPolicy"),
    *_each("sagemaker", "CreateInferenceComponent CreateOptimizationJob CreateTrainingPlan"),
)
# These begin with what a role may do; a role that is not meant for them must not be passed.
WITH_A_ROLE = tuple(
    ("iam:PassRole", f"sagemaker:{action}")
    for action in (
        *("CreateTrainingJob", "CreateProcessingJob", "CreateHyperParameterTuningJob", "CreateModel"),
        *("CreatePipeline", "UpdatePipeline", "CreateEndpointConfig"),
    )
)
WAYS = (*ROLES_AND_POLICIES, *OTHER_SERVICES, *BATCH, *STUDIO_AND_NOTEBOOKS, *OTHER_WORK, *WITH_A_ROLE)

NEVER = {*(f"sagemaker:{action}" for action in FORBIDDEN), "s3:CreateBucket"}


@dataclass(frozen=True, eq=False)
class Attacker:
    """Somebody with a role of the platform, or with more.

    Args:
        world: where.
        role: the role.
        policies: the documents that allow and deny.
        boundary: the ceiling, if there is one.
    """

    world: "World"
    role: Role
    policies: tuple[Json, ...]
    boundary: Json | None
    _found: dict[str, bool] = field(default_factory=dict)

    def may(self, request: Request) -> bool:
        return self.answer(request) is Decision.ALLOWED

    def answer(self, request: Request) -> Decision:
        context = {**self.world.principal(self.role), **request.context}
        return decide(Request(request.action, request.resource, context), self.policies, self.boundary)

    def gets_through(self, way: tuple[str, ...]) -> bool:
        return all(self._can(action) for action in way)

    def _can(self, action: str) -> bool:
        if action not in self._found:
            self._found[action] = any(self.may(request) for request in self.requests(action))
        return self._found[action]

    def requests(self, action: str) -> Iterator[Request]:
        """All that could be worth a try."""
        if action == "iam:PassRole":
            yield from self.world.passes(self.world.beyond(self.role))
            return
        context = self.world.compliant(self.role, action)
        for resource in self.world.targets(self.role, action):
            yield Request(action, resource, context)
        for document in self.policies:
            for statement in document["Statement"]:
                if statement["Effect"] == "Allow" and action in statement["Action"]:
                    filled = {**self.world.principal(self.role), **context}
                    for pattern in statement["Resource"]:
                        given = _satisfying(statement.get("Condition", {}), context)
                        yield Request(action, _some(pattern, filled), given)

    def allowed_to_do_more(self) -> "Attacker":
        """The same, if further policies allowed everything and the boundary too: only Denies speak."""
        return Attacker(self.world, self.role, (EVERYTHING, *self.policies), None)


class World:
    """An environment as attackers see it.

    Args:
        assembly: what was synthesised for it.
    """

    def __init__(self, assembly: Assembly) -> None:
        self.environment = assembly.environment
        resources = resources_of(stacks_of(assembly.folder))
        told = made_up(resources, self.environment.region, self.environment.account)
        self.platform = Platform(self.environment, resources, told)
        self.place = self.platform.place()
        self.all_roles = [each for each in resources if each.type == "AWS::IAM::Role"]
        self.roles = roles_of(resources)
        self.arns = [
            *(str(told(each.arn)) for each in self.all_roles),
            f"arn:aws:iam::{self.environment.account}:role/Administrator",
        ]
        self.policies = [str(told(each.ref)) for each in resources if each.type == "AWS::IAM::ManagedPolicy"]
        self.told = told
        self._right: dict[Role, Mapping[Key, Any]] = {}

    @cached_property
    def attackers(self) -> list[Attacker]:
        """Every role once; people of a team with the same policies count as one."""
        different = {(each.team, each.kind.name, *map(id, each.policies)): each for each in reversed(self.roles)}
        return [self.with_role(each) for each in different.values()]

    def with_role(self, role: Role) -> Attacker:
        policies = tuple(self.told(each) for each in role.policies)
        return Attacker(self, role, policies, self.told(role.boundary))

    def arn(self, role: Role) -> str:
        return str(self.told(role.resource.arn))

    def of_kinds(self, kinds: tuple[str, ...], team: str | None) -> list[Role]:
        return [each for each in self.roles if each.kind.name in kinds and each.team == team]

    def principal(self, role: Role) -> dict[str, Any]:
        """What a request says of who asks, from inside the VPC and, if it is a person's, from Studio."""
        return {
            "aws:PrincipalArn": self.arn(role),
            "aws:PrincipalAccount": self.environment.account,
            **{f"aws:PrincipalTag/{key}": value for key, value in role.tags.items()},
            "aws:SourceVpc": self.place.vpc,
            "aws:CurrentTime": "2026-12-01T12:00:00Z",
            **(
                {"sagemaker:DomainId": self.place.domain, "sagemaker:UserProfileName": role.member}
                if role.member
                else {}
            ),
        }

    def compliant(self, role: Role, action: str) -> dict[str, Any]:
        """What a request says of what is asked for, so that no guardrail minds."""
        if role not in self._right:
            self._right[role] = self.platform.values_of(role).right
        right = self._right[role]
        service, _, name = action.partition(":")
        keys = CONDITION_KEYS.get(name, frozenset()) if service == "sagemaker" else frozenset()
        team = role.team or self.environment.teams[0].name
        return {
            "aws:ResourceAccount": self.environment.account,
            **{
                f"aws:{what}Tag/{key}": value
                for what in ("Resource", "Request")
                for key, value in (("Team", team), ("Environment", self.environment.name))
            },
            "sagemaker:ModelArn": self.place.arn(f"model/{team}-a"),
            **{str(key): right[key] for key in keys if right[key] is not None},
        }

    def targets(self, role: Role, action: str) -> list[str]:
        """What there is that the action could be about."""
        service = action.partition(":")[0]
        if service in ("iam", "sts"):
            return ["*", *self.arns, *self.policies]
        if service != "sagemaker":
            return ["*"]
        team, domain = role.team or self.environment.teams[0].name, self.place.domain
        things = ("notebook-instance/a", f"pipeline/{team}-a", f"training-job/{team}-a", f"model/{team}-a")
        of_people = (f"space/{domain}/{role.member}-private", f"user-profile/{domain}/{role.member}")
        return ["*", *(self.place.arn(each) for each in (*things, *of_people))]

    def passes(self, what: Iterator[tuple[str, str]]) -> Iterator[Request]:
        for arn, service in what:
            context = {"aws:ResourceAccount": self.environment.account, "iam:PassedToService": service}
            yield Request("iam:PassRole", arn, context)

    def beyond(self, role: Role) -> Iterator[tuple[str, str]]:
        """Roles and services to which it is not meant to pass them."""
        meant = {(self.arn(each), SAGEMAKER) for each in self.of_kinds(role.kind.passes, role.team)}
        return ((arn, service) for arn in self.arns for service in SERVICES if (arn, service) not in meant)


def _some(pattern: str, context: Mapping[str, Any]) -> str:
    """A text that a pattern of a policy fits."""
    filled = re.sub(r"\$\{([^}]*)\}", lambda found: str(context.get(found[1], "x")), pattern)
    return filled.replace("*", "x").replace("?", "x")


def _satisfying(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, Any]) -> dict[str, Any]:
    """``context`` as a statement wants it."""
    given = dict(context)
    for operator, keys in conditions.items():
        for key, expected in keys.items():
            value = expected[0] if isinstance(expected, list) else expected
            if operator == "Null":
                given.pop(key, None) if value == "true" else given.setdefault(key, "x")
            elif "Not" not in operator:
                text = _some(str(value), context)
                given[key] = [text] if operator.startswith("For") else text
    return given


@pytest.fixture(scope="module")
def world(assembly: Assembly) -> World:
    return World(assembly)


@pytest.fixture(scope="module")
def prod_world(prod: Assembly) -> World:
    return World(prod)


def test_every_role_is_tried(world: World) -> None:
    """But that of the function which the CDK brings along; nobody passes it or changes the function."""
    left_out = {each.path for each in world.all_roles} - {each.resource.path for each in world.roles}
    assert [path.split("/")[:2] for path in left_out] == [
        ["Network", "Custom::VpcRestrictDefaultSGCustomResourceProvider"]
    ]
    kinds = {each.role.kind.name for each in world.attackers}
    assert {"Person", "Job", "Pipeline", "BatchJob", "BatchHost", "Notebook"} <= kinds


def test_the_strict_environment_has_a_role_of_every_kind(prod_world: World) -> None:
    kinds = {each.role.kind.name for each in prod_world.attackers}
    assert {"Auditor", "Approver", "Deployer", "WithoutIsolation", "Mlflow"} <= kinds


@pytest.mark.parametrize("way", WAYS, ids="+".join)
def test_no_role_gets_through(world: World, way: tuple[str, ...]) -> None:
    assert [each.role.name for each in world.attackers if each.gets_through(way)] == []


@pytest.mark.parametrize("way", WAYS, ids="+".join)
def test_a_role_that_may_do_it_is_found(world: World, way: tuple[str, ...]) -> None:
    """With a policy that allows everything beside its own: what no Deny is about gets through then."""
    for attacker in world.attackers:
        denied = attacker.role.kind.guarded and not NEVER.isdisjoint(way)
        assert attacker.allowed_to_do_more().gets_through(way) is not denied, attacker.role.name


# ---- passing and taking on roles ----


def test_a_role_is_passed_to_sagemaker_alone_and_is_the_own_teams(world: World) -> None:
    for attacker in world.attackers:
        role = attacker.role
        everything = ((arn, service) for arn in world.arns for service in SERVICES)
        passed = {
            (each.resource, each.context["iam:PassedToService"])
            for each in world.passes(everything)
            if attacker.may(each)
        }
        assert passed == {(world.arn(each), SAGEMAKER) for each in world.of_kinds(role.kind.passes, role.team)}


def test_a_role_of_sagemaker_or_batch_is_trusted_by_nobody_else(world: World) -> None:
    """So what may be passed can be had in no other way."""
    for role in world.roles:
        if role.kind.name in ("Job", "Pipeline", "BatchJob", "Notebook", "Person"):
            (statement,) = role.resource.properties["AssumeRolePolicyDocument"]["Statement"]
            service = "ecs-tasks.amazonaws.com" if role.kind.name == "BatchJob" else SAGEMAKER
            assert statement["Principal"] == {"Service": service}


def test_a_role_is_taken_on_only_by_a_person_with_an_exception(world: World) -> None:
    for attacker in world.attackers:
        role, context = attacker.role, world.compliant(attacker.role, "sts:AssumeRole")
        taken = {arn for arn in world.arns if attacker.may(Request("sts:AssumeRole", arn, context))}
        assert taken == {world.arn(each) for each in world.of_kinds(role.kind.takes_on, role.team)}


def test_an_exception_trusts_roles_of_its_own_team_alone(prod_world: World) -> None:
    roles = [each for each in prod_world.roles if each.kind.name == "WithoutIsolation"]
    assert roles
    for role in roles:
        (statement,) = prod_world.told(role.resource.properties["AssumeRolePolicyDocument"])["Statement"]
        trust = {"Statement": [{**statement, "Resource": "*", "Principal": None}]}
        del trust["Statement"][0]["Principal"]
        for other in prod_world.roles:
            request = Request("sts:AssumeRole", "*", prod_world.principal(other))
            assert (decide(request, [trust]) is Decision.ALLOWED) is (other.team == role.team)


def test_what_is_passed_has_no_right_that_its_holder_lacks(world: World) -> None:
    for role in world.roles:
        for passed in world.of_kinds(role.kind.passes, role.team):
            assert _allows(passed) <= _allows(role), (role.name, passed.name)
            # It carries every Deny of its holder, or none of its actions is one that they are about.
            missing = _denied(role) - _denied(passed)
            assert not missing & {action for _, action in _allows(passed)}, (role.name, passed.name)


def test_an_exception_gives_no_right_and_takes_no_deny_but_that_of_isolation(prod_world: World) -> None:
    for person in (each for each in prod_world.roles if each.kind.name == "Person"):
        for taken in prod_world.of_kinds(person.kind.takes_on, person.team):
            assert _allows(taken) <= _allows(person)
            lost = _statements(person, "Deny") - _statements(taken, "Deny")
            assert {sid for sid, _ in lost} == {"WithoutNetworkIsolation"}


def test_a_notebook_has_no_right_that_people_of_its_team_lack_but_to_what_it_brings_them(world: World) -> None:
    """Its scripts and logs, the repositories of its team, and libraries."""
    notebooks = [each for each in world.roles if each.kind.name == "Notebook"]
    assert notebooks
    for notebook in notebooks:
        for person in world.of_kinds(("Person",), notebook.team):
            more = {action for _, action in _allows(notebook) - _allows(person)}
            assert more <= {"s3:GetObject", *(f"logs:{each}" for each in LOGGING), *TOOLS}
            assert _denied(person) == _denied(notebook)


TOOLS = (
    *notebook_lifecycle.USE_REPOSITORIES,
    *notebook_lifecycle.SIGN_IN_TO_LIBRARIES,
    *notebook_lifecycle.READ_LIBRARIES,
    *notebook_lifecycle.BEARER_TOKENS,
)
LOGGING = ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")


def test_a_batch_job_has_no_right_that_people_of_its_team_lack(world: World) -> None:
    for job in (each for each in world.roles if each.kind.name == "BatchJob"):
        for person in world.of_kinds(("Person",), job.team):
            assert _allows(job) <= _allows(person)


def test_every_definition_of_batch_jobs_runs_as_the_role_of_its_own_team(world: World) -> None:
    roles = {
        (each.name.split(".")[0], world.told(container["JobRoleArn"]))
        for each in world.platform.resources
        if each.type == "AWS::Batch::JobDefinition"
        for container in _containers(each.properties)
    }
    assert roles == {
        (each.resource.name.split(".")[0], world.arn(each)) for each in world.roles if each.kind.name == "BatchJob"
    }


def _containers(definition: Mapping[str, Any]) -> list[Json]:
    nodes = definition.get("NodeProperties", {}).get("NodeRangeProperties", [])
    return [each["Container"] for each in nodes] or [definition["ContainerProperties"]]


def _allows(role: Role) -> set[tuple[str, str]]:
    """Every allowed action, with all that its statement says of it."""
    return {
        (repr([each["Resource"], each.get("Condition")]), action)
        for document in role.policies
        for each in document["Statement"]
        if each["Effect"] == "Allow"
        for action in each["Action"]
    }


def _statements(role: Role, effect: str) -> set[tuple[str, str]]:
    return {
        (each["Sid"], repr(each))
        for document in role.policies
        for each in document["Statement"]
        if each["Effect"] == effect
    }


def _denied(role: Role) -> set[str]:
    """Actions that some Deny is about."""
    return {
        action
        for document in role.policies
        for each in document["Statement"]
        if each["Effect"] == "Deny"
        for action in each["Action"]
    }


# ---- what belongs to others ----


@dataclass(frozen=True)
class Belonging:
    """A request about something that belongs to a team or a person, which its owner may make.

    Args:
        action: the action.
        resource: how the resource is called, with the owner's names to be filled in.
        context: what the request says of it, with the same.
        of_a_person: whether it is one person's.
    """

    action: str
    resource: str
    context: Mapping[str, str]
    of_a_person: bool = False

    def request(self, world: World, owner: Role) -> Request:
        names = {"team": owner.team, "member": owner.member, "environment": world.environment.name}
        names |= {"domain": world.place.domain, "share": str(owner.team).replace("-", "")}
        region, account = world.environment.region, world.environment.account
        service = self.action.split(":")[0]
        arn = f"arn:aws:{service}:{region}:{account}:{self.resource.format(**names)}"
        said = {key: value.format(**names, arn=arn.rpartition(":")[0]) for key, value in self.context.items()}
        return Request(self.action, arn, {**world.compliant(owner, self.action), **said})


TAGGED = {"aws:ResourceTag/Team": "{team}", "aws:ResourceTag/Environment": "{environment}"}
SUBMITTED = {
    "aws:RequestTag/Team": "{team}",
    "aws:RequestTag/Environment": "{environment}",
    "batch:ShareIdentifier": "{share}",
}
DEFINITION = f"job-definition/trainyard-{{environment}}-team-{{team}}-{ON_ONE_HOST}:1"
PRIVATE: dict[str, str] = {
    Key.SHARING_TYPE: "Private",
    Key.OWNER: "{arn}:user-profile/{domain}/{member}",
}

BELONGINGS = (
    *(
        Belonging(f"sagemaker:{action}", "notebook-instance/some-instance", TAGGED)
        for action in ("CreatePresignedNotebookInstanceUrl", "StartNotebookInstance", "StopNotebookInstance")
    ),
    *(
        Belonging(f"sagemaker:{action}", "pipeline/{team}-a", {})
        for action in ("UpdatePipeline", "StartPipelineExecution", "DeletePipeline", "StopPipelineExecution")
    ),
    *(
        Belonging(f"sagemaker:{action}", resource, PRIVATE, of_a_person=True)
        for action, resource in (
            ("CreateApp", "app/{domain}/{member}-private/JupyterLab/default"),
            ("DeleteApp", "app/{domain}/{member}-private/JupyterLab/default"),
            ("UpdateSpace", "space/{domain}/{member}-private"),
        )
    ),
    *(
        Belonging(f"sagemaker:{action}", resource, {Key.SHARING_TYPE: "Shared"})
        for action, resource in (
            ("CreateApp", "app/{domain}/{team}-shared/JupyterLab/default"),
            ("UpdateSpace", "space/{domain}/{team}-shared"),
        )
    ),
    Belonging("batch:SubmitJob", DEFINITION, SUBMITTED),
    Belonging("batch:TagResource", "job/some-job", {**TAGGED, **SUBMITTED}),
    Belonging("batch:TerminateJob", "job/some-job", TAGGED),
    Belonging("batch:CancelJob", "job/some-job", TAGGED),
)


@pytest.mark.parametrize("thing", BELONGINGS, ids=lambda each: f"{each.action} {each.resource.split('/')[0]}")
def test_what_belongs_to_others_is_theirs_alone(world: World, thing: Belonging) -> None:
    """Its owner makes the same request with success."""
    people = [each for each in world.roles if each.kind.name == "Person"]
    for owner in people:
        request = thing.request(world, owner)
        assert world.with_role(owner).may(request)
        for attacker in world.attackers:
            other = attacker.role
            colleague = other.member and other.team == owner.team and other is not owner
            if other.team != owner.team or (thing.of_a_person and colleague):
                assert not attacker.may(request), (owner.name, other.name)


@pytest.mark.parametrize("resource", [DEFINITION, "job/some-job"])
@pytest.mark.parametrize("key", SUBMITTED)
def test_a_batch_job_is_submitted_in_the_own_teams_name_and_share(prod_world: World, resource: str, key: str) -> None:
    for person in (each for each in prod_world.roles if each.kind.name == "Person"):
        request = Belonging("batch:SubmitJob", resource, SUBMITTED).request(prod_world, person)
        attacker = prod_world.with_role(person)
        assert attacker.may(request)
        for other in ("somebody", *(team.name for team in prod_world.environment.teams if team.name != person.team)):
            assert not attacker.may(Request(request.action, request.resource, {**request.context, key: other}))
        without = {name: value for name, value in request.context.items() if name != key}
        assert not attacker.may(Request(request.action, request.resource, without))


def test_a_grant_of_a_key_is_for_a_service_of_aws_alone(world: World) -> None:
    """Whoever grants a key to a principal of their own choice has given it away."""
    keys = [each.arn for each in world.platform.resources if each.type == "AWS::KMS::Key"]
    for attacker in world.attackers:
        for key in map(world.told, keys):
            unsaid: dict[str, Any] = {"aws:ResourceAccount": world.environment.account}
            for context in (unsaid, {**unsaid, "kms:GrantIsForAWSResource": False}):
                assert not attacker.may(Request("kms:CreateGrant", key, context)), attacker.role.name


def test_no_role_tags_what_is_there_already(world: World) -> None:
    """The tag Team says whose something is."""
    tagging = [(each, request) for each in world.attackers for request in each.requests("sagemaker:AddTags")]
    assert any(attacker.may(request) for attacker, request in tagging)
    for attacker, request in tagging:
        later = {key: value for key, value in request.context.items() if key != Key.TAGGING_ACTION}
        assert not attacker.may(Request(request.action, request.resource, later)), attacker.role.name


def test_only_an_approver_approves_and_makes_no_version(prod_world: World) -> None:
    approving = {
        attacker
        for attacker in prod_world.attackers
        for request in attacker.requests("sagemaker:UpdateModelPackage")
        if attacker.may(Request(request.action, request.resource, {**request.context, Key.APPROVAL: "Approved"}))
    }
    assert {each.role.kind.name for each in approving} == {"Approver"}
    assert not any(each.gets_through(("sagemaker:CreateModelPackage",)) for each in approving)


def test_nobody_else_changes_a_version_that_was_approved(prod_world: World) -> None:
    """No key tells what an update puts behind it."""
    changing = {each for each in prod_world.attackers if each.gets_through(("sagemaker:UpdateModelPackage",))}
    assert {each.role.kind.name for each in changing} == {"Approver"}
