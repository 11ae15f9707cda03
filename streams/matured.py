"""Evidence of metrics that are conditional on the decision (precision, accuracy): from cohorts whose labels are all in.

Labels that come later for one group than for another make a gap of their own: equal groups with a precision of .6 each
showed a ratio of .711 at first. So these families are folded over hours of decisions, and each hour only when nothing of
it can change any more: when the clock is a join horizon and the lateness past its end. That makes it exact and the same in
every replay, and late by as much: a shorter `join_horizon` is known sooner.

Whatever is proven from labels is withheld while coverage differs between groups (`streams.evenness`).

Source: the study's section on delayed outcomes.
"""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from alerts.evaluation import Stored
from alerts.proving import Plan
from alerts.verdicts import Finding
from monitor.config import ModelConfig
from monitor.sums import Basis
from monitor.windows import HOUR
from streams.evenness import Evenness, hours_over
from streams.proving import Proof, Prover
from streams.snapshots import Snapshot

Findings = list[dict[tuple[str, tuple[str, ...], str, str], Finding]]


class Provers:
    """The families of one model and time basis: those of the panes that close now, and those of matured cohorts."""

    def __init__(self, model: ModelConfig, now: Prover, matured: tuple[Plan, ...]) -> None:
        self._now, self._wait = now, model.join_horizon + model.max_lateness
        self._then = Prover(model.model_copy(update={"pane": HOUR}), matured, Basis.LABEL_DECIDED, "matured")
        self._even = Evenness(model, tuple(plan for plan in (*now.plans, *matured) if plan.needs == "label"))
        self._now.withheld = lambda plan, end: self._even.reason(plan, self._at(end))
        self._then.withheld = self._even.reason
        self.end: int | None = None
        self.followed = ""
        self.findings: Findings = []

    def stand_at(self, connection: sa.Connection, end: int, alerts: Mapping[str, Stored]) -> None:
        """As `Prover.stand_at`."""
        if self.end is None:  # forgotten
            self._now.end = self._then.end = None
        self._now.stand_at(connection, end, alerts)
        if self._then.plans:
            self._then.stand_at(connection, self._at(end), alerts)
        self.end = end

    def enter(self, connection: sa.Connection, snapshot: Snapshot, low: int, high: int) -> None:
        """Read what is folded while the clock goes from `low` to `high`."""
        self._even.read(connection, hours_over(self._at(low), self._at(high)))
        self._now.enter(snapshot, low, high)
        if self._then.plans:
            self._then.enter(snapshot, self._at(low), self._at(high))

    def advance(self, ends: Sequence[int], until: int) -> Sequence[Proof]:
        """As `Prover.advance`, of all families."""
        self._now.followed = self._then.followed = self.followed
        found, self.findings = self._now.advance(ends, until), self._now.findings
        if self._then.plans:
            then = self._then.advance([self._at(end) for end in ends], self._at(until))
            found = [{**one, **other} for one, other in zip(found, then, strict=True)]
            self.findings = [{**one, **other} for one, other in zip(self.findings, self._then.findings, strict=True)]
        self.end = until
        return found

    def save(self, connection: sa.Connection, config_version: str) -> None:
        """As `Prover.save`."""
        self._now.save(connection, config_version)
        self._then.save(connection, config_version)

    def worked(self) -> tuple[int, float]:
        """As `Prover.worked`."""
        (folds, seconds), (more, longer) = self._now.worked(), self._then.worked()
        return folds + more, seconds + longer

    def _at(self, end: int) -> int:
        """The end of the last hour of decisions that is over for good when the clock is at `end`."""
        return (end - self._wait) // HOUR * HOUR
