"""The router of the demo is the one that users copy: deploy/examples/router.py."""

import importlib.util
from pathlib import Path
from typing import Any, Protocol, cast

CONTROL = "fairdrift.control"
EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "examples" / "router.py"


class Routed(Protocol):
    """What the demo needs of a router."""

    @property
    def state(self) -> dict[str, Any]:
        """The route in force, as it was published."""

    @property
    def shadow(self) -> bool:
        """Whether `version` scores too, without deciding."""

    @property
    def version(self) -> str:
        """The version in canary or in shadow."""

    @property
    def epoch(self) -> int:
        """Counts the changes of the route."""

    def arm(self, key: str) -> str:
        """Who decides for this key."""

    def poll(self, timeout_ms: int = 0) -> None:
        """Read what is new."""

    def close(self) -> None:
        """Give the connection back."""


def example() -> Any:
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("fairdrift_example_router", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def router(bootstrap: str, model: str) -> Routed:
    """The example's router, connected."""
    return cast("Routed", example().Router(bootstrap, model))
