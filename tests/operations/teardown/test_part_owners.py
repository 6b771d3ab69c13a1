"""What of a team and of a person is known by whom it belongs to, by what it uses, or by what it is in."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from operations.teardown.inventory import Inventory
from operations.teardown.kinds import KINDS
from operations.teardown.part import SPACES, Part, part_of
from operations.teardown.plan import Kept, make
from operations.teardown.policy import Policy, Volumes
from operations.teardown.schedule import Outcome, run
from operations.teardown.scope import Resource, Scope, Stack
from tests.operations.teardown.account import Account, bare_account, leftovers, somewhere
from tests.operations.teardown.world import in_child

TEAM = "deep-vision"
PEOPLE = (TEAM, "ann")
"""The first is called as the team is."""
DISCARDED = Policy({"notebook instances": Volumes.DISCARD, "spaces": Volumes.DISCARD})
KEPT = Policy({"notebook instances": Volumes.DISCARD, "spaces": Volumes.KEEP})

Found = dict[str, set[str]]
"""Name of a kind to the names of things of it."""


class World:
    """An account in which a team and another one made something of each kind, and people have spaces."""

    def __init__(self, account: Account) -> None:
        self.account = account
        sagemaker = account.client("sagemaker")
        # The other team has the same domain and queue, and a role of its own.
        self.place = somewhere(account, "bare", {"Environment": "bare", "Team": TEAM})
        role = account.client("iam").create_role(RoleName="other", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        other = replace(self.place, name="other", role=role, tags={"Environment": "bare", "Team": "vision"})
        for person in PEOPLE:
            sagemaker.create_user_profile(DomainId=self.place.domain, UserProfileName=person)
            account.passes(600)
            self.space(f"{person}-private", person, "Private")
        self.space("team-shared", "ann", "Shared")
        leftovers(account, other)
        # At last, as jobs come to their end.
        self.made = leftovers(account, self.place)

    def space(self, name: str, person: str, sharing: str) -> None:
        sagemaker = self.account.client("sagemaker")
        named = {"DomainId": self.place.domain, "SpaceName": name}
        sagemaker.create_space(
            **named,
            OwnershipSettings={"OwnerUserProfileName": person},
            SpaceSharingSettings={"SharingType": sharing},
            SpaceSettings={"AppType": "JupyterLab"},
        )
        self.account.passes(600)
        sagemaker.create_app(**named, AppType="JupyterLab", AppName="default")

    @property
    def inventory(self) -> Inventory:
        domain, queue = self.place.domain, self.place.queue
        profiles = [("AWS::SageMaker::UserProfile", f"{each}|{domain}") for each in PEOPLE]
        stacks = (
            _stack("studio", [("AWS::SageMaker::Domain", domain)]),
            _stack("batch", [("AWS::Batch::JobQueue", queue)]),
            _stack(f"team-{TEAM}", [("AWS::IAM::Role", "bare"), *profiles]),
            _stack("team-vision", [("AWS::IAM::Role", "other")]),
        )
        environment = self.account.environment
        return Inventory(self.account.asked, Scope("bare", environment.account, environment.region, "aws", stacks))

    def part(self, part: Part, policy: Policy = DISCARDED) -> tuple[Inventory, tuple[Kept, ...]]:
        found: tuple[Inventory, tuple[Kept, ...]] = self.account.done(part_of(self.inventory, part, policy))
        return found

    def found(self, part: Part, policy: Policy = DISCARDED) -> Found:
        """The names of all things of a part that there are of its kinds."""
        inventory, _ = self.part(part, policy)
        all_ = {kind.name: self.account.names(kind.name, inventory) for kind in KINDS}
        return {kind: names for kind, names in all_.items() if names}


def _stack(name: str, resources: list[tuple[str, str]]) -> Stack:
    full = f"trainyard-bare-{name}"
    within = tuple(Resource(full, id_, type_, id_, False, "CREATE_COMPLETE") for type_, id_ in resources)
    return Stack(full, f"arn:{full}", "CREATE_COMPLETE", False, within, {"Resources": {}})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with bare_account(tmp_path_factory.mktemp("part")) as account:
        yield World(account)


OWN = ("apps", "spaces", "user profiles")
"""Kinds of what is a person's."""


def test_a_team_is_all_that_it_made(world: World) -> None:
    made = {kind: names for kind, names in world.made.items() if kind not in (*OWN, "job queues")}
    found = {kind: names for kind, names in world.found(Part(team=TEAM)).items() if kind not in OWN}
    assert found == made


def test_a_team_is_its_people_and_their_spaces(world: World) -> None:
    domain, found = world.place.domain, world.found(Part(team=TEAM))
    assert found["user profiles"] == {f"{domain}/{each}" for each in PEOPLE}
    assert found["spaces"] == {f"{domain}/{each}" for each in ("ann-private", "deep-vision-private", "team-shared")}


def test_the_end_of_a_team_waits_for_nothing_that_is_no_part_of_it(world: World) -> None:
    """What an endpoint or a pipeline has must end before it, whoever made that."""

    def undone() -> list[str]:
        inventory, _ = world.part(Part(team=TEAM))
        plan = world.account.done(make(inventory, DISCARDED, ()))
        results = run(plan.steps(inventory, lambda *_: None), world.account.aws.clock)
        return [str(each.value) for each in results.values() if each.outcome is not Outcome.DONE]

    assert in_child(undone) == []


@pytest.mark.parametrize("person", PEOPLE)
def test_a_person_is_their_apps_their_space_and_their_profile(world: World, person: str) -> None:
    domain = world.place.domain
    assert world.found(Part(user=person)) == {
        "apps": {f"{domain}/{person}-private/JupyterLab/default"},
        "spaces": {f"{domain}/{person}-private"},
        "user profiles": {f"{domain}/{person}"},
    }


def test_a_shared_space_goes_with_its_owner_when_it_is_named(world: World) -> None:
    name = f"{world.place.domain}/team-shared"
    found = world.found(Part(user="ann"), replace(DISCARDED, purge=frozenset({name})))
    assert name in found["spaces"]
    assert f"{name}/JupyterLab/default" in found["apps"]


def test_a_space_that_is_named_goes_before_its_stack_replaces_it(world: World) -> None:
    name = f"{world.place.domain}/team-shared"
    policy = replace(DISCARDED, purge=frozenset({name}))
    inventory, _ = world.part(Part(user="ann"), policy)
    (shared,) = [each for each in world.account.done(inventory.things(SPACES)) if each.name == name]
    assert shared.kept


def test_nobody_stands_in_the_way_of_the_next_deployment_whose_space_goes(world: World) -> None:
    assert world.part(Part(user=TEAM))[1] == ()


def test_the_next_deployment_cannot_delete_whose_space_is_kept(world: World) -> None:
    domain = world.place.domain
    why = f"the next deployment cannot delete this person: they own {domain}/{TEAM}-private, which is kept"
    assert world.part(Part(user=TEAM), KEPT)[1] == (Kept(f"{domain}/{TEAM}", why),)


def test_the_next_deployment_cannot_delete_who_owns_what_others_use(world: World) -> None:
    domain = world.place.domain
    ((name, why),) = ((each.name, each.why) for each in world.part(Part(user="ann"))[1])
    assert name == f"{domain}/ann"
    assert f"--purge {domain}/team-shared discards it" in why


def test_a_shared_space_is_its_teams(world: World) -> None:
    assert world.part(Part(team=TEAM))[1] == ()
