"""One JSON object a message: the form of the contract, and what a message without a `content-type` is taken for."""

from typing import Any

from monitor.decoding.faults import ERRORS, Unreadable, fault

CONTENT_TYPES = ("", "application/json", "text/json")
OPENING = b""


def decode(raw: bytes, read: Any) -> list[Any]:
    """The one event."""
    try:
        return [read(raw)]
    except ERRORS as error:
        return [Unreadable(*fault(error))]
