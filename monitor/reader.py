"""From records of Kafka to columns and dead letters: the second of the ten stops of an event.

Every event in a record ends either in the columns or in exactly one dead letter. A null message (a tombstone of a
compacted topic) and an empty array hold no event.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from monitor.cells import Cells
from monitor.chunk import Chunk, ChunkDecoder, PartitionOf, Records
from monitor.columns import Longs, Outcomes, Predictions, merge, take
from monitor.config import ModelConfig
from monitor.decoding.mapping import Mapper
from monitor.events import DeadLetter, Reason, WireOutcome, WirePrediction, WireWeighted
from monitor.model_reader import Faults, HashIds, ModelReader, Places
from monitor.times import DAY

RETENTION_MS = 400 * DAY
"""Default of how long panes are kept; an older event has no pane to go to."""

C = TypeVar("C", Predictions, Outcomes)

Read = tuple[Predictions | Outcomes, list[DeadLetter]]
"""What a chunk of records held."""


class Reader:
    """Reads the two topics of one stream, whose models are given in the stream's order.

    It holds caches only: what it returns depends on nothing but its arguments. `partition_of` gives the partition of an id;
    with it, an id in a batch that belongs to another partition than its message is a dead letter, where the `partition` of
    the records is given.
    """

    def __init__(
        self,
        models: Sequence[ModelConfig],
        hash_ids: HashIds,
        cells: Cells,
        retention_ms: int = RETENTION_MS,
        partition_of: PartitionOf | None = None,
    ) -> None:
        self._names = {model.name: position for position, model in enumerate(models)}
        self._models = [ModelReader(n, model, hash_ids, cells, retention_ms) for n, model in enumerate(models)]
        names = list(self._names)
        weigh = any(model.weight_unit is not None for model in models)
        self._predictions = ChunkDecoder(
            WireWeighted if weigh else WirePrediction, names, _mapper(models, "prediction"), partition_of
        )
        self._outcomes = ChunkDecoder(WireOutcome, names, _mapper(models, "outcome"), partition_of)

    def predictions(self, records: Records, partition: int | None = None) -> tuple[Predictions, list[DeadLetter]]:
        """The predictions in a chunk of records and what cannot be read, both in log order."""
        chunk = self._predictions.decode(records, partition)
        return self._read(chunk, Predictions, [model.predictions for model in self._models])

    def outcomes(self, records: Records, partition: int | None = None) -> tuple[Outcomes, list[DeadLetter]]:
        """The outcomes in a chunk of records and what cannot be read, both in log order."""
        chunk = self._outcomes.decode(records, partition)
        return self._read(chunk, Outcomes, [model.outcomes for model in self._models])

    def of_partition(self, partition: int) -> "PartitionReader":
        """The same reader, for the records of one partition."""
        return PartitionReader(self, partition)

    def _read(
        self, chunk: Chunk, kind: type[C], readers: Sequence[Callable[[list[Any], Places], tuple[C, Faults]]]
    ) -> tuple[C, list[DeadLetter]]:
        """`readers` are those of the models, in their order."""
        parts: list[C] = []
        places: list[Longs] = []
        for position, rows in self._by_model(chunk) or [(0, np.empty(0, np.int64))]:
            events, at = (chunk.events, chunk.places) if len(rows) == len(chunk.events) else chunk.part(rows)
            columns, faults = readers[position](events, at)
            if faults:
                name = chunk.events[rows[0]].model
                for row, fault in faults.items():
                    chunk.refuse(int(rows[row]), name, *fault)
                good = np.delete(np.arange(len(rows)), list(faults))
                columns = take(columns, good)
                places.append(rows[good])
            else:
                places.append(rows)
            parts.append(columns)
        whole = parts[0] if len(parts) == 1 else merge(parts, places)
        return whole, sorted(chunk.letters, key=lambda letter: (letter.offset, letter.index))

    def _by_model(self, chunk: Chunk) -> list[tuple[int, Longs]]:
        """(position of a model, rows of the chunk that are its); events of unknown models become dead letters."""
        names = [event.model for event in chunk.events]
        if not names:
            return []
        if names[0] in self._names and names.count(names[0]) == len(names):
            return [(self._names[names[0]], np.arange(len(names)))]
        positions = np.fromiter((self._names.get(name, -1) for name in names), np.int64, len(names))
        for row in np.flatnonzero(positions < 0).tolist():
            chunk.refuse(row, "", Reason.UNKNOWN_MODEL, "`model` is not configured")
        return [(int(n), np.flatnonzero(positions == n)) for n in np.unique(positions) if n >= 0]


@dataclass(frozen=True, slots=True)
class PartitionReader:
    """A reader that knows from which partition the records are."""

    reader: Reader
    partition: int

    def predictions(self, records: Records) -> tuple[Predictions, list[DeadLetter]]:
        """As `Reader.predictions`."""
        return self.reader.predictions(records, self.partition)

    def outcomes(self, records: Records) -> tuple[Outcomes, list[DeadLetter]]:
        """As `Reader.outcomes`."""
        return self.reader.outcomes(records, self.partition)


def _mapper(models: Sequence[ModelConfig], side: str) -> Mapper | None:
    """The mapping of the stream's only model, if it has one for this topic."""
    mapping = models[0].mapping
    fields = getattr(mapping, side) if mapping is not None else None
    return None if fields is None else Mapper(fields.model_dump(), models[0].name)
