"""`fairdrift audit FILE`: the rows of a CSV or Parquet file through the same metrics, intervals and policies."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from alerts.config import PolicyConfig
from monitor.cells import cell_schema
from monitor.config import ModelConfig
from monitor.policies import Answer, Context, Policy, registry
from streams.audit import judged, plain, printing
from streams.audit.asking import Wishes, name_of, prepare, proposals
from streams.audit.gating import Asked, configured, find
from streams.audit.html import page
from streams.audit.proposing import as_yaml, protected
from streams.audit.reading import AuditError, Table, read
from streams.audit.run import Audit, Request, Tell, audit
from streams.cli._auditing import Columns, Groups, Judging, Measures, Output, day, justified, wished
from streams.cli._grouping import with_options
from streams.config import load
from streams.settings import Settings

EXAMPLES = """
Look:  fairdrift audit loans.csv --attribute sex --attribute age --decision granted

In a pipeline:  fairdrift audit loans.parquet --attribute sex --decision granted --gate us-four-fifths
exits 0 (clear), 1 (breached) or 2 (cannot say)

Weighted:  fairdrift audit claims.csv --attribute sex --decision paid --weights exposure

By class:  fairdrift audit desk.csv --attribute sex --decision route --favourable pay --classes pay --classes refer

For a report:  fairdrift audit loans.csv --config fairdrift.yaml --model credit-limit --report audit.html

To begin with:  fairdrift audit loans.csv --propose > models.yaml

What policies there are:  fairdrift audit --list-policies
"""

EXIT = {Answer.CLEAR: 0, Answer.BREACHED: 1, Answer.CANNOT_SAY: 2}
WORST = (Answer.BREACHED, Answer.CANNOT_SAY, Answer.CLEAR)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit", epilog=EXAMPLES)(audit_command)


@with_options(Columns, Groups, Measures, Judging, Output)
def audit_command(
    file: Annotated[Path | None, typer.Argument(help="A .csv (also .csv.gz) or .parquet file.")] = None,
    *,
    columns: Columns,
    groups: Groups,
    measures: Measures,
    judging: Judging,
    output: Output,
) -> None:
    """Measure parity in a file, with intervals; judge it by policies; look for proxies and skewed labels.

    The exit code is 0, or with --gate that of the worst answer: 0 clear, 1 breached, 2 cannot say. Mistakes exit with 2 too.
    """
    if judging.list_policies:
        _list(as_json=output.as_json)
        return
    if file is None:
        raise AuditError("name a CSV or Parquet file, as in `fairdrift audit loans.csv`; --help has examples")
    _checked(output, configured=groups.config is not None)
    settings = load(groups.config) if groups.config is not None else None
    wishes = wished(file, columns, groups, measures)
    table = read(file, frozenset(columns.null or ()), columns.delimiter)
    if output.propose:
        typer.echo(_proposed(table, wishes), nl=False)
        return
    known = _configured(settings, output.store_baseline or groups.model)
    prepared = prepare(table, wishes, known)
    request = Request(
        tuple(measures.metric or ()),
        _asked(judging, _periods(settings, prepared.model.name)),
        proxies=measures.proxies,
        min_n=measures.min_n,
        today=day(judging.on),
    )
    with _telling(quiet=output.as_json or not sys.stderr.isatty()) as tell:
        found = audit(table, prepared, request, tell)
    _finish(found, output.report or (), as_json=output.as_json)
    if output.store_baseline and settings is not None and known is not None:
        _store(found, settings, known)
    if judging.gate:
        raise typer.Exit(_exit_code(found))


def _checked(output: Output, *, configured: bool) -> None:
    """AuditError for what could not be done with the result, before there is any."""
    for path in output.report or ():
        if path.suffix.lower() not in (".html", ".json"):
            raise AuditError(f"--report {path}: the name ends in .html or .json")
    if output.store_baseline and not configured:
        raise AuditError("--store-baseline needs --config: the baseline's groups must be those of the model")


def _configured(settings: Settings | None, name: str) -> ModelConfig | None:
    """The model that is meant."""
    if settings is None:
        return None
    names = [model.name for model in settings.models]
    if not name and len(names) > 1:
        raise AuditError(f"say which model is meant, with --model; there are {', '.join(names)}")
    found = next((model for model in settings.models if model.name == (name or names[0])), None)
    if found is None:
        raise AuditError(f"no model {name} is configured; there are {', '.join(names)}")
    return found


def _periods(settings: Settings | None, model: str) -> dict[str, PolicyConfig]:
    """The policies that the configuration has for a model, by name."""
    given = settings.policies if settings is not None else ()
    return {one.name: one for one in given if one.policy and model in one.models}


def _asked(judging: Judging, periods: Mapping[str, PolicyConfig]) -> tuple[Asked, ...]:
    """Policies by name: of the configuration, shipped, or in a file; without any, all that the configuration has."""
    context = Context(justifications=dict(justified(one) for one in judging.exclude or ()))
    gates = judging.gate or ()
    named = dict.fromkeys((*gates, *(judging.policy or ()))) or dict.fromkeys(periods)
    return tuple(
        configured(periods[name], gate=name in gates)
        if name in periods
        else Asked(name, find(name), context, gate=name in gates)
        for name in named
    )


def _proposed(table: Table, wishes: Wishes) -> str:
    chosen: Mapping[str, str] = wishes.attributes or {name_of(name): name for name in protected(table.names)}
    if not chosen:
        raise AuditError(
            f"no column sounds like a protected attribute: name them with --attribute; {table.path.name} has"
            f" {', '.join(table.names)}"
        )
    return as_yaml(wishes.name, proposals(table, chosen, wishes))


@contextmanager
def _telling(*, quiet: bool) -> Iterator[Tell]:
    """What is being done, on standard error."""
    if quiet:
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading")
        yield lambda text: progress.update(task, description=text)


def _finish(found: Audit, reports: Sequence[Path], *, as_json: bool) -> None:
    written = json.dumps(plain.plain(found), ensure_ascii=False, indent=None)
    for path in reports:
        try:
            path.write_text(page(found) if path.suffix.lower() == ".html" else written, encoding="utf-8")
        except OSError as error:
            raise AuditError(f"--report {path}: {error.strerror}") from error
    if as_json:
        typer.echo(written)
        return
    console = Console(highlight=False)
    console.print(printing.render(found, console.width))
    for path in reports:
        console.print(f"written: {path}", style="dim")


def _store(found: Audit, settings: Settings, model: ModelConfig) -> None:
    if found.baseline.cell_schema != cell_schema(model):
        wanted = ", ".join([*model.attributes, *model.factors])
        raise AuditError(f"a baseline needs every attribute and factor of {model.name}: {wanted}")
    from streams.baselines import store_baseline
    from streams.database import engine as make_engine
    from streams.schema import require_head

    engine = make_engine(settings, name="fairdrift audit", pool_size=1)
    try:
        require_head(engine)
        with engine.begin() as connection:
            number = store_baseline(connection, found.baseline)
    finally:
        engine.dispose()
    typer.echo(
        f"stored as baseline {number} of {found.model.name}: rules of type drift compare with it from now on", err=True
    )


def _exit_code(found: Audit) -> int:
    answers = {one.answer for one in found.rulings if one.asked.gate}
    return EXIT[next(answer for answer in WORST if answer in answers)]


def _list(*, as_json: bool) -> None:
    found: list[Policy] = [version for versions in registry().values() for version in versions]
    if as_json:
        typer.echo(json.dumps([plain.policy(one) for one in found], ensure_ascii=False))
        return
    Console(highlight=False).print(judged.listed(found))
