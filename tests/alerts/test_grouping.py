"""What the timelines of tests/alerts/routing do not show: repeats of the same change, and what is never told."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from alerts.grouping import Change, Group, Held, Hold, Reason, Timing, acknowledge, look, take

ALONE = Group("g", Timing())
FIRST = Change("x", 1, 1, True)


def test_the_same_change_again_changes_nothing() -> None:
    group = take(ALONE, FIRST, 0)
    told, _ = look(group, {}, 0)
    assert take(told, FIRST, 9) == told
    assert take(told, Change("x", 0, 0, False), 9) == told


def test_looking_before_it_is_due_decides_nothing() -> None:
    group = take(Group("g", Timing(group_wait=100)), FIRST, 0)
    assert look(group, {}, 99) == (group, None)
    assert look(group, {}, 100)[1] is not None
    assert look(ALONE, {}, 100) == (ALONE, None)


def test_what_is_held_is_looked_at_again_when_that_ends() -> None:
    group = take(ALONE, FIRST, 0)
    held, told = look(group, {"x": Hold(Held.SILENCED, 5_000)}, 0)
    assert (told, held.due, held.members[0].held) == (None, 5_000, "silenced")
    unknown, _ = look(group, {"x": Hold(Held.INHIBITED)}, 0)
    assert unknown.due == 30_000


def test_an_acknowledgement_of_another_episode_or_alert_is_nothing() -> None:
    group, _ = look(take(ALONE, FIRST, 0), {}, 0)
    assert acknowledge(group, "x", 2, 1) == (group, None)
    assert acknowledge(group, "y", 1, 1) == (group, None)


def test_a_group_is_acknowledged_when_all_of_it_is() -> None:
    group = Group("g", Timing(send_acknowledged=True))
    for alert in "xy":
        group = take(group, Change(alert, 1, 1, True), 0)
    group, _ = look(group, {}, 0)
    group, told = acknowledge(group, "x", 1, 1)
    assert told is None
    group, told = acknowledge(group, "y", 1, 1)
    assert told is not None
    assert told.reason is Reason.ACKNOWLEDGED


def test_a_cycle_begins_when_all_of_it_was_over() -> None:
    group, cycles = Group("g", Timing()), []
    begun_and_ended = "x+ y+ x- x+ y- x- y+ y- x+"
    for number, change in enumerate(begun_and_ended.split(), 1):
        group = take(group, Change(change[0], number, number, change[1] == "+"), number)
        group, told = look(group, {}, number)
        assert told is not None
        cycles.append(group.cycle)
    assert cycles == [1, 1, 1, 1, 1, 1, 2, 2, 3]


EVENTS = st.lists(
    st.tuples(st.sampled_from("xyz"), st.booleans(), st.integers(0, 120_000), st.sampled_from(["", "silenced"])),
    max_size=40,
)
TIMINGS = st.builds(
    Timing,
    group_wait=st.sampled_from([0, 30_000]),
    group_interval=st.sampled_from([0, 60_000]),
    send_resolved=st.just(True),
)


@given(EVENTS, TIMINGS)
def test_no_end_without_a_beginning_and_no_beginning_without_an_end(
    events: list[tuple[str, bool, int, str]], timing: Timing
) -> None:
    """Whatever happens when: who was told of a beginning is told of an end, once everything has ended; and of no other."""
    group, now = Group("g", timing), 0
    open_: set[str] = set()
    numbers: dict[str, int] = {}
    firing: set[str] = set()

    def watch(held: dict[str, Hold]) -> None:
        nonlocal group
        while group.due is not None and group.due <= now:
            before = group.due
            group, told = look(group, held, now)
            assert group.due is None or group.due > now or group.due >= before
            if told is None:
                break
            ended = {member.alert for member in told.ended}
            assert ended <= open_
            open_.difference_update(ended)
            open_.update(member.alert for member in told.firing)

    for alert, fires, wait, held in events:
        now += wait
        if fires is (alert in firing):
            continue
        firing ^= {alert}
        numbers[alert] = numbers.get(alert, 0) + 1
        group = take(group, Change(alert, (numbers[alert] + 1) // 2, numbers[alert], fires), now)
        watch({alert: Hold(Held.SILENCED, now + 1)} if held else {})
    for alert in sorted(firing):
        numbers[alert] += 1
        group = take(group, Change(alert, numbers[alert] // 2, numbers[alert], False), now)
    for _ in range(10):
        now += 120_000
        watch({})
    assert open_ == set()
    assert group.members == ()
    assert replace(group, due=None).due is None
