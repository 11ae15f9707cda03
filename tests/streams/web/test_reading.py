"""The lists of /api/v1."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.streams import seeded
from tests.streams.web.conftest import OTHER


def items(client: TestClient, path: str, **parameters: str) -> list[dict[str, Any]]:
    answer = client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def pages(client: TestClient, path: str, **parameters: str) -> Iterator[list[dict[str, Any]]]:
    cursor = None
    while True:
        answer = client.get(path, params=parameters | ({"cursor": cursor} if cursor else {})).json()
        yield answer["items"]
        cursor = answer["next"]
        if cursor is None:
            return


def test_models_known_and_never_seen(client: TestClient) -> None:
    credit, house = items(client, "/api/v1/models")
    assert credit["model"] == seeded.MODEL and credit["evaluated_to"] == {"decision": "2026-03-01T12:00:00Z"}
    assert (credit["route"], credit["epoch"], credit["alerts_firing"]) == ("live", 2, 0)
    assert (house["model"], house["route"], house["evaluated_to"]) == (OTHER, "live", {})


def test_metrics_are_the_columns_of_the_view(client: TestClient) -> None:
    at = seeded.FALL.isoformat().replace("+00:00", "Z")
    (point,) = items(
        client, "/api/v1/metrics", model=seeded.MODEL, attributes="sex", window="1h", **{"from": at, "to": at}
    )
    assert point["value"] == 0.7 and point["window_end"] == "2026-03-01T10:00:00Z"
    assert point["lower_group"] == {"sex": "female"} and point["attribute_set"] == ["sex"]
    assert not [name for name in point if name.startswith("key_")]


def test_attribute_sets_are_sets(client: TestClient) -> None:
    forward = items(client, "/api/v1/metrics", kind="group", attributes="sex,age", window="1h", limit="1000")
    backward = items(client, "/api/v1/metrics", kind="group", attributes="age,sex", window="1h", limit="1000")
    assert forward == backward and len(forward) == 25
    assert forward[0]["state"] == "suppressed" and forward[0]["n"] is None
    everybody = items(client, "/api/v1/metrics", kind="group", attributes="", window="1h", limit="1")
    assert everybody[0]["group_values"] == {} and everybody[0]["n"] == 1000


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_give_every_row_once_in_order(client: TestClient, limit: int) -> None:
    whole = items(client, "/api/v1/metrics", kind="group", limit="1000")
    assert len(whole) == 200
    few = items(client, "/api/v1/metrics", kind="group", limit="1000", window="1h", attributes="sex")
    paged = [
        row
        for page in pages(client, "/api/v1/metrics", kind="group", window="1h", attributes="sex", limit=str(limit))
        for row in page
    ]
    assert paged == few and len(paged) == 50


def test_what_was_known_then(client: TestClient) -> None:
    assert items(client, "/api/v1/metrics", as_of="2026-03-01T12:00:00Z") == []
    assert len(items(client, "/api/v1/metrics", as_of="9999-01-01T00:00:00Z", limit="1000")) == 100


def test_alerts_now_and_their_history(client: TestClient) -> None:
    (alert,) = items(client, "/api/v1/alerts", state="resolved")
    assert alert["transition_no"] == 3 and alert["labels"]["severity"] == "page"
    assert items(client, "/api/v1/alerts", state="firing") == []
    (fired,) = items(client, "/api/v1/alerts", state="firing", history="true")
    assert fired["transition_no"] == 2
    one_by_one = [row for page in pages(client, "/api/v1/alerts", history="true", limit="1") for row in page]
    assert [row["transition_no"] for row in one_by_one] == [3, 2, 1]


def test_routes_now_and_their_history(client: TestClient) -> None:
    (now,) = items(client, "/api/v1/control")
    assert (now["to_route"], now["changed_by"]) == ("live", "ada")
    assert [row["epoch"] for row in items(client, "/api/v1/control", history="true")] == [2, 1]
    assert items(client, "/api/v1/control", route="fallback") == []


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"modle": "x"}, "unknown parameters: modle"),
        ({"limit": "1001"}, "1 to 1000"),
        ({"limit": "٣"}, "1 to 1000"),
        ({"window": "soon"}, "5m, 1h or 30d"),
        ({"window": "9999999999w"}, "5m, 1h or 30d"),
        ({"from": "yesterday"}, "RFC 3339"),
        ({"as_of": "now"}, "RFC 3339"),
        ({"kind": "person"}, "group, disparity"),
        ({"model": "a\x00b"}, "NUL"),
        ({"cursor": "!!"}, "cursor"),
        ({"cursor": "W10"}, "another list"),
        ({"kind": "group", "method": "to_rest"}, "unknown parameters: method"),
    ],
)
def test_what_cannot_be_read_is_told(client: TestClient, parameters: dict[str, str], told: str) -> None:
    answer = client.get("/api/v1/metrics", params=parameters)
    assert answer.status_code == 400 and told in answer.json()["detail"]


def test_a_forged_cursor_is_a_bad_request(client: TestClient) -> None:

    key = ["not a time", "x", *[""] * 10]
    cursor = base64.urlsafe_b64encode(json.dumps(key).encode()).decode()
    assert client.get("/api/v1/metrics", params={"cursor": cursor}).status_code == 400
