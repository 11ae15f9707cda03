"""How the budget of false alerts adds up over the families of evidence."""

from collections.abc import Iterator

from alerts.budgets import shares
from alerts.rules import make_rules
from streams.checks.findings import Finding, failure, ok
from streams.settings import Settings
from streams.watching import families, proven_rules

WHERE = "budget"


def check(settings: Settings) -> Iterator[Finding]:
    """One finding for pages and one for tickets, where any rule is judged by evidence."""
    rules = make_rules(settings.rules, (model.name for model in settings.models))
    plans = families(settings, rules)
    for share in shares(plans, proven_rules(rules), settings.budget).values():
        if not share.claiming + share.sharing:
            continue
        if share.adds_up:
            yield ok(WHERE, str(share))
        else:
            over = f"{share}: rules claim {share.claimed:g} of {share.total:g}"
            yield failure(WHERE, over, "lower `budget` of these rules, or raise that of the fleet")
