"""Tallies: numerator, count and variance per metric and group, and the estimates that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from monitor.estimates import MEASURED, UNDEFINED, Estimates, Flags, Floats
from monitor.intervals import mean_interval, wilson
from monitor.sums import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Numerator and count per group; the variance of one event (with n - 1), or None where n and numerator imply it.

    None stands for an event in [0, 1]: exactly p(1 - p) for yes or no, and at most that for a score.
    """

    numerator: Floats
    n: Ints
    variance: Floats | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What a row of a table is of: the metric, what its `n` counts, and why it is undefined whatever the counts."""

    metric: str
    denominator: str
    barred: str = ""


@dataclass(frozen=True, eq=False)
class Table:
    """Tallies of metrics (rows) over groups (columns).

    `variance` is NaN in the rows where `bounded` holds (`Tally.variance` None) and below two events.
    """

    rows: tuple[Row, ...]
    numerator: Floats
    n: Ints
    variance: Floats
    bounded: Flags
    """Per row."""

    @classmethod
    def of(cls, rows: Sequence[Row], tallies: Sequence[Tally]) -> "Table":
        """The table of these tallies, one a row, all over the same groups."""
        return cls(
            rows=tuple(rows),
            numerator=np.stack([t.numerator for t in tallies]),
            n=np.stack([t.n for t in tallies]),
            variance=np.stack([np.full(t.n.shape, np.nan) if t.variance is None else t.variance for t in tallies]),
            bounded=np.array([t.variance is None for t in tallies]),
        )

    @cached_property
    def value(self) -> Floats:
        """Numerator over n; NaN where n is 0."""
        with np.errstate(all="ignore"):
            return self.numerator / np.where(self.n > 0, self.n, np.nan)

    @property
    def barred(self) -> Flags:
        """Per row: undefined whatever the counts."""
        return np.array([bool(row.barred) for row in self.rows])

    def columns(self, at: Any) -> "Table":
        """The same metrics over other columns: `at` is one index array per row, (rows, columns)."""
        row = np.arange(len(self.rows))[:, None]
        return Table(self.rows, self.numerator[row, at], self.n[row, at], self.variance[row, at], self.bounded)

    def only(self, row: int) -> "Table":
        """One metric alone, over the same groups."""
        at = slice(row, row + 1)
        return Table(self.rows[at], self.numerator[at], self.n[at], self.variance[at], self.bounded[at])

    def estimates(self, confidence: float) -> Estimates:
        """The estimate of every metric and group, with Wilson's or Student's interval."""
        value, low, high = self.value, np.full(self.n.shape, np.nan), np.full(self.n.shape, np.nan)
        some = self.bounded
        low[some], high[some] = wilson(self.numerator[some], self.n[some], confidence)
        low[~some], high[~some] = mean_interval(value[~some], self.variance[~some], self.n[~some], confidence)
        undefined = (self.n == 0) | self.barred[:, None]
        reasons = ("", *(row.barred or f"no {row.denominator}" for row in self.rows))
        blank = np.where(undefined, np.nan, 1.0)
        return Estimates(
            value=value * blank,
            n=self.n,
            numerator=self.numerator,
            denominator=self.n.astype(np.float64),
            low=low * blank,
            high=high * blank,
            state=np.where(undefined, UNDEFINED, MEASURED).astype(np.int8),
            reason=np.where(undefined, np.arange(1, len(self.rows) + 1)[:, None], 0).astype(np.int16),
            reasons=reasons,
        )
