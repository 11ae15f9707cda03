"""Liveness and readiness as functions of marks and time."""

import pytest

from streams.health import Activity, Allowance, Mark, Probe, State, judge


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("mark", "now", "state"),
    [
        (Mark(0.0), 180.0, State.STARTING),
        (Mark(0.0), 180.1, State.STALLED),
        (Mark(0.0, done=10.0, turned=10.0), 70.0, State.OK),
        (Mark(0.0, done=10.0, turned=10.0), 70.1, State.STALLED),
        (Mark(0.0, done=10.0, turned=500.0, blocked_by="postgres"), 510.0, State.BLOCKED),
        (Mark(0.0, turned=500.0, blocked_by="postgres"), 510.0, State.BLOCKED),
        (Mark(0.0, done=10.0, turned=500.0, blocked_by="postgres"), 561.0, State.STALLED),
    ],
)
def test_the_state_follows_from_marks_and_time(mark: Mark, now: float, state: State) -> None:
    health = judge({"commit": mark}, {}, now)
    assert health.activities["commit"].state is state
    assert health.live is (state is not State.STALLED)
    assert health.ready is (state is State.OK)


def test_an_allowance_of_its_own() -> None:
    health = judge({"evaluate": Mark(0.0, 0.0, 0.0)}, {"evaluate": Allowance(silent=5.0)}, 5.1)
    assert not health.live


def test_one_stalled_activity_fails_liveness_however_busy_the_others() -> None:
    clock = Clock()
    probe = Probe({}, clock)
    probe.expect(Activity.CONSUME, Activity.COMMIT)
    probe.done(Activity.CONSUME)
    probe.done(Activity.COMMIT)
    assert probe.health().ready
    for _ in range(10):
        clock.now += 10
        probe.done(Activity.COMMIT)
    assert not probe.health().live
    assert probe.health().activities["consume"].state is State.STALLED


def test_an_outage_of_postgres_is_not_a_reason_to_restart() -> None:
    clock = Clock()
    probe = Probe({}, clock)
    probe.done(Activity.COMMIT)
    for _ in range(100):
        clock.now += 10
        probe.blocked(Activity.COMMIT, "postgres")
    health = probe.health()
    assert health.live and not health.ready
    assert health.as_dict(health.ready) == {
        "status": "failing",
        "activities": {"commit": {"state": "blocked", "seconds": 1000.0, "blocked_by": "postgres"}},
    }
    probe.done(Activity.COMMIT)
    assert probe.health().ready


def test_a_process_that_has_announced_nothing_is_not_ready() -> None:
    assert not Probe().health().ready
    assert Probe().health().live


def test_an_activity_that_ended_on_purpose_is_not_judged() -> None:
    clock = Clock()
    probe = Probe({}, clock)
    probe.expect(Activity.NOTIFY, Activity.COMMIT)
    probe.drop(Activity.NOTIFY)
    clock.now += 170
    probe.done(Activity.COMMIT)
    clock.now += 50
    assert probe.health().live
