"""A stream at run time: one pair of topics with the models that use it, its reader and its ledger."""

from dataclasses import dataclass

import sqlalchemy as sa

from monitor.cells import Cells
from monitor.reader import Reader
from monitor.terms import Terms
from streams import settings
from streams.hashing import IdHasher
from streams.ledger import Ledger, StreamOfParts
from streams.reading_process import Recipe
from streams.session import QualityCells


@dataclass(frozen=True, slots=True)
class Stream:
    """One pair of topics, with everything that its partitions share."""

    name: str
    topics: tuple[str, str]
    """Predictions, outcomes."""
    terms: Terms
    cells: Cells
    reader: Reader
    recipe: Recipe
    """What another process makes the same reader of."""
    ledger: Ledger
    quality: QualityCells
    parts: int
    """Partitions of each topic."""


def open_stream(of: settings.Stream, parts: int, engine: sa.Engine, hasher: IdHasher, retention: int) -> Stream:
    """The configured stream on topics of `parts` partitions; panes are kept for `retention` ms."""
    cells = Cells()
    recipe = Recipe(of.models, hasher, retention, parts)
    quality = {model.name: cells.quality(model.name) for model in of.models}
    topics = StreamOfParts(of.name, parts, of.terms.pane, of.terms.delay, tuple(model.name for model in of.models))
    return Stream(
        name=of.name,
        topics=(of.predictions, of.outcomes),
        terms=of.terms,
        cells=cells,
        reader=recipe.reader(cells),
        recipe=recipe,
        ledger=Ledger(engine, topics, cells),
        quality=QualityCells(tuple(quality.values()), cells.quality(""), quality),
        parts=parts,
    )
