"""What every channel promises, whatever it speaks. A new channel needs an entry in `MAKERS`, and nothing else here."""

import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from alerts.channels import Channel, Ports, channel_types, make_channels
from alerts.channels.alertmanager import AlertmanagerChannel, AlertmanagerConfig
from alerts.channels.apprise import AppriseChannel, AppriseConfig
from alerts.channels.pagerduty import PagerDutyChannel
from alerts.channels.rollback import RollbackChannel
from alerts.channels.webhook import WebhookChannel
from alerts.errors import DestinationRefused, TransportError, UnknownChannel
from alerts.http import HttpPolicy, Outgoing
from alerts.receiver_config import PagerDutyConfig, ReceiverConfig, RollbackReceiverConfig, WebhookConfig
from tests.alerts.delivering import alert_payload, delivery, route_payload
from tests.alerts.pagerduty_service import ROUTING_KEY, PagerDutyService
from tests.alerts.receiving import LOOPBACK, Reply, Request, receiver

TOKEN = "token-in-the-path"
SIGNING = base64.b64encode(b"a signing secret of 32 bytes....").decode()
SECRETS = (ROUTING_KEY, TOKEN, SIGNING, "a signing secret")


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Made:
    """How to make a channel for the tests: `http` ones are made for an address and a policy, the others fail on command."""

    payload: Callable[[], dict[str, Any]]
    http: Callable[[str, HttpPolicy], Channel] | None = None
    answer: Callable[[], Callable[[Request], Reply]] = lambda: lambda request: Reply()
    other: Callable[[Callable[[], None]], Channel] | None = None


def webhook(url: str, policy: HttpPolicy) -> Channel:
    return WebhookChannel("oncall", f"{url}/{TOKEN}", [Webhook("whsec_" + SIGNING)], Outgoing(policy), now)


def pagerduty(url: str, policy: HttpPolicy) -> Channel:
    return PagerDutyChannel("oncall", ROUTING_KEY, Outgoing(policy), now, url)


def alertmanager(url: str, policy: HttpPolicy) -> Channel:
    headers = {"authorization": f"Bearer {TOKEN}"}
    return AlertmanagerChannel("oncall", f"{url}/api/v2/alerts", headers, Outgoing(policy), now)


def apprise(url: str, policy: HttpPolicy) -> Channel:
    return AppriseChannel("oncall", f"{url.replace('http://', 'json://')}/{TOKEN}", Outgoing(policy))


def rollback(published: Callable[[], None]) -> Channel:
    return RollbackChannel("control", lambda topic, key, value: published())


MAKERS = {
    "alertmanager": Made(alert_payload, http=alertmanager),
    "apprise": Made(alert_payload, http=apprise),
    "webhook": Made(alert_payload, http=webhook),
    "pagerduty": Made(alert_payload, http=pagerduty, answer=PagerDutyService),
    "rollback": Made(route_payload, other=rollback),
}
HTTP = sorted(name for name, made in MAKERS.items() if made.http)


def sent_to(name: str, url: str, policy: HttpPolicy = LOOPBACK) -> None:
    make = MAKERS[name].http
    assert make is not None
    make(url, policy).send(delivery(MAKERS[name].payload()))


def test_every_channel_is_under_contract() -> None:
    assert set(channel_types()) == set(MAKERS)


@pytest.mark.parametrize("name", sorted(channel_types()))
def test_the_type_is_the_module_s_name(name: str) -> None:
    assert channel_types()[name].__module__ == f"alerts.channels.{name}"


@pytest.mark.parametrize("name", HTTP)
def test_what_is_taken_is_sent_once(name: str) -> None:
    with receiver(MAKERS[name].answer()) as there:
        sent_to(name, there.url)
        assert len(there.got) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
@pytest.mark.parametrize("name", HTTP)
def test_5xx_and_429_are_retried_by_the_caller(name: str, status: int) -> None:
    with receiver(lambda request: Reply(status)) as there:
        with pytest.raises(TransportError) as raised:
            sent_to(name, there.url)
        assert not raised.value.permanent
        assert len(there.got) == 1, "a channel sends once; waiting is the dispatcher's business"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422, 301, 302, 307, 308])
@pytest.mark.parametrize("name", HTTP)
def test_4xx_and_redirects_are_not_retried(name: str, status: int) -> None:
    with receiver() as elsewhere, receiver(lambda request: Reply(status, {"location": elsewhere.url})) as there:
        with pytest.raises(TransportError) as raised:
            sent_to(name, there.url)
        assert raised.value.permanent
        assert elsewhere.got == []


@pytest.mark.parametrize("name", HTTP)
def test_retry_after_is_handed_on(name: str) -> None:
    with receiver(lambda request: Reply(429, {"retry-after": "17"})) as there, pytest.raises(TransportError) as raised:
        sent_to(name, there.url)
    assert raised.value.retry_after == 17.0


@pytest.mark.parametrize("name", HTTP)
def test_nobody_there_is_retried(name: str) -> None:
    with receiver() as there:
        url = there.url
    with pytest.raises(TransportError) as raised:
        sent_to(name, url)
    assert not raised.value.permanent


@pytest.mark.parametrize("name", HTTP)
def test_private_addresses_are_refused_unless_allowed(name: str) -> None:
    with receiver() as there:
        with pytest.raises(DestinationRefused):
            sent_to(name, there.url, HttpPolicy(allow_http=True))
        with pytest.raises(DestinationRefused):
            sent_to(name, there.url, HttpPolicy(allow=LOOPBACK.allow))
        assert there.got == []


@pytest.mark.parametrize("name", HTTP)
def test_secrets_are_in_no_repr_no_log_and_no_error(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    def echo(request: Request) -> Reply:
        return Reply(int(statuses[len(seen)]), {"location": request.path}, request.body + request.path.encode())

    statuses = ["400", "401", "500", "302", "202"]
    make = MAKERS[name].http
    assert make is not None
    with receiver(echo) as there:
        channel = make(there.url, LOOPBACK)
        for _ in statuses:
            try:
                channel.send(delivery(MAKERS[name].payload()))
                seen.append("sent")
            except TransportError as error:
                seen.append(f"{error} {error!r} {error.__cause__!r}")
    everything = "\n".join([repr(channel), str(channel), caplog.text, *seen])
    assert len(seen) == len(statuses)
    for secret in SECRETS:
        assert secret not in everything


@pytest.mark.parametrize("name", sorted(name for name, made in MAKERS.items() if made.other))
def test_a_failing_port_is_handed_on(name: str) -> None:
    def fails() -> None:
        raise TransportError("the broker is away", permanent=False)

    make = MAKERS[name].other
    assert make is not None
    with pytest.raises(TransportError, match="the broker is away"):
        make(fails).send(delivery(MAKERS[name].payload()))
    make(lambda: None).send(delivery(MAKERS[name].payload()))


CONFIGS: dict[str, ReceiverConfig] = {
    "alertmanager": AlertmanagerConfig.model_validate(
        {"name": "a", "type": "alertmanager", "url": "https://am.example", "authorization": f"Bearer {TOKEN}"}
    ),
    "apprise": AppriseConfig.model_validate({"name": "a", "type": "apprise", "url": f"jsons://hooks.example/{TOKEN}"}),
    "webhook": WebhookConfig.model_validate(
        {"name": "a", "type": "webhook", "url": f"https://hooks.example/{TOKEN}", "secret": SIGNING}
    ),
    "pagerduty": PagerDutyConfig.model_validate({"name": "a", "type": "pagerduty", "routing_key": ROUTING_KEY}),
    "rollback": RollbackReceiverConfig(name="a", type="rollback"),
}


@pytest.mark.parametrize("name", sorted(channel_types()))
def test_it_is_made_from_its_configuration_which_shows_no_secret(name: str) -> None:
    made = make_channels([CONFIGS[name]], Ports())["a"]
    assert made.type == name
    for secret in SECRETS:
        assert secret not in repr(made)
        assert secret not in repr(CONFIGS[name])


def test_changes_of_route_have_a_receiver_whatever_is_configured() -> None:
    assert set(make_channels([CONFIGS["webhook"]], Ports())) == {"a", "fairdrift.control"}
    assert set(make_channels([CONFIGS["rollback"]], Ports())) == {"a"}


def test_a_type_of_nobody_is_an_error() -> None:
    with pytest.raises(UnknownChannel, match=r"receiver 'odd' is of the unknown type 'pigeon'; known types: .*webhook"):
        make_channels([ReceiverConfig(name="odd", type="pigeon")], Ports())
