"""The points of the year, tier by tier as the service keeps them: minutes a week, hours ninety days, days all year."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from monitor.tables import series
from monitor.windows import DAY, HOUR, MINUTE, Window
from tests.year.copying import Batch, Columns, insert
from tests.year.world import END, LAYOUT, SETS, START, Drawn, Groups, Ints, Model, draw

POINTS = Columns(
    "fairdrift.points",
    {
        "tier": "text", "series": "int4", "window_seconds": "int4", "window_end": "time", "revision": "int2", "state": "text",
        "value": "float8", "ci_low": "float8", "ci_high": "float8", "n": "int8", "numerator": "float8",
        "denominator": "float8", "label_coverage": "float8", "lower_group": "jsonb", "higher_group": "jsonb",
        "reason": "text", "computed_at": "time", "superseded_at": "time", "config_version": "text",
        "detectable": "float8", "reversed": "bool",
    },
)  # fmt: skip

DECISIONS, LABELS = "selection_rate", "true_positive_rate"
STRATUM: Groups = (("region", "*"),)
FEWEST = 10
"""Smaller groups are suppressed."""
REVISED_DAYS = 60
"""For so long back the labels of a day came in two steps, and the first reading was revised."""
COVERAGE = 0.62
SIMULTANEOUS = 3.5
"""Half an interval over all pairs of groups, in standard errors; 1.96 would be that of one pair."""

Rows = tuple[Batch, int]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of the year is written: which windows (seconds), and for how many models the finer tiers.

    `minute_models` and `hour_models`: for so many models, the first ones; the others have a point a day of the 24-hour window.
    """

    models: int = 10
    windows: tuple[int, ...] = (3_600, 86_400)
    hour_models: int = 2
    hour_days: int = 10
    minute_models: int = 1
    minute_days: float = 0.25


FULL = Extent(10, (3_600, 86_400, 604_800, 2_592_000), 10, 90, 2, 7)
"""What ten models with one metric by decisions and one by labels leave behind in a year; minutes of two of them, hour window and
longer."""


def ends(extent: Extent, model: Model, seconds: int) -> Iterator[tuple[str, Ints]]:
    """(tier, ends in ms) of the stored points of one window, as retention leaves them at the end of the year."""
    step = Window(seconds * 1000, MINUTE).step
    grid = np.arange(START // DAY * DAY + DAY, END + 1, DAY, dtype=np.int64)
    if seconds == 86_400 or model.number < extent.hour_models:
        yield "day", grid
    if model.number < extent.hour_models:
        hours = np.arange(END // DAY * DAY - extent.hour_days * DAY, END + 1, max(step, HOUR), dtype=np.int64)
        hours = hours[(hours % step == 0) & (hours % HOUR == 0)]
        yield "hour", hours[hours % DAY != 0]
    if model.number < extent.minute_models and step < HOUR:
        first = int(END - extent.minute_days * DAY) // step * step
        minutes = np.arange(first, END + 1, step, dtype=np.int64)
        yield "minute", minutes[minutes % HOUR != 0]


class Book:
    """Series and their numbers, which are written after the points."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, object]] = {}

    def id(self, **fields: object) -> int:
        """The number of a series."""
        identity = json.dumps(fields, sort_keys=True)
        if identity not in self.rows:
            self.rows[identity] = {"id": len(self.rows) + 1, "stratum": {}, "group_values": {}} | fields
        return int(str(self.rows[identity]["id"]))

    def write(self, connection: sa.Connection) -> None:
        """Write the series, and let the service's own numbers begin behind them."""
        insert(connection, series, list(self.rows.values()))
        connection.execute(
            sa.text("select setval(pg_get_serial_sequence('fairdrift.series', 'id'), max(id)) from fairdrift.series")
        )


@dataclass(slots=True)
class Writer:
    """Makes the rows of one model's points. `version`: of the configuration."""

    book: Book
    model: Model
    version: str

    def everything(self, extent: Extent) -> Iterator[Rows]:
        """All points of the model."""
        for seconds in extent.windows:
            for tier, at in ends(extent, self.model, seconds):
                yield from self._window(seconds, tier, at)
        for version, since in self.model.versions:
            at = np.arange(max(since, START) // DAY * DAY + DAY, END + 1, DAY, dtype=np.int64)
            yield from self._of_version(version, at)

    def _window(self, seconds: int, tier: str, at: Ints) -> Iterator[Rows]:
        decided = draw(self.model, at, seconds * 1000, 1)
        yield from self._groups(decided, DECISIONS, tier, seconds, range(len(LAYOUT.groups)))
        for names in SETS[1:]:
            yield from self._compared(decided, DECISIONS, tier, seconds, names)
        yield from self._stratified(decided, tier, seconds)
        if seconds == 86_400:
            labelled = draw(self.model, at, seconds * 1000, 2)
            numbers = [*LAYOUT.of(()), *LAYOUT.of(("sex",))]
            for basis in ("outcome", "decision"):
                yield from self._groups(labelled, LABELS, tier, seconds, numbers, basis)
                yield from self._compared(labelled, LABELS, tier, seconds, ("sex",), basis)

    def _of_version(self, version: str, at: Ints) -> Iterator[Rows]:
        drawn = draw(self.model, at, DAY, 3)
        numbers = [*LAYOUT.of(()), *LAYOUT.of(("sex",))]
        yield from self._groups(drawn, DECISIONS, "day", 86_400, numbers, version=version)
        yield from self._compared(drawn, DECISIONS, "day", 86_400, ("sex",), version=version)

    def _series(self, version: str, **fields: object) -> int:
        arm = "*" if version == "*" else "live"
        return self.book.id(model=self.model.name, version=version, arm=arm, **fields)

    def _groups(
        self, drawn: Drawn, metric: str, tier: str, seconds: int, numbers: Sequence[int], basis: str = "decision",
        version: str = "*",
    ) -> Iterator[Rows]:  # fmt: skip
        restated = (metric, basis) == (LABELS, "decision")
        for number in numbers:
            names, group = LAYOUT.groups[number]
            id = self._series(
                kind="group", attribute_set=list(names), group_values=dict(group), metric=metric, time_basis=basis,
                version=version,
            )  # fmt: skip
            n, favourable = drawn.n[:, number], drawn.favourable[:, number]
            shown = n >= FEWEST
            rate = favourable / np.maximum(n, 1)
            half = 1.96 * np.sqrt(rate * (1 - rate) / np.maximum(n, 1))
            figures = {
                "value": rate, "ci_low": np.maximum(rate - half, 0), "ci_high": np.minimum(rate + half, 1),
                "numerator": favourable, "denominator": n,
            } | ({"label_coverage": _coverage(drawn.ends)} if restated else {})  # fmt: skip
            base = self._base(id, tier, seconds, "measured")
            yield from self._revised(
                base, drawn.ends[shown], {k: v[shown] for k, v in figures.items()}, n[shown], restated
            )
            hidden = drawn.ends[~shown]
            yield self._rows(self._base(id, tier, seconds, "suppressed"), hidden, {"n": 0})

    def _compared(
        self, drawn: Drawn, metric: str, tier: str, seconds: int, names: tuple[str, ...], basis: str = "decision",
        version: str = "*", stratum: Groups = (),
    ) -> Iterator[Rows]:  # fmt: skip
        numbers = np.array(LAYOUT.of(names))
        n = drawn.n[:, numbers]
        rates = np.where(n >= FEWEST, drawn.favourable[:, numbers] / np.maximum(n, 1), np.nan)
        enough = (~np.isnan(rates)).sum(axis=1) > 1
        rates, n, at = rates[enough], n[enough], drawn.ends[enough]
        low, high = np.nanargmin(rates, axis=1), np.nanargmax(rates, axis=1)
        rows = np.arange(len(at))
        least, most = rates[rows, low], rates[rows, high]
        error = np.sqrt(
            (1 - least) / np.maximum(least * n[rows, low], 1) + (1 - most) / np.maximum(most * n[rows, high], 1)
        )
        labels = np.array([json.dumps(dict(LAYOUT.groups[number][1])) for number in numbers])
        for aggregate in ("ratio", "difference"):
            id = self._series(
                kind="disparity", attribute_set=list(names), metric=metric, aggregate=aggregate, method="between_groups",
                time_basis=basis, version=version, stratum=dict(stratum),
            )  # fmt: skip
            value = least / most if aggregate == "ratio" else most - least
            half = SIMULTANEOUS * error * (np.maximum(value, 0.5) if aggregate == "ratio" else most)
            figures = {
                "value": value, "ci_low": value - half, "ci_high": value + half, "lower_group": labels[low],
                "higher_group": labels[high], "detectable": np.full(len(at), 0.9 if aggregate == "ratio" else 0.05),
            }  # fmt: skip
            base = self._base(id, tier, seconds, "measured")
            if stratum:
                base |= {"reversed": False}
            yield from self._revised(base, at, figures, n.sum(axis=1), (metric, basis) == (LABELS, "decision"))
            yield self._rows(
                self._base(id, tier, seconds, "undefined"), drawn.ends[~enough], {"n": 0, "reason": "too few"}
            )

    def _stratified(self, drawn: Drawn, tier: str, seconds: int) -> Iterator[Rows]:
        """By sex within regions: half of what the raw gap is above parity is explained by them."""
        women, men = LAYOUT.of(("sex",))
        favourable = drawn.favourable.copy()
        gap = favourable[:, men] / np.maximum(drawn.n[:, men], 1) - favourable[:, women] / np.maximum(
            drawn.n[:, women], 1
        )
        favourable[:, women] += (gap / 4 * drawn.n[:, women]).astype(np.int64)
        yield from self._compared(
            Drawn(drawn.ends, drawn.n, favourable), DECISIONS, tier, seconds, ("sex",), stratum=STRATUM
        )

    def _base(self, id: int, tier: str, seconds: int, state: str) -> dict[str, object]:
        return {
            "tier": tier, "series": id, "window_seconds": seconds, "revision": 0, "state": state, "config_version": self.version,
        }  # fmt: skip

    def _revised(
        self, base: dict[str, object], at: Ints, figures: dict[str, NDArray[Any]], n: Ints, restated: bool
    ) -> Iterator[Rows]:
        """The rows; where labels came late, of the last days also the first reading, superseded a day later."""
        late = ((at > END - REVISED_DAYS * DAY) & (at <= END - DAY)) if restated else np.zeros(len(at), dtype=bool)
        yield self._rows(base, at[~late], {"n": n[~late]} | {k: v[~late] for k, v in figures.items()})
        first = {k: v[late] for k, v in figures.items()} | {
            "n": n[late] // 2 + 1,
            "value": figures["value"][late] * 0.98,
        }
        yield self._rows(base, at[late], first | {"superseded_at": at[late] + DAY})
        again = {k: v[late] for k, v in figures.items()} | {"n": n[late], "revision": 1, "computed_at": at[late] + DAY}
        yield self._rows(base, at[late], again)

    def _rows(self, base: dict[str, object], at: Ints, more: dict[str, object]) -> Rows:
        return base | {"window_end": at, "computed_at": at + 1500} | more, len(at)


def _coverage(at: Ints) -> NDArray[np.float64]:
    """Share of decisions with a label: labels of the last thirty days are still coming in."""
    return COVERAGE * np.clip((END - at) / (30 * DAY), 0.02, 1.0)
