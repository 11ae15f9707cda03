"""Whether figures are kept as long as the policies want them that are configured."""

from collections.abc import Iterator

from monitor.times import DAY, format_duration
from streams.audit.gating import find
from streams.audit.reading import AuditError
from streams.checks.findings import Finding, failure, ok, warning
from streams.settings import Settings

WHERE = "policies"


def check(settings: Settings) -> Iterator[Finding]:
    """One finding for each policy that says for how long."""
    for given in settings.policies:
        if not given.policy:
            continue
        try:
            wanted = [one.retention for one in find(given.policy) if one.retention is not None]
        except AuditError as error:
            yield failure(WHERE, f"{given.name}: {error}", "correct the policy, or its name")
            continue
        longest = max(wanted, key=lambda one: one.days, default=None)
        if longest is None:
            continue
        kept = format_duration(settings.retention.panes)
        what = f"{given.name} wants figures for {longest.days} days ({longest.source}); they are kept for {kept}"
        if settings.retention.panes >= longest.days * DAY:
            yield ok(WHERE, what)
        else:
            yield warning(WHERE, what, f"set `retention: {{panes: {longest.days}d}}`")
