"""The whole configuration as one frozen value: `fairdrift.yaml`, section by section.

Secrets are `SecretStr` and appear in no repr, dump or hash.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import Field, SecretStr, field_validator

from alerts.config import (
    EVERY_MODEL,
    ONE_OR_SEVERAL,
    BudgetConfig,
    DeliveryConfig,
    LinksConfig,
    PolicyConfig,
    RuleConfig,
    ThresholdConfig,
    threshold_of,
)
from alerts.control_config import ControlConfig
from alerts.receiver_config import ReceiverConfig
from alerts.routing_config import InhibitionConfig, RouteConfig, SilenceConfig, TimeIntervalConfig, TreeConfig
from monitor.config import ModelConfig, TopicsConfig
from monitor.sections import Config, Duration, Name, Problem, Topic, text_of
from monitor.terms import Terms
from monitor.times import DAY, MINUTE, SECOND, format_duration

SHARED = ("pane", "max_lateness", "join_horizon", "dedup_horizon", "watermark_delay", "repartition")
"""On what the models of one pair of topics must agree."""


HOURS_KEPT = 90 * DAY
"""So long panes are kept by the hour; `streams.retention` rolls them up to days then."""


class KafkaConfig(Config):
    """How to reach Kafka, and the names of our own topics. `topics` are those of models that do not say."""

    bootstrap: tuple[str, ...] = Field(default=("127.0.0.1:9092",), min_length=1, json_schema_extra=ONE_OR_SEVERAL)
    group: str = Field(default="fairdrift", min_length=1)
    topics: TopicsConfig = TopicsConfig()
    control_topic: Topic = "fairdrift.control"
    dead_letter_topic: Topic = "fairdrift.dead-letters"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    key_password: SecretStr | None = None
    session_timeout: Duration = 15 * SECOND

    @field_validator("bootstrap", mode="before")
    @classmethod
    def _several(cls, given: object) -> object:
        return tuple(part.strip() for part in given.split(",")) if isinstance(given, str) else given

    def problems(self) -> Iterator[Problem]:
        for address in self.bootstrap:
            host, _, port = address.rpartition(":")
            if not host or not port.isdigit():
                yield ("bootstrap",), f"{address!r} is not host:port, as in kafka-1:9092"
        if self.security_protocol.startswith("SASL") and not (self.username and self.password):
            yield ("username",), f"{self.security_protocol} needs `username` and `password`"
        if bool(self.cert_file) != bool(self.key_file):
            yield ("cert_file",), "a client certificate needs both `cert_file` and `key_file`"
        if self.control_topic == self.dead_letter_topic:
            yield ("dead_letter_topic",), "control and dead letters need two topics"


class PostgresConfig(Config):
    """How to reach Postgres: `postgresql://user:password@host:port/database?sslmode=...`."""

    secret_url: SecretStr = Field(default=SecretStr("postgresql://127.0.0.1:5432/fairdrift"), alias="url")

    @property
    def url(self) -> str:
        """The address with its password: not for logs."""
        return self.secret_url.get_secret_value()

    def problems(self) -> Iterator[Problem]:
        if not self.url.startswith(("postgresql://", "postgres://", "postgresql+psycopg2://")):
            yield ("url",), "must look like postgresql://user:password@host:5432/database"


class HealthConfig(Config):
    """Where a worker serves /health and /metrics."""

    bind: str = "127.0.0.1"
    port: int = Field(default=8788, ge=0, le=65535)


class WorkerConfig(Config):
    """A worker process. `data_dir` holds its join store; checkpoints go to `checkpoint_dir`, where there is one."""

    data_dir: Path = Path(".fairdrift")
    checkpoint_dir: Path | None = None
    checkpoint_every: Duration = 10 * MINUTE
    commit_every: Duration = SECOND
    idle_after: Duration = 10 * SECOND
    evaluate_every: Duration = SECOND
    health: HealthConfig = HealthConfig()

    def problems(self) -> Iterator[Problem]:
        for name in ("commit_every", "idle_after", "evaluate_every", "checkpoint_every"):
            if not getattr(self, name):
                yield (name,), "must be longer than nothing"


class TokenConfig(Config):
    """A token with a name and a scope, by its SHA-256 in hex: `printf %s TOKEN | sha256sum`."""

    name: Name
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scope: Literal["read", "operate", "control"] = "read"

    @property
    def hash(self) -> str:
        """The hash that is kept."""
        return self.sha256


class ServeConfig(Config):
    """The HTTP API. Each token in `tokens` may read, or what its `scope` says; `fairdrift token` makes others.

    Without any, only health is served.

    `requests_per_second` is what each token may ask of the database, twice as much at once; flags are answered from memory
    and not counted. `flag_file`: the routes as a flagd definition are kept up to date in this file too.

    `public_url` is the address (https) at which others reach it from outside: pages in PagerDuty then show a picture of the
    chart, from signed addresses below `/pictures/` that need no token and expire. Without it there are no pictures.
    """

    bind: str = "127.0.0.1"
    port: int = Field(default=8787, ge=0, le=65535)
    tokens: tuple[SecretStr | TokenConfig, ...] = ()
    requests_per_second: float = Field(default=100.0, gt=0, allow_inf_nan=False)
    flag_file: Path | None = None
    public_url: str = ""

    def problems(self) -> Iterator[Problem]:
        if self.public_url and not _is_public(self.public_url):
            yield ("public_url",), "is an address over https without a query, as in https://fairdrift.example.org"
        plain = [token.get_secret_value() for token in self.tokens if isinstance(token, SecretStr)]
        if any(len(token) < 16 for token in plain):
            yield ("tokens",), "a token has at least 16 characters; make one with `openssl rand -hex 32`"


def _is_public(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)


class RetentionConfig(Config):
    """How long is kept what: panes, and points at minute and hour steps (`streams/retention.py` has the rest)."""

    panes: Duration = 400 * DAY
    minute_points: Duration = 7 * DAY
    hour_points: Duration = 90 * DAY

    def problems(self) -> Iterator[Problem]:
        if self.panes < HOURS_KEPT:
            yield ("panes",), f"must be at least {format_duration(HOURS_KEPT)}: so long panes are kept by the hour"


class Settings(Config):
    """Everything that is configured."""

    kafka: KafkaConfig = KafkaConfig()
    postgres: PostgresConfig = PostgresConfig()
    worker: WorkerConfig = WorkerConfig()
    serve: ServeConfig = ServeConfig()
    retention: RetentionConfig = RetentionConfig()
    delivery: DeliveryConfig = DeliveryConfig()
    models: tuple[ModelConfig, ...] = Field(min_length=1)
    rules: tuple[RuleConfig, ...] = ()
    receivers: tuple[ReceiverConfig, ...] = ()
    routes: tuple[RouteConfig, ...] = ()
    route: TreeConfig | None = None
    time_intervals: tuple[TimeIntervalConfig, ...] = ()
    silences: tuple[SilenceConfig, ...] = ()
    inhibitions: tuple[InhibitionConfig, ...] = ()
    control: ControlConfig = ControlConfig()
    policies: tuple[PolicyConfig, ...] = ()
    budget: BudgetConfig = BudgetConfig()
    links: LinksConfig = LinksConfig()

    @field_validator("rules")
    @classmethod
    def _tiers(cls, given: tuple[RuleConfig, ...]) -> tuple[RuleConfig, ...]:
        """The rules as written, and after them one for each tier."""
        tiers = [tier for rule in given if isinstance(rule, ThresholdConfig) for tier in rule.each()]
        plain = [r.model_copy(update={"tiers": ()}) if isinstance(r, ThresholdConfig) and r.tiers else r for r in given]
        return (*plain, *tiers)

    @property
    def version(self) -> str:
        """The version of the configuration that metric points and alerts name: see `config_version`."""
        return config_version(self)

    def problems(self) -> Iterator[Problem]:
        yield from self._stream_problems()
        yield from self._metric_problems()
        yield from self._plan_problems()
        for place, model in enumerate(self.models):
            if model.join_horizon + model.max_lateness > self.retention.panes:
                kept = format_duration(self.retention.panes)
                yield ("models", place, "join_horizon"), f"with max_lateness it is longer than retention.panes, {kept}"
        by_name = {model.name: model for model in self.models}
        for place, rule in enumerate(self.rules):
            concerned = by_name.values() if rule.model == EVERY_MODEL else filter(None, [by_name.get(rule.model)])
            for model in concerned:
                found = [*rule.problems_with(model)]
                if (threshold := threshold_of(rule)) is not None:
                    found += [*_rule_problems(threshold, model), *_unprovable(threshold, model)]
                yield from (((("rules", place, *path)), text) for path, text in found)

    def _plan_problems(self) -> Iterator[Problem]:
        models, rules, seen = {m.name: m for m in self.models}, {r.name: r for r in self.rules}, set[str]()
        for place, plan in enumerate(self.control.plans):
            where, model = ("control", "plans", place), models.get(plan.model)
            if model is None or plan.model in seen:
                yield (*where, "model"), f"{plan.model} " + ("is no model" if model is None else "has a plan already")
                continue
            seen.add(plan.model)
            if plan.window not in model.windows:
                windows = ", ".join(map(format_duration, model.windows))
                yield (*where, "window"), f"{model.name} has no such window; it has {windows}"
            if not model.per_version:
                yield (*where, "model"), "its versions are not measured: a plan needs `per_version: true`"
            for name in plan.rules:
                rule = rules.get(name)
                if not isinstance(rule, ThresholdConfig) or rule.model not in (EVERY_MODEL, plan.model):
                    yield (*where, "rules"), f"{name} is no threshold rule of {plan.model}"

    def _metric_problems(self) -> Iterator[Problem]:
        asked: list[tuple[tuple[str | int, ...], str]] = []
        for place, model in enumerate(self.models):
            asked += [(("models", place, "metrics"), name) for name in model.metrics]
        for place, rule in enumerate(self.rules):
            if (threshold := threshold_of(rule)) is not None:
                asked.append((("rules", place, "metric"), threshold.metric))
        if not asked:
            return
        from monitor.metrics import metric, names  # River takes a second to import: only where a metric is named

        yield from self._weight_problems()
        plain = [(place, model) for place, model in enumerate(self.models) if not model.histograms]
        for place, model in plain:
            for name in model.metrics:
                if name in names() and metric(name).hourly:
                    yield ("models", place, "metrics"), f"{name} needs `histograms: true`"
        for path, name in asked:
            if name not in names():
                near = get_close_matches(name, names(), n=1)
                known = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(set(names().values())))}"
                yield path, f"there is no metric {name}; {known}"
        for place, rule in enumerate(self.rules):
            given = threshold_of(rule)
            if given is not None and given.metric in names() and (text := _not_offered(given)):
                yield ("rules", place, "aggregate"), text

    def _weight_problems(self) -> Iterator[Problem]:
        """What is asked of models that weigh their decisions and is not there with weights."""
        from monitor.metrics import metric, names

        weighing = {
            model.name: (place, model) for place, model in enumerate(self.models) if model.weight_unit is not None
        }
        for place, model in weighing.values():
            for name in model.metrics:
                if name in names() and (why := metric(name).unweighed):
                    text = f"{name} cannot be weighted ({why}): name it for a model without `weights`, or leave it out"
                    yield ("models", place, "metrics"), text
        for place, rule in enumerate(self.rules):
            concerned = (
                list(weighing) if rule.model == EVERY_MODEL else [name for name in weighing if name == rule.model]
            )
            if threshold_of(rule) is not None and concerned:
                model_names = ", ".join(concerned)
                text = f"{model_names} has `weights`, and evidence counts decisions and not weights: no rule looks at its metrics"
                yield ("rules", place, "model"), text

    def _stream_problems(self) -> Iterator[Problem]:
        first: dict[tuple[str, str], ModelConfig] = {}
        used = {
            self.kafka.control_topic: "kafka.control_topic",
            self.kafka.dead_letter_topic: "kafka.dead_letter_topic",
        }
        for place, model in enumerate(self.models):
            pair = (model.topics.predictions, model.topics.outcomes)
            other = first.setdefault(pair, model)
            for field in SHARED:
                if getattr(model, field) != getattr(other, field):
                    agreed = _written(getattr(other, field))
                    yield ("models", place, field), f"is {agreed} for {other.name}; models that share topics must agree"
            if other is not model and (model.mapping or other.mapping):
                yield ("models", place, "topics"), f"are those of {other.name} too; a mapping needs topics of its own"
            for topic in pair:
                if used.setdefault(topic, "/".join(pair)) != "/".join(pair):
                    yield ("models", place, "topics"), f"the topic {topic} is also one of {used[topic]}"


def _written(value: object) -> str:
    return format_duration(value) if isinstance(value, int) and not isinstance(value, bool) else text_of(value)


def _not_offered(rule: ThresholdConfig) -> str:
    """Why the rule's metric cannot be looked at in this way; empty if it can."""
    from monitor.comparisons import COMPARING, Aggregate, DisparitySpec, Method
    from monitor.metrics import metric

    one = metric(rule.metric)
    if one.hourly:
        return f"{one.name} is computed when an hour is over, and no rule looks at it; it can be stored: name it in `metrics`"
    if not rule.aggregate:
        return "" if one.of_groups else f"{one.name} is not a number of a single group: give an aggregate"
    if one.offers(DisparitySpec(Aggregate(rule.aggregate), Method(rule.method))):
        return ""
    if one.kind == "index":
        return f"{one.name} is one number of all groups: give the aggregate index"
    between = [a.value for a in COMPARING if one.offers(DisparitySpec(a, Method.BETWEEN_GROUPS))]
    has = f"it has {' and '.join(between)}" if between else "groups are not compared by it"
    return f"{one.name} has no {rule.aggregate} {rule.method}; {has}"


def _unprovable(rule: ThresholdConfig, model: ModelConfig) -> Iterator[Problem]:
    """Why there can be no evidence of a rule."""
    from alerts.proving import problems  # River takes a second to import: only where there is a rule
    from alerts.rules.threshold import ThresholdRule
    from monitor.metrics import names

    if rule.metric in names() and not any(True for _ in rule.bound.problems()):
        yield from problems(ThresholdRule.from_config(rule, model.name), model)


def _rule_problems(rule: ThresholdConfig, model: ModelConfig) -> Iterator[Problem]:
    """What of a rule does not fit a model that it is about."""
    for attribute in rule.attributes or ():
        if attribute not in model.attributes:
            yield ("attributes",), f"{model.name} has no attribute {attribute}; it has {', '.join(model.attributes)}"
    if rule.window not in model.windows:
        windows = ", ".join(map(format_duration, model.windows))
        yield ("window",), f"{model.name} has no window of {format_duration(rule.window)}; it has {windows}"
    if rule.aggregate and rule.method == "to_reference":
        for attribute in rule.attributes or tuple(model.attributes):
            if attribute in model.attributes and attribute not in model.references:
                yield ("method",), f"to_reference needs a `reference` for {attribute} of {model.name}"


@dataclass(frozen=True, slots=True)
class Stream:
    """One pair of topics with the models that use it: the unit whose partitions are owned and counted."""

    name: str
    """`<predictions>/<outcomes>`"""
    predictions: str
    outcomes: str
    models: tuple[ModelConfig, ...]
    terms: Terms
    repartition: bool


def streams(settings: Settings) -> list[Stream]:
    """The streams of the configured models, in the order in which they are first named."""
    grouped: dict[tuple[str, str], list[ModelConfig]] = {}
    for model in settings.models:
        grouped.setdefault((model.topics.predictions, model.topics.outcomes), []).append(model)
    return [_stream(pair, models) for pair, models in grouped.items()]


def _stream(pair: tuple[str, str], models: list[ModelConfig]) -> Stream:
    one = models[0]
    terms = Terms(one.join_horizon, one.dedup_horizon, one.max_lateness, one.watermark_delay, one.pane)
    return Stream("/".join(pair), *pair, tuple(models), terms, one.repartition)


DECIDING = {
    "models", "rules", "receivers", "routes", "route", "time_intervals", "silences", "inhibitions", "control", "policies",
    "budget",
}  # fmt: skip
"""The sections that decide what is measured, concluded and told; addresses and directories do not."""


def canonical(settings: Settings) -> Mapping[str, Any]:
    """The deciding sections as plain JSON, secrets as stars: what is stored under the version."""
    return settings.model_dump(mode="json", by_alias=True, include=DECIDING)


def config_version(settings: Settings) -> str:
    """The hash of `canonical`: the same on every machine that runs the same configuration, whatever its secrets."""
    body = msgspec.json.encode(canonical(settings), order="deterministic")
    return hashlib.blake2b(body, digest_size=8).hexdigest()
