"""The evidence folded anew, in one go, from the evidence panes as they are stored in the end.

Panes of evidence are never re-opened and the fold of many is to the last bit that of one after the other; so whatever was killed,
handed over or delayed, the stored state must be the very bytes, and alerts may begin only while a page stands and end only after
its recovery.
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from alerts.proving import Plan
from monitor.evidence import Panes, State, Trace, trace
from monitor.sums import Basis
from streams.evidence_panes import ALL, Stretch
from streams.settings import Settings
from streams.snapshots import Snapshot
from streams.watching import Watched, watched

BEGAN = "select first_end_ms from fairdrift.evaluations where model = :model and time_basis = 'decision'"
STORED = "select pane_end_ms, state from fairdrift.evidence_states where family = :family"
TOLD = """
select to_state, (extract(epoch from pane_end) * 1000)::bigint from fairdrift.alert_transitions
where rule = :rule and to_state in ('firing', 'resolved') order by alert, transition_no
"""

Standing = tuple[int, int | None]
"""From the end of the pane (ms) in which a page began to that in which it was over; None if it is not."""


def refolded(connection: sa.Connection, settings: Settings) -> Iterator[str]:
    """What is otherwise than a fold of everything in one go makes it; families of decisions, everything served."""
    for of in watched(settings):
        for plan in of.plans:
            if plan.needs == "decision":
                yield from _family(connection, of, plan)


def _family(connection: sa.Connection, of: Watched, plan: Plan) -> Iterator[str]:
    found = connection.execute(sa.text(STORED), {"family": plan.name()}).one_or_none()
    if found is None:
        yield f"{plan.name()}: there is no stored state"
        return
    end, stored = found
    began = connection.execute(sa.text(BEGAN), {"model": of.model.name}).scalar_one()
    state, traced = _folded(Snapshot(connection, of.source), of, plan, (began, end))
    if state.to_bytes(plan.spec) != bytes(stored):
        yield f"{plan.name()}: the stored state at {end} is not what its panes make"
    told = [(row[0], row[1]) for row in connection.execute(sa.text(TOLD), {"rule": plan.rule})]
    patience = next(rule.policy.patience.for_ms for rule in of.rules if rule.policy.name == plan.rule)
    yield from _untimely(told, standing(traced, of.model.pane), patience)


def _folded(snapshot: Snapshot, of: Watched, plan: Plan, span: tuple[int, int]) -> tuple[State, Trace]:
    pane = of.model.pane
    stretch = Stretch(Basis.EVIDENCE_DECISION, pane, of.model.value.resolution)
    stretch.read(snapshot, *span)
    counts = stretch.counts(plan, ALL, *span)
    state = State.empty(plan.spec)
    state.position = span[0] // pane
    return trace(plan.spec, state, Panes(state.position, counts.n, counts.k, counts.squares))


def standing(traced: Trace, pane: int) -> list[Standing]:
    """When a page stood."""
    found: list[Standing] = []
    for happened in traced.transitions:
        at = (happened.pane + 1) * pane
        if happened.paged:
            found.append((at, None))
        else:
            found[-1] = found[-1][0], at
    return found


def _untimely(told: Sequence[tuple[str, int]], pages: Sequence[Standing], patience: int) -> Iterator[str]:
    for state, at in told:
        stood = any(began <= at and (over is None or at < over) for began, over in pages)
        if state == "resolved" and stood:
            yield f"resolved at {at}, while a page stood"
        if state == "firing" and not any(
            began + patience <= at and (over is None or at < over) for began, over in pages
        ):
            yield f"fired at {at}, and no page had stood for {patience} ms: {pages}"
