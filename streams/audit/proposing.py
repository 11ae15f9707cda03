"""A configuration proposed from data: which groups a column has, as declared values or as bins of its numbers.

A start to read and mend, not an answer: a column of codes says nothing about what they mean.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.config import OTHER, UNKNOWN, AttributeConfig
from monitor.sections import LARGEST_NAME, text_of
from streams.audit.reading import AuditError, Column

MOST_VALUES = 20
"""Declared values of one attribute; what is rarer becomes `other`."""
FEW_NUMBERS = 12
"""A column of at most so many different numbers is a code, not a quantity."""
BINS = 4

PROTECTED = (
    "sex", "gender", "age", "race", "ethnicity", "ethnic", "nationality", "citizenship", "religion", "disability", "disabled",
    "marital", "marriage", "pregnancy", "orientation", "veteran", "origin", "education",
)  # fmt: skip
"""Words in the names of columns that are looked at first. Education is no protected ground everywhere; look at it anyway."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """An attribute's groups, and what to say about them."""

    name: str
    config: AttributeConfig
    remark: str


def protected(names: Sequence[str]) -> list[str]:
    """The columns whose names sound like a protected attribute."""
    return [name for name in names if set(re.split(r"[^a-z]+", name.lower())) & set(PROTECTED)]


def propose(column: Column, name: str = "") -> Proposed:
    """The groups of a column; AuditError if it has no value at all, or is an identifier."""
    name = name or column.name
    if not column.values:
        raise AuditError(f"column {column.name!r} is empty: it has no groups")
    if column.numeric and len(column.values) > FEW_NUMBERS:
        return _binned(column, name)
    return _declared(column, name)


def _declared(column: Column, name: str) -> Proposed:
    order = np.argsort(-column.counts, kind="stable").tolist()
    texts = [(text_of(column.values[at]), int(column.counts[at])) for at in order]
    fit = [(text, count) for text, count in texts if _can_be_declared(text)]
    rows = len(column.codes) - column.nulls
    if len(column.values) > max(50, rows // 2):
        raise AuditError(
            f"column {column.name!r} has {len(column.values):,} different values in {rows:,} rows:"
            " that is an identifier and no attribute of groups"
        )
    kept = dict(fit[:MOST_VALUES])
    left = rows - sum(kept.values())
    remark = ", ".join(f"{text} {count:,}" for text, count in sorted(kept.items()))
    if left:
        remark += f"; other {left:,}"
    return Proposed(name, AttributeConfig(values={text: (text,) for text in sorted(kept)}), remark)


def _can_be_declared(text: str) -> bool:
    return text not in (OTHER, UNKNOWN) and 0 < len(text) <= LARGEST_NAME and text.isprintable()


def _binned(column: Column, name: str) -> Proposed:
    numbers = column.numbers[~np.isnan(column.numbers)]
    edges = nice_edges(numbers.tolist(), BINS)
    if not edges:
        raise AuditError(f"column {column.name!r} has nearly always the same number: it makes no groups")
    config = AttributeConfig(bins=edges)
    counts = np.histogram(numbers, [-np.inf, *edges, np.inf])[0].tolist()
    remark = ", ".join(f"{group} {count:,}" for group, count in zip(config.groups, counts, strict=True))
    return Proposed(name, config, remark)


def nice_edges(numbers: Sequence[float], bins: int) -> tuple[float, ...]:
    """Round edges near the quantiles that cut numbers into so many bins; fewer where they fall together."""
    values = np.asarray(numbers, dtype=np.float64)
    low, high = np.quantile(values, [0.01, 0.99]).tolist()
    cuts = np.quantile(values, np.arange(1, bins) / bins).tolist()
    step = _step((high - low) / (4 * bins))
    rounded = sorted({round(round(cut / step) * step, 10) for cut in cuts}) if step else sorted(set(cuts))
    return tuple(edge for edge in rounded if values.min() < edge <= values.max())


def _step(width: float) -> float:
    """The greatest of 1, 2, 5 times a power of ten that is not above a width; 0 for none."""
    if width <= 0:
        return 0.0
    power = 10.0 ** np.floor(np.log10(width))
    return float(max(factor * power for factor in (1.0, 2.0, 5.0) if factor * power <= width * (1 + 1e-9)))


def as_yaml(model: str, attributes: Sequence[Proposed], extra: Sequence[str] = ()) -> str:
    """A `models` section; `extra` are further lines of the model."""
    return "\n".join(_lines(model, attributes, extra)) + "\n"


def _lines(model: str, attributes: Sequence[Proposed], extra: Sequence[str]) -> Iterator[str]:
    yield "models:"
    yield f"  - name: {model}"
    yield "    attributes:"
    for one in attributes:
        yield f"      {_quoted(one.name)}:"
        yield f"        # {one.remark}"
        if one.config.bins:
            yield f"        bins: [{', '.join(text_of(edge) for edge in one.config.bins)}]"
        else:
            yield f"        values: [{', '.join(_quoted(text) for text in one.config.values)}]"
        yield "        # reference:                     the group that `to_reference` compares with"
    yield from (f"    {line}" for line in extra)


def _quoted(text: str) -> str:
    """A scalar that YAML reads back as this text."""
    if re.fullmatch(r"[A-Za-z0-9_][\w .+<>=-]*", text) and text.lower() not in (
        "true",
        "false",
        "null",
        "~",
        "yes",
        "no",
    ):
        return text.strip() if text == text.strip() else f'"{text}"'
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
