"""Most of these tests deploy something to a local AWS, and share it in their file."""

from collections.abc import Sequence
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
QUICK = frozenset(
    f"test_{name}.py"
    for name in ("aws", "journal", "lock", "messages", "policy", "refusals", "schedule", "show", "stacks", "together")
)
"""Those that deploy nothing."""


# Before xdist looks at the marks.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """The tests of a file run in one process, so that what they share is made once."""
    for item in items:
        if item.path.parent == FOLDER:
            item.add_marker(pytest.mark.xdist_group(f"teardown {item.path.stem}"))
            if item.path.name not in QUICK:
                item.add_marker(pytest.mark.slow)
