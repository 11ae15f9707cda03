"""Where a series changed, for a chart: River's ADWIN and Page-Hinkley over closed windows. They never page.

ADWIN keeps a window that it halves where the means of its parts differ by more than chance allows (Bifet and Gavaldà, SDM
2007); Page-Hinkley sums deviations from the running mean (Page, Biometrika 41, 1954). Both also see improvement, and say
nothing of a model that was uneven from the first day, so they only mark "something changed about here".
"""

import math
from collections.abc import Sequence
from typing import Protocol

DELTA = 0.002
"""ADWIN's own default: the confidence at which a cut is made."""


class Detector(Protocol):
    """What River's detectors have in common."""

    @property
    def drift_detected(self) -> bool:
        """Whether the last value showed a change."""

    def update(self, x: float) -> object:
        """Take the next value."""


def changes(values: Sequence[float], detector: Detector | None = None) -> list[int]:
    """The places at which the detector (a fresh ADWIN) has seen a change; values that are not finite are passed over."""
    from river import drift  # it loads SciPy and scikit-learn: seconds that only those should pay who ask for marks

    found: list[int] = []
    looking: Detector = drift.ADWIN(delta=DELTA) if detector is None else detector  # type: ignore[no-untyped-call]
    for at, value in enumerate(values):
        if not math.isfinite(value):
            continue
        looking.update(value)
        if looking.drift_detected:
            found.append(at)
    return found


def page_hinkley(values: Sequence[float]) -> list[int]:
    """The same by Page-Hinkley; its threshold is in units of the series' own spread, since River's is absolute."""
    from river import drift

    there = [value for value in values if math.isfinite(value)]
    if len(there) < 2:
        return []
    mean = sum(there) / len(there)
    spread = math.sqrt(sum((value - mean) ** 2 for value in there) / len(there))
    if spread == 0:
        return []
    return changes(values, drift.PageHinkley(min_instances=10, delta=0.1 * spread, threshold=8 * spread))
