"""Buckets of requests, by hand: 2 a second, 4 at once."""

from streams.web.rates import Allowed, Buckets


def test_a_burst_then_the_rate() -> None:
    buckets = Buckets(Allowed(rate=2, burst=4))
    assert [buckets.wait("a", 0.0) for _ in range(4)] == [0.0] * 4
    assert buckets.empty("a", 0.0)
    assert buckets.wait("a", 0.0) == 0.5
    assert buckets.wait("a", 0.25) == 0.25
    assert buckets.wait("a", 0.5) == 0.0
    assert not buckets.empty("b", 0.5)
    assert [buckets.wait("a", 100.0) for _ in range(5)] == [0.0] * 4 + [0.5]


def test_a_clock_that_steps_back_gives_nothing_and_takes_nothing() -> None:
    buckets = Buckets(Allowed(rate=1, burst=1))
    assert buckets.wait("a", 10.0) == 0.0
    assert buckets.wait("a", 5.0) == 1.0
    assert buckets.wait("a", 11.0) == 0.0


def test_keys_are_bounded_and_who_waits_is_not_forgotten_for_who_does_not() -> None:
    buckets = Buckets(Allowed(rate=1, burst=1), most=2)
    assert buckets.wait("idle", 0.0) == 0.0
    assert buckets.wait("busy", 9.9) == 0.0
    assert buckets.wait("new", 10.0) == 0.0
    assert buckets.empty("busy", 10.0)
    assert not buckets.empty("idle", 10.0)
    assert len(buckets._filled) == 2
