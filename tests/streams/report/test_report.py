"""The report against the views: every figure is theirs, as of the stated time; and what stands on the page."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from alerts.tables import acknowledgements, alert_transitions, outbox
from monitor.policies import Answer
from streams.cli import build_app
from streams.config import parse
from streams.database import engine as make_engine
from streams.errors import StreamsError
from streams.report.findings import Assessment, Period
from streams.report.gathering import Request, gather
from streams.report.page import page
from streams.report.plain import plain
from tests.services.databases import Databases
from tests.streams import seeded
from tests.streams.report import hiring, weighing
from tests.streams.test_status import CONFIG

NOW = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def engine(databases: Databases) -> Iterator[sa.Engine]:
    with databases.fresh() as url:
        made = make_engine(url)
        seeded.seed(made)
        _told(made)
        hiring.seed(made)
        weighing.seed(made)
        yield made
        made.dispose()


def _told(engine: sa.Engine) -> None:
    """The alert as a worker tells it, somebody who was told, and who took it over."""
    payload = seeded.PAYLOAD | {
        "attributes": ["sex"], "since": seeded.FALL.isoformat(), "episode": 1, "versions": ["v2"], "arms": ["live"],
        "window": {"seconds": 3600, "time_basis": "decision", "start": "", "end": ""}, "config_version": "c1",
        "evidence": {"log_evidence": 9.5, "needed": 8.0, "changed_at": (seeded.FALL - timedelta(minutes=5)).isoformat()},
    }  # fmt: skip
    told = {
        "dedup_key": "1",
        "alert": seeded.ALERT,
        "transition_no": 2,
        "receiver": "oncall",
        "channel": "webhook",
        "payload": {},
    }
    with engine.begin() as connection:
        connection.execute(alert_transitions.update().values(payload=payload))
        connection.execute(outbox.insert().values(told | {"sent_at": seeded.FIRED, "created_at": seeded.FIRED}))
        connection.execute(
            acknowledgements.insert().values(
                alert=seeded.ALERT, episode=1, acknowledged_by="ada", comment="on it", acknowledged_at=seeded.FIRED
            )
        )


def assessed(engine: sa.Engine, config: str, period: Period) -> Assessment:
    settings = parse(config.replace("DATABASE", "postgresql://127.0.0.1/x"))
    return gather(engine, settings, Request(settings.models[0], period))


@pytest.fixture(scope="module")
def credit(engine: sa.Engine) -> Assessment:
    return assessed(engine, CONFIG, Period(seeded.START - timedelta(hours=1), seeded.END, NOW))


def rows(engine: sa.Engine, query: str, **values: object) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(query), values).mappings()]


def test_every_figure_of_every_moment_is_that_of_the_views(engine: sa.Engine, credit: Assessment) -> None:
    (incident,) = credit.incidents
    (watched,) = credit.watched
    moments = [*incident.moments, watched.first, watched.last]
    assert len(moments) == 5
    for one in moments:
        assert one is not None
        groups = rows(
            engine,
            "select group_values ->> 'sex' as sex, value, ci_low, ci_high, n, state, numerator, denominator from fairness_group"
            " where attribute_set = '{sex}' and window_seconds = 3600 and window_end = :at order by 1",
            at=one.window_end,
        )
        shown = [
            (g.groups["sex"], f.value, f.low, f.high, f.n, f.state, f.numerator, f.denominator)
            for g in one.groups
            for f in [g.figure]
        ]
        assert shown == [tuple(row.values()) for row in groups]
        (gap,) = rows(
            engine,
            "select value, ci_low, ci_high, n, state, lower_group, higher_group from fairness_disparity"
            " where attribute_set = '{sex}' and window_seconds = 3600 and window_end = :at",
            at=one.window_end,
        )
        assert one.gap is not None
        f = one.gap.figure
        assert (f.value, f.low, f.high, f.n, f.state, one.gap.lower, one.gap.higher) == tuple(gap.values())


def test_the_incident_with_what_was_before_and_since(credit: Assessment) -> None:
    (one,) = credit.incidents
    assert (one.fired, one.ended, one.began) == (seeded.FIRED, seeded.RESOLVED, seeded.FALL - timedelta(minutes=5))
    assert [(m.called, m.gap.figure.value) for m in one.moments if m.gap] == [
        ("before", 0.95),
        ("when it fired", 0.7),
        ("at the end", 0.95),  # it resolved half an hour before the end: no whole window comes after it
    ]
    assert [(t.receiver, t.status) for t in one.told] == [("oncall", "sent")]
    assert one.acknowledged == ("ada, 2026-03-01 10:30 UTC: on it",)
    assert one.mechanism == (
        "No version was new within a day of the change (2026-03-01 09:55 UTC): the traffic changed, or something before the model.",
        "sex=female from 95,000 to 70,000 (-26.3%); sex=male from 100,000 to 100,000 (+0.0%): the change is on the side of sex=female.",
    )


def test_the_line_is_the_view(engine: sa.Engine, credit: Assessment) -> None:
    (line,) = credit.watched[0].lines
    of = rows(
        engine,
        "select window_end, value from fairness_disparity where attribute_set = '{sex}' and window_seconds = 3600"
        " and window_end > :start and window_end <= :end order by 1",
        start=credit.period.start,
        end=credit.period.end,
    )
    assert line.values == tuple(row["value"] for row in of)
    assert line.ends == tuple(round(row["window_end"].timestamp() * 1000) for row in of)


# --- sums and the law


def hired(engine: sa.Engine, as_of: datetime) -> Assessment:
    return assessed(engine, hiring.CONFIG, Period(hiring.START, hiring.END, as_of))


def test_sums_over_windows_side_by_side(engine: sa.Engine) -> None:
    (totals,) = hired(engine, hiring.SEEN).totals
    assert list(totals.windows) == [(hiring.LENGTH, hiring.MIDDLE), (hiring.LENGTH, hiring.END)]
    assert totals.missing == timedelta(0)
    sums: dict[tuple[str, ...], object] = {
        tuple(one.groups.values()): (one.numerator, one.n) for each in totals.sets.values() for one in each
    }
    assert sums[()] == (255, 620)  # (40 + 10 + 100 + 15) + (20 + 5 + 50 + 15)
    assert sums[("F",)] == (75, 240) and sums[("M",)] == (180, 380)
    assert sums[("A",)] == (210, 460) and sums[("B",)] == (45, 160)


def test_the_table_of_local_law_144(engine: sa.Engine) -> None:
    (law,) = hired(engine, hiring.SEEN).applied
    assert law.judgement is not None and law.judgement.answer is Answer.CANNOT_SAY  # it has no pass mark
    ratios = {tuple(value for _, value in line.group.key): line.value for line in law.judgement.lines}
    assert ratios == {
        ("F",): pytest.approx((75 / 240) / (180 / 380)),
        ("M",): 1.0,
        ("A",): 1.0,
        ("B",): pytest.approx((45 / 160) / (210 / 460)),
        ("A", "F"): pytest.approx(0.75),
        ("B", "F"): pytest.approx(0.375),
        ("A", "M"): 1.0,
        ("B", "M"): pytest.approx(0.75),
    }


def test_as_it_read_before_and_after_a_revision(engine: sa.Engine) -> None:
    def women(as_of: datetime) -> tuple[float | None, int | None]:
        (totals,) = hired(engine, as_of).totals
        return next((one.numerator, one.n) for one in totals.sets["sex",] if one.groups == {"sex": "F"})

    assert women(hiring.REVISED - timedelta(seconds=1)) == (75, 240)
    assert women(hiring.REVISED) == (76, 240)
    assert hired(engine, hiring.SEEN - timedelta(seconds=1)).totals == ()


def test_a_model_that_weighs(engine: sa.Engine) -> None:
    """Women: 4.5 + 1.5 of 12 + 8 by weight, fifteen people. No interval, since how many are alike is not stored, and no law."""
    found = assessed(engine, weighing.CONFIG, Period(hiring.START, hiring.END, hiring.SEEN))
    (totals,) = found.totals
    women = next(one for one in totals.sets["sex",] if one.groups == {"sex": "F"})
    assert (women.n, women.numerator, women.denominator, women.value) == (15, 6.0, 20.0, 0.3)
    assert (women.low, women.high) == (None, None)
    (law,) = found.applied
    assert law.judgement is None
    text = page(found)
    assert "its figures are of weights, and policies count people" in text.lower()
    cells = [re.sub(r"<[^>]*>", " ", row).split() for row in re.findall(r"<tr>.*?</tr>", text)]
    assert ["sex=F", "15", "6.000", "20.000", "0.300"] in cells and "Value: weights over weights." in text
    assert "No rule with a bound looks at this model" in text and "Blue: the comparison" not in text
    assert not re.search(r"<tbody></tbody>", text)
    assert json.dumps(plain(found))


# --- the page


def test_the_page_needs_nothing_else_and_holds_what_happened(credit: Assessment) -> None:
    text = page(credit)
    assert not re.search(r"https?://|<script|@import|url\(", text)
    for expected in (
        "In short",
        "0.700",
        "0.650 to 0.750",
        "n 1,000",
        "sex=female",
        "ada",
        "limit-parity fires",
        "Model card",
    ):
        assert expected in text, expected
    for picture in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ET.fromstring(picture)
    assert "There is no table: it asks for the selection rate or the scoring rate" in text


def test_the_page_of_the_hiring_model_has_the_table(engine: sa.Engine) -> None:
    text = page(hired(engine, hiring.SEEN))
    assert "75 of 240" in text and "0.660" in text and "Nothing fired in this period." in text
    assert "nothing was measured" in text  # the rule's disparity has no points here: it cannot say


def test_names_cannot_write_html(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(alert_transitions.update().values(rule="<b>bad</b>"))
    text = page(assessed(engine, CONFIG, Period(seeded.START - timedelta(hours=1), seeded.END, NOW)))
    with engine.begin() as connection:
        connection.execute(alert_transitions.update().values(rule="limit-parity"))
    assert "<b>bad" not in text


def test_json_is_unrounded(credit: Assessment) -> None:
    found = json.loads(json.dumps(plain(credit)))
    moment = found["incidents"][0]["moments"][1]
    assert moment["gap"]["figure"]["low"] == pytest.approx(0.7 - 0.05, abs=1e-15)
    assert moment["window_end"] == seeded.FIRED.isoformat()


def test_the_command(tmp_path: Path, engine: sa.Engine) -> None:
    path, output = tmp_path / "fairdrift.yaml", tmp_path / "r.html"
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    path.write_text(CONFIG.replace("DATABASE", url))
    words = ["report", "--config", str(path), "--model", seeded.MODEL]
    done = CliRunner().invoke(build_app("report"), [*words, "--from", "2026-03-01", "-o", str(output)])
    assert done.exit_code == 0, done.output
    assert "2026-03-01 00:00 to 2026-03-01 12:00 UTC" in done.stdout and "Impact assessment" in output.read_text()
    printed = CliRunner().invoke(build_app("report"), [*words, "--json", "--as-of", "2100-01-01"])
    assert json.loads(printed.stdout)["model"] == seeded.MODEL
    for wrong in (["--model", "typo"], ["--from", "soon"], ["--from", "2027-01-01", "--to", "2026-01-01"]):
        failed = CliRunner().invoke(build_app("report"), [*words, *wrong])
        assert isinstance(failed.exception, StreamsError)
