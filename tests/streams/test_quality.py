"""Rules of type `quality` from stored panes to what an alert says: the counts, the share, and its interval.

Expected are numbers worked by hand: Wilson's interval at 95%, of 81 of 263 and of 15 of 148 as Newcombe prints them (Statistics
in Medicine 17 (1998), table I: .2553 to .3662, .0624 to .1605), of the others by `(p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)`
with z = 1.959964.
"""

from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from monitor.sums import Basis
from tests.streams.counted import Counted
from tests.streams.evaluating import query, run_on

MINUTE = 60_000
T0 = 1_700_006_400_000  # 2023-11-15T00:00:00Z
LAST = 9
"""The pane in which everything goes wrong; windows are five minutes."""

CONFIG = """
models:
  - {name: credit, windows: [5m], attributes: {sex: [F, M], age: [young, old]}, display_min: 1}
  - {name: other, windows: [5m], attributes: {sex: [F, M]}, display_min: 1}
rules:
  - {model: credit, receivers: [], name: unknown, type: quality, share: unknown, attributes: [sex], max: 0.1, window: 5m}
  - {model: credit, receivers: [], name: other, type: quality, share: other, attributes: [age], max: 0.01, window: 5m}
  - {model: credit, receivers: [], name: late, type: quality, share: late, max: 0.1, window: 5m}
  - {model: credit, receivers: [], name: twice, type: quality, share: duplicate, max: 0.1, window: 5m}
  - {model: credit, receivers: [], name: outcomes_late, type: quality, share: late, of: outcomes, max: 0.03, window: 5m}
  - {model: credit, receivers: [], name: outcomes_twice, type: quality, share: duplicate, of: outcomes, max: 0.03, window: 5m}
  - {model: credit, receivers: [], name: unread, type: quality, share: dead_letter, max: 0.01, window: 5m}
"""


class Told(NamedTuple):
    """What is expected of one rule."""

    metric: str
    groups: dict[str, str]
    wrong: int
    n: int
    low: float
    high: float
    words: tuple[str, str]
    """Counts and interval as the description has them."""


EXPECTED = {
    "unknown": Told(
        "unknown_share", {"sex": "unknown"}, 81, 263, 0.2553, 0.3662, ("81 of 263 (30.8%)", "(95% interval 26% to 37%)")
    ),
    "other": Told(
        "other_share", {"age": "other"}, 20, 263, 0.0498, 0.1145, ("20 of 263 (7.6%)", "(95% interval 5% to 11%)")
    ),
    "late": Told("late_share", {}, 81, 263, 0.2553, 0.3662, ("81 of 263 (30.8%)", "(95% interval 26% to 37%)")),
    "twice": Told("duplicate_share", {}, 60, 263, 0.1815, 0.2826, ("60 of 263 (22.8%)", "(95% interval 18% to 28%)")),
    "outcomes_late": Told(
        "outcomes_late_share", {}, 15, 148, 0.0624, 0.1605, ("15 of 148 (10.1%)", "(95% interval 6.2% to 16%)")
    ),
    "outcomes_twice": Told(
        "outcomes_duplicate_share", {}, 15, 148, 0.0624, 0.1605, ("15 of 148 (10.1%)", "(95% interval 6.2% to 16%)")
    ),
    # 263 predictions and 148 outcomes were read, 20 records of the model could not be, nor 9 that nobody can tell whose they are
    "unread": Told(
        "dead_letter_share", {}, 29, 440, 0.0463, 0.0931, ("29 of 440 (6.6%)", "(95% interval 4.6% to 9.3%)")
    ),
}


def records(counted: Counted, model: str, minute: int, part: int = 0, **sums: int) -> None:
    cell = counted.cell(model, {}, version="*", arm="*", schema="quality")
    counted.set(Basis.QUALITY, T0 + minute * MINUTE, cell, sums, part)


def decided(counted: Counted, minute: int, n: int, part: int = 0, **of: str) -> None:
    groups = {"sex": of.get("sex", "F"), "age": of.get("age", "old")}
    cell = counted.cell("credit", groups, arm=of.get("arm", "live"), version=of.get("version", "1"))
    counted.decisions(T0 + minute * MINUTE, cell, n, n // 2, part)


def labelled(counted: Counted, minute: int) -> None:
    """Outcomes that were joined: from the first of them on there is a clock by which rules on outcomes are judged."""
    cell = counted.cell("credit", {"sex": "F", "age": "old"})
    counted.set(Basis.LABEL_ARRIVED, T0 + minute * MINUTE, cell, {"labelled": 100, "positive": 50, "tp": 25, "fn": 25})


@pytest.fixture
def told(empty_engine: sa.Engine) -> dict[str, Any]:
    """The payloads of the changes to firing, by rule, of two partitions.

    Nothing is wrong until the last pane; what stands in the panes before the window, of the shadow arm and of another model
    is no part of any share.
    """
    counted = Counted(empty_engine, parts=2)
    for minute in range(5):
        decided(counted, minute, 1000)
        labelled(counted, minute)
        records(counted, "credit", minute, predictions=1000, outcomes=1000)
    for minute in range(5, LAST):  # 4 (30 + 10) predictions, 4 (15 + 10) outcomes
        decided(counted, minute, 30)
        decided(counted, minute, 10, part=1, sex="M", version="2", arm="canary")
        records(counted, "credit", minute, predictions=30, outcomes=15)
        records(counted, "credit", minute, part=1, predictions=10, outcomes=10)
    decided(counted, LAST, 2)
    decided(counted, LAST, 70, sex="unknown", version="2")
    decided(counted, LAST, 11, part=1, sex="unknown")
    decided(counted, LAST, 20, part=1, age="other")
    decided(counted, LAST, 900, part=1, sex="unknown", age="other", arm="shadow")
    records(
        counted, "credit", LAST, predictions=63, predictions_late=51, predictions_duplicate=40,
        outcomes=28, outcomes_late=10, outcomes_duplicate=3, dead_letters=20,
    )  # fmt: skip
    records(
        counted, "credit", LAST, part=1, predictions=40, predictions_late=30, predictions_duplicate=20,
        outcomes=20, outcomes_late=5, outcomes_duplicate=12,
    )  # fmt: skip
    records(counted, "", LAST, part=1, dead_letters=9)
    records(
        counted, "other", LAST, predictions=500, predictions_late=400, outcomes=90, outcomes_late=80, dead_letters=70
    )
    for part in (0, 1):
        counted.commit(T0 + 11 * MINUTE, T0 + 11 * MINUTE, part=part)
    run_on(empty_engine, CONFIG)
    text = "select rule, payload from fairdrift.alert_transitions where to_state = 'firing' order by transition_no"
    found = query(empty_engine, text)
    assert len(found) == len(EXPECTED)
    return dict(found)


def test_what_each_share_says_of_itself(told: dict[str, Any]) -> None:
    assert sorted(told) == sorted(EXPECTED)
    for rule, expected in EXPECTED.items():
        payload = told[rule]
        side, estimate = payload["lower"], payload["estimate"]
        assert (payload["metric"], side["groups"]) == (expected.metric, expected.groups), rule
        assert (side["numerator"], side["denominator"], side["n"]) == (expected.wrong, expected.n, expected.n), rule
        assert estimate["value"] == pytest.approx(expected.wrong / expected.n, abs=1e-12), rule
        assert (estimate["low"], estimate["high"]) == pytest.approx((expected.low, expected.high), abs=6e-5), rule
        assert (side["low"], side["high"]) == (estimate["low"], estimate["high"]), rule
        window = payload["window"]
        assert (window["start"], window["end"]) == ("2023-11-15T00:05:00.000Z", "2023-11-15T00:10:00.000Z"), rule
        assert [words for words in expected.words if words not in payload["description"]] == [], rule
