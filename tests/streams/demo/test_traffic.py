import numpy as np

from streams.demo.timeline import DAY, Timeline
from streams.demo.traffic import applications

from .conftest import START


def test_about_as_many_a_day_as_asked_in_order_within_the_period(timeline):
    some = applications(timeline, 4_000, 22_000, seed=7)
    assert abs(len(some) - 120_000) < 5 * np.sqrt(120_000)  # five standard deviations of a Poisson count
    assert (np.diff(some.time) >= 0).all()
    assert timeline.start_ms <= some.time[0] and some.time[-1] < timeline.end_ms
    assert some.number.tolist() == list(range(1, len(some) + 1))
    delay = (some.known - some.time) / DAY
    assert delay.min() >= 2 and delay.max() <= 7


def test_a_seed_repeats_and_a_longer_demo_begins_like_a_shorter_one():
    short = applications(Timeline(START, days=4, deploy_day=2), 500, 100, seed=1)
    long = applications(Timeline(START, days=6, deploy_day=2), 500, 100, seed=1)
    other = applications(Timeline(START, days=4, deploy_day=2), 500, 100, seed=2)
    assert (long.time[: len(short)] == short.time).all() and (long.client[: len(short)] == short.client).all()
    assert len(other) != len(short) or (other.time != short.time).any()


def test_steps_cut_the_period_without_gap_or_overlap(timeline):
    some = applications(timeline, 100, 50, seed=7)
    cut = START + 3 * DAY
    assert len(some.before(cut)) + len(some.since(cut)) == len(some)
    assert some.before(cut).time.max() < cut <= some.since(cut).time.min()
