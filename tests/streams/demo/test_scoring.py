import numpy as np
from scipy.stats import mannwhitneyu


def test_the_model_orders_defaulters_as_well_as_is_usual_on_this_data(cast):
    score, repaid = cast.before.score, cast.clients.repaid
    test = mannwhitneyu(score[repaid], score[~repaid])
    auc = test.statistic / (repaid.sum() * (~repaid).sum())
    assert 0.74 < auc < 0.80  # Yeh and Lien (2009) and later papers: 0.70 to 0.78


def test_scores_are_probabilities_and_about_calibrated(cast):
    assert cast.before.score.min() > 0 and cast.before.score.max() < 1
    assert np.abs(cast.before.score.mean() - cast.clients.repaid.mean()) < 0.02
