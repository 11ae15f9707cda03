"""Deliveries for the tests: a real payload, as the evaluation makes it."""

from typing import Any

import msgspec

from alerts.channels import Delivery
from alerts.control import RouteState
from alerts.evaluation import evaluate
from alerts.grouping import Member, Notification, Reason, Timing
from alerts.notices import Telling as GroupTelling
from alerts.notices import rows
from alerts.payloads import Context
from alerts.routing import Receiver, Target
from tests.alerts.observing import T0, between, parity_rule, side


def alert_payload(status: str = "firing", **changes: Any) -> dict[str, Any]:
    """The payload of a parity alert that fires: 40 of 100 against 60 of 100."""
    observation = between("ratio", 40 / 60, side("F", 100, 40), side("M", 100, 60))
    context = Context("credit", T0, "c1", versions=("v1",), arms=("live",))
    payload = evaluate([parity_rule()], [observation], {}, RouteState("credit"), context).steps[0].payload
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(payload))
    return {**plain, "status": status, **changes}


def group_payload(status: str = "firing") -> dict[str, Any]:
    """Two alerts of a model that are told together, as the router writes them."""
    ids = ("ab12", "cd34")
    timing, firing = Timing(group_wait=1), status == "firing"
    members = tuple(Member(alert, 1, 1, firing, 0, told=not firing) for alert in ids)
    told = Notification(Reason.FIRST, members if firing else (), () if firing else members)
    payloads = {(alert, 1): alert_payload(status, alert=alert, severity="page") for alert in ids}
    target = Target(Receiver("oncall", "webhook"), "9f" * 16, {"model": "credit"}, timing, alone=False)
    (row,) = rows(GroupTelling(target, 1, told, payloads))
    return dict(row["payload"])


def route_payload() -> dict[str, Any]:
    """A change of route."""
    return {
        "model": "credit",
        "route": "fallback",
        "percent": None,
        "epoch": 3,
        "previous": "live",
        "reason": "rule parity fired",
        "changed_by": "rule:parity",
        "alert": "ab12",
        "evidence": {"value": 0.7},
        "effective_at": "2026-11-20T10:00:00.000Z",
        "config_version": "c1",
    }


def delivery(payload: dict[str, Any] | None = None, **changes: Any) -> Delivery:
    """A delivery of that payload to `oncall`."""
    values: dict[str, Any] = {
        "dedup_key": "ab12:1:oncall",
        "alert": "ab12",
        "transition_no": 1,
        "receiver": "oncall",
        "payload": payload if payload is not None else alert_payload(),
    }
    return Delivery(**{**values, **changes})
