"""A JSON array of events in one message. A broken element costs only itself; an array that does not parse, the message."""

from typing import Any

import msgspec

from monitor.decoding.faults import ERRORS, Unreadable, fault

CONTENT_TYPES = ("", "application/json", "text/json")
OPENING = b"["

_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


def decode(raw: bytes, read: Any) -> list[Any]:
    """The events in the order of the array, whose place there is their index."""
    try:
        elements = _elements(raw)
    except ERRORS as error:
        return [Unreadable(*fault(error))]
    return [_one(element, read) for element in elements]


def _one(element: msgspec.Raw, read: Any) -> Any:
    try:
        return read(element)
    except ERRORS as error:
        return Unreadable(*fault(error), raw=bytes(element))
