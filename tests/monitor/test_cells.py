"""Groups of raw values, and identities that are the same everywhere."""

from typing import Any

import pytest

from monitor.cells import Binner, Cells, cell_id, cell_schema, grouper, stable_id, variant_id
from monitor.config import AttributeConfig, ModelConfig

PINNED_CELL = 8353247120393476348
"""`printf '["credit","1","live","s",{"age":"<25","sex":"female"},{}]' | b2sum -l 64`, halved."""
PINNED_VARIANT = 7783120523037712315
"""`printf '["1","live"]' | b2sum -l 64`, halved."""


def model(**more: Any) -> ModelConfig:
    attributes = {"sex": {"values": {"female": ["F", 2], "male": ["M"]}}, "age": {"bins": [25, 40]}}
    return ModelConfig.model_validate({"name": "credit", "attributes": attributes, "factors": {"band": [1, 2]}, **more})


@pytest.mark.parametrize(
    ("raw", "group"),
    [
        ("F", "female"),
        (2, "female"),
        (2.0, "female"),
        ("2", "female"),
        ("M", "male"),
        ("f", "other"),
        ("", "other"),
        (None, "unknown"),
        (True, "other"),
        (["F"], "other"),
        ({"F": 1}, "other"),
        ("unknown", "other"),
    ],
)
def test_declared_values(raw: Any, group: str) -> None:
    assert grouper(model().attributes["sex"])(raw) == group


def test_a_declared_boolean() -> None:
    group = grouper(AttributeConfig.model_validate({"values": {"disabled": [True], "not": [False]}}))
    assert [group(raw) for raw in (True, False, 1, "true")] == ["disabled", "not", "other", "disabled"]


@pytest.mark.parametrize(
    ("raw", "group"),
    [
        (24, "<25"),
        (24.999, "<25"),
        (25, "25-40"),
        (39, "25-40"),
        (40, ">=40"),
        (10**30, ">=40"),
        (-1, "<25"),
        (None, "unknown"),
        ("34", "other"),
        (True, "other"),
        (float("nan"), "other"),
        (float("inf"), "other"),
    ],
)
def test_bins_take_their_lower_edge(raw: Any, group: str) -> None:
    assert grouper(model().attributes["age"])(raw) == group


def test_groups_of_every_attribute_and_of_nothing_else() -> None:
    binner = Binner(model())
    assert binner.groups({"sex": "F", "shoe": 44}) == (("age", "unknown"), ("sex", "female"))
    assert binner.stratum({"band": 2}) == (("band", "2"),)
    assert binner.stratum({}) == (("band", "unknown"),)


def test_an_identity_is_the_same_everywhere() -> None:
    """Worked out with `b2sum` of the JSON; the order of attributes does not matter."""
    groups = {"sex": "female", "age": "<25"}
    first = cell_id("credit", "1", "live", "s", groups, {})
    assert first == cell_id("credit", "1", "live", "s", dict(reversed(groups.items())), {})
    assert first == PINNED_CELL
    assert variant_id("1", "live") == PINNED_VARIANT
    assert 0 <= stable_id(["x"]) < 2**63


def test_each_part_of_the_identity_matters() -> None:
    parts = ("credit", "1", "live", "s", {"sex": "F"}, {"band": "1"})
    changed = [("other", *parts[1:]), (*parts[:1], "2", *parts[2:]), (*parts[:2], "shadow", *parts[3:])]
    changed += [(*parts[:3], "t", *parts[4:]), (*parts[:4], {"sex": "M"}, parts[5]), (*parts[:5], {"band": "2"})]
    assert len({cell_id(*parts), *(cell_id(*one) for one in changed)}) == 7


@pytest.mark.parametrize(
    "change",
    [
        {"attributes": {"sex": ["F", "M"], "age": {"bins": [25, 40]}}},
        {"attributes": {"sex": {"values": {"female": ["F", 2], "male": ["M"]}}, "age": {"bins": [25, 41]}}},
        {"factors": {}},
        {"decision": {"cut": 0.5}},
        {"outcome": {"favourable": ["paid"]}},
        {"value": {"resolution": 1}},
    ],
)
def test_what_changes_the_meaning_of_numbers_changes_the_cell_schema(change: dict[str, Any]) -> None:
    assert cell_schema(model(**change)) != cell_schema(model())


@pytest.mark.parametrize("change", [{"windows": ["1h"]}, {"display_min": 3}, {"labels": "favourable_only"}])
def test_what_is_only_looked_at_differently_does_not(change: dict[str, Any]) -> None:
    assert cell_schema(model(**change)) == cell_schema(model())


def test_cells_are_written_once() -> None:
    cells = Cells()
    groups = (("sex", "F"),)
    first, second = cells.id("m", "1", "live", "s", groups), cells.id("m", "2", "live", "s", groups)
    assert cells.id("m", "1", "live", "s", groups) == first
    assert len(cells) == 2
    assert [cell.version for cell in cells.unsaved([first, second, first])] == ["1", "2"]
    cells.saved([first])
    assert [cell.id for cell in cells.unsaved([first, second])] == [second]
    assert cells[first].groups == groups


def test_the_cell_of_quality_names_only_the_model() -> None:
    cells = Cells()
    cell = cells[cells.quality("m")]
    assert (cell.model, cell.version, cell.arm, cell.cell_schema, cell.groups) == ("m", "*", "*", "quality", ())
    assert cells.quality("") != cells.quality("m")
