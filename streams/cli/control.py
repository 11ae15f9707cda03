"""`fairdrift control`: the routes of models: look, change, restore, freeze."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from alerts.config import EVERY_MODEL
from alerts.control import Route
from alerts.operators import Person, Wish
from alerts.plans import Status
from streams.cli._listing import print_rows
from streams.cli.ack import operator
from streams.config import load
from streams.controls import Changed, Controls, Shown, ShownPlan
from streams.database import engine as make_engine
from streams.schema import require_head

EXAMPLES = """
Look:      fairdrift control show                                            every model's route, by whom and why

Take out:  fairdrift control set credit fallback --why "limits look wrong"   at once, without asking any rule

Restore:   fairdrift control restore credit --why "retrained, see INC-12"    rules never restore by themselves

Let in:    fairdrift control plan credit --start v7 --why "INC-12 fixed"     shadow, 1%, 25%, 100%, each step earned

Stop:      fairdrift control freeze --why "migration tonight"                the kill switch: nothing changes by itself

Go on:     fairdrift control thaw --why "migration is over"

Step on:   fairdrift control advance credit --why "seen enough"              the plan's next step now, earned or not

Stay:      fairdrift control hold credit --why "weekend"                     the plan stays at its step

Look back: fairdrift control history credit
"""

Config = Annotated[Path, typer.Option("--config", envvar="FAIRDRIFT_CONFIG", help="The configuration file.")]
Model = Annotated[str, typer.Argument(help="Name of the model.")]
Why = Annotated[str, typer.Option(help="Why; kept with the change.")]
By = Annotated[str, typer.Option(help="Who (default: the user of this machine).", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT = Path("fairdrift.yaml")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="The desired route of each model: look, change, restore, freeze.", epilog=EXAMPLES, no_args_is_help=True
    )
    group.command("show")(show)
    group.command("history")(history)
    group.command("set")(set_)
    group.command("restore")(restore)
    group.command("freeze")(freeze)
    group.command("thaw")(thaw)
    group.command("plan")(plan)
    group.command("advance")(advance)
    group.command("hold")(hold)
    app.add_typer(group, name="control")


def show(config: Config = DEFAULT, as_json: AsJson = False) -> None:
    """Show every model's route: since when, by whom and why."""
    with controls(config) as found:
        _routes(found.routes(), as_json)


def history(
    model: Annotated[str, typer.Argument(help="Name of the model; all without it.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many, the newest first.")] = 20,
    config: Config = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Show the changes of routes, the newest first, with the evidence in JSON."""
    with controls(config) as found:
        changes = found.history(model, limit)
    if as_json:
        typer.echo(msgspec.json.encode(changes))
        return
    if not changes:
        typer.echo("no route was ever changed" if not model else f"the route of {model} was never changed")
        return
    rows = [
        [f"{one.effective_at:%Y-%m-%d %H:%M}", one.model, str(one.epoch), _change(one), one.changed_by, one.reason]
        for one in changes
    ]
    print_rows(("when (event time)", "model", "epoch", "route", "by", "why"), rows, lead=2)


def set_(
    model: Model,
    route: Annotated[Route, typer.Argument(help="live, canary, shadow or fallback.")],
    why: Why,
    percent: Annotated[float | None, typer.Option(help="Of a canary: the share of the decisions.")] = None,
    rest: Annotated[Route, typer.Option(help="Of a canary: who decides the others, live or fallback.")] = Route.LIVE,
    version: Annotated[str, typer.Option(help="Of a canary or a shadow: which version.")] = "",
    epoch: Annotated[int | None, typer.Option(help="Only if this is still the epoch in force.")] = None,
    by: By = "",
    config: Config = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Set a model's route. A person is not braked; a running canary plan ends with it."""
    if (route is Route.CANARY) != (percent is not None and 0 < percent < 100):
        raise typer.BadParameter("a canary needs --percent between 0 and 100, and nothing else has one")
    if rest not in (Route.LIVE, Route.FALLBACK):
        raise typer.BadParameter("--rest is live or fallback")
    with controls(config) as found:
        _routes([found.set(model, Wish(route, percent, rest, version, epoch), person(by, why))], as_json)


def restore(
    model: Model,
    why: Why,
    epoch: Annotated[int | None, typer.Option(help="Only if this is still the epoch in force.")] = None,
    by: By = "",
    config: Config = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Put a model back into its place: route live. Only people do this, and canary plans that people began."""
    with controls(config) as found:
        _routes([found.set(model, Wish(Route.LIVE, epoch=epoch), person(by, why))], as_json)


def freeze(
    why: Why,
    model: Annotated[str, typer.Argument(help="Name of the model; all without it.")] = EVERY_MODEL,
    by: By = "",
    config: Config = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """The kill switch: nothing changes a route by itself, neither rules nor plans, until `thaw`. People still can."""
    with controls(config) as found:
        found.freeze(model, person(by, why))
        _routes(found.routes(), as_json)


def thaw(
    why: Why,
    model: Annotated[str, typer.Argument(help="Name of the model; the freeze of all without it.")] = EVERY_MODEL,
    by: By = "",
    config: Config = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Lift a freeze. Rules that still fire ask again at the next pane."""
    with controls(config) as found:
        if not found.thaw(model, person(by, why)):
            what = "every model" if model == EVERY_MODEL else model
            typer.echo(f"there is no freeze of {what} to lift; `fairdrift control show` says what is frozen", err=True)
            raise typer.Exit(1)
        _routes(found.routes(), as_json)


def plan(
    model: Model,
    start: Annotated[str, typer.Option(help="Begin the configured plan for this version.")] = "",
    why: Annotated[str, typer.Option(help="Why; kept with the change.")] = "",
    by: By = "",
    config: Config = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Show a model's canary plan and how its version compares on the same window; or begin one."""
    if why and not start:
        raise typer.BadParameter("--why belongs to --start VERSION, which begins the plan")
    with controls(config) as found:
        if start:
            found.begin(model, start, person(by, why))
        shown = found.plan(model)
        if shown is None and not as_json:
            typer.echo(found.no_plan(model))
        else:
            _plan(shown, as_json)


def advance(model: Model, why: Why, by: By = "", config: Config = DEFAULT, as_json: AsJson = False) -> None:
    """Put the next step of a plan in force, passed or not."""
    with controls(config) as found:
        found.advance(model, person(by, why))
        _plan(found.plan(model), as_json)


def hold(
    model: Model,
    why: Why,
    release: Annotated[bool, typer.Option("--release", help="Let it go on.")] = False,
    by: By = "",
    config: Config = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Hold a plan: it does not advance, and a breach still drops it."""
    with controls(config) as found:
        found.hold(model, person(by, why), held=not release)
        _plan(found.plan(model), as_json)


def person(by: str, why: str) -> Person:
    """Who acts: the name that was given, else the user of this machine."""
    try:
        return Person(by or operator(), why)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@contextmanager
def controls(config: Path) -> Iterator[Controls]:
    """The routes of a configuration's database."""
    settings = load(config)
    engine = make_engine(settings, name="fairdrift control", pool_size=1)
    try:
        require_head(engine)
        yield Controls(engine, settings)
    finally:
        engine.dispose()


def _routes(shown: Sequence[Shown], as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(shown))
        return
    rows: list[list[str | Text]] = []
    for one in shown:
        since = f"{one.effective_at:%Y-%m-%d %H:%M}" if one.effective_at else ""
        why = Text(one.reason)
        if one.frozen:
            why.append(f" FROZEN: {one.frozen}", style="bold red")
        rows.append([one.model, words(one), str(one.epoch), since, one.changed_by, why])
    print_rows(("model", "route", "epoch", "since (event time)", "by", "why"), rows, lead=2)


def _plan(shown: ShownPlan | None, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(shown))
        return
    console = Console(highlight=False)
    assert shown is not None
    steps = ["shadow" if percent == 0 else f"{percent:g}%" for percent in shown.steps]
    steps[shown.step - 1] = f"[bold]\\[{steps[shown.step - 1]}][/]"
    console.print(f"{shown.model}: version {shown.version}, plan {shown.status}: {' -> '.join(steps)}")
    if shown.status in (Status.RUNNING, Status.HELD):
        least, looked = min(shown.decided.values(), default=0), f"{shown.finding or 'not looked at yet'} {shown.reason}"
        console.print(
            f"this step: {shown.inside_hours:g} of {shown.needed_hours:g} h inside the bounds, {least:,} of {shown.needed_n:,}"
            f" decisions of the least group; now: {looked}".rstrip(),
            markup=False,
        )
    rows = []
    for side in shown.comparison:
        groups = ", ".join(
            f"{name} {_number(value)} ({'withheld' if n is None else f'{n:,}'})"
            for name, (value, n) in sorted(side.groups.items())
        )
        interval = f"{_number(side.low)} to {_number(side.high)}" if side.value is not None else side.state
        what = f"{side.metric} over {', '.join(side.attributes)}"
        rows.append([side.version, side.arm, what, _number(side.value), interval, groups])
    if rows:
        print_rows(("version", "arm", "what", "value", "95% interval", "groups (n)"), rows, lead=3)


def _number(value: float | None) -> str:
    """Four digits, and no fewer than stand before the point."""
    return "-" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def words(one: Shown) -> str:
    """The route in words, as `canary 5% of v7, rest fallback`."""
    of = f" of {one.version}" if one.version else ""
    if one.route == Route.CANARY:
        return f"canary {one.percent:g}%{of}, rest {one.rest}"
    return f"{one.route}{of}"


def _change(change: Changed) -> str:
    percent = "" if change.percent is None else f" {change.percent:g}%"
    version = f" ({change.version})" if change.version else ""
    return f"{change.from_route} -> {change.to_route}{percent}{version}"
