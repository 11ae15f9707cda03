"""Mean value: the average of a continuous output, such as a limit or a price (Fairlearn `mean_prediction`)."""

from monitor.metric import GroupMetric, Sums
from monitor.tallies import Tally
from monitor.weighted_means import of_amounts


def tally(sums: Sums) -> Tally:
    """Sum of values, in the model's currency and not in its unit, and their variance."""
    moments = sums.moments("valued", "value")
    return Tally(moments.sum, moments.n, moments.variance)


METRICS = (
    GroupMetric(
        name="mean_value",
        definition="sum of values / predictions with a value",
        needs="decision",
        kind="mean",
        denominator="predictions with a value",
        tally=tally,
        aliases=("mean_prediction",),
        by_default=True,
        weighted=lambda sums: of_amounts(sums, "valued", "value"),
    ),
)
