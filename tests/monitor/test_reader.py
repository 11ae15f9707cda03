"""Readable events become columns, whatever the mixture of models, forms and chunks."""

import random
from typing import Any

import msgspec
import numpy as np
import pytest

from monitor.columns import Outcomes, Predictions
from monitor.events import Reason
from monitor.sums import VALUES
from tests.monitor.records import NOON, TIME, Record, credit, hash_ids, outcome, prediction, reader, records


def rows(columns: Predictions | Outcomes) -> list[dict[str, Any]]:
    """One dictionary a row, of plain values."""
    names = [name for name in columns.__slots__ if getattr(columns, name) is not None]
    lists = [c if isinstance(c, list) else c.tolist() for c in (getattr(columns, name) for name in names)]
    return [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]


def test_a_prediction_by_hand() -> None:
    read, cells = reader()
    columns, letters = read.predictions([Record(41, msgspec.json.encode(prediction()))])
    [row] = rows(columns)
    assert not letters
    cell = cells[row.pop("cell")]
    assert row.pop("variant") > 0
    assert row == {
        "offset": 41,
        "index": 0,
        "key": hash_ids("credit", ["a1"])[0],
        "model": 0,
        "time": NOON,
        "decision": 1,
        "score": 250_000,
        "value": 1050,
        "valued": True,
        "clipped": 1050,
    }
    assert (cell.model, cell.version, cell.arm) == ("credit", "1", "live")
    assert cell.groups == (("age", "25-40"), ("sex", "F"))
    assert cell.stratum == ()


def test_an_outcome_by_hand() -> None:
    read, _ = reader()
    columns, letters = read.outcomes(
        records(outcome(), outcome(id="é", label=..., value=None), outcome(label=False, value=...))
    )
    assert [row["label"] for row in rows(columns)] == [1, 0]
    assert [row["value"] for row in rows(columns)] == [800, 0]
    assert [row["valued"] for row in rows(columns)] == [True, False]
    assert [(letter.offset, letter.reason) for letter in letters] == [(1, Reason.NOTHING_TO_COUNT)]


def test_types_of_the_columns() -> None:
    read, _ = reader()
    for records_of in ([], records(prediction())):
        columns, _ = read.predictions(records_of)
        made = {n: getattr(columns, n) for n in columns.__slots__ if n != "key"}
        assert {name: column.dtype for name, column in made.items() if column is not None} == {
            "offset": np.int64, "index": np.int32, "model": np.int32, "cell": np.int64, "variant": np.int64,
            "time": np.int64, "decision": np.int8, "score": np.int32, "value": np.int64, "valued": np.bool_,
            "clipped": np.int64,
        }  # fmt: skip
        assert len(columns) == len(records_of)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"decision": False}, {"decision": 0}),
        ({"decision": None}, {"decision": -1}),
        ({"decision": ...}, {"decision": -1}),
        ({"decision": 1}, {"decision": 1}),
        ({"score": None}, {"score": -1}),
        ({"score": 0}, {"score": 0}),
        ({"score": 1}, {"score": 1_000_000}),
        ({"score": 0.0000005}, {"score": 0}),  # halves to even
        ({"score": 0.0000015}, {"score": 2}),
        ({"value": None}, {"value": 0, "valued": False, "clipped": 0}),
        ({"value": -3}, {"value": -300, "valued": True, "clipped": -300}),
        ({"value": 0.125}, {"value": 12}),
        ({"value": 0.575}, {"value": 58}),  # meant as written: 57.5, although the nearest double is below
        ({"value": 1.005}, {"value": 100}),
        ({"value": 0.035}, {"value": 4}),
        ({"value": 21474836.47}, {"value": 2**31 - 1}),
        ({"time": NOON - 1}, {"time": NOON - 1}),
        ({"time": "2026-11-21T13:00:00.250+01:00"}, {"time": NOON + 250}),
    ],
)
def test_values_of_single_fields(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    read, _ = reader()
    columns, letters = read.predictions(records(prediction(**changes)))
    [row] = rows(columns)
    assert not letters
    assert {name: row[name] for name in expected} == expected


def test_values_are_clipped_to_the_range() -> None:
    read, _ = reader(credit(value={"range": [0, 100], "resolution": 1}))
    columns, _ = read.predictions(records(prediction(value=-5), prediction(value=250), prediction(value=None)))
    assert [(row["value"], row["clipped"]) for row in rows(columns)] == [(-5, 0), (250, 100), (0, 0)]
    assert [VALUES.slots[row["value_slot"]] if row["value_slot"] >= 0 else None for row in rows(columns)] == [
        "below_range", "above_range", None,
    ]  # fmt: skip


@pytest.mark.parametrize(("side", "expected"), [("above", [0, 1, 1, 0]), ("below", [1, 0, 0, 0])])
def test_a_decision_from_the_score(side: str, expected: list[int]) -> None:
    read, _ = reader(credit(decision={"cut": 0.5, "favourable_side": side}))
    scored = [prediction(decision=None, score=score) for score in (0.499999, 0.5, 0.7)]
    columns, _ = read.predictions(records(*scored, prediction(decision=False, score=0.1)))
    assert columns.decision.tolist() == expected


def test_class_labels() -> None:
    read, _ = reader(
        credit(decision={"favourable": ["approve", 2]}, outcome={"favourable": ["paid"], "unfavourable": ["late"]})
    )
    labels = ["approve", 2, "deny", "", True, False, None]
    columns, letters = read.predictions(records(*(prediction(decision=label) for label in labels)))
    assert columns.decision.tolist() == [1, 1, 0, 0, 1, 0, -1]
    outcomes, letters = read.outcomes(records(*(outcome(label=label) for label in ("paid", "late", "gone", None))))
    assert outcomes.label.tolist() == [1, 0, -1]
    assert [letter.reason for letter in letters] == [Reason.BAD_LABEL]


@pytest.mark.parametrize(
    ("favourable", "expected"), [([False], {True: 0, False: 1}), ([0], {0: 1, 1: 0, 2: 0}), ([1], {0: 0, 1: 1, 2: 0})]
)
def test_labels_that_look_like_booleans(favourable: list[Any], expected: dict[Any, int]) -> None:
    read, _ = reader(credit(decision={"favourable": favourable}))
    columns, _ = read.predictions(records(*(prediction(decision=label) for label in expected)))
    assert columns.decision.tolist() == list(expected.values())


def test_versions_and_arms_are_variants() -> None:
    read, cells = reader()
    changes: list[dict[str, Any]] = [
        {},
        {"arm": "shadow"},
        {"version": "2"},
        {"arm": "live"},
        {"arm": None},
        {"version": ...},
        {"version": ""},
    ]
    columns, letters = read.predictions(records(*(prediction(**change) for change in changes)))
    assert not letters
    variants = columns.variant.tolist()
    assert variants[0] == variants[3] == variants[4]
    assert variants[5] == variants[6]
    assert len(set(variants)) == 4
    assert [cells[cell].arm for cell in columns.cell.tolist()] == [
        "live",
        "shadow",
        "live",
        "live",
        "live",
        "live",
        "live",
    ]


def test_attributes_that_are_absent_or_null_are_unknown() -> None:
    read, cells = reader(credit(factors={"band": [1, 2]}))
    changes: list[dict[str, Any]] = [
        {"attributes": ...},
        {"attributes": None},
        {"attributes": {}},
        {"attributes": {"sex": None, "x": [1]}},
    ]
    columns, letters = read.predictions(records(*(prediction(**change) for change in changes)))
    assert not letters
    assert len(set(columns.cell.tolist())) == 1
    cell = cells[int(columns.cell[0])]
    assert (cell.groups, cell.stratum) == ((("age", "unknown"), ("sex", "unknown")), (("band", "unknown"),))


def test_a_continuous_attribute_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.lookup.REMEMBERED", 1000)
    read, cells = reader()
    for start in range(0, 5000, 500):
        events = [prediction(attributes={"age": start + n}) for n in range(500)]
        columns, letters = read.predictions(records(*events))
        assert (len(columns), letters) == (500, [])
        assert len(read._models[0]._lookup) <= 1500
    assert len(cells) == 3


def test_chunks_of_two_models_keep_the_order_of_the_log() -> None:
    read, cells = reader(credit(), credit("hiring", value={"resolution": 1}))
    names = ["credit", "hiring", "hiring", "credit", "nobody", "hiring"]
    columns, letters = read.predictions(records(*(prediction(model=name, id=str(n)) for n, name in enumerate(names))))
    assert columns.offset.tolist() == [0, 1, 2, 3, 5]
    assert columns.model.tolist() == [0, 1, 1, 0, 1]
    assert columns.value.tolist() == [1050, 10, 10, 1050, 10]
    assert columns.key == [hash_ids(name, [str(n)])[0] for n, name in enumerate(names) if name != "nobody"]
    assert [cells[cell].model for cell in columns.cell.tolist()] == ["credit", "hiring", "hiring", "credit", "hiring"]
    assert [(letter.offset, letter.model, letter.reason) for letter in letters] == [(4, "", Reason.UNKNOWN_MODEL)]


def test_an_array_is_a_batch_of_events() -> None:
    read, _ = reader()
    batch = [prediction(id="a"), {"id": 5, "model": "credit"}, prediction(id="b"), 7, prediction(id="c", score=2)]
    columns, letters = read.predictions(records(prediction(), batch, [], prediction()))
    assert list(zip(columns.offset.tolist(), columns.index.tolist(), strict=True)) == [(0, 0), (1, 0), (1, 2), (3, 0)]
    assert [(letter.offset, letter.index, letter.model) for letter in letters] == [
        (1, 1, "credit"),
        (1, 3, ""),
        (1, 4, "credit"),
    ]
    assert letters[0].raw == b'{"id":5,"model":"credit"}'
    assert letters[1].raw == b"7"


def test_an_id_in_a_batch_belongs_to_the_partition_of_its_message() -> None:
    read, _ = reader(partition_of=lambda key: int(key) % 2)
    batch = Record(0, msgspec.json.encode([prediction(id="2"), prediction(id="3"), prediction(id="4")]))
    columns, letters = read.of_partition(0).predictions([batch, Record(1, msgspec.json.encode(prediction(id="1")))])
    assert columns.offset.tolist() == [0, 0, 1]
    [letter] = letters
    assert (letter.offset, letter.index, letter.reason) == (0, 1, Reason.MISPLACED)


def test_tombstones_are_no_events() -> None:
    read, _ = reader()
    columns, letters = read.predictions(records(None, prediction(), None))
    assert columns.offset.tolist() == [1]
    assert not letters


@pytest.mark.parametrize("header", [b"application/json", b"Application/JSON; charset=utf-8", b""])
def test_content_types_that_are_read(header: bytes) -> None:
    read, _ = reader()
    raw = msgspec.json.encode(prediction())
    plain, batch = (
        Record(n, one, headers=[("Content-Type", header)]) for n, one in enumerate((raw, b" [" + raw + b"]"))
    )
    columns, letters = read.predictions([plain, batch])
    assert columns.offset.tolist() == [0, 1]
    assert not letters


def test_a_mapping_reads_a_producers_own_messages() -> None:
    fields = {
        "id": "$.meta.request['id of it']",
        "time": "$.meta.at",
        "version": "7",
        "decision": "$.result[0]",
        "score": "$.scores[1].p",
        "attributes": {"sex": "$.payload.applicant.sex", "age": "$.payload.applicant.age"},
    }
    mapping = {"prediction": fields, "outcome": {"id": "$.ref", "time": "$.t", "label": "$.paid"}}
    read, cells = reader(credit(mapping=mapping))
    message = {
        "meta": {"request": {"id of it": "a1"}, "at": TIME},
        "result": [True],
        "scores": [{"p": 0.1}, {"p": 0.5}],
        "payload": {"applicant": {"sex": "M", "age": 50}},
    }
    columns, letters = read.predictions(records(message, [message], {**message, "meta": {}}))
    assert columns.offset.tolist() == [0, 1]
    assert columns.score.tolist() == [500_000, 500_000]
    cell = cells[int(columns.cell[0])]
    assert (cell.version, cell.groups) == ("7", (("age", ">=40"), ("sex", "M")))
    [letter] = letters
    assert (letter.offset, letter.model, letter.reason) == (2, "credit", Reason.MISSING_FIELD)
    outcomes, _ = read.outcomes(records({"ref": "a1", "t": NOON, "paid": False}))
    assert outcomes.label.tolist() == [0]
    assert outcomes.key == columns.key[:1]


def test_what_is_read_does_not_depend_on_chunks_or_on_what_was_read_before() -> None:
    rng = random.Random(7)
    kinds: list[Any] = [
        lambda n: prediction(id=str(n), attributes={"sex": rng.choice("FMX"), "age": rng.randrange(90)}),
        lambda n: prediction(id=str(n), model="hiring", time=NOON - n),
        lambda n: [prediction(id=f"{n}a"), prediction(id=f"{n}b", score=rng.choice([0.5, 5]))],
        lambda n: b"{",
        lambda n: None,
        lambda n: prediction(id=str(n), model="nobody"),
        lambda n: prediction(id=str(n), version=rng.choice(["*", "2"]), decision="x" if n % 2 else None),
    ]
    log = records(*(rng.choice(kinds)(n) for n in range(400)))
    whole, letters = reader(credit(), credit("hiring"))[0].predictions(log)
    read, _ = reader(credit(), credit("hiring"))
    found, dead, at = [], [], 0
    while at < len(log):
        size = rng.choice([1, 2, 7, 40])
        columns, more = read.predictions(log[at : at + size])
        found += rows(columns)
        dead += more
        at += size
    assert found == rows(whole)
    assert dead == letters
    assert len(found) + len(dead) == sum(
        0 if r.value is None else len(msgspec.json.decode(r.value)) if r.value[:1] == b"[" else 1 for r in log
    )


def test_classes_are_codes_of_how_many_there_are_and_which_one_it_is() -> None:
    good = {"favourable": ["good"]}
    read, _ = reader(credit(classes=["good", "fair", "bad"], decision=good, outcome=good))
    told = records(*(prediction(id=str(n), decision=d) for n, d in enumerate(["fair", "good", "worse", None])))
    columns, letters = read.predictions(told)
    assert not letters
    assert columns.label_class is not None
    assert columns.label_class.tolist() == [3 * 256 + 2, 3 * 256 + 1, 3 * 256, 3 * 256]
    assert columns.decision.tolist() == [0, 1, 0, -1]
    outcomes, _ = read.outcomes(records(outcome(label="bad")))
    assert outcomes.label_class is not None
    assert outcomes.label_class.tolist() == [3 * 256 + 3]


def test_models_without_classes_share_a_stream_with_those_that_have_them() -> None:
    labels = {"favourable": ["good"]}
    one = credit(name="one", classes=["good", "bad"], decision=labels, outcome=labels)
    read, _ = reader(one, credit(name="two"))
    told = records(prediction(id="a", model="two"), prediction(id="b", model="one", decision="bad"))
    columns, letters = read.predictions(told)
    assert not letters
    assert columns.label_class is not None
    assert columns.label_class.tolist() == [0, 2 * 256 + 2]
