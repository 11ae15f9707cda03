"""Sets of rules from files: a whole configuration, or a file of rules that is read into one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from streams.backtest.history import BacktestError
from streams.backtest.running import RuleSet
from streams.config import load, parse
from streams.settings import Settings
from streams.watching import watched
from streams.yaml12 import YamlMistake, read_yaml

TAKEN = ("rules", "budget")
"""The sections that a file of rules brings along; the rest is the configuration's."""

TOLD = ("receivers", "routes", "silences", "inhibitions")
"""Left out beside a file of rules: nobody is told by a backtest, and the file need not say who they are."""


def rule_set(path: Path | None, config: Path, name: str = "") -> tuple[RuleSet, Settings]:
    """The rules of a file (None: those of the configuration itself) in the world of a configuration.

    ConfigError with every mistake, as `fairdrift check` tells them.
    """
    if path is None:
        settings = load(config)
        return _set(settings, name or config.name), settings
    own, base = _read(path), _read(config)
    if "rules" not in own:
        raise BacktestError(f"{path.name} has no `rules`")
    merged = {section: given for section, given in base.items() if section not in TOLD}
    merged |= {section: own[section] for section in TAKEN if section in own}
    merged["rules"] = [_untold(rule) for rule in own["rules"]] if isinstance(own["rules"], list) else own["rules"]
    settings = parse(yaml.safe_dump(merged, sort_keys=False, allow_unicode=True), source=str(path))
    return _set(settings, name or path.name), settings


def _untold(rule: Any) -> Any:
    """Without receivers and rollback."""
    told = ("receivers", "rollback")
    return {key: value for key, value in rule.items() if key not in told} if isinstance(rule, dict) else rule


def _set(settings: Settings, name: str) -> RuleSet:
    return RuleSet(name, watched(settings))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        raw, mistakes = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BacktestError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}"
        ) from error
    except YamlMistake as error:
        raise BacktestError(f"{path}: {error}") from error
    if mistakes or not isinstance(raw, dict):
        told = mistakes[0][1] if mistakes else "start with `rules:`"
        raise BacktestError(f"{path} is no file of rules: {told}")
    return raw
