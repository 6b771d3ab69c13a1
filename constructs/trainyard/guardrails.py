"""What nobody may do, whatever else they are allowed: Denies on what a request to SageMaker says, or leaves out.

Jobs are not in any template: whoever submits one decides how it runs. So the roles that may submit carry these
policies, which are made from the table in ``sagemaker_actions``. In a Deny, a missing value is the trap: ``Bool``,
``ForAnyValue`` and numbers do not match it, so what must be given is denied with ``BoolIfExists``, a negated operator,
or a ``Null`` of its own; and ``ForAllValues`` would let one foreign subnet pass among good ones.

Source: AWS docs IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html;
sagemaker/latest/dg/security_iam_id-based-policy-examples.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from constructs import Construct

from trainyard import sagemaker_actions as table
from trainyard.instance_types import LOCAL_STORAGE_PATTERNS
from trainyard.managed_policy import Conditions, ManagedPolicy, Statement
from trainyard.place import place_of
from trainyard.sagemaker_actions import KEY_TYPES, Demand, Key, Protection, Type

Values = Mapping[Protection, Sequence[str]]
"""Protection to what an environment allows; nothing for one whose values AWS decides."""

BY_AWS: tuple[str, ...] = ()


@dataclass(frozen=True)
class Allowed:
    """What an environment allows: all else is denied.

    Args:
        subnets: ids of its subnets.
        security_groups: ids of the groups that jobs and notebooks may be in.
        volume_key: ARN of the key of volumes.
        sharing_key: ARN of the key of what Studio shares.
        instance_types: SageMaker's instance types, or patterns of them.
        max_runtime_hours: how long a job may run.
        keep_alive_minutes: how long an instance may be kept for the next job.
        notebook_lifecycles, studio_lifecycles: how the names of lifecycle configurations begin.
        auth_mode: how people sign in to Studio.
        environment: the environment's name, which all work has as a tag.
        presigned_urls_from: the VPC that URLs may be asked for from; from anywhere if left out.
    """

    subnets: Sequence[str]
    security_groups: Sequence[str]
    volume_key: str
    sharing_key: str
    instance_types: Sequence[str]
    max_runtime_hours: int
    keep_alive_minutes: int
    notebook_lifecycles: str
    studio_lifecycles: str
    auth_mode: str
    environment: str
    presigned_urls_from: str | None


class NetworkGuardrails(ManagedPolicy):
    """Where work runs and whom it can talk to.

    Args:
        allowed: what the environment allows.
        isolated_from: the day, as YYYY-MM-DD, from which on jobs without network isolation are denied; if left out, it
            always is.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, allowed: Allowed, isolated_from: str | None = None
    ) -> None:
        later: Conditions = (
            {"DateGreaterThanEquals": {"aws:CurrentTime": f"{isolated_from}T00:00:00Z"}} if isolated_from else {}
        )
        super().__init__(
            scope,
            construct_id,
            statements=[
                *denies(table.NETWORK_ISOLATION, when=later),
                *_all(
                    {
                        table.MODEL_ISOLATION: BY_AWS,
                        table.TRAFFIC_ENCRYPTION: BY_AWS,
                        table.SUBNETS: allowed.subnets,
                        table.SECURITY_GROUPS: allowed.security_groups,
                    }
                ),
            ],
        )


class WorkGuardrails(ManagedPolicy):
    """What work runs on, for how long, under which key and in whose name.

    Args:
        allowed: what the environment allows.
    """

    def __init__(self, scope: Construct, construct_id: str, *, allowed: Allowed) -> None:
        super().__init__(
            scope,
            construct_id,
            statements=_all(
                {
                    table.VOLUME_KEYS: [allowed.volume_key],
                    table.VOLUME_KEYS_OF_THE_REST: [allowed.volume_key],
                    # Studio's own servers run on what it calls "system".
                    table.INSTANCE_TYPES: [*allowed.instance_types, "system"],
                    table.MAX_RUNTIME: [str(allowed.max_runtime_hours * 3600)],
                    table.KEEP_ALIVE: [str(allowed.keep_alive_minutes * 60)],
                    table.REMOTE_DEBUG: BY_AWS,
                    # A role of a team has its team as a tag.
                    table.TEAM_TAG: ["${aws:PrincipalTag/Team}"],
                    table.ENVIRONMENT_TAG: [allowed.environment],
                }
            ),
        )


class PlatformGuardrails(ManagedPolicy):
    """What Studio, notebook instances and the model registry may be made to do.

    Args:
        allowed: what the environment allows.
    """

    def __init__(self, scope: Construct, construct_id: str, *, allowed: Allowed) -> None:
        place = place_of(scope)
        # Studio itself fills these in for calls from inside it, and nobody else can.
        own_profile = place.arn("sagemaker", "user-profile/${sagemaker:DomainId}/${sagemaker:UserProfileName}")
        notebook_scripts = f"notebook-instance-lifecycle-config/{allowed.notebook_lifecycles}*"
        studio_scripts = f"studio-lifecycle-config/{allowed.studio_lifecycles}*"
        super().__init__(
            scope,
            construct_id,
            statements=[
                *_all(
                    {
                        table.INTERNET_ACCESS: BY_AWS,
                        table.ROOT_ACCESS: BY_AWS,
                        table.METADATA_VERSION: BY_AWS,
                        table.NOTEBOOK_LIFECYCLE: [place.arn("sagemaker", notebook_scripts)],
                        table.DOMAIN_NETWORK: BY_AWS,
                        table.AUTH_MODE: [allowed.auth_mode],
                        table.SHARING_KEYS: [allowed.sharing_key],
                        table.STUDIO_LIFECYCLE: [place.arn("sagemaker", studio_scripts)],
                        table.OWN_SPACES: [own_profile],
                        table.REMOTE_ACCESS: BY_AWS,
                        table.APPROVAL: BY_AWS,
                        table.TAGGED_LATER: BY_AWS,
                    }
                ),
                *_presigned_urls(allowed.presigned_urls_from),
                Statement("Never", NEVER, effect="Deny"),
            ],
        )


class TeamGuardrails(ManagedPolicy):
    """What differs from team to team.

    Args:
        output_key: ARN of the key of what its jobs write.
        file_systems: ids of the file systems that its jobs may read from.
    """

    def __init__(self, scope: Construct, construct_id: str, *, output_key: str, file_systems: Sequence[str]) -> None:
        super().__init__(
            scope,
            construct_id,
            statements=_all({table.OUTPUT_KEYS: [output_key], table.FILE_SYSTEMS: file_systems}),
        )


NEVER = (
    *(f"sagemaker:{action}" for action in table.FORBIDDEN),
    # A bucket may get a name that others trust: AWS names some of its own by account and region alone.
    "s3:CreateBucket",
)


def _all(values: Values) -> list[Statement]:
    return [statement for protection, allowed in values.items() for statement in denies(protection, allowed)]


def _presigned_urls(vpc_id: str | None) -> Iterator[Statement]:
    if vpc_id:
        yield Statement(
            "PresignedUrlsFromElsewhere",
            [f"sagemaker:{each}" for each in table.PRESIGNED],
            effect="Deny",
            conditions={"StringNotEquals": {"aws:SourceVpc": vpc_id}},
        )


def denies(protection: Protection, allowed: Sequence[str] = (), when: Conditions | None = None) -> list[Statement]:
    """The Denies that a protection needs, with operators that fit what its key holds and who may leave it out.

    Args:
        protection: the protection.
        allowed: what the environment allows. If it decides and allows nothing, the key must be left out.
        when: further conditions, without which nothing is denied.
    """
    both: Conditions = {**_circumstances(protection), **(when or {})}

    def deny(suffix: str, actions: Sequence[str], conditions: Conditions) -> Iterator[Statement]:
        if actions:
            yield Statement(
                protection.name + suffix,
                [f"sagemaker:{action}" for action in actions],
                effect="Deny",
                conditions=_merged(conditions, both),
            )

    key, optional = protection.key, [each for each in protection.actions if each in protection.optional]
    missing: Conditions = {"Null": {key: "true"}}
    given: Conditions = {"Null": {key: "false"}}
    values = list(protection.values or allowed)
    kind = KEY_TYPES[key]
    if protection.demand is Demand.GIVEN:
        return [*deny("", protection.actions, missing)]
    if protection.demand is Demand.TRUE:
        return [*deny("", protection.actions, {"BoolIfExists": {key: "false"}})]
    if protection.demand is Demand.NONE_OF:
        operator = "Bool" if kind is Type.BOOL else "StringEquals"
        return [*deny("", protection.actions, {operator: {key: values}})]
    if not values:
        return [*deny("", protection.actions, given)]
    if protection.demand is Demand.AT_MOST:
        wrong: Conditions = {"NumericGreaterThan": {key: values[0]}}
    else:
        wrong = {_other_than(kind, protection.demand): {key: values}}
    if kind.several or protection.demand is Demand.AT_MOST:
        # Neither matches a value that is missing.
        return [*deny("", protection.actions, wrong), *deny("Missing", protection.required, missing)]
    return [*deny("", protection.required, wrong), *deny("Changed", optional, _merged(wrong, given))]


def _other_than(kind: Type, demand: Demand) -> str:
    """The operator for a value that is none of those allowed, or several of which one is not."""
    base = "Arn" if kind in (Type.ARN, Type.ARNS) else "String"
    operator = base + ("NotLike" if demand is Demand.LIKE else "NotEquals")
    return f"ForAnyValue:{operator}" if kind.several else operator


def _circumstances(protection: Protection) -> Conditions:
    if protection.not_on_local_storage:
        return {"ForAnyValue:StringNotLike": {Key.INSTANCE_TYPES: list(LOCAL_STORAGE_PATTERNS)}}
    if protection.in_private_spaces:
        return {"StringEquals": {Key.SHARING_TYPE: "Private"}}
    return {}


def _merged(one: Conditions, other: Conditions) -> Conditions:
    """Both, which IAM joins by "and"."""
    return {operator: {**one.get(operator, {}), **other.get(operator, {})} for operator in {**one, **other}}
