"""What is configured of receivers: a type for each channel, and what is wrong with one."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import Field, SecretStr, field_validator

from alerts.config import ONE_OR_SEVERAL, ByType
from monitor.sections import Duration, Name, Problem, Topic
from monitor.times import MINUTE


class ReceiverConfig(ByType):
    """Who or what is told. `send_resolved`: also when it is over; `send_acknowledged`: also when somebody takes it over.

    `fallback` is the receiver that is told instead where this one fails for good. `send_changes`: it is told of changes of
    a model's route, too. `heartbeat`: it is told so often that all is well, so that silence is a signal.
    """

    found_in: ClassVar[str] = "alerts.channels"

    name: Name
    send_resolved: bool = True
    send_acknowledged: bool = False
    fallback: str = ""
    send_changes: bool = False
    heartbeat: Duration = 0

    def problems(self) -> Iterator[Problem]:
        if 0 < self.heartbeat < MINUTE:
            yield ("heartbeat",), "is at least 1m"
        if self.heartbeat and self.type in ("pagerduty", "rollback"):
            yield ("heartbeat",), f"{self.type} cannot take one; send it to a dead man's switch by webhook"


class WebhookConfig(ReceiverConfig):
    """A signed POST. `secret` may be a list, the newest first: each signs, so that a receiver can change over.

    `format: alertmanager` sends the body of Alertmanager's webhooks (version 4), and then a secret may be left out.
    `authorization` is the value of that header, as in `Bearer ...`.
    """

    type: Literal["webhook"]
    url: SecretStr
    secrets: tuple[SecretStr, ...] = Field(default=(), alias="secret", json_schema_extra=ONE_OR_SEVERAL)
    format: Literal["fairdrift", "alertmanager"] = "fairdrift"
    authorization: SecretStr | None = None

    @field_validator("secrets", mode="before")
    @classmethod
    def _several(cls, given: object) -> object:
        return (given,) if isinstance(given, str | SecretStr) else given

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        if not self.url.get_secret_value().startswith(("https://", "http://")):
            yield ("url",), "must start with https:// (or http://, which `delivery.allow_http` must allow)"
        if not self.secrets and self.format == "fairdrift":
            yield ("secret",), "is missing; make one with `openssl rand -base64 32`"
        if not all(_usable(secret.get_secret_value()) for secret in self.secrets):
            yield ("secret",), "must be base64 of at least 16 bytes; make one with `openssl rand -base64 32`"


def _usable(secret: str) -> bool:
    """As Standard Webhooks writes secrets: base64, with or without `whsec_` before it."""
    try:
        return len(b64decode(secret.removeprefix("whsec_"), validate=True)) >= 16
    except ValueError:
        return False


class PagerDutyConfig(ReceiverConfig):
    """A service's integration key for the Events API v2. `base_url` for the EU region.

    `severities` maps a rule's severity to PagerDuty's. `image` is the public address (https) of a picture of the chart, with
    `{model}`, `{rule}`, `{metric}` and `{attributes}` in it; without it our own chart is shown where `serve.public_url` is
    configured. `send_changes` posts changes of a model's route as change events.
    """

    type: Literal["pagerduty"]
    send_acknowledged: bool = True
    routing_key: SecretStr
    base_url: str = "https://events.pagerduty.com"
    severities: Mapping[str, Literal["critical", "error", "warning", "info"]] = Field(default_factory=dict)
    image: str = ""

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        if self.image and not self.image.startswith("https://"):
            yield ("image",), "PagerDuty shows pictures from https:// only"
        try:
            self.image.format(model="", rule="", metric="", attributes="")
        except (KeyError, IndexError, ValueError):
            yield ("image",), "takes {model}, {rule}, {metric} and {attributes}"


class RollbackReceiverConfig(ReceiverConfig):
    """The compacted topic of desired routes; `kafka.control_topic` where it does not say."""

    type: Literal["rollback"]
    topic: Topic = "fairdrift.control"
