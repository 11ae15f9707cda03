"""Expected effort against the study's table (tau 0.8, reference 0.30, seven groups, budget 0.05)."""

import math

import numpy as np
import pytest

from monitor.evidence import Kind, Panes, Spec, State, Tuning, expected_events, expected_panes, fold
from monitor.evidence.effort import recovery_panes
from monitor.evidence.layout import layout_of

SPEC = Spec(tuple("rabcdefg"), lower=0.8, reference="r", tuning=Tuning(savings=0))


@pytest.mark.parametrize(
    ("ratio", "low", "high"),
    [(0.75, 25_000, 29_000), (0.70, 6_300, 7_200), (0.60, 1_500, 1_700), (0.50, 650, 740), (0.78, 160_000, 186_000)],
)
def test_events_needed(ratio: float, low: float, high: float) -> None:
    """The table leaves out the six alternatives, which the formula has: ln 6 of 15.6 nats more."""
    few, many = (expected_events(SPEC, 0.3 * ratio, 0.3, share) for share in (40.0, 4.0))
    six = 1 + math.log(6) / math.log(864_000 * 7)

    assert low * 0.97 <= few / six <= many / six <= high * 1.03


def test_a_rule_that_is_kept_is_never_broken() -> None:
    assert expected_events(SPEC, 0.25, 0.3, 1.0) == math.inf


def test_a_level_by_hand() -> None:
    """ln(864,000 x 1 group x 6 alternatives) over KL(0.5, 0.4) = 0.5 ln(1.25) + 0.5 ln(0.5/0.6) = 0.0204110."""
    spec = Spec(("a",), upper=0.4, kind=Kind.LEVEL, tuning=Tuning(savings=0))

    assert expected_events(spec, 0.5, 0.0) == pytest.approx(math.log(864_000 * 6) / 0.0204110, rel=1e-5)


def test_panes_at_the_present_traffic() -> None:
    """20 group events a pane at 0.0021 nats: 0.042 nats a pane, so ln(1 / 0.042) = 3.2 of 17.4 nats are saved by starting anew."""
    spec = Spec(("r", "b"), lower=0.8, reference="r", tuning=Tuning(savings=0))
    state, _ = fold(spec, State.empty(spec), Panes(0, [[80, 20]] * 500, [[24, 6]] * 500))
    events = expected_events(spec, 0.21, 0.3, 4.0)
    nats = math.log(864_000 * 6)
    information = 20 * nats / events

    assert expected_panes(spec, state, "b", 0.7) == pytest.approx(
        (nats + math.log(information)) / information, rel=0.02
    )
    assert expected_panes(spec, State.empty(spec), "b", 0.7) == math.inf
    assert np.isinf(expected_panes(spec, state, "b", 0.9))


@pytest.mark.parametrize("kind", [Kind.RATIO, Kind.DIFFERENCE, Kind.LEVEL])
def test_savings_shorten_it(kind: Kind) -> None:
    lower, broken = {Kind.RATIO: (0.8, 0.6), Kind.DIFFERENCE: (-0.05, -0.12), Kind.LEVEL: (0.25, 0.2)}[kind]
    panes = Panes(0, [[800, 200]] * 500, [[240, 60]] * 500)
    needed = {}
    for savings in (0.0, 43_200.0):
        spec = Spec(("r", "b"), lower=lower, reference="r", kind=kind, tuning=Tuning(savings=savings))
        needed[savings] = expected_panes(spec, fold(spec, State.empty(spec), panes)[0], "b", broken)

    assert 0 < needed[43_200.0] < needed[0.0]


def test_a_recovery_by_hand() -> None:
    """20 group events at 0.24 beside 80 at 0.30, bound 0.8: d = 0.8 x 0.30 x 0.2 = 0.048, v = 0.24 x 0.76 / 20 + 0.64 x 0.3 x 0.7 / 80
    = 0.0108, so 0.10667 nats a pane; ln 100,800 and ln 4 are 12.907 nats, and 121 panes."""
    spec = Spec(("r", "b"), lower=0.8, reference="r", tuning=Tuning(temper=False))
    panes = Panes(0, [[80, 20]] * 12_000, [[24, 4.8]] * 12_000)
    state, _ = fold(spec, State.empty(spec), panes)
    assert recovery_panes(layout_of(spec), state)[1] == pytest.approx(121.0, rel=0.01)
    later, _ = fold(spec, state, Panes(12_000, [[80, 0]] * 3000, [[24, 0]] * 3000))
    assert recovery_panes(layout_of(spec), later)[1] == pytest.approx(121.0, rel=0.16), "as when it was last usable"
