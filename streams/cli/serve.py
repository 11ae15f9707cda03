"""`fairdrift serve`: the HTTP API in a process of its own."""

import gc
import logging
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from streams.config import load
from streams.database import engine as make_engine
from streams.logs import Format, configure_logging
from streams.turns import take_short_turns, take_short_turns_in_python
from streams.web import service_app
from streams.web.connections import limits
from streams.web.protocol import FlagProtocol

log = logging.getLogger(__name__)

EXAMPLES = """
Serve it:        fairdrift serve                              at 127.0.0.1:8787, to be read with a token

In a pod:        fairdrift serve --bind 0.0.0.0 --port 8787   behind something that speaks TLS
"""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve", epilog=EXAMPLES)(serve)


def serve(
    config: Annotated[Path, typer.Option("--config", envvar="FAIRDRIFT_CONFIG", help="The configuration file.")] = Path(
        "fairdrift.yaml"
    ),
    bind: Annotated[str, typer.Option(help="Address to listen on (default: the configured one, loopback).")] = "",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="Port (default: the configured one, 8787).", show_default=False),
    ] = None,
    log_format: Annotated[Format, typer.Option(help="How to log.")] = "console",
) -> None:
    """Serve the HTTP API: health, metrics, models and alerts, gates, flags. Its document is at /openapi.json.

    Everything but health needs one of the tokens of `serve.tokens`. Behind a proxy that ends TLS, say --bind.
    """
    settings = load(config)
    host = bind or settings.serve.bind
    number = settings.serve.port if port is None else port
    if not settings.serve.tokens:
        typer.echo("serve.tokens is empty: only tokens of `fairdrift token create` open more than /health", err=True)
    if host not in LOOPBACK:
        typer.echo(f"listening on {host}: the tokens travel in the clear unless a proxy before it speaks TLS", err=True)
    configure_logging(log_format)
    engine = make_engine(settings, name="fairdrift serve")
    app = service_app(engine, settings)
    take_short_turns()
    take_short_turns_in_python()
    gc.collect()
    gc.freeze()  # what is there now stays: full collections of it would be the slowest answers
    log.info("serving at %s, port %d", host, number)
    try:
        uvicorn.run(
            app,
            host=host,
            port=number,
            log_config=None,
            access_log=False,
            loop="uvloop",
            ws="none",
            lifespan="on",
            **limits(FlagProtocol),
        )
    finally:
        engine.dispose()
