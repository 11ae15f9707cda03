"""The command line: every file of this folder is a command, and `main` runs one.

A command is a module with `register(app: typer.Typer) -> None`. Adding a file adds a command; nothing else needs to know it.

Exit codes: 0 all is well; 1 it ran, and what it was asked to find or do is not so (a check failed, a service is away);
2 wrong use or wrong configuration, told without a traceback; 70 a mistake in fairdrift itself, with its traceback (no
gate may take it for an answer); 130 interrupted by Ctrl-C.

Why (2026-11): importing every command takes seconds (pandas, Faust, River), so when the first word names a file only that
file is imported. `fairdrift --help` and unknown words import none: they read in the files what each command says of itself.
"""

import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.rich_utils import rich_format_error

from alerts.errors import AlertsError
from monitor.errors import MonitorError
from streams.cli._completing import completed_words, outline
from streams.cli._examples import hand_down
from streams.errors import StreamsError

BROKEN = 70
"""EX_SOFTWARE of sysexits.h."""

OUR_ERRORS = (MonitorError, AlertsError, StreamsError)

WRONG_USE: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""Typer's errors about the command line; it does not name their root itself."""

AWAY = (("sqlalchemy.exc", "OperationalError", "Postgres"), ("kafka.errors", "KafkaError", "Kafka"))
"""Errors of services that cannot be reached: module, class, and what to call the service. Known by name, so that a command
that needs neither imports neither."""

EXAMPLES = """
Try it:    fairdrift demo                              the whole story on real data, nothing to install

Adopt it:  fairdrift check --config fairdrift.yaml     what is wrong, and what to do about it

Run it:    fairdrift migrate && fairdrift worker       count events, judge windows, send pages

Ask it:    fairdrift status --json                     parity now, per model, group and window
"""


def command_names() -> list[str]:
    """The commands' modules, in alphabetical order."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_"))


def build_app(only: str | None = None) -> typer.Typer:
    """The application with all commands, or with one (its name in `only`)."""
    app = _bare()
    for name in [only] if only else command_names():
        importlib.import_module(f"{__name__}.{name}").register(app)
    hand_down(app)
    return app


def build_outline() -> typer.Typer:
    """The application with the names of all commands and nothing behind them: for their list, and for completing the first word."""
    app = _bare()
    outline(app, Path(__file__).parent, command_names())
    return app


def _bare() -> typer.Typer:
    app = typer.Typer(
        name="fairdrift",
        help="Watches the decisions of models in production and pages a person, with proof, "
        "when parity between groups of people drifts past an agreed bound.",
        epilog=EXAMPLES,
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with one of the exit codes above."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    asked = completed_words()
    first = next((word for word in asked or words if not word.startswith("-")), None)
    try:
        app = _app_for(first)
        left = app(args=words, prog_name="fairdrift", standalone_mode=False)
        sys.exit(left if isinstance(left, int) else 0)  # what `typer.Exit` left with
    except WRONG_USE as error:
        error.message = plainly(error.message)
        rich_format_error(error)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except OUR_ERRORS as error:
        _tell(str(error))
        sys.exit(getattr(error, "exit_code", 2))
    except Exception as error:  # noqa: BLE001  # told with its traceback
        service = _service_away(error)
        if service is None:
            sys.excepthook(*sys.exc_info())
            sys.exit(BROKEN)
        _tell(f"{service} cannot be reached or refused: {(str(error).strip() or repr(error)).splitlines()[0]}")
        sys.exit(1)


def plainly(said: str) -> str:
    """What Typer says of a value, without the words of the library that checked it."""
    return said.replace("Value error, ", "").replace("Input should be", "must be")


def _app_for(first: str | None) -> typer.Typer:
    """As little of the program as this command line needs."""
    return build_app(first) if first in command_names() else build_outline()


def _tell(message: str) -> None:
    """One clean message on standard error; the traceback too when FAIRDRIFT_DEBUG is set."""
    if os.environ.get("FAIRDRIFT_DEBUG"):
        sys.excepthook(*sys.exc_info())
    typer.echo(f"fairdrift: {message}", err=True)


def _service_away(error: Exception) -> str | None:
    """The service that an error of its client says is away, or None for any other error."""
    for module, name, service in AWAY:
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(error, kind):
            return service
    return None


def _print_version(asked: bool) -> None:
    if not asked:
        return
    try:
        typer.echo(f"fairdrift {metadata.version('fairdrift')}")
    except metadata.PackageNotFoundError:
        typer.echo("fairdrift (not installed, run from its folder)")
    raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit."),
    ] = False,
) -> None:
    """Options of the program itself."""
