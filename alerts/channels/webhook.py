"""`webhook`: a signed POST in the manner of Standard Webhooks.

Headers: `webhook-id` (the same at every attempt), `webhook-timestamp` (seconds, of the attempt), `webhook-signature`
(`v1,<base64 HMAC-SHA256 of id.timestamp.body>`, one for each secret, so that a receiver may change from an old secret
to a new one without losing a message). Body: `alerts.messages.WebhookBody`. Source: the Standard Webhooks
specification, https://github.com/standard-webhooks/standard-webhooks.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from standardwebhooks import Webhook

from alerts.channels import ALERTS, Delivery, Ports
from alerts.config import WebhookConfig
from alerts.errors import UnusableSecret
from alerts.http import Outgoing, accept

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

    def send(self, delivery: Delivery) -> None:
        now = self.now()
        body = body_of(delivery)
        headers = {"content-type": "application/json", **signed(self.signers, webhook_id(delivery), now, body)}
        answer = self.outgoing.post(self.url, headers, body)
        accept(answer, f"webhook {self.name!r}", now)

    @classmethod
    def from_config(cls, config: WebhookConfig, ports: Ports) -> "WebhookChannel":
        signers = tuple(signer_of(config.name, secret.get_secret_value()) for secret in config.secrets)
        return cls(config.name, config.url.get_secret_value(), signers, ports.outgoing, ports.now)


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
    status = delivery.payload.get("status", "changed")
    body = {
        "type": f"fairdrift.alert.{status}",
        "timestamp": delivery.payload.get("evaluated_at"),
        "data": delivery.payload,
    }
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def signed(signers: Sequence[Webhook], id_: str, now: datetime, body: bytes) -> dict[str, str]:
    """The three headers. `now` must know its time zone."""
    text = body.decode()
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signer.sign(id_, now, text) for signer in signers),
    }


CHANNEL = WebhookChannel
