"""Which errors pass by themselves, and trying again."""

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from streams.database import backoff, driver_url, engine, is_transient, retrying


class Answer(Exception):
    """What the driver raised."""

    def __init__(self, pgcode: str | None) -> None:
        super().__init__("answer")
        self.pgcode = pgcode


def failed(kind: type[exc.DBAPIError], pgcode: str | None) -> exc.DBAPIError:
    return kind("select 1", None, Answer(pgcode))


@pytest.mark.parametrize("pgcode", ["08006", "40001", "40P01", "53300", "55P03", "57P01", None])
def test_what_passes_by_itself(pgcode: str | None) -> None:
    assert is_transient(failed(exc.OperationalError, pgcode))


@pytest.mark.parametrize("pgcode", ["42P01", "23505", "22P02", "28P01", "3D000"])
def test_what_does_not(pgcode: str) -> None:
    assert not is_transient(failed(exc.ProgrammingError, pgcode))


def test_errors_of_the_program_are_not_the_databases() -> None:
    assert not is_transient(ValueError("x"))
    assert is_transient(exc.TimeoutError("no connection of the pool was free"))


def test_backoff_doubles_up_to_its_cap() -> None:
    waits = [backoff(attempt, base=0.1, cap=5.0, draw=lambda: 1.0) for attempt in range(8)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])
    assert backoff(3, draw=lambda: 0.0) == pytest.approx(0.4)


def test_retrying_runs_the_whole_again() -> None:
    left = [failed(exc.OperationalError, "57P01"), failed(exc.OperationalError, "40001")]
    waited: list[float] = []

    def work() -> str:
        if left:
            raise left.pop()
        return "done"

    assert retrying(work, sleep=waited.append) == "done"
    assert len(waited) == 2


def test_retrying_gives_up_in_time_and_at_once_where_it_is_hopeless() -> None:
    def away() -> None:
        raise failed(exc.OperationalError, "08001")

    def wrong() -> None:
        raise failed(exc.ProgrammingError, "42P01")

    waited: list[float] = []
    with pytest.raises(exc.OperationalError):
        retrying(away, give_up_after=1.0, sleep=waited.append)
    assert 0.35 <= sum(waited) <= 1.0  # at least .05 + .1 + .2, before a pause of up to .8 would be too much
    with pytest.raises(exc.ProgrammingError):
        retrying(wrong, sleep=waited.append)


@pytest.mark.parametrize("url", ["postgres://u@h:1/d", "postgresql://u@h:1/d", "postgresql+psycopg2://u@h:1/d"])
def test_every_way_to_write_an_address(url: str) -> None:
    assert driver_url(url).render_as_string() == "postgresql+psycopg2://u@h:1/d"


def test_sessions_have_limits_and_utc(database: str) -> None:
    made = engine(database)
    with made.connect() as connection:
        shown = [connection.execute(sa.text(f"show {name}")).scalar() for name in ("timezone", "statement_timeout")]
    made.dispose()
    assert shown == ["UTC", "30s"]
