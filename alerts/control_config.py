"""What is configured of routes: the brakes on what rules may change, and canary plans."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from pydantic import Field

from monitor.sections import Config, Duration, Name, Problem
from monitor.times import HOUR


class PlanStepConfig(Config):
    """`percent` of the decisions (0: shadow, 100: live) for so long inside the bounds, with `min_n` of each group.

    `proven`: there must be evidence that the bounds are kept, and not only an estimate inside them.
    """

    percent: float = Field(ge=0, le=100)
    inside: Duration = 0
    min_n: int = Field(default=0, ge=0)
    proven: bool = False


class PlanConfig(Config):
    """How a new version of a model is let in. The bounds are those of `rules`, looked at in `window`.

    `rest` decides what the version does not. Not `automatic`: a person advances every step that is passed.
    """

    model: Name
    rules: tuple[str, ...] = Field(min_length=1)
    window: Duration
    steps: tuple[PlanStepConfig, ...] = Field(min_length=2)
    rest: Literal["live", "fallback"] = "live"
    automatic: bool = True

    def problems(self) -> Iterator[Problem]:
        shares = [step.percent for step in self.steps]
        if any(later <= earlier for earlier, later in pairwise(shares)):
            yield ("steps",), "each step's `percent` must be above the one before"
        if shares[-1] != 100:
            yield ("steps",), "the last step must be 100 percent: the version is live then, and the plan is done"


class ControlConfig(Config):
    """The brakes on what rules may change by themselves, for each model. `dry_run` holds for all rules and plans.

    `agreement`: so many rules that may roll back must fire at the same time before one does.
    """

    dry_run: bool = False
    cool_down: Duration = HOUR
    daily_maximum: int = Field(default=3, ge=0)
    agreement: int = Field(default=1, ge=1, le=10)
    plans: tuple[PlanConfig, ...] = ()
