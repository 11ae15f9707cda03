"""Where the detectors of some families stand in the arrays: one detector per group and watched bound, family after family."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.evidence.spec import Kind, Measure, Reference, Side, Spec, Tuning
from monitor.sums import Ints


@dataclass(frozen=True, slots=True)
class Layout:
    """F families of the same kind with D detectors in all; arrays are by detector unless said otherwise."""

    specs: tuple[Spec, ...]
    kind: Kind
    measure: Measure
    strata: int
    pane: int
    tuning: Tuning
    starts: Ints
    """(F,): the first detector of each family."""
    family: Ints
    column: Ints
    """The group, counted over all families."""
    low: Flags
    bound: Floats
    weight: Floats
    """Sums to 1 within a family; 0 for a reference group against itself."""
    judged: int
    """Detectors with a weight."""
    against: Ints
    """The column of the configured reference group; -1 for the others."""
    configured: bool
    """Whether each family has a configured reference group."""
    first: Ints
    """The column of the family's first group."""
    mode: tuple[str, ...]
    """(F,): `Reference`, or empty for a configured group."""

    overall: Flags | None
    """Which detectors compare with everybody; None if none does."""
    needed: Floats
    """(F,): evidence that a page needs (not its logarithm)."""
    recovery_needed: Floats
    """(F,): evidence that a resolve needs."""
    groups: Ints
    """The size of the family."""
    factor: Floats
    """(K, D): alternatives of a ratio (or odds) as parts of the bound, below it or above."""
    grid: Floats
    """(K, 1): alternatives of a ratio below its bound, as parts of it."""
    log_grid: Floats
    parts: tuple[tuple[slice, "Layout"], ...] = ()
    """Where there are many detectors: runs of them that fit a processor's cache, for what is done by detector."""

    @property
    def size(self) -> int:
        """D."""
        return len(self.family)

    @property
    def savings(self) -> float:
        """Panes of start mass that each family may save up."""
        return self.specs[0].savings

    @property
    def plain(self) -> bool:
        """Whether every family is a `plain_ratio` without strata (families that are `alike` all are or none is)."""
        return self.specs[0].plain_ratio and self.strata == 1

    @property
    def means(self) -> bool:
        """Whether panes are sums of bounded numbers, not counts."""
        return self.measure is Measure.MEAN

    @property
    def stakes(self) -> int:
        """K: alternatives of each detector."""
        return len(self.tuning.steps if self.kind is Kind.DIFFERENCE else self.tuning.grid)

    @property
    def nearest(self) -> int:
        """Which alternative is nearest to the bound."""
        tuning = self.tuning
        return int(np.argmin(tuning.steps) if self.kind is Kind.DIFFERENCE else np.argmax(tuning.grid))

    @property
    def mirrors(self) -> int:
        """Alternatives of each recovery detector."""
        return len(self.tuning.recovery_steps if self.kind is Kind.DIFFERENCE else self.tuning.recovery_grid)

    def sums(self, values: Floats) -> Floats:
        """Totals of each family, along the last axis."""
        return np.add.reduceat(values, self.starts, axis=-1)

    def group_sums(self, values: Floats) -> Floats:
        """Totals of each family over groups, along the last axis (groups of all families)."""
        return np.add.reduceat(values, self.first[self.starts], axis=-1)


def alike(spec: Spec) -> tuple[object, ...]:
    """Specs with equal values may share a layout."""
    return spec.kind, spec.measure, spec.strata, spec.pane, spec.tuning, spec.plain_ratio


@lru_cache(maxsize=256)
def layout_of(spec: Spec) -> Layout:
    """The layout of one family."""
    return lay_out((spec,))


def lay_out(specs: Sequence[Spec]) -> Layout:
    """The layout of families that are `alike`."""
    rows: list[tuple[int, int, bool, float, float, int, int]] = []
    starts, modes, first = [], [], 0
    for index, spec in enumerate(specs):
        starts.append(len(rows))
        against = first + spec.groups.index(spec.reference) if spec.reference in spec.groups else -1
        against = -1 if spec.kind is Kind.LEVEL else against
        modes.append("" if against >= 0 else str(spec.reference))
        judged = len(spec.groups) - (against >= 0)
        for side, bound in spec.sides:
            for group in range(len(spec.groups)):
                weight = 0.0 if first + group == against else 1.0 / (judged * len(spec.sides))
                rows.append((index, first + group, side is Side.LOW, bound, weight, against, first))
        first += len(spec.groups)
    family, column, low, bounds, weights, refs, firsts = (np.array(values) for values in zip(*rows, strict=True))
    overall = np.array([mode == Reference.OVERALL for mode in modes])[family]
    one = specs[0]
    grid = np.array(one.tuning.grid)[:, None]
    factor = np.where(low, grid, 1.0 / grid)
    layout = Layout(
        specs=tuple(specs),
        kind=one.kind,
        measure=one.measure,
        strata=one.strata,
        pane=one.pane,
        tuning=one.tuning,
        starts=np.array(starts),
        family=family,
        column=column,
        low=low,
        bound=bounds,
        weight=weights,
        judged=int(np.count_nonzero(weights)),
        against=refs,
        configured=bool((refs >= 0).all()),
        first=firsts,
        mode=tuple(modes),
        overall=overall if overall.any() else None,
        needed=np.exp(np.array([spec.needed for spec in specs])),
        recovery_needed=np.exp(np.array([spec.recovery_needed for spec in specs])),
        groups=np.array([len(spec.groups) for spec in specs])[family],
        factor=factor,
        grid=grid,
        log_grid=np.log(grid),
    )
    return replace(layout, parts=tuple(_cached(layout, at) for at in range(0, layout.size, CACHED)))


CACHED = 6000
"""Detectors that are reckoned together: their arrays leave a 1 MB cache, but of 512 to 16,384 this took least (2,048 a quarter more)."""


def _cached(layout: Layout, at: int) -> tuple[slice, Layout]:
    """Detectors from `at` on."""
    here = slice(at, at + CACHED)
    return here, part_of(layout, here)


def part_of(layout: Layout, here: slice | Ints) -> Layout:
    """Some detectors; what is by family is not cut."""
    return replace(
        layout,
        parts=(),
        family=layout.family[here],
        column=layout.column[here],
        low=layout.low[here],
        bound=layout.bound[here],
        weight=layout.weight[here],
        against=layout.against[here],
        first=layout.first[here],
        groups=layout.groups[here],
        factor=layout.factor[:, here],
        overall=None if layout.overall is None else layout.overall[here],
    )
