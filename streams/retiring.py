"""Alerts of which no configured rule is in charge any more: found, and ended when a person says so.

A rule that was removed or renamed, other labels, or a model that is no longer configured leave the alert that fired as it
was: nothing judges it, so nothing resolves it. It is not ended by itself, since a worker cannot know that its configuration
is the newest one: during a rolling update the old worker would end the alerts of the new rules. `fairdrift check` names
them, and `fairdrift alerts --retire` ends them; whoever was told that they began is told that they are over.
"""

import sqlalchemy as sa

from alerts.desk import record
from alerts.operators import event_time
from alerts.orphans import orphans, retire_alert
from alerts.payloads import Context
from alerts.records import load_states, save
from alerts.states import State
from alerts.tables import alert_states
from streams.evaluation import LOCK
from streams.settings import Settings
from streams.watching import routing_of, watched

AT_REST = (State.INACTIVE, State.RESOLVED)


def orphaned(conn: sa.Connection, settings: Settings) -> dict[str, list[str]]:
    """The alerts that are not at rest and that no configured rule is in charge of, by model."""
    rules = {of.model.name: of.rules for of in watched(settings)}
    left: dict[str, list[str]] = {}
    for model in _models(conn):
        states = {alert: one for alert, one in load_states(conn, model).items() if one.state.state not in AT_REST}
        if found := orphans(rules.get(model, ()), states):
            left[model] = found
    return left


def retire(conn: sa.Connection, settings: Settings, by: str) -> list[str]:
    """Ends them, with a row of the audit for each; returns those that fired.

    Waits until no worker is evaluating their model, so that neither overwrites the other. Takes the caller's transaction.
    """
    ended, routing = [], routing_of(settings)
    for model in orphaned(conn, settings):
        conn.execute(sa.text(LOCK.replace("pg_try_advisory", "pg_advisory")), {"model": model})
        for alert in orphaned(conn, settings).get(model, ()):
            stored = load_states(conn, model)[alert]
            step = retire_alert(alert, stored, Context(model, event_time(conn, model), settings.version))
            if step is not None:
                save(conn, [step], routing, settings.version)
                record(conn, by, "alert.retire", alert, {"rule": stored.rule, "model": model})
                ended += [alert] if stored.state.state is State.FIRING else []
    return ended


def _models(conn: sa.Connection) -> list[str]:
    query = sa.select(alert_states.c.model).distinct().order_by(alert_states.c.model)
    return list(conn.execute(query).scalars())
