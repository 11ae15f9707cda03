"""`fairdrift check`: what is wrong, and what to do about it."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from alerts.words import several
from streams.checks import Finding, Level, run_checks, sending
from streams.config import load

STYLES = {Level.OK: "green", Level.UNKNOWN: "dim", Level.WARNING: "yellow", Level.FAILURE: "bold red"}


EXAMPLES = """
Everything:      fairdrift check --config fairdrift.yaml

A receiver:      fairdrift check --send-test oncall           an alert that begins and ends, to be seen to arrive

In a pipeline:   fairdrift check --json
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check", epilog=EXAMPLES)(check)


def check(
    config: Annotated[Path, typer.Option("--config", envvar="FAIRDRIFT_CONFIG", help="The configuration file.")] = Path(
        "fairdrift.yaml"
    ),
    send_test: Annotated[
        list[str] | None,
        typer.Option("--send-test", help="Send this receiver a test instead (an alert that begins and ends)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check configuration, topics, database and receivers. Changes nothing and waits for nothing.

    Each finding says what is wrong and what to do. Exits with 1 if something fails; warnings are for you to judge.
    """
    console = Console(highlight=False)
    findings = []
    for finding in sending.check(load(config), send_test) if send_test else run_checks(config):
        findings.append(finding)
        if not as_json:
            _show(console, finding)
    counts = Counter(finding.level for finding in findings)
    if as_json:
        typer.echo(
            json.dumps({"ok": not counts[Level.FAILURE], "findings": [finding.as_dict() for finding in findings]})
        )
    else:
        console.print(
            f"{several(counts[Level.FAILURE], 'failure')}, {several(counts[Level.WARNING], 'warning')}, {counts[Level.UNKNOWN]} unknown"
        )
    if counts[Level.FAILURE]:
        raise typer.Exit(1)


def _show(console: Console, finding: Finding) -> None:
    console.print(
        Text.assemble((f"{finding.level:<8}", STYLES[finding.level]), (finding.where, "bold"), f": {finding.what}")
    )
    if finding.remedy:
        console.print(Padding(Text(f"-> {finding.remedy}"), (0, 0, 0, 8)))
