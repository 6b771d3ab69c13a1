"""One verb to many things: done, done twice, hindered, refused and too late."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations.local.leftovers import HOUR, job_definition
from operations.teardown.drain import AGAIN, POLL, drain
from operations.teardown.inventory import Inventory, Thing
from operations.teardown.kinds import GONE, KINDS, OF_NAME, Kind, Verb
from operations.teardown.schedule import Outcome, Result, Step, run
from tests.operations.teardown.account import Account, bare_account, leftovers
from tests.support import Json

VERBS = {f"{kind.name}.{verb.name}": (kind, verb) for kind in KINDS for verb in kind.verbs}
EACH = pytest.mark.parametrize("name", VERBS)


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Account]:
    with bare_account(tmp_path) as made:
        yield made


def everything(_thing: Thing) -> bool:
    return True


def silent(_name: str, _state: str) -> None:
    pass


def drained(account: Account, inventory: Inventory, name: str, told: Callable[[str, str], None] = silent) -> Result:
    kind, verb = VERBS[name]
    return account.result(drain(inventory, kind, verb, everything, told))


def before(name: str) -> list[str]:
    """The verbs before one, in an order in which they can be done."""
    kind, verb = VERBS[name]
    earlier = [f"{kind.name}.{each.name}" for each in kind.verbs[: kind.verbs.index(verb)]]
    found: list[str] = []
    # Other stages come in between, which are no verbs.
    for each in (each for each in (*verb.after, *earlier) if each in VERBS):
        found += [other for other in (*before(each), each) if other not in found]
    return found


def called(account: Account) -> Counter[str]:
    """The calls in the journal that AWS took."""
    return Counter(entry["call"] for entry in entries(account) if entry.get("answered"))


def entries(account: Account) -> list[Json]:
    """What is in the journal."""
    return [json.loads(line) for line in account.journal.read_text().splitlines()]


@dataclass(frozen=True)
class Record:
    """What came of one verb, in an account where others left the same.

    Attributes:
        there: what there was.
        denied, asked: how it ended when nobody may do it, after which time, and to how many things it was tried.
        hindered: how it ended when AWS refused it for two minutes.
        ended: how it ended when somebody did it by hand at the first call.
        left: what there was then.
        named: what its calls named.
        once, twice: the calls of all that, and of all that and one more run.
    """

    there: list[Thing]
    denied: Result
    after: float
    asked: int
    hindered: Result
    ended: Result
    left: list[Thing]
    named: list[str]
    once: Counter[str]
    twice: Counter[str]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Record]:
    """The record of a verb, made once."""

    def make(name: str) -> Record:
        with bare_account(tmp_path_factory.mktemp("account")) as account:
            return recorded(account, name)

    return cache(make)


def recorded(account: Account, name: str) -> Record:
    kind, verb = VERBS[name]
    leftovers(account, account.nobodys)
    leftovers(account, account.bare)
    inventory = account.bare_inventory()
    for each in before(name):
        assert drained(account, inventory, each) == Result(Outcome.DONE)
    there = account.done(inventory.things(kind))
    if not {each.state for each in there} & verb.states:
        account.passes(HOUR)
    tries: list[Json] = []
    started = account.aws.clock.now()
    account.refuses.append(refusing(verb, "AccessDeniedException", "User is not authorized", tries))
    denied = drained(account, inventory, name)
    after = account.aws.clock.now() - started
    account.refuses[:] = [refusing(verb, "ConflictException", "is in\n use", [])]
    hindered = account.result(drain(inventory, kind, replace(verb, minutes=2), everything, silent))
    account.refuses[:] = [ending(account, verb)]
    ended = drained(account, inventory, name)
    once = called(account)
    calls = [
        entry["arguments"]
        for entry in entries(account)
        if entry["call"] == f"{kind.service}.{verb.operation}" and "arguments" in entry
    ]
    left = account.done(inventory.things(kind))
    account.refuses.clear()
    drained(account, account.bare_inventory(), name)
    return Record(
        there=there,
        denied=denied,
        after=after,
        asked=len(tries),
        hindered=hindered,
        ended=ended,
        left=left,
        named=[json.dumps(each) for each in calls],
        once=once,
        twice=called(account),
    )


def refusing(verb: Verb, code: str, message: str, tries: list[Json]) -> Callable[[str, str, Json], None]:
    """Refuses a verb, and notes what was tried."""
    error: Any = {"Code": code, "Message": message}

    def refuse(_service: str, operation: str, arguments: Json) -> None:
        if operation == verb.operation:
            tries.append(arguments)
            raise ClientError({"Error": error}, operation)

    return refuse


def ending(account: Account, verb: Verb) -> Callable[[str, str, Json], None]:
    """At the first call of a verb somebody does the same by hand, and a while goes by."""
    done: list[str] = []

    def end(service: str, operation: str, arguments: Json) -> None:
        if operation == verb.operation and not done:
            done.append(operation)
            getattr(account.client(service), operation)(**arguments)
            account.passes(HOUR / 3)

    return end


@EACH
def test_there_is_something_to_do(name: str, record: Callable[[str], Record]) -> None:
    assert record(name).there


@EACH
def test_a_verb_is_done_though_somebody_else_does_it_too(name: str, record: Callable[[str], Record]) -> None:
    assert record(name).ended == Result(Outcome.DONE)


@EACH
def test_everything_is_where_the_verb_leads(name: str, record: Callable[[str], Record]) -> None:
    _, verb = VERBS[name]
    assert {each.state for each in record(name).left} <= verb.until


@EACH
def test_what_is_deleted_is_gone(name: str, record: Callable[[str], Record]) -> None:
    _, verb = VERBS[name]
    assert verb.until != {GONE} or record(name).left == []


@EACH
def test_a_second_run_has_nothing_to_do(name: str, record: Callable[[str], Record]) -> None:
    assert record(name).twice == record(name).once


@EACH
def test_nothing_of_others_is_named(name: str, record: Callable[[str], Record]) -> None:
    assert record(name).named
    assert not [each for each in record(name).named if "nobody" in each]


@EACH
def test_what_nobody_may_do_ends_it_with_the_name_of_one(name: str, record: Callable[[str], Record]) -> None:
    kind, verb = VERBS[name]
    assert record(name).denied.outcome is Outcome.FAILED
    assert record(name).denied.value in {
        f"{kind.name}: {each.name}: may not be {verb.done}: User is not authorized" for each in record(name).there
    }


@EACH
def test_what_nobody_may_do_is_tried_once(name: str, record: Callable[[str], Record]) -> None:
    assert record(name).asked <= len(record(name).there)
    assert record(name).after < POLL * 2


@EACH
def test_what_is_hindered_for_too_long_is_told_with_the_reason(name: str, record: Callable[[str], Record]) -> None:
    kind, verb = VERBS[name]
    assert record(name).hindered.outcome is Outcome.FAILED
    assert str(record(name).hindered.value).startswith(f"{kind.name}: not {verb.done} after 2 minutes: ")
    assert "(ConflictException: is in use)" in record(name).hindered.value


class Fake:
    """Jobs whose states a test decides: a list of looks, each with name and state of every job."""

    def __init__(self, account: Account, looks: Sequence[dict[str, str]]) -> None:
        self.calls: list[str] = []
        self._looks, self._look = looks, 0
        self.inventory = account.bare_inventory()
        self.inventory.aws._client = lambda _service: self  # noqa: SLF001 (the client is all that is faked)

    def list_models(self, **_arguments: Json) -> Json:
        look = self._looks[min(self._look, len(self._looks) - 1)]
        self._look += 1
        return {"Models": [{"ModelName": name, "State": state} for name, state in look.items()]}

    def delete_model(self, ModelName: str) -> Json:  # noqa: N803 (AWS's name)
        self.calls.append(ModelName)
        return {}


DELETE = Verb("delete", "delete_model", frozenset({"Ready"}))
FAKED = Kind("models", "sagemaker", "list_models", "Models[]", ("ModelName",), (DELETE,), state="State", page="")


def of_fake(
    account: Account, looks: Sequence[dict[str, str]], verb: Verb = DELETE
) -> tuple[Result, list[str], list[str]]:
    """How it ended, what was called, and what was told."""
    fake, told = Fake(account, looks), []
    work = drain(fake.inventory, FAKED, verb, everything, lambda name, state: told.append(f"{name} {state}"))
    result = run([Step("step", lambda: work)], account.aws.clock)["step"]
    return result, fake.calls, told


def test_where_there_is_nothing_nothing_is_done(bare: Account) -> None:
    result, calls, told = of_fake(bare, [{}])
    assert (result.outcome, calls, told) == (Outcome.DONE, [], [])


def test_a_state_in_which_it_cannot_be_done_is_waited_for(bare: Account) -> None:
    _, calls, told = of_fake(bare, [{"a": "Pending"}, {"a": "Ready"}, {"a": "Deleting"}, {}])
    assert (calls, told) == (["a"], ["a Pending", "a Ready", "a Deleting", "a gone"])


def test_what_somebody_makes_meanwhile_goes_too(bare: Account) -> None:
    _, calls, _ = of_fake(bare, [{"a": "Ready"}, {"b": "Ready"}, {}])
    assert calls == ["a", "b"]


def test_a_call_that_aws_took_is_not_made_at_every_look(bare: Account) -> None:
    looks = int(AGAIN / 15) - 1
    _, calls, _ = of_fake(bare, [{"a": "Ready"}] * looks + [{}])
    assert calls == ["a"]


def test_a_call_that_changed_nothing_is_made_again(bare: Account) -> None:
    looks = int(AGAIN / 15) + 2
    _, calls, _ = of_fake(bare, [{"a": "Ready"}] * looks + [{}])
    assert calls == ["a", "a"]


def test_one_that_came_back_is_asked_again_at_once(bare: Account) -> None:
    _, calls, _ = of_fake(bare, [{"a": "Ready"}, {}, {"a": "Ready"}, {}])
    assert calls == ["a"]
    _, calls, _ = of_fake(bare, [{"a": "Ready", "b": "Pending"}, {"b": "Pending"}, {"a": "Ready"}, {}])
    assert calls == ["a", "a"]


def test_only_five_of_many_are_named(bare: Account) -> None:
    names = {f"m{number}": "Pending" for number in range(7)}
    result, _, _ = of_fake(bare, [names])
    shown = ", ".join(f"m{number} is Pending" for number in range(5))
    assert result.value == f"models: not deleted after 60 minutes: {shown} and 2 more"


def test_only_what_is_wanted_goes(bare: Account) -> None:
    fake = Fake(bare, [{"a": "Ready", "b": "Ready"}, {"b": "Ready"}])
    work = drain(fake.inventory, FAKED, DELETE, lambda thing: thing.name == "a", silent)
    assert (bare.result(work).outcome, fake.calls) == (Outcome.DONE, ["a"])


class Moving:
    """Batch with one job, which changes its state in the middle of the first look and so is in no listing of it."""

    def __init__(self) -> None:
        self.listings = 0
        self.ended: list[list[str]] = []

    def list_jobs(self, jobStatus: str, **_arguments: Any) -> Json:  # noqa: N803 (AWS's name)
        self.listings += 1
        there = jobStatus == "RUNNING" and self.listings > len(VERBS["batch jobs.terminate"][1].states)
        return {"jobSummaryList": [{"jobId": "1", "status": jobStatus}] if there and not self.ended else []}

    def terminate_jobs(self, jobs: list[str], reason: str) -> Json:  # noqa: ARG002
        self.ended.append(jobs)
        return {}


def test_a_job_that_changes_its_state_during_a_look_ends_too(bare: Account) -> None:
    service, inventory = Moving(), bare.bare_inventory()
    inventory.aws._client = lambda _service: service  # noqa: SLF001 (the client is all that is faked)
    assert drained(bare, inventory, "batch jobs.terminate").outcome is Outcome.DONE
    assert service.ended == [["1"]]


def submitted(account: Account, count: int) -> Inventory:
    leftovers(account, account.bare)
    batch = account.client("batch")
    definition = job_definition(batch, "job")
    for number in range(count):
        batch.submit_job(jobName=f"job-{number}", jobQueue=account.bare.queue, jobDefinition=definition)
    return account.bare_inventory()


def test_two_thousand_jobs_end_in_forty_calls_and_know_why(bare: Account) -> None:
    inventory = submitted(bare, 1997)
    assert drained(bare, inventory, "batch jobs.terminate").value is None
    assert called(bare)["batch.terminate_jobs"] == 40
    reasons = [
        each["statusReason"]
        for each in bare.client("batch").list_jobs(jobQueue=bare.bare.queue, jobStatus="FAILED")["jobSummaryList"]
    ]
    assert set(reasons) == {"The environment is being taken away"}


def test_a_job_that_a_bulk_could_not_end_is_told(bare: Account) -> None:
    inventory = submitted(bare, 1)
    jobs = sorted(each.name for each in bare.done(inventory.things(OF_NAME["batch jobs"])))
    client = bare.client("batch")

    class Unwilling:
        def __getattr__(self, name: str) -> Callable[..., Json]:
            return getattr(client, name)  # type: ignore[no-any-return]

        def terminate_jobs(self, jobs: list[str], reason: str) -> Json:
            stuck = min(jobs)
            client.terminate_jobs(jobs=[each for each in jobs if each != stuck], reason=reason)
            return {"errors": [{"job": stuck, "code": "ClientException", "message": "is being modified"}]}

    inventory.aws._client = lambda _service: Unwilling()  # noqa: SLF001 (the client is all that is faked)
    kind, verb = VERBS["batch jobs.terminate"]
    result = bare.result(drain(inventory, kind, replace(verb, minutes=5), lambda each: each.name in jobs, silent))
    assert str(result.value).startswith("batch jobs: not terminated after 5 minutes: ")
    assert "(ClientException: is being modified)" in result.value


def test_a_job_that_ended_before_a_bulk_is_no_failure(bare: Account) -> None:
    inventory = submitted(bare, 1)
    by_hand: list[str] = []

    def end(_service: str, operation: str, arguments: Json) -> None:
        if operation == "terminate_jobs" and not by_hand:
            by_hand.extend(arguments["jobs"][:1])
            bare.client("batch").terminate_job(jobId=by_hand[0], reason="by hand")

    bare.refuses.append(end)
    assert drained(bare, inventory, "batch jobs.terminate").outcome is Outcome.DONE
    assert by_hand


def test_an_app_that_is_being_made_is_waited_for(bare: Account) -> None:
    leftovers(bare, bare.bare)
    domain = bare.bare.domain
    bare.client("sagemaker").create_app(
        DomainId=domain, UserProfileName="bare-thing-person", AppType="JupyterServer", AppName="late"
    )
    told: list[str] = []
    inventory = bare.bare_inventory()
    drained(bare, inventory, "apps.delete", lambda name, state: told.append(f"{name} {state}"))
    late = [each.rpartition(" ")[2] for each in told if "/late " in each]
    assert late == ["Pending", "InService", "Deleting", "gone"]
    assert not [entry for entry in entries(bare) if "refused" in entry]
