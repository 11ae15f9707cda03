"""Connections to Postgres: one engine for each process, and which of its errors pass by themselves.

Pool and time-outs follow what long-running writers need: a dead connection is noticed in under a minute (keep-alives,
pre-ping), no statement, lock or forgotten transaction hangs for ever. A failed transaction is retried *whole*; whether
that is right for a commit whose answer was lost is the business of its compare-and-set, not of this module.
"""

import random
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

OPTIONS = "-c statement_timeout=30000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=60000 -c timezone=UTC"

TRANSIENT_STATES = ("08", "53", "57P", "40001", "40P01", "55P03")
"""SQLSTATE (or its beginning) of what passes: connection lost, out of resources, shut down, serialisation failure,
deadlock, lock not available. Source: PostgreSQL documentation, appendix A."""

Result = TypeVar("Result")


class HasUrl(Protocol):
    """The part of the settings that is needed here: `postgres.url`."""

    @property
    def url(self) -> str: ...


class HasPostgres(Protocol):
    """Settings with a section `postgres`."""

    @property
    def postgres(self) -> HasUrl: ...


def engine(source: HasPostgres | str, *, name: str = "fairdrift", pool_size: int = 4) -> sa.Engine:
    """An engine for the settings or for a URL such as `postgresql://user@host:5432/database`."""
    url = source if isinstance(source, str) else source.postgres.url
    return sa.create_engine(
        driver_url(url),
        pool_size=pool_size,
        max_overflow=2,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,  # what an error quotes of a statement would be groups of people, in a log
        connect_args={
            "connect_timeout": 5,
            "keepalives": 1,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "application_name": name,
            "options": OPTIONS,
        },
    )


def driver_url(url: str) -> sa.URL:
    """The URL with the psycopg2 driver in it, whichever way it was written (`postgres://`, `postgresql://`)."""
    parsed = sa.make_url(url.replace("postgres://", "postgresql://", 1))
    return parsed.set(drivername="postgresql+psycopg2")


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction, tried again from its beginning, may well succeed."""
    if isinstance(error, exc.TimeoutError):
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    state = getattr(error.orig, "pgcode", None)
    if state:
        return bool(state.startswith(TRANSIENT_STATES))
    return error.connection_invalidated or isinstance(error, (exc.OperationalError, exc.InterfaceError))


def backoff(attempt: int, *, base: float = 0.1, cap: float = 5.0, draw: Callable[[], float] = random.random) -> float:
    """Seconds to wait before retry number `attempt` (from 0): between half and all of min(cap, base * 2**attempt)."""
    return float(min(cap, base * 2.0 ** min(attempt, 30)) * (0.5 + 0.5 * draw()))


def retrying(
    work: Callable[[], Result],
    *,
    give_up_after: float = float("inf"),
    on_retry: Callable[[int, BaseException], None] = lambda attempt, error: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Run `work`, a whole transaction, again and again while it fails in a way that passes by itself.

    Raises the last error once waiting would exceed `give_up_after` seconds, and every other error at once.
    """
    waited, attempt = 0.0, 0
    while True:
        try:
            return work()
        except exc.SQLAlchemyError as error:
            pause = backoff(attempt)
            if not is_transient(error) or waited + pause > give_up_after:
                raise
            on_retry(attempt, error)
        sleep(pause)
        waited, attempt = waited + pause, attempt + 1
