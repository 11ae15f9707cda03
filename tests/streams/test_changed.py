"""What one commit changes of the sides: the newest wins, in whichever form it came, and what is dead is not written."""

import numpy as np
import pytest

from monitor.entries import KEPT, MATCHED, OUTCOME, PREDICTION
from monitor.terms import OUTCOMES, PREDICTIONS, Terms
from streams.changed import Batch, Changed, Due

HOUR = 3_600_000
TERMS = Terms(horizon=10 * HOUR, memory=2 * HOUR, lateness=HOUR, delay=0, pane=60_000)


def entry(time: int, flags: int = KEPT, dtype: np.dtype[np.void] = PREDICTION) -> np.ndarray:
    made = np.zeros(1, dtype)
    made["seen"], made["time"], made["flags"] = time * HOUR, time * HOUR, flags
    return made


def key(first: int) -> bytes:
    return bytes([first]) + bytes(range(1, 16))


def due(*hours: int) -> np.ndarray:
    return np.array(hours, dtype=np.int64) * HOUR


def test_the_newest_side_of_a_key_is_found_whether_it_is_an_entry_or_several() -> None:
    changed = Changed(PREDICTIONS)
    several = entry(1).tobytes() + entry(2).tobytes()
    changed.put([key(1), key(2)], np.concatenate([entry(3), entry(4)]), due(14, 15))
    changed.put_sides([key(2), key(3)], [several, several[::-1]], due(13, 13))
    assert changed.get([key(9), key(3), key(2), key(1)]) == [None, several[::-1], several, entry(3).tobytes()]
    changed.put([key(2)], entry(7), due(18))
    assert changed.get([key(2), key(2)]) == [entry(7).tobytes()] * 2
    assert len(changed) == 3
    assert changed.get([]) == []


@pytest.mark.parametrize("count", [1, 64, 65, 1000])
def test_rows_are_kept_however_many_come(count: int) -> None:
    changed = Changed(OUTCOMES)
    for first in range(0, 3 * count, count):
        of = np.concatenate([entry(time, dtype=OUTCOME) for time in range(first, first + count)])
        changed.put([n.to_bytes(16, "big") for n in range(first, first + count)], of, of["time"])
    last = 3 * count - 1
    assert changed.get([last.to_bytes(16, "big")]) == [entry(last, dtype=OUTCOME).tobytes()]
    assert changed.due(changed.places()).tolist() == [time * HOUR for time in range(3 * count)]


def test_keys_are_written_in_order_with_what_is_due_by_the_hour_over_both_topics() -> None:
    batch = Batch()
    several = entry(12).tobytes() + entry(13).tobytes()
    batch.of[PREDICTIONS].put([key(200), key(7)], np.concatenate([entry(12), entry(11)]), due(23, 22))
    batch.of[PREDICTIONS].put_sides([key(100)], [several], due(24))
    batch.of[OUTCOMES].put([key(50)], entry(19, dtype=OUTCOME), due(22))
    writes = batch.writes((20 * HOUR, 20 * HOUR), TERMS)
    assert writes.put.keys == [b"0" + key(7), b"0" + key(100), b"0" + key(200), b"1" + key(50)]
    outcome = entry(19, dtype=OUTCOME).tobytes()
    assert writes.put.sides == [entry(11).tobytes(), several, entry(12).tobytes(), outcome]
    assert writes.due == [
        Due(23, b"0" + key(7) + b"1" + key(50)),
        Due(24, b"0" + key(200)),
        Due(25, b"0" + key(100)),
    ]
    assert (writes.gone, len(batch)) == ([], 4)


def test_what_is_due_and_dead_is_deleted_but_never_what_lives_whatever_was_said_of_it() -> None:
    """At 20 h: seen at 12 h and matched is out of memory since 14 h; the third was said to be due at 14 h and still waits."""
    batch = Batch()
    matched, waiting = entry(12, KEPT | MATCHED), entry(11)
    batch.of[PREDICTIONS].put([key(1)], matched, due(14))
    batch.of[PREDICTIONS].put_sides(
        [key(2), key(3)], [(two := matched.tobytes() * 2), two[:68] + waiting.tobytes()], due(14, 14)
    )
    writes = batch.writes((20 * HOUR, 20 * HOUR), TERMS)
    assert writes.gone == [b"0" + key(1), b"0" + key(2)]
    assert writes.put == ([b"0" + key(3)], [two[:68] + waiting.tobytes()])
    assert writes.due == []


def test_entries_are_copied_and_each_key_has_one() -> None:
    changed, entries = Changed(PREDICTIONS), entry(1)
    changed.put([key(1)], entries, due(12))
    entries["time"] = 0
    assert changed.get([key(1)]) == [entry(1).tobytes()]
    with pytest.raises(ValueError, match="one entry"):
        changed.put([key(1), key(2)], entry(1), due(12))
    with pytest.raises(ValueError, match="one side"):
        changed.put_sides([key(1), key(2)], [b""], due(12))


def test_nothing_changed_writes_nothing() -> None:
    assert Batch().writes((0, 0), TERMS) == (([], []), [], [])
