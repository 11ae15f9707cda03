import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from alerts.channels import Ports, make_channels
from alerts.channels.webhook import WebhookChannel, body_of, signed, webhook_id
from alerts.http import Outgoing
from alerts.receiver_config import WebhookConfig
from tests.alerts.delivering import alert_payload, delivery, group_payload, route_payload
from tests.alerts.receiving import LOOPBACK, Receiver, receiver

OLD = "whsec_" + base64.b64encode(b"old secret of 24 bytes..").decode()
NEW = "whsec_" + base64.b64encode(b"new secret of 24 bytes..").decode()


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def channel(url: str, *secrets: str, now: datetime | None = None) -> WebhookChannel:
    signers = [Webhook(secret) for secret in secrets or (OLD,)]
    return WebhookChannel("oncall", url, signers, Outgoing(LOOPBACK), lambda: now or datetime.now(UTC))


def test_a_receiver_with_the_library_verifies_it(there: Receiver) -> None:
    channel(there.url).send(delivery())
    (request,) = there.got
    body = Webhook(OLD).verify(request.body, dict(request.headers))
    assert body["type"] == "fairdrift.alert.firing"
    assert body["timestamp"] == "2025-11-20T10:00:00.000Z"
    assert body["data"] == alert_payload()
    assert request.headers["content-type"] == "application/json"


def test_the_specification_s_own_example() -> None:
    # Standard Webhooks, "Signature scheme": the example message of the specification and of the library's tests.
    signer = Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    now = datetime.fromtimestamp(1614265330, UTC)
    headers = signed([signer], "msg_p5jXN8AQM9LWM0D4loKWxJek", now, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_while_secrets_change_both_verify(there: Receiver) -> None:
    channel(there.url, NEW, OLD).send(delivery())
    headers = dict(there.got[0].headers)
    for secret in (NEW, OLD):
        Webhook(secret).verify(there.got[0].body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(b"somebody else's secret..").decode()).verify(there.got[0].body, headers)


def test_a_repeat_has_the_same_id_and_body_and_its_own_time(there: Receiver) -> None:
    start = datetime(2026, 11, 20, 10, tzinfo=UTC)
    for attempt in (1, 2):
        channel(there.url, now=start + timedelta(minutes=attempt)).send(delivery(attempt=attempt))
    first, second = there.got
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "ab12:1:oncall"
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 60


@pytest.mark.parametrize("key", ["ab12:1:on.call", "ab12:1:on call", "ab12:1:" + "x" * 300, "ab12:1:\r\nx-evil: 1"])
def test_a_key_that_is_no_safe_id_is_hashed(key: str) -> None:
    made = webhook_id(delivery(dedup_key=key))
    assert made.startswith("msg_")
    assert "." not in made
    assert made == webhook_id(delivery(dedup_key=key))


def test_the_body_is_small_and_says_what_it_is() -> None:
    body = body_of(delivery(alert_payload("resolved")))
    assert len(body) < 20_000
    assert json.loads(body)["type"] == "fairdrift.alert.resolved"


def configured(url: str, *secrets: str) -> WebhookConfig:
    return WebhookConfig.model_validate({"name": "oncall", "type": "webhook", "url": url, "secret": list(secrets)})


def test_from_the_configuration_with_and_without_the_prefix(there: Receiver) -> None:
    channels = make_channels([configured(there.url, NEW, OLD.removeprefix("whsec_"))], Ports(Outgoing(LOOPBACK)))
    channels["oncall"].send(delivery())
    for secret in (NEW, OLD):
        Webhook(secret).verify(there.got[0].body, dict(there.got[0].headers))


def test_alertmanager_s_body_for_one_alert_and_for_a_group(there: Receiver) -> None:
    """Worked from the documented example of Alertmanager's webhooks."""
    given = {
        "name": "oncall",
        "type": "webhook",
        "url": there.url,
        "format": "alertmanager",
        "authorization": "Bearer x",
    }
    channels = make_channels([WebhookConfig.model_validate(given)], Ports(Outgoing(LOOPBACK)))
    channels["oncall"].send(delivery(alert_payload(alert="ab12" * 8), reason="first notification"))
    channels["oncall"].send(delivery(group_payload("resolved"), reason="all alerts resolved"))
    one, group = (json.loads(request.body) for request in there.got)
    assert there.got[0].headers["authorization"] == "Bearer x"
    assert (one["version"], one["status"], one["receiver"], one["truncatedAlerts"]) == ("4", "firing", "oncall", 0)
    assert one["notification_reason"] == "first notification"
    (alert,) = one["alerts"]
    assert alert["labels"] == {
        "alertname": "parity", "attributes": "sex", "metric": "selection_rate", "model": "credit", "severity": "page",
    }  # fmt: skip
    assert one["commonLabels"] == alert["labels"]
    assert (alert["startsAt"], alert["endsAt"]) == ("2025-11-20T10:00:00.000Z", "0001-01-01T00:00:00Z")
    assert alert["fingerprint"] == "ab12ab12ab12ab12"
    assert (group["status"], len(group["alerts"]), group["groupLabels"]) == ("resolved", 2, {"model": "credit"})
    assert group["groupKey"] == "{}:" + "9f" * 16


def test_groups_and_changes_of_route_have_types_of_their_own() -> None:
    types = [json.loads(body_of(delivery(p)))["type"] for p in (group_payload(), route_payload())]
    assert types == ["fairdrift.group.firing", "fairdrift.control.route"]


@pytest.mark.parametrize(
    "secret", ["whsec_not base64 at all!", "pa$$word-pa$$word", "whsec_c2hvcnQ=0000000", "YWJjZGVmZ2hpamts"]
)
def test_a_secret_that_a_receiver_s_library_would_read_otherwise_is_refused(secret: str) -> None:
    with pytest.raises(ValidationError, match="must be base64 of at least 16 bytes") as raised:
        configured("https://hooks.example", secret)
    assert secret not in str(raised.value)
