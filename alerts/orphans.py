"""Alerts that no configured rule is in charge of any more, and how they end.

Not part of `evaluate`: during a rolling update an old worker does not know a new rule, and must not end its alerts.
Who is sure of the configuration (an operator's command, or a worker that owns the newest version of it) retires them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from alerts.evaluation import Step, Stored, family_of
from alerts.labels import alert_id
from alerts.messages import AlertPayload
from alerts.payloads import Context, summary_of
from alerts.rules import Rule
from alerts.states import State, retire
from monitor.times import format_time


def orphans(rules: Sequence[Rule], states: Mapping[str, Stored]) -> list[str]:
    """The alerts of which no configured rule is in charge any more: the rule is gone, or watches something else now."""
    left = []
    for alert, stored in sorted(states.items()):
        family = family_of(stored)
        if not any(rule.watches(family) and alert_id(family.labels(rule.policy.labels)) == alert for rule in rules):
            left.append(alert)
    return left


def retire_alert(alert: str, stored: Stored, context: Context) -> Step | None:
    """Ends an orphan, so that its incident closes; None if there is nothing to end."""
    state, transition = retire(stored.state, context.pane_end)
    if transition is None or not stored.summary:
        return None
    last = msgspec.convert(dict(stored.summary), AlertPayload)
    payload = msgspec.structs.replace(
        last,
        status=state.state.value,
        transition=state.transition_no,
        resolved_at=format_time(context.pane_end) if state.state is State.RESOLVED else None,
        evaluated_at=format_time(context.pane_end),
        config_version=context.config_version,
        finding_reason="no rule is in charge of this alert any more",
        description=f"{last.model}: rule {last.rule} is no longer configured; its alert was ended. {last.description}",
    )
    ended = replace(stored, state=state, summary=summary_of(payload))
    return Step(alert, ended, lambda: payload, transition)
