"""The e-detectors: panes' e-values into evidence since a change, whenever it was.

    R <- (R + start mass) E^(1/phi)

Shiryaev-Roberts, mixed over groups and alternatives by their shares of one pane's start mass. The family's sum has
`E[R at any stopping time] <= E[panes until then]` while the rule holds, whatever the groups' dependence; so a threshold of
`panes in 30 days / budget` keeps the expected number of false pages.
"""

from dataclasses import dataclass, replace

import numpy as np

from monitor.estimates import Floats, Singles
from monitor.evidence.layout import Layout
from monitor.evidence.learning import Counts, Learned
from monitor.evidence.materiality import AGE
from monitor.evidence.plain import scores
from monitor.evidence.savings import alarms, income, spend, suspect
from monitor.evidence.scoring import Drift, log_evalues, suspicions
from monitor.evidence.state import State

FARTHEST = 600.0
"""Log e-values are cut this far below 0, where nothing is left of any evidence anyway."""

GREATEST = 80.0
"""They are cut here above, which only loses evidence; `MOST` times this stays a number, and so does this as a single."""

MOST = 1e250
"""Evidence is cut here, so that it stays a number."""


@dataclass(frozen=True, slots=True)
class Factors:
    """What each pane multiplies the detectors by, (T, K, D): tempered and plain."""

    tempered: Floats
    plain: Singles
    """Of no page, only of warnings and of since when: to seven digits, which takes a quarter of the time."""
    drift: Drift | None = None
    """None if nothing is saved."""
    alarm: Floats | None = None
    """(T, D): below this nothing rings."""
    weight: Floats | None = None
    """(T, D): shares of the even start mass, if they are by volume."""

    @classmethod
    def of(cls, layout: Layout, counts: Counts, learned: Learned, spare: "Factors | None" = None) -> "Factors":
        """From counts; written over `spare` if that has the right shape (fresh memory costs more than the sums)."""
        shape = (len(counts.n), layout.stakes, layout.size)
        made = spare if spare is not None and spare.plain.shape == shape else cls.blank(layout, shape)
        if layout.tuning.volume_weights:
            made = replace(made, weight=by_volume(layout, learned.volume))
        for here, part in layout.parts:
            made.fill(part, here, counts.part(here), learned.part(here))
        if made.drift is None:
            return made
        with np.errstate(divide="ignore"):
            return replace(made, alarm=alarms(made.drift.level, made.drift.distance[:, layout.nearest]))

    @classmethod
    def blank(cls, layout: Layout, shape: tuple[int, int, int]) -> "Factors":
        """Nothing in it yet."""
        return cls(np.empty(shape), np.empty(shape, np.float32), Drift.blank(shape) if layout.savings else None)

    def fill(self, layout: Layout, here: slice, counts: Counts, learned: Learned) -> None:
        """Some detectors'."""
        drift = None if self.drift is None else self.drift.part(here)
        if layout.plain:
            log_e = scores(layout, counts, learned, drift)
        else:
            log_e = log_evalues(layout, counts, learned)
            if drift is not None:
                found = suspicions(layout, counts, learned)
                for name in ("news", "distance", "level", "lead"):
                    getattr(drift, name)[...] = getattr(found, name)
        np.clip(log_e, -FARTHEST, GREATEST, out=log_e)
        np.exp(log_e.astype(np.float32), out=self.plain[..., here])
        log_e *= (1.0 / learned.phi)[:, None, :]
        np.exp(log_e, out=self.tempered[..., here])


def by_presence(layout: Layout, state: State) -> Floats:
    """Shares of a family's even start mass, (D,): even over the groups that were ever seen with their reference, or over all as long as
    none was.

    The guarantee needs shares that are known before the pane and sum to at most 1: who was seen in *earlier* panes is known. A
    group's first pane is judged without mass of its own, so that declared groups that nobody belongs to cost the others nothing.
    """
    here = (state.seen > 0) & (layout.weight > 0)
    if np.count_nonzero(here) == layout.judged:
        return layout.weight
    count = layout.sums(here.astype(np.float64))[layout.family]
    return np.where(count > 0, here / np.where(count > 0, count, 1.0), layout.weight)


def by_volume(layout: Layout, volume: Floats) -> Floats:
    """Shares of a family's even start mass by the square root of past volume, (T, D); even where nothing is known."""
    roots = np.sqrt(volume) * (layout.weight > 0)
    total = layout.sums(roots)[..., layout.family]
    return np.where(total > 0, roots / np.where(total > 0, total, 1.0), layout.weight)


def advance(layout: Layout, state: State, factors: "Factors", at: int, pane: float) -> None:
    """Pane number `pane`, the factors' `at`: mass starts in it, and all of it is multiplied."""
    stakes, plain = layout.stakes, factors.plain[at]
    weight = by_presence(layout, state) if factors.weight is None else factors.weight[at]
    state.evidence += (income(layout, state, 1.0) / stakes)[layout.family] * weight
    if factors.drift is not None and factors.alarm is not None:
        highest = np.maximum.reduce(state.suspicion, axis=0)
        if np.count_nonzero(highest >= factors.alarm[at]):
            spent = spend(layout, state, factors.drift.distance[at], factors.drift.level[at])
            if spent is not None:
                state.evidence += spent
        suspect(state, factors.drift.news[at], factors.drift.lead[at])
    state.evidence *= factors.tempered[at]
    begin(state, 1.0 / stakes, pane)
    state.plain *= plain
    for values in (state.evidence, state.plain):
        if np.maximum.reduce(values, axis=None) > MOST:
            np.minimum(values, MOST, out=values)


def begin(state: State, mass: Floats | float, pane: Floats | float) -> None:
    """Start mass for the plain detectors, and the mean start of all they hold."""
    state.start *= state.plain
    state.start += mass * pane
    state.plain += mass
    state.start /= state.plain


def idle(layout: Layout, state: State, gaps: Floats, position: float) -> None:
    """Empty panes before `position`: e-values of 1, so mass is added and nothing else. `gaps` (F,)."""
    by_detector = gaps[layout.family]
    state.evidence += (income(layout, state, gaps) / layout.stakes)[layout.family] * by_presence(layout, state)
    waiting = by_detector > 0
    if waiting.any():
        mass = by_detector / layout.stakes
        middle = position - (by_detector + 1.0) / 2.0
        state.start *= state.plain
        state.start += mass * middle
        state.plain += mass
        np.divide(state.start, state.plain, out=state.start, where=state.plain > 0)
    state.window[AGE] += by_detector
