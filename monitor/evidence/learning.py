"""What past panes teach about the next: the reference's rate, each group's own rate, volumes, and the traffic's unrest.

Everything here is *predictable*: what is used in pane t was learned from panes before t. A wrong lesson costs power, never
validity.

Unrest. Real rates wander within the day more than coin tosses do. Blocks of `min_episode` give residuals
`x = p_g - rho p_r`, whose successive differences have variance `v + v' + sigma^2 (q + q')`, v from counts and
`q = p_g^2 + (rho p_r)^2`. sigma is pooled over the family's groups, and each group's log e-values are divided by
`phi = 1 + inflation sigma^2 s / v_L` at its present traffic. A power below 1 of an e-value is an e-value (Jensen).
"""

from dataclasses import dataclass

import numpy as np

from monitor.estimates import Flags, Floats
from monitor.evidence.layout import Layout
from monitor.evidence.state import State
from monitor.sums import Ints

FLOOR = 50.0
"""Pseudo-events (at a rate of 1/2) that the reference's rate never has fewer of."""

VOLUME_DECAY = 0.9772
"""A minute's; a half-life of 30 minutes."""

LEAST = 20.0
"""Events that a group and its reference need in a block."""

CLIP = 25.0
"""Squared differences are cut at this many variances."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Panes by detector: (T, S, D) arrays of the group and of its reference."""

    n: Floats
    k: Floats
    n_r: Floats
    k_r: Floats


@dataclass(frozen=True, slots=True)
class Learned:
    """Before each of T panes: the reference's rate (T, S, D), the own rate (T, D), and the tempering (T, D)."""

    rate: Floats
    own: Floats
    phi: Floats


@dataclass(frozen=True, slots=True)
class Decays:
    """How much of each memory is left after a pane."""

    rows: Floats
    volume: float
    unrest: float
    """After a block, per group."""

    @classmethod
    def of(cls, layout: Layout) -> "Decays":
        """Those of a layout's pane length."""
        tuning, minutes = layout.tuning, layout.pane / 60
        nuisance, own = 0.5 ** (minutes / tuning.nuisance_half_life), 0.5 ** (minutes / tuning.rate_half_life)
        volume = VOLUME_DECAY**minutes
        rows = [nuisance] * (2 * layout.strata) + [own] * 4 + [volume] * 2
        return cls(np.array(rows)[:, None], volume, 0.5 ** (tuning.min_episode / tuning.sigma_memory))


def learn(layout: Layout, state: State, counts: Counts, gaps: Floats) -> Learned:
    """What is known before each pane; the state learns all of them. `gaps` (T, F): empty panes before each."""
    decays, strata = Decays.of(layout), layout.strata
    panes = len(counts.n)
    totals = np.stack(
        [counts.k.sum(axis=1), counts.n.sum(axis=1), counts.k_r.sum(axis=1), counts.n_r.sum(axis=1)], axis=1
    )
    news = np.concatenate([counts.k_r, counts.n_r, totals, totals[:, 1::2]], axis=1)
    snapshots = np.empty((panes, *state.memory.shape))
    elapsed, sigma2 = np.empty((panes, len(layout.specs))), np.empty((panes, len(layout.specs)))
    idle = set(np.flatnonzero(gaps.any(axis=1)).tolist())
    for pane in range(panes):
        if pane in idle:
            idle_panes(layout, state, decays, gaps[pane])
        snapshots[pane], elapsed[pane], sigma2[pane] = state.memory, state.elapsed, state.unrest[3]
        state.memory *= decays.rows
        state.memory += news[pane]
        few = state.memory[strata : 2 * strata] < FLOOR
        if few.any():
            _fill(state.memory, strata)
        state.elapsed *= decays.volume
        state.elapsed += 1.0
        state.block[:4] += totals[pane]
        state.block[4] += 1.0
        done = _done(layout, state)
        if done is not None:
            _compare(layout, state, done, decays.unrest)
    return _learned(layout, snapshots, elapsed, sigma2)


def idle_panes(layout: Layout, state: State, decays: Decays, gaps: Floats) -> None:
    """Empty panes, any number at once: memories fade."""
    by_detector = gaps[layout.family]
    state.memory *= decays.rows**by_detector
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
    k, n, k_r, n_r, volume, volume_r = snapshots[:, 2 * strata :].transpose(1, 0, 2)
    own = np.clip((k + 0.125 + 1e-9) / (n + 0.5), 1e-3, 1.0 - 1e-3)
    if not tuning.temper:
        return Learned(rate, own, np.ones_like(own))
    with np.errstate(divide="ignore", invalid="ignore"):
        length = tuning.min_episode * 60 / layout.pane / elapsed[:, layout.family]
        n_l, n_rl = np.maximum(volume * length, 1.0), np.maximum(volume_r * length, 1.0)
    b = rate[:, 0] if strata == 1 else np.clip((k_r + 0.5) / (n_r + 1.0), 1e-4, 1.0 - 1e-4)
    scale = layout.bound * layout.bound if layout.kind == "ratio" else float(layout.kind == "difference")
    variance = own * (1.0 - own) / n_l + scale * b * (1.0 - b) / n_rl
    spread = own * own + scale * b * b
    phi = 1.0 + tuning.inflation * sigma2[:, layout.family] * spread / variance
    phi[elapsed[:, layout.family] == 0] = 10.0
    return Learned(rate, own, phi)


def _done(layout: Layout, state: State) -> Flags | None:
    """Which blocks are full; None if none is."""
    length = layout.tuning.min_episode * 60 / layout.pane
    long = state.block[4] >= length
    if not long.any():
        return None
    done = (
        long & (state.block[1] >= LEAST) & ((state.block[3] >= LEAST) | (layout.kind == "level")) & (layout.weight > 0)
    )
    return done if done.any() else None


def _compare(layout: Layout, state: State, done: Flags, decay: float) -> None:
    """Full blocks against the ones before them: the unrest of their families is learned, group after group."""
    strata = layout.strata
    k, n, k_r, n_r = state.memory[2 * strata : 2 * strata + 4]
    bk, bn, bk_r, bn_r, _ = state.block
    rho = ((k + 0.5) / (n + 1.0)) / ((k_r + 0.5) / (n_r + 1.0))
    rho = rho if layout.kind != "level" else np.zeros_like(rho)
    reference = (bk_r + 0.5) / (bn_r + 1.0)
    middle = rho * reference if layout.kind != "level" else (k + 0.5) / (n + 1.0)
    p = np.clip(middle, 1e-4, 1.0 - 1e-4)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = bk / bn - (rho * bk_r / bn_r if layout.kind != "level" else 0.0)
        v = p * (1.0 - p) / bn + rho * rho * reference * (1.0 - reference) / bn_r
    q = p * p + rho * rho * reference * reference
    ready = done & (state.previous[3] > 0)
    groups = np.bincount(layout.family[layout.weight > 0], minlength=len(layout.specs))
    rank = np.arange(layout.size) - layout.starts[layout.family]
    for place in range(int(rank.max()) + 1):
        here = np.flatnonzero(ready & (rank == place))
        if len(here):
            _one(layout, state, here, (x, v, q), decay ** (1.0 / groups[layout.family[here]]))
    state.previous[:3, done] = x[done], v[done], q[done]
    state.previous[3, done] = 1.0
    state.block[:, done] = 0.0


def _one(layout: Layout, state: State, here: Ints, block: tuple[Floats, Floats, Floats], decay: Floats) -> None:
    """One group of each family: squared difference of its block and the one before."""
    tuning, family = layout.tuning, layout.family[here]
    x, v, q = (values[here] for values in block)
    variance, spread = v + state.previous[1, here], q + state.previous[2, here]
    total = variance + state.unrest[3, family] * spread
    squared = np.minimum((x - state.previous[0, here]) ** 2, CLIP * total)
    weight = (spread / total) ** 2
    top = state.unrest[0, family] * decay + weight * (squared - variance) / spread
    bottom = state.unrest[1, family] * decay + weight
    blocks = state.unrest[2, family] * decay + 1.0
    prior = tuning.prior_blocks * bottom / blocks
    sigma2 = np.maximum(0.0, (top + prior * tuning.sigma0**2) / (bottom + prior))
    state.unrest[:, family] = top, bottom, blocks, sigma2
