import json
import threading
from collections.abc import Iterator

import pytest
import requests
from pydantic import ValidationError

from alerts.channels.apprise import AppriseChannel, AppriseConfig
from alerts.errors import DestinationRefused, TransportError
from alerts.http import HttpPolicy, Outgoing
from tests.alerts.delivering import alert_payload, delivery
from tests.alerts.receiving import LOOPBACK, Receiver, Reply, receiver


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def channel(url: str, policy: HttpPolicy = LOOPBACK) -> AppriseChannel:
    return AppriseChannel("chat", url.replace("http://", "json://"), Outgoing(policy))


def test_a_service_is_told_in_its_own_words(there: Receiver) -> None:
    payload = alert_payload()
    channel(there.url).send(delivery(payload))
    (request,) = there.got
    told = json.loads(request.body)
    assert told["title"] == f"[FIRING] {payload['summary']}"
    assert told["message"] == payload["description"]
    assert told["type"] == "failure"


def test_an_end_is_good_news(there: Receiver) -> None:
    channel(there.url).send(delivery(alert_payload("resolved")))
    assert json.loads(there.got[0].body)["type"] == "success"


def test_slack_as_apprise_speaks_it_goes_to_slack_s_address_and_nowhere_private() -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["10.0.0.7"]

    slack = AppriseChannel("chat", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#x", Outgoing(resolve=resolve))
    with pytest.raises(DestinationRefused, match=r"leads to 10\.0\.0\.7"):
        slack.send(delivery())
    assert asked == ["hooks.slack.com"]


def test_the_server_of_mail_is_checked_before_it_is_asked() -> None:
    mail = AppriseChannel(
        "mail", "mailto://user:pass@example.com", Outgoing(resolve=lambda host, port: ["169.254.169.254"])
    )
    with pytest.raises(DestinationRefused, match="not a public address"):
        mail.send(delivery())


def test_what_the_library_would_hide_is_told(there: Receiver) -> None:
    there.answer = lambda request: Reply(429, {"retry-after": "30"})
    with pytest.raises(TransportError, match="answered 429") as raised:
        channel(there.url).send(delivery())
    assert (raised.value.permanent, raised.value.retry_after) == (False, 30.0)
    there.answer = lambda request: Reply(404)
    with pytest.raises(TransportError, match="answered 404") as raised:
        channel(there.url).send(delivery())
    assert raised.value.permanent
    assert len(there.got) == 2


def test_the_environment_s_proxy_is_not_asked(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    channel(there.url).send(delivery())
    assert len(there.got) == 1


def test_requests_of_others_are_left_alone(there: Receiver) -> None:
    """Elsewhere, and in another thread at the same time, `requests` is what it always was."""
    status: list[int] = []

    def meanwhile(request: object) -> Reply:
        if not status:
            status.append(0)
            other = threading.Thread(
                target=lambda: status.append(requests.get("http://127.0.0.1:1", timeout=1).status_code)
            )
            other.run = lambda: status.append(_get())  # type: ignore[method-assign]
            other.start()
            other.join()
        return Reply()

    def _get() -> int:
        try:
            requests.get("http://127.0.0.1:1", timeout=1)
        except requests.ConnectionError as error:
            return 1 if "refused" in str(error) and "Max retries" in str(error) else 2
        return 3

    there.answer = meanwhile
    channel(there.url).send(delivery())
    assert status == [0, 1]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("pigeon://x", "no URL that Apprise knows"),
        ("syslog://", "neither HTTP nor mail"),
        ("", "no URL that Apprise knows"),
    ],
)
def test_what_cannot_be_checked_is_refused(url: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        AppriseConfig.model_validate({"name": "chat", "type": "apprise", "url": url})
