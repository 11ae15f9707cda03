"""From what each observation of a family says to the verdict on the family. Pure; shared by the rule types.

Any breach makes the family breach, and the worst leads. A firing alert ends only by the subjects that were in breach:
each of them must be measured and inside. What cannot be said is never read as recovered.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from alerts.verdicts import Finding, Observation, Verdict

MEASURED = "measured"


class Looked(NamedTuple):
    """One observation, what it says alone and why, and how far beyond the bound it is (0 or less inside it)."""

    observation: Observation
    finding: Finding
    reason: str = ""
    excess: float = 0.0


def look_at_all(observations: Sequence[Observation], look: Callable[[Observation], Looked]) -> list[Looked]:
    """Every observation looked at, in an order that does not depend on the one given."""
    ordered = sorted(observations, key=lambda o: (o.subject, o.value is None, o.value or 0.0))
    return [look(o) for o in ordered]


def conclude(looked: Sequence[Looked], concerned: frozenset[str]) -> Verdict:
    """The verdict; `concerned` are the subjects in breach in the running episode, whose recovery alone ends it."""
    breaching = [one for one in looked if one.finding is Finding.BREACH]
    if breaching:
        leading = max(breaching, key=lambda one: one.excess)
        rest = tuple(one.observation for one in breaching if one is not leading)
        return Verdict(Finding.BREACH, leading.reason, leading.observation, (leading.observation, *rest))
    if concerned:
        looked = [one for one in looked if one.observation.subject in concerned]
        gone = concerned - {one.observation.subject for one in looked}
        if gone:
            return Verdict(Finding.INSUFFICIENT_DATA, f"nothing observed of {', '.join(sorted(gone)) or 'it'}")
    missing = [one for one in looked if one.finding is Finding.INSUFFICIENT_DATA]
    measured = [one for one in looked if one.finding is not Finding.INSUFFICIENT_DATA]
    if not measured or (concerned and missing):
        first = missing[0] if missing else None
        reason = "nothing was observed" if first is None else first.reason
        return Verdict(Finding.INSUFFICIENT_DATA, reason, None if first is None else first.observation)
    leading = max(measured, key=lambda one: one.excess)
    return Verdict(leading.finding, leading.reason, leading.observation)


def unmeasured(o: Observation) -> Looked | None:
    """The look at an observation without a value: insufficient data, with its reason. None where there is one."""
    if o.state == MEASURED and o.value is not None:
        return None
    return Looked(o, Finding.INSUFFICIENT_DATA, o.reason or o.state)
