"""The tables of what is counted and measured. Views are the contract with people (see migrations); these are not.

Times of panes are milliseconds since 1970 in UTC, as the hot path has them; times of points are `timestamptz`, as
people ask for them. Nothing here is about a person: rows are sums per cell.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from monitor.sums import FOLLOWED

SCHEMA = "fairdrift"

metadata = sa.MetaData(schema=SCHEMA)

config_versions = sa.Table(
    "config_versions",
    metadata,
    sa.Column("version", sa.Text, primary_key=True, comment="hash of the configuration in force, secrets left out"),
    sa.Column("body", pg.JSONB, nullable=False),
    sa.Column("first_used", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
)

positions = sa.Table(
    "positions",
    metadata,
    sa.Column("stream", sa.Text, primary_key=True, comment="the pair of topics: predictions/outcomes"),
    sa.Column("part", sa.Integer, primary_key=True, comment="partition number, of both topics"),
    sa.Column(
        "parts", sa.Integer, nullable=False, comment="partitions of each topic when claimed; a change is refused"
    ),
    sa.Column("token", pg.UUID(as_uuid=True), nullable=False, comment="the owner: random, never handed out twice"),
    sa.Column("generation", sa.Integer, nullable=False, comment="consumer group generation of the owner's claim"),
    sa.Column(
        "commit_no",
        sa.BigInteger,
        nullable=False,
        comment="counts commits; pane rows tell the one that wrote them where evaluations ask for it",
    ),
    sa.Column("prediction_offset", sa.BigInteger, nullable=False, comment="next to read"),
    sa.Column("prediction_clock", sa.BigInteger, nullable=False, comment="greatest event time before it, ms"),
    sa.Column("outcome_offset", sa.BigInteger, nullable=False),
    sa.Column("outcome_clock", sa.BigInteger, nullable=False),
    sa.Column("marks", pg.JSONB, nullable=False, comment="per topic [[offset, clock, idle], ...]"),
    sa.Column(
        "seals",
        pg.JSONB,
        nullable=False,
        server_default="[[], []]",
        comment="per topic [[offset, clock], ...]: evidence read from there on is of later panes",
    ),
    sa.Column(
        "prediction_idle", sa.Boolean, nullable=False, comment="read to the end and silent: does not hold the clock"
    ),
    sa.Column("outcome_idle", sa.Boolean, nullable=False),
    sa.Column(
        "prediction_idle_clock",
        sa.BigInteger,
        nullable=False,
        server_default=str(-(2**62)),
        comment="greatest clock of the others at which it was read to its end and silent, ms",
    ),
    sa.Column(
        "outcome_idle_clock",
        sa.BigInteger,
        nullable=False,
        server_default=str(-(2**62)),
        comment="greatest clock of the others at which it was read to its end and silent, ms",
    ),
    sa.Column(
        "drained", sa.Boolean, nullable=False, server_default=sa.false(), comment="--drain: the last pane may close"
    ),
    sa.Column("rolled_up_to", sa.BigInteger, nullable=False, comment="minute panes before this are in hour rows, ms"),
    sa.Column("lost", pg.JSONB, nullable=False, server_default="[]", comment="ranges of the log that were gone: stale"),
    sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column(
        "prediction_moved_at",
        sa.TIMESTAMP(timezone=True),
        nullable=False,
        server_default=sa.func.now(),
        comment="when its offset last moved, by wall clock",
    ),
    sa.Column(
        "outcome_moved_at",
        sa.TIMESTAMP(timezone=True),
        nullable=False,
        server_default=sa.func.now(),
        comment="when its offset last moved, by wall clock",
    ),
)

cells = sa.Table(
    "cells",
    metadata,
    sa.Column(
        "id", sa.BigInteger, primary_key=True, autoincrement=False, comment="monitor.cells.cell_id of all that follows"
    ),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("arm", sa.Text, nullable=False),
    sa.Column("cell_schema", sa.Text, nullable=False, comment="hash of attributes, bins and label rules"),
    sa.Column("groups", pg.JSONB, nullable=False, comment="attribute -> group, every protected attribute"),
    sa.Column("stratum", pg.JSONB, nullable=False, comment="factor -> level"),
    sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
)

panes = sa.Table(
    "panes",
    metadata,
    sa.Column("basis", sa.SmallInteger, primary_key=True, comment="monitor.sums.Basis"),
    sa.Column("pane_ms", sa.Integer, primary_key=True, comment="length of the pane"),
    sa.Column("start_ms", sa.BigInteger, primary_key=True),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True),
    sa.Column("cell", sa.BigInteger, primary_key=True),
    sa.Column(
        "class", sa.SmallInteger, primary_key=True, server_default="0", comment="label class; 0: the favourable one"
    ),
    sa.Column("sums", pg.ARRAY(sa.BigInteger), nullable=False, comment="monitor.sums.LAYOUTS[basis]"),
    sa.Column(
        "commit_no",
        sa.BigInteger,
        nullable=False,
        comment="commit of (stream, part) that wrote it last, where evaluations follow the basis; else 0",
    ),
    sa.Index(
        "panes_changed",
        "stream",
        "part",
        "commit_no",
        postgresql_where=sa.text(f"basis in ({', '.join(str(int(basis)) for basis in FOLLOWED)})"),
    ),
    postgresql_partition_by="RANGE (start_ms)",
)

series = sa.Table(
    "series",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False, comment="group | disparity"),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False, comment="* for everything served together"),
    sa.Column("arm", sa.Text, nullable=False, comment="* for everything served together"),
    sa.Column("time_basis", sa.Text, nullable=False, comment="decision | outcome"),
    sa.Column("attribute_set", pg.ARRAY(sa.Text), nullable=False, comment="sorted; {} is everybody"),
    sa.Column("group_values", pg.JSONB, nullable=False, server_default="{}"),
    sa.Column("stratum", pg.JSONB, nullable=False, server_default="{}"),
    sa.Column("label_class", sa.Text, nullable=False, server_default=""),
    sa.Column("metric", sa.Text, nullable=False),
    sa.Column("aggregate", sa.Text, nullable=False, server_default="", comment="difference | ratio; empty for a group"),
    sa.Column("method", sa.Text, nullable=False, server_default="", comment="between_groups | to_overall | to_rest | to_reference"),
    sa.UniqueConstraint(
        "kind", "model", "version", "arm", "time_basis", "attribute_set", "group_values", "stratum", "label_class",
        "metric", "aggregate", "method", name="series_identity",
    ),
)  # fmt: skip

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("name", sa.Text, primary_key=True, comment="join-store: the key of the hashes that stand for ids there"),
    sa.Column("key", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
)

points = sa.Table(
    "points",
    metadata,
    sa.Column("tier", sa.Text, primary_key=True, comment="minute | hour | day | kept: how long it lives"),
    sa.Column("series", sa.Integer, primary_key=True),
    sa.Column("window_seconds", sa.Integer, primary_key=True),
    sa.Column("window_end", sa.TIMESTAMP(timezone=True), primary_key=True),
    sa.Column("revision", sa.SmallInteger, primary_key=True, comment="0 first; a late event makes the next"),
    sa.Column("state", sa.Text, nullable=False, comment="measured | undefined | suppressed | stale"),
    sa.Column("value", sa.Double),
    sa.Column("ci_low", sa.Double),
    sa.Column("ci_high", sa.Double),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("numerator", sa.Double),
    sa.Column("denominator", sa.Double),
    sa.Column("label_coverage", sa.Double),
    sa.Column("lower_group", pg.JSONB),
    sa.Column("higher_group", pg.JSONB),
    sa.Column("reason", sa.Text, comment="why it is undefined or stale"),
    sa.Column("computed_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("superseded_at", sa.TIMESTAMP(timezone=True), comment="null: the newest revision"),
    sa.Column("config_version", sa.Text, nullable=False),
    sa.Column("detectable", sa.Double, comment="the least gap that so many events would have shown"),
    sa.Column("reversed", sa.Boolean, comment="of a stratified disparity: the raw one points the other way"),
    postgresql_partition_by="LIST (tier)",
)

evaluations = sa.Table(
    "evaluations",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("time_basis", sa.Text, primary_key=True, comment="decision | outcome | revision"),
    sa.Column("first_end_ms", sa.BigInteger, nullable=False, comment="where the first pane that was evaluated began"),
    sa.Column("last_end_ms", sa.BigInteger, nullable=False, comment="end of the last pane that was evaluated"),
    sa.Column(
        "seen", pg.JSONB, nullable=False, server_default="{}", comment="part -> last commit that restated points show"
    ),
    sa.Column("config_version", sa.Text, nullable=False),
    sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
)

evidence = sa.Table(
    "evidence",
    metadata,
    sa.Column("family", sa.Text, primary_key=True),
    sa.Column("pane_end", sa.TIMESTAMP(timezone=True), primary_key=True),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("attribute_set", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("metric", sa.Text, nullable=False),
    sa.Column("log_evidence", sa.Double, comment="nats"),
    sa.Column("log_evidence_needed", sa.Double, comment="nats"),
    sa.Column("phi", sa.Double, comment="learned overdispersion, >= 1"),
    sa.Column("leading_group", pg.JSONB),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("computed_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
)

baselines = sa.Table(
    "baselines",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False, comment="what was counted, in words"),
    sa.Column("rows", sa.BigInteger, nullable=False, comment="events that were counted"),
    sa.Column("cell_schema", sa.Text, nullable=False, comment="hash of attributes, bins and label rules"),
    sa.Column("value_unit", sa.Double, nullable=False, comment="what one unit of a value is"),
    sa.Column("labelled", sa.Boolean, nullable=False, comment="whether labels were known"),
    sa.Column("stored_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Index("baselines_model", "model", "id"),
)

baseline_cells = sa.Table(
    "baseline_cells",
    metadata,
    sa.Column("baseline", sa.Integer, sa.ForeignKey(baselines.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("cell", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("arm", sa.Text, nullable=False),
    sa.Column("groups", pg.JSONB, nullable=False, comment="attribute to group, every protected attribute"),
    sa.Column("stratum", pg.JSONB, nullable=False, comment="factor to level"),
    sa.Column("decision", pg.ARRAY(sa.BigInteger), nullable=False, comment="monitor.sums.DECISIONS"),
    sa.Column(
        "labels",
        pg.ARRAY(sa.BigInteger),
        nullable=False,
        comment="monitor.sums.LABELS; empty where no labels were known",
    ),
    sa.Column(
        "binned",
        pg.JSONB,
        nullable=False,
        server_default="{}",
        comment="score, value, label_score, error: sums in the layouts of monitor.metric.LAYOUTS_OF",
    ),
)

evidence_states = sa.Table(
    "evidence_states",
    metadata,
    sa.Column(
        "family",
        sa.Text,
        primary_key=True,
        comment="rule, model, metric, attribute set; version and arm if it is of one",
    ),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("metric", sa.Text, nullable=False),
    sa.Column("attribute_set", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("version", sa.Text, nullable=False, comment="* for everything served together"),
    sa.Column("arm", sa.Text, nullable=False, comment="* for everything served together"),
    sa.Column("time_basis", sa.Text, nullable=False, comment="decision | outcome"),
    sa.Column("pane_end_ms", sa.BigInteger, nullable=False, comment="end of the last pane that was folded"),
    sa.Column("state", sa.LargeBinary, nullable=False, comment="monitor.evidence.State"),
    sa.Column("finding", sa.Text, nullable=False, comment="breach | clear | insufficient_data"),
    sa.Column("reading", pg.JSONB, nullable=False, comment="alerts.verdicts.Evidence after that pane"),
    sa.Column("config_version", sa.Text, nullable=False),
    sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()),
)
