"""`fairdrift migrate`: bring the schema to head."""

import json
from pathlib import Path
from typing import Annotated

import typer

from streams import schema
from streams.config import load
from streams.database import engine, retrying

EXAMPLES = """
Bring it up:     fairdrift migrate --config fairdrift.yaml

As migrator:     fairdrift migrate --database postgresql://fairdrift_migrator@db/fairdrift --wait 300
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("migrate", epilog=EXAMPLES)(migrate)


def migrate(
    config: Annotated[Path, typer.Option("--config", envvar="FAIRDRIFT_CONFIG", help="The configuration file.")] = Path(
        "fairdrift.yaml"
    ),
    database: Annotated[
        str, typer.Option(envvar="FAIRDRIFT_DATABASE", help="A database URL to use instead of the configured one.")
    ] = "",
    wait: Annotated[float, typer.Option(help="Seconds to wait for a database that is not there yet.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Bring the database's schema to head. Running it twice, or on several machines at once, does no harm."""
    target = engine(database or load(config), name="fairdrift migrate")

    def say(attempt: int, error: BaseException) -> None:
        if attempt == 0:
            typer.echo(f"waiting for the database: {str(error).splitlines()[0]}", err=True)

    try:
        before = retrying(lambda: schema.current(target), give_up_after=wait, on_retry=say)
        after = retrying(lambda: schema.upgrade(target), give_up_after=wait, on_retry=say)
    finally:
        target.dispose()
    if as_json:
        typer.echo(json.dumps({"before": before, "after": after}))
    elif before == after:
        typer.echo(f"the schema is at revision {after}, nothing to do")
    else:
        typer.echo(f"the schema is now at revision {after} (it was {before or 'empty'})")
