"""From the configuration to what sends: the HTTP policy, the channels, and the dispatcher with its router."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import sqlalchemy as sa

from alerts.channels import Channel, Picture, Ports, Publish, make_channels, no_picture
from alerts.http import HttpPolicy, Outgoing
from alerts.outbox import Dispatcher, DispatchPolicy, Surroundings
from alerts.pictures import Pictures
from alerts.retries import Result
from alerts.router import Router
from streams.failpoints import passing
from streams.keys import PICTURES, shared_key
from streams.settings import Settings
from streams.watching import routing_of


def outgoing(settings: Settings) -> Outgoing:
    """Outgoing HTTP under the configured policy."""
    delivery = settings.delivery
    return Outgoing(
        HttpPolicy(
            allow=delivery.allow,
            allow_http=delivery.allow_http,
            connect_timeout=delivery.connect_timeout / 1000,
            deadline=delivery.deadline / 1000,
        )
    )


def channels_of(
    settings: Settings, publish: Publish | None = None, picture: Picture = no_picture
) -> dict[str, Channel]:
    """The channel of every configured receiver; `publish` where this process has a producer."""
    topic = settings.kafka.control_topic
    ports = Ports(outgoing=outgoing(settings), publish=publish, control_topic=topic, picture=picture)
    return make_channels(settings.receivers, ports)


def pictures_of(engine: sa.Engine, settings: Settings) -> Picture:
    """Where pages find pictures of charts: nowhere, unless `serve` has a public address."""
    if not settings.serve.public_url:
        return no_picture
    pictures = Pictures(settings.serve.public_url, shared_key(engine, PICTURES))
    return lambda alert: pictures.address(alert, datetime.now(UTC))


def make_dispatcher(
    engine: sa.Engine,
    settings: Settings,
    channels: Mapping[str, Channel],
    observe: Callable[[str, Result], None] = lambda receiver, result: None,
) -> Dispatcher:
    """A dispatcher with its router."""
    fallback = {one.name: one.fallback for one in settings.receivers if one.fallback}
    around = Surroundings(Router(engine, routing_of(settings), passing=passing), observe, passing)
    return Dispatcher(engine, channels, policy=DispatchPolicy(fallback=fallback), around=around)
