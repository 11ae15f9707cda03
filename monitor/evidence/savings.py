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
"""

import numpy as np

from monitor.estimates import Floats
from monitor.evidence.layout import Layout
from monitor.evidence.state import State


def income(layout: Layout, state: State, gaps: Floats | float) -> Floats:
    """(F,): the mass that starts evenly; the rest is saved. `gaps`: how many panes at once."""
    tuning = layout.tuning
    limit = layout.savings
    if not limit:
        return np.zeros(len(layout.specs)) + gaps
    before, after = state.savings, np.minimum(state.savings + (1.0 - tuning.base_share) * gaps, limit)
    state.savings = after
    return gaps - (after - before)


def spend(layout: Layout, state: State, alarm: Floats) -> Floats | None:
    """(K, D): the mass that starts where suspicion rose to new heights above `alarm`; None if nowhere."""
    ringing = state.suspicion >= alarm
    if not ringing.any():
        return None
    height = np.where(ringing, state.suspicion - alarm + 1.0, 0.0)
    news = np.maximum(height - state.peak, 0.0)
    if not news.any():
        return None
    np.maximum(state.peak, height, out=state.peak)
    risen = np.maximum.reduceat(news.max(axis=0), layout.starts)
    amount = state.savings * -np.expm1(-layout.tuning.spend_rate * risen)
    share = np.where(news > 0, np.exp(np.minimum(state.suspicion, 600.0) - alarm), 0.0)
    total = layout.sums(share.sum(axis=0))
    state.savings -= amount
    return share * (amount / np.where(total > 0, total, 1.0))[layout.family]


def suspect(state: State, news: Floats) -> None:
    """One pane's log likelihood ratios against the own past, (K, D)."""
    state.suspicion += news
    np.maximum(state.suspicion, 0.0, out=state.suspicion)
    if state.peak.any():
        state.peak[state.suspicion == 0.0] = 0.0
