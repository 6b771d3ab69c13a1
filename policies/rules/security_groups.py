"""Security groups as the rules read them: their rules, wherever they are written, and who uses the groups."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from policies.rules.documents import INLINE, MANAGED, ROLE, statements
from policies.rules.template import App, Json, Resource, get, is_known, listed, walk

GROUP = "AWS::EC2::SecurityGroup"
OUT, IN = "SecurityGroupEgress", "SecurityGroupIngress"
"""Directions, by the property of a group and by the end of the type of a rule that stands by itself."""

PEERS = ("SourceSecurityGroupId", "SourceSecurityGroupName", "DestinationSecurityGroupId")
PROTOCOLS = {"6": "tcp", "17": "udp", "esp": "50"}

JOBS = (
    "AWS::SageMaker::ProcessingJob",
    "AWS::SageMaker::MonitoringSchedule",
    "AWS::SageMaker::DataQualityJobDefinition",
    "AWS::SageMaker::ModelQualityJobDefinition",
    "AWS::SageMaker::ModelBiasJobDefinition",
    "AWS::SageMaker::ModelExplainabilityJobDefinition",
)
MACHINE_LEARNING = ("AWS::SageMaker::", "AWS::FSx::", "AWS::Batch::")


@dataclass(frozen=True)
class GroupRule:
    """One rule of a security group.

    Args:
        holder: the resource that it is written in: the group, or a resource that is only this rule.
        path: where in it; empty for a resource of its own.
        direction: ``IN`` or ``OUT``.
        group: the group that has it; None for one that is not of the app.
        peer_id: the group at the other end as it is written; None when the other end is no group.
        peer: that group; None for one that is not of the app.
        body: as it is written.
    """

    holder: Resource
    path: str
    direction: str
    group: Resource | None
    peer_id: Any
    peer: Resource | None
    body: Json = field(repr=False)

    @property
    def addresses(self) -> Any:
        return self.body.get("CidrIp") or self.body.get("CidrIpv6")

    @property
    def all_traffic(self) -> bool:
        return str(self.body.get("IpProtocol")) == "-1"

    def covers(self, protocol: str, first: int | None = None, last: int | None = None) -> bool:
        """Whether it lets ``protocol`` through on all ports from ``first`` to ``last``, as far as is known."""
        own = self.body.get("IpProtocol")
        if self.all_traffic or not is_known(own):
            return True
        if PROTOCOLS.get(str(own), str(own)) != protocol:
            return False
        if first is None or last is None:
            return True
        start, end = self.body.get("FromPort", first), self.body.get("ToPort", last)
        return not (is_known(start) and int(start) > first) and not (is_known(end) and int(end) < last)


def rules(app: App) -> Iterator[GroupRule]:
    """Every rule of every group."""
    for group in app.of(GROUP):
        for direction in (IN, OUT):
            for index, body in enumerate(group.list(direction)):
                if isinstance(body, dict) and is_known(body):
                    yield _rule(app, group, f"{direction}.{index}", direction, group, body)
    for direction in (IN, OUT):
        for each in app.of(f"AWS::EC2::{direction}"):
            yield _rule(app, each, "", direction, _group(app, each.get("GroupId"), each), each.properties)


def _rule(app: App, holder: Resource, path: str, direction: str, group: Resource | None, body: Json) -> GroupRule:
    peer_id = next((body[key] for key in PEERS if key in body), None)
    return GroupRule(holder, path, direction, group, peer_id, _group(app, peer_id, holder), body)


def _group(app: App, value: Any, user: Resource) -> Resource | None:
    target = app.target(value, user)
    return target if target and target.type == GROUP else None


def groups_in(app: App, user: Resource, value: Any) -> list[Resource]:
    """The groups of the app that ``value``, which stands in ``user``, refers to anywhere."""
    found = (_group(app, each, user) for each in walk(value))
    return list(dict.fromkeys(each for each in found if each))


def machine_learning_groups(app: App) -> list[Resource]:
    """The groups of notebooks, Studio, models, jobs, file systems and Batch hosts."""
    users = [each for each in app.resources if each.type.startswith(MACHINE_LEARNING)] + batch_launch_templates(app)
    found = [group for user in users for group in groups_in(app, user, user.properties)]
    return list(dict.fromkeys([*found, *job_groups(app)]))


def job_groups(app: App) -> list[Resource]:
    """The groups of SageMaker jobs: of those in the templates, and those that policies bind jobs to."""
    found = [group for job in app.of(*JOBS) for group in groups_in(app, job, job.properties)]
    for policy in app.of(MANAGED, INLINE, ROLE):
        documents = [policy.get("PolicyDocument"), *(get(each, "PolicyDocument") for each in policy.list("Policies"))]
        for statement in (each for document in documents for each in statements(document, "")):
            for _, key, values in statement.conditions:
                if key.lower() == "sagemaker:vpcsecuritygroupids":
                    found += groups_in(app, policy, values)
    return list(dict.fromkeys(found))


def batch_launch_templates(app: App) -> list[Resource]:
    """The launch templates of Batch compute environments."""
    found = []
    for environment in app.of("AWS::Batch::ComputeEnvironment"):
        for used in launch_template_uses(environment):
            found.append(app.target(used.get("LaunchTemplateId") or used.get("LaunchTemplateName"), environment))
    return list(dict.fromkeys(each for each in found if each))


def launch_template_uses(environment: Resource) -> list[Json]:
    """Where a compute environment names its launch template, the overrides for some instance types among them."""
    used = environment.get("ComputeResources.LaunchTemplate")
    if not isinstance(used, dict) or not is_known(used):
        return []
    return [used, *(each for each in listed(used.get("Overrides")) if isinstance(each, dict))]
