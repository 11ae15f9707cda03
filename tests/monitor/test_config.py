"""What a model's configuration takes, what it gives, and what it refuses."""

from typing import Any

import pytest
from pydantic import ValidationError

from monitor.config import AttributeConfig, ModelConfig, bin_names
from monitor.sections import text_of
from monitor.times import DAY, HOUR, MINUTE

SEX = {"sex": ["F", "M"]}


def model(**more: Any) -> ModelConfig:
    return ModelConfig.model_validate({"name": "credit", "attributes": SEX, **more})


def told(**more: Any) -> list[tuple[tuple[Any, ...], str]]:
    """The problems between fields of a model that is otherwise right."""
    with pytest.raises(ValidationError) as caught:
        model(**more)
    found = []
    for error in caught.value.errors():
        assert error["type"] == "problems", error
        found += [((*error["loc"], *where), text) for where, text in error["ctx"]["problems"]]
    return found


def test_a_model_needs_only_a_name_and_its_attributes() -> None:
    given = model()
    assert (given.topics.predictions, given.topics.outcomes) == ("predictions", "outcomes")
    assert given.pane == MINUTE
    assert given.windows == (5 * MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY)
    assert (given.max_lateness, given.dedup_horizon, given.join_horizon) == (DAY, DAY, 60 * DAY)
    assert (given.labels, given.intersections, given.display_min) == ("all", 2, 10)
    assert given.references == {}


def test_declared_values_in_three_forms() -> None:
    forms = [["F", "M"], {"values": ["F", "M"]}, {"values": {"F": "F", "M": ["M"]}}]
    assert [AttributeConfig.model_validate(form).values for form in forms] == [{"F": ("F",), "M": ("M",)}] * 3


def test_values_are_compared_as_json_writes_them() -> None:
    assert [text_of(value) for value in (True, 1, 1.0, 1.5, "x")] == ["true", "1", "1", "1.5", "x"]
    assert AttributeConfig.model_validate({"values": [1, 2], "reference": 1}).reference == "1"


def test_bins_have_names() -> None:
    assert bin_names((25, 40.5)) == ("<25", "25-40.5", ">=40.5")
    assert AttributeConfig.model_validate({"bins": [25], "labels": ["young", "old"]}).groups == ("young", "old")


def test_attribute_sets_up_to_the_depth() -> None:
    attributes = {"sex": ["F"], "age": ["1"], "job": ["x"]}
    sets = model(attributes=attributes).attribute_sets()
    assert sets == [(), ("age",), ("job",), ("sex",), ("age", "job"), ("age", "sex"), ("job", "sex")]
    assert model(attributes=attributes, intersections=3).attribute_sets()[-1] == ("age", "job", "sex")
    assert model(intersections=5).attribute_sets() == [(), ("sex",)]


@pytest.mark.parametrize(
    ("attribute", "where", "text"),
    [
        ([], (), "declare either"),
        ({"values": ["a"], "bins": [1]}, (), "declare either"),
        ({"bins": [2, 1]}, ("bins",), "must be finite and rise"),
        ({"bins": [1, float("inf")]}, ("bins",), "must be finite and rise"),
        ({"bins": [1], "labels": ["a"]}, ("labels",), "1 edges make 2 bins, not 1"),
        ({"bins": [1], "labels": ["a", "a"]}, ("labels",), "two bins have the same label"),
        (["a", "other"], ("values",), "'other' is kept for undeclared values"),
        (["a", "unknown"], ("values",), "'unknown' is kept for null"),
        ({"values": {"a": ["1"], "b": ["1"]}}, ("values",), "'1' is declared twice"),
        ({"values": {"a\x00": ["1"]}}, ("values",), "printable characters"),
        ({"values": ["a"], "reference": "b"}, ("reference",), "no such group; declared are a"),
    ],
)
def test_attributes_that_cannot_be_meant(attribute: Any, where: tuple[str, ...], text: str) -> None:
    [(path, message)] = told(attributes={"x": attribute})
    assert path == ("attributes", "x", *where)
    assert text in message


YES = {"favourable": ["a"]}


@pytest.mark.parametrize(
    ("given", "where", "text"),
    [
        ({"pane": "7m"}, ("pane",), "7m does not divide an hour"),
        ({"pane": "2h"}, ("pane",), "2h does not divide an hour"),
        ({"max_lateness": "48h"}, ("dedup_horizon",), "1d is shorter than max_lateness, 2d"),
        ({"windows": ["90s"]}, ("windows",), "1m30s is not a multiple of the pane, 1m"),
        ({"windows": ["49h30m"]}, ("windows",), "must be whole hours"),
        ({"windows": ["1h", "60m"]}, ("windows",), "each only once"),
        ({"windows": []}, ("windows",), "at least one window"),
        ({"join_horizon": "0s"}, ("join_horizon",), "longer than nothing"),
        ({"factors": SEX}, ("factors", "sex"), "is an attribute too"),
        ({"value": {"range": [1, 1]}}, ("value", "range"), "must be below the second"),
        ({"classes": ["a", "a"], "decision": YES, "outcome": YES}, ("classes",), "the same name"),
        ({"classes": ["a", "b"], "outcome": YES}, ("decision", "favourable"), "which of the `classes`"),
        ({"value": {"range": [0, 1e9]}}, ("value", "range"), "coarser resolution"),
        ({"topics": {"predictions": "x", "outcomes": "x"}}, ("topics", "outcomes"), "need two topics"),
        ({"decision": {"favourable": ["a"], "unfavourable": ["a"]}}, ("decision", "unfavourable"), "a cannot be both"),
        ({"outcome": {"unfavourable": ["a"]}}, ("outcome", "favourable"), "name the favourable labels too"),
        ({"mapping": {"outcome": {"id": "$.a b", "time": "$.t"}}}, ("mapping", "outcome", "id"), "is not a path"),
    ],
)
def test_settings_that_cannot_be_meant(given: dict[str, Any], where: tuple[str, ...], text: str) -> None:
    [(path, message)] = told(**given)
    assert path == where
    assert text in message


@pytest.mark.parametrize("given", [{"windws": ["1h"]}, {"pane": "5"}, {"pane": 60}, {"name": "a/b"}, {"name": "*"}])
def test_single_values_that_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model(**given)


def test_durations_are_dumped_as_they_are_written() -> None:
    assert model(pane="5m").model_dump(mode="json")["pane"] == "5m"
    assert ModelConfig.model_validate(model().model_dump(mode="json")) == model()
