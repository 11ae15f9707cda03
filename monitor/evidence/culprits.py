"""Which groups a page is about."""

import numpy as np

from monitor.estimates import Flags, Floats


def culprits(evidence: Floats, needed: float) -> Flags:
    """e-d-BH: the m groups of most evidence, for the largest m whose m-th has at least `A G / m` (ln A = needed).

    Source: Dandapanthula and Ramdas, "Multiple testing in multi-stream sequential change detection", arXiv 2501.04130.
    """
    count = len(evidence)
    order = np.argsort(-evidence, kind="stable")
    with np.errstate(divide="ignore"):
        enough = np.log(evidence[order]) >= needed + np.log(count / np.arange(1.0, count + 1.0))
    named = np.zeros(count, dtype=bool)
    if enough.any():
        named[order[: int(np.flatnonzero(enough)[-1]) + 1]] = True
    return named
