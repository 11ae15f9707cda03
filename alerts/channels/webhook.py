"""`webhook`: a signed POST in the manner of Standard Webhooks.

Headers: `webhook-id` (the same at every attempt), `webhook-timestamp` (seconds, of the attempt), `webhook-signature`
(`v1,<base64 HMAC-SHA256 of id.timestamp.body>`, one for each secret, so that a receiver may change from an old secret
to a new one without losing a message). Body: `alerts.messages.WebhookBody`, or that of Alertmanager's webhooks
(`alerts.webhook_v4`). Source: the Standard Webhooks
specification, https://github.com/standard-webhooks/standard-webhooks.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

import msgspec
from standardwebhooks import Webhook

from alerts import webhook_v4
from alerts.channels import ALERTS, Delivery, Ports
from alerts.errors import UnusableSecret
from alerts.http import Outgoing, accept
from alerts.receiver_config import WebhookConfig

PREFIX = "whsec_"
SHORTEST_KEY = 16
"""Bytes. Standard Webhooks asks for 24 to 64; shorter ones are out there."""
SAFE_ID = re.compile(r"[A-Za-z0-9_:-]{1,200}")
"""An id without a dot: the dot separates what is signed, and an id that holds one could pass for another message."""


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """One receiver's address and secrets, the newest first."""

    type: ClassVar[str] = "webhook"
    tells: ClassVar[str] = ALERTS

    name: str
    url: str = field(repr=False)
    signers: Sequence[Webhook] = field(repr=False)
    outgoing: Outgoing = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)
    alertmanager: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def send(self, delivery: Delivery) -> None:
        now = self.now()
        v4 = self.alertmanager and "severity" in delivery.payload
        body = v4_of(delivery) if v4 else body_of(delivery)
        signature = signed(self.signers, webhook_id(delivery), now, body)
        headers = {"content-type": "application/json", **self.headers, **signature}
        answer = self.outgoing.post(self.url, headers, body)
        accept(answer, f"webhook {self.name!r}", now)

    @classmethod
    def from_config(cls, config: WebhookConfig, ports: Ports) -> "WebhookChannel":
        signers = tuple(signer_of(config.name, secret.get_secret_value()) for secret in config.secrets)
        headers = {} if config.authorization is None else {"authorization": config.authorization.get_secret_value()}
        url, v4 = config.url.get_secret_value(), config.format == "alertmanager"
        return cls(config.name, url, signers, ports.outgoing, ports.now, v4, headers)


def signer_of(receiver: str, secret: str) -> Webhook:
    """A signer of a secret as Standard Webhooks writes it: base64, with or without `whsec_` before it.

    Raises UnusableSecret for anything else: the receiver's library would decode it otherwise than we.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise UnusableSecret(receiver) from None
    if len(key) < SHORTEST_KEY:
        raise UnusableSecret(receiver)
    return Webhook(key)


def webhook_id(delivery: Delivery) -> str:
    """The delivery's key, or a hash of it where it holds characters that an id may not."""
    if SAFE_ID.fullmatch(delivery.dedup_key):
        return delivery.dedup_key
    return "msg_" + hashlib.blake2b(delivery.dedup_key.encode(), digest_size=16).hexdigest()


def body_of(delivery: Delivery) -> bytes:
    """The body: the same bytes at every attempt."""
    payload = delivery.payload
    if "route" in payload:
        kind, time = "fairdrift.control.route", payload["effective_at"]
    elif "version" in payload:
        kind, time = "fairdrift.model.version", payload["first_seen"]
    elif payload.get("heartbeat"):
        kind, time = "fairdrift.heartbeat", payload["evaluated_at"]
    elif "alerts" in payload:
        kind, time = f"fairdrift.group.{payload['status']}", payload["evaluated_at"]
    else:
        kind, time = f"fairdrift.alert.{payload.get('status', 'changed')}", payload.get("evaluated_at")
    body = {"type": kind, "timestamp": time, "reason": delivery.reason, "data": payload}
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def v4_of(delivery: Delivery) -> bytes:
    """The body as Alertmanager's webhooks have it."""
    return msgspec.json.encode(webhook_v4.body_of(delivery.payload, delivery.receiver, delivery.reason))


def signed(signers: Sequence[Webhook], id_: str, now: datetime, body: bytes) -> dict[str, str]:
    """The three headers. `now` must know its time zone."""
    text = body.decode()
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signer.sign(id_, now, text) for signer in signers),
    }


CHANNEL = WebhookChannel
