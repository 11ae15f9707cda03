"""Which version of a policy judges which days: a decision of last year is judged by the policy of last year."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from monitor.policies.policy import Policy

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days from `first` to `last`, both included, and the version that held; None where none did."""

    first: date
    last: date
    policy: Policy | None


def in_force(versions: Sequence[Policy], on: date) -> Policy | None:
    """The version that held on a day."""
    return next((policy for policy in versions if policy.holds(on)), None)


def stretches(versions: Sequence[Policy], first: date, last: date) -> list[Stretch]:
    """The days cut where the version changes, in order; one stretch if it does not."""
    if last < first:
        raise ValueError(f"a period from {first} to {last} has no days")
    starts = {first}
    for policy in versions:
        if policy.effective_from is not None and first < policy.effective_from <= last:
            starts.add(policy.effective_from)
        if policy.effective_to is not None and first <= policy.effective_to < last:
            starts.add(policy.effective_to + DAY)
    begins = sorted(starts)
    ends = [start - DAY for start in begins[1:]] + [last]
    return [Stretch(begin, end, in_force(versions, begin)) for begin, end in zip(begins, ends, strict=True)]
