"""The picture in a page: the address that PagerDuty is given opens without a token, and no other does."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from streams.config import ConfigError, parse
from streams.database import engine as make_engine
from streams.dispatching import channels_of, pictures_of
from streams.web import pictures, service_app
from streams.web.pictures import FRESH, MOST, Gallery
from tests.alerts.delivering import alert_payload, delivery, group_payload
from tests.alerts.pagerduty_service import ROUTING_KEY, PagerDutyService
from tests.alerts.receiving import receiver
from tests.streams import seeded

PUBLIC = 'public_url: "https://fairdrift.example.org", '
CONFIG = """
serve: {{public_url: "https://fairdrift.example.org", requests_per_second: 10000}}
delivery: {{allow: [127.0.0.0/8], allow_http: true}}
models: [{{name: credit-limit, attributes: {{sex: [female, male]}}}}]
receivers: [{{name: oncall, type: pagerduty, routing_key: {key}, base_url: "{url}"}}]
"""
SETTINGS = parse(CONFIG.format(key=ROUTING_KEY, url="http://127.0.0.1:1"))


@pytest.fixture
def anybody(seeded_engine: sa.Engine) -> Iterator[TestClient]:
    """Without a token."""
    with TestClient(service_app(seeded_engine, SETTINGS)) as made:
        yield made


def path_of(address: str) -> str:
    split = urlsplit(address)
    assert f"{split.scheme}://{split.netloc}" == "https://fairdrift.example.org"
    return f"{split.path}?{split.query}"


def test_the_address_in_a_page_opens_the_picture(seeded_engine: sa.Engine, anybody: TestClient) -> None:
    service = PagerDutyService()
    with receiver(service) as there:
        settings = parse(CONFIG.format(key=ROUTING_KEY, url=there.url))
        channel = channels_of(settings, None, pictures_of(seeded_engine, settings))["oncall"]
        links = {"panel": "https://grafana.example/d/1", "runbook": None, "silence": None}
        channel.send(delivery(alert_payload(alert=seeded.ALERT, links=links)))
    (event,) = service.open.values()
    (image,) = event["images"]
    assert image["alt"] == "selection_rate by sex" and image["href"] == "https://grafana.example/d/1"
    assert "sex" not in image["src"] and "credit" not in image["src"]
    answer = anybody.get(path_of(image["src"]))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.content.startswith(b"\x89PNG") and answer.headers["x-content-type-options"] == "nosniff"
    assert anybody.head(path_of(image["src"])).status_code == 200


@pytest.mark.parametrize("kind", ["absence", "quality", "four_fifths"])
def test_alerts_without_a_series_have_no_picture(seeded_engine: sa.Engine, kind: str) -> None:
    service = PagerDutyService()
    with receiver(service) as there:
        settings = parse(CONFIG.format(key=ROUTING_KEY, url=there.url))
        channel = channels_of(settings, None, pictures_of(seeded_engine, settings))["oncall"]
        channel.send(delivery(alert_payload(rule_type=kind)))
    (event,) = service.open.values()
    assert "images" not in event


def test_an_incident_of_a_group_shows_its_first_alert(seeded_engine: sa.Engine) -> None:
    service = PagerDutyService()
    with receiver(service) as there:
        settings = parse(CONFIG.format(key=ROUTING_KEY, url=there.url))
        channels_of(settings, None, pictures_of(seeded_engine, settings))["oncall"].send(delivery(group_payload()))
    (event,) = service.open.values()
    assert [urlsplit(image["src"]).path for image in event["images"]] == ["/pictures/ab12/chart.png"]


def test_without_a_public_address_there_is_no_picture(seeded_engine: sa.Engine) -> None:
    settings = parse(CONFIG.format(key=ROUTING_KEY, url="http://127.0.0.1:1").replace(PUBLIC, ""))
    assert pictures_of(seeded_engine, settings)(seeded.ALERT) == ""
    address = pictures_of(seeded_engine, SETTINGS)(seeded.ALERT)
    with TestClient(service_app(seeded_engine, settings)) as client:
        assert client.get(path_of(address)).status_code == 404


def test_only_signed_addresses_open_and_only_pictures(seeded_engine: sa.Engine, anybody: TestClient) -> None:
    path = path_of(pictures_of(seeded_engine, SETTINGS)(seeded.ALERT))
    for wrong in (
        path[:-1] + "g",
        path.split("?")[0],
        path.replace("ab", "cd"),
        path.replace("expires=1", "expires=2"),
    ):
        answer = anybody.get(wrong)
        assert answer.status_code == 403 and "picture" not in answer.headers["content-type"]
    assert anybody.get("/pictures/../api/v1/models").status_code == 401
    assert anybody.get("/pictures/").status_code == 404
    assert anybody.get("/api/v1/models").status_code == 401
    assert anybody.post(path).status_code == 405


def test_while_the_database_is_away() -> None:
    away = make_engine("postgresql://nobody:s3cret@127.0.0.1:1/none")
    with TestClient(service_app(away, SETTINGS)) as client:
        answer = client.get("/pictures/ab/chart.png?expires=1&signature=0")
    away.dispose()
    assert answer.status_code == 503 and "s3cret" not in answer.text


@pytest.mark.parametrize("url", ["http://fairdrift.example.org", "https://", "fairdrift.example.org", "https://a/?b=c"])
def test_a_public_address_is_https(url: str) -> None:
    with pytest.raises(ConfigError, match=r"serve.public_url: is an address over https"):
        parse(CONFIG.format(key=ROUTING_KEY, url="http://127.0.0.1:1").replace("https://fairdrift.example.org", url))


def test_who_asks_again_within_a_minute_is_shown_the_same() -> None:
    now, made = [0.0], []

    def draw(alert: str) -> bytes:
        made.append(alert)
        return alert.encode()

    gallery = Gallery(draw, lambda: now[0])
    for now[0] in (0.0, 1.0, FRESH, FRESH + 1.0):
        assert gallery.picture("a") == b"a"
    assert made == ["a", "a"]
    for n in range(MOST + 1):
        gallery.picture(f"{n}")
    assert len(gallery._kept) == MOST
    assert pictures.HEADERS["Cache-Control"] == "public, max-age=60"
