"""Who an alert is: its labels, and the hash of them.

Two evaluations that give the same labels speak of the same alert, on whatever worker and after whatever restart. What
may be tuned without starting a new alert (bound, window, severity, annotations) is therefore not among them.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

ALERTNAME = "alertname"
"""Prometheus' name for the label that holds the rule's name."""

EVERYTHING = "*"
"""The version and arm of everything that is served, taken together."""


@dataclass(frozen=True, slots=True)
class Family:
    """What one rule watches as one thing: all groups of an attribute set, of one model, version and arm."""

    rule: str
    model: str
    metric: str
    attributes: tuple[str, ...]
    version: str = EVERYTHING
    arm: str = EVERYTHING

    def labels(self, own: Mapping[str, str]) -> dict[str, str]:
        """The labels of the family's alert: the rule's own ones, under those that name what is watched."""
        named = {
            ALERTNAME: self.rule,
            "model": self.model,
            "metric": self.metric,
            "attributes": ",".join(sorted(self.attributes)),
        }
        if self.version != EVERYTHING:
            named["version"] = self.version
        if self.arm != EVERYTHING:
            named["arm"] = self.arm
        return {**own, **named}


def alert_id(labels: Mapping[str, str]) -> str:
    """The identity of an alert: 128 bits of BLAKE2b over its labels as canonical JSON, in hex."""
    canonical = json.dumps(dict(labels), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()
