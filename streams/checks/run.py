"""All checks of one configuration, in the order in which one would put things right."""

from collections.abc import Iterator
from pathlib import Path

from alerts.words import several
from streams.checks import budgets, kafka, orphans, policies, postgres, receivers, routes
from streams.checks.findings import Finding, failure, ok, warning
from streams.config import ConfigError, load
from streams.mistakes import path_text
from streams.settings import Settings
from streams.settings import streams as streams_of


def run_checks(path: Path) -> Iterator[Finding]:
    """The findings, as they are made. A configuration with mistakes ends it: the rest would be about another one."""
    try:
        settings = load(path)
    except ConfigError as error:
        for place, text in error.mistakes:
            yield failure("configuration", f"{path_text(place)}: {text}" if place else text, f"correct {error.source}")
        return
    yield from _configured(path, settings)
    yield from budgets.check(settings)
    yield from policies.check(settings)
    known_parts = yield from postgres.check(settings)
    yield from kafka.check(settings, streams_of(settings), known_parts)
    yield from receivers.check(settings)
    yield from routes.check(settings)
    yield from orphans.check(settings)


def _configured(path: Path, settings: Settings) -> Iterator[Finding]:
    kinds = {"model": settings.models, "rule": settings.rules, "receiver": settings.receivers}
    counts = ", ".join(several(len(each), kind) for kind, each in kinds.items())
    yield ok("configuration", f"{path} is version {settings.version}: {counts}")
    if not settings.rules:
        yield warning(
            "configuration", "there are no rules: nothing will alert", "write `rules`; deploy/examples has some"
        )
    elif not settings.receivers:
        yield warning(
            "configuration",
            "there are no receivers: nobody will be told",
            "write `receivers`, and name them in rules or routes",
        )
