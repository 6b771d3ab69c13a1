import threading
import time

import pytest

from local_aws.clock import FAST, RealClock, VirtualClock, clock


def test_a_virtual_clock_stands_still() -> None:
    virtual = VirtualClock()
    assert (virtual.now(), virtual.now()) == (0, 0)


def test_a_virtual_clock_is_at_once_where_a_sleep_leads() -> None:
    virtual = VirtualClock()
    virtual.sleep(600)
    virtual.sleep(5)
    assert virtual.now() == 605


def test_who_sleeps_at_the_same_time_sleeps_once() -> None:
    virtual = VirtualClock()
    together = threading.Barrier(5, timeout=10)

    def sleep() -> None:
        wakes = virtual.now() + 60
        together.wait()
        virtual.sleep(wakes - virtual.now())

    threads = [threading.Thread(target=sleep) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert virtual.now() == 60


@pytest.mark.parametrize("rate", [1, 60, FAST])
def test_a_real_clock_runs_at_its_rate(monkeypatch: pytest.MonkeyPatch, rate: float) -> None:
    seconds = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    real = RealClock(rate)
    seconds[0] += 2
    assert real.now() == 2 * rate


@pytest.mark.parametrize("rate", [1, FAST])
def test_a_real_clock_sleeps_as_long_as_its_rate_says(monkeypatch: pytest.MonkeyPatch, rate: float) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    RealClock(rate).sleep(600)
    assert slept == [600 / rate]


def test_clocks_have_names() -> None:
    assert isinstance(clock("virtual"), VirtualClock)
    assert isinstance(clock("real"), RealClock)
    assert isinstance(clock("fast"), RealClock)


def test_a_clock_of_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="clock: 'slow': must be real, fast or virtual"):
        clock("slow")
