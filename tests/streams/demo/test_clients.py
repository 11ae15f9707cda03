import pytest

from streams.demo.clients import DataMissing, describe, features, load, split


def test_the_file_is_the_published_data_set():
    rows = load()
    assert len(rows) == 30_000
    assert (rows["sex"] == 2).mean() == pytest.approx(0.604, abs=0.0005)  # the licence paragraph: 60.4% women
    assert rows["default_next_month"].sum() == 6_636  # as published: 22.12% of 30,000


def test_a_missing_file_says_what_would_be_right(tmp_path):
    with pytest.raises(DataMissing, match="--data"):
        load(tmp_path / "nothing.csv.gz")


def test_nobody_both_trains_and_applies_and_a_seed_repeats():
    rows = load()
    training, applying = split(rows, 8_000, seed=7)
    assert (len(training), len(applying)) == (8_000, 22_000)
    again, _ = split(rows, 8_000, seed=7)
    assert (training.payment == again.payment).all()


def test_the_first_client_of_the_file():
    first = describe(load().iloc[:1])
    # 1,20000,2,2,1,24,2,2,-1,-1,-2,-2,3913,3102,689,0,0,0,0,689,0,0,0,0,1
    assert (first.sex[0], first.age[0], first.education[0]) == ("female", 24, "university")
    assert first.band[0] == "two months late or more"
    assert first.payment[0] == 0.0  # the median of 0, 689, 0, 0, 0, 0
    assert not first.repaid[0]
    row = first.features.iloc[0]
    assert (row.late_now, row.late_most, row.late_months, row.full_months) == (2.0, 2.0, 2.0, 4.0)
    assert row.used == pytest.approx(3913 / 20000)


def test_education_codes_that_mean_other_or_unknown_become_none():
    rows = load()
    assert set(describe(rows[rows["education"].isin([0, 4, 5, 6])]).education) == {None}


def test_the_model_sees_no_protected_attribute():
    rows = load().iloc[:100]
    changed = rows.assign(sex=3 - rows["sex"], age=rows["age"] + 20, education=1, marriage=2)
    assert features(rows).equals(features(changed))
