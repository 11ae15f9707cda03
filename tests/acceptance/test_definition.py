"""The definition itself, on logs small enough to work out by hand. The pane is a minute, the clock starts at noon."""

import json
from collections import Counter
from typing import Any

from monitor.sums import Basis
from tests.acceptance.definition import Cell, Logged, Row, define
from tests.acceptance.parsing import ModelSpec, Spec, Terms
from tests.acceptance.stored import Length, differences

NOON = 1_795_219_200_000
MINUTE, HOUR = 60_000, 3_600_000
SPEC = Spec(
    Terms(max_lateness=10 * MINUTE, join_horizon=2 * HOUR, dedup_horizon=20 * MINUTE),
    {"m": ModelSpec({"sex": ("F", "M")})},
)
F = Cell("m", "1", "live", (("sex", "F"),))
ALL = Cell("m")


def log(*events: dict[str, Any]) -> list[Logged]:
    """Records at `at` minutes after noon, one after another."""
    records = []
    for offset, event in enumerate(events):
        ms = NOON + int(event.pop("at") * MINUTE)
        records.append(Logged(offset, NOON, json.dumps({"model": "m", "time": ms} | event).encode()))
    return [record._replace(timestamp=NOON + 3 * HOUR) for record in records]


def decided(at: float, id: str = "a", **more: Any) -> dict[str, Any]:
    return {"at": at, "id": id, "version": "1", "decision": True, "attributes": {"sex": "F"}} | more


def labelled(at: float, id: str = "a", label: bool = True) -> dict[str, Any]:
    return {"at": at, "id": id, "label": label}


def rows(
    *predictions: dict[str, Any],
    outcomes: tuple[dict[str, Any], ...] = (),
    marks: Any = ((), ()),
    seals: Any = ((), ()),
) -> dict[Row, Counter[str]]:
    return define(SPEC, (log(*predictions), log(*outcomes)), marks, seals)


def at(basis: Basis, minute: int, cell: Cell = F) -> Row:
    return Row(basis, NOON + minute * MINUTE, cell)


def test_a_prediction_counts_in_its_own_pane() -> None:
    found = rows(decided(0.5, value=2.5))
    sums = {"events": 1, "decided": 1, "favourable": 1, "valued": 1, "value": 250, "clipped": 250}
    sums |= {"value_sq_lo": 62500, "clipped_sq_lo": 62500}
    assert found == {
        at(Basis.DECISION, 0): Counter(sums),
        at(Basis.EVIDENCE_DECISION, 0): Counter(sums),
        at(Basis.QUALITY, 0, ALL): Counter(predictions=1),
    }


def test_a_late_event_is_evidence_in_the_oldest_open_pane() -> None:
    found = rows(decided(5, "a"), decided(1, "b"))
    assert found[at(Basis.DECISION, 1)]["events"] == 1
    assert at(Basis.EVIDENCE_DECISION, 1) not in found
    assert found[at(Basis.EVIDENCE_DECISION, 4)]["events"] == 1  # the watermark is at 4: the panes before it are closed


def test_too_late_counts_as_late_only() -> None:
    found = rows(decided(20, "a"), decided(10, "b"), decided(9.9, "c"))
    assert found[at(Basis.QUALITY, 20, ALL)] == Counter(predictions=3, predictions_late=1)
    assert sum(sums["events"] for row, sums in found.items() if row.basis is Basis.DECISION) == 2


def test_a_duplicate_is_measured_from_the_greatest_time_seen() -> None:
    found = rows(decided(0, "a"), decided(15, "a"), decided(35, "a"), decided(56, "a"))
    assert found[at(Basis.QUALITY, 15, ALL)]["predictions_duplicate"] == 1
    assert found[at(Basis.QUALITY, 35, ALL)]["predictions_duplicate"] == 1  # 20 minutes after the one at 15
    assert found[at(Basis.QUALITY, 56, ALL)] == Counter(predictions=1)  # 21 after: fresh again
    assert sum(sums["events"] for row, sums in found.items() if row.basis is Basis.DECISION) == 2


def test_other_versions_and_arms_are_other_predictions() -> None:
    found = rows(decided(0), decided(0, arm="shadow"), decided(0, version="2"), outcomes=(labelled(5),))
    assert sum(sums["tp"] for row, sums in found.items() if row.basis is Basis.LABEL_ARRIVED) == 3
    assert found[at(Basis.QUALITY, 5, ALL)] == Counter(outcomes=1, received=1, matched=1)


def test_the_label_is_the_first_in_the_log_whose_time_fits() -> None:
    outcomes = (labelled(-30, label=True), labelled(30, label=False), labelled(90, label=True))
    found = rows(decided(0), outcomes=outcomes)
    assert found[at(Basis.LABEL_ARRIVED, 30)] == Counter(labelled=1, negative=1, fp=1)
    assert found[at(Basis.LABEL_DECIDED, 0)] == Counter(labelled=1, negative=1, fp=1)
    assert found[at(Basis.QUALITY, 90, ALL)] == Counter(outcomes=1, received=1)


def test_no_label_beyond_the_horizon_or_too_early() -> None:
    found = rows(decided(0, "a"), decided(0, "b"), outcomes=(labelled(-10.1, "b"), labelled(120.1, "a")))
    assert not any(row.basis is Basis.LABEL_ARRIVED for row in found)
    assert any(row.basis is Basis.LABEL_ARRIVED for row in rows(decided(0), outcomes=(labelled(120),)))
    assert any(row.basis is Basis.LABEL_ARRIVED for row in rows(decided(0), outcomes=(labelled(-10),)))


def test_errors_are_signed_and_their_squares_in_two_parts() -> None:
    found = rows(decided(0, value=10.0), outcomes=({"at": 1, "id": "a", "value": 500_000.0},))
    sums = found[at(Basis.LABEL_ARRIVED, 1)]
    assert sums["error"] == 1_000 - 50_000_000
    assert sums["error_sq_hi"] * 2**31 + sums["error_sq_lo"] == 49_999_000**2
    assert sums["outcome_value"] == 50_000_000


def test_an_idle_mark_moves_the_clock_from_its_offset_on() -> None:
    marks = (((1, NOON + 30 * MINUTE),), ())
    found = rows(decided(0, "a"), decided(19, "b"), marks=marks)
    assert found[at(Basis.QUALITY, 30, ALL)] == Counter(predictions=1, predictions_late=1)


def test_dead_letters_move_no_clock() -> None:
    found = rows(decided(0, "a"), decided(300, "b", score=7), {"at": 0, "model": "?", "id": "c"}, decided(0, "d"))
    assert found[at(Basis.QUALITY, 180, ALL)] == Counter(dead_letters=1)
    assert found[at(Basis.QUALITY, 180, Cell(""))] == Counter(dead_letters=1)
    assert found[at(Basis.QUALITY, 0, ALL)] == Counter(predictions=2)


def test_stored_rows_are_compared_at_the_length_they_are_stored_in() -> None:
    right = rows(decided(0, "a"), decided(3, "b"))
    minutes = {Length(row, MINUTE): Counter(sums) for row, sums in right.items()}
    assert not list(differences(minutes, right, MINUTE))
    rolled = {length: sums for length, sums in minutes.items() if length.row.basis is not Basis.DECISION}
    hour = Length(at(Basis.DECISION, 0), HOUR)
    assert not list(differences(rolled | {hour: Counter(events=2, decided=2, favourable=2)}, right, MINUTE))
    wrong = list(differences(rolled | {hour: Counter(events=2, decided=2, favourable=1)}, right, MINUTE))
    assert len(wrong) == 1 and "favourable': (1, 2)" in wrong[0]


def test_what_is_read_after_a_seal_is_evidence_behind_it() -> None:
    """Sealed at offset 1 up to 12:09; the delay is a minute, so that panes before 12:08 are closed."""
    found = rows(decided(0), decided(3, "b"), seals=(((1, NOON + 9 * MINUTE),), ()))
    evidence = {row.start for row in found if row.basis is Basis.EVIDENCE_DECISION}
    assert evidence == {NOON, NOON + 8 * MINUTE}
    assert {row.start for row in found if row.basis is Basis.DECISION} == {NOON, NOON + 3 * MINUTE}
