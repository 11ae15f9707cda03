import pytest

from alerts.retries import Result, RetryPolicy

POLICY = RetryPolicy(delays=(1.0, 5.0), jitter=0.5, longest_wait=100.0, give_up_after=1000.0)


@pytest.mark.parametrize(
    ("attempt", "chance", "asked", "expected"),
    [
        (1, 0.0, None, 1.0),
        (1, 1.0, None, 1.5),
        (2, 0.0, None, 5.0),
        (99, 0.0, None, 5.0),
        (1, 0.0, 30.0, 30.0),
        (2, 0.0, 2.0, 5.0),  # asked for less than we would wait anyway
        (1, 0.0, 9999.0, 100.0),  # nobody may silence us for a day
    ],
)
def test_delays(attempt: int, chance: float, asked: float | None, expected: float) -> None:
    assert POLICY.delay(attempt, chance, asked) == expected


def test_given_up_when_it_cannot_help_or_is_too_old() -> None:
    assert POLICY.outcome(permanent=True, age=0) is Result.DEAD
    assert POLICY.outcome(permanent=False, age=999) is Result.RETRY
    assert POLICY.outcome(permanent=False, age=1000) is Result.DEAD
