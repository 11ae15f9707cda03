"""A notification that says of itself that it is a test, for trying a receiver. Pure."""

from typing import Any

import msgspec

from alerts.messages import AlertPayload, Bounds

TEST = "fairdrift-test"


def sample_payload(status: str, at: str, number: str) -> dict[str, Any]:
    """An alert about nothing, `firing` or `resolved` at a time (RFC 3339); `number` tells tests apart."""
    summary = "This is a test of fairdrift: nothing is wrong, and this receiver can be told"
    payload = AlertPayload(
        alert=f"{TEST}-{number}",
        transition=1 if status == "firing" else 2,
        episode=1,
        rule=TEST,
        status="firing" if status == "firing" else "resolved",
        severity="info",
        model=TEST,
        versions=[],
        arms=[],
        labels={"alertname": TEST, "model": TEST},
        annotations={},
        summary=summary,
        description=f"{summary}. No model was judged, and no group was compared.",
        metric="selection_rate",
        aggregate="ratio",
        method="between_groups",
        attributes=[],
        bound=Bounds(),
        since=at,
        firing_since=at,
        resolved_at=None if status == "firing" else at,
        evaluated_at=at,
        config_version="",
        finding="breach" if status == "firing" else "clear",
        finding_reason="a test",
    )
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(payload))
    return plain
