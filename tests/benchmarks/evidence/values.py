"""Simulated credit limits: a bounded value whose group means are compared, as sums per pane.

Shaped like the demo's limits: three levels within a declared range, a coefficient of variation of 0.30, women half of the decisions
with a value and men a third; the volume swings by 60% over the day, and each run begins at another hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize

from monitor.evidence import Families, Measure, Panes, Spec, State, Tuning
from tests.benchmarks.results import Result

LEVELS = np.array([0.20, 0.35, 0.50])
"""Of the declared range; with these chances the mean is 0.35 and the standard deviation 0.106."""
CHANCES = np.array([0.25, 0.50, 0.25])
SHARES = np.array([0.50, 0.32])
"""Women and men, of all decisions."""
BOUND = 0.8


@dataclass(frozen=True, slots=True)
class Values:
    """Women's limits are `before` times men's, from day `changed` on `after` times."""

    a_day: float
    days: float
    before: float = 1.0
    after: float = 1.0
    changed: float = np.inf
    pane: int = 300

    def sums(self, runs: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """n, sum and sum of squares, (panes, runs, 2)."""
        rng, a_day = np.random.default_rng(seed), 86_400 / self.pane
        panes = np.arange(round(self.days * a_day))
        clock = 2 * np.pi * (panes[:, None] / a_day + rng.random(runs))
        n = rng.poisson((self.a_day / a_day * (1 + 0.6 * np.sin(clock)))[..., None] * SHARES)
        many = rng.multinomial(n, CHANCES)
        ratio = np.ones((len(panes), 1, 2))
        ratio[:, 0, 0] = np.where(panes < self.changed * a_day, self.before, self.after)
        return n, many @ LEVELS * ratio, many @ LEVELS**2 * ratio**2


def pages(world: Values, runs: int, seed: int, budget: float, tuning: Tuning | None = None) -> list[list[int]]:
    """The panes of the pages of each run."""
    groups = ("female", "male")
    spec = Spec(
        groups, BOUND, reference="male", measure=Measure.MEAN, budget=budget, pane=world.pane, tuning=tuning or Tuning()
    )
    families = Families([spec] * runs, [State.empty(spec)] * runs)
    columns = [values.reshape(len(values), -1) for values in world.sums(runs, seed)]
    families.fold(Panes(0, *columns))
    found: list[list[int]] = [[] for _ in range(runs)]
    for happened in families.record.transitions:
        if happened.paged:
            found[happened.family].append(happened.pane)
    return found


def hours(world: Values, runs: int, seed: int, budget: float) -> np.ndarray:
    """Hours from the change to the page, of each run; infinite if none came, negative if one came before."""
    begun = pages(world, runs, seed, budget)
    return np.array([((one[0] + 1) * world.pane / 3600 if one else np.inf) - world.changed * 24 for one in begun])


def information(ratio: float) -> float:
    """Nats that a woman's limit can tell at most about `ratio` being below the bound (with the men that come with her).

    The growth of the best bet on every single value, `max E ln(1 + l (bound r - x)) + E ln(1 + l' (y - r))`: no
    valid evidence about means of values in the range grows faster.
    """
    men, women = SHARES[1] / SHARES[0], LEVELS * ratio

    def lost(at: np.ndarray) -> float:
        stake, r = at
        other = BOUND * stake / men
        if stake < 0 or 1 + stake * (BOUND * r - 1) <= 0 or other * r >= 1:
            return 1.0
        grown = CHANCES @ np.log1p(stake * (BOUND * r - women)) + men * (CHANCES @ np.log1p(other * (LEVELS - r)))
        return -float(grown)

    return max(-float(minimize(lost, (stake, 0.35), method="Nelder-Mead").fun) for stake in (0.3, 0.8, 1.4))


TRAFFIC = (4_000, 8_000, 16_000, 32_000)
"""Decisions a day."""

FIXED_STAKES = {(4_000, 1.0): 20.5, (4_000, 0.05): 26.0}
"""Hours on the demo's clients with stakes that were fixed before (0.05 to 0.8), half-hour panes; 20 and 10 runs."""


def rows(runs: int, console: Console) -> Iterator[Result]:
    """Hours from limits that drop by 30% to the page, after two weeks; and pages in 30 days exactly at the bound.

    Beside them the least that anything can take: a test that knew the moment of the change, and could be wrong with probability B,
    needs `ln(1 / B) / I` events on the average (Wald); and the gate alone takes forty minutes until its window shows the drop.
    """
    table = Table(
        "decisions a day", "budget B", "median hours", "10 to 90%", "least", "fixed stakes", title=f"{runs} runs"
    )
    nats = information(0.7)
    for a_day in TRAFFIC:
        for budget in (1.0, 0.05):
            found = hours(Values(a_day, 15, 1.0, 0.7, 14), runs, 60_000, budget)
            least = np.log(1 / budget) / (nats * SHARES[0] * a_day / 24)
            median, low, high = (float(np.quantile(found, part)) for part in (0.5, 0.1, 0.9))
            before = FIXED_STAKES.get((a_day, budget))
            table.add_row(
                f"{a_day:,}",
                f"{budget:g}",
                f"{median:.2f}",
                f"{low:.1f} to {high:.1f}",
                f"{least:.2f}",
                f"{before or ''}",
            )
            name = f"limits 30% lower, {a_day:,} decisions a day, B {budget:g}"
            target = 1.0 if (a_day, budget) == (16_000, 1.0) else None
            yield Result(f"median delay, {name}", median, "h", target, True, f"least {least:.2g} h")
    begun = pages(Values(16_000, 30, before=0.8), runs, 61_000, 0.05)
    wrong = float(np.mean([bool(one) for one in begun]))
    console.print(table)
    console.print(f"limits exactly at the bound: {wrong:.3f} of {runs} runs paged in 30 days; the budget is 0.05")
    yield Result("P(false page), limits at the bound", wrong, "", 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5, True)
