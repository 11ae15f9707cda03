"""What a report reads: the views as they were known at its time. Every figure of a report comes from here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from streams.report.findings import Figure, Gap, GroupFigure, Line, Moment, Period, What

MOST_POINTS = 1500
"""So many points of a series are drawn at most."""

_SAME = "model = :model and time_basis = :basis and window_seconds = :window and metric = :metric and label_class = ''"
_DISPARITY = f"""
from fairness_disparity_as_of(:as_of)
where {_SAME} and attribute_set = cast(:attributes as text[]) and aggregate = :aggregate and method = :method
"""
_TOGETHER = " and version = '*' and arm = '*'"
_GROUP = f"from fairness_group_as_of(:as_of) where {_SAME} and stratum = '{{}}'"
_FIGURE = "value, ci_low, ci_high, n, state"
_BETWEEN = " and window_end > :start and window_end <= :end"


@dataclass(frozen=True, slots=True)
class Views:
    """The views of one model in the caller's transaction."""

    connection: sa.Connection
    model: str
    period: Period

    # --- windows

    def newest(self, what: What, until: datetime) -> datetime | None:
        """The end of the newest window, not after `until`, that there is a point of."""
        query = f"select max(window_end) {_DISPARITY}{_TOGETHER} and stratum = '{{}}' and window_end <= :until"
        return self._scalar(query, what, until=until)

    def oldest(self, what: What, since: datetime) -> datetime | None:
        """The end of the first window not before `since` in which the comparison was measured."""
        query = (
            f"select min(window_end) {_DISPARITY}{_TOGETHER} and stratum = '{{}}' and window_end >= :since"
            " and window_end <= :end and state = 'measured'"
        )
        return self._scalar(query, what, since=since, end=self.period.end)

    def moment(self, called: str, what: What, window_end: datetime, *, versions: bool = False) -> Moment:
        """Everything that the views have of one window."""
        at = {"at": window_end}
        gaps = self._rows(
            f"select {_FIGURE}, lower_group, higher_group, stratum {_DISPARITY}{_TOGETHER} and window_end = :at",
            what,
            **at,
        )
        raw = [_gap(row) for row in gaps if not row["stratum"]]
        within = [_gap(row) for row in gaps if row["stratum"]]
        groups = self._groups(what, window_end)
        mine = [one for one in groups if (one.version, one.arm) == ("*", "*")]
        others = [one for one in groups if one.version != "*"] if versions else []
        return Moment(
            called, window_end, tuple(mine), raw[0] if raw else None, within[0] if within else None, tuple(others)
        )

    def _groups(self, what: What, window_end: datetime) -> list[GroupFigure]:
        query = (
            f"select version, arm, group_values, {_FIGURE}, numerator, denominator, label_coverage {_GROUP}"
            " and attribute_set = cast(:attributes as text[]) and window_end = :at order by version, arm, group_values::text"
        )
        rows = self._rows(query, what, at=window_end)
        return [GroupFigure(row["group_values"], figure(row), row["version"], row["arm"]) for row in rows]

    # --- series

    def gaps(self, what: What) -> list[Line]:
        """The raw comparison over the period, and the one within strata."""
        query = (
            f"select window_end, value, ci_low, ci_high, stratum {_DISPARITY}{_TOGETHER}{_BETWEEN}{self._thinned(what)}"
            " order by stratum::text, window_end"
        )
        found: dict[str, list[sa.RowMapping]] = {}
        for row in self._rows(query, what, start=self.period.start, end=self.period.end):
            found.setdefault(" and ".join(sorted(row["stratum"])), []).append(row)
        return [_line(f"within {name}" if name else "", rows) for name, rows in found.items()]

    def levels(self, what: What) -> list[Line]:
        """The metric of each group over the period, for rules about a group's own level."""
        query = (
            f"select window_end, value, ci_low, ci_high, group_values {_GROUP}{_TOGETHER}{_BETWEEN}{self._thinned(what)}"
            " and attribute_set = cast(:attributes as text[]) order by group_values::text, window_end"
        )
        found: dict[str, list[sa.RowMapping]] = {}
        for row in self._rows(query, what, start=self.period.start, end=self.period.end):
            found.setdefault(" · ".join(row["group_values"][name] for name in sorted(row["group_values"])), []).append(
                row
            )
        return [_line(name, rows) for name, rows in found.items()]

    def evidence(self, rule: str, what: What) -> tuple[Line, float | None]:
        """The evidence of a rule over the period, and what a page needs."""
        query = sa.text("""
select pane_end, log_evidence, log_evidence_needed from fairness_evidence_as_of(:as_of)
where model = :model and rule = :rule and attribute_set = cast(:attributes as text[])
  and pane_end > :start and pane_end <= :end order by pane_end
""")
        rows = self.connection.execute(
            query, self._values(what, rule=rule, start=self.period.start, end=self.period.end)
        )
        found = rows.mappings().all()
        kept = found[:: max(1, -(-len(found) // MOST_POINTS))]
        line = Line("evidence", tuple(_ms(row["pane_end"]) for row in kept), tuple(row["log_evidence"] for row in kept))
        return line, (found[-1]["log_evidence_needed"] if found else None)

    def _thinned(self, what: What) -> str:
        """Which ends are drawn: every minute of short periods, every hour of long ones, every day of a year's."""
        length = self.period.end - self.period.start
        steps = (60, 600, 3600, 21_600, 86_400)
        wanted = max(length.total_seconds() / MOST_POINTS, what.window_seconds / 60)
        step = next((step for step in steps if step >= wanted), 86_400) if length > timedelta(days=1) else 1
        return f" and extract(epoch from window_end)::bigint % {step} = 0"

    # --- what else is known

    def history(self) -> Sequence[sa.RowMapping]:
        """Every change of state of the model's alerts up to the period's end."""
        query = sa.text(
            "select * from alert_history_as_of(:as_of) where model = :model and pane_end <= :end order by alert, transition_no"
        )
        return self.connection.execute(query, self._values(end=self.period.end)).mappings().all()

    def routes(self) -> Sequence[sa.RowMapping]:
        """Every change of route up to the period's end."""
        query = sa.text(
            "select * from control_history_as_of(:as_of) where model = :model and effective_at <= :end order by epoch"
        )
        return self.connection.execute(query, self._values(end=self.period.end)).mappings().all()

    def stored(self, metric: str, basis: str) -> Sequence[sa.RowMapping]:
        """The windows of whole hours that there are of everybody, between start and end."""
        query = sa.text(f"""
select window_seconds, window_end from fairness_group_as_of(:as_of)
where model = :model and metric = :metric and time_basis = :basis and attribute_set = '{{}}' and stratum = '{{}}'
  and label_class = ''{_TOGETHER}{_BETWEEN} and extract(epoch from window_end)::bigint % 3600 = 0
""")
        values = self._values(metric=metric, basis=basis, start=self.period.start, end=self.period.end)
        return self.connection.execute(query, values).mappings().all()

    def rows_in(self, metric: str, basis: str, windows: Iterable[tuple[int, datetime]]) -> Sequence[sa.RowMapping]:
        """The groups of every attribute set in these windows (seconds, end)."""
        lengths, ends = zip(*windows, strict=True)
        query = sa.text(f"""
select g.attribute_set, g.group_values, g.value, g.n, g.numerator, g.denominator, g.ci_low, g.ci_high, g.state,
  g.window_seconds, g.window_end
from fairness_group_as_of(:as_of) g
join unnest(cast(:lengths as int[]), cast(:ends as timestamptz[])) as t(length, stop)
  on g.window_seconds = t.length and g.window_end = t.stop
where g.model = :model and g.metric = :metric and g.time_basis = :basis and g.stratum = '{{}}' and g.label_class = ''
  {_TOGETHER} and g.window_end = any(cast(:ends as timestamptz[]))
""")
        values = self._values(metric=metric, basis=basis, lengths=list(lengths), ends=list(ends))
        return self.connection.execute(query, values).mappings().all()

    def versions(self, basis: str = "decision") -> Sequence[sa.RowMapping]:
        """Each version and arm with its first and last window of the shortest length that had anybody in it."""
        query = sa.text(f"""
select version, arm, window_seconds, min(window_end) as first, max(window_end) as last
from fairness_group_as_of(:as_of)
where model = :model and time_basis = :basis and attribute_set = '{{}}' and version <> '*' and n > 0{_BETWEEN}
  and window_seconds = (select min(window_seconds) from fairness_group_as_of(:as_of)
                        where model = :model and time_basis = :basis and attribute_set = '{{}}' and version <> '*'{_BETWEEN})
group by version, arm, window_seconds order by first, version, arm
""")
        values = self._values(basis=basis, start=self.period.start, end=self.period.end)
        return self.connection.execute(query, values).mappings().all()

    def _values(self, what: What | None = None, **more: object) -> dict[str, object]:
        values: dict[str, object] = {"model": self.model, "as_of": self.period.as_of, **more}
        if what is not None:
            values |= {
                "basis": what.time_basis, "window": what.window_seconds, "metric": what.metric,
                "attributes": list(what.attributes), "aggregate": what.aggregate, "method": what.method,
            }  # fmt: skip
        return values

    def _rows(self, query: str, what: What, **more: object) -> Sequence[sa.RowMapping]:
        return self.connection.execute(sa.text(query), self._values(what, **more)).mappings().all()

    def _scalar(self, query: str, what: What, **more: object) -> datetime | None:
        found: datetime | None = self.connection.execute(sa.text(query), self._values(what, **more)).scalar()
        return found


def figure(row: sa.RowMapping) -> Figure:
    """The figure in a row of a view."""
    return Figure(
        row["value"], row["ci_low"], row["ci_high"], row["n"], row["state"], row.get("numerator"), row.get("denominator"),
        row.get("label_coverage"),
    )  # fmt: skip


def _gap(row: sa.RowMapping) -> Gap:
    return Gap(figure(row), row["lower_group"], row["higher_group"], tuple(sorted(row["stratum"])))


def _line(name: str, rows: Sequence[sa.RowMapping]) -> Line:
    return Line(
        name,
        tuple(_ms(row["window_end"]) for row in rows),
        tuple(row["value"] for row in rows),
        tuple(row["ci_low"] for row in rows),
        tuple(row["ci_high"] for row in rows),
    )


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
