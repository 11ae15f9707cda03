"""What was concluded and done in the year: evidence, alerts and what they told, routes, acknowledgements, positions."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa

from alerts.labels import alert_id
from alerts.messages import AlertPayload, Bounds, Estimate, Evidence, Group, Stratified, Window
from alerts.tables import acknowledgements, alert_states, alert_transitions, route_changes, routes, silences
from monitor.cells import cell_id
from monitor.tables import cells, config_versions, evaluations, evidence_states, positions
from monitor.times import format_time
from monitor.windows import DAY, HOUR, MINUTE
from streams.config import parse
from streams.settings import canonical
from tests.year.copying import Columns, copy, insert
from tests.year.points import DECISIONS, Rows
from tests.year.world import ATTRIBUTES, BOUND, CELLS, END, LAYOUT, NAMES, RULE, SETS, START, Incident, Model, draw

EVIDENCE = Columns(
    "fairdrift.evidence",
    {
        "family": "text", "pane_end": "time", "rule": "text", "model": "text", "attribute_set": "texts", "metric": "text",
        "log_evidence": "float8", "log_evidence_needed": "float8", "phi": "float8", "leading_group": "jsonb",
        "state": "text", "computed_at": "time",
    },
)  # fmt: skip
NEEDED = 16.2
WINDOW = DAY
PARTS = 4
SEX = ("sex",)
QUARTER = 15 * MINUTE
FINE_DAYS = 35

CONFIGURATION = f"""
kafka: {{bootstrap: "127.0.0.1:9092"}}
postgres: {{url: "postgresql://127.0.0.1/fairdrift"}}
rules:
  - name: {RULE}
    type: threshold
    model: "*"
    metric: {DECISIONS}
    aggregate: ratio
    bound: {{min: {BOUND}}}
    window: 24h
models:
"""


def write(connection: sa.Connection, models: Sequence[Model], finely: int) -> str:
    """Write everything but points, evidence of the first models `finely`; returns the version of the configuration."""
    settings = parse(
        CONFIGURATION + "".join(f"  - {{name: {name}, attributes: {ATTRIBUTES_YAML}}}\n" for name in NAMES)
    )
    version = settings.version
    connection.execute(
        config_versions.insert().values(version=version, body=dict(canonical(settings)), first_used=instant(START))
    )
    insert(connection, cells, [row for model in models for row in _cells(model)])
    insert(connection, positions, [_position(part) for part in range(PARTS)])
    for model in models:
        _model(connection, model, version)
    insert(connection, silences, [_silence()])
    copy(connection, EVIDENCE, (rows for model in models for rows in _evidence(model, model.number < finely)))
    return version


ATTRIBUTES_YAML = "{" + ", ".join(f"{name}: [{', '.join(groups)}]" for name, groups in ATTRIBUTES.items()) + "}"


def instant(ms: int) -> datetime:
    """A time in ms as Postgres takes it."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def labels_of(model: Model) -> dict[str, str]:
    """The labels of the alert about parity by sex."""
    return {"alertname": RULE, "model": model.name, "metric": DECISIONS, "attributes": "sex"}


def family(model: Model, names: tuple[str, ...]) -> str:
    """The name of a family of evidence."""
    return " / ".join((RULE, model.name, DECISIONS, "+".join(names)))


def _model(connection: sa.Connection, model: Model, version: str) -> None:
    newest = model.incidents[-1]
    firing = newest.resolved is None
    steps = [row for episode, one in enumerate(model.incidents, 1) for row in _episode(model, one, episode, version)]
    insert(connection, alert_transitions, steps)
    alert = alert_id(labels_of(model))
    state = {
        "id": alert, "rule": RULE, "model": model.name, "labels": labels_of(model), "state": "firing" if firing else "resolved",
        "episode": len(model.incidents), "transition_no": len(steps), "last_pane_end": instant(END),
        "summary": steps[-1]["payload"],
    } | ({"firing_since": instant(newest.fired)} if firing else {})  # fmt: skip
    insert(connection, alert_states, [state])
    changes = [row for one in model.incidents for row in _routes(model, one, version)]
    numbered = [row | {"epoch": epoch} for epoch, row in enumerate(changes, 1)]
    insert(connection, route_changes, numbered)
    kept = {"model", "epoch", "reason", "changed_by", "alert", "effective_at", "config_version"}
    last = numbered[-1]
    insert(connection, routes, [{k: v for k, v in last.items() if k in kept} | {"route": last["to_route"]}])
    told = {
        "alert": alert,
        "episode": len(model.incidents),
        "acknowledged_by": "ada",
        "comment": "looking at the release",
    }
    insert(connection, acknowledgements, [told | {"acknowledged_at": instant(newest.fired + 9 * MINUTE)}])
    done = {"model": model.name, "first_end_ms": START, "last_end_ms": END, "config_version": version}
    insert(connection, evaluations, [done | {"time_basis": basis} for basis in ("decision", "outcome")])
    insert(connection, evidence_states, [_state(model, names, version) for names in SETS[1:]])


def _episode(model: Model, incident: Incident, episode: int, version: str) -> Iterator[dict[str, Any]]:
    times = [("inactive", "pending", incident.fired - 30 * MINUTE), ("pending", "firing", incident.fired)]
    if incident.resolved is not None:
        times.append(("firing", "resolved", incident.resolved))
    for number, (before, after, at) in enumerate(times, 3 * episode - 2):
        payload = _payload(model, incident, (episode, number, after, at), version)
        yield {
            "alert": payload.alert, "transition_no": number, "rule": RULE, "model": model.name, "labels": payload.labels,
            "from_state": before, "to_state": after, "pane_end": instant(at), "recorded_at": instant(at + 1800),
            "config_version": version, "payload": msgspec.json.decode(msgspec.json.encode(payload)),
        }  # fmt: skip


def _payload(model: Model, incident: Incident, step: tuple[int, int, str, int], version: str) -> AlertPayload:
    episode, number, state, at = step
    drawn = draw(model, np.array([at]), WINDOW, 1)
    women, men = (_side(drawn.n[0, place], drawn.favourable[0, place], place) for place in LAYOUT.of(SEX))
    assert women.value is not None
    assert men.value is not None
    ratio = women.value / men.value
    alert = alert_id(labels_of(model))
    return AlertPayload(
        alert=alert, transition=number, episode=episode, rule=RULE, status=state, severity="page", model=model.name,  # type: ignore[arg-type]
        versions=[model.versions[-1][0]], arms=["live"], labels=labels_of(model), annotations={},
        summary=f"{model.name}: {DECISIONS} ratio of sex=female to sex=male is {ratio:.3g}", description="", metric=DECISIONS,
        aggregate="ratio", method="between_groups", attributes=["sex"], bound=Bounds(min=BOUND),
        since=format_time(incident.fired - 30 * MINUTE), firing_since=format_time(incident.fired),
        resolved_at=format_time(at) if state == "resolved" else None, evaluated_at=format_time(at), config_version=version,
        finding="clear" if state == "resolved" else "breach", finding_reason="",
        window=Window(start=format_time(at - WINDOW), end=format_time(at), seconds=WINDOW // 1000, time_basis="decision"),
        estimate=Estimate(value=ratio, low=ratio - 0.03, high=ratio + 0.03), lower=women, higher=men, more_favourable=140,
        label_coverage=0.1,
        evidence=Evidence(log_evidence=NEEDED + 2, needed=NEEDED, budget=0.02, changed_at=format_time(incident.began), leading={"sex": "female"}),
        stratified=Stratified(factors=["region"], value=ratio + 0.06, low=ratio + 0.02, high=ratio + 0.1, strata=5, method="cmh"),
    )  # fmt: skip


def _side(n: int, favourable: int, place: int) -> Group:
    value = float(favourable / n)
    return Group(
        groups=dict(LAYOUT.groups[place][1]), n=int(n), value=value, low=value - 0.01, high=value + 0.01,
        numerator=float(favourable), denominator=float(n),
    )  # fmt: skip


def _routes(model: Model, incident: Incident, version: str) -> Iterator[dict[str, Any]]:
    alert = alert_id(labels_of(model))
    same = {"model": model.name, "config_version": version}
    yield same | {
        "from_route": "live", "to_route": "fallback", "reason": f"{RULE} fires", "changed_by": f"rule:{RULE}", "alert": alert,
        "effective_at": instant(incident.fired), "recorded_at": instant(incident.fired),
    }  # fmt: skip
    if incident.resolved is not None:
        yield same | {
            "from_route": "fallback", "to_route": "live", "reason": "repaired", "changed_by": "ada", "alert": None,
            "effective_at": instant(incident.resolved + HOUR), "recorded_at": instant(incident.resolved + HOUR),
        }  # fmt: skip


def _evidence(model: Model, finely: bool) -> Iterator[Rows]:
    """A quarter of an hour apart for 35 days, daily before; rising while an incident lasts, in the families with sex in them."""
    fine = np.arange(END - (FINE_DAYS if finely else 1) * DAY, END + 1, QUARTER, dtype=np.int64)
    at = np.concatenate([np.arange(START // DAY * DAY + DAY, fine[0], DAY, dtype=np.int64), fine])
    for place, names in enumerate(SETS[1:]):
        random = np.random.default_rng([model.number, place])
        log = random.normal(-1.0, 0.6, len(at))
        for incident in model.incidents if "sex" in names else ():
            during = (at > incident.began) & (at <= (incident.resolved or END))
            log[during] = np.minimum((at[during] - incident.began) / (incident.fired - incident.began), 1.6) * NEEDED
        yield {
            "family": family(model, names), "pane_end": at, "rule": RULE, "model": model.name, "attribute_set": list(names),
            "metric": DECISIONS, "log_evidence": log, "log_evidence_needed": NEEDED, "phi": 1.1,
            "leading_group": '{"sex": "female"}', "state": "measured", "computed_at": at + 1500,
        }, len(at)  # fmt: skip


def _state(model: Model, names: tuple[str, ...], version: str) -> dict[str, object]:
    return {
        "family": family(model, names), "rule": RULE, "model": model.name, "metric": DECISIONS, "attribute_set": list(names),
        "version": "*", "arm": "*", "time_basis": "decision", "pane_end_ms": END, "state": b"", "finding": "clear", "reading": {},
        "config_version": version,
    }  # fmt: skip


def _cells(model: Model) -> Iterator[dict[str, object]]:
    for version, since in model.versions:
        for cell in CELLS:
            yield {
                "id": cell_id(model.name, version, "live", "year", dict(cell), {}), "model": model.name, "version": version,
                "arm": "live", "cell_schema": "year", "groups": dict(cell), "stratum": {}, "created_at": instant(since),
            }  # fmt: skip


def _position(part: int) -> dict[str, object]:
    return {
        "stream": "predictions/outcomes", "part": part, "parts": PARTS, "token": f"00000000-0000-0000-0000-{part:012d}",
        "generation": 1, "commit_no": 90_000 + part, "prediction_offset": 9_000_000 + 100 * part, "prediction_clock": END + 60_000,
        "outcome_offset": 5_000_000, "outcome_clock": END + 30_000, "marks": {}, "prediction_idle": False, "outcome_idle": False,
        "rolled_up_to": END - 3 * DAY, "lost": [], "updated_at": instant(END),
    }  # fmt: skip


def _silence() -> dict[str, object]:
    return {
        "id": "s1", "matchers": ['model="hiring-screen"'], "starts_at": instant(END - DAY), "ends_at": instant(END + DAY),
        "created_by": "ada", "comment": "a known campaign", "created_at": instant(END - DAY),
    }  # fmt: skip
