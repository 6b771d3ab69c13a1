"""Work in the order of dependencies, as much at a time as they allow."""

from collections.abc import Callable, Mapping, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

WORKERS = 8


def in_order(needs: Mapping[str, Set[str]], act: Callable[[str], None], *, go_on: bool = False) -> dict[str, Exception]:
    """Acts on every name once what it needs is done, several at a time; gives what went wrong, by name.

    After a failure nothing new is begun, or with ``go_on`` nothing that needs what failed.
    """
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    failures: dict[str, Exception] = {}
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        while sorter.is_active():
            if not failures or go_on:
                running |= {pool.submit(act, name): name for name in sorter.get_ready()}
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                name = running.pop(future)
                error = future.exception()
                if error is None:
                    sorter.done(name)
                elif isinstance(error, Exception):
                    failures[name] = error
                else:
                    raise error
    return failures


def reversed_needs(needs: Mapping[str, Set[str]]) -> dict[str, set[str]]:
    """The same dependencies, from the other end: what needs a thing comes before it."""
    found: dict[str, set[str]] = {name: set() for name in needs}
    for name, needed in needs.items():
        for each in needed & needs.keys():
            found[each].add(name)
    return found
