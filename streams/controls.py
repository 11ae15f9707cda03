"""Routes for the command line and the web: what is in force, what was changed, and a person's change, each whole."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import msgspec
import sqlalchemy as sa

from alerts import operators
from alerts.config import EVERY_MODEL, ThresholdConfig
from alerts.control import Route
from alerts.control_config import PlanConfig
from alerts.desk import record
from alerts.operators import Person, Place, Wish
from alerts.plan_records import KeptPlan, advance_plan, begin_plan, hold_plan, load_plan
from alerts.plans import Plan, PlanStep
from alerts.tables import control_freezes, route_changes, routes
from monitor.metrics import metric
from streams.errors import StreamsError
from streams.settings import Settings
from streams.watching import routing_of


class UnknownModel(StreamsError):
    """No configured model has that name."""


class NoPlan(StreamsError):
    """The model has no canary plan in the configuration."""


NEWEST = """
select max(window_end) from fairness_disparity where model = :model and window_seconds = :seconds and metric = :metric
"""

COMPARED = """
select d.version, d.arm, d.metric, d.attribute_set as attributes, d.state, d.value, d.ci_low as low, d.ci_high as high, d.n,
    coalesce((
        select jsonb_object_agg(
            (select string_agg(v.value, ' x ' order by v.key) from jsonb_each_text(g.group_values) v),
            jsonb_build_array(g.value, g.n))
        from fairness_group g
        where (g.model, g.version, g.arm, g.time_basis, g.window_seconds, g.window_end, g.attribute_set, g.metric)
            = (d.model, d.version, d.arm, d.time_basis, d.window_seconds, d.window_end, d.attribute_set, d.metric)
            and g.stratum = d.stratum and g.label_class = d.label_class), '{}') as groups
from fairness_disparity d
where d.model = :model and d.window_seconds = :seconds and d.metric = :metric and d.aggregate = :aggregate
    and d.method = :method and d.window_end = :end and d.stratum = '{}' and d.label_class = ''
order by d.attribute_set, d.version <> '*', d.version, d.arm
"""


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


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One bound of one version and arm in the window: the comparison, and each group's own value and n (null: withheld)."""

    version: str
    arm: str
    metric: str
    attributes: list[str]
    state: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    groups: dict[str, tuple[float | None, int | None]]


class ShownPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A canary plan: where it stands, what is missing in this step, and all versions and arms on the same window."""

    model: str
    version: str
    status: str
    step: int
    steps: list[float]
    epoch: int
    inside_hours: float
    needed_hours: float
    decided: dict[str, int]
    needed_n: int
    passed: bool
    finding: str
    reason: str
    changed_by: str
    why: str
    window_seconds: int
    window_end: datetime | None
    comparison: list[Side]


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
        self._engine, self._settings = engine, settings
        self._place = Place(routing_of(settings).control, settings.version)

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
            change = operators.set_route(conn, model, wish, person, self._place)
            record(conn, person.name, f"control.{wish.to}", model, {"why": person.why, "epoch": change.epoch})
            return read_routes(conn, [model])[0]

    def freeze(self, model: str, person: Person) -> None:
        """Stop whatever would change by itself; `*` for every model."""
        with self._changing(model) as conn:
            operators.freeze(conn, [model], person)
            record(conn, person.name, "control.freeze", model, {"why": person.why})

    def thaw(self, model: str, person: Person) -> bool:
        """Lift that freeze; False if there was none."""
        with self._changing(model) as conn:
            if not operators.thaw(conn, [model]):
                return False
            record(conn, person.name, "control.thaw", model, {"why": person.why})
            return True

    def plan(self, model: str) -> ShownPlan | None:
        """The newest plan of a model, with how its version compares; None if it never had one."""
        with self._engine.connect() as conn:
            kept = load_plan(conn, self.known(model))
            return None if kept is None else _shown_plan(kept, *self._compared(conn, kept.state.plan))

    def no_plan(self, model: str) -> str:
        """In words that a model never had a plan, and what to do about it."""
        if self._configured(model) is None:
            return f"{model} never had a canary plan, and none is configured: add one to control.plans"
        return f"no plan of {model} was begun yet: `fairdrift control plan {model} --start VERSION --why ...` begins it"

    def begin(self, model: str, version: str, person: Person) -> None:
        """Begin the configured plan of a model for a version. NoPlan if none is configured."""
        config = self._configured(self.known(model))
        if config is None:
            raise NoPlan(f"no plan is configured for {model}: add one to control.plans")
        with self._changing(model) as conn:
            begin_plan(conn, plan_of(config), version, person, self._place)
            record(conn, person.name, "plan.begin", model, {"why": person.why, "version": version})

    def _configured(self, model: str) -> PlanConfig | None:
        return next((plan for plan in self._settings.control.plans if plan.model == model), None)

    def advance(self, model: str, person: Person) -> None:
        """Put the next step of the plan in force, passed or not."""
        with self._changing(model) as conn:
            kept = advance_plan(conn, model, person, self._place)
            record(conn, person.name, "plan.advance", model, {"why": person.why, "step": kept.state.step + 1})

    def hold(self, model: str, person: Person, *, held: bool = True) -> None:
        """Hold the plan, or let it go on."""
        with self._changing(model) as conn:
            hold_plan(conn, model, person, held=held)
            record(conn, person.name, "plan.hold" if held else "plan.release", model, {"why": person.why})

    def _compared(self, conn: sa.Connection, plan: Plan) -> tuple[datetime | None, list[Side]]:
        """Every version and arm at the newest end of the plan's window, by the bounds of the plan's rules."""
        seconds = plan.window_ms // 1000
        found: list[Side] = []
        newest: datetime | None = None
        for rule in (r for r in self._settings.rules if r.name in plan.rules and isinstance(r, ThresholdConfig)):
            asked = {"metric": metric(rule.metric).name, "aggregate": rule.aggregate or "", "method": rule.method}
            given = asked | {"model": plan.model, "seconds": seconds}
            end = conn.execute(sa.text(NEWEST), given).scalar()
            newest = end or newest
            rows = conn.execute(sa.text(COMPARED), given | {"end": end}).mappings()
            sides = [msgspec.convert(dict(row), Side) for row in rows]
            found += [side for side in sides if rule.attributes in (None, tuple(side.attributes))]
        return newest, found

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


def plan_of(config: PlanConfig) -> Plan:
    """The plan as it is configured now; one under way keeps the steps with which it began."""
    steps = tuple(PlanStep(step.percent, step.inside, step.min_n, step.proven) for step in config.steps)
    return Plan(config.model, steps, config.rules, config.window, Route(config.rest), config.automatic)


def _shown_plan(kept: KeptPlan, window_end: datetime | None, comparison: list[Side]) -> ShownPlan:
    state, seen = kept.state, kept.state.progress
    return ShownPlan(
        model=state.plan.model,
        version=state.version,
        status=state.status.value,
        step=state.step + 1,
        steps=[step.percent for step in state.plan.steps],
        epoch=state.epoch,
        inside_hours=seen.inside_ms / 3_600_000,
        needed_hours=state.at.inside_ms / 3_600_000,
        decided=dict(seen.decided),
        needed_n=state.at.min_n,
        passed=state.passed,
        finding=seen.finding,
        reason=seen.reason,
        changed_by=kept.by,
        why=kept.why,
        window_seconds=state.plan.window_ms // 1000,
        window_end=window_end,
        comparison=comparison,
    )
