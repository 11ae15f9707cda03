"""Records, events and a reader for the tests of reading."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from monitor.cells import Cells
from monitor.config import ModelConfig
from monitor.reader import Reader

NOON = 1_795_262_400_000
"""2026-11-21T12:00:00Z, when all records are written."""
TIME = "2026-11-21T12:00:00Z"
SECRET = "SECRET-7f3a"
"""Stands for an id or an attribute's value: it must appear in no detail."""


@dataclass(slots=True)
class Record:
    """What aiokafka hands over."""

    offset: int
    value: bytes | None
    timestamp: int = NOON
    headers: Sequence[tuple[str, bytes]] = ()


def hash_ids(model: str, ids: Sequence[str]) -> list[bytes]:
    """A hash that tests can compute by themselves."""
    return [hashlib.blake2b(f"{model}/{id}".encode(), digest_size=16).digest() for id in ids]


def credit(name: str = "credit", **more: Any) -> ModelConfig:
    """A model with two attributes."""
    attributes = {"sex": ["F", "M"], "age": {"bins": [25, 40]}}
    return ModelConfig.model_validate({"name": name, "attributes": attributes, **more})


def reader(*models: ModelConfig, **more: Any) -> tuple[Reader, Cells]:
    """A reader of these models (of `credit()` if none are given), and the cells it fills."""
    cells = Cells()
    return Reader(models or (credit(),), hash_ids, cells, **more), cells


def prediction(**changes: Any) -> dict[str, Any]:
    """A readable prediction with some fields changed; ... takes a field out."""
    event = {
        "id": "a1",
        "model": "credit",
        "version": "1",
        "time": TIME,
        "decision": True,
        "score": 0.25,
        "value": 10.5,
    }
    event |= {"attributes": {"sex": "F", "age": 34}}
    return {name: value for name, value in (event | changes).items() if value is not ...}


def outcome(**changes: Any) -> dict[str, Any]:
    """A readable outcome with some fields changed; ... takes a field out."""
    event = {"id": "a1", "model": "credit", "time": TIME, "label": True, "value": 8} | changes
    return {name: value for name, value in event.items() if value is not ...}


def records(*events: Any, first: int = 0) -> list[Record]:
    """A record for each event; bytes and None as they are."""
    raws = [event if isinstance(event, bytes | None) else msgspec.json.encode(event) for event in events]
    return [Record(first + place, raw) for place, raw in enumerate(raws)]
