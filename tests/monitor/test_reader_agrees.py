"""The reader agrees with the acceptance suite's own reading of the contract, written apart from it, on damaged events."""

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from monitor.cells import Cells
from monitor.columns import Outcomes, Predictions
from tests.acceptance.parsing import Dead, ModelSpec, Spec, Terms, read
from tests.monitor.records import NOON, Record, credit, outcome, prediction, reader

SPEC = Spec(Terms(), {"credit": ModelSpec({"sex": ["F", "M"], "age": [Decimal(25), Decimal(40)]})})
FIELDS = ["id", "model", "version", "time", "decision", "score", "value", "attributes", "arm", "label"]
VALUES: list[Any] = [
    None, ..., "x", "", 0, 1, -1, 0.5, True, False, [], {}, "credit", "live", "shadow", "é" * 513, "x" * 1024,
    {"sex": "F"}, {"sex": 1}, {"age": 25}, {"age": 24.99}, {"age": "30"}, {"sex": True, "age": 40},
    "2026-11-21T11:59:59.9999Z", "2026-11-21T12:00:00+00:00", "2026-11-21 12:00:00Z", "2026-02-30T12:00:00Z", NOON,
    1e300, 0.125, 0.575, 123456.785, 2**31, 21474836.475, 1e-9,
]  # fmt: skip
PIECES = [b"", b"1", b"}", b'"', b",", b"e9", b"[", b"null"]
NAMES = {-1: None, 0: False, 1: True}


def damaged(rng: random.Random, topic: int) -> bytes:
    """An event with up to two fields replaced, sometimes with some bytes replaced."""
    event = prediction() if topic == 0 else outcome()
    for _ in range(rng.choice([0, 1, 1, 2])):
        event[rng.choice(FIELDS)] = rng.choice(VALUES)
    raw = json.dumps({name: value for name, value in event.items() if value is not ...}).encode()
    if rng.random() < 0.1:
        at = rng.randrange(1, len(raw))
        raw = raw[:at] + rng.choice(PIECES) + raw[at + rng.randrange(3) :]
    return raw


def told(columns: Predictions | Outcomes, cells: Cells) -> dict[str, Any]:
    """The only row of the columns in the words of the definition."""
    found = {"time": int(columns.time[0]), "value": int(columns.value[0]) if columns.valued[0] else None}
    if isinstance(columns, Outcomes):
        return {**found, "decision": NAMES[int(columns.label[0])]}
    cell, score = cells[int(columns.cell[0])], int(columns.score[0])
    found |= {"decision": NAMES[int(columns.decision[0])], "score": None if score < 0 else score}
    return {**found, "groups": cell.groups, "version": cell.version, "arm": cell.arm}


@pytest.mark.parametrize("seed", range(4))
def test_on_damaged_events(seed: int) -> None:
    rng = random.Random(seed)
    reads, cells = reader(credit())
    for _ in range(1000):
        topic = rng.randrange(2)
        raw = damaged(rng, topic)
        [expected] = read(SPEC, topic, raw, NOON, {})
        columns, letters = (reads.outcomes if topic else reads.predictions)([Record(0, raw)])
        if isinstance(expected, Dead):
            assert [letter.model for letter in letters] == [expected.model], (raw, expected.why)
        else:
            assert not letters, (raw, letters[0].detail)
            found = told(columns, cells)
            assert found == {name: getattr(expected, name) for name in found}, raw
