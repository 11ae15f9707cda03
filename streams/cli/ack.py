"""`fairdrift ack`: take an alert over, so that it is neither escalated nor repeated."""

import getpass
import socket
from pathlib import Path
from typing import Annotated

import typer

from alerts import desk
from streams.config import load
from streams.database import engine as make_engine
from streams.schema import require_head

EXAMPLES = """
Take it over:    fairdrift ack limit-parity --comment "looking"     by the rule's name

                 fairdrift ack 3f2a9c81 --by ada                    by the beginning of its id
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ack", epilog=EXAMPLES)(ack)


def ack(
    alert: Annotated[str, typer.Argument(help="The alert: its id, a beginning of it, or the name of its rule.")],
    comment: Annotated[str, typer.Option(help="What you are doing about it.")] = "",
    by: Annotated[str, typer.Option(help="Who (default: the user of this machine).", show_default=False)] = "",
    config: Annotated[Path, typer.Option("--config", envvar="FAIRDRIFT_CONFIG", help="The configuration file.")] = Path(
        "fairdrift.yaml"
    ),
) -> None:
    """Acknowledge a firing alert: escalations and reminders stop, and PagerDuty is told who has it.

    It is yours until it resolves; the next time it fires it is nobody's again.
    """
    engine = make_engine(load(config), name="fairdrift ack", pool_size=1)
    try:
        require_head(engine)
        with engine.begin() as conn:
            found = desk.find(conn, alert)
            new = desk.acknowledge(conn, found, by or operator(), comment)
    finally:
        engine.dispose()
    typer.echo(f"{found[:12]} is yours" if new else f"{found[:12]} was acknowledged before; nothing changed")


def operator() -> str:
    """Who sits at this machine, as it stands in the audit."""
    return f"{getpass.getuser()}@{socket.gethostname()}"
