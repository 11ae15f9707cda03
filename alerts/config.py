"""What is configured of rules, policies and delivery: the edge where YAML becomes typed, checked and frozen values.

Rules and receivers (`alerts/receiver_config.py`) are unions by their `type`. A module of `alerts/rules` or `alerts/channels` may define the
configuration of a type of its own: a subclass of `RuleConfig` or `ReceiverConfig` with a literal `type`.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, get_args

from pydantic import Field, GetCoreSchemaHandler, IPvAnyNetwork, field_validator
from pydantic.config import JsonDict
from pydantic_core import CoreSchema, core_schema

from alerts.templates import template_problems
from monitor.config import ModelConfig
from monitor.sections import Config, Duration, Name, Problem, text_of
from monitor.times import DAY, SECOND, format_duration

EVERY_MODEL = "*"

ONE_OR_SEVERAL: JsonDict = {"type": ["string", "array"]}
"""In the schema of a list that may be written as its only element."""

Labels = Mapping[Name, str]


Kinds = dict[str, type["ByType"]]
"""Configurations by the word that asks for them."""


class ByType(Config):
    """The root of a union by `type`; `found_in` is the package whose modules may add to it."""

    found_in: ClassVar[str] = ""
    type: str

    @classmethod
    def kinds(cls) -> Kinds:
        """Every type of this union by its word in the configuration."""
        if cls.found_in:
            known = cls._known()
            for module in pkgutil.iter_modules(importlib.import_module(cls.found_in).__path__):
                if module.name not in known:
                    importlib.import_module(f"{cls.found_in}.{module.name}")
        return cls._known()

    @classmethod
    def _known(cls) -> Kinds:
        return {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in cls.__subclasses__()}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if "found_in" not in cls.__dict__ or not cls.__subclasses__():
            return handler(source)
        choices = {name: handler.generate_schema(kind) for name, kind in cls.kinds().items()}
        return core_schema.tagged_union_schema(choices, discriminator="type")


class BoundConfig(Config):
    """The least and the greatest value that are agreed to be inside."""

    min: float | None = Field(default=None, allow_inf_nan=False)
    max: float | None = Field(default=None, allow_inf_nan=False)

    def problems(self) -> Iterator[Problem]:
        if self.min is None and self.max is None:
            yield (), "give `min`, `max` or both"
        elif self.min is not None and self.max is not None and self.min >= self.max:
            yield ("max",), "must be above `min`"


class RollbackConfig(Config):
    """What the rule may do to the model's route when it fires. Absent: nothing. `percent` is for a canary."""

    to: Literal["fallback", "shadow", "canary"] = "fallback"
    percent: float | None = Field(default=None, gt=0, lt=100)
    dry_run: bool = False

    def problems(self) -> Iterator[Problem]:
        if (self.to == "canary") != (self.percent is not None):
            yield ("percent",), "is needed for a canary, and for nothing else"


class RuleConfig(ByType):
    """What every rule has. `for` and `keep_firing_for` are Prometheus'; `receivers` come beside those of `routes`."""

    found_in: ClassVar[str] = "alerts.rules"

    name: Name
    model: str = EVERY_MODEL
    for_: Duration = Field(default=0, alias="for")
    keep_firing_for: Duration = 0
    severity: Literal["page", "ticket", "info"] = "page"
    labels: Labels = Field(default_factory=dict)
    annotations: Labels = Field(default_factory=dict)
    receivers: tuple[str, ...] = ()
    rollback: RollbackConfig | None = None

    @field_validator("annotations")
    @classmethod
    def _templates(cls, given: Labels) -> Labels:
        wrong = [f"{name}: {problem}" for name, text in given.items() for problem in template_problems(text)]
        if wrong:
            raise ValueError("; ".join(wrong))
        return given

    def problems_with(self, model: ModelConfig) -> Iterator[Problem]:
        """What of the rule does not fit a model that it is about; types say."""
        return iter(())


def unknown_attributes(named: Iterable[str], model: ModelConfig) -> Iterator[Problem]:
    """Attributes that the model does not have."""
    for name in named:
        if name not in model.attributes:
            yield ("attributes",), f"{model.name} has no attribute {name}; it has {', '.join(model.attributes)}"


def missing_window(field: str, length: int, model: ModelConfig) -> Iterator[Problem]:
    """A window that the model does not keep."""
    if length not in model.windows:
        there = ", ".join(map(format_duration, model.windows))
        yield (field,), f"{model.name} has no window of {format_duration(length)}; it has {there}"


class LinksConfig(Config):
    """Where alerts point to. `grafana` and `fairdrift` (`fairdrift serve`) are addresses; the others are templates with one.

    `panel` takes the place of the board that `fairdrift dashboards push` makes. `runbook` is for rules without one of their
    own, and takes the place of the one that `fairdrift serve` shows for the type of the rule.
    """

    grafana: str = ""
    fairdrift: str = ""
    panel: str = ""
    runbook: str = ""
    silence: str = ""

    def problems(self) -> Iterator[Problem]:
        for name in ("grafana", "fairdrift", "panel", "runbook", "silence"):
            text = getattr(self, name)
            if text and not text.startswith(("https://", "http://")):
                yield (name,), "is an address: start it with https:// (or http://)"
            yield from (((name,), problem) for problem in template_problems(text))


class TierConfig(Config):
    """Another bound on the same, with a severity of its own: a rule named `<rule>.<name>`, labelled `tier: <name>`.

    What it does not say is the rule's; receivers and rollback are only its own.
    """

    name: Name
    bound: BoundConfig
    severity: Literal["page", "ticket", "info"] = "ticket"
    for_: Duration | None = Field(default=None, alias="for")
    keep_firing_for: Duration | None = None
    receivers: tuple[str, ...] = ()
    rollback: RollbackConfig | None = None
    budget: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class ThresholdConfig(RuleConfig):
    """A bound on a disparity, or on a metric of a group where there is no `aggregate`.

    `attributes` is one attribute set, as in [sex] or [age, sex]; absent, every set is watched. `groups` picks one
    group, as in {sex: F}, where there is no `aggregate`. `tiers` are further bounds on the same, milder or stricter ones.
    """

    type: Literal["threshold"]
    metric: str = Field(min_length=1)
    attributes: tuple[Name, ...] | None = None
    groups: Mapping[str, str] | None = None
    aggregate: Literal["difference", "ratio", "index"] | None = None
    method: Literal["between_groups", "to_overall", "to_rest", "to_reference", "to_highest"] = "between_groups"
    bound: BoundConfig
    window: Duration = DAY
    min_n: int = Field(default=10, ge=1)
    budget: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    tiers: tuple[TierConfig, ...] = ()

    def each(self) -> Iterator["ThresholdConfig"]:
        """The rule of each tier, without tiers."""
        for tier in self.tiers:
            yield self.model_copy(
                update={
                    "name": f"{self.name}.{tier.name}",
                    "labels": {**self.labels, "tier": tier.name},
                    "bound": tier.bound,
                    "severity": tier.severity,
                    "for_": self.for_ if tier.for_ is None else tier.for_,
                    "keep_firing_for": self.keep_firing_for if tier.keep_firing_for is None else tier.keep_firing_for,
                    "receivers": tier.receivers,
                    "rollback": tier.rollback,
                    "budget": tier.budget,
                    "tiers": (),
                }
            )

    @field_validator("attributes")
    @classmethod
    def _sorted(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if given is None else tuple(sorted(set(given)))

    @field_validator("groups", mode="before")
    @classmethod
    def _texts(cls, given: object) -> object:
        return {key: text_of(value) for key, value in given.items()} if isinstance(given, Mapping) else given

    def problems(self) -> Iterator[Problem]:
        if self.aggregate and self.groups:
            yield ("groups",), "picks a group for a bound on its metric; a disparity compares groups: leave one out"
        bounds = [given for given in (self.bound.min, self.bound.max) if given is not None]
        if self.aggregate == "ratio" and any(given <= 0 for given in bounds):
            yield ("bound",), "a ratio is above 0, and so are its bounds, as in {min: 0.8}"
        names = [tier.name for tier in self.tiers]
        for place, name in enumerate(names):
            if name in names[:place]:
                yield ("tiers", place, "name"), f"{name} is the name of another tier too"


UNBROKEN = {"ratio": BoundConfig(min=1e-6), "difference": BoundConfig(max=1 - 1e-6)}
"""A bound that nothing breaks, until there is a baseline."""

TOLERANCE = 0.05
"""By how much a disparity may be worse than its baseline's interval."""


class PeriodConfig(Config):
    """A reference period, by the time of the decision."""

    starts: datetime
    ends: datetime

    def problems(self) -> Iterator[Problem]:
        if not (self.starts.tzinfo and self.ends.tzinfo):
            yield ("starts",), "times need an offset, as in 2026-01-01T00:00:00Z"
        elif self.starts >= self.ends:
            yield ("ends",), "must be after `starts`"


class AgreedConfig(Config):
    """A disparity as it was agreed on, with its interval; `source` says where it stands."""

    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    source: str = Field(default="as agreed", min_length=1)

    def problems(self) -> Iterator[Problem]:
        if self.low > self.high:
            yield ("low",), "must not be above `high`"


class DriftConfig(RuleConfig):
    """A disparity against its baseline. `reference` is how much of the previous version's time is its baseline."""

    type: Literal["drift"]
    metric: str = Field(min_length=1)
    attributes: tuple[Name, ...] = Field(min_length=1)
    aggregate: Literal["difference", "ratio"] = "ratio"
    method: Literal["between_groups", "to_overall", "to_rest", "to_reference"] = "between_groups"
    baseline: Literal["audit", "previous_version"] | PeriodConfig | AgreedConfig = "audit"
    tolerance: float = Field(default=TOLERANCE, ge=0, lt=1)
    reference: Duration = 30 * DAY
    window: Duration = DAY
    min_n: int = Field(default=10, ge=1)
    budget: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    severity: Literal["page", "ticket", "info"] = "ticket"

    @field_validator("attributes")
    @classmethod
    def _sorted(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(given)))

    def as_threshold(self) -> ThresholdConfig:
        """The threshold that it is, with a bound that nothing breaks."""
        return ThresholdConfig.model_construct(
            name=self.name,
            type="threshold",
            model=self.model,
            metric=self.metric,
            attributes=self.attributes,
            aggregate=self.aggregate,
            method=self.method,
            bound=UNBROKEN[self.aggregate],
            window=self.window,
            min_n=self.min_n,
            budget=self.budget,
            severity=self.severity,
            for_=self.for_,
            keep_firing_for=self.keep_firing_for,
            labels=self.labels,
            annotations=self.annotations,
            receivers=self.receivers,
            rollback=self.rollback,
            groups=None,
            tiers=(),
        )


def threshold_of(rule: RuleConfig) -> ThresholdConfig | None:
    """The threshold that a rule is, or amounts to once its baseline is known; None of other types."""
    if isinstance(rule, DriftConfig):
        return rule.as_threshold()
    return rule if isinstance(rule, ThresholdConfig) else None


class ExclusionConfig(Config):
    """A group that a policy may leave out of its ratios where it is a small share, and why; its counts stay."""

    group: Mapping[Name, str] = Field(min_length=1)
    because: str = Field(min_length=1)

    @field_validator("group", mode="before")
    @classmethod
    def _texts(cls, given: object) -> object:
        return {key: text_of(value) for key, value in given.items()} if isinstance(given, Mapping) else given


class PolicyConfig(Config):
    """A period over which parity is judged as a whole, for reports and tickets: a quarter, a hiring round.

    `policy` is the id of a shipped one (`fairdrift audit --list-policies`) or the path of a YAML file of your own; each day is judged by
    the version that was in force. `attributes` says which attribute plays which role of the policy, where its name does not.
    """

    name: Name
    models: tuple[str, ...] = Field(min_length=1)
    starts: datetime
    ends: datetime
    policy: str = ""
    attributes: Mapping[str, Name] = Field(default_factory=dict)
    exclusions: tuple[ExclusionConfig, ...] = ()

    def problems(self) -> Iterator[Problem]:
        if not (self.starts.tzinfo and self.ends.tzinfo):
            yield ("starts",), "times need an offset, as in 2026-01-01T00:00:00Z"
        elif self.starts >= self.ends:
            yield ("ends",), "must be after `starts`"
        if self.policy and not self.policy.endswith((".yaml", ".yml")):
            yield from self._policy_problems()

    def _policy_problems(self) -> Iterator[Problem]:
        from monitor.policies.loading import registry  # only where one is named: it reads files, and imports River

        if self.policy not in registry():
            yield (
                ("policy",),
                f"there is no policy {self.policy}; there are {', '.join(registry())}, or a file of your own (./house.yaml)",
            )
            return
        roles = {role.name for version in registry()[self.policy] for role in version.attributes}
        for role in sorted(set(self.attributes) - roles):
            known = ", ".join(sorted(roles)) or "none: it judges every attribute"
            yield ("attributes", role), f"is no role of {self.policy}; its roles are {known}"


class BudgetConfig(Config):
    """How many false pages and tickets the whole fleet may expect in a period."""

    pages: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    tickets: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    period: Duration = 30 * DAY


class DeliveryConfig(Config):
    """Where outgoing HTTP may go: public addresses over https, and these networks."""

    allow: tuple[IPvAnyNetwork, ...] = ()
    allow_http: bool = False
    connect_timeout: Duration = 5 * SECOND
    deadline: Duration = 15 * SECOND
