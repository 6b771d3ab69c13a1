import threading

import pytest

from local_aws.cloudformation.graph import in_order, reversed_needs

DIAMOND = {"top": {"left", "right"}, "left": {"bottom"}, "right": {"bottom"}, "bottom": set[str]()}


def test_everything_comes_after_what_it_needs() -> None:
    order: list[str] = []
    assert in_order(DIAMOND, order.append) == {}
    assert (order[0], set(order[1:3]), order[3]) == ("bottom", {"left", "right"}, "top")


def test_what_does_not_need_each_other_runs_at_the_same_time() -> None:
    together = threading.Barrier(4, timeout=10)

    def meet(_: str) -> None:
        together.wait()

    assert in_order({name: set[str]() for name in "abcd"}, meet) == {}


def test_nothing_is_begun_after_a_failure() -> None:
    order: list[str] = []

    def act(name: str) -> None:
        order.append(name)
        raise ValueError(name)

    failures = in_order({"first": set(), "second": {"first"}}, act)
    assert order == ["first"]
    assert [str(each) for each in failures.values()] == ["first"]


def test_what_needs_nothing_that_failed_goes_on_when_asked() -> None:
    order: list[str] = []

    def act(name: str) -> None:
        order.append(name)
        if name == "bad":
            raise ValueError(name)

    needs = {"bad": set[str](), "after bad": {"bad"}, "good": set[str](), "after good": {"good"}}
    assert in_order(needs, act, go_on=True).keys() == {"bad"}
    assert sorted(order) == ["after good", "bad", "good"]


def test_an_interruption_is_no_failure() -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_order({"a": set()}, interrupt)


def test_reversed_everything_comes_before_what_it_needs() -> None:
    assert reversed_needs(DIAMOND) == {
        "top": set(),
        "left": {"top"},
        "right": {"top"},
        "bottom": {"left", "right"},
    }


def test_reversed_what_is_not_there_is_left_out() -> None:
    assert reversed_needs({"a": {"gone"}}) == {"a": set()}
