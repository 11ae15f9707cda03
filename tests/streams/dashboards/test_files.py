"""The committed files are the generated ones, and what Grafana's classic loader relies on is in them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.dashboards import BOARDS
from streams.dashboards.board import UIDS
from streams.dashboards.files import board, render, write
from streams.dashboards.prometheus import PROMETHEUS_UID
from streams.dashboards.sql import DATASOURCE_UID
from streams.watching import BOARD

OKABE_ITO = {"#0072B2", "#56B4E9", "#009E73", "#F0E442", "#E69F00", "#D55E00", "#CC79A7", "#8E8E8E"}
COMMITTED = Path(__file__).parents[3] / "deploy" / "grafana"


@pytest.mark.parametrize("name", sorted(render()))
def test_the_committed_file_is_the_generated_one(name: str) -> None:
    committed = (COMMITTED / name).read_text(encoding="utf-8")
    assert committed == render()[name], "run `fairdrift dashboards write` and commit the result"


def test_no_file_is_left_from_a_board_that_is_gone() -> None:
    boards = {path.name for path in (COMMITTED / "dashboards").iterdir()}
    assert boards == {f"{name}.json" for name in BOARDS}


def test_write_makes_the_folders(tmp_path: Path) -> None:
    written = write(tmp_path / "grafana")
    assert {str(path.relative_to(tmp_path / "grafana")) for path in written} == set(render())


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_a_board_can_be_loaded_by_any_server(name: str) -> None:
    data: dict[str, Any] = board(name)
    assert "id" not in data and data["uid"] == f"fairdrift-{name}" and data["title"]
    ids = [panel["id"] for panel in data["panels"] if panel["type"] != "row"]
    assert len(ids) == len(set(ids))
    for panel in data["panels"]:
        if panel["type"] == "row":
            continue
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert panel["description"], "a panel says what it shows"
        assert panel["fieldConfig"]["defaults"]["noValue"], "an empty panel says why"
        for target in panel["targets"]:
            asked = target["datasource"]["uid"]
            assert (asked, target.get("rawQuery")) == (DATASOURCE_UID, True) or (
                asked == PROMETHEUS_UID and target["expr"]
            )


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_every_colour_is_one_that_colour_blind_people_can_tell(name: str) -> None:
    data: dict[str, Any] = board(name)
    found = set(re.findall(r"#[0-9A-Fa-f]{6}", json.dumps(data)))
    assert found <= OKABE_ITO
    assert not re.findall(r'"color": "(?:red|green|yellow|blue|orange)"', json.dumps(data["panels"]))


def test_pages_and_boards_lead_to_boards_that_exist() -> None:
    urls = re.findall(r"/d/([\w-]+)", json.dumps([board(name) for name in BOARDS]) + BOARD)
    assert set(urls) == set(UIDS.values())
    variables = {v["name"] for v in board("alert")["templating"]["list"]}  # type: ignore[index]
    assert "var-alert={alert}" in BOARD
    assert "alert" in variables


def test_panels_do_not_overlap() -> None:
    for name in BOARDS:
        taken: set[tuple[int, int]] = set()
        data: dict[str, Any] = board(name)
        for panel in data["panels"]:
            position = panel["gridPos"]
            squares = {
                (x, y)
                for x in range(position["x"], position["x"] + position["w"])
                for y in range(position["y"], position["y"] + position["h"])
            }
            assert not squares & taken, panel.get("title")
            taken |= squares


def test_provisioning_holds_no_secret() -> None:
    source, prometheus = yaml.safe_load(render()["provisioning/datasources/fairdrift.yaml"])["datasources"]
    assert "secureJsonData" not in prometheus
    assert source["secureJsonData"] == {"password": "$FAIRDRIFT_READER_PASSWORD"}
    assert source["user"] == "fairdrift_reader" and "database" not in source
