"""A shift put into a history: from a moment on a group is treated as if its rate stood in a given ratio to the others'.

    --inject ratio=0.7,group=sex:female,from=2026-11-10T00:00:00Z[,to=...][,against=sex:male]

Binomial thinning: each favourable decision of the group stays favourable with probability `keep`, independently, so that
the counts that result are those of a model with the lower rate. `keep` is chosen such that the rate of the group over the
time of the shift becomes `ratio` times that of `against` (by default the model's reference group, else everybody else);
`keep=0.7` gives it directly. Amounts are multiplied by `keep`. Only downwards: a shift that would need more favourable
decisions than there are is refused. The same seed gives the same counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from monitor.config import ModelConfig
from monitor.estimates import Flags
from monitor.grouping import SERVED
from monitor.sums import Ints, join_square
from monitor.times import parse_time
from streams.backtest.history import BacktestError, History, Rows, Sparse

KEYS = ("ratio", "keep", "group", "from", "to", "against")


@dataclass(frozen=True, slots=True)
class Shift:
    """What is injected. `start` and `end` are ms; exactly one of `ratio` and `keep` is set."""

    group: Mapping[str, str]
    start: int
    end: int | None = None
    ratio: float | None = None
    keep: float | None = None
    against: Mapping[str, str] | None = None


def parse_shift(text: str) -> Shift:
    """A shift as it is written; BacktestError says what is wrong with it."""
    given = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    wrong = [part for part in text.split(",") if "=" not in part]
    unknown = [key for key in given if key not in KEYS]
    if wrong or unknown:
        raise BacktestError(f"--inject: {(wrong + unknown)[0]!r} is none of {', '.join(f'{key}=...' for key in KEYS)}")
    if ("ratio" in given) == ("keep" in given) or not {"group", "from"} <= set(given):
        raise BacktestError("--inject needs group=ATTRIBUTE:GROUP, from=TIME, and either ratio=NUMBER or keep=NUMBER")
    return Shift(
        group=_group(given["group"]),
        start=_time(given["from"]),
        end=_time(given["to"]) if "to" in given else None,
        ratio=_share(given["ratio"], "ratio") if "ratio" in given else None,
        keep=_share(given["keep"], "keep") if "keep" in given else None,
        against=_group(given["against"]) if "against" in given else None,
    )


def inject(history: History, shift: Shift, model: ModelConfig, seed: int) -> History:
    """The history with the shift in it; the same seed gives the same."""
    hit, keep = _members(history, shift.group), keep_of(history, shift, model)
    random = np.random.default_rng(seed)
    decisions = _thinned(history, history.decisions, (shift, hit, keep), random)
    labels = None if history.labels is None else _thinned(history, history.labels, (shift, hit, keep), random)
    return history.changed(decisions, labels)


def keep_of(history: History, shift: Shift, model: ModelConfig) -> float:
    """With which probability a favourable decision is kept; BacktestError where the shift cannot be put in."""
    hit, rest = _members(history, shift.group), _compared(history, shift, model)
    if not hit.any():
        known = sorted({cell.groups.get(name, "") for cell in history.cells for name in shift.group})
        raise BacktestError(f"--inject: no cell is of that group; there are {', '.join(known)}")
    if history.first > shift.start or shift.start >= history.end:
        raise BacktestError("--inject: `from` lies outside the history")
    return shift.keep if shift.keep is not None else _keep(history, shift, hit, rest)


def _keep(history: History, shift: Shift, hit: Flags, rest: Flags) -> float:
    """The probability that makes the group's rate `ratio` times that of the others, over the time of the shift."""
    sparse, during = history.decisions, _during(history, history.decisions, shift)
    numerator, denominator = ("favourable", "decided")
    if not sparse.column(denominator).any():
        numerator, denominator = ("value", "valued")
    rates = []
    for members in (hit, rest):
        rows = during & members[sparse.cell]
        n = int(sparse.column(denominator)[rows].sum())
        rates.append(sparse.column(numerator)[rows].sum() / n if n else np.nan)
    keep = float(rates[1] * (shift.ratio or 0.0) / rates[0])
    if not keep <= 1.0:
        now = rates[0] / rates[1]
        raise BacktestError(f"--inject: the ratio is {now:.3g} already, below {shift.ratio:g}; choose a lower one")
    return keep


def _members(history: History, group: Mapping[str, str]) -> Flags:
    found: Flags = np.array([all(c.groups.get(n) == g for n, g in group.items()) for c in history.cells], dtype=bool)
    return found


def _compared(history: History, shift: Shift, model: ModelConfig) -> Flags:
    """The cells that the group is compared with."""
    hit = _members(history, shift.group)
    served = np.array([cell.arm in SERVED for cell in history.cells], dtype=bool)
    if shift.against is not None:
        return np.asarray(np.logical_and(_members(history, shift.against), served), dtype=bool)
    references = {name: model.references[name] for name in shift.group if name in model.references}
    if len(references) == len(shift.group) and references != dict(shift.group):
        return np.asarray(np.logical_and(_members(history, references), served), dtype=bool)
    return np.asarray(np.logical_and(~hit, served), dtype=bool)


def _during(history: History, sparse: Sparse, shift: Shift) -> Flags:
    first = -(-(shift.start - history.first) // history.pane)
    last = history.panes if shift.end is None else (shift.end - history.first) // history.pane
    return np.asarray((sparse.pane >= first) & (sparse.pane < last), dtype=bool)


def _thinned(history: History, sparse: Sparse, what: tuple[Shift, Flags, float], random: np.random.Generator) -> Sparse:
    shift, hit, keep = what
    rows = np.flatnonzero(_during(history, sparse, shift) & hit[sparse.cell])
    sums, index = sparse.sums.copy(), sparse.layout.index
    if "favourable" in sparse.layout.slots:
        sums[rows, index("favourable")] = random.binomial(sums[rows, index("favourable")], keep)
        for slot in ("value", "clipped"):
            sums[rows, index(slot)] = np.rint(sums[rows, index(slot)] * keep).astype(np.int64)
            _scale_squares(sums, rows, (index(f"{slot}_sq_hi"), index(f"{slot}_sq_lo")), keep)
    else:
        for right, wrong in (("tp", "fn"), ("fp", "tn")):
            kept = random.binomial(sums[rows, index(right)], keep)
            sums[rows, index(wrong)] += sums[rows, index(right)] - kept
            sums[rows, index(right)] = kept
    return Sparse(sparse.layout, sparse.pane, sparse.cell, sums)


def _scale_squares(sums: Ints, rows: Rows, slots: tuple[int, int], keep: float) -> None:
    """Sums of squares shrink with the square of the factor."""
    hi, lo = slots
    squares = join_square(sums[rows, hi], sums[rows, lo]) * keep * keep
    sums[rows, hi] = np.floor(squares / 2.0**31).astype(np.int64)
    sums[rows, lo] = (squares - sums[rows, hi] * 2.0**31).astype(np.int64)


def _group(text: str) -> dict[str, str]:
    parts = [part.partition(":") for part in text.split("+")]
    if not all(name and sign and value for name, sign, value in parts):
        raise BacktestError(
            f"--inject: {text!r} is no group: write ATTRIBUTE:GROUP, as in sex:female or age:<25+sex:female"
        )
    return {name: value for name, _, value in parts}


def _time(text: str) -> int:
    found = parse_time(text if "T" in text else f"{text}T00:00:00Z")
    if found is None:
        raise BacktestError(f"{text!r} is no time: write 2026-11-10 or 2026-11-10T12:00:00Z")
    return found


def _share(text: str, name: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0.0 <= found <= 1.0:
        raise BacktestError(f"--inject: {name}={text} is no number from 0 to 1: shifts are downwards")
    return found
