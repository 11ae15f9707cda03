"""The example producer: what it sends is read without a dead letter, and every outcome has its prediction."""

import importlib.util
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.cells import Cells
from monitor.config import ModelConfig
from monitor.reader import Reader
from streams.hashing import IdHasher
from tests.acceptance.definition import Logged

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


class Record(Logged):
    """A record as the reader takes it."""

    __slots__ = ()
    partition = 0


def producer() -> Any:
    spec = importlib.util.spec_from_file_location("fairdrift_example_producer", DEPLOY / "examples" / "producer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_its_events_are_those_of_the_model_in_compose(monkeypatch: pytest.MonkeyPatch) -> None:
    example = producer()
    monkeypatch.setattr(example, "time", Clock())
    rows = example.clients(DEPLOY / "demo" / "credit_default.csv.gz")
    sent = list(islice(example.events(rows, rate=20, delay=5, seed=1), 2000))
    config = yaml.safe_load((DEPLOY / "compose" / "fairdrift.yaml").read_text())["models"][0]
    reader = Reader([ModelConfig.model_validate(config)], IdHasher(b"k" * 32).hash_ids, Cells())
    of = {
        topic: [
            Record(number, int(Clock().now * 1000) + 1_000_000, json.dumps(event).encode())
            for number, (to, event) in enumerate(sent)
            if to == topic
        ]
        for topic in ("predictions", "outcomes")
    }
    predictions, unread = reader.predictions(of["predictions"])
    outcomes, unread_too = reader.outcomes(of["outcomes"])
    assert not unread
    assert not unread_too
    assert len(predictions) > 900
    assert len(outcomes) > 500
    assert set(outcomes.key) <= set(predictions.key)
    assert {int(decision) for decision in predictions.decision} == {0, 1}
