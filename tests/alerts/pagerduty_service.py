"""The Events API v2 as documented, strictly: every event is checked, and incidents are kept as PagerDuty would.

Source: PagerDuty's developer documentation, "Send an alert event" (2026-08): required fields, allowed values, lengths,
the answers 202 and 400, and that a resolve without an open alert is dropped.
"""

import json
import time
from collections import deque
from datetime import datetime
from typing import Any

from tests.alerts.receiving import Reply, Request

LIMIT = 120
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
TOP = {"routing_key", "event_action", "dedup_key", "client", "client_url", "payload", "images", "links"}
PAYLOAD = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}


class PagerDutyService:
    """Answers like PagerDuty.

    `open` holds the keys of open incidents, `opened` counts the incidents there ever were.
    """

    def __init__(self) -> None:
        self.open: dict[str, dict[str, Any]] = {}
        self.opened = 0
        self.notes: list[str] = []
        self.acknowledged: set[str] = set()
        self.changes: list[dict[str, Any]] = []
        self.calls: deque[float] = deque()
        self.clock = time.monotonic

    def __call__(self, request: Request) -> Reply:
        if self._too_many():
            throttled = {"status": "throttle exceeded", "message": "Requests for this service are arriving too quickly"}
            return Reply(429, {"content-type": "application/json"}, json.dumps(throttled).encode())
        if request.path == "/v2/change/enqueue":
            return self._changed(request)
        errors = self._errors(request)
        if errors:
            body = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
            return Reply(400, {"content-type": "application/json"}, json.dumps(body).encode())
        event = json.loads(request.body)
        key = event["dedup_key"]
        if event["event_action"] == "trigger":
            self.opened += key not in self.open
            self.open.setdefault(key, event)
        elif event["event_action"] == "acknowledge" and key in self.open:
            self.acknowledged.add(key)
        elif event["event_action"] == "resolve":
            self.acknowledged.discard(key)
            self.open.pop(key, None)
        self.notes.append(f"{event['event_action']} {key}")
        body = {"status": "success", "message": "Event processed", "dedup_key": key}
        return Reply(202, {"content-type": "application/json"}, json.dumps(body).encode())

    def _too_many(self) -> bool:
        """120 calls in a sliding minute, for each integration key; this service has one."""
        now = self.clock()
        while self.calls and self.calls[0] <= now - 60:
            self.calls.popleft()
        if len(self.calls) >= LIMIT:
            return True
        self.calls.append(now)
        return False

    def _changed(self, request: Request) -> Reply:
        """A change event: 202, or what is wrong with it."""
        event = json.loads(request.body)
        payload = event.get("payload", {})
        errors = [f"unknown field {name}" for name in event.keys() - {"routing_key", "payload", "links", "images"}]
        errors += [
            f"unknown field payload.{n}" for n in payload.keys() - {"summary", "source", "timestamp", "custom_details"}
        ]
        if event.get("routing_key") != ROUTING_KEY or event.get("routing_key", "").startswith("R"):
            errors.append(f"invalid routing key {event.get('routing_key')}")
        if not 0 < len(payload.get("summary", "")) <= 1024 or len(request.body) > 512 * 1024:
            errors.append("payload.summary has 1 to 1024 characters, an event 512 KB")
        if errors:
            return Reply(400, {"content-type": "application/json"}, json.dumps({"errors": errors}).encode())
        self.changes.append(event)
        return Reply(
            202, {"content-type": "application/json"}, b'{"status": "success", "message": "Change event processed"}'
        )

    def _errors(self, request: Request) -> list[str]:
        if request.path != "/v2/enqueue":
            return [f"no such path {request.path}"]
        if request.headers.get("content-type") != "application/json":
            return ["content-type must be application/json"]
        if len(request.body) > 512 * 1024:
            return ["event is too large"]
        event = json.loads(request.body)
        errors = [f"unknown field {name}" for name in event.keys() - TOP]
        if event.get("routing_key") != ROUTING_KEY:
            errors.append(f"invalid routing key {event.get('routing_key')}")
        if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
            errors.append("invalid event_action")
        if not 0 < len(str(event.get("dedup_key", ""))) <= 255:
            errors.append("invalid dedup_key")
        if event.get("event_action") == "trigger":
            errors += _payload_errors(event.get("payload", {}))
            errors += [
                f"image without https: {i}" for i in event.get("images", []) if not i["src"].startswith("https://")
            ]
            errors += [f"link without href: {link}" for link in event.get("links", []) if not link.get("href")]
        return errors


def _payload_errors(payload: dict[str, Any]) -> list[str]:
    errors = [f"unknown field payload.{name}" for name in payload.keys() - PAYLOAD]
    if not 0 < len(payload.get("summary", "")) <= 1024:
        errors.append("payload.summary has 1 to 1024 characters")
    if not payload.get("source"):
        errors.append("payload.source is required")
    if payload.get("severity") not in ("critical", "error", "warning", "info"):
        errors.append("payload.severity is critical, error, warning or info")
    if "timestamp" in payload:
        try:
            datetime.fromisoformat(payload["timestamp"])
        except ValueError:
            errors.append("payload.timestamp is ISO 8601")
    if not isinstance(payload.get("custom_details", {}), dict):
        errors.append("payload.custom_details is an object")
    return errors
