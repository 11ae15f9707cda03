"""The configuration of the chaos run: short durations, so that everything is late, expires and is forgotten within minutes."""

from collections.abc import Mapping
from typing import Any

import yaml

from streams.config import parse
from streams.settings import Settings
from tests.chaos.nemesis import SESSION_SECONDS
from tests.chaos.workers import STORE

TOPICS = {"predictions": "chaos-predictions", "outcomes": "chaos-outcomes"}
STREAM = "/".join(TOPICS.values())
DEAD_LETTERS, CONTROL = "chaos-dead-letters", "chaos-control"
PARTITIONS = 4
RULE = "parity"
SECRET = "whsec_" + "Y2hhb3Mt" * 4

MODELS = """
- name: credit
  topics: &topics {predictions: chaos-predictions, outcomes: chaos-outcomes}
  attributes:
    sex: {values: [F, M], reference: M}
    age: {bins: [25, 40, 60]}
  factors:
    income: ['1', '2']
  value: {range: [0, 150000]}
  metrics: [selection_rate, mean_value, true_positive_rate]
  disparities: [{aggregate: ratio, method: to_reference}]
  intersections: 1
  windows: [5m, 1h]
  pane: &pane 5m
  max_lateness: &lateness 30m
  join_horizon: &horizon 6h
  dedup_horizon: &memory 2h
  watermark_delay: &delay 1m
- name: pricing
  topics: *topics
  attributes:
    sex: [F, M]
  classes: [offer, refer, decline]
  decision: &labels {favourable: [offer], unfavourable: [refer, decline]}
  outcome: *labels
  value: {range: [0, 150000]}
  metrics: [selection_rate, equalized_odds]
  weights: true
  intersections: 1
  windows: [5m, 1h]
  pane: *pane
  max_lateness: *lateness
  join_horizon: *horizon
  dedup_horizon: *memory
  watermark_delay: *delay
"""

PARITY = {
    "name": RULE, "type": "threshold", "model": "credit", "metric": "selection_rate", "attributes": ["sex"],
    "aggregate": "ratio", "method": "to_reference", "bound": {"min": 0.7}, "window": "1h", "for": "5m",
    "keep_firing_for": "5m", "min_n": 1, "severity": "page", "annotations": {"summary": "approvals of one group"},
    "receivers": ["oncall"], "rollback": {"to": "fallback"},
}  # fmt: skip


def settings(kafka: str, postgres: str, webhook: str, checkpoints: str) -> str:
    """The whole `fairdrift.yaml`. Each worker's store is named by its environment."""
    body: Mapping[str, Any] = {
        "kafka": {
            "bootstrap": kafka, "group": "chaos", "session_timeout": f"{SESSION_SECONDS:.0f}s",
            "dead_letter_topic": DEAD_LETTERS, "control_topic": CONTROL,
        },
        "postgres": {"url": postgres},
        "worker": {
            "data_dir": f"${{{STORE}}}", "checkpoint_dir": checkpoints, "checkpoint_every": "5s", "commit_every": "500ms",
            "idle_after": "2s", "health": {"port": 0},
        },
        "delivery": {"allow": ["127.0.0.0/8"], "allow_http": True},
        "models": yaml.safe_load(MODELS),
        "rules": [PARITY],
        "receivers": [
            {"name": "oncall", "type": "webhook", "url": webhook, "secret": SECRET},
            {"name": "control", "type": "rollback"},
        ],
    }  # fmt: skip
    return yaml.safe_dump(body, sort_keys=False)


def configured() -> Settings:
    """The same as the workers read it; where the services are does not matter."""
    text = settings("127.0.0.1:9092", "postgresql://127.0.0.1/chaos", "http://127.0.0.1:9/", "/checkpoints")
    return parse(text.replace(f"${{{STORE}}}", "/store"))
