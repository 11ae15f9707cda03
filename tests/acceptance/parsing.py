"""Events read from raw records, the slow and exact way: what counts as an event, and what is a dead letter.

Written from the contract (README, "events"), not from `monitor.reader`. Decimals are read from the JSON text, so that
quantisation is exact: half to even, in units of the model's resolution. It knows the contract's own form of events, and the
configuration's groupings, cut, labels by default (booleans, 0 and 1) and value range; a mapping is none of its business.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

PREDICTIONS, OUTCOMES = TOPICS = (0, 1)
ARMS = ("live", "canary", "shadow", "fallback")
MESSAGE_BYTES = 1 << 20
ATTRIBUTES = 64
AHEAD_MS = 600_000
VERSION_LENGTH = 128
LARGEST = 2**31
RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Terms:
    """The durations of a stream, in milliseconds."""

    pane: int = 60_000
    max_lateness: int = 86_400_000
    join_horizon: int = 60 * 86_400_000
    dedup_horizon: int = 86_400_000
    watermark_delay: int = 60_000
    retention: int = 400 * 86_400_000

    @classmethod
    def of(cls, model: Mapping[str, Any]) -> "Terms":
        """From a model's section of the configuration."""
        names = ("pane", "max_lateness", "join_horizon", "dedup_horizon", "watermark_delay")
        return cls(**{name: milliseconds(model[name]) for name in names if name in model})


UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def milliseconds(text: str) -> int:
    """A duration such as `90s` or `1h30m`."""
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdw])", text))


Grouping = Mapping[str, Sequence[str] | Sequence[Decimal]]
"""Attribute -> declared values, or the rising edges of its bins."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What the definition needs of a model."""

    attributes: Grouping
    factors: Grouping = field(default_factory=dict)
    resolution: Decimal = Decimal("0.01")
    clip: tuple[Decimal, Decimal] | None = None
    cut: Decimal | None = None
    classes: tuple[str, ...] = ()
    decisions: tuple[Sequence[str], Sequence[str]] = ((), ())
    """The favourable and the unfavourable names of decisions, where they are names."""
    labels: tuple[Sequence[str], Sequence[str]] = ((), ())
    weight: Decimal | None = None
    """The unit of weights; None: decisions have none."""

    @classmethod
    def of(cls, model: Mapping[str, Any]) -> "ModelSpec":
        """From a model's section of the configuration (lists of values, or `bins`; no named groups)."""
        value, cut = model.get("value", {}), model.get("decision", {}).get("cut")
        span = value.get("range")
        return cls(
            attributes=_grouping(model["attributes"]),
            factors=_grouping(model.get("factors", {})),
            resolution=Decimal(str(value.get("resolution", "0.01"))),
            clip=(Decimal(str(span[0])), Decimal(str(span[1]))) if span else None,
            cut=None if cut is None else Decimal(str(cut)),
            classes=tuple(model.get("classes", ())),
            decisions=_named(model.get("decision", {})),
            labels=_named(model.get("outcome", {})),
            weight=_weight_unit(model.get("weights", False)),
        )


def _weight_unit(given: Any) -> Decimal | None:
    return Decimal(str(given["resolution"])) if isinstance(given, dict) else Decimal("0.000001") if given else None


def _named(section: Mapping[str, Any]) -> tuple[Sequence[str], Sequence[str]]:
    return section.get("favourable", ()), section.get("unfavourable", ())


def _grouping(sections: Mapping[str, Any]) -> Grouping:
    grouping: dict[str, Sequence[str] | Sequence[Decimal]] = {}
    for name, section in sections.items():
        if isinstance(section, dict) and "bins" in section:
            grouping[name] = [Decimal(str(edge)) for edge in section["bins"]]
        else:
            grouping[name] = list(section["values"] if isinstance(section, dict) else section)
    return grouping


@dataclass(frozen=True, slots=True)
class Spec:
    """One stream: its terms and the models that share its topics."""

    terms: Terms
    models: Mapping[str, ModelSpec]

    @classmethod
    def of(cls, models: Sequence[Mapping[str, Any]]) -> "Spec":
        """From the `models` of a configuration, which must share their topics and durations."""
        terms = {Terms.of(model) for model in models}
        if len(terms) != 1:
            raise ValueError(f"models of one stream share their durations, not {terms}")
        return cls(terms.pop(), {model["name"]: ModelSpec.of(model) for model in models})


@dataclass(frozen=True, slots=True)
class Event:
    """A prediction or an outcome; amounts in integer units. An outcome's label is its `decision`."""

    identity: tuple[str, ...]
    model: str
    id: str
    time: int
    version: str = ""
    arm: str = ""
    groups: tuple[tuple[str, str], ...] = ()
    stratum: tuple[tuple[str, str], ...] = ()
    decision: bool | None = None
    score: int | None = None
    value: int | None = None
    clipped: int = 0
    slot: str | None = None
    """Where in the declared range the value lies: a hundredth of it, or out of it."""
    label_class: str | None = None
    """The name of the decision or label, where it is one of the configured classes."""
    classes: tuple[str, ...] = ()
    weight: int | None = None


@dataclass(frozen=True, slots=True)
class Dead:
    """What cannot be read, and the model if that much is known."""

    model: str
    why: str


class Unreadable(Exception):
    """Why an element of a message is no event."""


def read(
    spec: Spec, topic: int, raw: bytes | None, timestamp: int, headers: Mapping[str, bytes]
) -> Iterator[Event | Dead]:
    """The elements of one message in order; none of a tombstone."""
    if raw is None:
        return
    if len(raw) > MESSAGE_BYTES:
        yield Dead("", "message too large")
        return
    try:
        body = json.loads(raw, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        yield Dead("", "not JSON")
        return
    for element in body if isinstance(body, list) else [body]:
        model = element.get("model") if isinstance(element, dict) else None
        known = model if isinstance(model, str) and model in spec.models else ""
        try:
            yield _event(spec, topic, element, timestamp)
        except Unreadable as error:
            yield Dead(known, str(error))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _event(spec: Spec, topic: int, element: Any, timestamp: int) -> Event:
    if not isinstance(element, dict):
        raise Unreadable("not an object")
    model, id = _text(element, "model"), _text(element, "id")
    if model not in spec.models:
        raise Unreadable("unknown model")
    if not 1 <= len(id.encode()) <= 1024:
        raise Unreadable("length of the id")
    time = _time(element.get("time"))
    if time > timestamp + AHEAD_MS or time < timestamp - spec.terms.retention:
        raise Unreadable("time")
    settings = spec.models[model]
    if topic == OUTCOMES:
        label, value = _flag(element, "label", settings.labels), _units(element, settings.resolution)
        if label is None and value is None:
            raise Unreadable("neither label nor value")
        of = _class(settings, element.get("label"))
        return Event(
            (model, id), model, id, time, decision=label, value=value, label_class=of, classes=settings.classes
        )
    return _prediction(settings, element, model, id, time)


def _prediction(settings: ModelSpec, element: dict[str, Any], model: str, id: str, time: int) -> Event:
    version = _text(element, "version") if element.get("version") is not None else ""
    if version == "*" or len(version) > VERSION_LENGTH or not version.isprintable():
        raise Unreadable("version")
    arm = _text(element, "arm") if element.get("arm") is not None else "live"
    if arm not in ARMS:
        raise Unreadable("arm")
    score, value, decision = (
        _score(element),
        _units(element, settings.resolution),
        _flag(element, "decision", settings.decisions),
    )
    if decision is None and score is not None and settings.cut is not None:
        decision = score >= settings.cut * 10**6
    if decision is None and score is None and value is None:
        raise Unreadable("no decision, score or value")
    clipped, slot = value or 0, None
    if settings.clip and value is not None:
        low, high = (_quantised(bound / settings.resolution) for bound in settings.clip)
        clipped = min(max(value, low), high)
        slot = _slot(value, low, high)
    return Event(
        (model, version, arm, id), model, id, time, version, arm,
        _groups(settings.attributes, element.get("attributes")), _groups(settings.factors, element.get("factors")),
        decision, score, value, clipped, slot, _class(settings, element.get("decision")), settings.classes,
        _weight(element, settings.weight),
    )  # fmt: skip


def _slot(value: int, low: int, high: int) -> str | None:
    if low >= high:
        return None
    if not low <= value <= high:
        return "below_range" if value < low else "above_range"
    return f"value_bin_{min(Fraction(value - low, high - low) * 100 // 1, 99)}"


def _text(element: dict[str, Any], name: str) -> str:
    if not isinstance(text := element.get(name), str):
        raise Unreadable(f"{name} is not a string")
    return text


def _class(settings: ModelSpec, given: Any) -> str | None:
    return given if isinstance(given, str) and given in settings.classes else None


def _flag(element: dict[str, Any], name: str, named: tuple[Sequence[str], Sequence[str]]) -> bool | None:
    flag = element.get(name)
    if flag is None or isinstance(flag, bool):
        return flag
    if isinstance(flag, str) and named[0]:
        if flag in named[0] or flag in named[1] or not named[1]:
            return flag in named[0]
        raise Unreadable(f"{name} is not a class that is known")
    if isinstance(flag, int) and flag in (0, 1):
        return bool(flag)
    raise Unreadable(f"{name} is not a boolean")


def _number(element: dict[str, Any], name: str) -> Decimal | None:
    number = element.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | Decimal):
        raise Unreadable(f"{name} is not a number")
    return Decimal(number)


def _score(element: dict[str, Any]) -> int | None:
    score = _number(element, "score")
    if score is None:
        return None
    if not 0 <= score <= 1:
        raise Unreadable("score outside 0 to 1")
    return _quantised(score * 10**6)


def _units(element: dict[str, Any], resolution: Decimal) -> int | None:
    value = _number(element, "value")
    if value is None:
        return None
    if abs(value) > 2 * LARGEST * resolution or abs(units := _quantised(value / resolution)) >= LARGEST:
        raise Unreadable("value too large")
    return units


def _weight(element: dict[str, Any], unit: Decimal | None) -> int | None:
    """1 where there is none; not looked at where decisions have none."""
    if unit is None:
        return None
    weight = _number(element, "weight")
    found = Decimal(1) if weight is None else weight
    if found > 2 * LARGEST * unit or not 0 < (units := _quantised(found / unit)) < LARGEST:
        raise Unreadable("weight")
    return units


def _quantised(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_HALF_EVEN))


def _time(time: Any) -> int:
    if isinstance(time, int) and not isinstance(time, bool):
        return time
    found = RFC3339.fullmatch(time) if isinstance(time, str) else None
    if not found:
        raise Unreadable("time is neither RFC 3339 nor epoch milliseconds")
    day, clock, fraction, zone = found.groups()
    try:
        whole = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError as error:
        raise Unreadable("time") from error
    return (whole - EPOCH) // timedelta(milliseconds=1) + int((fraction or ".0")[1:4].ljust(3, "0"))


def _groups(declared: Mapping[str, Sequence[Any]], given: Any) -> tuple[tuple[str, str], ...]:
    """The group of each declared attribute, sorted by attribute; what is not declared is not looked at."""
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise Unreadable("attributes are not an object")
    if len(given) > ATTRIBUTES:
        raise Unreadable("too many attributes")
    return tuple(sorted((name, _group(values, given.get(name))) for name, values in declared.items()))


def _group(declared: Sequence[Any], given: Any) -> str:
    """`unknown` if null or missing, `other` if not declared; a number falls into the bin `[edge, next edge)`."""
    if given is None:
        return "unknown"
    if isinstance(declared[0], str):
        text = given if isinstance(given, str) else json.dumps(given, default=str)
        return text if text in declared else "other"
    if isinstance(given, bool) or not isinstance(given, int | Decimal):
        return "other"
    below = [edge for edge in declared if edge <= given]
    if not below:
        return f"<{declared[0]}"
    above = declared[len(below) :]
    return f"{below[-1]}-{above[0]}" if above else f">={below[-1]}"
