"""The versions that decide: who is approved, and with what limit.

All see repayment history only, except for the mistake in `limits-2`, which `limits-3` repairs. What a version offers depends on the client
alone, so it is worked out once for all clients; deciding an application is a look-up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.demo.clients import BANDS, Clients

APPROVE_FROM = 0.65
"""Approved if the probability of repaying is at least this: about four in five applications."""

SMALLEST, LARGEST, STEP = 10_000, 500_000, 1_000
"""Limits in New Taiwan dollars: the range of nearly all limits in the data, in whole thousands."""

MISTAKE = 0.7
"""What `limits-2` makes of a woman's limit."""

RULES = {BANDS[0]: 240_000, BANDS[1]: 170_000, BANDS[2]: 100_000}
"""The fallback's limits by latest repayment status, on average about those of `limits-1`; two months late or more is declined."""


@dataclass(frozen=True, slots=True)
class Offers:
    """What one version decides about every client: approved or not, and the limit (0 where declined) in New Taiwan dollars."""

    version: str
    arm: str
    approved: NDArray[np.bool_]
    limit: NDArray[np.int64]
    score: NDArray[np.float64] | None


def limits_1(clients: Clients, score: NDArray[np.float64]) -> Offers:
    """The version in force: 30,000 + 220,000 x (how far the score is above the cut, 0 to 1) + 6 usual monthly payments (of up to 20,000)."""
    return _by_score("limits-1", clients, score, np.ones(len(clients)))


def limits_2(clients: Clients, score: NDArray[np.float64]) -> Offers:
    """The version with the mistake: as `limits-1`, and for women the limit times `MISTAKE`. Approvals are the same."""
    return _by_score("limits-2", clients, score, np.where(clients.sex == "female", MISTAKE, 1.0))


def limits_3(clients: Clients, score: NDArray[np.float64]) -> Offers:
    """The repaired version: the limits of `limits-1`."""
    return _by_score("limits-3", clients, score, np.ones(len(clients)))


def rules_1(clients: Clients) -> Offers:
    """The fallback, a table of three limits (`RULES`) that anybody can check; it has no score."""
    limit = np.array([RULES.get(band, 0) for band in clients.band], dtype=np.int64)
    return Offers("rules-1", "fallback", limit > 0, limit, None)


def _by_score(version: str, clients: Clients, score: NDArray[np.float64], factor: NDArray[np.float64]) -> Offers:
    approved = score >= APPROVE_FROM
    above = (score - APPROVE_FROM) / (1 - APPROVE_FROM)
    amount = (30_000 + 220_000 * above + 6 * np.minimum(clients.payment, 20_000)) * factor
    rounded = np.clip(np.round(amount / STEP) * STEP, SMALLEST, LARGEST).astype(np.int64)
    return Offers(version, "live", approved, np.where(approved, rounded, 0), score)
