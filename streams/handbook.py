"""The generated parts of the documentation: `python -m streams.handbook` writes deploy/configuration.md, deploy/prometheus/metrics.md
and README's commands.

What a key is, which values it takes and its default come from the schema of the configuration; the sentence about it is written
by hand in the file itself and kept. A test compares both with what is published, and asks for a sentence for every key.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from monitor.times import format_duration
from streams.cli import build_app
from streams.exporter import METRICS, HistogramName
from streams.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION = ROOT / "deploy" / "configuration.md"
EXPORTED = ROOT / "deploy" / "prometheus" / "metrics.md"
README = ROOT / "README.md"

INTRODUCTION = """# Configuration reference

One YAML file, by `--config` or `FAIRDRIFT_CONFIG`; `fairdrift check` says what is wrong with it and what to do. Begin with a commented
example: [credit](examples/credit.yaml), [hiring](examples/hiring.yaml), [insurance](examples/insurance.yaml). Editors understand
[the JSON Schema](schemas/configuration.json).

YAML is read as 1.2 (`no` is a text). Unknown keys are mistakes. Durations have units: `90s`, `5m`, `24h`, `30d`. `${NAME}` is an environment
variable, `${NAME:-default}` one with a default, `${file:/run/secrets/x}` the content of a file, `$${` a literal `${`: that is where secrets come from.

Keys, values and defaults are written by `python -m streams.handbook` from the program; the sentences are kept.
"""
EXPORTED_INTRODUCTION = """# Metrics for Prometheus

What workers and `fairdrift serve` tell at `/metrics`, beside Python's own of the process. Names stay; labels may be added. No label holds an
attribute's value or an id: groups are in the SQL views. [rules.yml](rules.yml) are alerts upon them.

Written by `python -m streams.handbook` from the table that they are made from (`streams/exporter.py`).
"""
HEAD = ("| key | values | default | what it is |", "|---|---|---|---|")
DURATION = r"^(\d+(ms"
HIDDEN = "*" * 10

Schema = Mapping[str, Any]


def configuration(published: str) -> str:
    """The reference, with the sentences of the published one."""
    told = _sentences(published)
    schema = Settings.model_json_schema(by_alias=True)
    lines = [INTRODUCTION]
    for title, text, keys in _sections(schema):
        lines += [
            f"{'##' if '.' not in title and ' ' not in title else '###'} {title}",
            "",
            *([text, ""] if text else []),
        ]
        if keys:
            lines += [*HEAD, *(_row(key, one, told.get((title, key), "")) for key, one in keys.items()), ""]
    return "\n".join(lines).rstrip() + "\n"


def commands() -> list[str]:
    """README's table of commands: the first sentence of each one's help, and its own commands."""
    import typer.main

    rows = ["| command | what it does |", "|---|---|"]
    group: Any = typer.main.get_command(build_app())
    for name, command in sorted(group.commands.items()):
        below = ", ".join(f"`{one}`" for one in getattr(command, "commands", {}))
        rows.append(f"| `fairdrift {name}` | {_first(command.help)}{f': {below}' if below else ''} |")
    return rows


def _first(text: str) -> str:
    """The first paragraph, on one line, without its full stop."""
    return " ".join((text or "").strip().split("\n\n")[0].split()).removesuffix(".")


def _sections(schema: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Title, what it is, and keys of each section, those below a section after it."""
    for key, one in schema["properties"].items():
        yield from _section(key, one, schema["$defs"], set())


def _section(title: str, one: Schema, known: Schema, seen: set[str]) -> Iterator[tuple[str, str, Schema]]:
    names = [name for name in _references(one) if _properties(known[name])]
    if len(names) > 1 and all("type" in _properties(known[name]) for name in names):
        yield from _union(title, names, known, seen)
        return
    for name in names:
        if name in seen:
            continue
        seen.add(name)
        which = f" ({name.removesuffix('Config').lower()})" if len(names) > 1 else ""
        yield f"{title}{which}", _paragraph(known[name]), _keys(known[name])
        for key, below in _properties(known[name]).items():
            yield from _section(f"{title}.{key}", below, known, seen)


def _union(title: str, names: list[str], known: Schema, seen: set[str]) -> Iterator[tuple[str, str, Schema]]:
    """What all types have, then what each has besides."""
    each = [_keys(known[name]) for name in names]
    shared = {
        key: one for key, one in each[0].items() if key != "type" and all(other.get(key) == one for other in each)
    }
    types = ", ".join(f"`{one['type']['const']}`" for one in each)
    yield title, f"Each has a `type`: {types}. All have:", shared
    for key, below in shared.items():
        yield from _section(f"{title}.{key}", below, known, seen)
    for name, own in zip(names, each, strict=True):
        keys = {key: one for key, one in own.items() if key not in shared and key != "type"}
        yield f"{title} of type {own['type']['const']}", _paragraph(known[name]), keys
        for key, below in keys.items():
            yield from _section(f"{title}.{key}", below, known, seen)


def _properties(section: Schema) -> Schema:
    """The keys of a section, also of one with a short form beside the mapping."""
    forms = [section, *section.get("anyOf", ()), *section.get("oneOf", ())]
    return next((form["properties"] for form in forms if form.get("properties")), {})


def _keys(section: Schema) -> dict[str, Any]:
    """Its keys; those that must be given say so."""
    needed = section.get("required", ())
    return {key: {**one, "required": True} if key in needed else one for key, one in _properties(section).items()}


def _references(one: Any) -> list[str]:
    """The names of the definitions that a schema refers to, in order."""
    if isinstance(one, Mapping):
        own = [one["$ref"].rsplit("/", 1)[-1]] if "$ref" in one else []
        return own + [
            name for key, value in one.items() if key not in ("default", "discriminator") for name in _references(value)
        ]
    return [name for value in one for name in _references(value)] if isinstance(one, list) else []


def _paragraph(section: Schema) -> str:
    return " ".join(section.get("description", "").split())


def _row(key: str, one: Schema, sentence: str) -> str:
    return f"| `{key}` | {_values(one)} | {_default(one)} | {sentence} |"


def _values(one: Schema) -> str:
    """The values in words."""
    if "enum" in one:
        return ", ".join(f"`{value}`" for value in one["enum"])
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in one:
            words = [_values(other) for other in one[alternatives] if other.get("type") != "null"]
            return " or ".join(dict.fromkeys(words))
    if "$ref" in one or one.get("type") == "object":
        return "mapping"
    if one.get("pattern", "").startswith(DURATION):
        return "duration"
    kinds = one.get("type", "any")
    if isinstance(kinds, list):
        return " or ".join(_kind(kind, one) for kind in kinds)
    return _kind(kinds, one)


def _kind(kind: str, one: Schema) -> str:
    if kind == "array":
        inner = _values(one.get("items", {}))
        return "list" if inner in ("any", "mapping") else f"list of {inner}"
    if one.get("format") in ("password", "path", "date-time"):
        return {"password": "secret", "path": "path", "date-time": "time"}[one["format"]]
    limits = "".join(
        f", {sign} {one[word]:g}"
        for word, sign in (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<"))
        if word in one
    )
    return {"string": "text", "boolean": "`true`, `false`", "integer": "whole number"}.get(kind, kind) + limits


def _default(one: Schema) -> str:
    given = one.get("default")
    if one.get("required") is True:
        return "*needed*"
    if given is None or given in ("", [], {}, HIDDEN) or isinstance(given, dict):
        return ""
    if isinstance(given, list):
        return f"`{', '.join(_plain(value, one.get('items', {})) for value in given)}`"
    return f"`{_plain(given, one)}`"


def _plain(value: Any, one: Schema) -> str:
    if one.get("pattern", "").startswith(DURATION) and isinstance(value, int):
        return format_duration(value)
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _sentences(published: str) -> dict[tuple[str, str], str]:
    """What was written by hand: (section, key) -> sentence."""
    found, title = {}, ""
    for line in published.splitlines():
        if line.startswith("##"):
            title = line.lstrip("# ")
        elif line.startswith("| `"):
            _, key, *_, sentence, _ = re.split(r"(?<!\\)\|", line)
            found[title, key.strip(" `")] = sentence.strip()
    return found


def exported() -> str:
    """The reference of the metrics for Prometheus, by name."""
    lines = [EXPORTED_INTRODUCTION, "| name | kind | labels | what it is |", "|---|---|---|---|"]
    for name, metric in sorted(METRICS.items()):
        kind = "histogram" if name in get_args(HistogramName) else "counter" if name.endswith("_total") else "gauge"
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        lines.append(f"| `{name}` | {kind} | {labels} | {metric.help} |")
    return "\n".join(lines) + "\n"


def with_commands(readme: str) -> str:
    """README with its table of commands as the program has it."""
    rows = commands()
    start = readme.index(rows[0])
    end = readme.index("\n\n", start)
    return readme[:start] + "\n".join(rows) + readme[end:]


def write() -> None:
    """Write all of them."""
    EXPORTED.write_text(exported(), encoding="utf-8")
    published = CONFIGURATION.read_text(encoding="utf-8") if CONFIGURATION.exists() else ""
    CONFIGURATION.write_text(configuration(published), encoding="utf-8")
    README.write_text(with_commands(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write()
