"""Start mass is saved while nothing looks odd, and spent where something does.

A Shiryaev-Roberts detector starts one unit of mass in every pane, for every group and alternative alike. What the guarantee needs is
only that the mass of a pane is decided before it, and that no more than one unit per pane was started since the beginning, plus what was
saved up before. So a family starts a part of its mass evenly (`base_share`) and saves the rest, up to `savings`. The
threshold is raised from `month / B` to `(month + savings) / B`, so that whatever was saved beforehand, the expected
number of false pages in any 30 days is at most B:

    A E[pages in 30 days] <= E[mass started in them] + what was saved before <= month + savings.

When to spend is decided by a drift detector that needs no guarantee: a CUSUM of each alternative against the group's own past
(never better than the bound itself). It is quick, since the alternative is farther from the past than from the bound, and its
alarm is set so that chance rings it once in `savings` panes over the whole family. At the alarm, and with every further nat,
a share of the savings (`spend_rate`) becomes mass of that group and alternative, which then needs
far less evidence than its even share of one pane's mass would.

Nothing is spent before the bound itself looks broken lately: a slow drift rings long before it breaks the bound, and mass that starts
there shrinks. A second CUSUM of each alternative tells it (`lead`), against the bound: with x a pane's distance from the past, l from the
past to the bound, d to the alternative and v the variance, `max(0, lead + d (x - d / 2) / v - l (x - l / 2) / v)`. Mass starts where it
is above `BROKEN`. Past panes decide it, so that the mass is still decided beforehand.
"""

import numpy as np

from monitor.estimates import Floats
from monitor.evidence.layout import Layout
from monitor.evidence.state import State

BROKEN = 1.0
"""Nats by which an alternative must lately be likelier than the bound. At 0 a slow drift takes a tenth longer (mass starts at
once where the bound is crossed, and half of it shrinks), at 2 a sudden one a sixth.
"""


def income(layout: Layout, state: State, gaps: Floats | float) -> Floats:
    """(F,): the mass that starts evenly; the rest is saved. `gaps`: how many panes at once."""
    tuning = layout.tuning
    limit = layout.savings
    if not limit:
        return np.zeros(len(layout.specs)) + gaps
    before, after = state.savings, np.minimum(state.savings + (1.0 - tuning.base_share) * gaps, limit)
    state.savings = after
    return gaps - (after - before)


def spend(layout: Layout, state: State, distance: Floats, level: Floats) -> Floats | None:
    """(K, D): the mass that starts where suspicion rose to new heights above its alarm; None if nowhere.

    The alarm is `max(1, ln(level distance^2))`, for alternatives at some distance (K, D).
    """
    highest = state.suspicion.max(axis=0)
    with np.errstate(divide="ignore"):
        loud = highest >= alarms(level, distance[layout.nearest])
        if not loud.any():
            return None
        alarm = alarms(level[loud], distance[:, loud])
    suspicion, peak = state.suspicion[:, loud], state.peak[:, loud]
    beyond = state.lead[:, loud] > BROKEN
    ringing = (suspicion >= alarm) & (distance[:, loud] > 0) & beyond
    height = np.where(ringing, suspicion - alarm + 1.0, 0.0)
    news = np.maximum(height - peak, 0.0)
    if not news.any():
        return None
    state.peak[:, loud] = np.maximum(peak, height)
    risen, share = np.zeros(layout.size), np.zeros_like(state.suspicion)
    risen[loud] = news.max(axis=0)
    share[:, loud] = np.where(news > 0, np.exp(np.minimum(suspicion - alarm, 600.0)), 0.0)
    amount = state.savings * -np.expm1(-layout.tuning.spend_rate * np.maximum.reduceat(risen, layout.starts))
    total = layout.sums(share.sum(axis=0))
    state.savings = state.savings - amount
    return share * (amount / np.where(total > 0, total, 1.0))[layout.family]


def alarms(level: Floats, distance: Floats) -> Floats:
    """Nats of suspicion at which an alarm rings."""
    alarm = level * distance
    alarm *= distance
    np.log(alarm, out=alarm)
    return np.maximum(alarm, 1.0, out=alarm)


def suspect(state: State, news: Floats, lead: Floats) -> None:
    """One pane's log likelihood ratios against the own past: of the alternatives (K, D), and of the bound, `lead` (D,)."""
    state.lead += news
    state.lead -= lead
    np.maximum(state.lead, 0.0, out=state.lead)
    state.suspicion += news
    np.maximum(state.suspicion, 0.0, out=state.suspicion)
    if np.maximum.reduce(state.peak, axis=None) > 0:
        state.peak[state.suspicion == 0.0] = 0.0
