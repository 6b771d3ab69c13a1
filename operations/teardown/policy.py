"""What somebody decided about a teardown."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from environments.teardown import Teardown
from operations.teardown.inventory import Thing
from operations.teardown.kinds import Kind, Verb


class Volumes(StrEnum):
    """What becomes of volumes that people write to."""

    KEEP = "keep"
    """They stay, with the stopped instance or the space that they belong to."""
    BACK_UP = "back_up"
    """They are copied to S3, and then they go."""
    DISCARD = "discard"
    """They go."""


@dataclass(frozen=True)
class Policy:
    """The decisions of one run.

    Args:
        volumes: what becomes of the volumes of a kind of thing, where somebody decided it.
        purge: names of what is kept otherwise and goes now, with its data.
        unprotect: whether stacks go that are protected.
    """

    volumes: dict[str, Volumes]
    purge: frozenset[str] = frozenset()
    unprotect: bool = False

    def does(self, kind: Kind, verb: Verb, thing: Thing) -> bool:
        """Whether ``verb`` is done to a thing.

        What is in a stack goes with it, unless the stack would keep it; nothing is deleted that is kept.
        """
        if verb.name != "delete":
            return True
        return not self.keeps(kind, thing) and (not thing.stack or thing.kept)

    def keeps(self, kind: Kind, thing: Thing) -> bool:
        """Whether a thing is there when the run is over."""
        # What is listed of something goes with it: a group of models with their versions.
        if self.purge & ({thing.name, thing.name.rpartition("/")[0]} if kind.within else {thing.name}):
            return False
        decided = self.volumes.get(kind.name)
        return kind.data or decided is Volumes.KEEP or (decided is None and thing.kept)


def decided(
    teardown: Teardown,
    *,
    notebook_volumes: Volumes | None = None,
    space_volumes: Volumes | None = None,
    purge: Iterable[str] = (),
    unprotect: bool = False,
) -> Policy:
    """What the environment file says, where nobody says otherwise now."""
    chosen = {
        "notebook instances": notebook_volumes or teardown.notebook_volumes,
        "spaces": space_volumes or teardown.space_volumes,
    }
    return Policy({kind: Volumes(each) for kind, each in chosen.items() if each}, frozenset(purge), unprotect)
