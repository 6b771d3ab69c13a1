"""The table of kinds, held against the models of the services, and against what people leave in an environment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from typing import Any

import botocore.session
import jmespath  # type: ignore[import-untyped]
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape

from operations.teardown.aws import READS
from operations.teardown.inventory import Inventory
from operations.teardown.kinds import GONE, KINDS, OF_NAME, PAGE, THERE, Kind, Verb
from operations.teardown.scope import Resource, Scope
from operations.teardown.volumes import BACK_UP
from tests.operations.teardown.account import TEAM, Account, account, leftovers, other_assembly
from tests.support import Assembly, Json

VERBS = [(kind, verb) for kind in KINDS for verb in kind.verbs]
SCOPE = Scope(
    "local",
    "111111111111",
    "eu-west-1",
    "aws",
    (),
    tuple(
        Resource("stack", type_, type_, f"id-of-{type_}", False, "CREATE_COMPLETE")
        for type_ in ("AWS::SageMaker::Domain", "AWS::Batch::JobQueue")
    ),
)
SESSION = botocore.session.get_session()
MANY = 20
"""Items in a sample of a list: each value of an enum comes once, as far as there are so many."""

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
each_described = pytest.mark.parametrize("kind", [each for each in KINDS if each.described], ids=lambda kind: kind.name)
each_verb = pytest.mark.parametrize(("kind", "verb"), VERBS, ids=lambda each: each.name)


@cache
def operation(service: str, name: str) -> OperationModel:
    model = SESSION.get_service_model(service)
    names = {xform_name(each): each for each in model.operation_names}
    return model.operation_model(names[name])


def inputs(service: str, name: str) -> Any:
    return operation(service, name).input_shape


class Text(str):
    """A sample of a text that knows what else it could be."""

    others: frozenset[str]


def sample(shape: Shape | None, number: int = 0, above: tuple[str, ...] = ()) -> Any:
    """Something that a service could answer; ``number`` tells values of enums apart."""
    if shape is None or shape.name in above:
        return None
    inner = (*above, shape.name)
    match shape:
        case StructureShape():
            return {name: sample(member, number, inner) for name, member in shape.members.items()}
        case ListShape():
            return [sample(shape.member, each, inner) for each in range(MANY if not above[1:] else 1)]
        case MapShape():
            return {"key": sample(shape.value, number, inner)}
        case StringShape() if shape.enum:
            text = Text(shape.enum[number % len(shape.enum)])
            text.others = frozenset(shape.enum)
            return text
        case StringShape():
            return f"{shape.name}-{number}"
    return {"timestamp": "2026-11-21", "boolean": True, "float": 1.5, "double": 1.5}.get(shape.type_name, 7)


def asked(kind: Kind) -> list[Json]:
    """The arguments of each listing."""
    if kind.within:
        return [dict.fromkeys(OF_NAME[kind.within].key, "name")]
    return list(kind.asked(SCOPE))


@cache
def listed(kind: Kind) -> list[Json]:
    """What its listing could answer."""
    found: list[Json] = jmespath.search(kind.items, sample(operation(kind.service, kind.listed).output_shape))
    return found


@cache
def told(kind: Kind) -> Json:
    """What could be told of a thing."""
    thing = dict(listed(kind)[0])
    if kind.described:
        thing |= sample(operation(kind.service, kind.described).output_shape)
    return thing | ({"Tags": {"Team": "vision"}} if kind.tagged else {})


@cache
def states(kind: Kind) -> frozenset[str]:
    """All states that its service knows."""
    if not kind.state:
        return frozenset({THERE})
    return frozenset().union(*(getattr(jmespath.search(kind.state, each), "others", ()) for each in listed(kind)))


def test_no_two_kinds_have_one_name() -> None:
    assert len(OF_NAME) == len(KINDS)


@each_kind
def test_looking_changes_nothing(kind: Kind) -> None:
    assert kind.listed.startswith(READS)
    assert not kind.described or kind.described.startswith(READS)


@each_kind
def test_a_listing_is_asked_with_what_it_takes_and_wants(kind: Kind) -> None:
    shape = inputs(kind.service, kind.listed)
    for arguments in asked(kind):
        assert arguments.keys() <= shape.members.keys()
        assert set(shape.required_members) <= arguments.keys()


@each_kind
def test_a_listing_is_asked_for_states_that_there_are(kind: Kind) -> None:
    members = inputs(kind.service, kind.listed).members
    enums = [
        (members[name].enum, value) for each in asked(kind) for name, value in each.items() if _has_enum(members[name])
    ]
    assert [value for enum, value in enums if value not in enum] == []


def _has_enum(shape: Shape) -> bool:
    return bool(getattr(shape, "enum", None))


@each_kind
def test_a_page_is_as_long_as_the_service_allows(kind: Kind) -> None:
    if kind.page:
        assert inputs(kind.service, kind.listed).members[kind.page].metadata.get("max", PAGE) == PAGE
    else:
        assert "MaxResults" not in inputs(kind.service, kind.listed).members or kind.service != "sagemaker"


@each_kind
def test_every_thing_of_a_listing_has_its_key(kind: Kind) -> None:
    given = {name for each in asked(kind) for name in each}
    assert listed(kind)
    for each in listed(kind):
        assert {name for name in kind.key if each.get(name)} | given >= set(kind.key)


@each_described
def test_a_description_is_asked_by_the_key(kind: Kind) -> None:
    shape = inputs(kind.service, kind.described)
    assert set(kind.key) <= shape.members.keys()
    assert set(shape.required_members) <= set(kind.key)


@each_kind
def test_every_expression_finds_something(kind: Kind) -> None:
    thing = told(kind)
    named = {
        name: getattr(kind, name) for name in ("role", "tagged", "size", "owner", "since", "instance", "activity")
    } | {f"uses {other}": expression for other, expression in kind.uses.items() if "starts_with" not in expression}
    found = {name: jmespath.search(expression, thing) for name, expression in named.items() if expression}
    assert [name for name, value in found.items() if not value] == []


@each_kind
def test_it_is_told_whose_a_thing_is(kind: Kind) -> None:
    listed_of_something_ours = kind.within or kind.asked(SCOPE) != kind.asked(_nothing())
    assert kind.role or kind.uses or kind.tagged or listed_of_something_ours


def _nothing() -> Scope:
    return Scope("local", "111111111111", "eu-west-1", "aws", ())


@each_kind
def test_what_is_not_deployed_is_not_asked_for(kind: Kind) -> None:
    assert all(value for each in kind.asked(_nothing()) for value in each.values())


@each_kind
def test_what_it_is_within_and_what_it_uses_are_kinds(kind: Kind) -> None:
    assert {*kind.uses, *([kind.within] if kind.within else [])} <= OF_NAME.keys()


def test_no_kind_is_known_by_itself() -> None:
    assert list(TopologicalSorter({kind.name: [*kind.uses, kind.within] for kind in KINDS}).static_order())


@each_verb
def test_a_verb_is_called_with_what_it_takes_and_wants(kind: Kind, verb: Verb) -> None:
    shape = inputs(kind.service, verb.operation)
    given = {*([verb.bulk.argument] if verb.bulk else kind.key), *verb.also(told(kind))}
    made_by_botocore = {name for name, each in shape.members.items() if each.metadata.get("idempotencyToken")}
    assert given <= shape.members.keys()
    assert set(shape.required_members) <= given | made_by_botocore


@each_verb
def test_a_verb_changes_something(kind: Kind, verb: Verb) -> None:
    assert kind.verbs
    assert not verb.operation.startswith(READS)


@each_verb
def test_a_verb_knows_only_states_that_there_are(kind: Kind, verb: Verb) -> None:
    assert verb.states <= states(kind)
    assert verb.until <= (states(kind) | {GONE})


@each_verb
def test_a_verb_leads_out_of_the_states_in_which_it_can_be_called(kind: Kind, verb: Verb) -> None:
    assert kind.name
    assert not verb.states & verb.until


@pytest.mark.parametrize("kind", [kind for kind, verb in VERBS if verb.bulk], ids=lambda kind: kind.name)
def test_what_a_bulk_says_is_in_its_answer(kind: Kind) -> None:
    for verb in kind.verbs:
        assert verb.bulk
        answer = sample(operation(kind.service, verb.operation).output_shape)
        assert all(all(each) and len(each) == 3 for each in jmespath.search(verb.bulk.refused, answer))


def test_verbs_wait_for_verbs_that_there_are() -> None:
    names = {BACK_UP, *(f"{kind.name}.{verb.name}" for kind, verb in VERBS)}
    assert {each for _, verb in VERBS for each in verb.after} <= names


def test_no_verb_waits_for_itself() -> None:
    after = {f"{kind.name}.{verb.name}": set(verb.after) for kind, verb in VERBS}
    for kind in KINDS:
        for first, second in zip(kind.verbs, kind.verbs[1:], strict=False):
            after[f"{kind.name}.{second.name}"].add(f"{kind.name}.{first.name}")
    assert set(TopologicalSorter(after).static_order()) >= set(after)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("apps.delete", "spaces.delete"),
        ("spaces.delete", "user profiles.delete"),
        ("inference components.delete", "endpoints.delete"),
        ("endpoints.delete", "endpoint configs.delete"),
        ("endpoint configs.delete", "models.delete"),
        ("model packages.delete", "model package groups.delete"),
        ("job queues.disable", "batch jobs.terminate"),
    ],
)
def test_children_go_before_their_parents(first: str, then: str) -> None:
    kind, _, name = then.rpartition(".")
    (verb,) = (each for each in OF_NAME[kind].verbs if each.name == name)
    assert first in verb.after


@pytest.mark.parametrize("kind", ["feature groups", "model package groups", "model packages"])
def test_data_is_kept(kind: str) -> None:
    assert OF_NAME[kind].data


@dataclass(frozen=True)
class Full:
    """An account in which people left things everywhere, and the names of what they left in the environment."""

    account: Account
    inventory: Inventory
    left: dict[str, set[str]]

    def names(self, kind: str) -> set[str]:
        return self.account.names(kind, self.inventory)


@pytest.fixture(scope="module")
def full(assembly_of: Callable[[str], Assembly], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    folder = tmp_path_factory.mktemp("account")
    with account(assembly_of("local"), other_assembly(folder / "theirs"), folder) as made:
        leftovers(made, made.nobodys)
        leftovers(made, made.theirs)
        left = leftovers(made)
        yield Full(made, made.inventory(), left)


@each_kind
def test_what_people_left_is_found(kind: Kind, full: Full) -> None:
    assert full.left[kind.name] <= full.names(kind.name)


@each_kind
def test_what_others_left_is_not(kind: Kind, full: Full) -> None:
    made_by_stacks = {each.name for each in full.account.done(full.inventory.things(kind)) if each.stack}
    assert full.names(kind.name) == full.left[kind.name] | made_by_stacks


@each_kind
def test_the_other_environment_has_as_much(kind: Kind, full: Full) -> None:
    assert len(full.account.names(kind.name, full.account.inventory("other"))) == len(full.names(kind.name))


@pytest.mark.parametrize(
    ("kind", "stack"),
    [
        ("spaces", f"trainyard-local-team-{TEAM}"),
        ("user profiles", f"trainyard-local-team-{TEAM}"),
        ("notebook instances", f"trainyard-local-team-{TEAM}"),
        ("Studio lifecycle configs", "trainyard-local-studio"),
        ("job queues", "trainyard-local-batch"),
    ],
)
def test_what_a_stack_made_is_known_as_the_stacks(kind: str, stack: str, full: Full) -> None:
    things = full.account.done(full.inventory.things(OF_NAME[kind]))
    ids = [each for each in things if each.stack == stack and each.logical_id]
    assert ids
    assert len(ids) == len([each for each in things if each.stack])


def test_a_listing_writes_nothing(full: Full) -> None:
    before = full.account.journal.exists() and full.account.journal.read_text()
    for kind in KINDS:
        full.names(kind.name)
    assert (full.account.journal.exists() and full.account.journal.read_text()) == before


def test_it_is_told_whose_something_is_that_only_tags_tell(full: Full) -> None:
    (group,) = full.account.done(full.inventory.things(OF_NAME["model package groups"]))
    assert group.tells(OF_NAME["model package groups"].owner) == TEAM


def test_it_is_told_what_runs_on_which_instances(full: Full) -> None:
    (job,) = full.account.done(full.inventory.things(OF_NAME["training jobs"]))
    assert job.tells(OF_NAME["training jobs"].instance) == "ml.m5.large"


def test_a_thing_tells_nothing_that_nobody_asks_for(full: Full) -> None:
    (group,) = full.account.done(full.inventory.things(OF_NAME["model package groups"]))
    assert group.tells(OF_NAME["model package groups"].instance) is None


def test_a_notebook_has_a_size(full: Full) -> None:
    kind = OF_NAME["notebook instances"]
    sizes = {Inventory.size(kind, each) for each in full.account.done(full.inventory.things(kind))}
    assert sizes == {5}


def test_a_size_that_nobody_knows_is_none(full: Full) -> None:
    kind = OF_NAME["models"]
    (model,) = full.account.done(full.inventory.things(kind))
    assert Inventory.size(kind, model) is None


def named_nope(kind: Kind) -> Json:
    """The arguments by which calls would name a thing that is not there."""
    account = "111111111111"
    arns = {
        "Arn": f"arn:aws:sagemaker:eu-west-1:{account}:mlflow-app/app-ABCDEFGHIJKL",
        "PipelineExecutionArn": f"arn:aws:sagemaker:eu-west-1:{account}:pipeline/nope/execution/abcdefghijkl",
        "ModelPackageName": f"arn:aws:sagemaker:eu-west-1:{account}:model-package/nope/1",
        "DomainId": "d-nopenopenope",
        "AppType": "JupyterLab",
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/nope/variant/main",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    return {name: arns.get(name, "nope") for name in kind.key if (kind.name, name) != ("apps", "UserProfileName")}


# A bulk says of each thing whether it was there.
@pytest.mark.parametrize(("kind", "verb"), [each for each in VERBS if not each[1].bulk], ids=lambda each: each.name)
def test_what_is_not_there_is_told_from_all_else(kind: Kind, verb: Verb, full: Full) -> None:
    with pytest.raises(ClientError) as raised:
        getattr(full.account.client(kind.service), verb.operation)(**named_nope(kind), **verb.also(told(kind)))
    assert kind.is_missing(raised.value), raised.value


@each_described
def test_a_description_of_what_is_not_there_says_so(kind: Kind, full: Full) -> None:
    with pytest.raises(ClientError) as raised:
        getattr(full.account.client(kind.service), kind.described)(**named_nope(kind))
    assert kind.is_missing(raised.value), raised.value


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        ("notebook instances", "ValidationException", "Status (InService) not in ([Stopped, Failed])."),
        ("endpoints", "ValidationException", 'Cannot update in-progress endpoint "arn:aws:sagemaker:...".'),
        ("endpoints", "ValidationException", 'Cannot delete endpoint "arn" because it has inference components.'),
        ("models", "ValidationException", 'Cannot delete model "arn" as it is in use.'),
        ("training jobs", "ValidationException", "The request was rejected because the training job is Completed."),
        ("spaces", "ResourceInUse", "Unable to delete Space because Apps are associated with it."),
        ("apps", "ValidationException", "App is in an invalid state for deletion."),
        ("model package groups", "ConflictException", "Model Package Group cannot be deleted: it has Model Packages."),
        ("job queues", "ClientException", "job-queue/q resource is being modified."),
        ("job queues", "AccessDeniedException", "User is not authorized to perform batch:UpdateJobQueue"),
    ],
)
def test_what_is_in_use_or_denied_is_not_missing(kind: str, code: str, message: str) -> None:
    assert not OF_NAME[kind].is_missing(refusal(code, message))


@pytest.mark.parametrize(
    "message", ["App [x] has already been deleted", "App previously failed and was automatically deleted"]
)
def test_an_app_that_ended_by_itself_is_gone(message: str) -> None:
    assert OF_NAME["apps"].is_missing(refusal("ValidationException", message))
