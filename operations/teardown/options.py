"""What somebody decided about one run."""

from dataclasses import dataclass, field
from typing import Any

from operations.teardown.part import Part
from operations.teardown.policy import Policy


@dataclass(frozen=True)
class Options:
    """What somebody decided about one run.

    Args:
        policy: about what is there.
        part: the part that it is about; all of it without one.
        discard_unexported: whether what Lustre exports nowhere is given up.
        agreed: the plan that was agreed to, as ``show.as_json`` has it; its hash alone will do.
        yes: whether nobody is asked.
        take_over: whether the lock is taken from whoever holds it.
    """

    policy: Policy
    part: Part = field(default_factory=Part)
    discard_unexported: bool = False
    agreed: dict[str, Any] | None = None
    yes: bool = False
    take_over: bool = False
