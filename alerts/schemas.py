"""The JSON Schemas of what receivers get, from the types: deploy/schemas/{alert,webhook,group,alertmanager,heartbeat,control}.json.

`python -m alerts.schemas` writes them; a test compares them with the types, so that a change of the contract is seen.
"""

import json
from pathlib import Path

import msgspec

from alerts.heartbeats import HeartbeatPayload
from alerts.messages import AlertPayload, CloudEvent, WebhookBody
from alerts.notices import GroupPayload
from alerts.webhook_v4 import V4Body

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).parent.parent / "deploy" / "schemas"

PUBLISHED: dict[str, type[msgspec.Struct]] = {
    "alert": AlertPayload,
    "webhook": WebhookBody,
    "group": GroupPayload,
    "heartbeat": HeartbeatPayload,
    "alertmanager": V4Body,
    "control": CloudEvent,
}
"""File name (without .json) -> the type whose JSON it describes."""


def documents() -> dict[str, str]:
    """The text of every schema file, by its name."""
    return {f"{name}.json": _document(name, of) for name, of in PUBLISHED.items()}


def _document(name: str, of: type[msgspec.Struct]) -> str:
    schema = {"$schema": DIALECT, "title": f"fairdrift {name}", **msgspec.json.schema(of)}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path = FOLDER) -> None:
    """Writes every schema file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
