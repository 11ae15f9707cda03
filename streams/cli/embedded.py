"""`fairdrift embedded`: the embedded Kafka and Postgres, for trying things and writing tests against."""

import json
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from streams.embedded import Embedded

EXAMPLES = """
Try things:      fairdrift embedded                           prints two addresses; Ctrl-C ends both

From a program:  fairdrift embedded --json --data-dir data    one line of JSON, once both are ready
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("embedded", epilog=EXAMPLES)(embedded)


def embedded(
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Keep Postgres' data in this folder (default: a temporary one, removed at the end)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON when both are ready.")] = False,
) -> None:
    """Start the embedded Kafka and Postgres, print their addresses, and run until interrupted.

    Both listen on 127.0.0.1 only, on free ports. Ctrl-C or SIGTERM stops them and leaves nothing behind.
    """
    asked_to_stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_stop.set())
    with Embedded(data_dir) as services:
        if as_json:
            typer.echo(json.dumps({"kafka": services.kafka, "postgres": services.postgres}))
        else:
            typer.echo(f"Kafka     {services.kafka}\nPostgres  {services.postgres}\nCtrl-C stops both.")
        asked_to_stop.wait()
