"""`fairdrift audit FILE`: the rows of a CSV or Parquet file through the same metrics, intervals and policies."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from alerts.config import PolicyConfig
from monitor.cells import cell_schema
from monitor.config import ModelConfig
from monitor.policies import Answer, Context, Policy, registry
from streams.audit import plain, printing
from streams.audit.asking import FIELDS, Wishes, name_of, prepare, proposals
from streams.audit.gating import Asked, configured, find
from streams.audit.html import page
from streams.audit.proposing import as_yaml, protected
from streams.audit.reading import AuditError, Table, read
from streams.audit.run import Audit, Request, Tell, audit
from streams.config import load
from streams.replay import from_text
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

Several = list[str] | None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit", epilog=EXAMPLES)(audit_command)


def audit_command(
    file: Annotated[Path | None, typer.Argument(help="A .csv (also .csv.gz) or .parquet file.")] = None,
    attribute: Annotated[Several, typer.Option(metavar="[NAME=]COLUMN", help="A protected attribute.")] = None,
    factor: Annotated[
        Several, typer.Option(metavar="[NAME=]COLUMN", help="A legitimate factor to control for.")
    ] = None,
    decision: Annotated[str, typer.Option(metavar="COLUMN", help="Favourable or not (default: `decision`).")] = "",
    score: Annotated[str, typer.Option(metavar="COLUMN", help="A score (default: `score`).")] = "",
    value: Annotated[str, typer.Option(metavar="COLUMN", help="An amount (default: `value`).")] = "",
    label: Annotated[str, typer.Option(metavar="COLUMN", help="What came true (default: `label`).")] = "",
    outcome: Annotated[
        str, typer.Option(metavar="COLUMN", help="The amount that came true (default: `outcome`).")
    ] = "",
    time: Annotated[str, typer.Option(metavar="COLUMN", help="When it was decided (default: `time`).")] = "",
    favourable: Annotated[
        Several, typer.Option(metavar="VALUE", help="Decisions that are good for the person.")
    ] = None,
    positive: Annotated[Several, typer.Option(metavar="VALUE", help="Labels that are positive.")] = None,
    weights: Annotated[str, typer.Option(metavar="COLUMN", help="How much each row counts (default: as one).")] = "",
    classes: Annotated[
        Several, typer.Option(metavar="VALUE", help="A label whose rates are shown against every other's.")
    ] = None,
    cut: Annotated[
        float | None, typer.Option(help="A score of at least this is favourable, without a decision.")
    ] = None,
    reference: Annotated[Several, typer.Option(metavar="NAME=GROUP", help="What to compare groups with.")] = None,
    bins: Annotated[Several, typer.Option(metavar="NAME=25,40", help="Edges of an attribute's bins.")] = None,
    meaning: Annotated[
        Several, typer.Option(metavar="NAME=GROUP:RAW,...", help="What an attribute's codes mean.")
    ] = None,
    null: Annotated[
        Several, typer.Option(metavar="TEXT", help="What else than an empty cell is null, such as NA.")
    ] = None,
    metric: Annotated[Several, typer.Option(help="A metric (default: the best known); `all` for all.")] = None,
    intersections: Annotated[int, typer.Option(min=0, max=8, help="Most attributes together (default 2).")] = 0,
    favourable_only: Annotated[bool, typer.Option("--favourable-only", help="Only the favoured have labels.")] = False,
    display_min: Annotated[int, typer.Option(min=0, help="Withhold the numbers of smaller groups.")] = 0,
    min_n: Annotated[int, typer.Option(min=1, help="Groups of fewer take no part in differences and ratios.")] = 30,
    config: Annotated[
        Path | None, typer.Option("--config", envvar="FAIRDRIFT_CONFIG", help="Take attributes from it.")
    ] = None,
    model: Annotated[str, typer.Option(help="The model of the configuration (default: its only one).")] = "",
    gate: Annotated[
        Several, typer.Option(metavar="POLICY", help="Judge, and let the exit code say the answer.")
    ] = None,
    policy: Annotated[Several, typer.Option(help="Judge, for the report only.")] = None,
    on: Annotated[str, typer.Option(metavar="DAY", help="Judge rows without a time by the policies of this day.")] = "",
    exclude: Annotated[Several, typer.Option(metavar="NAME=GROUP:WHY", help="Why a small group is left out.")] = None,
    report: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="Write .html or .json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    propose: Annotated[bool, typer.Option("--propose", help="Print a models section for this data, and stop.")] = False,
    store_baseline: Annotated[str, typer.Option(metavar="MODEL", help="Store as this model's baseline.")] = "",
    proxies: Annotated[bool, typer.Option("--proxies/--no-proxies", help="Which columns tell the group.")] = True,
    delimiter: Annotated[str, typer.Option(help="Of a CSV, where it is not found by itself.")] = "",
    time_format: Annotated[str, typer.Option(help="How times are written if not in RFC 3339, such as %d.%m.%Y")] = "",
    list_policies: Annotated[
        bool, typer.Option("--list-policies", help="Say what policies there are, and stop.")
    ] = False,
) -> None:
    """Measure parity in a file, with intervals; judge it by policies; look for proxies and skewed labels.

    The exit code is 0, or with --gate that of the worst answer: 0 clear, 1 breached, 2 cannot say. Mistakes exit with 2 too.
    """
    if list_policies:
        _list(as_json=as_json)
        return
    if file is None:
        raise AuditError("name a CSV or Parquet file, as in `fairdrift audit loans.csv`; --help has examples")
    chosen = {"decision": decision, "score": score, "value": value, "label": label, "outcome": outcome, "time": time}
    wishes = Wishes(
        columns={name: chosen[name] for name in FIELDS if chosen[name]},
        attributes=pairs(attribute, "--attribute", named=False),
        factors=pairs(factor, "--factor", named=False),
        bins={name: _edges(name, text) for name, text in pairs(bins, "--bins").items()},
        values={name: _meanings(name, text) for name, text in pairs(meaning, "--meaning").items()},
        references=pairs(reference, "--reference"),
        favourable=_scalars(favourable),
        positive=_scalars(positive),
        cut=cut,
        intersections=intersections,
        favourable_only=favourable_only,
        weights=weights,
        classes=_scalars(classes),
        time_format=time_format,
        display_min=display_min,
        name=model or name_of(file.name.partition(".")[0]),
    )
    settings = load(config) if config is not None else None
    table = read(file, frozenset(null or ()), delimiter)
    if propose:
        typer.echo(_proposed(table, wishes), nl=False)
        return
    known = _configured(settings, store_baseline or model)
    prepared = prepare(table, wishes, known)
    asked = _asked(tuple(gate or ()), tuple(policy or ()), exclude or (), _periods(settings, prepared.model.name))
    request = Request(tuple(metric or ()), asked, proxies=proxies, min_n=min_n, today=_day(on))
    with _telling(quiet=as_json or not sys.stderr.isatty()) as tell:
        found = audit(table, prepared, request, tell)
    _finish(found, report or (), as_json=as_json)
    if store_baseline:
        _store(found, settings, known)
    if gate:
        raise typer.Exit(_exit_code(found))


def pairs(given: Several, option: str, *, named: bool = True) -> dict[str, str]:
    """`NAME=VALUE` of a repeated option; without `named` a bare value is its own name."""
    found: dict[str, str] = {}
    for one in given or ():
        name, equals, rest = one.partition("=")
        if named and not equals:
            raise AuditError(f"{option} {one}: write NAME=VALUE")
        if name in found:
            raise AuditError(f"{option} {name} is given twice")
        found[name if equals else name_of(name)] = rest if equals else name
    return found


def _edges(name: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise AuditError(f"--bins {name}={text}: write numbers, as in {name}=25,40,60") from None


def _meanings(name: str, text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for part in text.split(","):
        group, colon, raw = part.partition(":")
        if not colon or not group:
            raise AuditError(f"--meaning {name}={text}: write group:value, as in {name}=male:1,female:2")
        found[group] = (*found.get(group, ()), raw)
    return found


def _scalars(given: Several) -> tuple[bool | int | float | str, ...]:
    return tuple(value for value in (from_text(text) for text in given or ()) if value is not None)


def _day(text: str) -> date:
    if not text:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise AuditError(f"--on {text}: write a day, as in 2026-07-20") from None


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


def _asked(
    gates: Sequence[str], policies: Sequence[str], excluded: Sequence[str], periods: Mapping[str, PolicyConfig]
) -> tuple[Asked, ...]:
    """Policies by name: of the configuration, shipped, or in a file; without any, all that the configuration has."""
    context = Context(justifications=dict(_justified(one) for one in excluded))
    named = dict.fromkeys((*gates, *policies)) or dict.fromkeys(periods)
    return tuple(
        configured(periods[name], gate=name in gates)
        if name in periods
        else Asked(name, find(name), context, gate=name in gates)
        for name in named
    )


def _justified(text: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """`race=Native:why`, or `race=Native,sex=F:why` for an intersection."""
    groups, colon, why = text.partition(":")
    parts = [part.partition("=") for part in groups.split(",")]
    if not colon or not why.strip() or not all(equals and value for _, equals, value in parts):
        raise AuditError(f"--exclude {text}: write the group and why, as in 'race=Native:fifteen people'")
    return tuple(sorted((name.strip(), value.strip()) for name, _, value in parts)), why.strip()


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
        if path.suffix.lower() not in (".html", ".json"):
            raise AuditError(f"--report {path}: the name ends in .html or .json")
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


def _store(found: Audit, settings: Settings | None, model: ModelConfig | None) -> None:
    if settings is None or model is None:
        raise AuditError("--store-baseline needs --config: the baseline's groups must be those of the model")
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
    Console(highlight=False).print(printing.listed(found))
