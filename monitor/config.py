"""What is configured of a model: the edge where YAML becomes typed, checked and frozen values.

Durations are written as `5m` or `30d` and held as integer milliseconds. Every section has a default for everything but
names and attributes.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema, field_validator, model_validator
from pydantic_core import CoreSchema

from monitor.decoding.mapping import path_problems
from monitor.sections import LARGEST_NAME, Config, Duration, Name, Problem, Scalar, Topic, text_of
from monitor.times import DAY, HOUR, MINUTE, format_duration

OTHER = "other"
"""The group of values that are not declared."""
UNKNOWN = "unknown"
"""The group of null and missing values."""

SHARES_SUM_TO_1 = 1e-6
"""How far the shares of a reference population may be from summing to 1."""

LARGEST_DEPTH = 8
MOST_ATTRIBUTES = 64
MOST_CLASSES = 64


class TopicsConfig(Config):
    """The two topics of a model; those of `kafka.topics` where it does not say."""

    predictions: Topic = "predictions"
    outcomes: Topic = "outcomes"

    def problems(self) -> Iterator[Problem]:
        if self.predictions == self.outcomes:
            yield ("outcomes",), "predictions and outcomes need two topics"


class GroupingConfig(Config):
    """How raw values become groups: either declared `values`, or `bins` of a number.

    `values` is a list, or names of groups with the raw values of each. `bins` are rising edges: `[25, 40]` makes
    `<25`, `25-40` (25 included, 40 not) and `>=40`, or what `labels` names. Anything else is `other`, null `unknown`.
    """

    values: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    bins: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, given: object) -> object:
        return {"values": given} if isinstance(given, list | tuple) else given

    @field_validator("values", mode="before")
    @classmethod
    def _lists(cls, given: object) -> object:
        if isinstance(given, list | tuple):
            return {text_of(value): (text_of(value),) for value in given}
        if isinstance(given, Mapping):
            return {text_of(group): _texts(raw) for group, raw in given.items()}
        return given

    @property
    def groups(self) -> tuple[str, ...]:
        """The declared groups in order; `unknown` and `other` come on top."""
        return tuple(self.values) or self.labels or bin_names(self.bins)

    def problems(self) -> Iterator[Problem]:
        if bool(self.values) == bool(self.bins):
            yield (), "declare either its values, as in [F, M], or the edges of its bins, as in {bins: [25, 40]}"
        if self.labels and len(self.labels) != len(self.bins) + 1:
            yield ("labels",), f"{len(self.bins)} edges make {len(self.bins) + 1} bins, not {len(self.labels)}"
        if any(low >= high for low, high in pairwise(self.bins)) or not all(abs(edge) < 1e300 for edge in self.bins):
            yield ("bins",), "edges must be finite and rise"
        for group in self.groups:
            yield from self._group_problems(group)
        if len(set(self.labels)) < len(self.labels):
            yield ("labels",), "two bins have the same label"
        raw = [value for values in self.values.values() for value in values]
        for value in sorted({value for value in raw if raw.count(value) > 1}):
            yield ("values",), f"the value {value!r} is declared twice"

    def _group_problems(self, group: str) -> Iterator[Problem]:
        where = "values" if self.values else "labels"
        if group == OTHER:
            yield (where,), "'other' is kept for undeclared values: leave it out, or give the group a name of its own"
        elif group == UNKNOWN:
            yield (where,), "'unknown' is kept for null and missing values: leave it out, or name the group differently"
        elif not group or len(group) > LARGEST_NAME or not group.isprintable():
            yield (where,), f"the name of a group has 1 to {LARGEST_NAME} printable characters"

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema of what may be written, the short form included."""
        schema = handler.resolve_ref_schema(handler(core))
        scalar = {"type": ["string", "number", "boolean"]}
        listed = {"type": "array", "items": scalar}
        several = {"type": "object", "additionalProperties": {"anyOf": [scalar, listed]}}
        schema["properties"]["values"] = {"anyOf": [listed, several], "description": "a list, or group -> raw values"}
        return {"anyOf": [listed, schema]}


def _texts(raw: object) -> object:
    return tuple(text_of(value) for value in raw) if isinstance(raw, list | tuple) else (text_of(raw),)


def bin_names(edges: tuple[float, ...]) -> tuple[str, ...]:
    """The names of the bins that rising edges make: `<25`, `25-40`, `>=40`."""
    if not edges:
        return ()
    texts = [text_of(edge) for edge in edges]
    return (f"<{texts[0]}", *(f"{low}-{high}" for low, high in pairwise(texts)), f">={texts[-1]}")


class AttributeConfig(GroupingConfig):
    """A protected attribute. `reference` is the group that `to_reference` compares with.

    `population` is who the people should be: the share of each group among those of known group, as `{F: 0.51, M: 0.49}`,
    or `baseline`: as in the model's stored audit.
    """

    reference: str | None = None
    population: Mapping[str, float] | Literal["baseline"] | None = None

    @field_validator("population", mode="before")
    @classmethod
    def _named(cls, given: object) -> object:
        return {text_of(name): share for name, share in given.items()} if isinstance(given, Mapping) else given

    @field_validator("reference", mode="before")
    @classmethod
    def _as_text(cls, given: object) -> object:
        return given if given is None else text_of(given)

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        if self.reference is not None and self.reference not in self.groups:
            yield ("reference",), f"no such group; declared are {', '.join(self.groups)}"
        if isinstance(self.population, Mapping):
            yield from ((("population",), message) for message in self._population_problems(self.population))

    def _population_problems(self, shares: Mapping[str, float]) -> Iterator[str]:
        for group in sorted(set(shares) - set(self.groups)):
            yield f"there is no group {group!r}; declared are {', '.join(self.groups)}"
        if not all(0 < share <= 1 for share in shares.values()):
            yield "each share is above 0 and at most 1; leave a group out whose share is not known"
        elif abs(sum(shares.values()) - 1.0) > SHARES_SUM_TO_1:
            yield f"the shares sum to {sum(shares.values()):g} and not to 1"


class ValueConfig(Config):
    """A continuous output. Amounts are counted in whole units of `resolution`, and also clipped to `range`."""

    range: tuple[float, float] | None = None
    resolution: float = Field(default=0.01, gt=0, allow_inf_nan=False)

    def problems(self) -> Iterator[Problem]:
        if self.range is None:
            return
        low, high = self.range
        if not low < high:
            yield ("range",), "the first number must be below the second"
        if not max(abs(low), abs(high)) / self.resolution < 2**31:
            yield ("range",), "in units of the resolution it must stay below 2**31: choose a coarser resolution"


class WeightsConfig(Config):
    """In what unit weights are counted: each is a whole number of `resolution`, 1 to 2**31 - 1 of them."""

    resolution: float = Field(default=1e-6, gt=0, le=1)


def _weights(given: object) -> object:
    """The short forms: true and false."""
    return ({} if given else None) if isinstance(given, bool) else given


_WEIGHTS_SCHEMA = {"anyOf": [{"type": "boolean"}, WeightsConfig.model_json_schema()]}


class LabelsConfig(Config):
    """How class labels become yes and no: those in `favourable` are yes.

    If `unfavourable` is given too, any other label cannot be read; else it is no. Empty: booleans (or 0 and 1) only.
    """

    favourable: tuple[Scalar, ...] = ()
    unfavourable: tuple[Scalar, ...] = ()

    def problems(self) -> Iterator[Problem]:
        both = {text_of(label) for label in self.favourable} & {text_of(label) for label in self.unfavourable}
        if both:
            yield ("unfavourable",), f"{', '.join(sorted(both))} cannot be both favourable and unfavourable"
        if self.unfavourable and not self.favourable:
            yield ("favourable",), "name the favourable labels too"


class DecisionConfig(LabelsConfig):
    """Which decisions are favourable. Without a decision, a score at or above `cut` is (`below`: under it)."""

    cut: float | None = Field(default=None, ge=0, le=1)
    favourable_side: Literal["above", "below"] = "above"


class PredictionMapping(Config):
    """Where a producer's own message has each field: JSON paths such as `$.payload.id`; anything else is a constant."""

    id: str
    time: str
    version: str | None = None
    arm: str | None = None
    decision: Scalar | None = None
    score: Scalar | None = None
    value: Scalar | None = None
    weight: Scalar | None = None
    attributes: Mapping[str, str] = Field(default_factory=dict)
    factors: Mapping[str, str] = Field(default_factory=dict)


class OutcomeMapping(Config):
    """Where a producer's own outcome has each field."""

    id: str
    time: str
    label: Scalar | None = None
    value: Scalar | None = None


class MappingConfig(Config):
    """How to read messages that are not in the contract's form. A model with a mapping has topics of its own."""

    prediction: PredictionMapping | None = None
    outcome: OutcomeMapping | None = None

    def problems(self) -> Iterator[Problem]:
        for side in ("prediction", "outcome"):
            given = getattr(self, side)
            if given is not None:
                yield from (((side, *path), message) for path, message in path_problems(given.model_dump()))


class DisparityConfig(Config):
    """One way to compare groups, in Fairlearn's words."""

    aggregate: Literal["difference", "ratio", "index"]
    method: Literal["between_groups", "to_overall", "to_rest", "to_reference", "to_highest"] = "between_groups"


class ModelConfig(Config):
    """A watched model.

    `classes` are the labels whose rates are kept one against the rest, beside those of favourable against not.
    `histograms`: also keep scores, values and errors by the hour, for AUC, calibration, quantiles and distances; a label that
    comes weeks later then changes four rows instead of one. `weights`: the events' `weight` counts; rates and means are of
    weights then.
    """

    name: Name
    attributes: Mapping[Name, AttributeConfig] = Field(min_length=1, max_length=MOST_ATTRIBUTES)
    factors: Mapping[Name, GroupingConfig] = Field(default_factory=dict, max_length=MOST_ATTRIBUTES)
    topics: TopicsConfig = TopicsConfig()
    mapping: MappingConfig | None = None
    repartition: bool = False
    decision: DecisionConfig = DecisionConfig()
    outcome: LabelsConfig = LabelsConfig()
    classes: tuple[Scalar, ...] = Field(default=(), max_length=MOST_CLASSES)
    labels: Literal["all", "favourable_only"] = "all"
    value: ValueConfig = ValueConfig()
    intersections: int = Field(default=2, ge=1, le=LARGEST_DEPTH)
    display_min: int = Field(default=10, ge=1)
    per_version: bool = True
    histograms: bool = True
    weights: Annotated[WeightsConfig | None, BeforeValidator(_weights), WithJsonSchema(_WEIGHTS_SCHEMA)] = None
    metrics: tuple[str, ...] = ()
    disparities: tuple[DisparityConfig, ...] = ()
    pane: Duration = MINUTE
    windows: tuple[Duration, ...] = (5 * MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY)
    max_lateness: Duration = DAY
    join_horizon: Duration = 60 * DAY
    dedup_horizon: Duration = DAY
    watermark_delay: Duration = MINUTE

    @property
    def references(self) -> dict[str, str]:
        """attribute -> the group to compare with, where one is named."""
        return {name: given.reference for name, given in self.attributes.items() if given.reference is not None}

    @property
    def weight_unit(self) -> float | None:
        """The unit that weights are counted in; None: decisions count as one each, whatever weight they carry."""
        return None if self.weights is None else self.weights.resolution

    @property
    def populations(self) -> dict[str, Mapping[str, float]]:
        """attribute -> the share of each group in the reference population, where it is given in numbers."""
        given = {name: one.population for name, one in self.attributes.items()}
        return {name: shares for name, shares in given.items() if isinstance(shares, Mapping)}

    def attribute_sets(self) -> list[tuple[str, ...]]:
        """Everybody `()`, each attribute alone, and all intersections up to the configured depth; names sorted."""
        names = sorted(self.attributes)
        depth = min(self.intersections, len(names))
        return [names_of for size in range(depth + 1) for names_of in combinations(names, size)]

    def problems(self) -> Iterator[Problem]:
        yield from self._duration_problems()
        yield from self._class_problems()
        for window in self.windows if self.pane and HOUR % self.pane == 0 else ():
            if window <= 0 or window % self.pane:
                pane = format_duration(self.pane)
                yield ("windows",), f"{format_duration(window)} is not a multiple of the pane, {pane}"
            elif window > 2 * DAY and window % HOUR:
                yield ("windows",), f"{format_duration(window)} is over two days and must be whole hours"
        if self.weight_unit is not None and not any(window and window % HOUR == 0 for window in self.windows):
            yield ("windows",), "weights are kept by the hour: give at least one window of whole hours"
        if not self.windows or len(set(self.windows)) < len(self.windows):
            yield ("windows",), "give at least one window, and each only once"
        for name in sorted(set(self.attributes) & set(self.factors)):
            yield ("factors", name), "is an attribute too; it can be only one of the two"

    def _class_problems(self) -> Iterator[Problem]:
        names = [text_of(name) for name in self.classes]
        if len(set(names)) < len(names):
            yield ("classes",), "two classes have the same name"
        for section in ("decision", "outcome") if self.classes else ():
            if not getattr(self, section).favourable:
                yield (section, "favourable"), "say which of the `classes` are favourable"

    def _duration_problems(self) -> Iterator[Problem]:
        if not self.pane or self.pane < 1000 or HOUR % self.pane:
            yield ("pane",), f"{format_duration(self.pane)} does not divide an hour; try 10s, 1m, 5m or 1h"
        if self.max_lateness > self.dedup_horizon:
            short, late = format_duration(self.dedup_horizon), format_duration(self.max_lateness)
            yield (
                ("dedup_horizon",),
                f"{short} is shorter than max_lateness, {late}: an event sent twice could count twice",
            )
        if not self.join_horizon:
            yield ("join_horizon",), "must be longer than nothing, or no outcome would ever find its prediction"
