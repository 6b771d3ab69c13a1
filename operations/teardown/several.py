"""Several works of one step, of which each goes on when another fails."""

from collections.abc import Iterable

from operations.teardown.schedule import Clock, StepError, Waits
from operations.teardown.together import together


def several(works: Iterable[Waits], clock: Clock) -> Waits:
    """Does all of them at the same time.

    Raises:
        StepError: once all have ended, with what each of those says that could not be done.
    """
    said = yield from together([_tried(each) for each in works], clock)
    if failures := [each for each in said if each]:
        raise StepError("; ".join(failures))


def _tried(work: Waits) -> Waits:
    """Why it could not be done; empty when it was."""
    try:
        yield from work
    except StepError as error:
        return str(error)
    return ""
