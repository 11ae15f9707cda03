"""A stream at run time: one pair of topics with the models that use it, its reader and its ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from monitor.cells import Cells
from monitor.config import ModelConfig
from monitor.reader import Reader
from monitor.terms import Terms
from streams.hashing import IdHasher
from streams.ledger import Ledger, StreamOfParts
from streams.session import QualityCells


@dataclass(frozen=True, slots=True)
class Stream:
    """One pair of topics, everything that its partitions share."""

    name: str
    topics: tuple[str, str]
    """Predictions, outcomes."""
    terms: Terms
    reader: Reader
    ledger: Ledger
    quality: QualityCells
    parts: int
    """Partitions of each topic."""


def terms_of(models: Sequence[ModelConfig]) -> Terms:
    """The durations on which the models of a stream agree (the configuration was checked for that)."""
    first = models[0]
    return Terms(first.join_horizon, first.dedup_horizon, first.max_lateness, first.watermark_delay, first.pane)


def open_stream(
    models: Sequence[ModelConfig], parts: int, engine: sa.Engine, hasher: IdHasher, partition_of: Callable[[bytes], int]
) -> Stream:
    """The stream of these models, which share their topics."""
    cells = Cells()
    topics = models[0].topics.predictions, models[0].topics.outcomes
    name, terms = "/".join(topics), terms_of(models)
    by_name = {model.name: cells.quality(model.name) for model in models}
    return Stream(
        name=name,
        topics=topics,
        terms=terms,
        reader=Reader(models, hasher.hash_ids, cells, partition_of=partition_of),
        ledger=Ledger(engine, StreamOfParts(name, parts, terms.pane), cells),
        quality=QualityCells(tuple(by_name.values()), cells.quality(""), by_name),
        parts=parts,
    )
