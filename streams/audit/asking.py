"""What is asked of a file: which columns are what, by the options of the command and the configuration of a model."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import ValidationError

from monitor.config import AttributeConfig, ModelConfig, ValueConfig
from monitor.quantities import Floats
from streams.audit.counting import Rows, grouped, labelled, resolution_of
from streams.audit.proposing import Proposed, propose, protected
from streams.audit.reading import AuditError, Codes, Column, Longs, Table, times
from streams.audit.versus import class_codes, unit_of, weights

FIELDS = ("decision", "score", "value", "label", "outcome", "time")


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options, read. Empty where nothing was said."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """Field -> column; a field without one is a column of its own name, if there is one."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    factors: Mapping[str, str] = field(default_factory=dict)
    bins: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Attribute -> group -> the raw values that mean it."""
    references: Mapping[str, str] = field(default_factory=dict)
    favourable: tuple[bool | int | float | str, ...] = ()
    positive: tuple[bool | int | float | str, ...] = ()
    cut: float | None = None
    intersections: int = 0
    favourable_only: bool = False
    weights: str = ""
    """The column that says how much each row counts."""
    classes: tuple[bool | int | float | str, ...] = ()
    time_format: str = ""
    display_min: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A model and its rows; `time` in ms where there is one. `used` are the columns that are some field or attribute."""

    model: ModelConfig
    rows: Rows
    time: Longs | None
    used: Mapping[str, str]
    """Column -> what it is: an attribute, `decision`, ..."""


def prepare(table: Table, wishes: Wishes, model: ModelConfig | None) -> Prepared:
    """The rows as the configured model would have them, or as the options say; AuditError for what is missing."""
    columns = _columns(table, wishes)
    for column in (*wishes.columns.values(), *wishes.attributes.values(), *wishes.factors.values()):
        table.require(column)
    chosen = wishes.attributes or {name: name for name in (model.attributes if model else ())}
    if not chosen:
        raise AuditError(_no_attribute(table))
    if not any(name in columns for name in ("decision", "score", "value", "label")):
        raise AuditError(
            "say which column is the decision, as in --decision granted"
            f" (or --score, --value, --label); {table.path.name} has {', '.join(table.names)}"
        )
    if wishes.weights:
        table.require(wishes.weights)
    model = _asked_for(model, wishes) if model else _model(table, wishes, chosen, columns)
    missing = [name for name in chosen if name not in model.attributes]
    if missing:
        raise AuditError(
            f"the model {model.name} has no attribute {', '.join(missing)}; it has {', '.join(model.attributes)}"
        )
    groups = {name: grouped(table.column(column), model.attributes[name]) for name, column in chosen.items()}
    factors = _factors(table, wishes, model)
    rows = _rows(table, columns, model, {**groups, **factors}, tuple(groups))
    time = times(table.column(columns["time"]), wishes.time_format) if "time" in columns else None
    used = {column: field for field, column in columns.items()} | {column: name for name, column in chosen.items()}
    used |= {wishes.weights: "weight"} if wishes.weights else {}
    return Prepared(_narrowed(model, wishes, tuple(chosen), tuple(factors)), rows, time, used)


def _columns(table: Table, wishes: Wishes) -> dict[str, str]:
    """Which column is which field: as said, else the one of its name."""
    taken = {*wishes.attributes.values(), *wishes.factors.values()}
    named = {name: name for name in FIELDS if name in table.names and name not in taken}
    weight = {"weight": wishes.weights} if wishes.weights else {}
    return named | dict(wishes.columns) | weight


def _no_attribute(table: Table) -> str:
    likely = protected(table.names)
    hint = " ".join(f"--attribute {name}" for name in likely) or "--attribute COLUMN"
    return f"say which columns are protected attributes, as in {hint}; {table.path.name} has {', '.join(table.names)}"


def _factors(table: Table, wishes: Wishes, model: ModelConfig) -> dict[str, tuple[Codes, tuple[str, ...]]]:
    chosen = wishes.factors or {name: name for name in model.factors if name in table.names}
    unknown = [name for name in chosen if name not in model.factors]
    if unknown:
        raise AuditError(f"the model {model.name} has no factor {', '.join(unknown)}")
    return {name: grouped(table.column(column), model.factors[name]) for name, column in chosen.items()}


def _rows(
    table: Table,
    columns: Mapping[str, str],
    model: ModelConfig,
    groups: Mapping[str, tuple[Codes, tuple[str, ...]]],
    attributes: Sequence[str],
) -> Rows:
    def numbers(name: str) -> Floats:
        return table.column(columns[name]).numbers if name in columns else np.full(len(table), np.nan)

    none = np.full(len(table), -1, dtype=np.int32)
    score = numbers("score")
    decision, label = none, none
    if "decision" in columns:
        decision = labelled(table.column(columns["decision"]), model.decision, "--favourable")
    if "label" in columns:
        label = labelled(table.column(columns["label"]), model.outcome, "--positive")
    if model.decision.cut is not None:
        above = score < model.decision.cut if model.decision.favourable_side == "below" else score >= model.decision.cut
        decision = np.where((decision < 0) & ~np.isnan(score), above, decision).astype(np.int32)
    weight = None
    if model.weight_unit is not None:
        weight = weights(columns_named(table, columns, "weight"), len(table), model.weight_unit)
    named = [class_codes(columns_named(table, columns, name), model, len(table)) for name in ("decision", "label")]
    return Rows(
        groups={name: codes for name, (codes, _) in groups.items() if name in attributes},
        factors={name: codes for name, (codes, _) in groups.items() if name not in attributes},
        names={name: names for name, (_, names) in groups.items()},
        decision=decision,
        label=label,
        score=score,
        value=numbers("value"),
        outcome=numbers("outcome"),
        classes=tuple(named) if model.classes else (),
        weight=weight,
    )


def columns_named(table: Table, columns: Mapping[str, str], name: str) -> Column | None:
    """The column of a field, if it has one."""
    return table.column(columns[name]) if name in columns else None


def _asked_for(model: ModelConfig, wishes: Wishes) -> ModelConfig:
    """The configured model with the weights and classes that were asked for besides."""
    if wishes.weights and model.weight_unit is None:
        raise AuditError(f"the model {model.name} has no weights: set `weights: true` for it, or leave --weights out")
    if wishes.classes:
        raise AuditError(f"classes are those of the model {model.name}: set `classes` there, and leave --classes out")
    return model


def _model(table: Table, wishes: Wishes, chosen: Mapping[str, str], columns: Mapping[str, str]) -> ModelConfig:
    """The configuration that the options and the data make."""
    attributes = {one.name: one.config for one in proposals(table, chosen, wishes)}
    unknown = [name for name in wishes.references if name not in attributes]
    if unknown:
        raise AuditError(f"--reference {unknown[0]}=...: there is no such attribute; there are {', '.join(attributes)}")
    for name, reference in wishes.references.items():
        if reference not in attributes[name].groups:
            groups = ", ".join(attributes[name].groups)
            raise AuditError(f"--reference {name}={reference}: there is no such group; there are {groups}")
    value = table.column(columns["value"]).numbers if "value" in columns else np.zeros(0)
    made: dict[str, Any] = {
        "name": wishes.name or "audit",
        "attributes": {
            name: config.model_copy(update={"reference": wishes.references.get(name)})
            for name, config in attributes.items()
        },
        "factors": {one.name: one.config for one in proposals(table, wishes.factors, wishes)},
        "decision": {"favourable": wishes.favourable, "cut": wishes.cut},
        "outcome": {"favourable": wishes.positive or (wishes.favourable if wishes.classes else ())},
        "labels": "favourable_only" if wishes.favourable_only else "all",
        "classes": wishes.classes,
        "weights": {"resolution": unit_of(table.column(wishes.weights).numbers)} if wishes.weights else None,
        "value": _value_config(value),
        "intersections": wishes.intersections or 2,
        "display_min": max(1, wishes.display_min),
    }
    try:
        return ModelConfig.model_validate(made)
    except ValidationError as error:
        raise AuditError(_words(error)) from None


def _value_config(value: Floats) -> ValueConfig:
    """The range of the values that are there, so that their distribution can be counted."""
    resolution = resolution_of(value)
    known = value[~np.isnan(value)]
    if not len(known) or known.min() == known.max():
        return ValueConfig(resolution=resolution)
    return ValueConfig(range=(float(known.min()), float(known.max())), resolution=resolution)


def proposals(table: Table, chosen: Mapping[str, str], wishes: Wishes) -> list[Proposed]:
    """The groups of each attribute: by the bins or values that were said, else from the data."""
    return [_proposed(table, name, column, wishes) for name, column in chosen.items()]


def _proposed(table: Table, name: str, column: str, wishes: Wishes) -> Proposed:
    try:
        if name in wishes.bins:
            return Proposed(name, AttributeConfig(bins=wishes.bins[name]), "as asked")
        if name in wishes.values:
            return Proposed(name, AttributeConfig(values=wishes.values[name]), "as asked")
    except ValidationError as error:
        raise AuditError(f"{name}: {_words(error)}") from None
    return propose(table.column(column), name)


def _words(error: ValidationError) -> str:
    """What is wrong, and with what, in a line."""
    told = (
        f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}".removeprefix(": ").replace(
            "Input should", "it must"
        )
        for one in error.errors()
    )
    return "; ".join(dict.fromkeys(told))


def name_of(column: str) -> str:
    """A column's name as the name of an attribute or a model: `Marital Status` is `Marital_Status`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", column).strip("_.-") or "column"


def _narrowed(model: ModelConfig, wishes: Wishes, attributes: Sequence[str], factors: Sequence[str]) -> ModelConfig:
    """The model with the attributes and factors that are looked at, and what the options change of it."""
    changes: dict[str, Any] = {
        "attributes": {name: model.attributes[name] for name in attributes},
        "factors": {name: model.factors[name] for name in factors},
    }
    if wishes.intersections:
        changes["intersections"] = wishes.intersections
    if wishes.display_min:
        changes["display_min"] = wishes.display_min
    return model.model_copy(update=changes)
