"""Several things at the same time within one step."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from operations.teardown.schedule import Clock, Waits

AT_A_TIME = 8
"""Of one call of ``together``."""


def together(works: Sequence[Waits], clock: Clock) -> Waits:
    """What several works return, in their order; each waits for itself. The first that fails ends all."""
    results: list[Any] = [None] * len(works)
    wakes = dict.fromkeys(range(len(works)), 0.0)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        while wakes:
            now = clock.now()
            due = [number for number, wake in wakes.items() if wake <= now]
            if not due:
                yield min(wakes.values()) - now
                continue
            for number, (pause, result) in zip(due, pool.map(_go_on, [works[each] for each in due]), strict=True):
                if pause is None:
                    results[number] = result
                    del wakes[number]
                else:
                    wakes[number] = now + pause
    return results


def _go_on(work: Waits) -> tuple[float | None, Any]:
    """How long it wants to wait, or what it returns."""
    try:
        return next(work), None
    except StopIteration as stopped:
        return None, stopped.value
