import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from alerts.channels import Ports, make_channels
from alerts.channels.webhook import WebhookChannel, body_of, signed, webhook_id
from alerts.config import WebhookConfig
from alerts.http import Outgoing
from tests.alerts.delivering import alert_payload, delivery
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


@pytest.mark.parametrize(
    "secret", ["whsec_not base64 at all!", "pa$$word-pa$$word", "whsec_c2hvcnQ=0000000", "YWJjZGVmZ2hpamts"]
)
def test_a_secret_that_a_receiver_s_library_would_read_otherwise_is_refused(secret: str) -> None:
    with pytest.raises(ValidationError, match="must be base64 of at least 16 bytes") as raised:
        configured("https://hooks.example", secret)
    assert secret not in str(raised.value)
