"""What must hold in the end, checked against the log, the database and what the receiver got."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import yaml

from tests.acceptance.definition import Logged, Rows, define
from tests.acceptance.logs import read_log
from tests.acceptance.parsing import Dead, Spec, read
from tests.acceptance.stored import differences, stored_positions, stored_rows
from tests.alerts.receiving import Request
from tests.chaos.audit import Audit
from tests.chaos.refolding import refolded
from tests.chaos.settings import DEAD_LETTERS, MODELS, RULE, STREAM, TOPICS, configured

Log = dict[int, list[Logged]]
SHOWN = 12


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold; `wrong` says where it does not, empty if it holds."""

    name: str
    wrong: Sequence[str] = ()


@dataclass(slots=True)
class Evidence:
    """All that the checks look at."""

    kafka: str
    connection: sa.Connection
    spec: Spec
    logs: tuple[Log, Log]
    audit: Audit
    got: Sequence[Request]
    breaches: int

    @classmethod
    def collect(cls, kafka: str, connection: sa.Connection, got: Sequence[Request], breaches: int) -> "Evidence":
        """Read the logs and the history."""
        predictions, outcomes = (read_log(kafka, TOPICS[topic]) for topic in ("predictions", "outcomes"))
        spec = Spec.of(yaml.safe_load(MODELS))
        return cls(kafka, connection, spec, (predictions, outcomes), Audit(connection, STREAM), got, breaches)


def checks(evidence: Evidence) -> Iterator[Check]:
    """Every check, the most important first."""
    yield from sums(evidence)
    yield Check("all of the log is counted", list(behind(evidence)))
    yield Check("positions only ever moved as the protocol allows", list(evidence.audit.violations()))
    yield Check("every dead letter is in its topic", list(buried(evidence)))
    yield from alerts(evidence)
    found = list(refolded(evidence.connection, configured()))
    yield Check("folded anew, the evidence is the same to the last bit, and alerts begin and end by it", found)


# --- sums


def sums(evidence: Evidence) -> Iterator[Check]:
    """Every stored sum of every partition number equals the batch definition."""
    stored = stored_rows(evidence.connection, STREAM)
    for part, defined in definitions(evidence):
        wrong = list(differences(stored.get(part, {}), defined, evidence.spec.terms.pane))
        rows, total = len(defined), sum(sum(map(abs, of.values())) for of in defined.values())
        name = (
            f"partition {part}: {len(stored.get(part, {}))} stored rows equal the definition's {rows}, {total} in all"
        )
        yield Check(name, wrong)


def definitions(evidence: Evidence) -> Iterator[tuple[int, Rows]]:
    """Partition number -> what is right at its stored position."""
    positions = stored_positions(evidence.connection, STREAM)
    for part in sorted(evidence.logs[0]):
        ends = positions[part].offsets if part in positions else (0, 0)
        prefixes = [[r for r in log[part] if r.offset < end] for log, end in zip(evidence.logs, ends, strict=True)]
        yield part, define(evidence.spec, prefixes, evidence.audit.marks(part), evidence.audit.seals(part))


def behind(evidence: Evidence) -> Iterator[str]:
    """Positions that are not at the end of the log."""
    positions = stored_positions(evidence.connection, STREAM)
    for topic, log in enumerate(evidence.logs):
        for part, records in log.items():
            end = records[-1].offset + 1 if records else 0
            here = positions[part].offsets[topic] if part in positions else 0
            if here < end:
                yield f"topic {topic}, partition {part}: counted up to {here}, the log ends at {end}"


# --- dead letters


def buried(evidence: Evidence) -> Iterator[str]:
    """Events that cannot be read and are not in the dead-letter topic."""
    found = {letter_place(record) for records in read_log(evidence.kafka, DEAD_LETTERS).values() for record in records}
    for number, log in enumerate(evidence.logs):
        topic = list(TOPICS.values())[number]
        for part, records in log.items():
            for record in records:
                elements = read(evidence.spec, number, record.value, record.timestamp, dict(record.headers))
                for index, element in enumerate(elements):
                    if isinstance(element, Dead) and (topic, part, record.offset, index) not in found:
                        yield f"{topic} {part}:{record.offset}[{index}] ({element.why})"


def letter_place(record: Logged) -> tuple[str, int, int, int]:
    """Where a dead letter comes from, by its headers."""
    headers = {name: value.decode() for name, value in record.headers}
    topic, *numbers = (headers[f"fairdrift-{name}"] for name in ("topic", "partition", "offset", "index"))
    part, offset, index = map(int, numbers)
    return topic, part, offset, index


# --- alerts

TRANSITIONS = "select alert, transition_no, from_state, to_state, pane_end from fairdrift.alert_transitions where rule = :rule order by 1, 2"
OUTBOX = "select dedup_key, alert, transition_no, receiver, channel, sent_at, dead_at, last_error from fairdrift.outbox"


def alerts(evidence: Evidence) -> Iterator[Check]:
    """No page is lost, none is sent under two keys."""
    rows = evidence.connection.execute(sa.text(TRANSITIONS), {"rule": RULE}).all()
    outbox = evidence.connection.execute(sa.text(OUTBOX)).all()
    yield Check(
        f"the alert fired, at most once in each of {evidence.breaches} phases", list(episodes(rows, evidence.breaches))
    )
    yield Check("transitions are numbered without holes, each change once", list(numbered(rows)))
    yield Check(f"{len(outbox)} notifications are sent", [str(tuple(row)) for row in outbox if row.sent_at is None])
    yield Check("the receiver got every page under its key", list(delivered(outbox, evidence.got)))
    yield Check("no page came under two keys", list(twice(evidence.got)))


def episodes(rows: Sequence[Any], breaches: int) -> Iterator[str]:
    """A page, and never more of them than phases in which a group was treated worse; it ends by evidence only."""
    states: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        states[row.alert][row.to_state] += 1
    if not states:
        yield "there is no transition at all"
    for alert, counted in states.items():
        fired, resolved = counted["firing"], counted["resolved"]
        if not (1 <= fired <= breaches and fired - 1 <= resolved <= fired):
            yield f"alert {alert}: fired {counted['firing']} times, resolved {counted['resolved']} times"


def numbered(rows: Sequence[Any]) -> Iterator[str]:
    """Numbers 1, 2, 3 ... per alert; each change begins where the last one ended, at a later pane."""
    last: dict[str, Any] = {}
    for row in rows:
        old, last[row.alert] = last.get(row.alert), row
        if row.transition_no != (old.transition_no + 1 if old else 1):
            yield f"alert {row.alert}: transition {row.transition_no} comes after {old.transition_no if old else 0}"
        if old and (row.from_state != old.to_state or row.pane_end < old.pane_end):
            yield f"alert {row.alert}: transition {row.transition_no} begins at {row.from_state}, the last ended at {old.to_state}"


def delivered(outbox: Sequence[Any], got: Sequence[Request]) -> Iterator[str]:
    """Every webhook's key has arrived."""
    arrived = {request.headers["webhook-id"] for request in got}
    for row in outbox:
        if row.channel == "webhook" and row.dedup_key not in arrived:
            yield f"{row.dedup_key} never arrived"


def twice(got: Sequence[Request]) -> Iterator[str]:
    """The same change of the same alert under two keys."""
    keys: dict[str, set[str]] = defaultdict(set)
    for request in got:
        keys[change_of(json.loads(request.body))].add(request.headers["webhook-id"])
    for change, under in keys.items():
        if len(under) > 1:
            yield f"{change} came as {sorted(under)}"


change_of: Callable[[dict[str, Any]], str] = lambda body: json.dumps(  # noqa: E731
    [body["type"], *(body["data"].get(name) for name in ("id", "alert", "labels", "pane_end", "evaluated_at"))],
    sort_keys=True,
)
