"""What happened to the positions, written down by the database itself: a trigger on `fairdrift.positions`.

The definition needs every idle mark that ever was, and position rows are pruned. Besides, the history must obey the
protocol: offsets never fall, each commit is the next, and only a claim changes the owner.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from tests.acceptance.definition import Mark

INSTALL = """
create schema chaos;
create table chaos.moves (
    id bigint generated always as identity primary key, at timestamptz not null default clock_timestamp(),
    stream text, part int, token uuid, commit_no bigint, prediction_offset bigint, outcome_offset bigint,
    rolled_up_to bigint, marks jsonb, seals jsonb
);
create function chaos.note() returns trigger language plpgsql as $$
begin
    insert into chaos.moves (stream, part, token, commit_no, prediction_offset, outcome_offset, rolled_up_to, marks, seals)
    values (new.stream, new.part, new.token, new.commit_no, new.prediction_offset, new.outcome_offset, new.rolled_up_to,
        (select jsonb_agg(coalesce((select jsonb_agg(m) from jsonb_array_elements(t) m where m ->> 2 in ('1', 'true')),
            '[]'::jsonb)) from jsonb_array_elements(new.marks) t), new.seals);
    return null;
end $$;
create trigger chaos_note after insert or update on fairdrift.positions for each row execute function chaos.note();
"""

MOVES = """
select part, token, commit_no, prediction_offset, outcome_offset, rolled_up_to, marks, seals from chaos.moves
where stream = :stream order by id
"""

Marks = tuple[tuple[Mark, ...], tuple[Mark, ...]]


def install(connection: sa.Connection) -> None:
    """Begin to write down what happens to the positions."""
    connection.execute(sa.text(INSTALL.replace(":", "\\:")))


@dataclass(frozen=True, slots=True)
class Move:
    """One change of a position row."""

    part: int
    token: str
    commit_no: int
    offsets: tuple[int, int]
    rolled_up_to: int
    marks: Marks
    seals: Marks


class Audit:
    """The whole history of the positions of one stream."""

    def __init__(self, connection: sa.Connection, stream: str) -> None:
        self.moves = [
            Move(part, str(token), commit_no, (p, o), rolled, _pairs(marks), _pairs(seals))
            for part, token, commit_no, p, o, rolled, marks, seals in connection.execute(
                sa.text(MOVES), {"stream": stream}
            )
        ]

    def marks(self, part: int) -> Marks:
        """Every idle mark that was ever committed; of several at one offset the definition takes the greatest clock."""
        return _all(move.marks for move in self.moves if move.part == part)

    def seals(self, part: int) -> Marks:
        """Likewise every seal."""
        return _all(move.seals for move in self.moves if move.part == part)

    def counts(self) -> Counter[str]:
        """Claims, commits and roll-ups."""
        counts: Counter[str] = Counter()
        last: dict[int, Move] = {}
        for move in self.moves:
            old = last.get(move.part)
            counts["claims"] += old is None or old.token != move.token
            counts["commits"] += old is not None and old.commit_no != move.commit_no
            counts["roll-ups"] += old is not None and old.rolled_up_to != move.rolled_up_to
            last[move.part] = move
        marks = {(part, topic, mark) for part in last for topic in (0, 1) for mark in self.marks(part)[topic]}
        counts["idle marks"] = len(marks)
        counts["seals"] = sum(len(of_topic) for part in last for of_topic in self.seals(part))
        return counts

    def violations(self) -> Iterator[str]:
        """Where the history breaks the protocol."""
        last: dict[int, Move] = {}
        for move in self.moves:
            old, last[move.part] = last.get(move.part), move
            if old is None:
                continue
            if any(new < before for new, before in zip(move.offsets, old.offsets, strict=True)):
                yield f"partition {move.part}: offsets fell from {old.offsets} to {move.offsets}"
            if old.token != move.token and (old.commit_no, old.offsets) != (move.commit_no, move.offsets):
                yield f"partition {move.part}: commit {move.commit_no} changed the owner"
            if move.commit_no not in (old.commit_no, old.commit_no + 1):
                yield f"partition {move.part}: commit {move.commit_no} came after {old.commit_no}"
            if move.offsets != old.offsets and move.commit_no == old.commit_no:
                yield f"partition {move.part}: offsets moved without a commit"


def _all(found: Iterable[Marks]) -> Marks:
    low, high = set[Mark](), set[Mark]()
    for predictions, outcomes in found:
        low.update(predictions)
        high.update(outcomes)
    return tuple(sorted(low)), tuple(sorted(high))


def _pairs(marks: list[list[list[int]]]) -> Marks:
    predictions, outcomes = (tuple((mark[0], mark[1]) for mark in of_topic) for of_topic in marks)
    return predictions, outcomes
