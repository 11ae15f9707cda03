"""The committed files are the generated ones, and what Grafana's classic loader relies on is in them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard

from streams.dashboards import BOARDS
from streams.dashboards.files import board, render, write
from streams.dashboards.sql import DATASOURCE_UID

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
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == DATASOURCE_UID and target["rawQuery"] is True
    assert Dashboard.from_json(data).title == data["title"]


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
    source = yaml.safe_load(render()["provisioning/datasources/fairdrift.yaml"])["datasources"][0]
    assert source["secureJsonData"] == {"password": "$FAIRDRIFT_READER_PASSWORD"}
    assert source["user"] == "fairdrift_reader" and "database" not in source
