"""What the picture of an alert shows: the last time it fired, with a margin before and after, from the views."""

import re

import pytest
import sqlalchemy as sa

from alerts.tables import alert_transitions
from streams.picturing import picture
from tests.streams import seeded


@pytest.fixture
def svg(engine: sa.Engine) -> str:
    made = picture(engine, seeded.ALERT)
    assert made is not None
    return made


def words(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_it_says_what_the_page_said_and_draws_the_gap_beside_its_bound(svg: str) -> None:
    told = words(svg)
    assert "credit-limit: limit-parity" in told
    assert seeded.PAYLOAD["summary"] in told
    assert f"page, since {seeded.FIRED:%Y-%m-%d %H:%M} UTC, ended {seeded.RESOLVED:%Y-%m-%d %H:%M} UTC" in told
    assert "≥ 0.85" in told and "mean value ratio to reference" in told
    assert "fallback" in told  # who was in charge meanwhile
    lines = re.findall(r'<path d="(M[^"]*)" style="stroke: #0072b2', svg)
    assert [len(re.findall(r"[ML]", line)) for line in lines] == [25]  # every ten minutes of four hours, and both ends


def test_it_is_a_document_of_its_own(svg: str) -> None:
    assert svg.startswith('<svg xmlns="http://www.w3.org/2000/svg" width="920"')
    assert "http" not in svg.removeprefix('<svg xmlns="http')


def test_an_alert_that_goes_on_is_shown_up_to_now(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(alert_transitions.delete().where(alert_transitions.c.to_state == "resolved"))
    made = picture(engine, seeded.ALERT)
    assert made is not None and f"page, since {seeded.FIRED:%Y-%m-%d %H:%M} UTC, firing" in words(made)


def test_a_metric_of_each_group_is_a_line_for_each(engine: sa.Engine) -> None:
    level = seeded.PAYLOAD | {"aggregate": "", "method": "", "bound": {"min": 80_000}}
    with engine.begin() as connection:
        connection.execute(alert_transitions.update().values(payload=level))
    made = picture(engine, seeded.ALERT)
    assert made is not None and len(re.findall('style="stroke: #', made)) == 3  # two groups and a bound
    assert {"female", "male", "≥ 80000"} <= set(words(made)), "not told by colour alone"


def test_what_has_no_chart(engine: sa.Engine) -> None:
    assert picture(engine, "ef" * 16) is None, "no such alert"
    for payload in (seeded.PAYLOAD | {"window": None}, seeded.PAYLOAD | {"metric": "unknown_share"}):
        with engine.begin() as connection:
            connection.execute(alert_transitions.update().values(payload=payload))
        assert picture(engine, seeded.ALERT) is None
    with engine.begin() as connection:
        connection.execute(alert_transitions.delete().where(alert_transitions.c.to_state == "firing"))
    assert picture(engine, seeded.ALERT) is None, "it never fired"


def test_small_groups_are_not_in_it(engine: sa.Engine) -> None:
    """The view withholds them, and a picture shows the view."""
    both = seeded.PAYLOAD | {"attributes": ["age", "sex"], "aggregate": "", "method": ""}
    with engine.begin() as connection:
        connection.execute(alert_transitions.update().values(payload=both))
    assert picture(engine, seeded.ALERT) is None
