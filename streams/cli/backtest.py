"""`fairdrift backtest`: a set of rules against stored history or a file, before anybody is woken by it."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from monitor.config import ModelConfig
from monitor.times import parse_time
from streams.backtest.history import BacktestError, History
from streams.backtest.injecting import parse_shift
from streams.backtest.page import page
from streams.backtest.printing import show
from streams.backtest.results import Backtest
from streams.backtest.rulesets import rule_set
from streams.backtest.running import Asked, RuleSet, Tell, backtest
from streams.backtest.stored import Stretch, read_stored
from streams.database import engine as make_engine
from streams.drifting import with_baselines
from streams.schema import require_head
from streams.settings import Settings
from streams.watching import Watched

if TYPE_CHECKING:
    from streams.backtest.events import File

EXAMPLES = """
Now:  fairdrift backtest                                 the configured rules over all that is stored

Before:  fairdrift backtest new-rules.yaml --against fairdrift.yaml --html backtest.html

What if:  fairdrift backtest --inject ratio=0.7,group=sex:female,from=2026-11-10 --runs 10

A file:  fairdrift backtest --file loans.csv --column decision=granted --column time=decided_at
"""


Several = list[str] | None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backtest", epilog=EXAMPLES)(backtest_command)


def backtest_command(
    rules: Annotated[
        Path | None, typer.Argument(help="A file with `rules` (and `budget`), or a whole configuration.")
    ] = None,
    config: Annotated[Path, typer.Option("--config", envvar="FAIRDRIFT_CONFIG", help="The configuration file.")] = Path(
        "fairdrift.yaml"
    ),
    against: Annotated[Path | None, typer.Option(help="Another file of rules, to be shown beside it.")] = None,
    model: Annotated[str, typer.Option(help="Only this model (default: every one that has history).")] = "",
    start: Annotated[str, typer.Option("--from", help="Leave out what was before, as in 2026-11-01.")] = "",
    end: Annotated[str, typer.Option("--to", help="Leave out what came after.")] = "",
    file: Annotated[
        Path | None, typer.Option(help="Events of one model in a .csv or .parquet file instead of stored history.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=COLUMN", help="Of the file: decision, score, value, label, time.")
    ] = None,
    attribute: Annotated[list[str] | None, typer.Option(metavar="[NAME=]COLUMN", help="Of the file.")] = None,
    time_format: Annotated[str, typer.Option(help="How times are written if not in RFC 3339, such as %d.%m.%Y")] = "",
    inject: Annotated[
        str,
        typer.Option(metavar="ratio=0.7,group=sex:F,from=TIME", help="Put a shift in, and time how long it goes on."),
    ] = "",
    runs: Annotated[int, typer.Option(min=1, max=1000, help="How often the shift is drawn.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the draws: the same seed gives the same answer.")] = 1,
    html: Annotated[Path | None, typer.Option(help="Write a picture of it, one file that needs nothing else.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a set of rules would have fired over a history: pages a week, when, about whom, and how soon.

    Reads the evidence panes, which are kept by the minute for 35 days; changes nothing and tells nobody. With --inject a
    group's favourable decisions are thinned from a moment on until its rate stands in the given ratio to its
    reference's, and the delay until the alert is timed.
    """
    first, settings = rule_set(rules, config)
    sets = [first] if against is None else [first, rule_set(against, config)[0]]
    asked = Asked(parse_shift(inject), inject, runs, seed) if inject else None
    stretch = Stretch(_time(start, "--from"), _time(end, "--to"))
    found = []
    with _telling(quiet=as_json or not sys.stderr.isatty()) as tell:
        told = _about(sets)
        for resolved, history in _histories(
            settings, told, (model, stretch), _file(file, column, attribute, time_format)
        ):
            found.append(backtest(history, resolved[0].of(history.model).model, resolved, asked, tell))
    _print(found, html, as_json=as_json)


def _print(found: Sequence[Backtest], html: Path | None, *, as_json: bool) -> None:
    if html is not None:
        for one in found:
            path = html if len(found) == 1 else html.with_stem(f"{html.stem}-{one.model}")
            path.write_text(page(one), encoding="utf-8")
            if not as_json:
                typer.echo(f"the picture is in {path}", err=True)
    if as_json:
        typer.echo(json.dumps([one.as_dict() for one in found], indent=2))
        return
    console = Console(highlight=False)
    for one in found:
        show(console, one)


def _about(sets: Sequence[RuleSet]) -> list[RuleSet]:
    """The sets, two of the same name told apart."""
    names = [one.name for one in sets]
    if len(set(names)) == len(names):
        return list(sets)
    return [RuleSet(f"{one.name} ({place + 1})", one.models) for place, one in enumerate(sets)]


def _histories(
    settings: Settings, sets: Sequence[RuleSet], what: tuple[str, Stretch], file: "File | None"
) -> Iterator[tuple[list[RuleSet], History]]:
    """The models with their histories, and the sets with the baselines that the database has for them."""
    (model, stretch), names = what, [one.name for one in settings.models]
    if model and model not in names:
        raise BacktestError(f"no model {model} is configured; there are {', '.join(names)}")
    chosen = [one for one in settings.models if model in ("", one.name)]
    if file is not None:
        if len(chosen) > 1:
            raise BacktestError(f"say whose events the file has: --model {' or --model '.join(names)}")
        from streams.backtest.events import read_events

        yield list(sets), read_events(file, chosen[0], stretch)
        return
    engine = make_engine(settings, name="backtest")
    try:
        require_head(engine)
        for one in chosen:
            history = _stored(engine, one, [rules.of(one.name) for rules in sets], stretch)
            if isinstance(history, History):
                yield [_with_baselines(engine, rules, one.name) for rules in sets], history
            elif model or len(chosen) == 1:
                raise history
    finally:
        engine.dispose()


def _stored(engine: sa.Engine, model: ModelConfig, of: Sequence[Watched], stretch: Stretch) -> History | BacktestError:
    metrics = sorted({plan.metric for one in of for plan in one.plans})
    with engine.begin() as connection:
        try:
            return read_stored(connection, model, stretch, metrics)
        except BacktestError as error:
            return error


def _with_baselines(engine: sa.Engine, rules: RuleSet, model: str) -> RuleSet:
    return RuleSet(rules.name, (with_baselines(engine, rules.of(model)),))


@contextmanager
def _telling(*, quiet: bool) -> Iterator[Tell]:
    """A progress bar on standard error."""
    if quiet:
        yield lambda done: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("folding panes", total=1.0)
        yield lambda done: progress.update(task, completed=done)


def _file(path: Path | None, columns: Several, attributes: Several, time_format: str) -> "File | None":
    if path is None:
        return None
    from streams.backtest.events import File

    return File(path, _pairs(columns, named=True), _pairs(attributes, named=False), time_format)


def _pairs(given: Several, *, named: bool) -> dict[str, str]:
    """`NAME=COLUMN` options; without `named` a bare COLUMN names itself."""
    found = {}
    for one in given or ():
        name, sign, value = one.partition("=")
        if not sign and named:
            raise BacktestError(f"--column {one}: write FIELD=COLUMN, as in decision=granted")
        found[name] = value if sign else name
    return found


def _time(text: str, option: str) -> int | None:
    if not text:
        return None
    found = parse_time(text if "T" in text else f"{text}T00:00:00Z")
    if found is None:
        raise BacktestError(f"{option} {text}: write a time, as in 2026-11-10 or 2026-11-10T12:00:00Z")
    return found
