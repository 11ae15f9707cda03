"""How the fleet's budget of false alerts is split over the families of evidence. Pure.

The budget is additive: the expected number of false pages of the fleet is at most the sum over its families, whatever
their dependence. What rules claim for themselves is taken off first; the rest is split evenly over the other families.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.config import BudgetConfig
from alerts.policies import Severity
from alerts.proving import Plan
from alerts.rules.threshold import ThresholdRule
from monitor.times import DAY

MONTH = 30 * DAY

LEAST = 1e-6
"""A family never gets less, so that it can still page: 1e-6 costs 11 nats more than 0.05."""


@dataclass(frozen=True, slots=True)
class Share:
    """One kind of alert: what the fleet may expect in 30 days, what rules claim, and how the rest is split."""

    kind: str
    total: float
    claimed: float
    claiming: int
    """Families of rules with a budget of their own."""
    sharing: int
    """Families that share the rest."""

    @property
    def each(self) -> float:
        """Of a family that has no budget of its own."""
        return max((self.total - self.claimed) / self.sharing, LEAST) if self.sharing else 0.0

    @property
    def adds_up(self) -> bool:
        """Whether what is claimed leaves something for the others."""
        return self.claimed < self.total if self.sharing else self.claimed <= self.total

    def __str__(self) -> str:
        count, kind = self.claiming + self.sharing, self.kind.removesuffix("s") if self.total == 1 else self.kind
        parts = [f"{self.total:g} false {kind} in 30 days over {count} {'family' if count == 1 else 'families'}"]
        if self.claiming:
            parts.append(f"{self.claimed:g} claimed by rules for {self.claiming}")
        if count > 1 and self.sharing:
            parts.append(f"{self.each:.3g} for each of {self.sharing}")
        return ", ".join(parts)


def kind_of(severity: str) -> str:
    """Which budget an alert of this severity draws on."""
    return "pages" if severity == Severity.PAGE else "tickets"


def shares(plans: Sequence[Plan], rules: Sequence[ThresholdRule], budget: BudgetConfig) -> Mapping[str, Share]:
    """Pages and tickets of the fleet's families. Warnings beside rules that page draw on tickets, as `warn_fraction` says."""
    own = {rule.policy.name: rule.budget for rule in rules if rule.budget is not None}
    found = {}
    for kind, given in (("pages", budget.pages), ("tickets", budget.tickets)):
        mine = [plan for plan in plans if kind_of(plan.severity) == kind]
        claiming = [plan.rule for plan in mine if plan.rule in own]
        claimed = sum(own[rule] for rule in set(claiming))
        total = given * MONTH / budget.period
        found[kind] = Share(kind, total, claimed, len(claiming), len(mine) - len(claiming))
    return found


def with_budgets(plans: Sequence[Plan], rules: Sequence[ThresholdRule], budget: BudgetConfig) -> tuple[Plan, ...]:
    """The families, each with its budget: expected false alerts in 30 days."""
    own = {rule.policy.name: rule.budget for rule in rules if rule.budget is not None}
    split = shares(plans, rules, budget)
    families = {name: sum(plan.rule == name for plan in plans) for name in own}
    return tuple(
        plan.with_budget(
            own[plan.rule] / families[plan.rule] if plan.rule in own else split[kind_of(plan.severity)].each
        )
        for plan in plans
    )


def warn_fraction(budget: BudgetConfig) -> float:
    """Evidence for a ticket, as a fraction of what a page needs."""
    return min(budget.pages / budget.tickets, 1.0)
