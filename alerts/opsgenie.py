"""What Opsgenie is told when an alert ends or somebody takes it over: it is named by the alias that it was made with. Pure.

Apprise closes only what the same process has made, by ids that it keeps; told of the end of another it sends nothing and says
that all went well. Source: Opsgenie's Alert API (close and acknowledge, `identifierType=alias`); the same holds for Jira Service
Management's, which takes its place.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

ALIAS_LENGTH = 512
"""Of an alias, in characters."""

NOTE_LENGTH = 25_000
"""Of a note, in characters."""

ACTIONS = {"resolved": "close", "acknowledged": "acknowledge"}
"""What is done to an alert that is there, by the status of what is told; anything else makes one (or finds it by its alias)."""


def alias_of(key: str) -> str:
    """The alert's name at Opsgenie from its own."""
    return key[:ALIAS_LENGTH]


def action_on(alias: str, payload: Mapping[str, Any], api: str, key: str) -> tuple[str, dict[str, str], bytes] | None:
    """Address, headers and body of the request that ends or acknowledges an alert; None where one is to be made."""
    action = ACTIONS.get(str(payload["status"]))
    if action is None:
        return None
    headers = {"Content-Type": "application/json", "Authorization": f"GenieKey {key}"}
    told = {"source": "fairdrift", "note": str(payload.get("description") or payload["summary"])[:NOTE_LENGTH]}
    return f"{api}/{quote(alias, safe='')}/{action}?identifierType=alias", headers, json.dumps(told).encode()
