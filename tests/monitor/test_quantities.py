"""Quantisation as the decimal that was written, against Python's decimals; the meaning of labels."""

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import LabelsConfig
from monitor.quantities import ABSENT, UNDECLARED, Labels, column, quantised, units


@given(
    st.lists(st.decimals(-20_000_000, 20_000_000, places=4), min_size=1), st.sampled_from(["1", "0.01", "0.05", "10"])
)
def test_halves_go_to_even_as_in_decimal_arithmetic(written: list[Decimal], resolution: str) -> None:
    expected = [int((d / Decimal(resolution)).to_integral_value(ROUND_HALF_EVEN)) for d in written]
    assert quantised(np.array([float(d) for d in written]), float(resolution)).tolist() == expected


def test_absent_numbers() -> None:
    assert [part.tolist() for part in column([None, None])] == [[0, 0], [False, False]]
    assert [part.tolist() for part in column([None, 2, 0.5])] == [[0, 2, 0.5], [False, True, True]]
    assert [part.tolist() for part in column([])] == [[], []]


def test_amounts_that_are_too_large() -> None:
    counted, large = units(np.array([2**31 - 1, 2**31, -(2**31), 1e300]), 1.0)
    assert counted.tolist() == [2**31 - 1, 0, 0, 0]
    assert large.tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    ("config", "meanings"),
    [
        ({}, {None: ABSENT, True: 1, False: 0, "yes": UNDECLARED, 7: UNDECLARED}),
        ({"favourable": ["yes"]}, {None: ABSENT, True: 1, False: 0, "yes": 1, "no": 0, 7: 0}),
        ({"favourable": ["yes"], "unfavourable": ["no"]}, {None: ABSENT, "yes": 1, "no": 0, "maybe": UNDECLARED}),
        ({"favourable": [True]}, {True: 1, False: 0, "yes": UNDECLARED}),
        ({"favourable": [False]}, {True: 0, False: 1, None: ABSENT}),
        ({"favourable": [3, 4]}, {3: 1, 4: 1, 5: 0, None: ABSENT}),
        ({"favourable": [2], "unfavourable": [1]}, {2: 1, 1: 0, 0: UNDECLARED, 3: UNDECLARED}),
    ],
)
def test_labels(config: dict[str, object], meanings: dict[object, int]) -> None:
    labels = Labels(LabelsConfig.model_validate(config))
    assert labels.column(list(meanings)).tolist() == list(meanings.values())
