"""`${NAME}`, `${NAME:-default}` and `${file:/path}` in the values of a configuration."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Mistake = tuple[tuple[str | int, ...], str]

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


def substituted(raw: Any, environ: Mapping[str, str]) -> tuple[Any, list[Mistake]]:
    """The same structure with the references replaced, and what could not be. Values are never in the mistakes."""
    mistakes: list[Mistake] = []

    def walk(value: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(value, dict):
            return {key: walk(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner, (*path, place)) for place, inner in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        try:
            return _REFERENCE.sub(lambda found: _resolved(found, environ), value)
        except _Unresolved as error:
            mistakes.append((path, str(error)))
            return value

    return walk(raw, ()), mistakes


class _Unresolved(Exception):
    """A reference to something that is not there."""


def _resolved(found: re.Match[str], environ: Mapping[str, str]) -> str:
    inner = found[1]
    if inner is None:
        return "${"
    if inner.startswith("file:"):
        try:
            return Path(inner.removeprefix("file:")).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise _Unresolved(f"the file {inner.removeprefix('file:')} cannot be read: {why}") from None
    named = _NAME.fullmatch(inner)
    if named is None:
        raise _Unresolved("a reference is ${NAME}, ${NAME:-default} or ${file:/path}; write $${ for a plain ${")
    name, default = named.groups()
    if name in environ:
        return environ[name]
    if default is None:
        raise _Unresolved(f"the environment variable {name} is not set")
    return str(default)
