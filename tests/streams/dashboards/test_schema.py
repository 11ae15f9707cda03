"""The boards against Grafana's own schema: the dashboard, and the options and fields of every kind of panel that is used.

The schema calls fields with a default needed, and has a type of annotations that it says itself is wrong ("TODO: this should be a
regular DataQuery"); both are allowed for below, by name.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, ValidationError

from streams.dashboards import BOARDS
from streams.dashboards.files import board

DEFINITIONS: dict[str, Any] = json.loads(Path(__file__).with_name("grafana-13.2.3.json").read_text(encoding="utf-8"))[
    "definitions"
]
KINDS: dict[str, Any] = DEFINITIONS["Kinds"]["properties"]
OF_GRAFANA_11 = {"table": {"hidden"}}
"""Fields of panels that later Grafanas call otherwise; boards say them in both ways."""


def wrong(schema: dict[str, Any], value: object) -> list[str]:
    """What the schema has against a value, each with its place."""
    found = Draft7Validator({**schema, "definitions": DEFINITIONS}).iter_errors(value)
    return [f"{list(error.path)}: {_deepest(error).message[:200]}" for error in found]


def _deepest(error: ValidationError) -> ValidationError:
    while error.context:
        error = max(error.context, key=lambda one: len(one.absolute_path))
    return error


def panels(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in data["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panels(panel) if panel.get("panels") else ()


@pytest.fixture(params=sorted(BOARDS))
def data(request: pytest.FixtureRequest) -> dict[str, Any]:
    made: dict[str, Any] = board(request.param)
    return made


def test_the_dashboard(data: dict[str, Any]) -> None:
    plain = deepcopy(data)
    for query in plain["annotations"].get("list", ()):
        query.pop("target", None)
    assert wrong(DEFINITIONS["Dashboard"], plain) == []


def test_the_options_of_every_panel(data: dict[str, Any]) -> None:
    for panel in panels(data):
        assert wrong(KINDS[kind(panel) + "Options"], panel["options"]) == [], panel["title"]


def test_the_fields_of_every_panel(data: dict[str, Any]) -> None:
    for panel in panels(data):
        custom = panel["fieldConfig"]["defaults"].get("custom")
        assert custom is None or wrong(KINDS[kind(panel) + "Custom"], custom) == [], panel["title"]


def test_every_override(data: dict[str, Any]) -> None:
    for panel in panels(data):
        for override in panel["fieldConfig"].get("overrides", ()):
            for given in override["properties"]:
                name = given["id"].removeprefix("custom.")
                if name in OF_GRAFANA_11.get(panel["type"], ()):
                    continue
                own = given["id"].startswith("custom.")
                known = KINDS[kind(panel) + "Custom"]["properties"] if own else DEFINITIONS["FieldConfig"]["properties"]
                assert name in known, (panel["title"], given["id"])
                assert wrong(known[name], given["value"]) == [], (panel["title"], given)


def test_the_schema_finds_what_is_wrong(data: dict[str, Any]) -> None:
    """A key that is misspelt, a colour mode that there is not, a time that is a number."""
    spoilers: tuple[dict[str, Any], ...] = ({"panls": []}, {"time": {"from": 1, "to": "now"}}, {"schemaVersion": "36"})
    for spoiled in spoilers:
        assert wrong(DEFINITIONS["Dashboard"], {**data, **spoiled})
    assert wrong(KINDS["statOptions"], {"colorMode": "loud"})


def kind(panel: dict[str, Any]) -> str:
    return str(panel["type"]).replace("-", "")
