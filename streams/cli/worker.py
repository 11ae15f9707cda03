"""`fairdrift worker`: count events, judge windows, tell people."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from streams.config import load
from streams.heap import spare_arrow
from streams.logs import Format, configure_logging
from streams.turns import give_way, take_short_turns_in_python

EXAMPLES = """
Run one:     fairdrift worker --config fairdrift.yaml

Catch up:    fairdrift worker --drain        count and evaluate what the topics hold now, then stop
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("worker", epilog=EXAMPLES)(worker)


def worker(
    config: Annotated[Path, typer.Option(envvar="FAIRDRIFT_CONFIG", help="The configuration.")] = Path(
        "fairdrift.yaml"
    ),
    drain: Annotated[bool, typer.Option("--drain", help="Stop once what the topics hold now is evaluated.")] = False,
    log_format: Annotated[Format, typer.Option(help="How to log.")] = "console",
) -> None:
    """Run a worker: count events, judge windows, send pages. Any number may run; they share the partitions."""
    os.environ.setdefault("NO_CYTHON", "1")
    spare_arrow()
    from streams.worker import Worker

    settings = load(config)
    configure_logging(log_format)
    give_way()
    take_short_turns_in_python()
    asyncio.run(_run(Worker, settings, drain))


async def _run(kind: type, settings: object, drain: bool) -> None:
    await kind(settings, drain).run()
