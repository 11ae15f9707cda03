"""Evidence that a rule's bound is broken: what may page (DESIGN 7). Pure; time is the number of a pane.

A *family* is one rule on one metric over the groups of one attribute set, described by a `Spec` and folded pane by pane:

    spec = Spec(groups=("female", "male"), lower=0.8, reference="male")       # four fifths of men's rate
    state = State.empty(spec)                                                 # or State.from_bytes(spec, stored)
    panes = Panes(first=pane_number(spec, start), n=[[120, 340]], k=[[31, 102]])
    state, reading = fold(spec, state, panes)                                 # a new state; the old one stays as it is
    reading.stands, reading.paged, reading.log_evidence, reading.needed       # `paged` only in the fold that pages
    stored = state.to_bytes()

`fold` takes any number of consecutive panes; panes that were folded before are passed over, panes left out are empty,
and the result does not depend, to the last bit, on how the panes were cut into calls. `trace` is `fold` that also keeps
the evidence after each pane (for backtests). `Families` folds many families that are at the same pane at once
(`together` says which can), `Families.trace` likewise.
`expected_events` says how many events of a group a given gap would take to prove.

What is promised: if every group keeps the rule in every pane's average rates, events are independent given the pane, and
volumes do not depend on the same pane's outcomes, then the expected number of false pages in 30 days is at most
`spec.budget`, under continuous looking, for any number, size and dependence of groups. Modules: `evalues` (one pane),
`learning` (what is learned from past panes), `detector` (panes into evidence), `materiality`, `recovery`, `effort`.

How soon: after `ln(A) / I` events of a group or less (`expected_panes`), I the nats that one tells. The story of limits that drop by 30%
(a coefficient of variation of 0.3, women half of those decided on) is paged within the hour (median of 30 runs, five-minute panes) from
8,000 decisions a day with a budget of one page a month, from about 32,000 with 0.05; at 4,000 after 1.9 and 4.8 hours, where fixed stakes
took 20 and 26. Nothing can be much sooner: the best bet there is earns 2.7 nats an hour at 4,000, so that a test that knew the moment
would need 1.1 hours for 0.05; and the gate's window shows the drop after 40 minutes at any traffic
(`make bench-evidence ARGS="--only values"`).

Source: Turner, Ly and Grünwald, "Generic E-variables for exact sequential k-sample tests", JSPI 230 (2024); Shin, Ramdas and
Rinaldo, "E-detectors", NEJSDS 2 (2024), arXiv 2203.03532.
"""

from monitor.evidence.effort import expected_events, expected_panes
from monitor.evidence.families import Families, together
from monitor.evidence.fold import Trace, Transition, fold, trace
from monitor.evidence.panes import Panes, pane_number
from monitor.evidence.reading import Leading, Phase, Reading, read
from monitor.evidence.spec import Kind, Measure, Reference, Side, Spec, Tuning
from monitor.evidence.state import State

__all__ = [
    "Families",
    "Kind",
    "Leading",
    "Measure",
    "Panes",
    "Phase",
    "Reading",
    "Reference",
    "Side",
    "Spec",
    "State",
    "Trace",
    "Transition",
    "Tuning",
    "expected_events",
    "expected_panes",
    "fold",
    "pane_number",
    "read",
    "together",
    "trace",
]
