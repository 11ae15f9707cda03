"""Reading `fairdrift.yaml`: YAML, `${...}`, defaults, checks; all mistakes at once, each with its path in plain words.

YAML is read as version 1.2 means it: only `true` and `false` are booleans (`no` is Norway), dates stay text, and a key
that is there twice is a mistake. `${NAME}` is an environment variable, `${NAME:-default}` one with a default,
`${file:/path}` the content of a file without its last line end, `$${` a literal `${`. They are put into values after
YAML was read, so that no value can change the structure.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from alerts.words import several
from monitor.sections import TOLD
from streams.errors import StreamsError
from streams.mistakes import Mistake, path_text, placed, reference_mistakes, told, without
from streams.settings import KafkaConfig, Settings, Stream, canonical, config_version, streams
from streams.substitution import substituted
from streams.yaml12 import YamlMistake, read_yaml

__all__ = [
    "ConfigError",
    "KafkaConfig",
    "Settings",
    "Stream",
    "canonical",
    "config_version",
    "load",
    "parse",
    "streams",
]

LOOKS = 8
"""How often the configuration is looked at again without what was found wrong: more than sections are nested."""

DEFAULT_PATH = Path("fairdrift.yaml")


class ConfigError(StreamsError):
    """The configuration has mistakes; `mistakes` are (path, what is wrong), in the order of the file's sections."""

    def __init__(self, source: str, mistakes: list[Mistake]) -> None:
        self.source, self.mistakes = source, mistakes
        count = several(len(mistakes), "mistake")
        lines = [f"  {path_text(path)}: {text}" if path else f"  {text}" for path, text in mistakes]
        super().__init__("\n".join([f"{source} has {count}:", *lines]))


def load(path: Path | str = DEFAULT_PATH, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in a file; ConfigError with every mistake that can be found at once."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        text = f"cannot be read: {why}; name another with --config or FAIRDRIFT_CONFIG"
        raise ConfigError(str(path), [((), text)]) from None
    return parse(text, source=str(path), environ=environ)


def parse(text: str, source: str = "the configuration", environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in a text of YAML."""
    try:
        raw, mistakes = read_yaml(text)
    except YamlMistake as error:
        raise ConfigError(source, [((), str(error))]) from None
    if not isinstance(raw, dict):
        raise ConfigError(source, [((), "is no mapping: start with `models:`, each with a name and attributes")])
    raw, unresolved = substituted(raw, os.environ if environ is None else environ)
    raw = with_defaults(raw)
    settings, invalid = _validated(raw)
    unset = {path for path, _ in unresolved}
    mistakes += [*unresolved, *(m for m in invalid if m[0] not in unset), *reference_mistakes(raw)]
    if settings is None or mistakes:
        raise ConfigError(source, _ordered(mistakes))
    return settings


def with_defaults(raw: dict[str, Any]) -> dict[str, Any]:
    """The names of topics that `kafka` gives for models and for receivers of type rollback."""
    given = raw.get("kafka")
    kafka: dict[str, Any] = given if isinstance(given, dict) else {}
    topics, control = kafka.get("topics"), kafka.get("control_topic")
    filled = dict(raw)
    if isinstance(topics, dict) and isinstance(raw.get("models"), list):
        filled["models"] = [_with_topics(model, topics) for model in raw["models"]]
    if isinstance(control, str) and isinstance(raw.get("receivers"), list):
        filled["receivers"] = [_with_topic(receiver, control) for receiver in raw["receivers"]]
    return filled


def _with_topic(receiver: object, topic: str) -> object:
    if isinstance(receiver, dict) and receiver.get("type") == "rollback":
        return {"topic": topic, **receiver}
    return receiver


def _with_topics(model: object, topics: dict[str, Any]) -> object:
    if not isinstance(model, dict):
        return model
    own = model.get("topics", {})
    return {**model, "topics": {**topics, **own}} if isinstance(own, dict) else model


def _validated(raw: dict[str, Any]) -> tuple[Settings | None, list[Mistake]]:
    """The settings, or every mistake: also those between fields that only show when wrong fields are taken away."""
    mistakes: list[Mistake] = []
    rest: Any = placed(raw)
    for look in range(LOOKS):
        try:
            settings = Settings.model_validate(rest, context={TOLD: {text for _, text in mistakes}})
            return (None if mistakes else settings), mistakes
        except ValidationError as error:
            mistakes += told(error, rest, only_between=look > 0)
            rest = without(rest, error)
    return None, mistakes


def _ordered(mistakes: list[Mistake]) -> list[Mistake]:
    """Each once, by section and place."""
    unique = list(dict.fromkeys(mistakes))
    sections = list(Settings.model_fields)

    def rank(mistake: Mistake) -> tuple[int, list[tuple[bool, int, str]]]:
        path, _ = mistake
        section = sections.index(path[0]) if path and path[0] in sections else -1
        return section, [(isinstance(p, str), p if isinstance(p, int) else 0, str(p)) for p in path[1:]]

    return sorted(unique, key=rank)
