import itertools

import pytest

from alerts.states import AlertState, Look, Patience, State, Transition, retire, step
from alerts.verdicts import Finding

B, U, C, N = Finding.BREACH, Finding.UNPROVEN, Finding.CLEAR, Finding.INSUFFICIENT_DATA
MINUTE = 60_000


AT_ONCE = Patience()


def run(findings: str, patience: Patience = AT_ONCE) -> list[tuple[str, str]]:
    """The states through which one letter per minute (B, U, C, N) leads, with the transitions that notify marked."""
    letters = {"B": B, "U": U, "C": C, "N": N}
    state, path = AlertState(), []
    for minute, letter in enumerate(findings, 1):
        state, transition = step(state, Look(letters[letter], minute * MINUTE, frozenset({"F"})), patience)
        path.append((state.state.value, "told" if transition and transition.notifies else ""))
    return path


def names(findings: str, patience: Patience = AT_ONCE) -> str:
    return " ".join(state for state, _ in run(findings, patience))


def test_without_waiting_a_breach_fires_at_once_and_a_clear_resolves_at_once() -> None:
    assert run("CBBC") == [("inactive", ""), ("firing", "told"), ("firing", ""), ("resolved", "told")]


def test_for_asks_for_an_unbroken_breach() -> None:
    two = Patience(for_ms=2 * MINUTE)
    assert names("BBB", two) == "pending pending firing"
    assert names("BBCBBB", two) == "pending pending inactive pending pending firing"
    assert names("BBUBBB", two) == "pending pending inactive pending pending firing"
    assert names("BBNBBB", two) == "pending pending insufficient_data pending pending firing"


def test_keep_firing_for_counts_from_the_last_breach() -> None:
    two = Patience(keep_firing_ms=2 * MINUTE)
    assert names("BCC", two) == "firing firing resolved"
    assert names("BCBCC", two) == "firing firing firing firing resolved"


def test_what_is_not_measured_resolves_nothing() -> None:
    assert names("B" + "N" * 50) == "firing" + " firing" * 50
    assert names("BNNC") == "firing firing firing resolved"


def test_what_is_unproven_neither_fires_nor_resolves() -> None:
    assert names("UUU") == "inactive inactive inactive"
    assert names("BUUC") == "firing firing firing resolved"


def test_a_resolved_alert_waits_and_fires_again_as_the_next_episode() -> None:
    assert names("BCCUNCB") == "firing resolved resolved resolved insufficient_data inactive firing"
    state = AlertState()
    for minute, finding in enumerate([B, C, B], 1):
        state, _ = step(state, Look(finding, minute * MINUTE), AT_ONCE)
    assert (state.episode, state.transition_no, state.firing_since) == (2, 3, 3 * MINUTE)


def test_times_are_event_times() -> None:
    state, patience = AlertState(), Patience(for_ms=MINUTE)
    state, _ = step(state, Look(B, 5 * MINUTE), patience)
    state, transition = step(state, Look(B, 6 * MINUTE), patience)
    assert transition == Transition(2, State.PENDING, State.FIRING, 6 * MINUTE)
    assert (state.pending_since, state.firing_since, state.last_breach) == (5 * MINUTE, 6 * MINUTE, 6 * MINUTE)


def test_subjects_in_breach_are_collected_over_an_episode_and_dropped_with_it() -> None:
    state, _ = step(AlertState(), Look(B, 1, frozenset({"F"})), AT_ONCE)
    state, _ = step(state, Look(B, 2, frozenset({"X"})), AT_ONCE)
    assert state.concerned == {"F", "X"}
    state, _ = step(state, Look(C, 3), AT_ONCE)
    assert state.concerned == frozenset()


@pytest.mark.parametrize("pane_end", [10, 9, -1])
def test_a_pane_that_was_seen_changes_nothing(pane_end: int) -> None:
    state, _ = step(AlertState(), Look(B, 10), AT_ONCE)
    assert step(state, Look(C, pane_end), AT_ONCE) == (state, None)


def test_over_every_short_history_firing_ends_only_by_a_clear_finding() -> None:
    for patience in (AT_ONCE, Patience(2 * MINUTE, MINUTE)):
        for findings in itertools.product("BUCN", repeat=6):
            path = ["inactive", *(state for state, _ in run("".join(findings), patience))]
            for before, after, finding in zip(path[:-1], path[1:], findings, strict=True):
                if before == "firing" and after != "firing":
                    assert (after, finding) == ("resolved", "C")
                if after == "firing" and before != "firing":
                    assert finding == "B"


def test_transitions_are_numbered_without_gaps() -> None:
    state, numbers = AlertState(), []
    for minute, finding in enumerate([B, C, N, B, U, C, C, N], 1):
        state, transition = step(state, Look(finding, minute * MINUTE), AT_ONCE)
        if transition is not None:
            numbers.append(transition.number)
    assert numbers == list(range(1, state.transition_no + 1))


def test_retiring_ends_what_fires_and_leaves_what_has_ended() -> None:
    firing, _ = step(AlertState(), Look(B, 10), AT_ONCE)
    ended, transition = retire(firing, 20)
    assert ended.state is State.RESOLVED
    assert transition == Transition(2, State.FIRING, State.RESOLVED, 20)
    assert retire(ended, 30) == (ended, None)
    assert retire(AlertState(), 30) == (AlertState(), None)
