"""The tables of what was concluded, who was told and what was done; schema and metadata are `monitor.tables`'."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from monitor.tables import metadata

alert_states = sa.Table(
    "alert_states",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="hash of the labels"),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("labels", pg.JSONB, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="inactive | pending | firing | resolved | insufficient_data"),
    sa.Column("episode", sa.Integer, nullable=False, comment="counts the times it fired"),
    sa.Column("transition_no", sa.Integer, nullable=False),
    sa.Column("pending_since", sa.TIMESTAMP(timezone=True)),
    sa.Column("firing_since", sa.TIMESTAMP(timezone=True)),
    sa.Column("last_breach", sa.TIMESTAMP(timezone=True)),
    sa.Column("last_pane_end", sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column(
        "summary", pg.JSONB, nullable=False, server_default="{}", comment="the newest verdict, as in the payload"
    ),
)

alert_transitions = sa.Table(
    "alert_transitions",
    metadata,
    sa.Column("alert", sa.Text, primary_key=True),
    sa.Column("transition_no", sa.Integer, primary_key=True),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("labels", pg.JSONB, nullable=False),
    sa.Column("from_state", sa.Text, nullable=False),
    sa.Column("to_state", sa.Text, nullable=False),
    sa.Column("pane_end", sa.TIMESTAMP(timezone=True), nullable=False, comment="event time of the evaluation"),
    sa.Column("payload", pg.JSONB, nullable=False, comment="what the responder was told"),
    sa.Column("config_version", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("dedup_key", sa.Text, nullable=False, comment="alert id, transition number, receiver"),
    sa.Column("alert", sa.Text, nullable=False),
    sa.Column("transition_no", sa.Integer, nullable=False),
    sa.Column("receiver", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("payload", pg.JSONB, nullable=False),
    sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("not_before", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("leased_until", sa.TIMESTAMP(timezone=True)),
    sa.Column("sent_at", sa.TIMESTAMP(timezone=True)),
    sa.Column("dead_at", sa.TIMESTAMP(timezone=True)),
    sa.Column("last_error", sa.Text),
    sa.Column("reason", sa.Text, nullable=False, server_default="", comment="why it is sent: alerts.grouping.Reason"),
    sa.UniqueConstraint("dedup_key", name="outbox_dedup_key"),
    sa.Index("outbox_due", "not_before", postgresql_where=sa.text("sent_at is null and dead_at is null")),
)

routes = sa.Table(
    "routes",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("route", sa.Text, nullable=False, comment="live | canary | shadow | fallback"),
    sa.Column("percent", sa.Double, comment="of a canary"),
    sa.Column("epoch", sa.BigInteger, nullable=False, comment="counts the changes"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False, comment="rule:<name> or a person"),
    sa.Column("alert", sa.Text),
    sa.Column("evidence", pg.JSONB, nullable=False, server_default="{}"),
    sa.Column("effective_at", sa.TIMESTAMP(timezone=True), nullable=False, comment="event time of the verdict, or now"),
    sa.Column("config_version", sa.Text, nullable=False),
    sa.Column("rest", sa.Text, nullable=False, server_default="live", comment="what decides where a canary does not"),
    sa.Column("version", sa.Text, nullable=False, server_default="", comment="in canary or shadow, where known"),
)

route_changes = sa.Table(
    "route_changes",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("epoch", sa.BigInteger, primary_key=True),
    sa.Column("from_route", sa.Text, nullable=False),
    sa.Column("to_route", sa.Text, nullable=False),
    sa.Column("percent", sa.Double),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("alert", sa.Text),
    sa.Column("evidence", pg.JSONB, nullable=False, server_default="{}"),
    sa.Column("effective_at", sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("config_version", sa.Text, nullable=False),
    sa.Column("rest", sa.Text, nullable=False, server_default="live", comment="what decides where a canary does not"),
    sa.Column("version", sa.Text, nullable=False, server_default="", comment="in canary or shadow, where known"),
)

control_freezes = sa.Table(
    "control_freezes",
    metadata,
    sa.Column("model", sa.Text, primary_key=True, comment="* for every model"),
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("frozen_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
)

canary_plans = sa.Table(
    "canary_plans",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False, comment="the one that is to be let in"),
    sa.Column("status", sa.Text, nullable=False, comment="running | held | dropped | interrupted | done"),
    sa.Column("step", sa.Integer, nullable=False, comment="from 0"),
    sa.Column("epoch", sa.BigInteger, nullable=False, comment="of the route that the plan made last"),
    sa.Column("plan", pg.JSONB, nullable=False, comment="the steps as agreed when it began"),
    sa.Column("progress", pg.JSONB, nullable=False, comment="what was seen in this step so far"),
    sa.Column("changed_by", sa.Text, nullable=False, comment="the person who acted on it last"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
)

notices = sa.Table(
    "notices",
    metadata,
    sa.Column("alert", sa.Text, primary_key=True),
    sa.Column("transition_no", sa.Integer, primary_key=True),
    sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False, comment="the order in which they are routed"),
    sa.Column("episode", sa.Integer, nullable=False),
    sa.Column("firing", sa.Boolean, nullable=False, comment="it began, or it ended"),
    sa.Column("labels", pg.JSONB, nullable=False, comment="those of the alert, and its severity"),
    sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("routed_at", sa.TIMESTAMP(timezone=True)),
    sa.Index("notices_unrouted", "id", postgresql_where=sa.text("routed_at is null")),
)
"""Changes that people may be told of, written with the transition and read by the router (`alerts.router`)."""

alert_groups = sa.Table(
    "alert_groups",
    metadata,
    sa.Column("key", sa.Text, primary_key=True, comment="hash of receiver, branch of the tree and labels"),
    sa.Column("receiver", sa.Text, nullable=False),
    sa.Column("labels", pg.JSONB, nullable=False, comment="in which the alerts of the group agree"),
    sa.Column("alerts", pg.ARRAY(sa.Text), nullable=False, comment="those that it holds"),
    sa.Column("target", pg.JSONB, nullable=False, comment="how it is told: timing, intervals, alone"),
    sa.Column("state", pg.JSONB, nullable=False, comment="alerts.grouping.Group"),
    sa.Column("due_at", sa.TIMESTAMP(timezone=True), comment="when there is something to decide"),
    sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Index("alert_groups_due", "due_at", postgresql_where=sa.text("due_at is not null")),
    sa.Index("alert_groups_alerts", "alerts", postgresql_using="gin"),
)

silences = sa.Table(
    "silences",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("matchers", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("starts_at", sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column("ends_at", sa.TIMESTAMP(timezone=True), nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Index("silences_ends", "ends_at"),
)

acknowledgements = sa.Table(
    "acknowledgements",
    metadata,
    sa.Column("alert", sa.Text, primary_key=True),
    sa.Column("episode", sa.Integer, primary_key=True),
    sa.Column("acknowledged_by", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False, server_default=""),
    sa.Column("acknowledged_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("routed_at", sa.TIMESTAMP(timezone=True)),
    sa.Index("acknowledgements_unrouted", "acknowledged_at", postgresql_where=sa.text("routed_at is null")),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("name", sa.Text, primary_key=True, comment="whose: it stands in the audit"),
    sa.Column("hash", sa.Text, nullable=False, unique=True, comment="SHA-256 of the token, which is random"),
    sa.Column("scope", sa.Text, nullable=False, comment="read | operate | control, each with those before it"),
    sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("expires_at", sa.TIMESTAMP(timezone=True)),
    sa.Column("revoked_at", sa.TIMESTAMP(timezone=True)),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("by", sa.Text, nullable=False, comment="token:<name>, or user@host of a command"),
    sa.Column("action", sa.Text, nullable=False, comment="such as silence.add"),
    sa.Column("subject", sa.Text, nullable=False, comment="what was changed"),
    sa.Column("details", pg.JSONB, nullable=False, server_default="{}"),
    sa.Index("audit_at", "at"),
)
