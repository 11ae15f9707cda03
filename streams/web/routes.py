"""A route as a feature flag: one flag per model, whose variants are the routes. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from streams.web.buckets import WEIGHTS, taken, weight

ROUTES = ("live", "canary", "shadow", "fallback")
SCHEMA = "https://flagd.dev/schema/v0/flags.json"


@dataclass(frozen=True, slots=True)
class Flag:
    """The desired route of a model; epoch 0: it never changed.

    In a canary `percent` of the keys go to `version`, the others to `rest`.
    """

    model: str
    route: str = "live"
    percent: float | None = None
    epoch: int = 0
    reason: str = ""
    changed_by: str = ""
    alert: str | None = None
    rest: str = "live"
    version: str = ""

    @property
    def split(self) -> bool:
        """Whether keys differ in their route."""
        return self.route == "canary" and self.percent is not None and self.percent < 100

    def variant(self, targeting_key: str) -> str:
        """The route of one targeting key."""
        if not self.split:
            return self.route
        return "canary" if taken(self.model, targeting_key, weight(self.percent or 0.0)) else self.rest

    @property
    def metadata(self) -> dict[str, str | int]:
        """What OpenFeature calls flag metadata: why the route is what it is."""
        given: dict[str, str | int] = {
            "epoch": self.epoch,
            "reason": self.reason,
            "changed_by": self.changed_by,
            "alert": self.alert or "",
            "version": self.version,
        }
        if self.split or self.route == "shadow":
            given["rest"] = self.rest
        return {name: value for name, value in given.items() if value != ""}


def definition(flags: Iterable[Flag]) -> dict[str, object]:
    """The flagd definition of all flags."""
    return {"$schema": SCHEMA, "flags": {flag.model: _flagd(flag) for flag in flags}}


def _flagd(flag: Flag) -> dict[str, object]:
    entry: dict[str, object] = {
        "state": "ENABLED",
        "variants": {route: route for route in ROUTES},
        "defaultVariant": flag.rest if flag.split else flag.route,
        "metadata": flag.metadata,
    }
    if flag.split:
        canary = weight(flag.percent or 0.0)
        entry["targeting"] = {"fractional": [["canary", canary], [flag.rest, WEIGHTS - canary]]}
    return entry
