# First, because it decides which Node jsii starts.
import app  # noqa: F401, I001

import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from aws_cdk.assertions import Template

from environments.loading import known_environments
from tests.support import Assembly, synthesize

SHIPPED = known_environments()


@pytest.fixture(scope="session")
def assembly_of() -> Iterator[Callable[[str], Assembly]]:
    """The assembly of a shipped environment, synthesised once per session for all who only read it."""
    with tempfile.TemporaryDirectory() as folder:
        yield cache(lambda name: synthesize(name, Path(folder) / name))


@pytest.fixture(scope="session", params=SHIPPED)
def assembly(request: pytest.FixtureRequest, assembly_of: Callable[[str], Assembly]) -> Assembly:
    """Each shipped environment's assembly in turn."""
    return assembly_of(request.param)


@pytest.fixture(scope="session")
def prod(assembly_of: Callable[[str], Assembly]) -> Assembly:
    return assembly_of("prod")


@pytest.fixture(scope="session")
def network(prod: Assembly) -> Template:
    """The Network stack of prod."""
    return prod.template("network")
