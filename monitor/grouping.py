"""Which cells belong to which group: every attribute set, everything served together and each version and arm.

Cells are full intersections, so a group of any attribute set is a sum of cells. Membership depends on the cells alone and
not on their sums, so it is worked out once per set of cells and kept (`grouping`); summing is then one pass over integers.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from monitor.estimates import Flags
from monitor.sums import Ints

Indices = NDArray[np.intp]

SERVED = ("live", "canary", "fallback")
"""The arms whose decisions reach people. Shadow decisions do not."""

FEW_SLOTS = 64
"""Layouts of more slots are histograms, whose bins are read side by side."""

TOGETHER = "*"
"""Version and arm of everything that is served."""


@dataclass(frozen=True, slots=True)
class CellInfo:
    """A cell: what its events have in common. `id` stands for all the rest (`monitor.cells.cell_id`)."""

    id: int
    version: str
    arm: str
    groups: Mapping[str, str]
    stratum: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shape:
    """What to group by. Pairs instead of mappings, so that it can be a key of the cache."""

    attribute_sets: tuple[tuple[str, ...], ...]
    per_version: bool = False
    declared: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Groups that are shown even without any event, per attribute."""
    references: tuple[tuple[str, str], ...] = ()
    excluded: frozenset[str] = frozenset()
    """Groups that take no part in disparities."""


@dataclass(frozen=True, slots=True)
class Group:
    """One group of people, in one slice of what is served."""

    version: str
    arm: str
    attribute_set: tuple[str, ...]
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """The groups, and what belongs to what. A *segment* is one attribute set in one slice: its groups are a partition."""

    groups: tuple[Group, ...]
    order: Indices
    """Positions of cells, group after group; a cell is in one group of every attribute set."""
    starts: Indices
    """Where in `order` each group with any cells begins."""
    filled: Indices
    """The groups that have any cells."""
    segments: Indices
    """(segments, most groups): groups by segment, filled up with -1. Everybody's own segments are not among them."""
    names: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Version, arm and attribute set of each segment."""
    segment: Indices
    """The segment of each group; -1 for everybody."""
    everybody: Indices
    """Per group: the group of everybody in its slice."""
    reference: Indices
    """Per segment: the group to compare with; -1 if none is configured or it has no cell."""
    compared: Flags
    """Per group: whether it takes part in disparities."""
    parts: tuple[Indices, Indices]
    """Sums that a reader can do: (totals, starts in members) and below, members; see `monitor.suppression`."""
    members: Indices
    factors: tuple[str, ...] = ()
    """The legitimate factors of the cells."""
    stratum: Indices = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    """The number of each cell's stratum."""
    strata: int = 1
    """How many there are."""

    def sum(self, matrix: Ints) -> Ints:
        """The sums of every group (rows as `groups`) from those of the cells; exact.

        Few slots lie column by column in memory, since metrics take them one by one.
        """
        slots = matrix.shape[1]
        out = np.zeros((slots, len(self.groups)), dtype=np.int64)
        if len(self.filled):
            columns = np.ascontiguousarray(matrix.T).take(self.order, axis=1)
            out[:, self.filled] = np.add.reduceat(columns, self.starts, axis=1)
        return out.T if slots <= FEW_SLOTS else np.ascontiguousarray(out.T)


def attribute_sets(attributes: Iterable[str], depth: int) -> tuple[tuple[str, ...], ...]:
    """Every attribute alone and all intersections of up to `depth`, each sorted by name; everybody, (), comes first."""
    names = sorted(set(attributes))
    return tuple(found for size in range(min(depth, len(names)) + 1) for found in combinations(names, size))


@dataclass(frozen=True, slots=True)
class _Cells:
    """Cells as a key: equal if their ids are, in order."""

    ids: tuple[int, ...]
    cells: Sequence[CellInfo] = field(compare=False)


def grouping(cells: Sequence[CellInfo], shape: Shape) -> Grouping:
    """The grouping of these cells; kept for the 64 sets of cells used last."""
    return _grouping(_Cells(tuple(cell.id for cell in cells), cells), shape)


@lru_cache(maxsize=64)
def _grouping(key: _Cells, shape: Shape) -> Grouping:
    builder = _Builder(key.cells, shape)
    for part in _slices(key.cells, shape.per_version):
        builder.add(part)
    return builder.build()


@dataclass(frozen=True, slots=True)
class _Slice:
    """What is looked at together: everything served, or one version and arm; `cells` are positions."""

    version: str
    arm: str
    cells: list[int]


def _slices(cells: Sequence[CellInfo], per_version: bool) -> list[_Slice]:
    """What is served together first, then each version and arm."""
    slices = [_Slice(TOGETHER, TOGETHER, [at for at, cell in enumerate(cells) if cell.arm in SERVED])]
    if per_version:
        found: dict[tuple[str, str], list[int]] = {}
        for at, cell in enumerate(cells):
            found.setdefault((cell.version, cell.arm), []).append(at)
        slices += [_Slice(*key, found[key]) for key in sorted(found)]
    return slices


class _Builder:
    """Collects the groups of slice after slice."""

    def __init__(self, cells: Sequence[CellInfo], shape: Shape) -> None:
        self.cells, self.shape = cells, shape
        self.declared, self.references = dict(shape.declared), dict(shape.references)
        self.groups: list[Group] = []
        self.belongs: list[list[int]] = []
        self.segments: list[list[int]] = []
        self.names: list[tuple[str, str, tuple[str, ...]]] = []
        self.segment: list[int] = []
        self.everybody: list[int] = []
        self.reference: list[int] = []
        self.found: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], int] = {}
        self.values: dict[str, list[str]] = {}

    def add(self, part: _Slice) -> None:
        """Add every group of one slice."""
        everybody = len(self.groups)
        self._group(Group(part.version, part.arm, (), {}), part.cells)
        for attributes in self.shape.attribute_sets:
            if attributes:
                self._segment(part, attributes)
        self.everybody += [everybody] * (len(self.groups) - everybody)

    def _segment(self, part: _Slice, attributes: tuple[str, ...]) -> None:
        rows: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        if len(attributes) == 1 and part.version == TOGETHER:
            rows |= {(value,): [] for value in self.declared.get(attributes[0], ())}
        keys = zip(*(self._values(name, part.cells) for name in attributes), strict=True)
        for at, key in zip(part.cells, keys, strict=True):
            rows[key].append(at)
        first = len(self.groups)
        for values in sorted(rows):
            group = Group(part.version, part.arm, attributes, dict(zip(attributes, values, strict=True)))
            self._group(group, rows[values], len(self.segments))
        self.names.append((part.version, part.arm, attributes))
        self.segments.append(list(range(first, len(self.groups))))
        wanted = tuple(self.references.get(name, "") for name in attributes)
        self.reference.append(self.found.get((part.version, part.arm, attributes, wanted), -1))

    def _values(self, attribute: str, cells: list[int]) -> list[str]:
        """The group of each of the cells."""
        if attribute not in self.values:
            self.values[attribute] = [cell.groups[attribute] for cell in self.cells]
        known = self.values[attribute]
        return [known[at] for at in cells]

    def _group(self, group: Group, cells: list[int], segment: int = -1) -> None:
        self.found[group.version, group.arm, group.attribute_set, tuple(group.values.values())] = len(self.groups)
        self.groups.append(group)
        self.belongs.append(cells)
        self.segment.append(segment)

    def build(self) -> Grouping:
        """The grouping of all that was added."""
        filled = [at for at, cells in enumerate(self.belongs) if cells]
        lengths = [len(self.belongs[at]) for at in filled]
        widest = max((len(groups) for groups in self.segments if groups), default=1)
        padded = np.full((len(self.segments), widest), -1, dtype=np.intp)
        for at, groups in enumerate(self.segments):
            padded[at, : len(groups)] = groups
        totals, starts, members = self._parts()
        factors, stratum, strata = codes([cell.stratum for cell in self.cells])
        return Grouping(
            groups=tuple(self.groups),
            order=_indices(cell for cells in self.belongs for cell in cells),
            starts=_indices(np.cumsum([0, *lengths[:-1]]) if lengths else ()),
            filled=_indices(filled),
            segments=padded,
            names=tuple(self.names),
            segment=_indices(self.segment),
            everybody=_indices(self.everybody),
            reference=_indices(self.reference),
            compared=np.array([not self.shape.excluded & set(g.values.values()) for g in self.groups]),
            parts=(totals, starts),
            members=members,
            factors=factors,
            stratum=stratum,
            strata=strata,
        )

    def _parts(self) -> tuple[Indices, Indices, Indices]:
        """Every total of which a reader sees all parts: each group by further attributes, and by version and arm."""
        lines: dict[tuple[int, tuple[str, ...] | None], list[int]] = {}
        known = dict.fromkeys(((), *self.shape.attribute_sets))
        coarser = {wide: [narrow for narrow in known if set(narrow) < set(wide)] for wide in known}
        for at, group in enumerate(self.groups):
            for narrow in coarser[group.attribute_set]:
                values = tuple(group.values[name] for name in narrow)
                total = self.found[group.version, group.arm, narrow, values]
                lines.setdefault((total, group.attribute_set), []).append(at)
            if group.version != TOGETHER and group.arm in SERVED:
                values = tuple(group.values[name] for name in group.attribute_set)
                total = self.found[TOGETHER, TOGETHER, group.attribute_set, values]
                lines.setdefault((total, None), []).append(at)
        lengths = [len(line) for line in lines.values()]
        starts = np.cumsum([0, *lengths[:-1]]) if lengths else ()
        return _indices(t for t, _ in lines), _indices(starts), _indices(at for line in lines.values() for at in line)


def codes(strata: Sequence[Mapping[str, str]]) -> tuple[tuple[str, ...], Indices, int]:
    """The factors, the number of each cell's stratum, and how many there are; without factors one."""
    factors = tuple(sorted({name for one in strata for name in one}))
    keys = [tuple(one.get(name, "") for name in factors) for one in strata]
    known = {key: number for number, key in enumerate(sorted(set(keys)))}  # whatever the order of the cells
    found = np.fromiter((known[key] for key in keys), dtype=np.intp, count=len(keys))
    return factors, found, max(len(known), 1)


def _indices(values: Iterable[int]) -> Indices:
    return np.fromiter(values, dtype=np.intp)
