"""The channel against Alertmanager itself (Debian's), started by the test."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.channels.alertmanager import FAR, AlertmanagerChannel, AlertmanagerConfig, alert_of
from alerts.channels.webhook import WebhookChannel
from alerts.http import Outgoing
from tests.alerts.delivering import alert_payload, delivery
from tests.alerts.receiving import LOOPBACK, Receiver, receiver

PROGRAM = shutil.which("prometheus-alertmanager")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

CONFIG = """
route: {{receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
receivers: [{{name: hook, webhook_configs: [{{url: "{url}"}}]}}]
"""


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def real(there: Receiver, tmp_path: Path) -> Iterator[str]:
    """The address of a real Alertmanager that tells `there` by webhook."""
    if PROGRAM is None:
        pytest.skip("PROMETHEUS-ALERTMANAGER IS NOT INSTALLED: apt-get install prometheus-alertmanager")
    config = tmp_path / "alertmanager.yml"
    config.write_text(CONFIG.format(url=there.url))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = [f"--config.file={config}", f"--storage.path={tmp_path}", f"--web.listen-address={address}"]
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen([PROGRAM, *words, "--cluster.listen-address="], stdout=log, stderr=log)
        try:
            until(lambda: asked(f"http://{address}/-/ready") is not None)
            yield f"http://{address}"
        finally:
            running.terminate()
            running.wait(30)


def until(true: Any) -> None:
    """Waits until something is so, half a minute at most."""
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not become so")


def asked(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return None


def channel(url: str) -> AlertmanagerChannel:
    return AlertmanagerChannel("am", f"{url}/api/v2/alerts", {}, Outgoing(LOOPBACK), lambda: datetime.now(UTC))


def listed(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(asked(f"{url}/api/v2/alerts") or "[]")
    return found


def test_alertmanager_takes_tells_and_ends_it(real: str, there: Receiver) -> None:
    payload = alert_payload(
        labels={"alertname": "parity", "model": "credit", "team-name": "risk"},
        annotations={"owner-of-it": "ada"},
        links={"panel": "https://grafana.example/d/1", "runbook": None, "silence": None},
    )
    for _ in range(2):
        channel(real).send(delivery(payload))
    (one,) = listed(real)
    assert one["labels"] == {"alertname": "parity", "model": "credit", "team_name": "risk", "severity": "page"}
    assert one["annotations"]["owner_of_it"] == "ada"
    assert one["annotations"]["summary"] == payload["summary"]
    assert one["generatorURL"] == "https://grafana.example/d/1"
    assert one["startsAt"] == "2025-11-20T10:00:00.000Z"
    until(lambda: len(there.got) == 1)
    channel(real).send(delivery({**payload, "status": "resolved", "resolved_at": "2025-11-20T11:00:00.000Z"}))
    until(lambda: len(there.got) == 2)
    assert [json.loads(request.body)["status"] for request in there.got] == ["firing", "resolved"]


def test_our_body_of_version_4_has_the_fields_of_alertmanager_s_own(real: str, there: Receiver) -> None:
    channel(real).send(delivery(alert_payload()))
    until(lambda: there.got)
    theirs = json.loads(there.got[0].body)
    with receiver() as ours:
        hook = WebhookChannel("hook", ours.url, (), Outgoing(LOOPBACK), lambda: NOW, alertmanager=True)
        hook.send(delivery(alert_payload(), receiver="hook", reason="first notification"))
        body = json.loads(ours.got[0].body)
    assert theirs.keys() <= body.keys()
    assert theirs["alerts"][0].keys() == body["alerts"][0].keys()
    for same in ("version", "status", "receiver", "commonLabels", "truncatedAlerts"):
        assert theirs[same] == body[same], same
    assert theirs["alerts"][0]["endsAt"] == body["alerts"][0]["endsAt"]
    assert theirs["alerts"][0]["labels"] == body["alerts"][0]["labels"]


def test_an_outage_of_ours_resolves_nothing_and_a_clock_that_is_ahead_hides_nothing() -> None:
    firing = alert_of(alert_payload(), NOW)
    assert firing["endsAt"] == (NOW + FAR).isoformat()
    future = alert_of(
        alert_payload("resolved", firing_since="2027-01-01T00:00:00Z", resolved_at="2027-01-02T00:00:00Z"), NOW
    )
    assert (future["startsAt"], future["endsAt"]) == (NOW.isoformat(), NOW.isoformat())


def test_from_the_configuration() -> None:
    config = AlertmanagerConfig.model_validate(
        {"name": "am", "type": "alertmanager", "url": "https://am.example/prefix/", "authorization": "Bearer geheim"}
    )
    assert "geheim" not in repr(config)
    assert config.resend == 300_000
