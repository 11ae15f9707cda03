import numpy as np
import pytest

from streams.demo.clients import BANDS


def mean_limit(offers, who):
    return offers.limit[who & offers.approved].mean()


def ratio(cast, offers):
    women = cast.clients.sex == "female"
    return mean_limit(offers, women) / mean_limit(offers, ~women)


def test_the_first_version_and_the_fallback_treat_both_sexes_about_alike(cast):
    assert ratio(cast, cast.before) == pytest.approx(1.01, abs=0.02)
    assert ratio(cast, cast.fallback) == pytest.approx(1.02, abs=0.02)


def test_the_mistake_lowers_womens_limits_by_30_percent_in_every_repayment_band(cast):
    women = cast.clients.sex == "female"
    for band in BANDS[:3]:
        who = women & (cast.clients.band == band) & cast.before.approved
        assert cast.after.limit[who].mean() / cast.before.limit[who].mean() == pytest.approx(0.7, abs=0.005)
    assert (cast.after.limit[~women] == cast.before.limit[~women]).all()


def test_the_mistake_changes_no_approval(cast):
    assert (cast.after.approved == cast.before.approved).all()
    assert 0.75 < cast.before.approved.mean() < 0.85


def test_limits_are_whole_thousands_in_range_and_zero_where_declined(cast):
    for offers in (cast.before, cast.after, cast.fallback):
        given = offers.limit[offers.approved]
        assert given.min() >= 10_000 and given.max() <= 500_000
        assert (given % 1000 == 0).all()
        assert (offers.limit[~offers.approved] == 0).all()


def test_the_fallback_declines_who_is_two_months_late(cast):
    late = cast.clients.band == BANDS[3]
    assert not cast.fallback.approved[late].any()
    assert cast.fallback.approved[~late].all()
    assert np.unique(cast.fallback.limit).tolist() == [0, 100_000, 170_000, 240_000]


def test_the_repaired_version_gives_what_the_first_gave(cast):
    assert cast.repaired.version == "limits-3"
    assert (cast.repaired.limit == cast.before.limit).all() and (cast.repaired.approved == cast.before.approved).all()
