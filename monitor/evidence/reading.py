"""What the evidence says after a pane."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from monitor.evidence.culprits import culprits
from monitor.evidence.effort import recovery_panes
from monitor.evidence.layout import Layout, layout_of
from monitor.evidence.learning import variances
from monitor.evidence.materiality import estimates, violated
from monitor.evidence.spec import Kind, Reference, Side, Spec
from monitor.evidence.state import State

KNOWN_BLOCKS = 24.0
"""Blocks of `min_episode`, a day of hours, after which the unrest of a family's traffic is taken for known."""


class Phase(StrEnum):
    """Where a family stands."""

    WATCHING = "watching"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class Leading:
    """The detector with most evidence: its group and side, and sums of the gate's window (an hour or 50 events)."""

    group: str
    side: Side
    log_evidence: float
    """Its own part of the family's, nats."""
    phi: float
    """How far its evidence was tempered (1: not)."""
    n: float
    k: float
    reference_n: float
    reference_k: float
    panes: float
    """How many panes the window has reached back over, up to and with `Reading.pane`; a third more than asked for at most, with all
    of a slow group's waiting."""
    variance: float
    """Of one event of the group, as learned over a day: `k / n +- z sqrt(variance / n)` is an interval of a mean; of a rate p (1 - p)."""
    reference_variance: float
    since: float | None
    """The pane of the change, as far as it can be told: the mean start of the evidence. None without evidence."""
    reference: str = ""
    """What it is compared with: a group, or what `Reference` says; empty for a level."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One family after its last folded pane. Evidence in nats."""

    pane: int
    """The last folded pane; -1 if none was."""
    phase: Phase
    log_evidence: float
    needed: float
    stands: bool
    """`log_evidence >= needed`; whether it may page is `stands and material`."""
    material: bool
    """The leading group breaks the bound in the gate's window too."""
    warn: bool
    """A ticket: a hundredth of what is needed; or all of it before tempering, as long as the traffic's unrest is not known yet.

    Untempered evidence of traffic that varies more than chance cries wolf (the study: in every run); it covers the first day,
    when evidence is tempered by a guess.
    """
    warn_needed: float
    paged: bool
    """The page began in the panes of this fold."""
    resolved: bool
    """A page ended in the panes of this fold."""
    stale: bool
    """A page stands and nothing came in for so long that it cannot be judged."""
    leading: Leading
    culprits: tuple[str, ...]
    """The groups that a page now would be about, leading group first; while firing those it is about."""
    recovery: float | None
    """The least evidence of recovery among the groups of the page; None unless firing."""
    recovery_needed: float
    sigma: float
    """The traffic's unrest, relative to the rate."""


def read(spec: Spec, state: State) -> Reading:
    """What the evidence says now."""
    return reading_of(layout_of(spec), state, 0)


def reading_of(layout: Layout, state: State, family: int, paged: bool = False, resolved: bool = False) -> Reading:
    """The reading of one family of a layout."""
    spec = layout.specs[family]
    mine = np.flatnonzero(layout.family == family)
    parts = state.evidence[:, mine].sum(axis=0)
    total = float(layout.sums(state.evidence.sum(axis=0))[family])  # as the fold sums it, to the last bit
    untempered = float(layout.sums(state.plain.sum(axis=0) * layout.weight)[family])
    at = int(np.argmax(parts))
    firing, unknown = bool(state.firing[family]), bool(state.unrest[2, family] < KNOWN_BLOCKS)
    implicated = state.implicated[mine] > 0
    with np.errstate(divide="ignore"):
        log_evidence, log_plain, mirrors = np.log(total), np.log(untempered), np.log(state.mirror[:, mine].sum(axis=0))
    named = implicated if firing else culprits(parts, spec.needed)
    named[at] = named[at] or not firing
    recovery = float(mirrors[implicated].min()) if firing and implicated.any() else None
    return Reading(
        pane=state.position - 1 if state.position >= 0 else -1,
        phase=Phase.FIRING if firing else Phase.WATCHING,
        log_evidence=float(log_evidence),
        needed=spec.needed,
        stands=bool(log_evidence >= spec.needed),
        material=bool(violated(layout, state)[mine[at]]),
        warn=bool(log_evidence >= spec.warn_needed or (log_plain >= spec.needed and unknown)),
        warn_needed=spec.warn_needed,
        paged=paged,
        resolved=resolved,
        stale=firing and _stale(layout, state, mine[implicated]),
        leading=_leading(layout, state, int(mine[at])),
        culprits=tuple(dict.fromkeys(_name(layout, int(mine[place])) for place in np.argsort(-parts) if named[place])),
        recovery=recovery,
        recovery_needed=spec.recovery_needed,
        sigma=float(np.sqrt(state.unrest[3, family])),
    )


def _name(layout: Layout, detector: int) -> str:
    family = int(layout.family[detector])
    spec = layout.specs[family]
    first = sum(len(one.groups) for one in layout.specs[:family])
    return spec.groups[int(layout.column[detector]) - first]


def _leading(layout: Layout, state: State, detector: int) -> Leading:
    mass = state.plain[:, detector]
    since = float((mass * state.start[:, detector]).sum() / mass.sum()) if mass.sum() > 0 else None
    n, k, n_r, k_r, panes = (float(value) for value in estimates(state)[:, detector])
    with np.errstate(divide="ignore"):
        evidence = float(np.log(state.evidence[:, detector].sum()))
    side = Side.LOW if layout.low[detector] else Side.HIGH
    own, other = variances(layout, state, detector)
    name, phi = _name(layout, detector), float(state.phi[detector])
    reference = _reference(layout, state, detector)
    return Leading(name, side, evidence, phi, n, k, n_r, k_r, panes, own, other, since, reference)


def _reference(layout: Layout, state: State, detector: int) -> str:
    """The name of the reference; the rest where the best of the past is not known yet."""
    spec = layout.specs[int(layout.family[detector])]
    if spec.kind is Kind.LEVEL:
        return ""
    if spec.reference != Reference.BEST:
        return str(spec.reference)
    chosen = int(state.chosen[detector])
    return spec.groups[chosen] if chosen >= 0 else str(Reference.REST)


def _stale(layout: Layout, state: State, implicated: np.ndarray) -> bool:
    """No usable volume for a day, or for three times what the recovery was expected to take, if that is longer."""
    waited = state.position - state.seen[implicated]
    if not len(implicated) or not (waited > layout.tuning.stale_after * 60 / layout.pane).any():
        return False
    expected = recovery_panes(layout, state)[implicated]
    patience = np.maximum(
        layout.tuning.stale_after * 60 / layout.pane, np.where(np.isfinite(expected), 3.0 * expected, 0.0)
    )
    return bool((waited > patience).any())
