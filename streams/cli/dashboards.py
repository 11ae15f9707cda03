"""`fairdrift dashboards push|write`: Grafana's boards into a running Grafana, or as files for provisioning."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from streams.dashboards.files import write
from streams.dashboards.provisioning import datasource, prometheus
from streams.dashboards.push import GrafanaError, Target, Wanted, push

EXAMPLES = """
Push:            fairdrift dashboards push --url https://grafana.example.com

By file:         fairdrift dashboards write deploy/grafana
"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Grafana dashboards: push them to a Grafana, or write the files for provisioning.",
        epilog=EXAMPLES,
        no_args_is_help=True,
    )
    group.command("push")(push_command)
    group.command("write")(write_command)
    app.add_typer(group, name="dashboards")


def push_command(
    url: Annotated[str, typer.Option(envvar="GRAFANA_URL", help="Address of the Grafana.")] = "http://127.0.0.1:3000",
    token: Annotated[
        str, typer.Option(envvar="GRAFANA_TOKEN", help="Token of a service account.", show_default=False)
    ] = "",
    create_datasource: Annotated[
        str,
        typer.Option(
            help="HOST:PORT/DATABASE as Grafana reaches it; created if missing. Password: FAIRDRIFT_READER_PASSWORD."
        ),
    ] = "",
    sslmode: Annotated[str, typer.Option(help="Of the created data source.")] = "require",
    create_prometheus: Annotated[
        str,
        typer.Option(help="URL of the Prometheus that scrapes the workers, as Grafana reaches it; created if missing."),
    ] = "",
    prune: Annotated[bool, typer.Option(help="Remove boards of earlier versions from the folder.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Create or update the folder and the boards in a running Grafana, and remove those that are no longer made."""
    if not token:
        raise GrafanaError("no token: make a service account in Grafana and give its token in GRAFANA_TOKEN")
    scraped = prometheus(create_prometheus) if create_prometheus else None
    wanted = Wanted(_datasource(create_datasource, sslmode), scraped, "fairdrift dashboards push", prune)
    done = push(Target(url, token), wanted)
    if as_json:
        rows: list[dict[str, object]] = [{"name": p.name, "url": p.url, "version": p.version} for p in done.pushed]
        rows += [{"name": uid, "pruned": True} for uid in done.pruned]
        rows += [{"name": name, "left_out": reason} for name, reason in done.left_out]
        typer.echo(json.dumps(rows))
        return
    for one in done.pushed:
        typer.echo(f"{one.name}: version {one.version} at {one.url}")
    for uid in done.pruned:
        typer.echo(f"removed: {uid}")
    for name, reason in done.left_out:
        typer.echo(f"{name}: left out. {reason}")


def write_command(
    directory: Annotated[Path, typer.Argument(help="Where to put dashboards/ and provisioning/.")] = Path(
        "deploy/grafana"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the boards and Grafana's provisioning files."""
    try:
        written = [str(path) for path in write(directory)]
    except OSError as error:
        raise GrafanaError(f"{directory} cannot be written: {error.strerror}") from None
    typer.echo(json.dumps(written) if as_json else "\n".join(written))


def _datasource(address: str, sslmode: str) -> dict[str, object] | None:
    if not address:
        return None
    host, slash, database = address.partition("/")
    if not slash or not host or not database:
        raise GrafanaError(
            f"--create-datasource {address!r} is not HOST:PORT/DATABASE, for example postgres:5432/fairdrift"
        )
    password = os.environ.get("FAIRDRIFT_READER_PASSWORD", "")
    if not password:
        raise GrafanaError("set FAIRDRIFT_READER_PASSWORD to the password of the role fairdrift_reader")
    return datasource(host, database, password, sslmode)
