"""Parity as Prometheus gauges: the newest disparities of everything served, for alerts and boards beside the service's own.

Labels are the names of attributes, never a group: which groups a number is about stands in the views. What cannot be said
has no sample in `fairdrift_disparity` and a 0 in `fairdrift_disparity_measured`, so that a rule can tell it from parity.
"""

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitor.times import format_duration
from streams.exporter import METRICS, CollectedName
from streams.settings import Settings

_NEWEST = sa.text("""
select d.* from fairdrift.evaluations e
cross join lateral unnest(cast(:windows as int[])) w(seconds)
cross join lateral (
    select distinct on (attribute_set, metric, aggregate, method)
        model, metric, aggregate, method, attribute_set, window_seconds, state, value, ci_low, ci_high, n
    from fairness_disparity
    where model = e.model and time_basis = e.time_basis and version = '*' and arm = '*' and stratum = '{}' and label_class = ''
        and window_seconds = w.seconds
        and window_end > to_timestamp(e.last_end_ms / 1000.0) - make_interval(secs => w.seconds)
        and window_end <= to_timestamp(e.last_end_ms / 1000.0)
    order by attribute_set, metric, aggregate, method, window_end desc
) d
where e.time_basis in ('decision', 'outcome') and e.model = any(:models)
""")

_COLUMNS: dict[CollectedName, str] = {
    "fairdrift_disparity": "value",
    "fairdrift_disparity_low": "ci_low",
    "fairdrift_disparity_high": "ci_high",
    "fairdrift_disparity_events": "n",
}


class ParityCollector(Collector):
    """The newest measured disparities, looked up when Prometheus asks. Tells nothing while the database does not answer.

    `windows` in ms: the lengths of the windows of any model; `models`: which are configured.
    """

    def __init__(self, engine: sa.Engine, models: Sequence[str], windows: Iterable[int]) -> None:
        self._engine, self._models = engine, list(models)
        self._windows = sorted({window // 1000 for window in windows})

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """A sample of each gauge for each disparity and window."""
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(_NEWEST, {"windows": self._windows, "models": self._models}).all()
        except sa.exc.SQLAlchemyError:
            return
        measured = _family("fairdrift_disparity_measured")
        gauges = {name: _family(name) for name in _COLUMNS}
        for row in rows:
            labels = _labels(row)
            measured.add_metric(labels, row.state == "measured")
            for name, column in _COLUMNS.items():
                if row.state == "measured" and (value := getattr(row, column)) is not None:
                    gauges[name].add_metric(labels, value)
        yield measured
        yield from gauges.values()


def parity_of(engine: sa.Engine, settings: Settings) -> ParityCollector:
    """The collector of the configured models and windows."""
    windows = {window for model in settings.models for window in model.windows}
    return ParityCollector(engine, [model.name for model in settings.models], windows)


def _labels(row: sa.Row[tuple[object, ...]]) -> list[str]:
    window = format_duration(row.window_seconds * 1000)
    return [row.model, row.metric, row.aggregate, row.method, ",".join(row.attribute_set), window]


def _family(name: CollectedName) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, METRICS[name].help, labels=METRICS[name].labels)
