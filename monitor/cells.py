"""Cells: the full intersection in which a decision is counted, and how raw attributes become groups.

A cell is (model, version, arm, cell schema, group of every protected attribute, level of every factor). Its id is a
hash of all that, so that every worker and every replay gives the same one without asking a database. The *cell schema* is
a hash of everything that changes what a cell's numbers mean: attributes, bins, factors, decision and label rules, units.
"""

import hashlib
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from monitor.config import OTHER, UNKNOWN, GroupingConfig, ModelConfig
from monitor.sections import text_of

EVERYTHING = "*"
"""Version and arm of what is not told apart by them; no event may have it."""
QUALITY_SCHEMA = "quality"

Groups = tuple[tuple[str, str], ...]
"""(attribute, group) pairs, sorted by attribute."""
Grouper = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell and its id."""

    id: int
    model: str
    version: str
    arm: str
    cell_schema: str
    groups: Groups
    stratum: Groups


def stable_id(parts: Any) -> int:
    """A positive 63-bit integer from JSON-able parts: blake2b of their JSON with sorted keys, the same everywhere."""
    body = msgspec.json.encode(parts, order="deterministic")
    return int.from_bytes(hashlib.blake2b(body, digest_size=8).digest()) >> 1


def cell_id(  # noqa: PLR0913 - the six parts of the identity
    model: str, version: str, arm: str, cell_schema: str, groups: Mapping[str, str], stratum: Mapping[str, str]
) -> int:
    """The id of a cell: a function of nothing but these."""
    return stable_id([model, version, arm, cell_schema, groups, stratum])


def variant_id(version: str, arm: str) -> int:
    """The id of a (version, arm): with model and id it identifies a prediction."""
    return stable_id([version, arm])


def cell_schema(model: ModelConfig) -> str:
    """The hash of what gives the numbers of a cell their meaning. References, windows and metrics do not."""
    body = {
        "attributes": {name: _grouping(given) for name, given in model.attributes.items()},
        "factors": {name: _grouping(given) for name, given in model.factors.items()},
        "decision": model.decision.model_dump(mode="json"),
        "outcome": model.outcome.model_dump(mode="json"),
        "value": model.value.model_dump(mode="json"),
    } | ({"classes": list(model.classes)} if model.classes else {})
    weighed = {"weights": model.weight_unit} if model.weight_unit is not None else {}
    return hashlib.blake2b(msgspec.json.encode(body | weighed, order="deterministic"), digest_size=6).hexdigest()


def _grouping(given: GroupingConfig) -> dict[str, Any]:
    return {"values": {g: sorted(v) for g, v in given.values.items()}, "bins": given.bins, "names": given.groups}


def grouper(given: GroupingConfig) -> Grouper:
    """A function from a raw JSON value to its group: declared, `other`, or `unknown` for null."""
    return _binner(given) if given.bins else _declared(given)


def _declared(given: GroupingConfig) -> Grouper:
    groups = {raw: group for group, values in given.values.items() for raw in values}

    def group(raw: Any) -> str:
        if isinstance(raw, str):
            return groups.get(raw, OTHER)
        if raw is None:
            return UNKNOWN
        return groups.get(text_of(raw), OTHER) if isinstance(raw, bool | int | float) else OTHER

    return group


def _binner(given: GroupingConfig) -> Grouper:
    edges, names = list(given.bins), given.groups

    def group(raw: Any) -> str:
        if raw is None:
            return UNKNOWN
        if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
            return OTHER
        return names[bisect_right(edges, raw)]

    return group


class Binner:
    """Raw attributes and factors of one model to groups."""

    def __init__(self, model: ModelConfig) -> None:
        self.schema = cell_schema(model)
        self._attributes = [(name, grouper(model.attributes[name])) for name in sorted(model.attributes)]
        self._factors = [(name, grouper(model.factors[name])) for name in sorted(model.factors)]

    def groups(self, attributes: Mapping[str, Any]) -> Groups:
        """The group of every protected attribute; what is not configured is not looked at."""
        return tuple([(name, group(attributes.get(name))) for name, group in self._attributes])

    def stratum(self, factors: Mapping[str, Any]) -> Groups:
        """The level of every configured factor."""
        return tuple([(name, group(factors.get(name))) for name, group in self._factors])


class Cells:
    """The cells that this process has met. Rows of cells are written when a commit first needs them: see `unsaved`."""

    def __init__(self) -> None:
        self._by_id: dict[int, Cell] = {}
        self._by_identity: dict[tuple[str, str, str, str, Groups, Groups], int] = {}
        self._saved: set[int] = set()

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, id: int) -> bool:
        return id in self._by_id

    def __getitem__(self, id: int) -> Cell:
        return self._by_id[id]

    def id(  # noqa: PLR0913 - the six parts of the identity
        self, model: str, version: str, arm: str, schema: str, groups: Groups, stratum: Groups = ()
    ) -> int:
        """The id of a cell, which is remembered from now on."""
        identity = (model, version, arm, schema, groups, stratum)
        known = self._by_identity.get(identity)
        if known is None:
            known = cell_id(model, version, arm, schema, dict(groups), dict(stratum))
            self._by_identity[identity] = known
            self._by_id[known] = Cell(known, *identity)
        return known

    def add(self, cells: Iterable[Cell]) -> None:
        """Remember cells that another process has met."""
        for cell in cells:
            self.id(cell.model, cell.version, cell.arm, cell.cell_schema, cell.groups, cell.stratum)

    def since(self, count: int) -> list[Cell]:
        """The cells that were met after the first `count`, in order."""
        return list(islice(self._by_id.values(), count, None))

    def quality(self, model: str) -> int:
        """The cell that counts what happened to a model's records; model "" for those whose model is unknown."""
        return self.id(model, EVERYTHING, EVERYTHING, QUALITY_SCHEMA, ())

    def unsaved(self, ids: Iterable[int]) -> list[Cell]:
        """Which of these cells no commit of this process is known to have written."""
        return [self._by_id[id] for id in dict.fromkeys(ids) if id not in self._saved]

    def saved(self, ids: Iterable[int]) -> None:
        """A commit went through that wrote (or found) the rows of these cells."""
        self._saved.update(ids)
