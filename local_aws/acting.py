"""Which service of AWS makes a call to another one, if one does."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_SERVICE: ContextVar[str | None] = ContextVar("service", default=None)


def acting() -> str | None:
    """The service, by botocore's name, whose call it is; None when somebody outside calls."""
    return _SERVICE.get()


@contextmanager
def acting_as(service: str) -> Iterator[None]:
    """Makes the calls in the block those of a service."""
    token = _SERVICE.set(service)
    try:
        yield
    finally:
        _SERVICE.reset(token)
