"""What becomes of volumes when the environment is torn down."""

from collections.abc import Iterator
from typing import Literal

from environments.fields import Section
from environments.problems import Problem, shown
from environments.storage import Data
from environments.teams import Notebooks


class Teardown(Section):
    """What a teardown does with volumes that people write to; it asks where nothing is given."""

    notebook_volumes: Literal["keep", "back_up", "discard"] | None = None
    """Those of notebook instances: they stay with the stopped instances, are copied to S3 first, or are lost."""
    space_volumes: Literal["keep", "discard"] | None = None
    """Those of spaces: they stay with the spaces, or are lost. Only who works in a space could copy its volume."""


def impossible(teardown: Teardown, data: Data, notebooks: Notebooks) -> Iterator[Problem]:
    """What the rest of the file does not let a teardown do."""
    for field in ("notebook_volumes", "space_volumes"):
        chosen = getattr(teardown, field)
        # A backup lies in the bucket of artifacts.
        if chosen in ("keep", "back_up") and not data.keep_after_teardown:
            yield Problem((field,), shown(chosen), "must go with data.keep_after_teardown: true")
    if teardown.notebook_volumes == "back_up" and not notebooks.backup:
        yield Problem(("notebook_volumes",), shown("back_up"), "must go with notebooks.backup: true")
