import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from alerts.channels import Ports
from alerts.channels.pagerduty import PagerDutyChannel, severity_of
from alerts.errors import TransportError
from alerts.http import Outgoing
from alerts.outbox import Dispatcher, DispatchPolicy, backlog
from alerts.receiver_config import PagerDutyConfig
from alerts.retries import RetryPolicy
from alerts.tables import outbox
from streams.database import engine
from tests.alerts.delivering import alert_payload, delivery, group_payload, route_payload
from tests.alerts.pagerduty_service import ROUTING_KEY, PagerDutyService
from tests.alerts.receiving import LOOPBACK, Receiver, Reply, receiver


@pytest.fixture
def service() -> PagerDutyService:
    return PagerDutyService()


@pytest.fixture
def there(service: PagerDutyService) -> Iterator[Receiver]:
    with receiver(service) as running:
        yield running


def channel(url: str, key: str = ROUTING_KEY) -> PagerDutyChannel:
    return PagerDutyChannel("oncall", key, Outgoing(LOOPBACK), lambda: datetime.now(UTC), url)


def test_a_firing_alert_triggers_as_documented(there: Receiver, service: PagerDutyService) -> None:
    payload = alert_payload(links={"panel": "https://grafana.example/d/1", "runbook": None, "silence": None})
    channel(there.url).send(delivery(payload))
    event = service.open[f"{payload['alert']}:1"]
    assert event["payload"]["summary"] == payload["summary"]
    assert event["payload"]["source"] == "model:credit"
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["timestamp"] == "2025-11-20T10:00:00.000Z"
    assert event["payload"]["custom_details"]["more_favourable"] == 8
    assert (event["client"], event["client_url"]) == ("fairdrift", "https://grafana.example/d/1")
    assert event["links"] == [{"href": "https://grafana.example/d/1", "text": "panel"}]


def test_a_resolved_alert_resolves_its_own_incident(there: Receiver, service: PagerDutyService) -> None:
    channel(there.url).send(delivery(alert_payload()))
    channel(there.url).send(delivery(alert_payload("resolved")))
    assert service.open == {}
    assert service.opened == 1


def test_a_repeated_trigger_opens_no_second_incident(there: Receiver, service: PagerDutyService) -> None:
    for _ in range(3):
        channel(there.url).send(delivery(alert_payload()))
    assert service.opened == 1


def test_the_next_episode_is_an_incident_of_its_own(there: Receiver, service: PagerDutyService) -> None:
    for episode in (1, 2):
        channel(there.url).send(delivery(alert_payload(episode=episode)))
    assert len(service.open) == 2


@pytest.mark.parametrize("text", ["x" * 5000, "ü" * 1025, "x" * 1024])
def test_a_long_summary_is_cut_to_1024_characters(there: Receiver, service: PagerDutyService, text: str) -> None:
    channel(there.url).send(delivery(alert_payload(summary=text)))
    (event,) = service.open.values()
    assert len(event["payload"]["summary"]) == 1024


def test_details_that_do_not_fit_are_left_out(there: Receiver, service: PagerDutyService) -> None:
    channel(there.url).send(delivery(alert_payload(annotations={"long": "ü" * 300_000})))
    (event,) = service.open.values()
    assert list(event["payload"]["custom_details"]) == ["left_out"]


def test_a_long_key_is_cut(there: Receiver, service: PagerDutyService) -> None:
    channel(there.url).send(delivery(alert_payload(alert="a" * 400)))
    assert [len(key) for key in service.open] == [255]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("page", "critical"), ("ticket", "warning"), ("info", "info"), ("error", "error"), ("sev1", "error")],
)
def test_severities(ours: str, theirs: str) -> None:
    assert severity_of(ours) == theirs


def test_a_refused_event_says_what_was_wrong_without_the_key(there: Receiver) -> None:
    with pytest.raises(TransportError, match=r"answered 400: invalid routing key \*\*\*") as raised:
        channel(there.url, "wrongwrongwrongwrongwrongwrong00").send(delivery())
    assert raised.value.permanent
    assert "wrong" not in str(raised.value)


def test_429_is_left_to_the_dispatcher(there: Receiver) -> None:
    there.answer = lambda request: Reply(429, {"retry-after": "30"})
    with pytest.raises(TransportError, match="429") as raised:
        channel(there.url).send(delivery())
    assert (raised.value.permanent, raised.value.retry_after) == (False, 30.0)
    assert len(there.got) == 1


@pytest.mark.parametrize("body", [b"", b"ok", b"[]", json.dumps({"status": "success"}).encode()])
def test_an_answer_without_a_key_is_worth_another_attempt(there: Receiver, body: bytes) -> None:
    there.answer = lambda request: Reply(202, {}, body)
    with pytest.raises(TransportError, match="without a dedup_key") as raised:
        channel(there.url).send(delivery())
    assert not raised.value.permanent


def test_the_environment_s_proxy_is_not_asked(there: Receiver, monkeypatch: Any) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    channel(there.url).send(delivery())
    assert len(there.got) == 1


def test_an_acknowledged_alert_acknowledges_its_incident(there: Receiver, service: PagerDutyService) -> None:
    told = channel(there.url)
    told.send(delivery(alert_payload()))
    told.send(delivery(alert_payload("acknowledged")))
    assert service.acknowledged == set(service.open)
    told.send(delivery(alert_payload("resolved")))
    assert service.open == {}


def test_a_group_is_one_incident_with_the_worst_severity(there: Receiver, service: PagerDutyService) -> None:
    told = channel(there.url)
    told.send(delivery(group_payload("firing")))
    (event,) = service.open.values()
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["summary"].startswith("2 firing (model=credit): ")
    assert len(event["payload"]["custom_details"]["alerts"]) == 2
    told.send(delivery(group_payload("resolved")))
    assert service.open == {}


def test_a_late_end_of_a_group_does_not_close_its_next_incident(there: Receiver, service: PagerDutyService) -> None:
    told = channel(there.url)
    for status, cycle in (("firing", 1), ("firing", 2), ("resolved", 1)):
        told.send(delivery({**group_payload(status), "cycle": cycle}))
    assert (service.opened, len(service.open)) == (2, 1)
    told.send(delivery({**group_payload("resolved"), "cycle": 2}))
    assert service.open == {}


def test_a_group_from_before_cycles_were_counted_keeps_its_key(there: Receiver, service: PagerDutyService) -> None:
    payload = group_payload("firing")
    del payload["cycle"]
    channel(there.url).send(delivery(payload))
    assert list(service.open) == [f"group:{payload['group']}"]
    channel(there.url).send(delivery({**group_payload("resolved"), "cycle": 0}))
    assert service.open == {}


def test_a_change_of_route_is_a_change_event(there: Receiver, service: PagerDutyService) -> None:
    channel(there.url).send(delivery(route_payload()))
    (event,) = service.changes
    assert event["payload"]["summary"] == "credit: the route is fallback, by rule:parity"
    assert event["payload"]["timestamp"] == "2026-11-20T10:00:00.000Z"
    assert service.opened == 0


def test_severities_and_the_picture_are_configured(there: Receiver, service: PagerDutyService) -> None:
    made = PagerDutyConfig.model_validate(
        {
            "name": "oncall",
            "type": "pagerduty",
            "routing_key": ROUTING_KEY,
            "base_url": there.url,
            "severities": {"page": "error"},
            "image": "https://charts.example/{model}/{rule}.png?by={attributes}",
        }
    )
    PagerDutyChannel.from_config(made, Ports(Outgoing(LOOPBACK))).send(delivery(alert_payload(model="a b")))
    (event,) = service.open.values()
    assert event["payload"]["severity"] == "error"
    assert event["images"] == [
        {"src": "https://charts.example/a%20b/parity.png?by=sex", "alt": "selection_rate by sex"}
    ]
    with pytest.raises(ValueError, match="https"):
        PagerDutyConfig.model_validate({**made.model_dump(), "image": "http://charts.example"})


def test_a_storm_is_throttled_and_nothing_of_it_is_lost(
    database: str, there: Receiver, service: PagerDutyService
) -> None:
    """130 alerts in a minute: PagerDuty takes 120 and answers 429 to the others, which come when it takes calls again."""
    now = [0.0]
    service.clock = lambda: now[0]
    db = engine(database, name="test")
    rows = [
        {"dedup_key": f"{n}:1:oncall", "alert": f"a{n}", "transition_no": 1, "receiver": "oncall", "channel": "pagerduty",
         "payload": alert_payload(alert=f"a{n}")}
        for n in range(130)
    ]  # fmt: skip
    with db.begin() as conn:
        conn.execute(sa.insert(outbox), rows)
    policy = DispatchPolicy(workers=50, per_receiver=50, retry=RetryPolicy(delays=(0.001,), jitter=0.0))
    dispatcher = Dispatcher(db, {"oncall": channel(there.url)}, policy=policy)
    while len(there.got) < 135:
        dispatcher.run_once()
    assert service.opened == 120
    now[0] = 61.0
    while dispatcher.run_once():
        pass
    with db.connect() as conn:
        assert backlog(conn).waiting == 0
    assert service.opened == 130
    db.dispose()
