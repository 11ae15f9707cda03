"""The routes in force, held in memory by `serve`, so that answering a flag asks no database.

A thread listens to Postgres (`listen fairdrift_control`, which a trigger on the changes of route notifies) and reads all
routes again when it is told, and every second in any case: notifications get lost behind some poolers. While the database
is away the last routes stay in force, as they do for whoever reads the control topic; readiness says that it is away.
"""

import logging
import select
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from streams.database import backoff
from streams.web import flagfile
from streams.web.routes import Flag

log = logging.getLogger(__name__)

CHANNEL = "fairdrift_control"
EVERY = 1.0
"""Seconds between two readings when nothing is notified."""

_CURRENT = sa.text("""
select distinct on (model) model, to_route as route, percent, epoch, reason, changed_by, alert, rest, version
from fairdrift.route_changes order by model, epoch desc
""")


class RouteBoard:
    """The flag of every configured model. `start` and `stop` its thread; without it every `flags` reads the database.

    With a `file` the flags are also written there whenever they change (`streams.web.flagfile`).
    """

    def __init__(self, engine: sa.Engine, models: Sequence[str], file: Path | None = None) -> None:
        self.models, self._file = tuple(models), file
        self._engine = engine
        self._flags: Mapping[str, Flag] | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._ends: tuple[socket.socket, ...] = ()

    @property
    def held(self) -> Mapping[str, Flag] | None:
        """The flags by model as they were read last; None before, and where nobody listens."""
        return self._flags if self._thread is not None else None

    def flags(self) -> Mapping[str, Flag]:
        """The flags that are held, else read now; raises what the database raises."""
        held = self.held
        return self.read() if held is None else held

    def read(self) -> Mapping[str, Flag]:
        """Read all routes."""
        with self._engine.connect() as connection:
            rows = {row.model: row for row in connection.execute(_CURRENT)}
        flags = {model: _flag(model, rows.get(model)) for model in self.models}
        if (
            self._flags is None or flags != self._flags
        ):  # the same object as long as nothing changed: answers are kept with it
            self._flags = flags
        return self._flags

    def start(self) -> None:
        """Begin to listen."""
        self._stopping.clear()
        self._ends = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="route-board", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Listen no more; returns when the thread has ended."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping.set()
            self._ends[0].send(b"x")
            thread.join()
            for end in self._ends:
                end.close()

    def _run(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            try:
                self._listen()
                attempt = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, the last routes stay and it is tried again
                log.warning("routes cannot be read now (%s); the last ones stay in force", type(error).__name__)
                self._stopping.wait(backoff(attempt))
                attempt += 1

    def _listen(self) -> None:
        connection: Any = self._connected()
        try:
            self._take()
            while not self._stopping.is_set():
                select.select([connection, self._ends[1]], [], [], EVERY)
                connection.poll()
                connection.notifies.clear()
                self._take()
        finally:
            connection.close()

    def _take(self) -> None:
        flags = self.read()
        if self._file is not None:
            flagfile.write(self._file, flags.values())

    def _connected(self) -> Any:
        """A connection of its own, listening; not one of the pool's."""
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"listen {CHANNEL}")
        return connection


def _flag(model: str, row: Any) -> Flag:
    if row is None:
        return Flag(model)
    return Flag(model, row.route, row.percent, row.epoch, row.reason, row.changed_by, row.alert, row.rest, row.version)
