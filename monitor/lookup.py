"""From the raw bytes of attributes and factors to a cell, remembering the answers.

Most events of a model have attributes that were met before, byte for byte; they cost one look into a dictionary. The
others are decoded and binned. A model with a continuous attribute has new bytes in nearly every event, so what is
remembered is bounded and dropped whole when it is full.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.cells import EVERYTHING, Binner, Cells, Groups, variant_id
from monitor.config import ModelConfig
from monitor.decoding.faults import ERRORS, fault
from monitor.events import ATTRIBUTES, VERSION_LENGTH, Reason

REMEMBERED = 100_000
"""Most remembered keys."""
LONGEST = 2048
"""Longer attributes are not remembered, so that what is remembered stays below some hundred MB whatever is sent."""

Key = tuple[str | None, str | None, bytes, bytes]
"""Version, arm, attributes, factors, as they came."""
Fault = tuple[Reason, str]
Longs = NDArray[np.int64]

_fields = msgspec.json.Decoder(dict[str, Any] | None).decode


class CellLookup(dict[Key, int]):
    """Key -> row of the tables `cell` and `variant`, or, for what cannot be read, -1 - the place in `faults`."""

    def __init__(self, model: ModelConfig, cells: Cells) -> None:
        super().__init__()
        self._model, self._cells, self._binner = model.name, cells, Binner(model)
        self._rows: dict[tuple[str, str, Groups, Groups], int] = {}
        self._cell: list[int] = []
        self._variant: list[int] = []
        self._tables: tuple[Longs, Longs] = (np.empty(0, np.int64), np.empty(0, np.int64))
        self.faults: list[Fault] = []

    def columns(self, keys: Iterable[Key], count: int) -> tuple[Longs, Longs, Longs]:
        """Cell and variant of each key, and the row: negative where there is none."""
        if len(self) > REMEMBERED:
            self.clear()
        rows = np.fromiter(map(self.__getitem__, keys), np.int64, count)
        if len(self._tables[0]) < len(self._cell):
            self._tables = np.array(self._cell, np.int64), np.array(self._variant, np.int64)
        cell, variant = self._tables
        if not len(cell):
            return np.zeros(count, np.int64), np.zeros(count, np.int64), rows
        at = rows if rows.min(initial=0) >= 0 else np.maximum(rows, 0)
        return cell[at], variant[at], rows

    def __missing__(self, key: Key) -> int:
        try:
            row = self._row(*key)
        except _Invalid as invalid:
            row = self._fault(invalid.fault)
        if len(key[2]) + len(key[3]) <= LONGEST:
            self[key] = row
        return row

    def _row(self, version: str | None, arm: str | None, attributes: bytes, factors: bytes) -> int:
        version, arm = version or "", arm or "live"
        if version == EVERYTHING or len(version) > VERSION_LENGTH or not version.isprintable():
            raise _Invalid(
                Reason.BAD_VERSION, f"`version` must be up to {VERSION_LENGTH} printable characters, and not *"
            )
        groups = self._binner.groups(_object("attributes", attributes))
        stratum = self._binner.stratum(_object("factors", factors))
        identity = (version, arm, groups, stratum)
        row = self._rows.get(identity)
        if row is None:
            row = self._rows[identity] = len(self._cell)
            self._cell.append(self._cells.id(self._model, version, arm, self._binner.schema, groups, stratum))
            self._variant.append(variant_id(version, arm))
        return row

    def _fault(self, fault: Fault) -> int:
        if fault not in self.faults:
            self.faults.append(fault)
        return -1 - self.faults.index(fault)


class _Invalid(Exception):
    """Attributes, factors or a version that cannot be read."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.fault = (reason, detail)


def _object(field: str, raw: bytes) -> dict[str, Any]:
    """The decoded object of a field; absent and null are empty."""
    if not raw:
        return {}
    try:
        found = _fields(raw) or {}
    except ERRORS as error:
        reason, _ = fault(error)
        detail = f"`{field}` must be an object" if raw.lstrip()[:1] != b"{" else f"a value in `{field}` cannot be read"
        raise _Invalid(reason, detail) from None
    if len(found) > ATTRIBUTES:
        raise _Invalid(Reason.TOO_MANY_ATTRIBUTES, f"`{field}` has more than {ATTRIBUTES} entries")
    return found
