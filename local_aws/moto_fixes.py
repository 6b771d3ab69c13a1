"""Where moto answers wrong: the smallest changes that put it right."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from moto.s3.models import FakeBucket
from moto.iam.access_control import PermissionResult

from local_aws.front import Answer, Call, Front


@contextmanager
def fixed(front: Front) -> Iterator[None]:
    """Puts moto right until the end of the block."""
    with (
        # moto reads no conditions: a policy that denies requests without TLS would deny them all.
        patch.object(FakeBucket, "get_permission", lambda *_: PermissionResult.NEUTRAL),
    ):
        yield
