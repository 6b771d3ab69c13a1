"""The roles of a team that belong to no person and no instance."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Acknowledgment, Validations
from constructs import Construct

from trainyard.account_role import AccountRole, named_roles, roles_of_team
from trainyard.guardrails import Allowed, NetworkGuardrails
from trainyard.sagemaker_actions import APPROVAL, NETWORK_ISOLATION, Protection
from trainyard.service_role import ServiceRole
from trainyard.team_deployment import TeamDeployment
from trainyard.team_people import TeamPeople
from trainyard.team_registry import EDIT_VERSIONS, TeamApproval
from trainyard.team_work import SUBMIT, TeamWork


@dataclass(frozen=True)
class IsolationException:
    """Why a team's jobs need not be isolated, and the day, as YYYY-MM-DD, on which that ends."""

    reason: str
    until: str


class TeamRoles(Construct):
    """What jobs and pipelines run as, and who approves and deploys models.

    Args:
        team: the team's name.
        environment: the environment's name.
        allowed: what the environment allows.
        network_guardrails: ARN of the Denies about the network.
        guardrails: ARNs of all other Denies.
        data: ARNs of the policies on data, images and what SageMaker needs to run something.
        boundary: ARN of the permissions boundary.
        mlflow_app: ARN of the MLflow App, if there is one.
        approvers, deployers: names of the account's roles that take on those of the approver and the deployer; without
            any, there is no such role.
        exception: if its jobs need not be isolated.

    Attributes:
        job_role: ARN of what its jobs run as.
        policies: ARNs of what every role has that people of the team work with.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        team: str,
        environment: str,
        allowed: Allowed,
        network_guardrails: str,
        guardrails: Sequence[str],
        data: Sequence[str],
        boundary: str,
        mlflow_app: str | None,
        approvers: Sequence[str],
        deployers: Sequence[str],
        exception: IsolationException | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._team, self._boundary = team, boundary
        tags = {"Environment": environment, "Team": team}
        self.job_role = self._service_role("Job", data)
        work = TeamWork(self, "Work", team=team, tags=tags, job_role=self.job_role).arn
        submit = [network_guardrails, *guardrails, *data, work]
        exception_role = None
        if exception:
            later = NetworkGuardrails(self, "LaterIsolated", allowed=allowed, isolated_from=exception.until).arn
            exception_role = AccountRole(
                self,
                "WithoutIsolation",
                who=roles_of_team(team, environment),
                policies=[later, *guardrails, *data, work],
                boundary=boundary,
                description=f"Until {exception.until} its jobs need no network isolation: {exception.reason}",
            )
            _answer(
                exception_role,
                NETWORK_ISOLATION,
                SUBMIT,
                f"The environment file lifts it until {exception.until}; from then on IAM denies it",
            )
        people = TeamPeople(
            self,
            "People",
            team=team,
            tags=tags,
            pipeline_role=self._service_role("Pipeline", submit),
            exception_role=exception_role.arn if exception_role else None,
            mlflow_app=mlflow_app,
            presigned_urls_from=allowed.presigned_urls_from,
        ).arn
        self.policies = [*submit, people]

        if approvers:
            approval = TeamApproval(self, "Approval", team=team).arn
            approver = self._role_of_others("Approver", approvers, [approval], "Approves the model versions of")
            _answer(approver, APPROVAL, EDIT_VERSIONS, "To approve is what the role is for, and it makes no version")
        if deployers:
            deployment = TeamDeployment(self, "Deployment", team=team, tags=tags, volume_key=allowed.volume_key).arn
            policies = [network_guardrails, *guardrails, deployment]
            self._role_of_others("Deployer", deployers, policies, "Puts models behind endpoints for")

    def _service_role(self, name: str, policies: Sequence[str]) -> str:
        return ServiceRole(
            self, f"{name}Role", service="sagemaker.amazonaws.com", policies=policies, boundary=self._boundary
        ).arn

    def _role_of_others(self, name: str, who: Sequence[str], policies: Sequence[str], what: str) -> AccountRole:
        return AccountRole(
            self,
            name,
            who=named_roles(self, who),
            policies=policies,
            boundary=self._boundary,
            description=f"{what} team {self._team}",
        )


def _answer(role: AccountRole, protection: Protection, actions: Sequence[str], reason: str) -> None:
    """Says why a role may do some ``actions`` without a Deny that every other role has on them."""
    Validations.of(role).acknowledge(
        *(
            Acknowledgment(id=f"Trainyard::I4[{action}:{protection.name}]", reason=reason)
            for action in protection.actions
            if f"sagemaker:{action}" in actions
        )
    )
