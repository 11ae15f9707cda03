"""Grafana dashboards as code. Each board is one module with `build()`; `BOARDS` is the registry.

They read the SQL views and nothing else, through the role `fairdrift_reader`; the board "Service" reads Prometheus too.

Why classic JSON (2026-11): Grafana 13 writes its new resource format by default, but still loads and migrates the
classic one, from files as well as from the API; that is the one form that versions 11 to 13 all read.
"""

from collections.abc import Callable

from grafana_foundation_sdk.models.dashboard import Dashboard

from streams.dashboards import alert, fleet, model, service

BOARDS: dict[str, Callable[[], Dashboard]] = {
    "fleet": fleet.build,
    "model": model.build,
    "alert": alert.build,
    "service": service.build,
}
"""File name without its ending -> builder."""
