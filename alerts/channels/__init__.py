"""Channels, one module each: the folder is the registry.

A module defines one class named in its `CHANNEL`; its `type` is the word for it in the configuration. The contract
suite (tests/contracts/test_channels.py) runs over all of them.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar, Protocol

from alerts.errors import UnknownChannel
from alerts.http import Outgoing
from alerts.receiver_config import ReceiverConfig, RollbackReceiverConfig
from alerts.routing import CONTROL

ALERTS, ROUTES = "alerts", "routes"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification to one receiver. `dedup_key` is the same at every attempt; `attempt` counts from 1.

    `payload` is an `AlertPayload`, a `GroupPayload` (it has `alerts`) or a `RoutePayload`; `reason` is why it is sent.
    """

    dedup_key: str
    alert: str
    transition_no: int
    receiver: str
    payload: Mapping[str, Any]
    attempt: int = 1
    reason: str = ""


class Publish(Protocol):
    """Publishes a record and returns when the broker has acknowledged it; raises TransportError otherwise."""

    def __call__(self, topic: str, key: bytes, value: bytes) -> None: ...


class Picture(Protocol):
    """The public address of a picture of an alert's chart; empty where there is none."""

    def __call__(self, alert: str) -> str: ...


def no_picture(alert: str) -> str:
    """Nothing is public."""
    return ""


@dataclass(frozen=True, slots=True)
class Ports:
    """What channels need of the world: HTTP out, a producer (None where there is no broker), the time, public pictures."""

    outgoing: Outgoing = field(default_factory=Outgoing)
    publish: Publish | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    control_topic: str = "fairdrift.control"
    picture: Picture = no_picture


class Channel(Protocol):
    """A way to tell a receiver. Knows nothing of retries: it sends once, or says why not.

    `send` returns when the receiver has taken the notification, and raises TransportError otherwise, `permanent` when
    another attempt cannot help. Sending the same delivery again must be harmless to the receiver. It may be called from
    several threads. Secrets appear in no repr, log or error.
    """

    type: ClassVar[str]
    tells: ClassVar[str]
    """ALERTS or ROUTES: which of the two kinds of payload it takes."""

    @classmethod
    def from_config(cls, config: Any, ports: Ports) -> "Channel":
        """The channel of one receiver, from its configuration (`alerts.receiver_config.ReceiverConfig` of its type)."""

    def send(self, delivery: Delivery) -> None: ...


@cache
def channel_types() -> dict[str, type[Channel]]:
    """Every channel type by its name in the configuration."""
    found: dict[str, type[Channel]] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda i: i.name):
        channel: type[Channel] = importlib.import_module(f"{__name__}.{info.name}").CHANNEL
        found[channel.type] = channel
    return found


def make_channels(receivers: Iterable[ReceiverConfig], ports: Ports) -> dict[str, Channel]:
    """The channel of every configured receiver by the receiver's name, and the default one for changes of route.

    UnknownChannel if no module provides a type.
    """
    types = channel_types()
    made: dict[str, Channel] = {}
    for config in receivers:
        if config.type not in types:
            raise UnknownChannel(config.name, config.type, tuple(types))
        made[config.name] = types[config.type].from_config(config, ports)
    if not any(channel.tells == ROUTES for channel in made.values()):
        made[CONTROL] = types["rollback"].from_config(RollbackReceiverConfig(name=CONTROL, type="rollback"), ports)
    return made
