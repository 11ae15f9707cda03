"""Average predictive value: AIF360's average predictive value difference, Veritas' calibration by group."""

import numpy as np

from monitor.limits import of_sum
from monitor.metric import GroupMetric, Sums
from monitor.tallies import Statistic


def tally(s: Sums) -> Statistic:
    """Half the sum of PPV and FOR."""
    favourable, unfavourable = s.tp + s.fp, s.fn + s.tn
    with np.errstate(all="ignore"):
        value = (s.tp / favourable + s.fn / unfavourable) / 2.0
    parts = {"labelled favourable decisions": favourable, "labelled unfavourable decisions": unfavourable}
    return Statistic(value, parts, of_sum(((0.5, s.tp, favourable), (0.5, s.fn, unfavourable))))


METRICS = (
    GroupMetric(
        name="average_predictive_value",
        definition="(PPV + FOR) / 2, signed: gaps can cancel",
        needs="label",
        kind="statistic",
        denominator="labelled decisions",
        tally=tally,
        all_labels=True,
        aliases=("calibration_by_group",),
        of_rates=True,
    ),
)
