"""An incident on paper, by hand: which versions can have moved something, the counts behind a page, who was told what."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from streams.report.findings import Delivery, Incident, Moment, Version
from streams.report.incident import incident
from streams.report.mechanism import mechanism

BEGAN = datetime(2026, 11, 6, 9, 1, tzinfo=UTC)
FIRED = BEGAN.replace(hour=10, minute=0)
SILENT = Moment("when it fired", FIRED, (), None, None)


def side(group: str, value: float, n: int, numerator: float | None = None) -> dict[str, Any]:
    return {"groups": {"sex": group}, "value": value, "n": n, "numerator": numerator, "reason": ""}


def payload(lower: dict[str, Any], higher: dict[str, Any]) -> dict[str, Any]:
    estimate = {"value": 0.7604, "low": 0.7124, "high": 0.8096, "reason": ""}
    present = {"lower": lower, "higher": higher, "seconds": 5400, "estimate": estimate}
    proof = {"log_evidence": 8.5, "needed": 8.0, "budget": 1.0, "present": present}
    return {"summary": "limits differ", "aggregate": "ratio", "evidence": proof}


MEANS = payload(side("female", 134426.4, 258), side("male", 176988.3, 171))
FOUND = Incident("a1", "limits", "page", BEGAN, FIRED, None, None, MEANS, None)


def words(one: Incident) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", "".join(incident(one))).split())


def version(name: str, arm: str, first: datetime) -> Version:
    return Version(name, arm, first, first)


def test_a_version_that_came_after_the_page_or_decided_nothing_is_no_cause() -> None:
    near = [
        version("v1", "live", BEGAN - timedelta(days=14)),
        version("v2", "live", BEGAN + timedelta(minutes=29)),
        version("rules", "fallback", FIRED + timedelta(hours=1)),
        version("v3", "shadow", BEGAN - timedelta(hours=2)),
    ]
    assert mechanism(FOUND, None, SILENT, near) == (
        "Version v2 (live) was first counted in the window that ends at 2026-11-06 09:30 UTC.",
        "The change most likely began at 2026-11-06 09:01 UTC.",
    )


def test_without_a_new_version_that_is_said() -> None:
    (told,) = mechanism(FOUND, None, SILENT, [version("v2", "live", FIRED + timedelta(minutes=30))])
    assert told.startswith("No version was new within a day of the change")


def test_the_counts_behind_a_page_are_those_that_its_summary_speaks_of() -> None:
    assert (
        "counts behind it in the 1h30m before it fired: sex=female 134,426 (n 258), sex=male 176,988 (n 171);"
        " ratio 0.760 (0.712 to 0.810)"
    ) in words(FOUND)
    rates = payload(side("female", 0.4, 100, 40.0), side("male", 0.6, 50, 30.0))
    assert "sex=female 40 of 100 (40.0%), sex=male 30 of 50 (60.0%)" in words(replace(FOUND, payload=rates))
    assert "counts behind it" not in words(replace(FOUND, payload={"summary": "silence", "evidence": None}))


def test_each_receiver_is_named_once_with_what_it_was_told_and_when() -> None:
    told = (
        Delivery("oncall", "webhook", "sent", FIRED, "first notification"),
        Delivery("mail", "apprise", "failed for good", None, "first notification"),
        Delivery("oncall", "webhook", "sent", FIRED + timedelta(hours=5), "all alerts resolved"),
    )
    assert (
        "told oncall (webhook): first notification sent 2026-11-06 10:00 UTC, all alerts resolved sent 2026-11-06 15:00 UTC;"
        " mail (apprise): first notification failed for good"
    ) in words(replace(FOUND, told=told))
    assert "told nobody" in words(FOUND)
