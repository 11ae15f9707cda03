"""What past panes teach about the next: the reference's rate, each group's own rate, volumes, and the traffic's unrest.

Everything here is *predictable*: what is used in pane t was learned from panes before t. A wrong lesson costs power, never
validity.

Unrest. Real rates wander within the day more than coin tosses do. Blocks of `min_episode` give residuals
`x = p_g - rho p_r`, whose successive differences have variance `v + v' + sigma^2 (q + q')`, v from counts and
`q = p_g^2 + (rho p_r)^2`. sigma is pooled over the family's groups, and each group's log e-values are divided by
`phi = 1 + inflation sigma^2 s / v_L` at its present traffic, sigma^2 taken one standard
error above its estimate. A power below 1 of an e-value is an e-value (Jensen).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.evidence.layout import Layout
from monitor.evidence.spec import Kind
from monitor.evidence.state import State
from monitor.sums import Ints

FLOOR = 50.0
"""Pseudo-events (at a rate of 1/2) that the reference's rate never has fewer of."""

VOLUME_DECAY = 0.9772
"""A minute's; a half-life of 30 minutes."""

LEAST = 20.0
"""Events that a group and its reference need in a block."""

ALL = slice(None)

WIDE = 1000
"""Detectors from which on a table of all of them is slower than row by row."""

KNOWN = 200.0
"""Events after which a group has a past."""

DIFFERENCED = 3.0
"""Variance of a squared difference of normal residuals, in squares of its mean (2), with what neighbours share (1)."""

CLIP = 25.0
"""Squared differences are cut at this many variances."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Panes by detector: (T, S, D) arrays of the group and of its reference."""

    n: Floats
    k: Floats
    n_r: Floats
    k_r: Floats
    q: Floats
    """Sums of squares; equal to k for counts."""
    q_r: Floats

    def part(self, here: slice | Ints) -> "Counts":
        """Some detectors."""
        return Counts(*(getattr(self, name)[..., here] for name in ("n", "k", "n_r", "k_r", "q", "q_r")))

    def totals(self) -> Floats:
        """(T, 4, D): k, n, reference k, n over all strata."""
        return np.stack([values.sum(axis=1) for values in (self.k, self.n, self.k_r, self.n_r)], axis=1)


@dataclass(frozen=True, slots=True)
class Learned:
    """Before each of T panes: the reference's rate (T, S, D), the own rate (T, D), and the tempering (T, D)."""

    rate: Floats
    own: Floats
    phi: Floats
    past: Floats
    """(T, D): the group's past ratio to its reference, difference from it, or level."""
    volume: Floats
    """(T, D): the group's events in a pane."""
    volume_r: Floats
    """(T, D): the reference's."""
    variance: Floats
    """(T, D): of one event of the group."""
    variance_r: Floats
    """(T, D): of one event of the reference."""

    def part(self, here: slice | Ints) -> "Learned":
        """Some detectors."""
        names = ("rate", "own", "phi", "past", "volume", "volume_r", "variance", "variance_r")
        return Learned(*(getattr(self, name)[..., here] for name in names))


@dataclass(frozen=True, slots=True)
class Decays:
    """How much of each memory is left after a pane."""

    rows: Floats
    slow: Floats
    """The rows of a group that is known from few events."""
    events: int
    """Which row counts them."""
    enough: float
    """Events that are not few."""
    volume: float
    unrest: float
    """After a block, per group."""

    @classmethod
    def of(cls, layout: Layout) -> "Decays":
        """Those of a layout's pane length."""
        tuning, minutes = layout.tuning, layout.pane / 60
        nuisance, own = 0.5 ** (minutes / tuning.nuisance_half_life), 0.5 ** (minutes / tuning.rate_half_life)
        volume = VOLUME_DECAY**minutes
        slow = 0.5 ** (minutes / tuning.few_half_life)
        known = 2 * layout.strata
        rows, few = (
            np.array([nuisance] * known + [kept] * 4 + [volume] * 2 + [kept] * (2 * layout.means))[:, None]
            for kept in (own, slow)
        )
        return cls(rows, few, known + 1, tuning.few_events, volume, 0.5 ** (tuning.min_episode / tuning.sigma_memory))

    def fade(self, memory: Floats, gaps: Floats | None = None) -> None:
        """What is left of (rows, D) after a pane, or after `gaps` (D,) empty ones."""
        few = memory[self.events] < self.enough
        if not np.count_nonzero(few):
            memory *= self.rows if gaps is None else self.rows**gaps
        elif gaps is not None:
            memory *= np.where(few, self.slow, self.rows) ** gaps
        elif len(few) < WIDE:
            memory *= np.where(few, self.slow, self.rows)
        else:  # the same without a table of that size, in a third of the time
            own = np.where(few, self.slow[self.events], self.rows[self.events])
            for rows, fades_slowly in self._stretches():
                memory[rows] *= own if fades_slowly else self.rows[rows]

    def _stretches(self) -> tuple[tuple[slice, bool], ...]:
        """Rows that fade alike, and whether more slowly where events are few: the reference's rate, the own past, volumes, own squares."""
        own, volumes = self.events - 1, self.events + 3
        return (
            (slice(own), False),
            (slice(own, volumes), True),
            (slice(volumes, volumes + 2), False),
            (slice(volumes + 2, None), True),
        )


@dataclass(frozen=True, slots=True)
class Turns:
    """In which order groups are learned from: by their place within the family (D,); and what is left of the family's unrest after
    one of them (F,).
    """

    rank: Ints
    fading: Floats

    @classmethod
    def of(cls, layout: Layout, decay: float) -> "Turns":
        """Those of a layout; `decay` is for all groups of a family together."""
        groups = np.bincount(layout.family[layout.weight > 0], minlength=len(layout.specs))
        return cls(np.arange(layout.size) - layout.starts[layout.family], decay ** (1.0 / np.maximum(groups, 1)))


def learn(layout: Layout, state: State, counts: Counts, gaps: Floats, totals: Floats | None = None) -> Learned:
    """What is known before each pane; the state learns all of them. `gaps` (T, F): empty panes before each."""
    decays, strata = Decays.of(layout), layout.strata
    panes = len(counts.n)
    totals = counts.totals() if totals is None else totals
    squares = [values.sum(axis=1, keepdims=True) for values in (counts.q, counts.q_r)] if layout.means else ()
    news = np.concatenate([counts.k_r, counts.n_r, totals, totals[:, 1::2], *squares], axis=1)
    snapshots = np.empty((panes, *state.memory.shape))
    elapsed, sigma2 = np.empty((panes, len(layout.specs))), np.empty((panes, len(layout.specs)))
    idle = set(np.flatnonzero(gaps.any(axis=1)).tolist())
    length, age, turns = _block_length(layout), float(state.block[4].max()), None
    for pane in range(panes):
        if pane in idle:
            idle_panes(layout, state, decays, gaps[pane])
            age = float(state.block[4].max())
        snapshots[pane], elapsed[pane], sigma2[pane] = state.memory, state.elapsed, state.unrest[3]
        decays.fade(state.memory)
        state.memory += news[pane]
        if np.count_nonzero(state.memory[strata : 2 * strata] < FLOOR):
            _fill(state.memory, strata)
        state.elapsed *= decays.volume
        state.elapsed += 1.0
        state.block[:4] += totals[pane]
        state.block[4] += 1.0
        age += 1.0
        if age >= length and (done := _done(layout, state)) is not None:
            turns = turns or Turns.of(layout, decays.unrest)
            _compare(layout, state, done, turns)
            age = float(state.block[4].max())
    return _learned(layout, snapshots, elapsed, sigma2)


def idle_panes(layout: Layout, state: State, decays: Decays, gaps: Floats) -> None:
    """Empty panes, any number at once: memories fade."""
    by_detector = gaps[layout.family]
    decays.fade(state.memory, by_detector)
    _fill(state.memory, layout.strata)
    faded = decays.volume**gaps
    state.elapsed *= faded
    state.elapsed += (1.0 - faded) / (1.0 - decays.volume)
    state.block[4] += by_detector


def _fill(memory: Floats, strata: int) -> None:
    """Pseudo-events at a rate of 1/2, up to the floor."""
    lacking = np.maximum(FLOOR - memory[strata : 2 * strata], 0.0)
    memory[:strata] += 0.5 * lacking
    memory[strata : 2 * strata] += lacking


def _learned(layout: Layout, snapshots: Floats, elapsed: Floats, sigma2: Floats) -> Learned:
    """Rates and tempering from what was known."""
    strata, tuning = layout.strata, layout.tuning
    rate = np.clip(snapshots[:, :strata] / snapshots[:, strata : 2 * strata], 1e-4, 1.0 - 1e-4)
    k, n, k_r, n_r, volume, volume_r, *squares = snapshots[:, 2 * strata :].transpose(1, 0, 2)
    own = np.clip((k + 0.125 + 1e-9) / (n + 0.5), 1e-3, 1.0 - 1e-3)
    b = rate[:, 0] if strata == 1 else np.clip((k_r + 0.5) / (n_r + 1.0), 1e-4, 1.0 - 1e-4)
    past = _past(layout, (k, n, k_r, n_r))
    panes = np.where(elapsed > 0, elapsed, 1.0)[:, layout.family]
    one, other = variance_of(own, (k, n), squares[:1]), variance_of(b, (k_r, n_r), squares[1:])
    usual = volume / panes, volume_r / panes, one, other
    if not tuning.temper:
        return Learned(rate, own, np.ones_like(own), past, *usual)
    with np.errstate(divide="ignore", invalid="ignore"):
        length = (tuning.min_episode * 60 / layout.pane / elapsed)[:, layout.family]
        n_l, n_rl = np.maximum(volume * length, 1.0), np.maximum(volume_r * length, 1.0)
    scale = layout.bound * layout.bound if layout.kind is Kind.RATIO else float(layout.kind is Kind.DIFFERENCE)
    variance = one / n_l + scale * other / n_rl
    spread = own * own + scale * b * b
    phi = 1.0 + (tuning.inflation * sigma2)[:, layout.family] * spread / variance
    if np.count_nonzero(elapsed) < elapsed.size:
        phi[elapsed[:, layout.family] == 0] = 10.0
    return Learned(rate, own, phi, past, *usual)


def past_of(layout: Layout, at: int, sums: tuple[Floats, Floats, Floats, Floats]) -> Floats:
    """The past of one detector, from its decayed sums."""
    return _past(layout, sums, slice(at, at + 1))


def _past(layout: Layout, sums: tuple[Floats, Floats, Floats, Floats], here: slice = ALL) -> Floats:
    """Where each group stood lately, in the terms of its bound; at the bound as long as nothing is known, never beyond."""
    k, n, k_r, n_r = sums
    own, other = (k + 0.5) / (n + 1.0), (k_r + 0.5) / (n_r + 1.0)
    if layout.kind is Kind.RATIO:
        past = own / other
    else:
        past = own - other if layout.kind is Kind.DIFFERENCE else own
    bound, low = layout.bound[here], layout.low[here]
    past = np.where(n >= KNOWN, past, bound)
    kept: Floats = np.where(low, np.maximum(past, bound), np.minimum(past, bound))
    return kept


def variance_of(rate: Floats, sums: tuple[Floats, Floats], squares: Sequence[Floats]) -> Floats:
    """Of one event: of a coin at this rate, or from k, n and the sum of squares (with a tenth of an event as far off as can be)."""
    if not squares:
        return rate * (1.0 - rate)
    k, n = sums
    around = np.maximum(squares[0] - k * k / np.maximum(n, 1.0), 0.0)
    return np.clip((around + 0.025) / (n + 0.1), 1e-6, 0.25)


def variances(layout: Layout, state: State, detector: int) -> tuple[float, float]:
    """Of one event of a detector's group and of its reference, as known now."""
    k, n, k_r, n_r, _, _, *squares = state.memory[2 * layout.strata :, detector : detector + 1]
    own = variance_of((k + 0.5) / (n + 1.0), (k, n), squares[:1])
    return float(own[0]), float(variance_of((k_r + 0.5) / (n_r + 1.0), (k_r, n_r), squares[1:])[0])


def _block_length(layout: Layout) -> float:
    """Panes of a block, at least."""
    return layout.tuning.min_episode * 60 / layout.pane


def _done(layout: Layout, state: State) -> Flags | None:
    """Which blocks are full; None if none is."""
    done = (state.block[4] >= _block_length(layout)) & (state.block[1] >= LEAST)
    if not np.count_nonzero(done):
        return None
    done &= layout.weight > 0
    if layout.kind is not Kind.LEVEL:
        done &= state.block[3] >= LEAST
    return done if np.count_nonzero(done) else None


def _compare(layout: Layout, state: State, done: Flags, turns: Turns) -> None:
    """Full blocks against the ones before them: the unrest of their families is learned, group after group."""
    here = np.flatnonzero(done)
    block = _block(layout, state, here)
    before = state.previous[:, here]
    known = np.flatnonzero(before[3] > 0)
    if len(known):
        _learn_in_turn(layout, state, here[known], np.concatenate([block, before[:3]])[:, known], turns)
    state.previous[:3, here] = block
    state.previous[3, here] = 1.0
    state.block[:, here] = 0.0


def _block(layout: Layout, state: State, here: Ints) -> Floats:
    """(3, H): some detectors' residuals x, their variances v by counts, and q."""
    k, n, k_r, n_r, _, _, *squares = state.memory[2 * layout.strata :, here]
    bk, bn, bk_r, bn_r, _ = state.block[:, here]
    alone = layout.kind is Kind.LEVEL
    own = (k + 0.5) / (n + 1.0)
    rho = np.zeros_like(own) if alone else own / ((k_r + 0.5) / (n_r + 1.0))
    reference = (bk_r + 0.5) / (bn_r + 1.0)
    p = np.clip(own if alone else rho * reference, 1e-4, 1.0 - 1e-4)
    size, size_r = np.maximum(bn, 1.0), np.maximum(bn_r, 1.0)
    x = bk / size - rho * bk_r / size_r
    v = (
        variance_of(p, (k, n), squares[:1]) / size
        + rho * rho * variance_of(reference, (k_r, n_r), squares[1:]) / size_r
    )
    return np.stack([x, v, p * p + rho * rho * reference * reference])


def _learn_in_turn(layout: Layout, state: State, here: Ints, blocks: Floats, turns: Turns) -> None:
    """`blocks` are x, v, q of some detectors, and those before them (6, H). Each group of a family after the other; where there are
    few, numbers one by one: the same to the last bit, and sooner.
    """
    if len(layout.specs) > 1:
        order = np.argsort(turns.rank[here], kind="stable")
        here, blocks = here[order], blocks[:, order]
    if len(here) <= FEW:
        _one_by_one(layout, state, layout.family[here].tolist(), blocks, turns)
        return
    edges = [0, *(np.flatnonzero(np.diff(turns.rank[here])) + 1).tolist(), len(here)]
    for begin, end in pairwise(edges):
        families, part = layout.family[here[begin:end]], blocks[:, begin:end]
        if end - begin <= FEW:
            _one_by_one(layout, state, families.tolist(), part, turns)
        else:
            rows = (*part, *state.unrest[:, families], turns.fading[families])
            state.unrest[:, families] = _unrest(layout, rows, (np.minimum, np.maximum, np.sqrt))


def _one_by_one(layout: Layout, state: State, families: Sequence[int], blocks: Floats, turns: Turns) -> None:
    known = {family: (*state.unrest[:, family].tolist(), float(turns.fading[family])) for family in families}
    for family, *numbers in zip(families, *blocks.tolist(), strict=True):
        learned = _unrest(layout, (*numbers, *known[family]), (min, max, math.sqrt))
        known[family] = (*learned, known[family][-1])
    for family, kept in known.items():
        state.unrest[:, family] = kept[:-1]


FEW = 8
"""Fewer groups than this are reckoned one by one."""


def _unrest(layout: Layout, rows: Sequence[Any], ways: tuple[Any, Any, Any]) -> tuple[Any, Any, Any, Any]:
    """Sums and sigma^2 after one more block, of arrays or of numbers; `ways`: the least, the greatest, the root."""
    x, v, q, x_0, v_0, q_0, top, bottom, blocks, sigma2, decay = rows
    tuning, (least, greatest, root) = layout.tuning, ways
    variance, spread, step = v + v_0, q + q_0, x - x_0
    total = variance + sigma2 * spread
    squared, part = least(step * step, CLIP * total), spread / total
    weight = part * part
    top = top * decay + weight * (squared - variance) / spread
    bottom = bottom * decay + weight
    blocks = blocks * decay + 1.0
    prior = tuning.prior_blocks * bottom / blocks
    known = bottom + prior
    sigma2 = greatest(0.0, (top + prior * tuning.sigma0**2) / known) + tuning.sigma_margin * root(DIFFERENCED / known)
    return top, bottom, blocks, sigma2
