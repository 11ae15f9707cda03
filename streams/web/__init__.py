"""HTTP: what a worker serves (`worker_app`) and what `fairdrift serve` serves (`service_app`).

An endpoint is one entry of a list in one of these modules; routes and the OpenAPI document are both made from it.
"""

from streams.tokens import Access
from streams.web.apps import service_app, worker_app

__all__ = ["Access", "service_app", "worker_app"]
