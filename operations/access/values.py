"""What requests say: what an environment allows, and what it does not, by condition key.

Both come from the environment file and from the resources of the assembly, and never from the policies that are put to
the test.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice

from environments import Environment
from operations.access.resources import Resource, Told
from operations.access.roles import Role
from policies.evaluator import Value
from trainyard.instance_types import SAGEMAKER_TYPES
from trainyard.instances import has_local_storage
from trainyard.sagemaker_actions import Key

Said = Value | Sequence[str] | None
"""What a request says in a key; nothing if None."""

SOMEBODY = "somebody-else"
"""No team and no person of any environment that is shipped."""

GROUPS_OF_JOBS = ("Training", "Notebook", "Clients", "LustreClients", "EfsClients")

WRONG: Mapping[Key, Mapping[str, Said]] = {
    Key.SUBNETS: {"another": "subnet-0123456789abcdef0"},
    Key.TRAFFIC_ENCRYPTION: {"false": False},
    Key.NETWORK_ISOLATION: {"false": False},
    Key.REMOTE_DEBUG: {"true": True},
    Key.REMOTE_ACCESS: {"ENABLED": "ENABLED"},
    Key.INTERNET_ACCESS: {"Enabled": "Enabled"},
    Key.ROOT_ACCESS: {"Enabled": "Enabled"},
    Key.METADATA_VERSION: {"1": "1"},
    Key.DOMAIN_NETWORK: {"PublicInternetOnly": "PublicInternetOnly"},
    Key.APPROVAL: {"Approved": "Approved"},
}
"""What is wrong everywhere, by a word for it."""


@dataclass(frozen=True)
class Place:
    """Where an environment is, or would be: its account, region and partition, and the domain of Studio."""

    account: str
    region: str
    partition: str
    domain: str
    vpc: str

    def arn(self, resource: str) -> str:
        """The ARN of something of SageMaker's."""
        return f"arn:{self.partition}:sagemaker:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True)
class Values:
    """What the requests of one role say.

    Args:
        place: where.
        right: key to what is allowed, as much of it as one request can say.
        also: key to what is allowed beside it, by a word for it.
        wrong: key to what is not, by a word for it; one entry of a list for a key of several values.
        instance_types: an example of each pattern that is allowed.
    """

    place: Place
    right: Mapping[Key, Said]
    also: Mapping[Key, Mapping[str, Said]]
    wrong: Mapping[Key, Mapping[str, Said]]
    instance_types: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Platform:
    """An environment, the resources of its assembly, and what their references become."""

    environment: Environment
    resources: Sequence[Resource]
    told: Told

    def place(self) -> Place:
        """Where it is."""
        existing = self.environment.network.existing_vpc
        vpcs = [self.told(each.ref) for each in self._of("AWS::EC2::VPC")]
        domains = [self.told(each.attribute("DomainId")) for each in self._of("AWS::SageMaker::Domain")]
        return Place(
            self.environment.account,
            self.environment.region,
            str(self.told({"Ref": "AWS::Partition"})),
            domains[0] if domains else "none",
            existing.vpc_id if existing else vpcs[0],
        )

    def values_of(self, role: Role) -> Values:
        """What the requests of a role say; for a role of no team, what those of the first team's say."""
        environment, place = self.environment, self.place()
        team = role.team or environment.teams[0].name
        access = environment.access
        keys = {each.path: self.told(each.arn) for each in self._of("AWS::KMS::Key")}
        output = {each.name: keys.get(f"Data/Team-{each.name}/Key", keys["Data/DataKey"]) for each in environment.teams}
        file_systems = {
            each.name: self.told(self._at(f"Lustre/{each.name}/FileSystem").ref) for each in environment.lustre
        }
        own = [file_systems[each.name] for each in environment.lustre if team in each.teams]
        types = tuple(_example(pattern) for pattern in access.instance_types)
        owner, of_others = (
            place.arn(f"user-profile/{place.domain}/{each}") for each in (role.member or SOMEBODY, SOMEBODY)
        )

        right: dict[Key, Said] = {
            Key.SUBNETS: self._subnets(),
            Key.SECURITY_GROUPS: self._groups(GROUPS_OF_JOBS),
            Key.TRAFFIC_ENCRYPTION: True,
            Key.NETWORK_ISOLATION: True,
            Key.VOLUME_KEY: keys["Data/ComputeKey"],
            Key.OUTPUT_KEY: output[team],
            Key.SHARING_KEY: keys["Data/DataKey"],
            Key.INSTANCE_TYPES: [next((each for each in types if not has_local_storage(each)), types[0])],
            Key.MAX_RUNTIME: access.max_runtime_hours * 3600,
            Key.KEEP_ALIVE: access.keep_alive_minutes * 60,
            Key.FILE_SYSTEM: own[0] if own else None,
            Key.REMOTE_DEBUG: False,
            Key.INTERNET_ACCESS: "Disabled",
            Key.ROOT_ACCESS: "Disabled",
            Key.METADATA_VERSION: "2",
            Key.NOTEBOOK_LIFECYCLE: [
                place.arn(f"notebook-instance-lifecycle-config/trainyard-{environment.name}-team-{team}")
            ],
            Key.STUDIO_LIFECYCLE: self._studio_scripts(place),
            Key.DOMAIN_NETWORK: "VpcOnly",
            Key.AUTH_MODE: environment.studio.auth_mode,
            Key.OWNER: owner,
            # Studio knows whose private space it is; a role that nobody has in Studio has none.
            Key.SHARING_TYPE: "Private" if role.member else "Shared",
            Key.REMOTE_ACCESS: "DISABLED",
            Key.APPROVAL: "PendingManualApproval" if role.kind.guarded else "Approved",
            Key.TAGGING_ACTION: "CreateTrainingJob",
            Key.TEAM_TAG: team,
            Key.ENVIRONMENT_TAG: environment.name,
        }
        other_outputs = {f"of team {name}": key for name, key in output.items() if key != output[team]}
        wrong: dict[Key, Mapping[str, Said]] = {
            **WRONG,
            Key.SECURITY_GROUPS: {"Batch": self._groups(["Batch"])[0], "another": "sg-0123456789abcdef0"},
            Key.VOLUME_KEY: {"DataKey": keys["Data/DataKey"], "LogKey": keys["Data/LogKey"]},
            Key.OUTPUT_KEY: {"ComputeKey": keys["Data/ComputeKey"], **other_outputs},
            Key.SHARING_KEY: {"ComputeKey": keys["Data/ComputeKey"]},
            Key.INSTANCE_TYPES: _not_among(access.instance_types),
            Key.MAX_RUNTIME: {"a second more": access.max_runtime_hours * 3600 + 1},
            Key.KEEP_ALIVE: {"a second more": access.keep_alive_minutes * 60 + 1},
            Key.FILE_SYSTEM: {
                "another": "fs-0123456789abcdef0",
                **{f"of others, {name}": each for name, each in file_systems.items() if each not in own},
            },
            Key.NOTEBOOK_LIFECYCLE: {"another": place.arn("notebook-instance-lifecycle-config/another")},
            Key.STUDIO_LIFECYCLE: {"another": place.arn("studio-lifecycle-config/another")},
            Key.AUTH_MODE: {(mode := "IAM" if environment.studio.auth_mode == "SSO" else "SSO"): mode},
            Key.OWNER: {"somebody else": of_others},
            Key.TEAM_TAG: {f"of {name}": name for name in self.other_teams(team)},
            Key.ENVIRONMENT_TAG: {"of another": "another"},
        }
        also = {Key.FILE_SYSTEM: {name: each for name, each in file_systems.items() if each in own[1:]}}
        return Values(place, right, also, wrong, types)

    def other_teams(self, team: str | None) -> list[str]:
        """The names of all teams but one; a name that is no team's if there are none."""
        return [each.name for each in self.environment.teams if each.name != team] or [SOMEBODY]

    def _subnets(self) -> list[str]:
        existing = self.environment.network.existing_vpc
        if existing:
            return [each.subnet_id for each in existing.subnets]
        return [self.told(each.ref) for each in self._of("AWS::EC2::Subnet")]

    def _groups(self, names: Sequence[str]) -> list[str]:
        return [self.told(self._at(f"Network/Groups/{name}").attribute("GroupId")) for name in names]

    def _studio_scripts(self, place: Place) -> list[str]:
        return [
            place.arn(f"studio-lifecycle-config/{each.properties['StudioLifecycleConfigName']}")
            for each in self._of("AWS::SageMaker::StudioLifecycleConfig")
        ] or [place.arn(f"studio-lifecycle-config/trainyard-{self.environment.name}-studio-0")]

    def _of(self, type_: str) -> Iterator[Resource]:
        return (each for each in self.resources if each.type == type_)

    def _at(self, path: str) -> Resource:
        (found,) = (each for each in self.resources if each.path == path)
        return found


def _example(pattern: str) -> str:
    return next(each for each in SAGEMAKER_TYPES if fnmatchcase(each, pattern))


def _not_among(patterns: Sequence[str]) -> dict[str, Said]:
    others = (each for each in SAGEMAKER_TYPES if not any(fnmatchcase(each, pattern) for pattern in patterns))
    return {each: each for each in islice(others, 1)}
