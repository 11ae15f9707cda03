"""Sums over the period from windows side by side, and what a policy says of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from math import isfinite

import sqlalchemy as sa

from monitor.config import ModelConfig
from monitor.intervals import mean_over_windows, wilson
from monitor.metrics import metric
from monitor.policies import SCORING_RATE, WORDS, Context, Counted, Policy, Reason, in_force, judge
from streams.audit.sections import ranks, words
from streams.report.findings import Applied, Total, Totals
from streams.report.tiling import Tile, cover
from streams.report.views import Views

LEAST_PARTS = (100, 30, 10)
"""Windows shorter than this part of the period are not summed; longer ones only, where groups are withheld in shorter ones."""

ENOUGH = 0.9
"""A cover by longer windows only is taken if it covers this share of the period at least."""


def totals(views: Views, model: ModelConfig, name: str, basis: str) -> Totals | None:
    """A rate's or mean's sums over the period; None if no window of whole hours lies in it.

    Of several covers the first in which no group is withheld, else the one that covers most.
    """
    stored = [Tile(row["window_seconds"] * 1000, _ms(row["window_end"])) for row in views.stored(name, basis)]
    length = _ms(views.period.end) - _ms(views.period.start)
    found: list[Totals] = []
    for parts in LEAST_PARTS:
        tiles = cover(_ms(views.period.start), _ms(views.period.end), (t for t in stored if t.length * parts >= length))
        if tiles and (not found or sum(tile.length for tile in tiles) >= ENOUGH * length):
            found.append(_of_tiles(views, model, (name, basis), tiles))
            if not any(total.n is None for each in found[-1].sets.values() for total in each):
                return found[-1]
    return found[0] if found else None


def _of_tiles(views: Views, model: ModelConfig, what: tuple[str, str], tiles: Sequence[Tile]) -> Totals:
    name, basis = what
    windows = tuple((tile.length // 1000, _at(tile.end)) for tile in tiles)
    covered = timedelta(milliseconds=sum(tile.length for tile in tiles))
    missing = views.period.end - views.period.start - covered
    sums = _summed(views.rows_in(name, basis, windows), model, name)
    return Totals(name, _at(tiles[0].start), _at(tiles[-1].end), windows, missing, sums)


def _summed(rows: Sequence[sa.RowMapping], model: ModelConfig, name: str) -> dict[tuple[str, ...], tuple[Total, ...]]:
    parts: dict[tuple[tuple[str, ...], tuple[tuple[str, str], ...]], list[sa.RowMapping]] = {}
    for row in rows:
        key = tuple(row["attribute_set"]), tuple(sorted(row["group_values"].items()))
        parts.setdefault(key, []).append(row)
    found: dict[tuple[str, ...], list[Total]] = {}
    # of weights: how many are alike is not in the views
    interval = {"rate": _of_rate, "mean": _of_mean}[metric(name).kind] if model.weight_unit is None else _of_nothing
    for (names, groups), each in parts.items():
        found.setdefault(names, []).append(_total(dict(groups), each, interval))
    return {names: ordered(found[names], names, model) for names in sorted(found, key=lambda n: (len(n), n))}


Interval = Callable[[Sequence[sa.RowMapping], float, float], tuple[float | None, float | None]]
"""From the windows of one group, and the sums of numerators and denominators, to the interval of their quotient."""


def _total(groups: Mapping[str, str], rows: Sequence[sa.RowMapping], interval: Interval) -> Total:
    """The sum of one group's windows; withheld where any of them is withheld or lost."""
    if any(row["state"] not in ("measured", "undefined") or row["n"] is None for row in rows):
        return Total(groups, None, None, None, None, None, None)
    n = sum(row["n"] for row in rows)
    top = sum(row["numerator"] or 0.0 for row in rows)
    below = sum(row["denominator"] or 0.0 for row in rows)
    if not below:
        return Total(groups, n, top, below, None, None, None)
    return Total(groups, n, top, below, top / below, *interval(rows, top, below))


def _of_rate(rows: Sequence[sa.RowMapping], top: float, below: float) -> tuple[float | None, float | None]:
    low, high = wilson(top, below)
    return float(low), float(high)


def _of_mean(rows: Sequence[sa.RowMapping], top: float, below: float) -> tuple[float | None, float | None]:
    """From the intervals of the windows, which are the strata; none where a window has one event, and so no variance."""
    there = [row for row in rows if row["denominator"]]
    if any(row["ci_low"] is None or row["ci_high"] is None for row in there):
        return None, None
    low, high, counted = ([row[name] for row in there] for name in ("ci_low", "ci_high", "denominator"))
    half = mean_over_windows(low, high, counted)
    return (top / below - half, top / below + half) if isfinite(half) else (None, None)


def _of_nothing(rows: Sequence[sa.RowMapping], top: float, below: float) -> tuple[float | None, float | None]:
    return None, None


def ordered(found: Sequence[Total], names: Sequence[str], model: ModelConfig) -> tuple[Total, ...]:
    """The groups of an attribute set as the model declares them."""
    known = [one for one in names if one in model.attributes]
    rank = ranks(model, known)
    return tuple(sorted(found, key=lambda one: [rank.get(pair, len(rank)) for pair in sorted(one.groups.items())]))


# --- policies


def applied(name: str, versions: Sequence[Policy], context: Context, summed: Sequence[Totals], last: date) -> Applied:
    """What a policy says of the totals, by its version of the last day."""
    policy, heading = in_force(versions, last), versions[-1].report.heading
    if policy is None:
        return Applied(name, None, WORDS[Reason.NOT_IN_FORCE], heading)
    figures = {key: groups for one in summed for key, groups in _figures(one)}
    wanted = [criterion.metric for criterion in policy.criteria]
    if not any(measured in wanted for measured, _ in figures):
        return Applied(
            name,
            None,
            f"it asks for the {' or the '.join(words(one) for one in wanted)}, and no whole window of this model has one",
            heading,
        )
    judgement = judge(policy, figures, context)
    if not judgement.lines:
        return Applied(name, None, "; ".join(judgement.notes) or "there is no group that it is about", heading)
    return Applied(name, judgement, heading=heading)


def _figures(summed: Totals) -> Iterator[tuple[tuple[str, tuple[str, ...]], list[Counted]]]:
    """Counts as policies take them; groups that are withheld are left out, as nothing may be said of them."""
    whole = metric(summed.metric).kind == "rate" or summed.metric == SCORING_RATE
    for names, each in summed.sets.items():
        yield (
            (summed.metric, names),
            [
                Counted(
                    one.groups, round(one.denominator or 0), round(one.numerator or 0) if whole else None, one.value
                )
                for one in each
                if one.n is not None
            ],
        )


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
