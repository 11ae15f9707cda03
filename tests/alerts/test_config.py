"""Configurations of rules and receivers: unions by type, open to new types."""

from typing import Any, ClassVar, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from alerts.config import BoundConfig, ByType, DeliveryConfig, RuleConfig, ThresholdConfig
from alerts.receiver_config import PagerDutyConfig, ReceiverConfig, WebhookConfig
from alerts.routing_config import SilenceConfig
from monitor.sections import Config
from monitor.times import MINUTE

RULE = {"name": "parity", "type": "threshold", "metric": "selection_rate", "bound": {"min": 0.8}}
HOOK = {"name": "oncall", "type": "webhook", "url": "https://x", "secret": "c2VjcmV0LW9mLTI0LWJ5dGVzLXh4"}

_rules = TypeAdapter(tuple[RuleConfig, ...])
_receivers = TypeAdapter(tuple[ReceiverConfig, ...])


def rule(given: dict[str, Any]) -> RuleConfig:
    return _rules.validate_python([given])[0]


def receiver(given: dict[str, Any]) -> ReceiverConfig:
    return _receivers.validate_python([given])[0]


def test_a_rule_has_defaults() -> None:
    given = rule(RULE)
    assert isinstance(given, ThresholdConfig)
    assert (given.model, given.for_, given.severity, given.min_n) == ("*", 0, "page", 10)
    assert (given.attributes, given.aggregate, given.method) == (None, None, "between_groups")
    assert (given.receivers, given.rollback) == ((), None)


def test_prometheus_words() -> None:
    given = rule({**RULE, "for": "30m", "keep_firing_for": "1h", "labels": {"team": "risk"}})
    assert (given.for_, given.keep_firing_for, given.labels) == (30 * MINUTE, 60 * MINUTE, {"team": "risk"})
    assert given.model_dump(mode="json", by_alias=True)["for"] == "30m"


def test_attribute_sets_are_sorted_and_groups_are_texts() -> None:
    assert rule({**RULE, "attributes": ["sex", "age"]}).model_dump()["attributes"] == ("age", "sex")
    assert rule({**RULE, "groups": {"band": 1}}).model_dump()["groups"] == {"band": "1"}


def test_receivers_by_type() -> None:
    assert isinstance(receiver(HOOK), WebhookConfig)
    assert isinstance(receiver({"name": "p", "type": "pagerduty", "routing_key": "k"}), PagerDutyConfig)
    with pytest.raises(ValidationError, match="union_tag_invalid"):
        receiver({**HOOK, "type": "carrier-pigeon"})


def test_a_webhook_may_have_several_secrets() -> None:
    given = receiver({**HOOK, "secret": ["a" * 24, "whsec_" + "b" * 24]})
    assert isinstance(given, WebhookConfig)
    assert [secret.get_secret_value() for secret in given.secrets] == ["a" * 24, "whsec_" + "b" * 24]
    assert "aaaa" not in repr(given)


def test_a_new_type_is_one_new_class() -> None:
    class Shape(ByType):
        found_in: ClassVar[str] = ""

    class Circle(Shape):
        type: Literal["circle"]
        radius: float

    class Line(Shape):
        type: Literal["line"]

    class Drawing(Config):
        shapes: tuple[Shape, ...]

    assert list(Shape.kinds()) == ["circle", "line"]
    drawing = Drawing.model_validate({"shapes": [{"type": "line"}, {"type": "circle", "radius": 1}]})
    assert drawing.shapes == (Line(type="line"), Circle(type="circle", radius=1))
    assert drawing.model_dump()["shapes"][1] == {"type": "circle", "radius": 1.0}


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        (BoundConfig, {}, "give `min`, `max` or both"),
        (SilenceConfig, {"match": {"a": "b"}, "starts": "2026-01-01T00:00:00", "ends": "2026-01-02T00:00:00", "by": "x"}, "offset"),
        (SilenceConfig, {"match": {"a": "b"}, "starts": "2026-01-02T00:00:00Z", "ends": "2026-01-01T00:00:00Z", "by": "x"}, "after"),
        (WebhookConfig, {**HOOK, "url": "file:///etc/passwd"}, "must start with https://"),
        (WebhookConfig, {**HOOK, "secret": "c2hvcnQ="}, "base64 of at least 16 bytes"),
        (WebhookConfig, {**HOOK, "secret": "a-passphrase-that-is-long"}, "base64 of at least 16 bytes"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(kind: type[Config], given: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        kind.model_validate(given)


def test_networks_that_http_may_go_to() -> None:
    given = DeliveryConfig.model_validate({"allow": ["127.0.0.0/8", "fd00::/8"], "allow_http": True})
    assert [str(network) for network in given.allow] == ["127.0.0.0/8", "fd00::/8"]
