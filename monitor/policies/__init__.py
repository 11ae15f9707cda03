"""Policies: how regulations and guidelines judge parity, as data with sources and dates (one YAML file each).

`versions(id)` are a policy's versions, `in_force` the one of a day, `judge` its answer over the figures of a period, and
`compared` one comparison of it, for a rule that has its two sides already.
"""

from monitor.policies.answers import WORDS, Answer, Context, Counted, Figures, Judgement, Line, Reason
from monitor.policies.comparing import compared
from monitor.policies.judging import counted, judge
from monitor.policies.loading import SCORING_RATE, PolicyError, parse, registry, versions
from monitor.policies.periods import Stretch, in_force, stretches
from monitor.policies.policy import (
    Combine,
    Criterion,
    Exclusion,
    Policy,
    Procedure,
    Reference,
    Role,
    Significance,
    SmallNumbers,
    Status,
)

__all__ = [
    "SCORING_RATE",
    "WORDS",
    "Answer",
    "Combine",
    "Context",
    "Counted",
    "Criterion",
    "Exclusion",
    "Figures",
    "Judgement",
    "Line",
    "Policy",
    "PolicyError",
    "Procedure",
    "Reason",
    "Reference",
    "Role",
    "Significance",
    "SmallNumbers",
    "Status",
    "Stretch",
    "compared",
    "counted",
    "in_force",
    "judge",
    "parse",
    "registry",
    "stretches",
    "versions",
]
