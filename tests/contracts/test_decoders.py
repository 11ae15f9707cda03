"""Every decoder of the registry: it never raises, never loses an event, and answers in the order of the message."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decoding import Decoder, decoder, decoders
from monitor.decoding.faults import Unreadable
from monitor.events import Reason, WirePrediction
from tests.monitor.records import Record, outcome, prediction, reader

read = msgspec.json.Decoder(WirePrediction).decode

EVERY = sorted({module.__name__: module for of in decoders().values() for module in of}.items())  # type: ignore[attr-defined]

GARBAGE = st.binary(max_size=40) | st.sampled_from(
    [b"", b" ", b"[", b"{", b"[]", b"{}", b"[[", b"null", b"\xff", b"[1,"]
)


def damaged(draw: st.DrawFn) -> bytes:
    """A good message with a piece cut out, put in or overwritten, alone or in an array."""
    event = draw(st.sampled_from([prediction(), outcome()]))
    raw = msgspec.json.encode(draw(st.sampled_from([event, [event], [event, event]])))
    at = draw(st.integers(0, len(raw)))
    gone = draw(st.integers(0, 5))
    return raw[:at] + draw(GARBAGE) + raw[at + gone :]


DAMAGED = st.composite(damaged)()


@pytest.mark.parametrize(("name", "module"), EVERY)
@given(raw=GARBAGE | DAMAGED)
def test_it_never_raises(name: str, module: Decoder, raw: bytes) -> None:
    for event in module.decode(raw, read):
        assert isinstance(event, WirePrediction | Unreadable)


@pytest.mark.parametrize(("name", "module"), EVERY)
def test_it_says_what_it_reads(name: str, module: Decoder) -> None:
    assert module.CONTENT_TYPES
    assert all(content_type == content_type.lower() for content_type in module.CONTENT_TYPES)


def test_the_opening_decides_between_decoders_of_one_content_type() -> None:
    names = {raw: str(decoder((), raw)).partition("' from")[0] for raw in (b"{}", b"[]", b" \n[", b"7", b"")}
    assert {raw: name.rpartition(".")[2] for raw, name in names.items()} == {
        b"{}": "json_objects",
        b"[]": "json_arrays",
        b" \n[": "json_arrays",
        b"7": "json_objects",
        b"": "json_objects",
    }


@given(raws=st.lists(st.none() | GARBAGE | DAMAGED, max_size=6))
def test_every_event_of_a_chunk_is_a_row_or_a_dead_letter(raws: list[Any]) -> None:
    chunk = [Record(place, raw) for place, raw in enumerate(raws)]
    for topic in ("predictions", "outcomes"):
        columns, letters = getattr(reader()[0], topic)(chunk)
        places = list(zip(columns.offset.tolist(), columns.index.tolist(), strict=True))
        dead = [(letter.offset, letter.index) for letter in letters]
        assert places == sorted(places)
        assert dead == sorted(dead)
        assert len({*places, *dead}) == len(places) + len(dead)
        for offset, raw in enumerate(raws):
            found = sum(place[0] == offset for place in [*places, *dead])
            assert found == expected(raw)
        assert all(letter.reason in Reason and letter.detail for letter in letters)


def expected(raw: bytes | None) -> int:
    """How many events a message holds: a broken one counts as one."""
    if raw is None:
        return 0
    try:
        return len(msgspec.json.decode(raw, type=list[msgspec.Raw])) if raw.lstrip()[:1] == b"[" else 1
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 1
