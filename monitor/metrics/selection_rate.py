"""Selection rate: how many of the decided were decided favourably. Its disparities are demographic parity and, as a
ratio, disparate impact (Fairlearn `selection_rate`; AIF360 `statistical_parity_difference`, `disparate_impact`).
"""

from monitor.metric import GroupMetric, rate

METRICS = (
    GroupMetric(
        name="selection_rate",
        definition="favourable decisions / decisions",
        needs="decision",
        kind="rate",
        denominator="decisions",
        tally=rate(lambda s: s.favourable, lambda s: s.decided),
        aliases=("demographic_parity", "statistical_parity", "disparate_impact", "pprev", "positive_rate"),
        by_default=True,
    ),
    GroupMetric(
        name="rejection_rate",
        definition="unfavourable decisions / decisions",
        needs="decision",
        kind="rate",
        denominator="decisions",
        tally=rate(lambda s: s.decided - s.favourable, lambda s: s.decided),
        aliases=("negative_rate",),
    ),
)
