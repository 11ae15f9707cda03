"""The published schemas are the generated ones, and say the same as the reader and the loader."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator

from monitor.events import Outcome, Prediction, WireOutcome, WireWeighted
from streams.schemas import DIRECTORY, schemas, text
from tests.monitor.records import outcome, prediction, reader, records

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "deploy" / "examples").glob("*.yaml"))


@pytest.mark.parametrize("name", sorted(schemas()))
def test_what_is_published_is_what_is_generated(name: str) -> None:
    """If this fails: `python -m streams.schemas`, and mind that fields are added, never removed."""
    assert (DIRECTORY / name).read_text(encoding="utf-8") == text(schemas()[name])


@pytest.mark.parametrize("name", sorted(schemas()))
def test_they_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(schemas()[name])


@pytest.mark.parametrize(("wire", "contract"), [(WireWeighted, Prediction), (WireOutcome, Outcome)])
def test_the_wire_form_has_the_fields_of_the_contract(wire: Any, contract: Any) -> None:
    assert set(wire.__struct_fields__) == set(contract.__struct_fields__)


def test_the_event_of_the_readme() -> None:
    event = json.loads(
        '{"id": "a1f3", "model": "credit-limit", "version": "2026-11-01", "time": "2026-11-20T10:00:00.123Z",'
        ' "decision": true, "score": 0.71, "value": 120000.0,'
        ' "attributes": {"sex": "F", "age": 34, "ethnicity": null},'
        ' "factors": {"income_band": "3"}, "arm": "live", "weight": 1.0}'
    )
    Draft202012Validator(schemas()["prediction.json"]).validate(event)
    assert msgspec.convert(event, Prediction).attributes == {"sex": "F", "age": 34, "ethnicity": None}


CHANGES: list[dict[str, Any]] = [
    {},
    {"id": ...},
    {"id": ""},
    {"id": "x" * 1025},
    {"id": 5},
    {"model": 5},
    {"time": ...},
    {"time": True},
    {"time": [1]},
    {"value": "1"},
    {"value": None},
    {"unknown": 1},
]
OF_PREDICTIONS: list[dict[str, Any]] = [
    {"version": 5},
    {"version": "x" * 129},
    {"version": ...},
    {"decision": ..., "score": None, "value": None},
    {"decision": 0.5},
    {"score": 1.5},
    {"score": None},
    {"arm": "staging"},
    {"arm": None},
    {"attributes": None},
    {"attributes": []},
    {"attributes": {str(n): n for n in range(65)}},
]


@pytest.mark.parametrize("changes", [*CHANGES, *OF_PREDICTIONS], ids=str)
def test_a_prediction_is_read_if_it_is_valid(changes: dict[str, Any]) -> None:
    event = prediction(**changes)
    _, letters = reader()[0].predictions(records(event))
    assert Draft202012Validator(schemas()["prediction.json"]).is_valid(event) == (not letters)


@pytest.mark.parametrize("changes", [*CHANGES, {"label": ..., "value": ...}, {"label": 0.5}, {"label": []}], ids=str)
def test_an_outcome_is_read_if_it_is_valid(changes: dict[str, Any]) -> None:
    event = outcome(**changes)
    _, letters = reader()[0].outcomes(records(event))
    assert Draft202012Validator(schemas()["outcome.json"]).is_valid(event) == (not letters)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_valid(path: Path) -> None:
    Draft202012Validator(schemas()["configuration.json"]).validate(yaml.safe_load(path.read_text()))


def test_the_schema_of_the_configuration_knows_every_type() -> None:
    validator = Draft202012Validator(schemas()["configuration.json"])
    models = [{"name": "m", "attributes": {"sex": ["F"]}}]
    assert validator.is_valid({"models": models, "receivers": [{"name": "r", "type": "rollback"}]})
    assert not validator.is_valid({"models": models, "receivers": [{"name": "r", "type": "fax"}]})
    assert not validator.is_valid({"models": models, "modles": []})
    assert not validator.is_valid({"models": [{**models[0], "pane": "soon"}]})
