"""A stream at run time: one pair of topics with the models that use it, its reader and its ledger."""

from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from monitor.cells import Cells
from monitor.reader import Reader
from monitor.terms import Terms
from streams import settings
from streams.broker import partition_of
from streams.hashing import IdHasher
from streams.ledger import Ledger, StreamOfParts
from streams.session import QualityCells


@dataclass(frozen=True, slots=True)
class Stream:
    """One pair of topics, with everything that its partitions share."""

    name: str
    topics: tuple[str, str]
    """Predictions, outcomes."""
    terms: Terms
    reader: Reader
    ledger: Ledger
    quality: QualityCells
    parts: int
    """Partitions of each topic."""


def open_stream(of: settings.Stream, parts: int, engine: sa.Engine, hasher: IdHasher, retention: int) -> Stream:
    """The configured stream on topics of `parts` partitions; panes are kept for `retention` ms."""
    cells = Cells()
    quality = {model.name: cells.quality(model.name) for model in of.models}
    return Stream(
        name=of.name,
        topics=(of.predictions, of.outcomes),
        terms=of.terms,
        reader=Reader(of.models, hasher.hash_ids, cells, retention, partial(partition_of, parts=parts)),
        ledger=Ledger(engine, StreamOfParts(of.name, parts, of.terms.pane, of.terms.delay), cells),
        quality=QualityCells(tuple(quality.values()), cells.quality(""), quality),
        parts=parts,
    )
