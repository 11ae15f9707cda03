"""`fairdrift alerts`: what fires, who has it, what holds it back; what was sent; who changed what."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import sqlalchemy as sa
import typer
from rich.text import Text

from alerts import desk
from streams import retiring
from streams.cli._listing import print_rows
from streams.cli.ack import operator
from streams.config import load
from streams.database import engine as make_engine
from streams.schema import require_head
from streams.settings import Settings
from streams.watching import routing_of

EXAMPLES = """
What fires:        fairdrift alerts

What was sent:     fairdrift alerts --deliveries      to whom, why, and whether it arrived

Who did what:      fairdrift alerts --audit           acknowledgements, silences, tokens

After a rule is gone:  fairdrift alerts --retire      end what it left firing, which nothing else would
"""

STYLES = {
    "firing": "bold red",
    "dead": "bold red",
    "retrying": "yellow",
    "pending": "yellow",
    "sent": "green",
    "resolved": "green",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("alerts", epilog=EXAMPLES)(alerts)


def alerts(
    everything: Annotated[bool, typer.Option("--all", help="Also alerts that do not fire.")] = False,
    deliveries: Annotated[bool, typer.Option("--deliveries", help="The newest notifications instead.")] = False,
    audit: Annotated[bool, typer.Option("--audit", help="The newest changes by people instead.")] = False,
    alert: Annotated[str, typer.Option(help="With --deliveries: only those of this alert.")] = "",
    retire: Annotated[
        bool, typer.Option("--retire", help="End the alerts of which no configured rule is in charge any more.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many, the newest first.")] = 50,
    config: Annotated[Path, typer.Option("--config", envvar="FAIRDRIFT_CONFIG", help="The configuration file.")] = Path(
        "fairdrift.yaml"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the alerts that fire: since when, who has them, what holds them back, who was told."""
    if everything + deliveries + audit + retire > 1:
        raise typer.BadParameter("--all, --deliveries, --audit and --retire are four different questions: give one")
    if alert and not deliveries:
        raise typer.BadParameter("--alert goes with --deliveries; without it every alert is listed")
    settings = load(config)
    engine = make_engine(settings, name="fairdrift alerts", pool_size=1)
    try:
        require_head(engine)
        if retire:
            _retire(engine, settings, as_json)
            return
        with engine.connect() as conn:
            if audit:
                _audit(desk.list_audit(conn, limit), as_json)
            elif deliveries:
                _deliveries(desk.list_deliveries(conn, desk.find(conn, alert) if alert else "", limit), as_json)
            else:
                silences = routing_of(settings).silences
                _alerts(desk.list_alerts(conn, silences, everything=everything), as_json, everything=everything)
    finally:
        engine.dispose()


def _retire(engine: sa.Engine, settings: Settings, as_json: bool) -> None:
    with engine.begin() as conn:
        ended = retiring.retire(conn, settings, operator())
    if as_json:
        typer.echo(msgspec.json.encode({"ended": ended}))
    elif ended:
        typer.echo(f"ended, and told to whoever was told of them: {', '.join(alert[:12] for alert in ended)}")
    else:
        typer.echo("nothing to end: a configured rule is in charge of every alert that fires")


def _alerts(found: list[desk.AlertShown], as_json: bool, *, everything: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode([asdict(one) for one in found]))
        return
    if not found:
        typer.echo("there was never an alert" if everything else "nothing fires")
        return
    rows: list[list[str | Text]] = []
    for one in found:
        state = Text(one.state, STYLES.get(one.state, ""))
        held = [f"silenced by {silence}" for silence in one.silenced_by] or [
            f"{receiver}: {why}" for receiver, why in one.held.items()
        ]
        told, whose = ", ".join([*one.told, *held]) or "-", one.acknowledged_by or "nobody's"
        rows.append([one.alert[:12], state, one.rule, one.model, _time(one.firing_since), whose, told, one.summary])
    print_rows(("alert", "state", "rule", "model", "since", "whose", "told", "what"), rows, lead=4)


def _deliveries(found: list[desk.DeliveryShown], as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode([asdict(one) for one in found]))
        return
    if not found:
        typer.echo("nothing was sent")
        return
    rows: list[list[str | Text]] = []
    for one in found:
        result, when = Text(one.result, STYLES.get(one.result, "")), _time(one.sent_at or one.next_at)
        known: list[str | Text] = [
            one.receiver,
            result,
            when,
            one.reason,
            str(one.attempts),
            _time(one.created_at),
            one.dedup_key,
        ]
        rows.append([*known, one.error or ""])
    print_rows(("to", "result", "sent or next", "why", "attempts", "written", "key", "error"), rows, lead=3)


def _audit(found: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    if not found:
        typer.echo("nobody changed anything")
        return
    rows = []
    for one in found:
        at, details = one["at"], msgspec.json.encode(one["details"]).decode()
        when = _time(at if isinstance(at, datetime) else None)
        rows.append([when, str(one["by"]), str(one["action"]), str(one["subject"]), details])
    print_rows(("when", "who", "what", "of what", "details"), rows, lead=3)


def _time(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
