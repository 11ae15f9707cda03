"""What is known after some panes: plain arrays, which become bytes and come back without losing a bit."""

import struct
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Self

import numpy as np

from monitor.estimates import Floats
from monitor.evidence.layout import Layout, layout_of
from monitor.evidence.spec import Spec

MAGIC = b"fde4"
HEADER = struct.Struct("<4s16sq")
GENERATIONS = 4
"""Parts of the gate's window: the one that fills and three full ones of a third each."""


@dataclass(slots=True)
class State:
    """The state of some families (F) with their detectors (D, the last axis). All arrays are doubles.

    `position` is the next pane to be folded (-1: none was). Empty panes are only counted (`pending`) until the next pane that
    has events, so that catching up over a night costs nothing and is the same in one step or in many.
    """

    position: int
    pending: Floats
    """(F,): empty panes since the last one that was folded."""
    firing: Floats
    """(F,): 1 while a page stands."""
    fired: Floats
    """(F,): the pane of the last page."""
    unrest: Floats
    """(4, F): sums of the learned overdispersion (weighted squares, weights, blocks) and their result sigma^2."""
    term: Floats
    """(F,): the hour that the best group was chosen for; -1: never."""
    elapsed: Floats
    """(F,): panes, with the decay of the volumes."""
    savings: Floats
    """(F,): start mass (panes) that was not used yet."""
    memory: Floats
    """(2S + 6, D): decayed sums: of the reference per stratum (k.., n..), own (k, n), reference (k, n), volumes; of means also
    the two sums of squares."""
    block: Floats
    """(5, D): k, n, reference k, n, panes of the current block."""
    previous: Floats
    """(4, D): residual, variance, scale of the block before, and whether there is one."""
    window: Floats
    """(4 x 5, D): the gate's window: k, n, reference k, n and panes of each generation, the one that fills first."""
    evidence: Floats
    """(K, D): the tempered e-detectors, each with its share of the family's start mass."""
    plain: Floats
    """(K, D): the same untempered, with start mass 1/K each."""
    start: Floats
    """(K, D): mean start (pane) of the plain e-detector's mass: the change point under that alternative."""
    suspicion: Floats
    """(K, D): CUSUM of each alternative against the group's own past (nats)."""
    peak: Floats
    """(K, D): how far above its alarm suspicion has been since it was last 0."""
    lead: Floats
    """(K, D): CUSUM of each alternative against the bound itself (nats)."""
    mirror: Floats
    """(M, D): the recovery detectors."""
    implicated: Floats
    """(D,): 1 for what the standing page is about."""
    chosen: Floats
    """(D,): the group that the best of the past is; -1: not chosen yet."""
    phi: Floats
    """(D,): the tempering of the last pane."""
    seen: Floats
    """(D,): the last pane in which both the group and its reference had events."""

    @classmethod
    def empty(cls, spec: Spec) -> Self:
        """Before the first pane."""
        return cls.blank(layout_of(spec))

    @classmethod
    def blank(cls, layout: Layout) -> Self:
        """The state of all families of a layout before the first pane."""
        arrays = {name: np.zeros(shape) for name, shape in shapes(layout).items()}
        strata, sigma = layout.strata, layout.tuning.sigma0
        arrays["memory"][:strata], arrays["memory"][strata : 2 * strata] = 25.0, 50.0
        arrays["unrest"][3] = sigma * sigma
        arrays["savings"][:] = layout.savings
        arrays["phi"][:], arrays["chosen"][:], arrays["term"][:] = 1.0, -1.0, -1.0
        return cls(-1, **arrays)

    def copy(self) -> Self:
        """A state of its own."""
        return type(self)(self.position, *(getattr(self, name).copy() for name in ARRAYS))

    def to_bytes(self, spec: Spec) -> bytes:
        """Exactly this state; little-endian doubles behind a header that names the spec."""
        head = HEADER.pack(MAGIC, fingerprint(spec), self.position)
        return head + b"".join(getattr(self, name).astype("<f8", copy=False).tobytes() for name in ARRAYS)

    @classmethod
    def from_bytes(cls, spec: Spec, stored: bytes) -> Self:
        """The state that `to_bytes` wrote. Raises ValueError if it belongs to another spec or format."""
        layout = layout_of(spec)
        sizes = shapes(layout)
        magic, whose, position = HEADER.unpack_from(stored) if len(stored) >= HEADER.size else (b"", b"", 0)
        expected = HEADER.size + 8 * sum(int(np.prod(shape)) for shape in sizes.values())
        if magic != MAGIC or whose != fingerprint(spec) or len(stored) != expected:
            raise ValueError("the stored evidence belongs to another rule, other groups or another format")
        arrays, at = [], HEADER.size
        for shape in sizes.values():
            count = int(np.prod(shape))
            arrays.append(np.frombuffer(stored, "<f8", count, at).astype(np.float64).reshape(shape))
            at += 8 * count
        return cls(position, *arrays)


ARRAYS = tuple(field.name for field in fields(State) if field.name != "position")
"""In the order of the bytes."""


def shapes(layout: Layout) -> dict[str, tuple[int, ...]]:
    """The shape of each array of a state."""
    families, detectors = len(layout.specs), layout.size
    stakes = (layout.stakes, detectors)
    return {
        "pending": (families,),
        "firing": (families,),
        "fired": (families,),
        "unrest": (4, families),
        "term": (families,),
        "elapsed": (families,),
        "savings": (families,),
        "memory": (2 * layout.strata + 6 + 2 * layout.means, detectors),
        "block": (5, detectors),
        "previous": (4, detectors),
        "window": (5 * GENERATIONS, detectors),
        "evidence": stakes,
        "plain": stakes,
        "start": stakes,
        "suspicion": stakes,
        "peak": stakes,
        "lead": stakes,
        "mirror": (layout.mirrors, detectors),
        "implicated": (detectors,),
        "chosen": (detectors,),
        "phi": (detectors,),
        "seen": (detectors,),
    }


def fingerprint(spec: Spec) -> bytes:
    """16 bytes that name everything of a spec that its state depends on (not the budget: that is only a threshold)."""
    parts = (spec.groups, spec.lower, spec.upper, str(spec.reference), str(spec.kind), str(spec.measure), spec.strata)
    return blake2b(repr((*parts, spec.pane, spec.tuning)).encode(), digest_size=16).digest()
