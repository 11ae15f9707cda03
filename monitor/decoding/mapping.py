"""Reading a producer's own messages: JSON paths to the fields of the contract.

A path is `$`, then `.name`, `['any name']` or `[index]` steps, as in `$.payload.applicants[0].sex` (RFC 9535's singular
queries). A text that does not start with `$` is a constant. A step that is not there gives null. Only a model that has a
mapping pays for it: the mapped message is turned into one of the contract and read like any other.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from monitor.errors import MappingError

_STEP = re.compile(r"\.([^.\[\]'\"\s]+)|\[(\d+)\]|\['([^']+)'\]|\[\"([^\"]+)\"\]")

Get = Callable[[Any], Any]


def compile_path(path: str) -> Get:
    """A function from a decoded message to the value at `path`, None where there is none; MappingError if it is no path."""
    steps = tuple(_steps(path))

    def get(body: Any) -> Any:
        for step in steps:
            if isinstance(step, str):
                body = body.get(step) if isinstance(body, dict) else None
            else:
                body = body[step] if isinstance(body, list) and step < len(body) else None
        return body

    return get


def _steps(path: str) -> Iterator[str | int]:
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise MappingError(f"{path!r} is not a path: write $.name, $['any name'] or $[0] steps, as in $.payload.id")
        name, index, quoted, double = found.groups()
        yield int(index) if index is not None else name or quoted or double
        at = found.end()


def compile_field(given: Any) -> Get:
    """A path's function, or that of a constant."""
    if isinstance(given, str) and given.startswith("$"):
        return compile_path(given)
    return lambda _: given


class Mapper:
    """Turns decoded messages into events of the contract, as plain dictionaries without the nulls."""

    def __init__(self, fields: Mapping[str, Any], model: str) -> None:
        self._model = model
        self._fields = {
            name: compile_field(v) for name, v in fields.items() if v is not None and not isinstance(v, Mapping)
        }
        self._groups = {
            name: {key: compile_field(path) for key, path in given.items()}
            for name, given in fields.items()
            if isinstance(given, Mapping)
        }

    def __call__(self, body: Any) -> dict[str, Any]:
        """The event that the message stands for."""
        event: dict[str, Any] = {"model": self._model}
        for name, get in self._fields.items():
            value = get(body)
            if value is not None:
                event[name] = value
        for name, getters in self._groups.items():
            event[name] = {key: get(body) for key, get in getters.items()}
        return event


def path_problems(fields: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with the paths of a mapping, and where."""
    for name, given in fields.items():
        if isinstance(given, Mapping):
            yield from (((name, *where), message) for where, message in path_problems(given))
        else:
            try:
                compile_field(given)
            except MappingError as error:
                yield (name,), str(error)
