"""A page ends on evidence of recovery; no data and better-looking minutes do not end it."""

import numpy as np

from monitor.evidence import Families, Panes, Phase, Spec, State, Tuning, fold, trace
from tests.monitor.evidence.traffic import DAY, GROUPS, decisions, steady

SPEC = Spec(GROUPS, lower=0.8, reference="a")


def episode(days: int = 3) -> np.ndarray:
    """0.95, on the second day 0.70 in d."""
    ratios = steady(np.arange(days * DAY), 0.95)
    ratios[DAY : 2 * DAY, 3] = 0.70
    return ratios


def test_one_episode_is_one_page_and_one_resolve() -> None:
    numbers = np.arange(3 * DAY)
    _, seen = trace(SPEC, State.empty(SPEC), Panes(0, *decisions(numbers, episode(), seed=1)))

    (page, end) = seen.transitions
    assert (page.paged, end.paged) == (True, False)
    assert DAY < page.pane < DAY + 150
    assert 2 * DAY < end.pane < 2 * DAY + 150
    assert end.reading.recovery is not None
    assert end.reading.recovery >= end.reading.recovery_needed


def test_after_a_resolve_evidence_starts_from_nothing() -> None:
    numbers = np.arange(3 * DAY)
    n, k = decisions(numbers, episode(), seed=1)
    state, reading = fold(SPEC, State.empty(SPEC), Panes(0, n[: 2 * DAY], k[: 2 * DAY]))
    at = 2 * DAY
    while not reading.resolved and at < 3 * DAY:
        state, reading = fold(SPEC, state, Panes(at, n[at : at + 1], k[at : at + 1]))
        at += 1

    assert reading.resolved
    assert reading.phase is Phase.WATCHING
    assert not state.evidence.any()
    assert not state.implicated.any()


def test_silence_never_ends_a_page_and_becomes_stale() -> None:
    numbers = np.arange(2 * DAY)
    state, reading = fold(SPEC, State.empty(SPEC), Panes(0, *decisions(numbers, episode()[: 2 * DAY], seed=1)))
    assert reading.phase is Phase.FIRING
    assert not reading.stale

    state, reading = fold(SPEC, state, Panes.none(SPEC, 2 * DAY, 10 * DAY))

    assert reading.phase is Phase.FIRING
    assert not reading.resolved
    assert reading.stale


def test_still_broken_at_another_level_is_no_recovery() -> None:
    numbers = np.arange(3 * DAY)
    ratios = episode()
    ratios[2 * DAY :, 3] = 0.78
    _, seen = trace(SPEC, State.empty(SPEC), Panes(0, *decisions(numbers, ratios, seed=1)))

    assert [happened.paged for happened in seen.transitions] == [True]


def test_a_group_that_is_seldom_seen_is_waited_for_longer() -> None:
    """Three events an hour take weeks to prove a recovery: three days of silence say nothing yet."""
    spec = Spec(("r", "b"), lower=0.8, reference="r")
    n = np.tile([600.0, 3.0], (24 * 60, 1))
    k = n * [0.5, 0.0]
    hourly = Panes(
        0,
        np.repeat(n, 60, axis=0) * (np.arange(24 * 3600) % 60 == 0)[:, None],
        np.repeat(k, 60, axis=0) * (np.arange(24 * 3600) % 60 == 0)[:, None],
    )
    state, reading = fold(spec, State.empty(spec), hourly)
    assert reading.phase is Phase.FIRING
    end = 24 * 3600
    state, reading = fold(spec, state, Panes.none(spec, end, 3 * DAY))
    assert not reading.stale
    state, reading = fold(spec, state, Panes.none(spec, end + 3 * DAY, 400 * DAY))
    assert reading.stale
    assert reading.phase is Phase.FIRING


def test_pages_that_begin_and_end_within_a_stretch_recover_as_alone_and_pane_by_pane() -> None:
    """Two families, whose pages overlap and name other groups each time: recovery is reckoned for those groups only."""
    tuning = Tuning(temper=False, gate_window=5, min_hold=5, resolve_evidence=100)
    specs = [Spec(("r", "b", "c"), lower=0.8, reference="r", tuning=tuning)] * 2
    hits = np.tile([200.0, 100.0, 100.0], (600, 2))
    for column, begin, end in ((1, 100, 150), (4, 120, 250), (5, 200, 300), (2, 350, 400), (1, 360, 410)):
        hits[begin:end, column] = 20.0
    n = np.full((600, 6), [400.0, 200.0, 200.0] * 2)
    families = Families(specs, [State.empty(spec) for spec in specs])
    seen = families.trace(Panes(0, n, hits))

    for place, spec in enumerate(specs):
        mine = slice(3 * place, 3 * place + 3)
        alone = State.empty(spec)
        for pane in range(600):
            alone, _ = fold(spec, alone, Panes(pane, n[pane : pane + 1, mine], hits[pane : pane + 1, mine]))
        assert families.states()[place].to_bytes(spec) == alone.to_bytes(spec)
    told = [[at.reading.culprits[0] for at in one.transitions] for one in seen]
    assert told == [["b", "b", "c", "c", "b", "b"], ["b", "b", "c", "c"]], "each page and its end"
