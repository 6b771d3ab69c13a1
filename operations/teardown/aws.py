"""Calls to AWS that know what passes by itself: throttles, faults of servers and of the network."""

import random
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import jmespath  # type: ignore[import-untyped]
from botocore import exceptions
from botocore.exceptions import ClientError

from operations.teardown.journal import Journal
from operations.teardown.schedule import Clock, StepError, Waits

THROTTLES = frozenset(
    {
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException"),
        *("TooManyRequestsException", "RequestLimitExceeded", "SlowDown", "BandwidthLimitExceeded", "LimitExceeded"),
        *("PriorRequestNotComplete", "EC2ThrottledException", "TransactionInProgressException"),
    }
)
"""Codes by which services say that they were asked too often (botocore, botocore/retries/standard.py)."""
FAULTS = frozenset(
    {"RequestTimeout", "RequestTimeoutException", "InternalError", "InternalFailure", "InternalServerError"}
)

ATTEMPTS = 12
"""Calls of one request, after which a fault is none that passes: about ten minutes with the waits between them."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 120.0
AT_A_TIME = 8
"""Calls to one service."""

READS = ("list_", "describe_", "get_", "head_", "batch_get_")


class Aws:
    """The account that something is taken away from.

    Args:
        client: makes the boto3 client of a service; one that tries a call once.
        region: the region.
        clock: what waiting goes by.
        journal: where every call that changes something is written down.
    """

    def __init__(self, client: Callable[[str], Any], region: str, clock: Clock, journal: Journal) -> None:
        self.region, self.clock = region, clock
        self._client, self._journal = client, journal
        self._limits: dict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(AT_A_TIME))
        self._quiet_until: dict[str, float] = defaultdict(float)
        # Only so that many do not come back at the same moment.
        self._random = random.Random(0)  # noqa: S311

    def call(self, service: str, operation: str, **arguments: Any) -> Waits:
        """The answer of one call, made again while what fails is passing.

        Raises:
            ClientError: what AWS says against it.
            StepError: when it fails for too long.
        """
        for attempt in range(ATTEMPTS):
            pause = self._quiet_until[service] - self.clock.now()
            if pause > 0:
                yield pause
            try:
                return self._once(service, operation, arguments)
            except (ClientError, exceptions.ConnectionError, exceptions.HTTPClientError) as error:
                if not passes(error):
                    raise
                last: Exception = error
            pause = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * self._random.uniform(0.5, 1.0)
            if code_of(last) in THROTTLES:
                # All others that ask this service wait as well.
                self._quiet_until[service] = max(self._quiet_until[service], self.clock.now() + pause)
            yield pause
        raise StepError(f"{service}.{operation}: failed {ATTEMPTS} times, at last with {last}")

    def pages(self, service: str, operation: str, expression: str, **arguments: Any) -> Waits:
        """What an expression finds in all pages of an answer, as a list."""
        found: list[Any] = []
        more = arguments
        while True:
            answer = yield from self.call(service, operation, **more)
            found += jmespath.search(expression, answer) or []
            # IAM says beside its Marker that there is more. EFS has NextMarker, and repeats the Marker of the request.
            told = [each for each in TOKENS if answer.get(each) and (each != "Marker" or answer.get("IsTruncated"))]
            if not told:
                return found
            more = {**arguments, TOKENS[told[0]]: answer[told[0]]}

    def _once(self, service: str, operation: str, arguments: dict[str, Any]) -> Any:
        with self._limits[service]:
            asked = getattr(self._client(service), operation)
            if operation.startswith(READS):
                return asked(**arguments)
            with self._journal.calling(service, operation, arguments):
                return asked(**arguments)


TOKENS = {
    "NextToken": "NextToken",
    "nextToken": "nextToken",
    "NextMarker": "Marker",
    "nextMarker": "marker",
    "Marker": "Marker",
    "PaginationToken": "PaginationToken",
    "NextPageToken": "PageToken",
}
"""The member of an answer that says that there is more, and the one of the request that asks for it."""


def code_of(error: Exception) -> str:
    """The code of AWS's answer; empty when there was none."""
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""


def message_of(error: ClientError) -> str:
    """The words of AWS's answer, in one line."""
    return " ".join(str(error.response["Error"].get("Message", "")).split())


def passes(error: Exception) -> bool:
    """Whether the same call may well succeed later."""
    if not isinstance(error, ClientError):
        return True
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or code_of(error) in THROTTLES | FAULTS
