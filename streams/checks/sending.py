"""A test notification to a receiver, sent now and by us, past routing and outbox: it begins, and it ends."""

import secrets
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from alerts.channels import ROUTES, Channel, Delivery
from alerts.errors import TransportError
from alerts.samples import sample_payload
from streams.checks.findings import Finding, failure, ok
from streams.dispatching import channels_of
from streams.settings import Settings


def check(settings: Settings, receivers: Iterable[str]) -> Iterator[Finding]:
    """Findings about each receiver that is named: what it answered."""
    known = channels_of(settings)
    for name in receivers:
        where, channel = f"receiver {name}", known.get(name)
        if channel is None:
            names = ", ".join(one.name for one in settings.receivers) or "none"
            yield failure(where, "there is no such receiver", f"configured are {names}")
        elif channel.tells == ROUTES:
            yield failure(where, "it carries routes of models: a test would be obeyed", "see `fairdrift control set`")
        else:
            yield _sent(where, name, channel)


def _sent(where: str, name: str, channel: Channel) -> Finding:
    number, began = secrets.token_hex(4), time.monotonic()
    for place, status in enumerate(("firing", "resolved"), start=1):
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        payload = sample_payload(status, at, number)
        key = f"{payload['alert']}:{place}:{name}"
        try:
            channel.send(Delivery(key, payload["alert"], place, name, payload, reason="test"))
        except TransportError as error:
            what = (
                "mend it, or its receiver will stand in"
                if error.permanent
                else "a real notification would be tried again"
            )
            return failure(where, f"{status}: {error}", what)
    return ok(where, f"took a test that began and ended, in {time.monotonic() - began:.2f} s")
