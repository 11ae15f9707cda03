"""Routes for the command line and the web: what is in force, what was changed, and a person's change, each whole."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import msgspec
import sqlalchemy as sa

from alerts import operators
from alerts.config import EVERY_MODEL
from alerts.operators import Person, Place, Wish
from alerts.routing import Routing
from alerts.tables import control_freezes, route_changes, routes
from streams.errors import StreamsError
from streams.settings import Settings


class UnknownModel(StreamsError):
    """No configured model has that name."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The route in force of one model; epoch 0: it never changed. `frozen`: why nothing may change by itself, or empty."""

    model: str
    route: str = "live"
    percent: float | None = None
    rest: str = "live"
    version: str = ""
    epoch: int = 0
    reason: str = ""
    changed_by: str = ""
    alert: str | None = None
    effective_at: datetime | None = None
    frozen: str = ""


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """One change of route."""

    model: str
    epoch: int
    from_route: str
    to_route: str
    percent: float | None
    rest: str
    version: str
    reason: str
    changed_by: str
    alert: str | None
    evidence: dict[str, object]
    effective_at: datetime
    recorded_at: datetime
    config_version: str


class Controls:
    """Reads and changes routes of the configured models, each in a transaction of its own."""

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self.models = tuple(model.name for model in settings.models)
        self._engine = engine
        self._place = Place(Routing.from_config(settings.receivers).control, settings.version)

    def routes(self) -> list[Shown]:
        """The route of every configured model, in the order of the configuration."""
        with self._engine.connect() as conn:
            return read_routes(conn, self.models)

    def history(self, model: str = "", limit: int = 20) -> list[Changed]:
        """The newest changes first; of one model, or of all."""
        query = sa.select(route_changes).order_by(route_changes.c.recorded_at.desc(), route_changes.c.epoch.desc())
        if model:
            query = query.where(route_changes.c.model == self.known(model))
        with self._engine.connect() as conn:
            rows = conn.execute(query.limit(limit)).mappings()
            return [Changed(**{name: row[name] for name in Changed.__struct_fields__}) for row in rows]

    def set(self, model: str, wish: Wish, person: Person) -> Shown:
        """A person's change; the route in force after it. NotDone if it is no change, or was overtaken."""
        with self._changing(model) as conn:
            operators.set_route(conn, model, wish, person, self._place)
            return read_routes(conn, [model])[0]

    def freeze(self, model: str, person: Person) -> None:
        """Stop whatever would change by itself; `*` for every model."""
        with self._changing(model) as conn:
            operators.freeze(conn, [model], person)

    def thaw(self, model: str) -> bool:
        """Lift that freeze; False if there was none."""
        with self._changing(model) as conn:
            return bool(operators.thaw(conn, [model]))

    def known(self, model: str) -> str:
        """The name, if it is configured; UnknownModel otherwise."""
        if model not in self.models:
            raise UnknownModel(f"no model is called {model!r}; configured: {', '.join(self.models)}")
        return model

    @contextmanager
    def _changing(self, model: str) -> Iterator[sa.Connection]:
        if model != EVERY_MODEL:
            self.known(model)
        with self._engine.begin() as conn:
            yield conn


def read_routes(conn: sa.Connection, models: Sequence[str]) -> list[Shown]:
    """The routes of these models, in that order."""
    found = {row.model: row for row in conn.execute(sa.select(routes))}
    stopped = {row.model: f"{row.reason} ({row.changed_by})" for row in conn.execute(sa.select(control_freezes))}
    return [_shown(model, found.get(model), stopped.get(model) or stopped.get(EVERY_MODEL, "")) for model in models]


def _shown(model: str, row: sa.Row[tuple[object, ...]] | None, frozen: str) -> Shown:
    if row is None:
        return Shown(model=model, frozen=frozen)
    names = [name for name in Shown.__struct_fields__ if name not in ("model", "frozen")]
    return Shown(model=model, frozen=frozen, **{name: getattr(row, name) for name in names})
