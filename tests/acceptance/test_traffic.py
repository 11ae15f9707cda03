"""The chaos run's traffic through reader, join and session in memory: every sum equals the batch definition's.

What goes wrong in processes, brokers and databases is for `make chaos`; this is the arithmetic of everything that events can
say: scores, values in and out of the range, classes, several models and arms, late, twice, spoilt.
"""

from collections import Counter, defaultdict

import pytest
import yaml

from monitor.cells import Cells
from monitor.config import ModelConfig
from monitor.reader import Reader
from monitor.sums import LAYOUTS, Basis, Book
from monitor.terms import Position, Terms
from streams.hashing import IdHasher
from streams.session import Chunk, QualityCells, Session
from streams.store import Store
from tests.acceptance.definition import Cell, Logged, Row, Rows, define
from tests.acceptance.parsing import Spec
from tests.chaos.settings import MODELS
from tests.chaos.traffic import BREACH, CALM, MINUTE, OUTCOMES, PREDICTIONS, Traffic
from tests.streams.schedules import MemoryDisk

START = 1_700_006_400_000


class Record(Logged):
    """A record as the reader takes it."""

    __slots__ = ()
    partition = 0


def log_of(seed: int) -> tuple[list[Record], list[Record]]:
    """Some hours of traffic, all in one partition."""
    traffic = Traffic(seed, START, lambda _: 0)
    logs: dict[str, list[Record]] = {PREDICTIONS: [], OUTCOMES: []}
    for phase in (CALM, BREACH, CALM):
        traffic.phase = phase
        for message in [*traffic.step(40 * MINUTE, 500), *traffic.jump(90 * MINUTE)]:
            log = logs[message.topic]
            log.append(Record(len(log), message.timestamp, message.value))
    return logs[PREDICTIONS], logs[OUTCOMES]


HISTOGRAMS = (
    Basis.SCORES, Basis.VALUES, Basis.LABEL_SCORES_DECIDED, Basis.LABEL_SCORES_ARRIVED, Basis.ERRORS_DECIDED,
    Basis.ERRORS_ARRIVED, Basis.ERROR_POWERS_DECIDED, Basis.ERROR_POWERS_ARRIVED,
    Basis.WEIGHTS_ERRORS_DECIDED, Basis.WEIGHTS_ERRORS_ARRIVED, Basis.WEIGHTS_SCORES_DECIDED,
    Basis.WEIGHTS_SCORES_ARRIVED, Basis.WEIGHTS_SCORES, Basis.WEIGHTS_VALUES,
)  # fmt: skip


def counted(logs: tuple[list[Record], list[Record]], size: int, plain: str = "") -> Rows:
    """What the session makes of the logs, in chunks of so many records of each topic in turn; `plain`: the model that goes
    without histograms."""
    models = [
        ModelConfig.model_validate(model | {"histograms": model["name"] != plain}) for model in yaml.safe_load(MODELS)
    ]
    cells, one = Cells(), models[0]
    terms = Terms(one.join_horizon, one.dedup_horizon, one.max_lateness, one.watermark_delay, one.pane)
    quality = {model.name: cells.quality(model.name) for model in models}
    session = Session(
        terms,
        Position(),
        Store(MemoryDisk(), terms, "tests"),
        Reader(models, IdHasher(b"k" * 32).hash_ids, cells),
        QualityCells(tuple(quality.values()), cells.quality(""), quality),
    )
    rows: Rows = defaultdict(Counter)
    for first in range(0, max(map(len, logs)), size):
        for topic, log in enumerate(logs):
            part = log[first : first + size]
            session.deliver(Chunk(topic, session.offsets[topic], session.offsets[topic] + len(part), part))
        commit = session.freeze()
        assert commit is not None
        session._store.write(commit.batch, commit.position.cursors)
        session.written(commit)
        for book, changed in commit.rows.items():
            for start, id, sums in zip(changed.start.tolist(), changed.cell.tolist(), changed.sums, strict=True):
                cell = cells[id]
                of = Cell(cell.model, cell.version, cell.arm, cell.groups, cell.stratum)
                key = Row(book.basis, start, of, book.label_class)
                rows[key].update(dict(zip(LAYOUTS[book.basis].slots, sums.tolist(), strict=True)))
    nonzero = {row: Counter({slot: n for slot, n in sums.items() if n}) for row, sums in rows.items()}
    return {row: sums for row, sums in nonzero.items() if sums}


@pytest.mark.parametrize("seed", range(3))
def test_every_sum_equals_the_definitions_however_the_log_is_cut(seed: int) -> None:
    logs = log_of(seed)
    right = define(Spec.of(yaml.safe_load(MODELS)), logs)
    books = {Book(row.basis, row.label_class) for row in right}
    assert {Book(basis) for basis in Basis} <= books, "the traffic has everything that can be counted"
    assert {Book(basis, number) for basis in (Basis.DECISION, Basis.LABEL_DECIDED) for number in (1, 2, 3)} <= books
    for size in (37, 1000):
        found = counted(logs, size)
        wrong = [(row, found.get(row), right.get(row)) for row in found | right if found.get(row) != right.get(row)]
        assert not wrong, wrong[:3]


def test_a_model_may_go_without_histograms_beside_others() -> None:
    logs = log_of(5)
    whole = define(Spec.of(yaml.safe_load(MODELS)), logs)
    for model in sorted({row.cell.model for row in whole if row.basis in HISTOGRAMS}):
        right = {row: sums for row, sums in whole.items() if row.cell.model != model or row.basis not in HISTOGRAMS}
        assert len(right) < len(whole)
        assert counted(logs, 211, plain=model) == right
