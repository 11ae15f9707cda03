"""`fairdrift silence`: hold notifications back for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import sqlalchemy as sa
import typer

from alerts import desk
from alerts.matching import Matcher
from monitor.times import parse_duration
from streams.cli._listing import print_rows
from streams.cli.ack import operator
from streams.config import load
from streams.database import engine as make_engine
from streams.schema import require_head
from streams.watching import routing_of

EXAMPLES = """
Add:     fairdrift silence add 'model=~"credit.*"' severity=page --for 2h --comment "migration"

List:    fairdrift silence list

End:     fairdrift silence expire 3f2a9c81d0b4
"""

Config = Annotated[Path, typer.Option("--config", envvar="FAIRDRIFT_CONFIG", help="The configuration file.")]
By = Annotated[str, typer.Option(help="Who (default: the user of this machine).", show_default=False)]
DEFAULT = Path("fairdrift.yaml")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Hold notifications back for a while; alerts are still found and recorded.",
        epilog=EXAMPLES,
        no_args_is_help=True,
    )
    group.command("add")(add)
    group.command("list")(list_)
    group.command("expire")(expire)
    app.add_typer(group, name="silence")


def add(
    matchers: Annotated[
        list[str], typer.Argument(help='All must match: name=value, name!=value, name=~"a|b", name!~x.')
    ],
    lasts: Annotated[str, typer.Option("--for", help="How long, such as 30m, 2h or 1d.")],
    comment: Annotated[str, typer.Option(help="Why; shown with the silence.")],
    by: By = "",
    config: Config = DEFAULT,
) -> None:
    """Silence alerts from now on: beginnings are held back, ends are told to whoever was told of the beginning."""
    wanted = tuple(Matcher.parse(text) for text in matchers)
    if not comment.strip():
        raise typer.BadParameter("--comment says why: whoever finds the silence will ask")
    try:
        ends = datetime.now(UTC) + timedelta(milliseconds=parse_duration(lasts))
    except OverflowError:
        raise typer.BadParameter(f"--for {lasts} ends after the year 9999") from None
    with opened(config) as conn:
        try:
            made = desk.add_silence(conn, desk.Silencing(wanted, ends, comment), by or operator())
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        concerned = sum(made.id in one.silenced_by for one in desk.list_alerts(conn))
    typer.echo(f"{made.id} until {made.ends_at:%Y-%m-%d %H:%M:%S %Z}; silences {concerned} of the alerts that fire")


def list_(
    over: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    config: Config = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List silences; those that stand in the configuration are called `configured-...`."""
    configured = routing_of(load(config)).silences
    with opened(config) as conn:
        found = desk.list_silences(conn, configured, over=over)
    if as_json:
        typer.echo(msgspec.json.encode([asdict(one) for one in found]))
        return
    if not found:
        typer.echo("there was never a silence" if over else "nothing is silenced")
        return
    rows = [
        [one.id, one.state, ", ".join(one.matchers), f"{one.ends_at:%Y-%m-%d %H:%M}", one.created_by, one.comment]
        for one in found
    ]
    print_rows(("silence", "state", "matchers", "ends", "by", "comment"), rows, lead=2)


def expire(
    silence: Annotated[str, typer.Argument(help="The silence, by its id.")], by: By = "", config: Config = DEFAULT
) -> None:
    """End a silence now. What it held back and still fires is told at once."""
    with opened(config) as conn:
        desk.expire_silence(conn, silence, by or operator())
    typer.echo(f"{silence} is over")


@contextmanager
def opened(config: Path) -> Iterator[sa.Connection]:
    """A transaction on the configured database."""
    engine = make_engine(load(config), name="fairdrift silence", pool_size=1)
    try:
        require_head(engine)
        with engine.begin() as conn:
            yield conn
    finally:
        engine.dispose()
