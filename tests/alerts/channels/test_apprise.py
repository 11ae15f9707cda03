import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import quote, urlsplit

import pytest
import requests
from pydantic import ValidationError

from alerts.channels.apprise import AppriseChannel, AppriseConfig
from alerts.errors import DestinationRefused, TransportError
from alerts.http import Answer, HttpPolicy, Outgoing
from tests.alerts.delivering import alert_payload, delivery, group_payload, route_payload
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


class Asked:
    """Stands for `Outgoing`: keeps the requests and answers as Opsgenie or Slack does."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, Mapping[str, str], bytes]] = []

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.got.append((method, url, headers, body))
        if "slack" in url:
            return Answer(200, {}, b"ok")
        return Answer(202, {}, b'{"result": "Request will be processed", "requestId": "43a29c5c"}')


def asked_of(url: str, payload: dict[str, Any]) -> tuple[str, str, Mapping[str, str], bytes]:
    outgoing = Asked()
    AppriseChannel("chat", url, cast("Outgoing", outgoing)).send(delivery(payload))
    (one,) = outgoing.got
    return one


TEAMS = "workflows://prod-1.westeurope.logic.azure.com:443/3f3a4c8a1b2c4d5e8f9a0b1c2d3e4f5a/sig-Nature_1"
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#x"
OPSGENIE = "opsgenie://8b799edf-6f98-4d3a-9be7-2862fb4e5752"


@pytest.mark.parametrize(
    ("url", "host"),
    [(SLACK, "hooks.slack.com"), (TEAMS, "prod-1.westeurope.logic.azure.com"), (OPSGENIE, "api.opsgenie.com")],
)
def test_the_services_that_the_readme_names_get_the_page_s_words(url: str, host: str) -> None:
    payload = alert_payload()
    method, address, _, body = asked_of(url, payload)
    assert (method, urlsplit(address).hostname) == ("POST", host)
    assert payload["summary"] in body.decode() and "40 of 100 (40.0%)" in body.decode()


def test_opsgenie_closes_what_it_opened_whichever_process_tells_it() -> None:
    """A page and its repeat have one alias; the end closes the alert of that alias; an acknowledgement takes it over."""
    opened = json.loads(asked_of(OPSGENIE, alert_payload())[3])
    assert opened["alias"] == json.loads(asked_of(OPSGENIE, alert_payload())[3])["alias"]
    for status, action in (("resolved", "close"), ("acknowledged", "acknowledge")):
        method, url, headers, body = asked_of(OPSGENIE, alert_payload(status))
        alias = quote(opened["alias"], safe="")
        assert (method, url) == ("POST", f"https://api.opsgenie.com/v2/alerts/{alias}/{action}?identifierType=alias")
        assert headers["Authorization"] == "GenieKey 8b799edf-6f98-4d3a-9be7-2862fb4e5752"
        assert json.loads(body)["note"] == alert_payload(status)["description"]


def test_a_group_is_one_alert_at_opsgenie_and_a_change_of_route_is_told_too() -> None:
    opened = json.loads(asked_of(OPSGENIE, group_payload())[3])
    assert f"/{quote(opened['alias'], safe='')}/close?" in asked_of(OPSGENIE, group_payload("resolved"))[1]
    assert "the route is fallback" in json.loads(asked_of(OPSGENIE, route_payload())[3])["message"]


def test_what_a_service_takes_and_does_not_send_is_not_called_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "send", lambda *_args, **_options: True)
    with pytest.raises(TransportError, match="Slack was sent nothing") as raised:
        AppriseChannel("chat", SLACK, cast("Outgoing", Asked())).send(delivery())
    assert raised.value.permanent


def test_opsgenie_takes_no_heartbeat() -> None:
    with pytest.raises(ValidationError, match="its heartbeat API"):
        AppriseConfig.model_validate({"name": "chat", "type": "apprise", "url": OPSGENIE, "heartbeat": "1h"})


def test_mail_is_delivered() -> None:
    """To a server that speaks SMTP as far as it must."""
    payload = alert_payload()
    with mail_server() as (port, got):
        url = f"mailto://127.0.0.1:{port}?mode=insecure&from=fairdrift@example.org&to=oncall@example.org"
        AppriseChannel("mail", url, Outgoing(LOOPBACK)).send(delivery(payload))
    (text,) = got
    message = email.message_from_string(text, policy=email.policy.default)
    assert message["to"] == "oncall@example.org" and message["subject"] == f"[FIRING] {payload['summary']}"
    body = message.get_body()
    assert body is not None and "40 of 100" in body.get_content()


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    got: list[str] = []

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            for line in self.rfile:
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    got.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1], got
        finally:
            server.shutdown()
            thread.join()


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
