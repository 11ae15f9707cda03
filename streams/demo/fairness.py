"""What fairdrift says: read from its views, as a dashboard or a person with SQL would."""

from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa

from streams.demo.bank import MODEL
from streams.demo.director import Change
from streams.demo.picture import Reading

WINDOW_SECONDS = 12 * 3600

READINGS = sa.text("""
    select d.window_end, d.value, d.ci_low, d.ci_high,
           max(g.value) filter (where g.group_values ->> 'sex' = 'female') as women,
           max(g.value) filter (where g.group_values ->> 'sex' = 'male') as men
    from fairness_disparity d
    join fairness_group g using (model, version, arm, time_basis, window_seconds, window_end, attribute_set, metric)
    where d.model = :model and d.version = '*' and d.arm = '*' and d.attribute_set = '{sex}' and d.metric = 'mean_value'
      and d.aggregate = 'ratio' and d.method = 'to_reference' and d.window_seconds = :window and d.state = 'measured'
      and d.time_basis = 'decision' and d.window_end > :since and g.state = 'measured'
    group by d.window_end, d.value, d.ci_low, d.ci_high
    order by d.window_end
""")

CHANGES = sa.text("""
    select pane_end, from_state, to_state from alert_history
    where model = :model and rule = 'limit-parity' and pane_end > :since and (from_state = 'firing' or to_state = 'firing')
    order by pane_end, transition_no
""")

EVALUATED = sa.text("select last_end_ms from fairdrift.evaluations where model = :model and time_basis = 'decision'")
UNDELIVERED = sa.text("select count(*) from fairdrift.outbox where sent_at is null and dead_at is null")
EPOCH = sa.text("select coalesce(max(epoch), 0) from control_history where model = :model")
REPAID = sa.text("""
    select distinct on (sex) group_values ->> 'sex' as sex, value from fairness_group
    where model = :model and version = '*' and arm = '*' and attribute_set = '{sex}' and metric = 'precision'
      and time_basis = 'outcome' and window_seconds = 604800 and state = 'measured'
    order by sex, window_end desc
""")
"""Precision: of those approved, the share that repaid, by when it became known; the newest week."""

COUNTED = sa.text("select coalesce(sum(sums[1]), 0) from fairdrift.panes where basis = 0")
"""The first slot of a decision pane (basis 0) is the number of predictions; see monitor/sums.py."""

START = datetime(1970, 1, 1, tzinfo=UTC)


class Fairness:
    """Reads what is new since the last call."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._read_until = self._changed_until = START

    def evaluated_ms(self) -> int:
        """The end (ms) of the last pane of decisions that was evaluated; 0 before the first."""
        return self._number(EVALUATED)

    def undelivered(self) -> int:
        """Notifications that were decided on and have not been sent."""
        return self._number(UNDELIVERED)

    def epoch(self) -> int:
        """The number of the newest change of route; 0 if there was none."""
        return self._number(EPOCH)

    def counted(self) -> int:
        """The predictions in the stored panes."""
        return self._number(COUNTED)

    def repaid(self) -> dict[str, float]:
        """Sex -> the share of the approved that repaid, of the last seven days' outcomes."""
        with self._engine.connect() as connection:
            return {row.sex: row.value for row in connection.execute(REPAID, {"model": MODEL})}

    def readings(self) -> list[Reading]:
        """The new points of the ratio of mean limits, with both means."""
        with self._engine.connect() as connection:
            asked = {"model": MODEL, "window": WINDOW_SECONDS, "since": self._read_until}
            rows = connection.execute(READINGS, asked).all()
        if rows:
            self._read_until = rows[-1].window_end
        return [Reading(_ms(row[0]), *row[1:]) for row in rows if None not in row]

    def changes(self) -> list[Change]:
        """The new beginnings and ends of firing."""
        with self._engine.connect() as connection:
            rows = connection.execute(CHANGES, {"model": MODEL, "since": self._changed_until}).all()
        if rows:
            self._changed_until = rows[-1].pane_end
        return [Change(row.to_state, _ms(row.pane_end)) for row in rows]

    def _number(self, query: sa.TextClause) -> int:
        with self._engine.connect() as connection:
            given = {"model": MODEL} if ":model" in query.text else {}
            return int(connection.execute(query, given).scalar() or 0)


def waiting(until: Callable[[], bool], pause: Callable[[float], None], step: float = 0.02) -> None:
    """Ask again and again, `step` seconds apart, until it is so; `pause` sleeps, and raises when there is no hope."""
    while not until():
        pause(step)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
