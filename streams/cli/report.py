"""`fairdrift report`: a model's impact assessment over a period, on paper."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import sqlalchemy as sa
import typer

from monitor.config import ModelConfig
from monitor.times import parse_time
from streams.config import load
from streams.database import engine as make_engine
from streams.errors import StreamsError
from streams.schema import require_head
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.report.findings import Period

EXAMPLES = """
The last 30 days:   fairdrift report --model credit-limit --output report.html

A quarter:          fairdrift report --model credit-limit --from 2026-07-01 --to 2026-10-01 --output q3.html

As it read then:    fairdrift report --model credit-limit --to 2026-10-01 --as-of 2026-10-02T09:00:00Z --output then.html

For a program:      fairdrift report --model hiring --policy us-four-fifths --json
"""

LENGTH = timedelta(days=30)
"""Of the period, where no beginning is given: from the midnight before."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report", epilog=EXAMPLES)(report)


def report(
    config: Annotated[Path, typer.Option("--config", envvar="FAIRDRIFT_CONFIG", help="The configuration file.")] = Path(
        "fairdrift.yaml"
    ),
    model: Annotated[str, typer.Option(help="The model (default: the only one that is configured).")] = "",
    start: Annotated[
        str, typer.Option("--from", help="Beginning of the period (default: 30 days before its end).")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="End of the period (default: what is evaluated last).")] = "",
    as_of: Annotated[str, typer.Option("--as-of", help="As everything was known at this time (default: now).")] = "",
    policy: Annotated[
        list[str] | None, typer.Option(help="A policy to apply, beside those of the configuration.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path("report.html"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and write nothing.")] = False,
) -> None:
    """Write a model's impact assessment: what happened, to whom, on what evidence, and what was done about it.

    One HTML file that needs nothing else: parity over time, incidents with the groups before and after, the table of New York's
    Local Law 144, a model card's fairness section. Every figure is the SQL views', as they read at the stated time.
    """
    from streams.report.gathering import Request, gather, newest
    from streams.report.page import page
    from streams.report.plain import encoded

    settings = load(config)
    chosen = _model(settings, model)
    engine = make_engine(settings, name="fairdrift report", pool_size=1)
    try:
        require_head(engine)
        last = _time(end, "--to") or newest(engine, chosen.name)
        if last is None:
            raise StreamsError(f"nothing of {chosen.name} is evaluated yet: run `fairdrift worker`, or say --to")
        found = gather(engine, settings, Request(chosen, _period(engine, (start, as_of), last), tuple(policy or ())))
    finally:
        engine.dispose()
    if as_json:
        typer.echo(encoded(found))
        return
    try:
        output.write_text(page(found), encoding="utf-8")
    except OSError as error:
        raise StreamsError(f"--output {output}: {error.strerror}") from error
    typer.echo(f"{output}: {chosen.name}, {found.period.start:%Y-%m-%d %H:%M} to {found.period.end:%Y-%m-%d %H:%M} UTC")


def _period(engine: sa.Engine, given: tuple[str, str], end: datetime) -> "Period":
    from streams.report.findings import Period

    first = _time(given[0], "--from") or (end - LENGTH).replace(hour=0, minute=0, second=0, microsecond=0)
    if first >= end:
        raise StreamsError(f"the period from {first:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} has no time in it")
    known = _time(given[1], "--as-of")
    if known is None:
        with engine.connect() as connection:
            known = connection.execute(sa.text("select now()")).scalar_one()
    return Period(first, end, known.astimezone(UTC))


def _model(settings: Settings, name: str) -> ModelConfig:
    names = [one.name for one in settings.models]
    if not name and len(names) != 1:
        raise StreamsError(f"say which model is meant, with --model; there are {', '.join(names) or 'none'}")
    found = next((one for one in settings.models if one.name == (name or names[0])), None)
    if found is None:
        raise StreamsError(f"no model {name} is configured; there are {', '.join(names)}")
    return found


def _time(text: str, option: str) -> datetime | None:
    if not text:
        return None
    whole = f"{text}T00:00:00Z" if len(text) == len("2026-01-01") else text
    found = parse_time(whole)
    if found is None:
        raise StreamsError(f"{option} {text}: write a day or an instant, as in 2026-10-01 or 2026-10-01T09:00:00Z")
    return datetime.fromtimestamp(found / 1000, UTC)
