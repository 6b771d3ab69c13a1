"""The access matrix: requests of every role, and whether IAM should allow them.

It is made from the table of SageMaker's actions (``trainyard.sagemaker_actions``), what each kind of role is for
(``roles``), and the environment's own resources (``values``). No policy is read for it, so that it can be held against
them: by the evaluator, and by IAM's own simulator. Which actions a kind of role has it takes from where the policies
take them; that none of these is one too many, tests/stacks/test_escalation.py shows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from operations.access.roles import Role
from operations.access.values import SOMEBODY, Platform, Said, Values
from policies.evaluator import Value
from trainyard.instances import has_local_storage
from trainyard.runtime_policy import ASK_ENDPOINTS
from trainyard.sagemaker_actions import (
    CONDITION_KEYS,
    FORBIDDEN,
    KEY_TYPES,
    NETWORK_ISOLATION,
    PRESIGNED,
    PROTECTIONS,
    VOLUME_KEYS,
    Demand,
    Key,
    Protection,
)
from trainyard.team_deployment import CONFIGURE, DEPLOY, USE_CONFIGS, USE_ENDPOINTS
from trainyard.team_people import (
    DEFINE_PIPELINES,
    FOLLOW_EXECUTIONS,
    OPEN_NOTEBOOKS,
    TAKE_ON,
    USE_NOTEBOOKS,
    USE_PIPELINES,
)
from trainyard.team_registry import (
    DESCRIBE_GROUPS,
    DESCRIBE_VERSIONS,
    EDIT_VERSIONS,
    REGISTER_GROUPS,
    REGISTER_VERSIONS,
)
from trainyard.team_studio import USE_APPS, USE_SPACES, private_space, shared_space
from trainyard.team_work import PASS_ROLE, SUBMIT_WITH_MODEL, WORK

NAMED_BY_TEAM: Mapping[str, tuple[str, ...]] = {
    **{work.resource: (f"sagemaker:{work.submit}", *(f"sagemaker:{each}" for each in work.follow)) for work in WORK},
    "pipeline": (*DEFINE_PIPELINES, *USE_PIPELINES, *FOLLOW_EXECUTIONS),
    "model-package-group": (*REGISTER_GROUPS, *DESCRIBE_GROUPS),
    "model-package": (*REGISTER_VERSIONS, *DESCRIBE_VERSIONS, *EDIT_VERSIONS),
    "endpoint-config": (*CONFIGURE, *USE_CONFIGS),
    "endpoint": (*DEPLOY, *USE_ENDPOINTS, *ASK_ENDPOINTS),
}
"""Resource type to the actions on what a team names after itself."""

OF_STUDIO: Mapping[str, str] = {
    **dict.fromkeys((*USE_APPS, "sagemaker:CreateApp"), "app/{domain}/{space}/jupyterlab/default"),
    **dict.fromkeys((*USE_SPACES, "sagemaker:CreateSpace", "sagemaker:DeleteSpace"), "space/{domain}/{space}"),
    "sagemaker:DescribeDomain": "domain/{domain}",
    "sagemaker:DescribeUserProfile": "user-profile/{domain}/{member}",
}

OF_NOBODY: Mapping[str, tuple[str, ...]] = {
    "training-job": ("UpdateTrainingJob", "DeleteTags"),
    "automl-job": ("CreateAutoMLJob", "CreateAutoMLJobV2"),
    "job": ("CreateJob",),
    "labeling-job": ("CreateLabelingJob",),
    "monitoring-schedule": ("CreateMonitoringSchedule", "UpdateMonitoringSchedule"),
    "data-quality-job-definition": ("CreateDataQualityJobDefinition",),
    "model-quality-job-definition": ("CreateModelQualityJobDefinition",),
    "model-bias-job-definition": ("CreateModelBiasJobDefinition",),
    "model-explainability-job-definition": ("CreateModelExplainabilityJobDefinition",),
    "notebook-instance": ("CreateNotebookInstance", "UpdateNotebookInstance"),
    "domain": ("CreateDomain", "UpdateDomain"),
    "user-profile": ("CreateUserProfile", "UpdateUserProfile"),
    "cluster": ("CreateCluster", "UpdateCluster"),
    "model-package-group": ("PutModelPackageGroupPolicy",),
    "algorithm": ("CreateAlgorithm",),
}
"""Resource type to actions that no kind of role has."""


def named(type_: str) -> str:
    """What a resource of a type is called; a model package is a version in a group."""
    return f"{type_}/{{team}}-a" + ("/1" if type_ == "model-package" else "")


RESOURCES: Mapping[str, str] = {
    **{f"sagemaker:{action}": f"{type_}/{{team}}-a" for type_, all_ in OF_NOBODY.items() for action in all_},
    **{action: named(type_) for type_, actions in NAMED_BY_TEAM.items() for action in actions},
    **dict.fromkeys((*USE_NOTEBOOKS, *OPEN_NOTEBOOKS), "notebook-instance/some-instance"),
    **OF_STUDIO,
}
"""Action to what it is done to; what is not here is done to no resource, or to any."""

TAGGABLE = (*NAMED_BY_TEAM, "app")
OF_A_MODEL = frozenset((*SUBMIT_WITH_MODEL, *CONFIGURE))
IN_SPACES = frozenset((*USE_APPS, *USE_SPACES))

GUARDED = tuple(f"sagemaker:{action}" for action in CONDITION_KEYS)
NEVER = tuple(f"sagemaker:{action}" for action in FORBIDDEN)
URLS = tuple(f"sagemaker:{action}" for action in PRESIGNED)

SAGEMAKER, ECS = "sagemaker.amazonaws.com", "ecs-tasks.amazonaws.com"
MODEL, SOURCE_VPC, NOW = "sagemaker:ModelArn", "aws:SourceVpc", "aws:CurrentTime"
TAGS_OF_RESOURCE = ("aws:ResourceTag/Team", "aws:ResourceTag/Environment")

Given = dict[str, Value | Sequence[str]]
Changes = Mapping[str, Said]
"""Condition key to what a request says in it; None leaves the key out."""


@dataclass(frozen=True, eq=False)
class Case:
    """A request, and whether it should be allowed.

    Args:
        role: who asks.
        action: what for.
        resource: for what, as an ARN, or ``*``.
        context: condition key to value or values.
        allowed: what IAM should say.
        what: what is special about it, in a few words.
        all_else_allowed: whether the role is asked about as if further policies allowed everything, and its boundary
            too, so that only its Denies speak.
    """

    role: Role
    action: str
    resource: str
    context: Given = field(repr=False)
    allowed: bool
    what: str
    all_else_allowed: bool = False

    @property
    def name(self) -> str:
        """Whose it is, the action, and what is special."""
        ending = ", if all else were allowed" if self.all_else_allowed else ""
        return f"{self.role.name}: {self.action.removeprefix('sagemaker:')}: {self.what}{ending}"

    @property
    def circumstances(self) -> tuple[str, str, str, bool]:
        """All that it asks but the action, which several cases can have in common."""
        return self.role.name, self.resource, repr(sorted(self.context.items())), self.all_else_allowed

    @property
    def asks(self) -> tuple[str, tuple[str, str, str, bool]]:
        """All that it asks."""
        return self.action, self.circumstances


def matrix(platform: Platform, roles: Iterable[Role]) -> list[Case]:
    """All cases of some roles of a platform.

    The people of a team have the same policies, so only the first of them is asked for everything. What the Denies say
    of actions that nobody is meant to have is asked of one role for each set of guardrails: a person, or a pipeline in
    a team without people, and the role whose jobs need no isolation.
    """
    roles = list(roles)
    cases: list[Case] = []
    asked: set[tuple[str | None, str]] = set()
    for role in roles:
        requests = _Requests(platform, role)
        first = (role.team, role.kind.name) not in asked
        asked.add((role.team, role.kind.name))
        cases += requests.as_it_is(roles, in_full=first)
        if role.kind.guarded and first:
            people = any(each.team == role.team and each.member for each in roles)
            one = role.kind.name in ("Person" if people else "Pipeline", "WithoutIsolation")
            cases += requests.of_the_denies(in_full=one)
    # A change can make a request what it was, or what another one makes it.
    return list({each.asks: each for each in reversed(cases)}.values())[::-1]


@dataclass(frozen=True, eq=False)
class _Change:
    """What makes a request differ from a compliant one."""

    what: str
    context: Changes
    allowed: bool


COMPLIANT = _Change("compliant", {}, allowed=True)


class _Requests:
    """The requests of one role."""

    def __init__(self, platform: Platform, role: Role) -> None:
        self._platform, self._role = platform, role
        self._values: Values = platform.values_of(role)
        self._team = role.team or platform.environment.teams[0].name
        self._until = next(
            (
                team.without_network_isolation.until
                for team in platform.environment.teams
                if team.name == role.team and role.kind.name == "WithoutIsolation" and team.without_network_isolation
            ),
            None,
        )

    def as_it_is(self, roles: Iterable[Role], *, in_full: bool) -> Iterator[Case]:
        """What the role gets with its own policies and its boundary."""
        kind = self._role.kind
        for action in kind.may:
            yield self._case(action, COMPLIANT)
            if self._role.team:
                yield from self._of_others(action)
                for change in self._changes(action) if in_full else ():
                    yield self._case(action, change)
        for action in dict.fromkeys((*GUARDED, *NEVER, *URLS)):
            if action not in kind.may and action != "sagemaker:AddTags":
                yield self._case(action, _Change("not meant for it", {}, allowed=False))
        yield from self._tagging()
        yield from self._passing(roles)

    def of_the_denies(self, *, in_full: bool) -> Iterator[Case]:
        """What its Denies say of every action of the table, whatever else allows it."""
        for action in (*NEVER, "s3:CreateBucket"):
            yield self._case(action, _Change("forbidden", {}, allowed=False), all_else_allowed=True)
        for action in (*URLS, *(GUARDED if in_full else ())):
            for change in (COMPLIANT, *self._guarded(action)):
                yield self._case(action, change, all_else_allowed=True)

    def _changes(self, action: str) -> Iterator[_Change]:
        """What its own policies and its guardrails ask of a request, one broken at a time."""
        if self._role.kind.guarded:
            yield from self._guarded(action)
        if action in self._role.kind.by_tag:
            yield from self._other_tags()
        if action in OF_A_MODEL:
            yield from self._other_models()

    def _guarded(self, action: str) -> Iterator[_Change]:
        """What the protections of an action ask of its request, one broken at a time."""
        if action in URLS:
            yield from self._from_elsewhere()
        short = action.removeprefix("sagemaker:")
        keys = CONDITION_KEYS.get(short, frozenset())
        for protection in PROTECTIONS:
            if short in protection.actions:
                yield from self._broken(protection, short)
            elif short in protection.free and protection.key in keys:
                for what, value in self._wrong(protection.key):
                    yield _Change(f"{what}, which is not looked at", {protection.key: value}, allowed=True)
        if Key.INSTANCE_TYPES in keys:
            # Studio's own servers run on what it calls "system".
            for each in (*self._values.instance_types, *(["system"] if short == "CreateApp" else [])):
                keyless = has_local_storage(each) and short in VOLUME_KEYS.actions
                without: Changes = {Key.VOLUME_KEY: None} if keyless else {}
                what = f"on {each}" + (" without VolumeKmsKeyArn" if keyless else "")
                yield _Change(what, {Key.INSTANCE_TYPES: [each], **without}, allowed=True)

    def _broken(self, protection: Protection, action: str) -> Iterator[_Change]:
        key, name = protection.key, protection.key.partition(":")[2]
        space: Changes = {Key.SHARING_TYPE: "Private"} if protection.in_private_spaces else {}
        if protection.not_on_local_storage:
            yield from self._without_volume_key()
        else:
            optional = action in protection.optional
            yield from self._dated(protection, _Change(f"without {name}", {key: None, **space}, allowed=optional))
        if protection.demand is Demand.GIVEN:
            return
        for word, value in self._values.also.get(key, {}).items():
            yield _Change(f"with {name} {word}", {key: value}, allowed=True)
        if self._until and protection is NETWORK_ISOLATION:
            yield _Change(f"isolated, at {self._until}", {NOW: f"{self._until}T00:00:00Z"}, allowed=True)
        for what, value in self._wrong(key):
            yield from self._dated(protection, _Change(what, {key: value, **space}, allowed=False))
            if protection.in_private_spaces:
                yield _Change(f"{what}, in a shared space", {key: value, Key.SHARING_TYPE: "Shared"}, allowed=True)
        if protection.in_private_spaces:
            yield _Change("in no space", {key: None, Key.SHARING_TYPE: None}, allowed=True)
        if KEY_TYPES[key].several:
            right = self._values.right[key]
            assert isinstance(right, list)
            for word, value in self._values.wrong[key].items():
                yield _Change(f"with {name} {word} among good ones", {key: [*right, str(value)]}, allowed=False)

    def _dated(self, protection: Protection, change: _Change) -> Iterator[_Change]:
        """A change, and for the role whose jobs need no isolation once before the end of that and twice after it."""
        if not self._until or protection is not NETWORK_ISOLATION or change.allowed:
            yield change
            return
        end = date.fromisoformat(self._until)
        for moment, allowed in (
            (f"{end - timedelta(days=1)}T23:59:59Z", True),
            (f"{end}T00:00:00Z", False),
            (f"{end + timedelta(days=365)}T12:00:00Z", False),
        ):
            yield _Change(f"{change.what}, at {moment}", {**change.context, NOW: moment}, allowed)

    def _without_volume_key(self) -> Iterator[_Change]:
        plain = [each for each in self._values.instance_types if not has_local_storage(each)]
        local = [each for each in self._values.instance_types if has_local_storage(each)]
        for types in (*([each] for each in plain), *([[local[0], plain[0]]] if plain and local else [])):
            what = f"on {' and '.join(types)} without VolumeKmsKeyArn"
            yield _Change(what, {Key.VOLUME_KEY: None, Key.INSTANCE_TYPES: types}, allowed=False)

    def _wrong(self, key: Key) -> Iterator[tuple[str, Said]]:
        name = key.partition(":")[2]
        for word, value in self._values.wrong[key].items():
            yield f"with {name} {word}", [str(value)] if KEY_TYPES[key].several else value

    def _from_elsewhere(self) -> Iterator[_Change]:
        allowed = not self._platform.environment.access.presigned_urls_from_vpc_only
        yield _Change("from another VPC", {SOURCE_VPC: "vpc-0123456789abcdef0"}, allowed)
        yield _Change("from outside of any VPC", {SOURCE_VPC: None}, allowed)

    def _other_tags(self) -> Iterator[_Change]:
        for key in TAGS_OF_RESOURCE:
            yield _Change(f"without {key}", {key: None}, allowed=False)
            yield _Change(f"with {key} of another", {key: SOMEBODY}, allowed=False)

    def _other_models(self) -> Iterator[_Change]:
        yield _Change("without ModelArn", {MODEL: None}, allowed=False)
        for team in self._platform.other_teams(self._team):
            yield _Change(f"of a model of {team}", {MODEL: self._values.place.arn(f"model/{team}-a")}, allowed=False)

    def _of_others(self, action: str) -> Iterator[Case]:
        """The same action on what belongs to others, or to all of the team."""
        others: list[tuple[str, dict[str, str]]]
        others = [(f"of team {team}", {"team": team}) for team in self._platform.other_teams(self._team)]
        if self._role.member:
            others += [
                ("in the space of somebody else", {"space": private_space(SOMEBODY)}),
                ("in the space of another team", {"space": shared_space(SOMEBODY)}),
                ("of somebody else", {"member": SOMEBODY}),
            ]
        for what, names in others:
            if self._resource(action, names=names) != self._resource(action):
                yield self._case(action, _Change(what, {}, allowed=False), names=names)
        if action in IN_SPACES:
            owner = self._values.wrong[Key.OWNER]["somebody else"]
            shared: Changes = {Key.SHARING_TYPE: "Shared", Key.OWNER: owner}
            ours = _Change("in the space of the team", shared, allowed=True)
            yield self._case(action, ours, names={"space": shared_space(self._team)})

    def _tagging(self) -> Iterator[Case]:
        kind, action = self._role.kind, "sagemaker:AddTags"
        for type_ in TAGGABLE:
            pattern = OF_STUDIO["sagemaker:CreateApp"] if type_ == "app" else named(type_)
            meant = type_ in kind.tags
            yield self._case(action, _Change(f"on a new {type_}", {}, meant), pattern)
            if meant:
                later = _Change(f"on a {type_} that is there", {Key.TAGGING_ACTION: None}, allowed=False)
                yield self._case(action, later, pattern)
                others = _Change(f"on a new {type_} of others", {}, allowed=False)
                names = {"team": SOMEBODY, "space": private_space(SOMEBODY)}
                yield self._case(action, others, pattern, names)

    def _passing(self, roles: Iterable[Role]) -> Iterator[Case]:
        """Which roles it hands to a service, and which it takes on."""
        kind = self._role.kind
        for other in roles:
            if other is not self._role and (other.team is None or other.kind.name in ("Person", "Notebook")):
                continue
            arn = str(self._platform.told(other.resource.arn))
            tags = {f"aws:ResourceTag/{key}": value for key, value in other.tags.items()}
            own = other.team == self._role.team
            passed = own and other.kind.name in kind.passes
            for service, allowed in ((SAGEMAKER, passed), (ECS, False)):
                to = _Change(f"{other.name} to {service}", {"iam:PassedToService": service, **tags}, allowed)
                yield self._case(PASS_ROLE[0], to, arn)
            for action in TAKE_ON:
                taken_on = _Change(other.name, tags, own and other.kind.name in kind.takes_on)
                yield self._case(action, taken_on, arn)

    def _case(
        self,
        action: str,
        change: _Change,
        pattern: str | None = None,
        names: Mapping[str, str] | None = None,
        *,
        all_else_allowed: bool = False,
    ) -> Case:
        resource = self._resource(action, pattern, names)
        context = {**self._context(action, resource), **change.context}
        given = {str(key): value for key, value in context.items() if value is not None}
        return Case(self._role, action, resource, given, change.allowed, change.what, all_else_allowed)

    def _resource(self, action: str, pattern: str | None = None, names: Mapping[str, str] | None = None) -> str:
        pattern = pattern or RESOURCES.get(action, "*")
        if pattern == "*" or pattern.startswith("arn:"):
            return pattern
        member = self._role.member or SOMEBODY
        known = {
            "team": self._team,
            "member": member,
            "space": private_space(member),
            "domain": self._values.place.domain,
        }
        return self._values.place.arn(pattern.format_map({**known, **(names or {})}))

    def _context(self, action: str, resource: str) -> dict[str, Said]:
        """What a compliant request says, and what AWS adds to it."""
        place, role = self._values.place, self._role
        keys = CONDITION_KEYS.get(action.removeprefix("sagemaker:"), ())
        return {
            **({"aws:ResourceAccount": place.account} if resource != "*" else {}),
            **{f"aws:PrincipalTag/{key}": value for key, value in role.tags.items()},
            SOURCE_VPC: place.vpc,
            # A moment at which every exception holds.
            **({NOW: f"{date.fromisoformat(self._until) - timedelta(days=1)}T00:00:00Z"} if self._until else {}),
            **({"sagemaker:DomainId": place.domain, "sagemaker:UserProfileName": role.member} if role.member else {}),
            **{str(key): self._values.right[key] for key in keys},
            **({MODEL: place.arn(f"model/{self._team}-a")} if action in OF_A_MODEL else {}),
            **(
                dict(zip(TAGS_OF_RESOURCE, (self._team, self._platform.environment.name), strict=True))
                if action in role.kind.by_tag
                else {}
            ),
        }
