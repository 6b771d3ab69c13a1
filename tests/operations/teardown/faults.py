"""A teardown with a fault at each of its calls in turn: whatever fails, another run ends as one without faults does.

One run goes on undisturbed, in one thread. At each call the process is copied, once for each fault: the copy lives
through the fault, runs again until all is done, and says how that ended. So a fault costs what comes after it alone.
"""

import os
import select
import shutil
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from itertools import count
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError

from operations.teardown.aws import READS
from operations.teardown.journal import Journal
from operations.teardown.options import Options
from tests.operations.teardown.described import Described
from tests.operations.teardown.distant import Client, Distant, answer
from tests.operations.teardown.world import Child, Ran, World, in_child, left_in
from tests.support import Json


class Fault(StrEnum):
    """What happens to a call."""

    THROTTLE = "throttled"
    SERVER = "server error"
    RESET = "connection reset before"
    RESET_AFTER = "connection reset after"
    DENIED = "access denied"
    CRASH = "crash before"
    CRASH_AFTER = "crash after"


PASSING = (Fault.THROTTLE, Fault.SERVER, Fault.RESET, Fault.RESET_AFTER)
"""After which the same run goes on."""
AFTER = (Fault.RESET_AFTER, Fault.CRASH_AFTER)
"""For calls that change something: after others they are what comes before the next call."""


class CrashError(BaseException):
    """The end of a process."""


@dataclass(frozen=True)
class Tried:
    """A fault that was tried.

    Args:
        number: of the call in an undisturbed run, from 0.
        call: service and operation.
        fault: what happened to it.
        wrong: what is otherwise than after an undisturbed run; empty when all is well.
    """

    number: int
    call: str
    fault: Fault
    wrong: tuple[str, ...]

    @property
    def line(self) -> str:
        """It, and how it ended."""
        return f"{self.number} {self.call}: {self.fault}: {'; '.join(self.wrong) or 'ends as ever'}"


@dataclass(frozen=True)
class Swept:
    """What came of a sweep.

    Args:
        calls: how many calls an undisturbed run makes.
        changing: how many of them change something.
        tried: the faults.
    """

    calls: int
    changing: int
    tried: tuple[Tried, ...]


@dataclass(frozen=True)
class End:
    """How an account is once a teardown is done and everything is at rest.

    Args:
        left: kind, name and reason of what is left.
        there: what is told of all that is there.
    """

    left: frozenset[tuple[str, str, str]]
    there: Described

    def differs(self, other: "End", steady: Collection[tuple[str, str]]) -> list[str]:
        """What another end has otherwise.

        Args:
            other: the other.
            steady: what must also be told of in the same words.
        """
        said = [f"left: {each}" for each in sorted(other.left - self.left)]
        said += [f"not left: {each}" for each in sorted(self.left - other.left)]
        said += [f"there: {each}" for each in sorted(other.there.keys() - self.there.keys())]
        said += [f"gone: {each}" for each in sorted(self.there.keys() - other.there.keys())]
        return said + [f"changed: {each}" for each in sorted(steady) if self.there.get(each) != other.there.get(each)]


def end_of(world: World, folder: Path) -> End:
    """The end of a run whose journal is in a folder."""
    return End(frozenset((each["kind"], each["name"], each["why"]) for each in left_in(folder)), world.at_rest())


Selects = Callable[[int, bool], Sequence[Fault]]
"""Which of the calls that change something one is, or of the others, and whether it does, to the faults tried at it."""


def every(_which: int, changing: bool) -> Sequence[Fault]:
    """All faults at each call."""
    return [fault for fault in Fault if changing or fault not in AFTER]


def each_nth(step: int) -> Selects:
    """One fault at each so many calls of a sort, the kinds in turn."""

    def select(which: int, changing: bool) -> Sequence[Fault]:
        faults = every(which, changing)
        turn, rest = divmod(which, step)
        return [] if rest else [faults[turn % len(faults)]]

    return select


def sample(which: int, changing: bool) -> Sequence[Fault]:
    """One fault at each seventh of the calls that change something, and at each two hundredth of the others."""
    return each_nth(7 if changing else 200)(which, changing)


@dataclass(frozen=True)
class Usual:
    """What comes of a run without a fault.

    Args:
        end: how the account is then.
        steady: what it leaves as it would be without it: what is foreign, and data that is kept.
    """

    end: End
    steady: frozenset[tuple[str, str]]


def usual(world: World, options: Options) -> Usual:
    """What comes of a run without a fault; the account is as it was afterwards.

    Raises:
        AssertionError: when it does not come to its end, or changes what is foreign.
    """
    control = {(kind, name): each for kind, name, each in in_child(lambda: _listed(world.at_rest()))}
    left, there = in_child(lambda: _undisturbed(world, options))
    end = End(frozenset(map(tuple, left)), {(kind, name): each for kind, name, each in there})
    steady = frozenset(key for key, each in control.items() if end.there.get(key) == each)
    changed = sorted(world.foreign & control.keys() - steady)
    assert not changed, f"without a fault a run changes {changed}"
    return Usual(end, steady)


def sweep(
    world: World,
    options: Options,
    expected: Usual,
    selects: Selects,
    told: Callable[[Tried], None] = lambda _tried: None,
) -> Swept:
    """Tries faults at the calls of a teardown, as many at a time as there are processors.

    Args:
        world: the account; it is as it was afterwards.
        options: what was decided.
        expected: what comes of a run without a fault.
        selects: which faults.
        told: called with each of them when it was tried.
    """
    swept = in_child(lambda: asdict(_Sweep(world, options, selects, expected, told).swept()))
    tried = (Tried(**{**each, "fault": Fault(each["fault"]), "wrong": tuple(each["wrong"])}) for each in swept["tried"])
    return Swept(swept["calls"], swept["changing"], tuple(tried))


def _undisturbed(world: World, options: Options) -> Any:
    folder = world.folder / f"undisturbed-{os.getpid()}"
    ran = world.run(options, Journal(folder / "journal.jsonl"))
    assert ran.code == 0, ran.told
    end = end_of(world, folder)
    return sorted(end.left), _listed(end.there)


def _listed(there: Described) -> list[tuple[str, str, str]]:
    return [(*key, each) for key, each in there.items()]


class _Sweep:
    """The calls of one run, and of the copies in which something happens to one of them."""

    def __init__(
        self,
        world: World,
        options: Options,
        selects: Selects,
        expected: Usual,
        told: Callable[[Tried], None],
    ) -> None:
        self._world, self._options, self._selects, self._told = world, options, selects, told
        self._expected = expected
        self._theirs = {name for _, name in world.foreign}
        self._number = self._changing = 0
        self._folder = world.folder / f"swept-{os.getpid()}"
        self._journal = Journal(self._folder / "journal.jsonl")
        self._tried: list[Tried] = []
        self._waiting: dict[int, tuple[Child, int, str, Fault]] = {}
        # In a copy: itself, what happens in it, and what is so afterwards.
        self._here: Child | None = None
        self._fault: Fault | None = None
        self._denied = ""
        self._crashed = False
        self._wrong: list[str] = []

    def swept(self) -> Swept:
        ran: Ran | None = None
        try:
            ran = self._run()
        except CrashError:
            pass
        except Exception:
            if not self._here:
                raise
            self._wrong.append(traceback.format_exc())
        finally:
            # Also when something else was raised: a copy must not go on into what called this.
            if self._here:
                self._here.end(partial(self._rest, ran))
        self._wait(0)
        assert ran is not None and ran.code == 0, ran  # noqa: PT018 (one fact)
        return Swept(self._number, self._changing, tuple(sorted(self._tried, key=lambda each: each.number)))

    def _run(self) -> Ran:
        return self._world.run(self._options, self._journal, lambda service: Client(service, self))

    def call(self, service: str, operation: str, arguments: Json) -> Any:
        """Makes a call, or lets something happen to it."""
        if self._crashed:
            raise CrashError
        name = f"{service}.{operation}"
        changing = not operation.startswith(READS)
        if changing and (theirs := self._theirs & set(_texts(arguments))):
            self._wrong.append(f"{name} changes {theirs}")
        fault = None
        if not self._here:
            which = self._changing if changing else self._number - self._changing
            fault = self._copied(name, self._selects(which, changing))
            if not fault:
                self._number += 1
                self._changing += changing
        make = partial(getattr(self._world.client(service), operation), **arguments)
        if name == self._denied:
            raise _denied(service, operation)
        return self._happening(fault, service, operation, make) if fault else make()

    def _copied(self, name: str, faults: Sequence[Fault]) -> Fault | None:
        """Copies the process for each fault; gives the fault in the copy, and none in the original."""
        for fault in faults:
            self._wait((os.cpu_count() or 1) - 1)
            child = Child()
            if child.is_here:
                self._here, self._fault = child, fault
                folder = self._folder / f"{self._number}-{fault}"
                folder.mkdir()
                if self._journal.file.exists():
                    shutil.copy(self._journal.file, folder)
                self._journal.file = folder / self._journal.file.name
                return fault
            self._waiting[child.reads] = (child, self._number, name, fault)
        return None

    def _wait(self, most: int) -> None:
        """Until so many copies are left at most."""
        while len(self._waiting) > most:
            for ended in select.select(list(self._waiting), [], [])[0]:
                child, number, call, fault = self._waiting.pop(ended)
                tried = Tried(number, call, fault, tuple(child.result()))
                self._tried.append(tried)
                self._told(tried)

    def _happening(self, fault: Fault, service: str, operation: str, make: Callable[[], Any]) -> Any:
        match fault:
            case Fault.THROTTLE:
                raise _error("ThrottlingException", "Rate exceeded", 400, operation)
            case Fault.SERVER:
                raise _error("InternalFailure", "An internal error has occurred.", 500, operation)
            case Fault.RESET:
                raise ConnectionClosedError(endpoint_url=service)
            case Fault.RESET_AFTER:
                make()
                raise ConnectionClosedError(endpoint_url=service)
            case Fault.DENIED:
                self._denied = f"{service}.{operation}"
                raise _denied(service, operation)
            case Fault.CRASH_AFTER:
                make()
        self._crashed = True
        raise CrashError

    def _rest(self, ran: Ran | None) -> list[str]:
        """Ends in a copy what was begun; gives what is wrong then."""
        if self._fault in PASSING and (ran is None or ran.code != 0):
            self._wrong.append(f"the run did not go on: {ran.told[-500:] if ran else ''}")
        self._denied, self._crashed = "", False
        if ran is None or ran.code != 0:
            self._journal = Journal(self._journal.file)
            ran = self._run()
        if ran.code != 0:
            self._wrong.append(f"the next run ended with {ran.code}: {ran.told[-1000:]}")
        return self._wrong + self._expected.end.differs(
            end_of(self._world, self._journal.file.parent), self._expected.steady
        )


def killed(world: World, options: Options, expected: Usual, number: int, *, after: bool) -> list[str]:
    """Kills a run in a process of its own at one of its calls, and lets another end it; gives what is wrong then.

    Args:
        world: the account; it is as it was afterwards.
        options: what was decided.
        expected: what comes of a run that nobody kills.
        number: of the call, among them those that ask for the time.
        after: whether AWS has done it by then.
    """
    wrong: list[str] = in_child(lambda: _after_kill(world, options, expected, number, after=after))
    return wrong


def _after_kill(world: World, options: Options, expected: Usual, number: int, *, after: bool) -> list[str]:
    folder = world.folder / f"killed-{os.getpid()}"
    assert _served(world, options, folder, number, after=after) is None, "it came to its end before it was killed"
    ran = _served(world, options, folder)
    wrong = [] if ran and ran["code"] == 0 else [f"the next run: {ran}"]
    return wrong + expected.end.differs(end_of(world, folder), expected.steady)


def _served(world: World, options: Options, folder: Path, number: int = -1, *, after: bool = False) -> Json | None:
    """How a run in a process of its own ends, which asks this one for AWS and for the time; None when it is killed."""
    here, there = Pipe()
    child = Child()
    if child.is_here:
        here.close()
        journal = Journal(folder / "journal.jsonl")
        asked = Distant(there)
        child.end(lambda: asdict(world.run(options, journal, asked.client, asked)))
    there.close()
    for count_ in count():
        try:
            asked_for = here.recv()
        except EOFError:
            ran: Json = child.result()
            return ran
        if count_ == number and not after:
            break
        here.send(answer(world.client, world.account.aws.clock, asked_for))
        if count_ == number:
            break
    child.kill()
    return None


def _error(code: str, message: str, status: int, operation: str) -> ClientError:
    metadata: Any = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, operation)


def _denied(service: str, operation: str) -> ClientError:
    """As services say it: EC2 in words of its own, and S3 in none where an answer has no body."""
    codes = {"ec2": "UnauthorizedOperation", "s3": "403" if operation.startswith("head_") else "AccessDenied"}
    return _error(codes.get(service, "AccessDeniedException"), "You are not authorized.", 403, operation)


def _texts(part: Any) -> Iterator[str]:
    match part:
        case str():
            yield part
        case dict():
            for each in part.values():
                yield from _texts(each)
        case list():
            for each in part:
                yield from _texts(each)
