"""The evaluator's clock from positions."""

from dataclasses import replace

from monitor.terms import NEVER
from monitor.watermarks import Clock, Holder, PartClock, clock_of, stalled

DELAY, PANE = 10, 100
BOTH = (0, 1)


def part(number: int, predictions: int, outcomes: int = NEVER, **more: object) -> PartClock:
    return replace(PartClock(number, (predictions, outcomes), parts=2), **more)  # type: ignore[arg-type]


def test_the_slowest_partition_holds_the_clock() -> None:
    clock = clock_of([part(0, 1000), part(1, 700)], DELAY, PANE)
    assert clock == Clock(690, (Holder(1, "predictions", 690),))
    assert clock.closed(PANE) == 600


def test_outcomes_count_where_they_are_asked_for() -> None:
    parts = [part(0, 1000, 300), part(1, 700, 900)]
    assert clock_of(parts, DELAY, PANE, BOTH) == Clock(290, (Holder(0, "outcomes", 290),))


def test_an_idle_partition_counts_with_the_clock_up_to_which_it_was_seen_to_be_silent() -> None:
    """The first partition has come to 1000; the second was read to its end and silent when that was 900."""
    parts = [part(0, 1000), part(1, 700, idle_clocks=(900, NEVER))]
    assert clock_of(parts, DELAY, PANE) == Clock(890, (Holder(1, "predictions", 890),))
    assert clock_of([part(0, 1000), part(1, NEVER, idle_clocks=(1000, NEVER))], DELAY, PANE).time == 990


def test_an_idle_clock_never_takes_a_partition_back() -> None:
    assert clock_of([part(0, 1000), part(1, 950, idle_clocks=(900, NEVER))], DELAY, PANE).time == 940


def test_a_partition_that_nobody_has_claimed_holds_everything() -> None:
    clock = clock_of([part(0, 1000)], DELAY, PANE)
    assert clock.time is None
    assert clock.held_by == (Holder(1, "predictions", None),)
    assert str(clock.held_by[0]) == "predictions partition 1"


def test_a_partition_without_any_event_holds_everything() -> None:
    clock = clock_of([part(0, 1000), part(1, NEVER)], DELAY, PANE)
    assert clock == Clock(None, (Holder(1, "predictions", None),))
    assert clock.closed(PANE) is None


def test_only_a_drain_closes_the_last_pane() -> None:
    parts = [part(0, 1000, drained=True), part(1, 730, drained=True)]
    assert clock_of(parts, DELAY, PANE) == Clock(1100, drained=True)
    assert clock_of([part(0, 1000, drained=True), part(1, 730)], DELAY, PANE).time == 720


def test_no_positions_no_clock() -> None:
    assert clock_of([], DELAY, PANE).time is None


def test_stalled_names_who_holds_back_and_does_not_commit() -> None:
    parts = [part(0, 1000, updated_ms=100_000), part(1, 700, updated_ms=10_000)]
    clock = clock_of(parts, DELAY, PANE)
    assert stalled(clock, parts, now=100_500, after=60_000) == (Holder(1, "predictions", 690),)
    assert stalled(clock, parts, now=60_000, after=60_000) == ()


def test_silence_everywhere_is_no_stall() -> None:
    parts = [part(0, 1000, updated_ms=0), part(1, 700, updated_ms=0)]
    assert stalled(clock_of(parts, DELAY, PANE), parts, now=1_000_000, after=60_000) == ()


def test_a_partition_never_claimed_is_stalled() -> None:
    parts = [part(0, 1000, updated_ms=100_000)]
    assert stalled(clock_of(parts, DELAY, PANE), parts, now=100_000, after=60_000) == (Holder(1, "predictions", None),)
