"""Does one verb to many things, and waits until all of them are where it leads."""

from collections.abc import Callable, Collection, Sequence

from botocore.exceptions import ClientError

from operations.teardown.aws import code_of, message_of
from operations.teardown.inventory import Inventory, Key, Thing, name_of, search
from operations.teardown.kinds import GONE, Kind, Verb
from operations.teardown.schedule import StepError, Waits
from operations.teardown.together import together

POLL = 15.0
"""Seconds between two looks at all things of a kind."""
AGAIN = 300.0
"""Seconds after which a call that AWS took, and that changed nothing, is made once more."""
SECOND_LOOK = 5.0
"""Seconds from a look that found nothing to the one that confirms it."""

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
    taken: dict[Key, float] = {}
    refused: dict[Key, str] = {}
    # What is listed state by state is in no listing when it changes its state between them.
    enough, quiet = 2 if len(kind.asked(inventory.scope)) > 1 else 1, 0
    while True:
        now = {each.key: each for each in (yield from inventory.things(kind)) if wanted(each)}
        for key in states | now:
            state = now[key].state if key in now else GONE
            if states.get(key) != state:
                states[key] = state
                taken.pop(key, None)
                told(name_of(key), state)
        open_ = [key for key, state in states.items() if state not in verb.until]
        quiet = 0 if open_ else quiet + 1
        if quiet == enough:
            return
        if not open_:
            yield SECOND_LOOK
            continue
        if clock.now() - started > verb.minutes * 60:
            raise StepError(_too_late(kind, verb, open_, states, refused))
        due = [now[key] for key in open_ if states[key] in verb.states and taken.get(key, 0.0) <= clock.now()]
        most = verb.bulk.most if verb.bulk else 1
        parts = [due[first : first + most] for first in range(0, len(due), most)]
        said = yield from together([_do(inventory, kind, verb, part) for part in parts], clock)
        answers = {key: why for part in said for key, why in part.items()}
        for each in due:
            if each.key in answers:
                refused[each.key] = answers[each.key]
            else:
                refused.pop(each.key, None)
                taken[each.key] = clock.now() + AGAIN
        yield POLL


def _do(inventory: Inventory, kind: Kind, verb: Verb, things: Sequence[Thing]) -> Waits:
    """To which of some things AWS did not do it, and why."""
    keys = [each.key for each in things]
    # Without a bulk there is one.
    named = {verb.bulk.argument: [key[-1][1] for key in keys]} if verb.bulk else dict(keys[0])
    try:
        answer = yield from inventory.aws.call(kind.service, verb.operation, **named, **verb.also(things[0].told))
    except ClientError as error:
        return _refusals(kind, verb, [(key, code_of(error), message_of(error)) for key in keys])
    by_last = {key[-1][1]: key for key in keys}
    said = search(verb.bulk.refused).search(answer) or [] if verb.bulk else []
    return _refusals(kind, verb, [(by_last[each], code, message) for each, code, message in said])


def _refusals(kind: Kind, verb: Verb, said: Sequence[tuple[Key, str, str]]) -> dict[Key, str]:
    refused = {}
    for key, code, message in said:
        if code in DENIED:
            raise StepError(f"{kind.name}: {name_of(key)}: may not be {verb.done}: {message}")
        if not kind.means_missing(code, message):
            refused[key] = f"{code}: {message}"
    return refused


def _too_late(kind: Kind, verb: Verb, open_: Collection[Key], states: dict[Key, str], refused: dict[Key, str]) -> str:
    shown = ", ".join(
        f"{name_of(key)} is {states[key]}" + (f" ({refused[key]})" if key in refused else "") for key in list(open_)[:5]
    )
    more = f" and {len(open_) - 5} more" if len(open_) > 5 else ""
    return f"{kind.name}: not {verb.done} after {verb.minutes} minutes: {shown}{more}"
