"""The definition's own reading of events agrees with the reader's, on everything that the chaos driver sends."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import pytest
import yaml

from monitor.cells import Cells
from monitor.columns import Outcomes, Predictions
from monitor.config import ModelConfig
from monitor.reader import Reader
from tests.acceptance.parsing import Dead, Event, Spec, read
from tests.chaos.settings import MODELS
from tests.chaos.traffic import HOUR, OUTCOMES, PREDICTIONS, Message, Traffic

NOW = 1_795_219_200_000


@dataclass(slots=True)
class Record:
    offset: int
    timestamp: int
    value: bytes | None
    partition: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def sent(seed: int) -> list[Message]:
    traffic = Traffic(seed, NOW, lambda key: crc32(key) % 4)
    messages = [message for _ in range(16) for message in traffic.step(60_000, 50)]
    return [*messages, *traffic.jump(9 * HOUR), *traffic.step(60_000, 50)]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("topic", [PREDICTIONS, OUTCOMES])
def test_reads_as_the_reader_does(seed: int, topic: str) -> None:
    models = yaml.safe_load(MODELS)
    spec, cells = Spec.of(models), Cells()
    reader = Reader([ModelConfig(**model) for model in models], _hashes, cells)
    number = (PREDICTIONS, OUTCOMES).index(topic)
    records = [Record(n, m.timestamp, m.value) for n, m in enumerate(m for m in sent(seed) if m.topic == topic)]

    mine = [(r, found) for r in records for found in read(spec, number, r.value, r.timestamp, {})]
    events = [(r.offset, found) for r, found in mine if isinstance(found, Event)]
    dead = Counter((r.offset, r.timestamp, found.model) for r, found in mine if isinstance(found, Dead))

    if number == 0:
        predictions, letters = reader.predictions(records)
        columns: Predictions | Outcomes = predictions
        said = predictions.decision
        assert predictions.score.tolist() == [-1 if event.score is None else event.score for _, event in events]
        assert predictions.clipped[predictions.valued].tolist() == [e.clipped for _, e in events if e.value is not None]
        for id, (_, event) in zip(predictions.cell.tolist(), events, strict=True):
            cell = cells[id]
            assert (cell.model, cell.version, cell.arm) == (event.model, event.version, event.arm)
            assert (cell.groups, cell.stratum) == (event.groups, event.stratum)
    else:
        outcomes, letters = reader.outcomes(records)
        columns, said = outcomes, outcomes.label
    assert Counter((letter.offset, letter.time_ms, letter.model) for letter in letters) == dead
    assert columns.offset.tolist() == [offset for offset, _ in events]
    assert columns.time.tolist() == [event.time for _, event in events]
    assert columns.value[columns.valued].tolist() == [event.value for _, event in events if event.value is not None]
    assert said.tolist() == [-1 if event.decision is None else int(event.decision) for _, event in events]


def _hashes(model: str, ids: Sequence[str]) -> list[bytes]:
    return [b"0" * 16 for _ in ids]
