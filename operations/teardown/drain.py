"""Does one verb to many things of a kind, and waits until all of them are where it leads."""

from collections.abc import Callable, Collection

from botocore.exceptions import ClientError

from operations.teardown.aws import code_of, message_of
from operations.teardown.inventory import Inventory, Key, Thing
from operations.teardown.kinds import GONE, Kind, Verb
from operations.teardown.schedule import StepError, Waits

POLL = 15.0
"""Seconds between two looks at all things of a kind."""

DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Client.UnauthorizedOperation")


def drain(
    inventory: Inventory,
    kind: Kind,
    verb: Verb,
    wanted: Callable[[Thing], bool],
    told: Callable[[str, str], None],
) -> Waits:
    """Brings things where ``verb`` leads.

    A call that AWS refuses is made again at the next look: states change between a look and a call, and what is in use
    now need not be in a minute. Only what nobody may do ends it at once.

    Args:
        inventory: what is there.
        kind: the kind.
        verb: what is done.
        wanted: which things; those that somebody makes meanwhile too.
        told: called with the name of a thing and its state whenever that changes.

    Raises:
        StepError: when something is not there in time, or may not be done.
    """
    clock = inventory.aws.clock
    started = clock.now()
    states: dict[Key, str] = {}
    refused: dict[Key, str] = {}
    while True:
        now = {each.key: each.state for each in (yield from inventory.things(kind)) if wanted(each)}
        for key in states | now:
            state = now.get(key, GONE)
            if states.get(key) != state:
                states[key] = state
                told(_name(key), state)
        open_ = [key for key, state in states.items() if state not in verb.until]
        if not open_:
            return None
        if clock.now() - started > verb.minutes * 60:
            raise StepError(_too_late(kind, verb, open_, states, refused))
        for key in open_:
            if states[key] in verb.states:
                refused.pop(key, None)
                if (said := (yield from _do(inventory, kind, verb, key))) is not None:
                    refused[key] = said
        yield POLL


def _do(inventory: Inventory, kind: Kind, verb: Verb, key: Key) -> Waits:
    """Why AWS did not do it, if it did not."""
    try:
        yield from inventory.aws.call(kind.service, verb.operation, **dict(key), **dict(verb.also))
    except ClientError as error:
        if kind.is_missing(error):
            return None
        if code_of(error) in DENIED:
            raise StepError(f"{kind.name}: {_name(key)}: may not be {verb.done}: {message_of(error)}") from None
        return f"{code_of(error)}: {message_of(error)}"
    return None


def _too_late(kind: Kind, verb: Verb, open_: Collection[Key], states: dict[Key, str], refused: dict[Key, str]) -> str:
    shown = ", ".join(
        f"{_name(key)} is {states[key]}" + (f" ({refused[key]})" if key in refused else "") for key in list(open_)[:5]
    )
    more = f" and {len(open_) - 5} more" if len(open_) > 5 else ""
    return f"{kind.name}: not {verb.done} after {verb.minutes} minutes: {shown}{more}"


def _name(key: Key) -> str:
    return "/".join(value for _, value in key)
