"""The scoring rate of a period: above one median of everybody in it, and what Local Law 144's table makes of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from monitor.sums import Basis
from streams.config import parse
from streams.database import engine as make_engine
from streams.report.findings import Period, Totals
from streams.report.gathering import Request, gather
from streams.report.page import page
from tests.streams.counted import Counted

HOUR, DAY = 3_600_000, 86_400_000
T0 = 1_700_006_400_000  # 2023-11-15T00:00:00Z
START = datetime.fromtimestamp(T0 / 1000, UTC)

CONFIG = """
models:
  - name: hiring
    attributes: {{sex: {{values: [F, M]}}}}
    metrics: [scoring_rate]
    windows: [1h]
    histograms: true
    display_min: {least}
"""


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = make_engine(database)
    counted = Counted(made)
    women, men = counted.cell("hiring", {"sex": "F"}), counted.cell("hiring", {"sex": "M"})
    counted.set(Basis.SCORES, T0, women, {"score_bin_20": 10, "score_bin_60": 10})
    counted.set(Basis.SCORES, T0, men, {"score_bin_60": 10, "score_bin_80": 10})
    counted.set(Basis.SCORES, T0 + 30 * HOUR, women, {"score_bin_99": 20})
    counted.set(Basis.SCORES, T0 + 3 * DAY, men, {"score_bin_1": 500})  # after the period
    counted.commit(T0 + 4 * DAY)
    yield made
    made.dispose()


def report(db: sa.Engine, least: int = 1, hours: float = 72, as_of: datetime | None = None) -> Totals | None:
    settings = parse(CONFIG.format(least=least))
    period = Period(START, START + timedelta(hours=hours), as_of or datetime(2100, 1, 1, tzinfo=UTC))
    found = gather(db, settings, Request(settings.models[0], period))
    return next((one for one in found.totals if one.metric == "scoring_rate"), None)


def test_it_is_above_one_median_of_the_whole_period(db: sa.Engine) -> None:
    """The median of the sixty is .60: twenty of forty women lie above it, and ten of twenty men. (Hour by hour it was 0 and 1/2.)"""
    found = report(db)
    assert found is not None and (found.since, found.until) == (START, START + timedelta(days=3))
    assert found.missing == timedelta(0)
    rates = {
        tuple(one.groups.values()): (one.numerator, one.denominator, one.value)
        for each in found.sets.values()
        for one in each
    }
    assert rates == {(): (30, 60, 0.5), ("F",): (20, 40, 0.5), ("M",): (10, 20, 0.5)}


def test_it_stands_in_the_table_of_local_law_144(db: sa.Engine) -> None:
    settings = parse(CONFIG.format(least=1))
    period = Period(START, START + timedelta(days=1), datetime(2100, 1, 1, tzinfo=UTC))
    found = gather(db, settings, Request(settings.models[0], period))
    (applied,) = [one for one in found.applied if one.name == "nyc-local-law-144"]
    assert applied.judgement is not None
    # the first day: the median is .60; no woman lies above it, and half of the men: the ratio is 0
    lines = {
        line.group.values["sex"]: (line.group.numerator, line.group.n, line.value) for line in applied.judgement.lines
    }
    assert lines == {"F": (0, 20, 0.0), "M": (10, 20, 1.0)}
    text = page(found)
    assert "above the median of everybody in the whole period" in text and "scoring rate" in text


def test_small_groups_are_withheld(db: sa.Engine) -> None:
    found = report(db, least=30)
    assert found is not None
    assert all(one.n is None for one in found.sets["sex",]), "and with one of two the other"


def test_what_is_not_whole_days_long_ago_is_left_out_and_said(db: sa.Engine) -> None:
    found = report(db, hours=71)
    assert found is not None and (found.until, found.missing) == (START + timedelta(days=2), timedelta(hours=23))
    assert report(db, hours=20) is None, "no whole day"


def test_what_it_was_at_an_earlier_time_is_not_kept(db: sa.Engine) -> None:
    assert report(db, as_of=datetime(2024, 1, 1, tzinfo=UTC)) is None
