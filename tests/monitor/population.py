"""A small population of rows and its sums by cell, counted one by one: the tests' own way to the integers of a pane."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from monitor.grouping import CellInfo
from monitor.sums import DECISIONS, LABELS, Ints


@dataclass(frozen=True)
class Person:
    """One decision, with what is known of it. `value` is in cents, `score` in millionths."""

    groups: dict[str, str]
    decision: bool | None = None
    label: bool | None = None
    score: int | None = None
    value: int | None = None
    version: str = "v1"
    arm: str = "live"
    stratum: dict[str, str] = field(default_factory=dict)


def count(people: Sequence[Person]) -> tuple[list[CellInfo], Ints, Ints]:
    """The cells in order of appearance, and their sums of decisions and of labels."""
    keys: list[str] = []
    cells: list[CellInfo] = []
    decisions: list[dict[str, int]] = []
    labels: list[dict[str, int]] = []
    for person in people:
        key = repr((person.version, person.arm, sorted(person.groups.items()), sorted(person.stratum.items())))
        if key not in keys:
            keys.append(key)
            cells.append(CellInfo(hash(key), person.version, person.arm, person.groups, person.stratum))
            decisions.append(dict.fromkeys(DECISIONS.slots, 0))
            labels.append(dict.fromkeys(LABELS.slots, 0))
        at = keys.index(key)
        _count_decision(decisions[at], person)
        _count_label(labels[at], person)
    return cells, _matrix(decisions, DECISIONS.slots), _matrix(labels, LABELS.slots)


def _matrix(rows: list[dict[str, int]], slots: tuple[str, ...]) -> Ints:
    return np.array([[row[slot] for slot in slots] for row in rows], dtype=np.int64).reshape(len(rows), len(slots))


def _count_decision(row: dict[str, int], person: Person) -> None:
    row["events"] += 1
    if person.decision is not None:
        row["decided"] += 1
        row["favourable"] += person.decision
    if person.score is not None:
        row["scored"] += 1
        row["score"] += person.score
    if person.value is not None:
        row["valued"] += 1
        row["value"] += person.value
        row["value_sq_hi"] += person.value**2 // 2**31
        row["value_sq_lo"] += person.value**2 % 2**31


def _count_label(row: dict[str, int], person: Person) -> None:
    if person.label is None:
        return
    row["labelled"] += 1
    row["positive" if person.label else "negative"] += 1
    if person.decision is not None:
        row[{(1, 1): "tp", (1, 0): "fp", (0, 1): "fn", (0, 0): "tn"}[int(person.decision), int(person.label)]] += 1
    if person.score is not None:
        kind = "positive" if person.label else "negative"
        row[f"scored_{kind}"] += 1
        row[f"score_{kind}"] += person.score
