"""`fairdrift token`: who may use the HTTP API, and for what."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
import typer

from monitor.times import parse_duration
from streams import tokens
from streams.cli._listing import print_rows
from streams.cli.ack import operator
from streams.cli.silence import DEFAULT, By, Config, opened
from streams.tokens import Scope

EXAMPLES = """
Make:    fairdrift token create grafana                              may read

         fairdrift token create oncall --scope operate --lasts 90d   may acknowledge and silence too

Look:    fairdrift token list

End:     fairdrift token revoke oncall
"""


LONGEST_NAME = 100


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Tokens of the HTTP API: make, list, revoke.", epilog=EXAMPLES, no_args_is_help=True)
    group.command("create")(create)
    group.command("list")(list_)
    group.command("revoke")(revoke)
    app.add_typer(group, name="token")


def create(
    name: Annotated[str, typer.Argument(help="Whose it is; it stands in the audit with all that it changes.")],
    scope: Annotated[
        Scope, typer.Option(help="read, operate (acknowledge, silence) or control (routes).")
    ] = Scope.READ,
    lasts: Annotated[str, typer.Option(help="How long it is good, such as 90d (default: until revoked).")] = "",
    by: By = "",
    config: Config = DEFAULT,
) -> None:
    """Make a token and print it, once: only its hash is kept."""
    if not name.isprintable() or name != name.strip() or not 1 <= len(name) <= LONGEST_NAME:
        raise typer.BadParameter(f"a name has 1 to {LONGEST_NAME} characters, and no space before or after them")
    how_long = _lasting(lasts) if lasts else None
    with opened(config) as conn:
        made = tokens.create(conn, name, scope, by or operator(), how_long)
    typer.echo(made)


def _lasting(text: str) -> timedelta:
    """As long as `--lasts` says, within what a date can hold."""
    try:
        lasting = timedelta(milliseconds=parse_duration(text))
        datetime.now(UTC) + lasting
    except OverflowError:
        raise typer.BadParameter(f"--lasts {text} ends after the year 9999") from None
    if not lasting:
        raise typer.BadParameter("--lasts must be longer than nothing")
    return lasting


def list_(
    config: Config = DEFAULT, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List tokens, those that are revoked too. Those of the configuration are not among them."""
    with opened(config) as conn:
        found = tokens.listed(conn)
    if as_json:
        typer.echo(msgspec.json.encode([asdict(one) for one in found]))
        return
    if not found:
        typer.echo("there are no tokens; `fairdrift token create NAME` makes one")
        return
    rows = []
    for one in found:
        ends, revoked = (f"{at:%Y-%m-%d %H:%M}" if at else "" for at in (one.expires_at, one.revoked_at))
        rows.append([one.name, one.scope, f"{one.created_at:%Y-%m-%d %H:%M}", ends, revoked])
    print_rows(("name", "scope", "made", "ends", "revoked"), rows, lead=2)


def revoke(name: Annotated[str, typer.Argument(help="Whose.")], by: By = "", config: Config = DEFAULT) -> None:
    """Revoke a token; within seconds it opens nothing any more."""
    with opened(config) as conn:
        done = tokens.revoke(conn, name, by or operator())
    typer.echo(f"{name} is revoked" if done else f"there is no token {name} that is not revoked")
    if not done:
        raise typer.Exit(1)
