"""Routes as flags."""

import time
from collections.abc import Callable

import sqlalchemy as sa
from starlette.testclient import TestClient

from alerts.tables import route_changes
from streams.web.ofrep import evaluate
from streams.web.routes import Flag, definition
from tests.streams import seeded
from tests.streams.web.conftest import OTHER

ONE = f"/ofrep/v1/evaluate/flags/{seeded.MODEL}"
ALL = "/ofrep/v1/evaluate/flags"


def eventually(holds: Callable[[], bool]) -> None:
    """A change of route is told to `serve` by a notification: wait for it, ten seconds at most."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "the change was not seen"
        time.sleep(0.005)


def to_canary(engine: sa.Engine, percent: float) -> None:
    with engine.begin() as connection:
        connection.execute(
            route_changes.insert().values(
                model=seeded.MODEL, epoch=3, from_route="live", to_route="canary", percent=percent, reason="plan",
                changed_by="ada", effective_at=seeded.END, config_version="c1",
            )
        )  # fmt: skip


def test_a_canary_takes_its_share_and_growing_only_adds_keys() -> None:
    keys = [f"client-{number}" for number in range(20_000)]
    five = {key for key in keys if Flag("m", "canary", 5.0).variant(key) == "canary"}
    ten = {key for key in keys if Flag("m", "canary", 10.0).variant(key) == "canary"}
    assert five < ten
    assert abs(len(five) - 1000) < 4 * 31  # sd of a binomial(20000, .05) is 30.8
    other = {key for key in keys if Flag("n", "canary", 5.0).variant(key) == "canary"}
    assert len(five & other) < 120  # 50 expected if models are independent


def test_a_whole_canary_is_no_split_and_an_empty_one_is_nobody() -> None:
    assert evaluate(Flag("m", "canary", 100.0), "") == {
        "key": "m", "reason": "STATIC", "variant": "canary", "value": "canary", "metadata": {"epoch": 0},
    }  # fmt: skip
    assert all(Flag("m", "canary", 0.0).variant(str(key)) == "live" for key in range(100))


def test_flagd_reads_the_share_as_weights() -> None:
    flags = definition([Flag("m", "canary", 2.5, epoch=4), Flag("n", "fallback")])["flags"]
    assert isinstance(flags, dict)
    assert flags["m"]["targeting"] == {"fractional": [["canary", 250], ["live", 9750]]}
    assert flags["m"]["defaultVariant"] == "live"
    assert flags["n"]["defaultVariant"] == "fallback" and "targeting" not in flags["n"]
    for flag in flags.values():
        assert flag["defaultVariant"] in flag["variants"] and flag["state"] == "ENABLED"


def test_the_file_has_an_etag_that_changes_with_the_route(engine: sa.Engine, own_client: TestClient) -> None:
    first = own_client.get("/flagd/flags.json")
    assert set(first.json()["flags"]) == {seeded.MODEL, OTHER}
    tag = first.headers["etag"]
    for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = own_client.get("/flagd/flags.json", headers={"If-None-Match": header})
        assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == tag
    to_canary(engine, 5.0)
    eventually(lambda: own_client.get("/flagd/flags.json").headers["etag"] != tag)
    changed = own_client.get("/flagd/flags.json", headers={"If-None-Match": tag})
    assert changed.status_code == 200 and changed.headers["etag"] != tag


def test_ofrep_gives_the_route_with_its_reason(client: TestClient) -> None:
    answer = client.post(ONE, json={"context": {"targetingKey": "c1", "region": "north"}})
    assert answer.status_code == 200
    assert answer.json() == {
        "key": seeded.MODEL, "reason": "STATIC", "variant": "live", "value": "live",
        "metadata": {"epoch": 2, "reason": "seen", "changed_by": "ada"},
    }  # fmt: skip


def test_ofrep_errors_are_those_of_the_protocol(engine: sa.Engine, own_client: TestClient) -> None:
    unknown = own_client.post("/ofrep/v1/evaluate/flags/typo", json={})
    assert unknown.status_code == 404 and unknown.json()["errorCode"] == "FLAG_NOT_FOUND"
    for body in (b"{", b"[]", b'{"context": {"targetingKey": 5}}', b"\xff", b'{"context": "' + b"x" * 70_000 + b'"}'):
        broken = own_client.post(ONE, content=body)
        assert broken.status_code == 400 and broken.json()["errorCode"] == "PARSE_ERROR", body[:20]
    to_canary(engine, 5.0)
    eventually(lambda: own_client.post(ONE, json={}).status_code == 400)
    keyless = own_client.post(ONE, json={"context": {}})
    assert keyless.status_code == 400 and keyless.json()["errorCode"] == "TARGETING_KEY_MISSING"


def test_ofrep_in_bulk(engine: sa.Engine, own_client: TestClient) -> None:
    to_canary(engine, 99.99)
    eventually(lambda: own_client.post(ONE, json={}).status_code == 400)
    answer = own_client.post(ALL, json={"context": {"targetingKey": "c1"}})
    assert {flag["key"]: flag["value"] for flag in answer.json()["flags"]} == {seeded.MODEL: "canary", OTHER: "live"}
    again = own_client.post(
        ALL, json={"context": {"targetingKey": "c1"}}, headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304
    keyless = own_client.post(ALL, json={}).json()["flags"]
    assert {flag["key"]: flag.get("errorCode") for flag in keyless} == {
        seeded.MODEL: "TARGETING_KEY_MISSING",
        OTHER: None,
    }


def test_what_a_canary_does_not_decide_goes_to_the_rest() -> None:
    flag = Flag("m", "canary", 5.0, rest="fallback", version="v7")
    assert {flag.variant(str(key)) for key in range(500)} == {"canary", "fallback"}
    assert flag.metadata == {"epoch": 0, "version": "v7", "rest": "fallback"}
    flags = definition([flag])["flags"]
    assert isinstance(flags, dict)
    assert flags["m"]["defaultVariant"] == "fallback"
    assert flags["m"]["targeting"] == {"fractional": [["canary", 500], ["fallback", 9500]]}
