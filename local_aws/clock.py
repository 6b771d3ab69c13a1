"""The time that AWS takes: real, a thousand times as fast, or only as fast as somebody waits for it."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds as the emulated services count them."""

    def now(self) -> float:
        """Seconds since the clock was made."""

    def sleep(self, seconds: float) -> None:
        """Lets that many of its seconds pass."""


class RealClock:
    """Runs ``rate`` times as fast as the clock on the wall."""

    def __init__(self, rate: float = 1) -> None:
        self._rate = rate
        self._started = time.monotonic()

    def now(self) -> float:
        """Seconds since the clock was made."""
        return (time.monotonic() - self._started) * self._rate

    def sleep(self, seconds: float) -> None:
        """Lets that many of its seconds pass."""
        time.sleep(seconds / self._rate)


class VirtualClock:
    """Stands still until somebody sleeps, and then is at once where that leads."""

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since the clock was made."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Lets that many of its seconds pass; several sleepers sleep at the same time."""
        wakes = self._now + seconds
        with self._lock:
            self._now = max(self._now, wakes)


FAST = 1000
"""The rate of the fast clock: ten minutes of AWS take 0.6 seconds."""


def clock(kind: str) -> Clock:
    """The clock of that name: ``real``, ``fast`` or ``virtual``.

    Raises:
        ValueError: for another name.
    """
    match kind:
        case "real":
            return RealClock()
        case "fast":
            return RealClock(FAST)
        case "virtual":
            return VirtualClock()
    raise ValueError(f"clock: {kind!r}: must be real, fast or virtual")
