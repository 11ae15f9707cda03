"""The contracts of import-linter (pyproject.toml) name every module that they are about."""

import pkgutil
import tomllib
from pathlib import Path

import alerts

ROOT = Path(__file__).resolve().parent.parent
SHELL = {
    "alerts.beats",
    "alerts.channels",
    "alerts.desk",
    "alerts.http",
    "alerts.operators",
    "alerts.outbox",
    "alerts.plan_records",
    "alerts.records",
    "alerts.router",
    "alerts.tables",
}


def test_every_module_of_alerts_is_pure_or_shell() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    pure = {
        module
        for contract in settings["contracts"]
        if contract["type"] == "forbidden" and "alerts.states" in contract["source_modules"]
        for module in contract["source_modules"]
    }
    there = {f"alerts.{found.name}" for found in pkgutil.iter_modules(alerts.__path__)}

    assert there == pure | SHELL, "add a new module of alerts to the contract in pyproject.toml, or to SHELL above"
