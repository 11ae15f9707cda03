"""The generated documentation is what is published, and says something about every key."""

import re

from streams import handbook
from streams.handbook import CONFIGURATION, EXPORTED, README

TEXT = CONFIGURATION.read_text(encoding="utf-8")


def test_the_reference_is_that_of_the_program() -> None:
    assert handbook.configuration(TEXT) == TEXT, "run `python -m streams.handbook`, and write a sentence for new keys"


def test_every_key_has_a_sentence() -> None:
    assert re.findall(r"^\| `(.*)\|\s*\|$", TEXT, re.MULTILINE) == []


def test_defaults_are_written_as_they_would_be_configured() -> None:
    assert "| `session_timeout` | duration | `15s` |" in TEXT
    assert "| `windows` | list of duration | `5m, 1h, 1d, 7d, 30d` |" in TEXT
    assert "| `name` | text | *needed* |" in TEXT


def test_a_sentence_is_kept_where_the_program_changed() -> None:
    changed = TEXT.replace("| duration | `15s` |", "| text | `20s` |").replace(" \\| sha256sum`", " \\| shasum`")
    assert "\\| shasum`" in handbook.configuration(changed)
    assert handbook.configuration(changed).replace("shasum", "sha256sum") == TEXT


def test_readme_s_commands_are_those_of_the_program() -> None:
    text = README.read_text(encoding="utf-8")
    assert handbook.with_commands(text) == text, "run `python -m streams.handbook`"


def test_the_metrics_for_prometheus_are_those_that_are_exported() -> None:
    assert handbook.exported() == EXPORTED.read_text(encoding="utf-8"), "run `python -m streams.handbook`"
