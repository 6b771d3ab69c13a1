"""Runs steps that wait for one another; whatever can wait at the same time does.

A step is a generator: it gives the seconds that it wants to wait, and ends when it is done. So thousands of them wait
in one loop, and the clock of a test can stand for AWS's time.
"""

import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any, Protocol

Waits = Generator[float, None, Any]
"""A step under way: gives seconds to wait, and returns what it found out."""


class Clock(Protocol):
    """Seconds as a run counts them."""

    def now(self) -> float:
        """Seconds since some moment."""

    def sleep(self, seconds: float) -> None:
        """Lets that many of them pass."""


class Outcome(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    NOT_STARTED = "not started"


class StepError(Exception):
    """A step cannot be done; ``str()`` says why, in one line."""


@dataclass(frozen=True)
class Step:
    """Something to do.

    Args:
        name: what it is called, unique in a run.
        work: does it.
        after: the names of the steps that must be done before it starts; names of no step do not count.
    """

    name: str
    work: Callable[[], Waits]
    after: frozenset[str] = frozenset()


@dataclass
class Result:
    """How a step ended, and what it says of it: what it returned, or why it failed or was not started."""

    outcome: Outcome
    value: Any = None


def run(
    steps: Sequence[Step],
    clock: Clock,
    *,
    workers: int = 16,
    told: Callable[[str, Result | None], None] = lambda _name, _result: None,
) -> dict[str, Result]:
    """Runs all steps, each when those before it are done; gives how each of them ended.

    A step that fails ends alone: what waits for it is not started, and all others go on.

    Args:
        steps: the steps.
        clock: what waiting goes by.
        workers: how many steps ask AWS at a time.
        told: called with the name of a step when it starts, without a result, and when it ends.

    Raises:
        ValueError: for steps that wait for each other in a circle.
    """
    with ThreadPoolExecutor(workers) as pool:
        return _Schedule(steps, clock, pool, told).run()


class _Schedule:
    def __init__(
        self,
        steps: Sequence[Step],
        clock: Clock,
        pool: ThreadPoolExecutor,
        told: Callable[[str, Result | None], None],
    ) -> None:
        self._clock, self._pool, self._told = clock, pool, told
        self._work = {step.name: step.work for step in steps}
        self._before = {step.name: set(step.after & self._work.keys()) for step in steps}
        self._followers: dict[str, list[str]] = defaultdict(list)
        for name, before in self._before.items():
            for each in before:
                self._followers[each].append(name)
        self._ready = deque(name for name, before in self._before.items() if not before)
        self._order = count()
        self._sleeping: list[tuple[float, int, str, Waits]] = []
        self._working: dict[Future[float], tuple[str, Waits]] = {}
        self._results: dict[str, Result] = {}

    def run(self) -> dict[str, Result]:
        while len(self._results) < len(self._work):
            self._start()
            if self._working:
                ended = wait(self._working, return_when=FIRST_COMPLETED).done
                # In the order in which they went on: a set has none that is the same in the next run.
                for done in [each for each in self._working if each in ended]:
                    self._look_at(done)
            elif self._sleeping:
                self._clock.sleep(self._sleeping[0][0] - self._clock.now())
            else:
                raise ValueError(f"steps wait for each other: {', '.join(sorted(self._work.keys() - self._results))}")
        return self._results

    def _start(self) -> None:
        """Whatever need not wait any longer."""
        while self._ready:
            name = self._ready.popleft()
            self._told(name, None)
            self._go_on(name, self._work[name]())
        while self._sleeping and self._sleeping[0][0] <= self._clock.now():
            _, _, name, waits = heapq.heappop(self._sleeping)
            self._go_on(name, waits)

    def _go_on(self, name: str, waits: Waits) -> None:
        self._working[self._pool.submit(next, waits)] = (name, waits)

    def _look_at(self, done: Future[float]) -> None:
        name, waits = self._working.pop(done)
        try:
            wakes = self._clock.now() + done.result()
        except StopIteration as stopped:
            self._end(name, Result(Outcome.DONE, stopped.value))
        except StepError as error:
            self._end(name, Result(Outcome.FAILED, str(error)))
        else:
            heapq.heappush(self._sleeping, (wakes, next(self._order), name, waits))

    def _end(self, name: str, result: Result) -> None:
        self._results[name] = result
        self._told(name, result)
        for other in self._followers[name]:
            if result.outcome is Outcome.DONE:
                self._before[other].discard(name)
                if not self._before[other]:
                    self._ready.append(other)
            elif other not in self._results:
                self._end(other, Result(Outcome.NOT_STARTED, f"waits for {name}, which is {result.outcome}"))
