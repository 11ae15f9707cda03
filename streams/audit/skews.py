"""Skewed labels of a file: every group's against everybody else's, and within strata of the factors."""

from dataclasses import dataclass

import numpy as np

from monitor.config import UNKNOWN
from monitor.label_skew import LabelSkew, label_skew
from streams.audit.counting import Rows


@dataclass(frozen=True, slots=True)
class Skew:
    """The labels of one group against everybody else's."""

    attribute: str
    group: str
    found: LabelSkew


def skews(rows: Rows) -> list[Skew]:
    """The labels of every group against everybody else's; none where there are no labels, or nobody else."""
    known = rows.label >= 0
    if not known.any():
        return []
    stratum = _stratum(rows)
    found = []
    for attribute, codes in rows.groups.items():
        names = rows.names[attribute]
        told = known & (codes != list(names).index(UNKNOWN))
        for place in sorted(set(codes[told].tolist())):
            inside = told & (codes == place)
            counts = [np.bincount(1 - rows.label[part], minlength=2) for part in (inside, told & ~inside)]
            if not (told & ~inside).any():
                continue  # there is no rest
            strata = None if stratum is None else _strata(stratum[told], inside[told], rows.label[told])
            found.append(Skew(attribute, names[place], label_skew(counts[0], counts[1], (True, False), strata)))
    return found


def _stratum(rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
    if not rows.factors:
        return None
    code = np.zeros(len(rows), dtype=np.int64)
    for name, codes in sorted(rows.factors.items()):
        code = code * len(rows.names[name]) + codes
    return np.unique(code, return_inverse=True)[1].astype(np.int64)


def _strata(
    stratum: np.ndarray[tuple[int], np.dtype[np.int64]],
    inside: np.ndarray[tuple[int], np.dtype[np.bool_]],
    label: np.ndarray[tuple[int], np.dtype[np.int32]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """S x 2 x 2: counts by stratum, by (group, rest), by (positive, not)."""
    flat = (stratum * 2 + ~inside) * 2 + (1 - label)
    strata = int(stratum.max()) + 1
    return np.bincount(flat, minlength=strata * 4).reshape(strata, 2, 2).astype(np.int64)
