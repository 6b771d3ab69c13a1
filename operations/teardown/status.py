"""What of an environment runs, who started it, and how all that runs is stopped without taking anything away."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from operations.teardown.inventory import Inventory, Thing
from operations.teardown.kinds import KINDS, Kind
from operations.teardown.schedule import Waits
from operations.teardown.stages import Stage, of_kinds

STOPS = ("stop", "terminate", "release")
"""Verbs that end what runs, and leave what it belongs to."""
APPS = "apps.delete"
"""An app is all that runs of a space, and its space stays."""
SERVING = ("scaling targets.delete", "inference components.delete", "inference experiments.stop", "endpoints.delete")
"""What others may call at any time; its configuration stays, from which it can be made again."""
STORED = ("spaces", "feature groups", "MLflow apps")
"""Kinds of what costs as much as it stores, however long nobody uses it."""
AT_REST = ("Stopped", "CreateFailed")
"""States without an instance of what no verb stops."""


@dataclass(frozen=True)
class Running:
    """Something that runs.

    Args:
        thing: what it is.
        known: what is known of it, by heading: owner, since, last used, instances, GiB.
    """

    thing: Thing
    known: dict[str, str]


def running(inventory: Inventory) -> Waits:
    """All that runs."""
    found = []
    for kind in KINDS:
        things = yield from inventory.things(kind)
        found += [Running(each, dict(_known(kind, each))) for each in things if _runs(kind, each)]
    return found


def stops(*, endpoints: bool) -> list[Stage]:
    """The stages that stop all that runs.

    Args:
        endpoints: whether endpoints are stopped too, which means that they are deleted.
    """
    named = {APPS, *(f"{kind.name}.{verb.name}" for kind in KINDS for verb in kind.verbs if verb.name in STOPS)}
    wanted = named | set(SERVING) if endpoints else named - set(SERVING)
    return [stage for stage in of_kinds() if stage.name in wanted]


def _runs(kind: Kind, thing: Thing) -> bool:
    """Whether a thing costs money by the hour, as it does while it starts, changes or stops."""
    stop = next((verb for verb in kind.verbs if verb.name in STOPS), None)
    if stop:
        return thing.state not in stop.until
    return kind.billed and kind.name not in STORED and thing.state not in AT_REST


def _known(kind: Kind, thing: Thing) -> Iterator[tuple[str, str]]:
    """What is known of a thing, for people."""
    yield from (
        (heading, _text(found))
        for heading, expression in (
            ("owner", kind.owner),
            ("since", kind.since),
            ("last used", kind.activity),
            ("instances", kind.instance),
            ("GiB", kind.size),
        )
        if (found := thing.tells(expression)) not in (None, [], "")
    )


def _text(found: Any) -> str:
    match found:
        case list():
            return ", ".join(sorted({_text(each) for each in found}))
        case datetime():
            return f"{found.astimezone(UTC):%Y-%m-%d %H:%M}"
        # Batch tells milliseconds since 1970.
        case int() if found > 10**11:
            return _text(datetime.fromtimestamp(found / 1000, UTC))
        case str() if found.startswith("arn:"):
            return found.rpartition("/")[2]
    return str(found)
