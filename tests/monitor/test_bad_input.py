"""Bad input gets a clear answer: one dead letter with a reason that names the field, and no id or attribute in it.

In every test the bad message stands between two good ones, which must count.
"""

from typing import Any

import msgspec
import pytest

from monitor.chunk import NO_TIMESTAMP
from monitor.events import DeadLetter, Reason
from tests.monitor.records import NOON, SECRET, TIME, Record, credit, outcome, prediction, reader, records


def refused(raw: Any, *, timestamp: int = NOON, headers: Any = (), topic: str = "predictions") -> DeadLetter:
    """The one dead letter of a bad message; the messages around it count."""
    good = prediction() if topic == "predictions" else outcome()
    chunk = records(good, raw, good, first=7)
    chunk[1].timestamp, chunk[1].headers = timestamp, headers
    read, _ = reader(credit(), credit("hiring"))
    columns, [letter] = getattr(read, topic)(chunk)
    assert columns.offset.tolist() == [7, 9]
    alone, [again] = getattr(read, topic)(chunk[1:2])
    assert len(alone) == 0
    assert again == letter
    assert (letter.offset, letter.index, letter.time_ms, letter.raw) == (8, 0, timestamp, chunk[1].value)
    assert SECRET not in letter.detail
    return letter


PREFIX = msgspec.json.encode(prediction(id=SECRET))[:-1]
"""A good prediction without its last brace."""


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b"", "not JSON"),
        (b" ", "not JSON"),
        (PREFIX, "not JSON"),
        (PREFIX + b"}}", "not JSON: JSON is malformed: trailing characters"),
        (PREFIX + b"}{}", "not JSON"),
        (PREFIX + b"},", "not JSON"),
        (b"\xef\xbb\xbf" + PREFIX + b"}", "not JSON"),
        (PREFIX + b',"score":NaN}', "not JSON"),
        (PREFIX + b',"score":Infinity}', "not JSON"),
        (PREFIX + b',"value":-Infinity}', "not JSON"),
        (PREFIX + b',"attributes":{"age":NaN}}', "not JSON"),
        (PREFIX + b',"id":"\xff"}', "not UTF-8"),
        (PREFIX + rb',"id":"\ud800"}', "not JSON"),
        (PREFIX + b',"id":"a\x00"}', "not JSON"),
        (PREFIX + b',"more":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep"),
        (PREFIX + b',"attributes":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", "nested too deep"),
        (b"[" + PREFIX + b"}", "not JSON"),
        (b"\x00\x01\x02", "not JSON"),
        (b'SECRET-7f3a', "not JSON"),
    ],
)  # fmt: skip
def test_broken_json(raw: bytes, detail: str) -> None:
    letter = refused(raw)
    assert letter.reason is Reason.MALFORMED
    assert detail in letter.detail


@pytest.mark.parametrize("raw", [b"7", b'"SECRET-7f3a"', b"null", b"true"])
def test_json_that_is_no_object(raw: bytes) -> None:
    letter = refused(raw)
    assert letter.reason is Reason.WRONG_TYPE
    assert letter.detail.startswith("the message must be object, not ")


@pytest.mark.parametrize("field", ["id", "model", "time"])
def test_absent_fields(field: str) -> None:
    letter = refused(prediction(**{"id": SECRET, field: ...}))
    assert (letter.reason, letter.detail) == (Reason.MISSING_FIELD, f"`{field}` is absent")
    assert letter.model == ("" if field == "model" else "credit")


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"id": 7}, "`id` must be str, not int"),
        ({"id": None}, "`id` must be str, not null"),
        ({"model": ["credit"]}, "`model` must be str, not array"),
        ({"version": 7}, "`version` must be str or null, not int"),
        ({"time": True}, "`time` must be int or str, not bool"),
        ({"time": 1.5}, "`time` must be int or str, not float"),
        ({"time": None}, "`time` must be int or str, not null"),
        ({"decision": 0.5}, "`decision` must be bool or int or str or null, not float"),
        ({"decision": {"x": SECRET}}, "`decision` must be bool or int or str or null, not object"),
        ({"score": "0.5"}, "`score` must be float or null, not str"),
        ({"score": True}, "`score` must be float or null, not bool"),
        ({"value": [1]}, "`value` must be float or null, not array"),
        ({"arm": SECRET}, "`arm` must be live, canary, shadow or fallback"),
        ({"arm": 5}, "`arm` must be live, canary, shadow or fallback"),
        ({"attributes": [SECRET]}, "`attributes` must be an object"),
        ({"attributes": SECRET}, "`attributes` must be an object"),
        ({"attributes": 5}, "`attributes` must be an object"),
        ({"factors": [SECRET]}, "`factors` must be an object"),
    ],
)
def test_wrong_types(changes: dict[str, Any], detail: str) -> None:
    letter = refused(prediction(**changes))
    assert (letter.reason, letter.detail) == (Reason.WRONG_TYPE, detail)
    assert letter.model == ("" if "model" in changes else "credit")


@pytest.mark.parametrize(
    ("tail", "reason", "detail"),
    [
        (b',"score":1e400}', Reason.BAD_SCORE, "`score` is not a finite number"),
        (b',"value":-1e400}', Reason.BAD_VALUE, "`value` is not a finite number"),
        (b',"attributes":{"age":1e400}}', Reason.WRONG_TYPE, "a value in `attributes` cannot be read"),
        (b',"attributes":{"sex":"\xff"}}', Reason.MALFORMED, "a value in `attributes` cannot be read"),
        (b',"time":1e400}', Reason.WRONG_TYPE, "`time` is not a finite number"),
        (b',"score":1.0000001}', Reason.BAD_SCORE, "`score` is not between 0 and 1"),
        (b',"score":-0.1}', Reason.BAD_SCORE, "`score` is not between 0 and 1"),
        (b',"value":21474836.48}', Reason.BAD_VALUE, "`value` is 2**31 units of 0.01 or more"),
        (b',"value":-1e300}', Reason.BAD_VALUE, "`value` is 2**31 units of 0.01 or more"),
    ],
)
def test_numbers_that_cannot_be_counted(tail: bytes, reason: Reason, detail: str) -> None:
    letter = refused(PREFIX + tail)
    assert (letter.reason, letter.detail, letter.model) == (reason, detail, "credit")


@pytest.mark.parametrize("model", [SECRET, "", "Credit", "credit\x00", "x" * 100_000])
def test_unknown_models(model: str) -> None:
    letter = refused(prediction(model=model))
    assert (letter.reason, letter.detail, letter.model) == (Reason.UNKNOWN_MODEL, "`model` is not configured", "")


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("0001-01-01T00:00:00Z", Reason.TIME_TOO_OLD),
        ("9999-12-31T23:59:59Z", Reason.TIME_AHEAD),
        ("1970-01-01T00:00:00Z", Reason.TIME_TOO_OLD),
        (0, Reason.TIME_TOO_OLD),
        (1_795_262_400, Reason.TIME_TOO_OLD),  # seconds instead of milliseconds
        (NOON * 1000, Reason.BAD_TIME),  # microseconds
        (NOON + 600_001, Reason.TIME_AHEAD),
        (NOON - 400 * 86_400_000 - 1, Reason.TIME_TOO_OLD),
        (10**30, Reason.BAD_TIME),
        (-(10**30), Reason.BAD_TIME),
        ("", Reason.BAD_TIME),
        (SECRET, Reason.BAD_TIME),
        ("NaT", Reason.BAD_TIME),
        ("2026-11-31T12:00:00Z", Reason.BAD_TIME),
        ("2026-11-21T12:00:00", Reason.BAD_TIME),
        ("1795262400000", Reason.BAD_TIME),
    ],
)
def test_times(time: Any, reason: Reason) -> None:
    letter = refused(prediction(time=time))
    assert (letter.reason, letter.model) == (reason, "credit")
    assert letter.detail.startswith("`time` is ")
    assert refused(outcome(time=time), topic="outcomes").reason is reason


@pytest.mark.parametrize("time", [NOON + 600_000, NOON - 400 * 86_400_000])
def test_times_that_are_just_right(time: int) -> None:
    _, letters = reader()[0].predictions(records(prediction(time=time)))
    assert not letters


def test_a_record_without_a_timestamp_cannot_vouch_for_its_event() -> None:
    assert refused(prediction(), timestamp=NO_TIMESTAMP).reason is Reason.TIME_AHEAD


def test_a_message_of_10_mb() -> None:
    letter = refused(PREFIX + b',"more":"' + b"x" * 10_000_000 + b'"}')
    assert (letter.reason, letter.detail) == (Reason.MESSAGE_TOO_LARGE, "the message is longer than 1048576 bytes")


def test_a_message_of_a_mebibyte_is_read() -> None:
    raw = PREFIX + b',"more":"' + b"x" * (2**20 - len(PREFIX) - 11) + b'"}'
    columns, letters = reader()[0].predictions(records(raw))
    assert (len(raw), len(columns), letters) == (2**20, 1, [])


@pytest.mark.parametrize("id", ["x" * 10_000, "é" * 513, "x" * 1025])
def test_ids_that_are_too_long(id: str) -> None:
    for topic, event in (("predictions", prediction(id=id)), ("outcomes", outcome(id=id))):
        letter = refused(event, topic=topic)
        assert (letter.reason, letter.detail) == (Reason.BAD_ID, "`id` is longer than 1024 bytes")


@pytest.mark.parametrize("id", ["x" * 1024, "é" * 512, "\x00", " "])
def test_odd_ids_that_are_read(id: str) -> None:
    columns, letters = reader()[0].predictions(records(prediction(id=id)))
    assert (len(columns), letters) == (1, [])


def test_an_empty_id() -> None:
    letter = refused(prediction(id=""))
    assert (letter.reason, letter.detail) == (Reason.BAD_ID, "`id` is empty")


def test_attributes_by_the_hundred() -> None:
    for field in ("attributes", "factors"):
        letter = refused(prediction(**{field: {f"{SECRET}-{n}": SECRET for n in range(65)}}))
        assert (letter.reason, letter.detail) == (Reason.TOO_MANY_ATTRIBUTES, f"`{field}` has more than 64 entries")
    _, letters = reader()[0].predictions(records(prediction(attributes={str(n): n for n in range(64)})))
    assert not letters


def test_the_last_of_a_repeated_key_counts() -> None:
    raw = (
        b'{"id":"a","id":"b","model":"x","model":"credit","time":0,"time":"%s","decision":true,"decision":false,'
        % TIME.encode()
    )
    raw += b'"attributes":{"sex":"F"},"attributes":{"sex":"X","sex":"M"}}'
    read, cells = reader()
    columns, letters = read.predictions(records(raw))
    assert not letters
    assert columns.decision.tolist() == [0]
    assert dict(cells[int(columns.cell[0])].groups)["sex"] == "M"
    assert columns.key == read.predictions(records(prediction(id="b")))[0].key


@pytest.mark.parametrize("version", ["*", "x" * 129, "1\x00", "1\n2"])
def test_versions_that_cannot_be_stored(version: str) -> None:
    letter = refused(prediction(version=version))
    assert (letter.reason, letter.model) == (Reason.BAD_VERSION, "credit")
    assert letter.detail.startswith("`version` must be")


@pytest.mark.parametrize("decision", [SECRET, 2, ""])
def test_class_labels_that_are_not_configured(decision: Any) -> None:
    letter = refused(prediction(decision=decision))
    assert (letter.reason, letter.model) == (Reason.BAD_DECISION, "credit")
    assert refused(outcome(label=decision), topic="outcomes").reason is Reason.BAD_LABEL


def test_nothing_to_count() -> None:
    letter = refused(prediction(decision=..., score=None, value=...))
    assert (letter.reason, letter.detail) == (
        Reason.NOTHING_TO_COUNT,
        "none of `decision`, `score` and `value` is there",
    )
    letter = refused(outcome(label=None, value=...), topic="outcomes")
    assert (letter.reason, letter.detail) == (Reason.NOTHING_TO_COUNT, "neither `label` nor `value` is there")


@pytest.mark.parametrize("content_type", [b"text/csv", b"application/vnd.apache.arrow.stream", b"\xff"])
def test_content_types_that_no_decoder_reads(content_type: bytes) -> None:
    letter = refused(prediction(), headers=[("content-type", content_type)])
    assert letter.reason is Reason.UNKNOWN_CONTENT_TYPE


def test_a_chunk_of_nothing_but_garbage() -> None:
    columns, letters = reader()[0].predictions(records(*[b"{"] * 100))
    assert (len(columns), len(letters)) == (0, 100)


def test_two_broken_halves_are_not_one_whole() -> None:
    """A reader that joined the messages of a chunk to decode them at once would take these for two events."""
    halves = PREFIX + b',"more":[1', b"2]}," + PREFIX + b"}"
    columns, letters = reader()[0].predictions(records(*halves))
    assert (len(columns), [letter.offset for letter in letters]) == (0, [0, 1])


def test_an_event_has_one_dead_letter_however_much_is_wrong() -> None:
    letter = refused(prediction(id="x" * 2000, time="never", score=9, value=1e30, version="*", decision="x"))
    assert letter.reason is Reason.BAD_ID


@pytest.mark.parametrize("raw", [b'[{"id":"SECRET-7f3a"},5]', b"[[]]", b"[null]"])
def test_bad_elements_of_a_batch(raw: bytes) -> None:
    columns, letters = reader()[0].predictions(records(raw))
    assert len(columns) == 0
    assert [letter.index for letter in letters] == list(range(len(letters)))
    assert all(SECRET not in letter.detail for letter in letters)


def test_records_of_a_broker_are_enough() -> None:
    """aiokafka's own record type fits the reader's protocol."""
    from aiokafka import ConsumerRecord

    raw = msgspec.json.encode(prediction())
    record = ConsumerRecord("predictions", 0, 5, NOON, 0, b"a1", raw, None, 2, len(raw), ())
    columns, letters = reader()[0].predictions([record])
    assert (columns.offset.tolist(), letters) == ([5], [])
    assert isinstance(Record(0, raw).headers, tuple)


WEIGHING = credit(weights=True)


@pytest.mark.parametrize("raw", [b"0", b"-1", b"4e-7", b"2147.483648", b"1e400", b'"1"', b"true", b"[1]", b'{"x": 1}'])
def test_a_weight_that_cannot_be_counted(raw: bytes) -> None:
    """Of a model that weighs; any other does not look at it."""
    message = PREFIX + b',"weight":' + raw + b"}"
    read, _ = reader(WEIGHING, credit("hiring"))
    columns, [letter] = read.predictions(records(prediction(), message, prediction(), first=7))
    assert columns.offset.tolist() == [7, 9]
    assert (letter.reason, letter.detail) == (Reason.BAD_WEIGHT, "`weight` is not a number from 1e-06 to 2147.48")
    for models in ((credit(),), (credit(), credit("hiring", weights=True))):
        ignored, letters = reader(*models)[0].predictions(records(message))
        assert (len(ignored), letters) == (1, [])


def test_weights_are_counted_in_their_unit_and_one_where_there_is_none() -> None:
    given = [prediction(weight=w) for w in (0.5, 1, 1.0000005, 2147.483647, None, ...)]
    columns, letters = reader(WEIGHING)[0].predictions(records(*given))
    assert columns.weight is not None
    assert (columns.weight.tolist(), letters) == ([500_000, 1_000_000, 1_000_000, 2**31 - 1, 1_000_000, 1_000_000], [])
    coarse, _ = reader(credit(weights={"resolution": 1}))[0].predictions(
        records(prediction(weight=250_000), prediction())
    )
    assert coarse.weight is not None
    assert coarse.weight.tolist() == [250_000, 1]
    assert reader()[0].predictions(records(prediction(weight=5)))[0].weight is None


def test_a_mapped_message_may_weigh() -> None:
    fields = {"id": "$.id", "time": "$.at", "decision": "$.ok", "weight": "$.exposure"}
    mapped = credit(weights=True, mapping={"prediction": fields})
    columns, _ = reader(mapped)[0].predictions(records({"id": "a", "at": TIME, "ok": True, "exposure": 0.25}))
    assert columns.weight is not None
    assert columns.weight.tolist() == [250_000]
