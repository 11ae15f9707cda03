"""`fairdrift demo`: the whole story on real data, with embedded Kafka and Postgres."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
See it:          fairdrift demo                               the whole story, in under three minutes

Look around:     fairdrift demo --keep                        leaves everything running and says how to connect

In a pipeline:   fairdrift demo --json --days 20
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo", epilog=EXAMPLES)(demo)


def demo(
    days: Annotated[int, typer.Option(min=11, max=90, help="Simulated days; the deployment is in the middle.")] = 30,
    per_day: Annotated[int, typer.Option(min=1_000, max=20_000, help="Applications a day, on average.")] = 5_500,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn at random.")] = 7,
    pace: Annotated[float, typer.Option(min=0.0, help="Real seconds for a simulated day, at least.")] = 0.0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the account as JSON, and nothing else.")] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines instead of a picture, as when not on a terminal.")
    ] = False,
    picture: Annotated[Path | None, typer.Option(help="Write the last picture to this SVG file.")] = None,
    data: Annotated[Path | None, typer.Option(help="The clients, if not those of deploy/demo.")] = None,
) -> None:
    """The whole story on real data: a lending model goes wrong for one group, fairdrift sees it, pages, takes it out,
    and lets the repaired version in step by step.

    Exit code 0 if everything happened once and in the right order, 1 if not. Nothing needs to be installed beside Python,
    and nothing is left behind.
    """
    from rich.console import Console

    from streams.demo import run, screen

    signal.signal(signal.SIGTERM, _interrupt)
    err = Console(stderr=True, quiet=as_json)
    console = Console(quiet=as_json)
    options = run.Options(days, per_day, seed, pace, *([data] if data else []))
    err.print("training the model on clients who will not apply", highlight=False)
    script, bank = run.prepare(options)
    with run.stage(lambda words: err.print(words, highlight=False)) as running:
        shown = screen.Plain(console) if plain else screen.screen_for(console)
        account, now = run.play(script, bank, running, shown)
        if as_json:
            typer.echo(run.as_json(account))
        screen.epilogue(account, console)
        if picture is not None:
            screen.save(now, picture)
        if keep:
            _until_interrupted(run.how_to_connect(running), err=as_json)
    raise typer.Exit(0 if account.complete else 1)


def _interrupt(*_: object) -> None:
    """SIGTERM ends the demo as Ctrl-C does: in order."""
    raise KeyboardInterrupt


def _until_interrupted(words: str, *, err: bool) -> None:
    """Say them and wait. Whoever reads them may interrupt at once."""
    try:
        typer.echo(words, err=err)
        threading.Event().wait()
    except KeyboardInterrupt:
        typer.echo("stopping everything", err=True)
