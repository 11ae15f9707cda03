"""Suppression: what must not be shown because few people stand behind it, and what must go with it.

A count below the minimum is withheld (*primary*). If it is the only one withheld of a line whose total is shown, a reader
gets it back by subtraction; so another of the line goes too (*complementary*), the smallest, and again until no line can
be undone: none with one member (or the total) withheld, none whose withheld members together stay below the minimum.
Lines are every total that a reader sees all parts of: everybody by sex, women by education, a group by version.

What this does not do: solve several lines against each other (that takes a linear programme), or compare windows and
moments with each other. It is for display; rules judge what was counted.

Source: Hundepool et al., *Statistical Disclosure Control* (Wiley 2012), chapter 4.
"""

from typing import Any

import numpy as np

from monitor.estimates import Flags
from monitor.grouping import Grouping
from monitor.sums import Ints

TOO_FEW = "fewer than {minimum}"
"""The reason of an estimate that is withheld for itself."""

PROTECTS = "withheld so that a smaller group cannot be computed from it"
"""The reason of an estimate that is withheld for another's sake."""


def too_few(n: Ints, minimum: int) -> Flags:
    """Which counts are withheld for themselves: 1 to minimum - 1. None is no secret: an empty group is nobody."""
    return (n > 0) & (n < minimum)


def withheld(n: Ints, minimum: int, grouping: Grouping) -> Flags:
    """Which of the counts (metrics, groups) must not be shown, primary and complementary."""
    hidden = too_few(n, minimum)
    if not hidden.any() or not len(grouping.members):
        return hidden
    for row in range(len(hidden)):
        if hidden[row].any():
            _complete(hidden[row], n[row], minimum, grouping)
    return hidden


def _complete(hidden: Flags, n: Ints, minimum: int, grouping: Grouping) -> None:
    """Withhold more, in place, until no line gives a count away, or nothing is left to withhold."""
    (totals, starts), members = grouping.parts, grouping.members
    lines = np.split(members, starts[1:])
    while True:
        secret = np.add.reduceat(np.where(hidden[members], n[members], 0), starts)
        parts = np.add.reduceat((hidden[members] & (n[members] > 0)).astype(np.int64), starts)
        given_away = np.flatnonzero((n[totals] > 0) & _given_away(parts, secret, hidden[totals], minimum))
        before = int(hidden.sum())
        for at in given_away.tolist():
            line, total = lines[at], totals[at]
            kept = line[hidden[line] & (n[line] > 0)]
            if _given_away(len(kept), n[kept].sum(), hidden[total], minimum):  # an earlier line may have mended it
                left = line[~hidden[line] & (n[line] > 0)]
                hidden[left[np.argmin(n[left])] if len(left) else total] = True
        if (
            hidden.sum() == before
        ):  # also where a line has nothing left to withhold: what a composite stands on is no sum
            return


def _given_away(parts: Any, secret: Any, total: Any, minimum: int) -> Any:
    """Whether subtraction tells: one of a line is withheld (total included), or all withheld are still too few."""
    return ((parts + total) == 1) | (~total & (secret > 0) & (secret < minimum))
