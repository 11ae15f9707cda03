import base64
import json
from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from streams.demo.receiver import Receiver

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def receiver():
    with Receiver(SECRET) as running:
        yield running


def send(receiver, body: str, secret: str = SECRET, id: str = "msg_1") -> int:
    now = datetime.now(UTC)
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, now, body),
        "content-type": "application/json",
    }
    return httpx.post(receiver.url, content=body, headers=headers).status_code


def test_a_signed_delivery_is_taken_once(receiver):
    body = json.dumps({"type": "alert.firing"})
    assert [send(receiver, body), send(receiver, body)] == [204, 204]
    assert [(delivery.id, delivery.body) for delivery in receiver.deliveries] == [("msg_1", {"type": "alert.firing"})]


def test_another_key_a_changed_body_and_no_signature_are_refused(receiver):
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    assert send(receiver, "{}", secret=other) == 401
    assert httpx.post(receiver.url, content="{}").status_code == 401
    assert receiver.receive({"webhook-id": "a", "webhook-timestamp": "0", "webhook-signature": "v1,AAAA"}, b"{}") == 401
    assert receiver.deliveries == [] and receiver.refused == 3


def test_a_signed_body_that_is_not_json_is_refused(receiver):
    assert send(receiver, "not json") == 401
