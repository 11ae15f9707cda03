"""The JSON Schemas of what goes in: events and the configuration. `python -m streams.schemas` writes deploy/schemas/.

They are generated from the types that read, and a test compares them with what is published. What goes out (alerts,
webhooks, control) is in `alerts.schemas`.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from monitor.events import Outcome, Prediction
from streams.settings import Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DIRECTORY = Path(__file__).parent.parent / "deploy" / "schemas"


def schemas() -> dict[str, dict[str, Any]]:
    """File name -> schema."""
    configuration = Settings.model_json_schema(by_alias=True)
    return {
        "prediction.json": _event(Prediction, ("decision", "score", "value")),
        "outcome.json": _event(Outcome, ("label", "value")),
        "configuration.json": {"$schema": DIALECT, **configuration, "title": "fairdrift.yaml"},
    }


def _event(kind: type[msgspec.Struct], one_of: tuple[str, ...]) -> dict[str, Any]:
    """The schema of an event that has at least one of some fields."""
    _, definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    there = [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in one_of]
    return {"$schema": DIALECT, **definitions[kind.__name__], "anyOf": there}


def text(schema: dict[str, Any]) -> str:
    """The schema as it is published."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write(directory: Path = DIRECTORY) -> list[Path]:
    """Write every schema; returns the files."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (directory / name).write_text(text(schema), encoding="utf-8")
    return [directory / name for name in schemas()]


if __name__ == "__main__":
    for file in write():
        print(file)  # noqa: T201 - this is what the command is for
