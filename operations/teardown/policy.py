"""What somebody decided about a teardown."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from environments.teardown import Teardown
from operations.teardown.inventory import Thing
from operations.teardown.kinds import OF_NAME, Kind, Verb


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
        kinds: kind, or type in CloudFormation, and name of what is purged, where somebody said which of several.
    """

    volumes: dict[str, Volumes]
    purge: frozenset[str] = frozenset()
    unprotect: bool = False
    kinds: frozenset[tuple[str, str]] = frozenset()

    def purges(self, kind: str, name: str) -> bool:
        """Whether something goes that is kept otherwise."""
        return name in self.purge and ((kind, name) in self.kinds or all(each != name for _, each in self.kinds))

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
        if self.purges(kind.name, thing.name) or self.purges(kind.within, thing.name.rpartition("/")[0]):
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
    """What the environment file says, where nobody says otherwise now; ``purge`` has names, or KIND/NAME."""
    chosen = {
        "notebook instances": notebook_volumes or teardown.notebook_volumes,
        "spaces": space_volumes or teardown.space_volumes,
    }
    named = [_kind_and_name(each) for each in purge]
    return Policy(
        volumes={kind: Volumes(each) for kind, each in chosen.items() if each},
        purge=frozenset(name for _, name in named),
        unprotect=unprotect,
        kinds=frozenset((kind, name) for kind, name in named if kind),
    )


def _kind_and_name(given: str) -> tuple[str, str]:
    """What somebody wants to purge; without a kind where none was given, as names have slashes too."""
    kind, _, name = given.partition("/")
    is_kind = kind.startswith("AWS::") or (kind in OF_NAME and (OF_NAME[kind].data or OF_NAME[kind].types))
    return (kind, name) if is_kind else ("", given)
