"""Tests of the parts use moto itself, with the settings that ``LocalAws`` has for it."""

from collections.abc import Iterator

import pytest

from local_aws.local import MOTO


@pytest.fixture(scope="session", autouse=True)
def moto() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        for name, value in MOTO.items():
            patched.setenv(name, value)
        yield
