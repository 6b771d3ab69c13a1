"""The access matrix of a synthesised environment, held against its policies by the evaluator."""

from dataclasses import dataclass
from functools import cached_property

from operations.access.matrix import Case, matrix
from operations.access.resources import made_up, resources_of
from operations.access.roles import Role, roles_of
from operations.access.values import Platform
from operations.assembly import stacks_of
from policies.evaluator import Decision, Request, decide
from tests.support import Assembly, Json

EVERYTHING: Json = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True, eq=False)
class Access:
    """The roles of an environment and all cases of them."""

    assembly: Assembly

    @cached_property
    def platform(self) -> Platform:
        environment = self.assembly.environment
        resources = resources_of(stacks_of(self.assembly.folder))
        return Platform(environment, resources, made_up(resources, environment.region, environment.account))

    @cached_property
    def roles(self) -> list[Role]:
        return roles_of(self.platform.resources)

    @cached_property
    def cases(self) -> list[Case]:
        return matrix(self.platform, self.roles)

    @cached_property
    def _plain(self) -> dict[int, Json]:
        """By the identity of a document, as roles share policies."""
        documents = [each for role in self.roles for each in (*role.policies, role.boundary) if each]
        return {id(each): self.platform.told(each) for each in documents}

    def policies(self, role: Role) -> list[Json]:
        """The documents of a role, made plain; those that several roles have are the same objects."""
        return [self._plain[id(each)] for each in role.policies]

    def boundary(self, role: Role) -> Json | None:
        return self._plain[id(role.boundary)] if role.boundary else None

    def is_as_meant(self, case: Case) -> bool:
        policies, boundary = self.policies(case.role), self.boundary(case.role)
        if case.all_else_allowed:
            policies, boundary = [EVERYTHING, *policies], None
        return (decide(request_of(case), policies, boundary) is Decision.ALLOWED) is case.allowed


def request_of(case: Case) -> Request:
    return Request(case.action, case.resource, case.context)
