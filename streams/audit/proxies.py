"""Which columns of a file predict a protected attribute."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from monitor.associations import Association, association, crossed
from monitor.config import UNKNOWN
from streams.audit.proposing import FEW_NUMBERS
from streams.audit.reading import Codes, Column

QUANTILES = 10
"""Bins of a column of numbers."""
MOST_LEVELS = 50
"""Of a column of texts; what is rarer is one level together."""
SEED = 20_261_122
"""Of the resampling, with the names of attribute and column: the same columns give the same intervals, whatever is beside."""

IDENTIFIES = "nearly every row has a value of its own: an identifier"
CONSTANT = "one value only"
TOO_FEW = "too few rows for so many values and groups"


@dataclass(frozen=True, slots=True)
class Proxy:
    """What one column tells about one attribute; without `found` a reason why nothing can be said."""

    attribute: str
    column: str
    kind: str
    """`levels` or `quantiles`."""
    levels: int
    found: Association | None
    reason: str = ""


def proxies(
    attribute: str,
    groups: tuple[Codes, Sequence[str]],
    columns: Sequence[Column],
    tell: Callable[[str], None] = lambda _: None,
) -> list[Proxy]:
    """The columns by how much they tell about an attribute, the most telling first. `unknown` groups are left out."""
    codes, names = groups
    known = np.where(codes == list(names).index(UNKNOWN), -1, codes) if UNKNOWN in names else codes
    found = []
    for column in columns:
        tell(f"{column.name} against {attribute}")
        draws = np.random.default_rng([SEED, crc32(f"{attribute}\0{column.name}".encode())])
        found.append(_proxy(attribute, (known, len(names)), column, draws))
    return sorted(found, key=lambda one: (-one.found.cramers_v.value if one.found else 1.0, one.column))


def _proxy(attribute: str, groups: tuple[Codes, int], column: Column, draws: np.random.Generator) -> Proxy:
    kind = "quantiles" if column.numeric and len(column.values) > FEW_NUMBERS else "levels"
    if kind == "levels" and len(column.values) > max(MOST_LEVELS, (len(column.codes) - column.nulls) // 2):
        return Proxy(attribute, column.name, kind, len(column.values), None, IDENTIFIES)
    levels, count = _quantiles(column) if kind == "quantiles" else _levels(column)
    table = crossed(levels, groups[0], (count, groups[1]))
    found = association(table, draws)
    used = int((table.sum(axis=1) > 0).sum())
    why = CONSTANT if used < 2 else TOO_FEW
    return Proxy(attribute, column.name, kind, used, found, "" if found else why)


def _levels(column: Column) -> tuple[Codes, int]:
    """The commonest values, the rest together, and null as a level: that a value is missing may tell too."""
    order = np.argsort(-column.counts, kind="stable")
    place = np.full(len(column.values), MOST_LEVELS, dtype=np.int32)
    place[order[:MOST_LEVELS]] = np.arange(min(len(order), MOST_LEVELS), dtype=np.int32)
    return column.gather(place, MOST_LEVELS + 1).astype(np.int32), MOST_LEVELS + 2


def _quantiles(column: Column) -> tuple[Codes, int]:
    """Tenths of the rows, by value; equal values stay together."""
    values = np.array(column.values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    rank = np.empty(len(values), dtype=np.int64)
    below = np.cumsum(column.counts[order]) - column.counts[order] / 2.0
    rank[order] = np.minimum(below * QUANTILES // max(int(column.counts.sum()), 1), QUANTILES - 1).astype(np.int64)
    return column.gather(rank.astype(np.int32), QUANTILES).astype(np.int32), QUANTILES + 1
