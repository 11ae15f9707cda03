from datetime import UTC, datetime, timedelta, timezone

import pytest

from streams.demo.timeline import DAY, HOUR, Timeline, ending_last_midnight, span


def test_moments_in_words(timeline):
    assert timeline.words(timeline.start_ms) == "day 1, 00:00"
    assert timeline.words(timeline.deploy_ms) == "day 15, 09:00"
    assert timeline.words(timeline.start_ms + DAY) == "day 2, 00:00"
    assert timeline.words(timeline.end_ms) == "day 30, 24:00"
    assert timeline.words(timeline.deploy_ms + 5 * HOUR + 45 * 60_000) == "day 15, 14:45"


def test_steps_never_cross_a_day_or_the_deployment(timeline):
    now, ends = timeline.start_ms, []
    while now < timeline.end_ms:
        now = timeline.next(now, HOUR if timeline.deploy_ms <= now < timeline.deploy_ms + DAY else 12 * HOUR)
        ends.append(now)
    assert timeline.deploy_ms in ends
    assert {timeline.start_ms + day * DAY for day in range(1, 31)} <= set(ends)
    assert ends[-1] == timeline.end_ms
    # 2 a day; the 15th: to 09, then by the hour to 09 of the 16th, to 21, to 24; 14 days
    assert len(ends) == 14 * 2 + 1 + 24 + 2 + 14 * 2


def test_a_deployment_outside_the_period_is_refused():
    with pytest.raises(ValueError, match="day 15"):
        Timeline(0, days=15)


@pytest.mark.parametrize(
    ("milliseconds", "words"), [(0, "0 min"), (2_700_000, "45 min"), (5 * HOUR, "5 h"), (20_700_000, "5 h 45 min")]
)
def test_spans_in_words(milliseconds, words):
    assert span(milliseconds) == words


def test_the_period_ends_with_the_last_midnight_in_utc():
    noon = datetime(2026, 3, 31, 1, 30, tzinfo=timezone(timedelta(hours=2)))  # 30 March, 23:30 in UTC
    assert ending_last_midnight(noon, 30) == datetime(2026, 2, 28, tzinfo=UTC).timestamp() * 1000
