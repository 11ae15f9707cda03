"""Queries of the Prometheus data source, for what the service tells of itself at /metrics."""

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as shapes

PROMETHEUS_TYPE = "prometheus"
PROMETHEUS_UID = "fairdrift-prometheus"


def prometheus_source() -> models.DataSourceRef:
    """The Prometheus data source, by its uid."""
    return models.DataSourceRef(type_val=PROMETHEUS_TYPE, uid=PROMETHEUS_UID)


def expression(text: str, legend: str, ref_id: str = "A") -> prometheus.Dataquery:
    """A range query; `legend` may name labels in double braces."""
    query = prometheus.Dataquery().expr(text).legend_format(legend).ref_id(ref_id).range()
    return query.editor_mode(shapes.QueryEditorMode.CODE).datasource(prometheus_source())


def newest(text: str, legend: str, ref_id: str = "A") -> prometheus.Dataquery:
    """The value at the end of the shown time."""
    query = prometheus.Dataquery().expr(text).legend_format(legend).ref_id(ref_id).instant()
    return query.editor_mode(shapes.QueryEditorMode.CODE).datasource(prometheus_source())
