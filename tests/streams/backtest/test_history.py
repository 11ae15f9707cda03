import numpy as np
import pytest

from streams.backtest.history import BacktestError
from streams.backtest.injecting import Shift, inject, keep_of, parse_shift
from streams.config import parse
from tests.streams.backtest.histories import CONFIG, MINUTE, T0, cells, drawn, history

MODEL = parse(CONFIG).models[0]
ALL = (("F", "<40"), ("F", ">=40"), ("M", "<40"), ("M", ">=40"))


def test_cells_add_up_to_groups() -> None:
    n = np.array([[1, 2, 3, 4], [0, 0, 0, 0], [10, 0, 5, 0]])
    found = history(n, n // 2, cells(*ALL)).by_group(
        "decision", ({"sex": "F"}, {"sex": "M"}), ("decided", "favourable")
    )
    assert found is not None
    assert found.reshape(3, 2, 2).tolist() == [[[3, 1], [7, 3]], [[0, 0], [0, 0]], [[10, 5], [5, 2]]]


def test_what_is_not_served_is_left_out() -> None:
    n = np.array([[1, 2, 3, 4]])
    of = (*cells(*ALL[:2], arm="shadow"), *cells(*ALL)[2:])
    found = history(n, n, of).by_group("decision", ({"sex": "F"}, {"sex": "M"}), ("decided",))
    assert found is not None
    assert found.tolist() == [[0], [7]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ratio=0.7,group=sex:F,from=2025-11-20", Shift({"sex": "F"}, T0, ratio=0.7)),
        (
            "keep=0.5,group=sex:F+age:<40,from=2025-11-20T00:01:00Z,to=2025-11-21,against=sex:M",
            Shift({"sex": "F", "age": "<40"}, T0 + MINUTE, T0 + 1440 * MINUTE, keep=0.5, against={"sex": "M"}),
        ),
    ],
)
def test_a_shift_as_it_is_written(text: str, expected: Shift) -> None:
    assert parse_shift(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ratio=0.7", "ratio=0.7,group=sex:F", "group=sex:F,from=2025-11-20", "ratio=2,group=sex:F,from=2025-11-20",
        "ratio=0.7,group=F,from=2025-11-20", "ratio=0.7,group=sex:F,from=yesterday", "ratio=0.7,keep=1,group=sex:F,from=2025-11-20",
        "ratio=0.7,group=sex:F,from=2025-11-20,what=1", "nonsense",
    ],
)  # fmt: skip
def test_a_shift_that_cannot_be_read(text: str) -> None:
    with pytest.raises(BacktestError):
        parse_shift(text)


def test_a_shift_thins_what_is_favourable_and_nothing_else() -> None:
    n = np.full((10, 4), 1000)
    before = history(n, np.full((10, 4), 500), cells(*ALL))
    shift = Shift({"sex": "F"}, T0 + 5 * MINUTE, ratio=0.7)
    assert keep_of(before, shift, MODEL) == pytest.approx(0.7)
    after = inject(before, shift, MODEL, seed=3)
    k = after.decisions.column("favourable").reshape(10, 4)
    assert (after.decisions.column("decided") == before.decisions.column("decided")).all()
    assert (k[:5] == 500).all()
    assert (k[:, 2:] == 500).all()
    assert k[5:, :2].mean() == pytest.approx(350, abs=5 * 500**0.5 / 10**0.5)  # binomial(500, .7), ten of them
    assert (inject(before, shift, MODEL, seed=3).decisions.sums == after.decisions.sums).all()
    assert (inject(before, shift, MODEL, seed=4).decisions.sums != after.decisions.sums).any()


def test_the_ratio_is_to_the_reference() -> None:
    before = drawn(100, {("F", "<40"): 0.27, ("M", "<40"): 0.3}, volume=5000)
    assert keep_of(before, Shift({"sex": "F"}, T0, ratio=0.7), MODEL) == pytest.approx(0.7 * 0.3 / 0.27, rel=0.01)


def test_a_shift_that_would_be_upwards_is_refused() -> None:
    before = drawn(100, {("F", "<40"): 0.15, ("M", "<40"): 0.3})
    with pytest.raises(BacktestError, match=r"the ratio is 0\.5\d* already, below 0\.7"):
        keep_of(before, Shift({"sex": "F"}, T0, ratio=0.7), MODEL)
    with pytest.raises(BacktestError, match="there are F, M"):
        keep_of(before, Shift({"sex": "X"}, T0, ratio=0.7), MODEL)
    with pytest.raises(BacktestError, match="outside the history"):
        keep_of(before, Shift({"sex": "F"}, T0 - 1, ratio=0.7), MODEL)
