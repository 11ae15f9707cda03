"""Who is told: a rule whose alerts go nowhere, and a receiver that nothing goes to."""

from collections.abc import Iterator

from alerts.config import EVERY_MODEL
from streams.checks.findings import Finding, ok, warning
from streams.settings import Settings
from streams.watching import routing_of


def check(settings: Settings) -> Iterator[Finding]:
    """Findings about routing, by the labels that are known before anything fires: the rule's, its severity, the model.

    A tree may also route by the metric or the attributes; then a warning here may be for you to judge.
    """
    if not settings.rules or not settings.receivers:
        return
    routing, reached = routing_of(settings), set[str]()
    silent = []
    for rule in settings.rules:
        models = [m.name for m in settings.models] if rule.model == EVERY_MODEL else [rule.model]
        for model in models:
            labels = {**rule.labels, "alertname": rule.name, "model": model, "severity": rule.severity}
            targets = routing.targets("", labels)
            reached |= {target.receiver.name for target in targets}
            reached |= {target.receiver.fallback for target in targets}
            if not targets:
                silent.append(f"{rule.name} of {model}")
    if silent:
        told = f"nobody is told of {', '.join(silent)}"
        yield warning("routing", told, "name `receivers` in the rule, or write a route that matches its labels")
    else:
        count = len(settings.rules)
        yield ok("routing", f"somebody is told of {'the rule' if count == 1 else f'each of {count} rules'}")
    others = {one.name for one in settings.receivers if not (one.heartbeat or one.send_changes)} - reached
    others -= {one.name for one in routing.control}
    if others:
        yield warning(
            "routing", f"nothing goes to {', '.join(sorted(others))}", "route something there, or leave it out"
        )
