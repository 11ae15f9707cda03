"""Families of evidence in Postgres: the state of each with the end of its last pane, and the series that people read."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from alerts.proving import Plan
from alerts.verdicts import Evidence
from streams.errors import Overtaken
from streams.retention import EVALUATED, KEEP_EVIDENCE

LOAD = """
select family, rule, attribute_set, version, arm, pane_end_ms, state from fairdrift.evidence_states
where model = :model and time_basis = :time_basis
"""

BEGIN = """
insert into fairdrift.evidence_states (family, rule, model, metric, attribute_set, version, arm, time_basis, pane_end_ms, state,
    finding, reading, config_version)
values (:family, :rule, :model, :metric, :attributes, :version, :arm, :time_basis, :end, :state, :finding,
    cast(:reading as jsonb), :config_version)
on conflict do nothing
"""

MOVE = """
update fairdrift.evidence_states set rule = :rule, metric = :metric, attribute_set = :attributes, version = :version, arm = :arm,
    pane_end_ms = :end, state = :state, finding = :finding, reading = cast(:reading as jsonb),
    config_version = :config_version, updated_at = now()
where family = :family and pane_end_ms = :was
"""

POINT = """
insert into fairdrift.evidence (family, pane_end, rule, model, attribute_set, metric, log_evidence, log_evidence_needed, phi,
    leading_group, state)
values (:family, :end, :rule, :model, :attributes, :metric, :log_evidence, :needed, :phi, cast(:leading as jsonb), :state)
on conflict do nothing
"""

FORGET = """
delete from fairdrift.evidence where pane_end < :before and extract(epoch from pane_end)::bigint % 86400 <> 0
"""
"""Series of evidence thin out to one row a day."""


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """A stored family: whose it is, and its state after the pane that ended at `end` (ms)."""

    family: str
    rule: str
    attributes: tuple[str, ...]
    version: str
    arm: str
    end: int
    state: bytes


@dataclass(frozen=True, slots=True)
class Folded:
    """A family to be written. `was`: the end that the database must have; None: it must not be there."""

    plan: Plan
    version: str
    arm: str
    was: int | None
    end: int
    state: bytes
    finding: str
    evidence: Evidence | None


@dataclass(frozen=True, slots=True)
class Row:
    """The evidence of one family of everything served, at the end of a pane (ms)."""

    plan: Plan
    end: int
    evidence: Evidence


def load_families(connection: sa.Connection, model: str, time_basis: str) -> list[FamilyRow]:
    """The stored families of a model, those of versions and arms included."""
    rows = connection.execute(sa.text(LOAD), {"model": model, "time_basis": time_basis})
    return [
        FamilyRow(r.family, r.rule, tuple(r.attribute_set), r.version, r.arm, r.pane_end_ms, bytes(r.state))
        for r in rows
    ]


def save_families(connection: sa.Connection, folded: Sequence[Folded], time_basis: str, config_version: str) -> None:
    """Compare-and-set the families.

    Raises:
        Overtaken: another worker has folded the same panes; nothing of this transaction may stand.
    """
    for one in folded:
        values = _values(one) | {"time_basis": time_basis, "config_version": config_version}
        if connection.execute(sa.text(BEGIN if one.was is None else MOVE), values).rowcount != 1:
            raise Overtaken(f"another worker has folded the evidence of {one.plan.name(one.version, one.arm)}")


def save_evidence(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Write the series of evidence; what is there already stays."""
    if rows:
        connection.execute(sa.text(POINT), [_point(row) for row in rows])


def thin_out(engine: sa.Engine) -> int:
    """Keep one row a day of what is older than evidence panes are kept; returns how many went."""
    with engine.begin() as connection:
        evaluated = connection.execute(sa.text(EVALUATED)).scalar()
        if evaluated is None:
            return 0
        before = datetime.fromtimestamp((evaluated - KEEP_EVIDENCE) / 1000, UTC)
        return connection.execute(sa.text(FORGET), {"before": before}).rowcount


def _values(one: Folded) -> dict[str, Any]:
    plan = one.plan
    reading = {} if one.evidence is None else asdict(one.evidence)
    return {
        "family": plan.name(one.version, one.arm), "rule": plan.rule, "model": plan.model, "metric": plan.metric,
        "attributes": list(plan.attributes), "version": one.version, "arm": one.arm, "was": one.was, "end": one.end,
        "state": one.state, "finding": one.finding, "reading": json.dumps(reading, ensure_ascii=False),
    }  # fmt: skip


def _point(row: Row) -> dict[str, Any]:
    plan, evidence = row.plan, row.evidence
    state = "stale" if evidence.stale or evidence.withheld else "measured"
    return {
        "family": plan.name(), "end": datetime.fromtimestamp(row.end / 1000, UTC), "rule": plan.rule, "model": plan.model,
        "attributes": list(plan.attributes), "metric": plan.metric, "log_evidence": evidence.log_evidence,
        "needed": evidence.needed, "phi": evidence.overdispersion,
        "leading": json.dumps(dict(evidence.leading), ensure_ascii=False) if evidence.leading else None, "state": state,
    }  # fmt: skip
