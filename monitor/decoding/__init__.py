"""Decoders of messages, one module each: the folder is the registry.

A decoder module names the `CONTENT_TYPES` it reads (the header `content-type` of a message; "" for none), what a message
must start with (`OPENING`, b"" for anything), and has a function `decode(raw, read)` that calls `read` with the JSON of
each event in the message and returns, in order, the events and what could not be read. A new decoder is a new file.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol

from monitor.decoding.faults import Unreadable

Read = Callable[[Any], Any]
"""The event in some JSON bytes; raises msgspec's errors."""


class Decoder(Protocol):
    """What a module of this folder offers."""

    CONTENT_TYPES: tuple[str, ...]
    OPENING: bytes

    def decode(self, raw: bytes, read: Read) -> list[Any | Unreadable]:
        """The events of a message in order, with an `Unreadable` in place of each that cannot be read."""


@cache
def decoders() -> dict[str, list[Decoder]]:
    """The decoders of each content type, those that ask for an opening first."""
    found: dict[str, list[Decoder]] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda i: i.name):
        module: Any = importlib.import_module(f"{__name__}.{info.name}")
        for content_type in getattr(module, "CONTENT_TYPES", ()):
            found.setdefault(content_type, []).append(module)
    return {name: sorted(of, key=lambda d: -len(d.OPENING)) for name, of in found.items()}


def decoder(headers: Sequence[tuple[str, bytes]], raw: bytes) -> Decoder | None:
    """The decoder of a message, None if no decoder reads its content type."""
    named = next((value for name, value in headers if name.lower() == "content-type"), b"") or b""
    content_type = named.decode("latin-1").partition(";")[0].strip().lower()
    return next((d for d in decoders().get(content_type, ()) if raw.lstrip().startswith(d.OPENING)), None)
