"""What the join remembers of an id: packed entries, a side of them per topic and id.

A *side* is what one topic holds of one (model, id): an entry per fresh record that may still find, or has found, its
partner. Predictions of several versions or arms share a side; `variant` tells them apart. An entry whose record can find
no partner any more stays, without `KEPT`, as long as it may still unmask a duplicate. Sides are stored as the bytes of
their entries one after another, so that a chunk of them is one NumPy array. Ids are nowhere in them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.terms import PREDICTIONS, Terms

KEPT, MATCHED, VALUED, PLAIN = 1, 2, 4, 8
"""Flags: may be matched; has been matched; carries a value; of a model without histograms."""

_PLACES = [("seen", "<i8"), ("time", "<i8"), ("offset", "<i8"), ("booked", "<i8")]

PREDICTION = np.dtype(
    [
        *_PLACES,
        ("value", "<i4"),
        ("weight", "<i4"),
        ("index", "<i4"),
        ("score", "<i4"),
        ("variant", "<i8"),
        ("cell", "<i8"),
        ("label_class", "<i2"),
        ("flags", "u1"),
        ("decision", "i1"),
    ]
)
"""`seen`: greatest time of the identity, duplicates included; `booked`: start of its evidence pane.

`weight` is above 0 only of a model that weighs. Together with `value` it has the eight bytes that a value, always below
2**31 in size, had to itself in format 2: there the high half is 0 or -1, which is no weight.
"""

UNWEIGHED = np.dtype([*_PLACES, ("value", "<i8"), ("others", f"V{PREDICTION.itemsize - 40}")])
"""The same bytes, to write the values of models without weights."""

OUTCOME = np.dtype(
    [*_PLACES, ("value", "<i8"), ("index", "<i4"), ("label_class", "<i2"), ("flags", "u1"), ("label", "i1")]
)

DTYPES = (PREDICTION, OUTCOME)

FORMAT = "3"
"""The version of what is packed here: a store of another one is not read, but built anew from the log."""

READABLE = (FORMAT, "2")
"""The formats that are read: of 2 every entry means what it meant."""

Entries = NDArray[np.void]


def forget_at(topic: int, entries: Entries, terms: Terms) -> NDArray[np.int64]:
    """The time that BOTH topics' clocks must have passed before an entry can be forgotten."""
    own = entries["seen"] + terms.memory
    wait = terms.lateness + (terms.horizon if topic == PREDICTIONS else terms.lateness)
    flags = entries["flags"]
    waits = (flags & KEPT != 0) & ~((flags & MATCHED != 0) & (topic == PREDICTIONS))
    partner = np.where(waits, entries["time"] + wait, own)
    due: NDArray[np.int64] = np.maximum(own, partner).astype(np.int64)
    return due


def live(topic: int, entries: Entries, clocks: tuple[int, int], terms: Terms) -> NDArray[np.bool_]:
    """Which entries a record still to come could meet: in its own topic as a duplicate, in the other as a partner.

    Decided by both clocks, never by one. Forgetting the others changes no count, so it may be done at any time, or never.
    """
    limit = clocks[1 - topic] - terms.lateness - (terms.horizon if topic == PREDICTIONS else terms.lateness)
    keep = (entries["flags"] & KEPT != 0) & (entries["time"] >= limit)
    if topic == PREDICTIONS:
        keep &= entries["flags"] & MATCHED == 0
    alive: NDArray[np.bool_] = keep | (entries["seen"] >= clocks[topic] - terms.memory)
    return alive


def spent(topic: int, sides: Sequence[bytes], clocks: tuple[int, int], terms: Terms) -> NDArray[np.bool_]:
    """Which sides, none of them empty, hold no live entry any more."""
    if not sides:
        return np.zeros(0, dtype=bool)
    size = DTYPES[topic].itemsize
    firsts = np.cumsum([0, *(len(side) // size for side in sides[:-1])])
    alive = live(topic, np.frombuffer(b"".join(sides), DTYPES[topic]), clocks, terms)
    return ~np.logical_or.reduceat(alive, firsts)
