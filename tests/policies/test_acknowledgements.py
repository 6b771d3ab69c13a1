"""The reason of each acknowledgement is true of the resource it stands at."""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import aws_cdk as cdk
import cfnlint
import pytest

from tests.conftest import SHIPPED
from tests.support import Assembly, Json
from trainyard.instances import has_local_storage
from trainyard.runtime_policy import LOG_GROUPS
from trainyard.team_work import names_of

ACKNOWLEDGED = cdk.Validations.ACKNOWLEDGED_RULES_METADATA_KEY


class Acknowledged(NamedTuple):
    """One reason for one finding: at which resource, and at which statement of it if it is a policy."""

    assembly: Assembly
    stack: str
    resource: Json
    finding: str
    sid: str
    reason: str

    @property
    def properties(self) -> Json:
        properties: Json = self.resource["Properties"]
        return properties

    @property
    def named(self) -> str:
        """The wildcard: an action, or a resource in the words of cdk-nag."""
        return self.finding.partition("::")[2].partition("::")[2].removesuffix("]")

    @property
    def statement(self) -> Json:
        """The statement of a policy whose reason this is."""
        (statement,) = (each for each in self.properties["PolicyDocument"]["Statement"] if each["Sid"] == self.sid)
        return dict(statement)


def _acknowledged(assembly: Assembly) -> Iterator[Acknowledged]:
    for stack in assembly.root.node.children:
        if not isinstance(stack, cdk.Stack):
            continue
        name = stack.stack_name.removeprefix(f"trainyard-{assembly.environment.name}-")
        for construct in stack.node.find_all():
            for entry in construct.node.metadata:
                if entry.type == ACKNOWLEDGED:
                    # An acknowledgement at a construct of the CDK is meant for its resource.
                    at = construct if isinstance(construct, cdk.CfnElement) else construct.node.default_child
                    assert isinstance(at, cdk.CfnElement)
                    resource = assembly.stacks[name]["Resources"][stack.get_logical_id(at)]
                    for finding, reason in entry.data.items():
                        if finding.startswith("CloudFormation-Validate::"):
                            continue
                        for sid, why in _parted(reason, resource):
                            yield Acknowledged(assembly, name, resource, finding, sid, why)


def _parted(reason: str, resource: Json) -> Iterator[tuple[str, str]]:
    """Statement and reason; other resources than policies have no statements."""
    if resource["Type"] != "AWS::IAM::ManagedPolicy":
        yield "", reason
        return
    for part in reason.split(". "):
        sid, _, why = part.partition(": ")
        yield sid, why


@cache
def _actions_with_resources() -> set[str]:
    """Every action that takes a resource, in small letters, from the reference that cfn-lint carries."""
    file = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json"
    return {
        f"{service}:{action}"
        for service, each in json.loads(file.read_text()).items()
        for action, facts in each["Actions"].items()
        if facts.get("Resources")
    }


def _take_no_resource(given: Acknowledged) -> bool:
    actions = {action.lower() for action in given.statement["Action"]}
    return bool(actions) and not actions & _actions_with_resources()


def _in_own_folder(given: Acknowledged) -> bool:
    folder = given.named.partition("/")[2].partition("/")[0]
    owners = {team.name for team in given.assembly.environment.teams} | {"mlflow"}
    return given.named.startswith("<") and folder in owners and given.named.count("*") == 1


def _named_after_the_team(given: Acknowledged) -> bool:
    """What the team names, or a pipeline after a step that the team named."""
    team = given.stack.removeprefix("team-")
    return bool(re.search(rf"[/:](log-stream:)?(pipelines-\*-)?{team}-\*(/\*)?$", given.named))


def _ends_in(*kinds: str) -> Callable[[Acknowledged], bool]:
    return lambda given: given.named.endswith(kinds) and given.named.count("*") == 1


def _limited_by(operator: str, key: str) -> Callable[[Acknowledged], bool]:
    return lambda given: key in given.statement.get("Condition", {}).get(operator, {})


def _is_only_a_boundary(given: Acknowledged) -> bool:
    resources = given.assembly.stacks[given.stack]["Resources"]
    (logical_id,) = (key for key, each in resources.items() if each == given.resource)
    roles = given.assembly.resources("AWS::IAM::Role").values()
    return logical_id not in str([role["Properties"].get("ManagedPolicyArns") for role in roles])


def _keeps_old_versions(given: Acknowledged) -> bool:
    (rule,) = given.properties["LifecycleConfiguration"]["Rules"]
    days: int = rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
    return given.properties["VersioningConfiguration"] == {"Status": "Enabled"} and days >= 1


def _takes_no_key(given: Acknowledged) -> bool:
    instance_type = given.properties["InstanceType"]
    return given.reason.startswith(instance_type) and has_local_storage(instance_type)


def _admits_itself_alone(given: Acknowledged) -> bool:
    return "SecurityGroupIngress" not in given.properties  # the rules of their own: tests/policies/test_gate.py


def _is_a_job_or_own_definition(given: Acknowledged) -> bool:
    own = f":job-definition/trainyard-{given.assembly.environment.name}-{given.stack}-"
    return given.named.endswith(":job/*") or own in given.named


def _is_a_group_of_sagemaker(given: Acknowledged) -> bool:
    group = given.named.partition(":log-group:/aws/sagemaker/")[2]
    own = f"Endpoints/{given.stack.removeprefix('team-')}-*"
    return group in (*(f"{each}*" for each in (*LOG_GROUPS, "studio", "NotebookInstances")), own)


def _is_a_stream_of_its_own(given: Acknowledged) -> bool:
    log = given.named.partition(":log-group:/aws/sagemaker/")[2]
    team = given.stack.removeprefix("team-")
    return log in {f"{group}:log-stream:{name}" for group in LOG_GROUPS for name in names_of(team)} | {
        f"Endpoints/{team}-*"
    }


def _begins_with_no_team(given: Acknowledged) -> bool:
    """The names of the instances come from CloudFormation."""
    log = given.named.partition(":log-group:/aws/sagemaker/")[2]
    instances = given.assembly.resources("AWS::SageMaker::NotebookInstance").values()
    return log in {"studio:log-stream:*", "NotebookInstances:log-stream:*"} and not any(
        "NotebookInstanceName" in each["Properties"] for each in instances
    )


def _changes_nothing(given: Acknowledged) -> bool:
    return all(
        re.fullmatch(r"\w+:(Describe|List|Get|View|Lookup|Simulate)\w+", each) for each in given.statement["Action"]
    )


def _statements(given: Acknowledged) -> list[Json]:
    """Those of the policies that stand in the role's own stack."""
    resources = given.assembly.stacks[given.stack]["Resources"]
    policies = [resources[each["Ref"]] for each in given.properties["ManagedPolicyArns"] if "Ref" in each]
    return [statement for policy in policies for statement in policy["Properties"]["PolicyDocument"]["Statement"]]


def _is_denied_again(given: Acknowledged) -> bool:
    (team,) = [each for each in given.assembly.environment.teams if given.stack == f"team-{each.name}"]
    assert team.without_network_isolation
    day = team.without_network_isolation.until
    again = {"DateGreaterThanEquals": {"aws:CurrentTime": f"{day}T00:00:00Z"}}
    action = f"sagemaker:{given.finding.partition('[')[2].partition(':')[0]}"
    return day in given.reason and any(
        each["Effect"] == "Deny" and action in each["Action"] and again.items() <= each["Condition"].items()
        for each in _statements(given)
    )


def _makes_nothing(given: Acknowledged) -> bool:
    actions = [action.partition(":")[2] for each in _statements(given) for action in each["Action"]]
    return {"UpdateModelPackage"} == {each for each in actions if not each.startswith(("Describe", "List"))}


def _runs_as_nobody(given: Acknowledged) -> bool:
    (domain,) = given.assembly.resources("AWS::SageMaker::Domain").values()
    role = given.assembly.resources()[
        f"studio.{domain['Properties']['DefaultSpaceSettings']['ExecutionRole']['Fn::GetAtt'][0]}"
    ]
    return not role["Properties"].get("ManagedPolicyArns")


# How a reason begins, and whether it is so.
TRUE: dict[str, Callable[[Acknowledged], bool]] = {
    "AWS has no resource for this action; which images": _take_no_resource,
    "A metric belongs to a namespace": _limited_by("StringLike", "cloudwatch:namespace"),
    "The token stands for the role itself; only CodeArtifact": _limited_by("StringEquals", "sts:AWSServiceName"),
    "AWS has no resource for this action": _take_no_resource,
    "AWS has no resources for these": _take_no_resource,
    "All that lies in a folder": _in_own_folder,
    "A job gets its name when": _named_after_the_team,
    "A job gets its id when it is submitted; only the team's own tag": _limited_by(
        "StringEquals", "aws:RequestTag/Team"
    ),
    "A job gets its id when it is submitted; only the team's own can": _limited_by(
        "StringEquals", "aws:ResourceTag/Team"
    ),
    "An instance gets its name when": _limited_by("StringEquals", "aws:ResourceTag/Team"),
    "A job gets its id when it is submitted; a definition": _is_a_job_or_own_definition,
    "Its groups are named when they are made": _named_after_the_team,
    "An endpoint gets its name when": _named_after_the_team,
    "The apps of these two spaces": _ends_in("-private/*", "-shared/*"),
    "The interface gets its id": _ends_in(":network-interface/*"),
    "AWS takes the group for the resource here": _is_a_group_of_sagemaker,
    "SageMaker names a log stream after its job": _is_a_stream_of_its_own,
    "SageMaker begins the names of these streams with an instance or a domain": _begins_with_no_team,
    "An auditor looks for": _changes_nothing,
    "It is for sharing": _runs_as_nobody,
    "The environment file lifts it until": _is_denied_again,
    "To approve is what the role is for": _makes_nothing,
    "Batch makes the clusters": _ends_in(":cluster/*", ":container-instance/*", ":task/*"),
    "CloudFormation ends the name of a log group, and each job of the team": lambda given: given.named.endswith(
        f"-batch-*:log-stream:{given.stack.removeprefix('team-')}/*"
    ),
    "CloudFormation ends the name of a log group": _ends_in("-batch-*"),
    "CloudFormation ends the name of a repository": _ends_in("-data-*"),
    "A boundary grants nothing": _is_only_a_boundary,
    "A replica would be": _keeps_old_versions,
    "Neither access logs nor Lustre": _keeps_old_versions,
    "ml.": _takes_no_key,
    "EFA works only": _admits_itself_alone,
}


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.slow
def test_every_reason_is_true(assembly_of: Callable[[str], Assembly], name: str) -> None:
    for given in _acknowledged(assembly_of(name)):
        checks = [check for beginning, check in TRUE.items() if given.reason.startswith(beginning)]
        assert checks, f"{given.finding}: no test says whether this is true: {given.reason}"
        assert checks[0](given), f"{given.stack}: {given.finding}: this is not true: {given.reason}"


@pytest.mark.slow
def test_every_kind_of_reason_is_still_given(assembly_of: Callable[[str], Assembly]) -> None:
    reasons = {given.reason for name in SHIPPED for given in _acknowledged(assembly_of(name))}
    assert [beginning for beginning in TRUE if not any(reason.startswith(beginning) for reason in reasons)] == []
