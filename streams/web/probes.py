"""Health and metrics."""

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from streams.errors import StreamsError
from streams.health import Probe
from streams.schema import require_head
from streams.web.endpoints import Answer, Endpoint, Handler, json_response

_STATUS = {"type": "object", "required": ["status"], "properties": {"status": {"enum": ["ok", "failing"]}}}
_ANSWERS = {200: Answer("yes", _STATUS), 503: Answer("no", _STATUS)}


def worker_endpoints(probe: Probe) -> list[Endpoint]:
    """Liveness and readiness of a worker, from the marks of its activities."""

    def live(request: Request) -> Response:
        health = probe.health()
        return json_response(health.as_dict(health.live), 200 if health.live else 503)

    def ready(request: Request) -> Response:
        health = probe.health()
        return json_response(health.as_dict(health.ready), 200 if health.ready else 503)

    return _health(live, ready)


def service_endpoints(engine: sa.Engine) -> list[Endpoint]:
    """Of `serve`: live while it answers, ready while the database is there with the right schema."""

    def live(request: Request) -> Response:
        return json_response({"status": "ok"})

    def ready(request: Request) -> Response:
        try:
            require_head(engine)
        except (sa.exc.SQLAlchemyError, StreamsError):
            return json_response({"status": "failing"}, 503)
        return json_response({"status": "ok"})

    return _health(live, ready)


def metrics_endpoint(registry: CollectorRegistry) -> Endpoint:
    """Prometheus' exposition of the registry."""

    def metrics(request: Request) -> Response:
        encoder, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encoder(registry), headers={"Content-Type": content_type})

    text = Answer("the metrics", {"type": "string"}, "text/plain")
    return Endpoint("/metrics", ("GET",), metrics, "Prometheus metrics of this process", {200: text})


def _health(live: Handler, ready: Handler) -> list[Endpoint]:
    return [
        Endpoint("/health/live", ("GET",), live, "Whether a restart would not help", _ANSWERS, public=True),
        Endpoint("/health/ready", ("GET",), ready, "Whether it does its work now", _ANSWERS, public=True),
    ]
