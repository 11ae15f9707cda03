"""Why some JSON is no event, in words that never repeat what it says: no id, no attribute's value, no text of it."""

import re
from dataclasses import dataclass

import msgspec

from monitor.events import Reason

ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""All that decoding raises; `msgspec.ValidationError` is one of the first."""

_FIELD = re.compile(r"at `\$\.?([^`]*)`")
_TYPES = re.compile(r"Expected `([a-z| ]+)`(?:, got `([a-z]+)`)?")
_MISSING = re.compile(r"missing required field `(\w+)`")
_NUMBERS = {"score": Reason.BAD_SCORE, "value": Reason.BAD_VALUE}


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One event that cannot be read. `raw` is its own bytes, where it is an element of a batch."""

    reason: Reason
    detail: str
    raw: bytes | None = None


def fault(error: Exception) -> tuple[Reason, str]:
    """The reason and its detail for an error of decoding."""
    if isinstance(error, UnicodeDecodeError):
        return Reason.MALFORMED, "the message is not UTF-8"
    if isinstance(error, RecursionError):
        return Reason.MALFORMED, "the message is nested too deep"
    if not isinstance(error, msgspec.ValidationError):
        return Reason.MALFORMED, f"the message is not JSON: {error}"
    text = str(error)
    if missing := _MISSING.search(text):
        return Reason.MISSING_FIELD, f"`{missing[1]}` is absent"
    found = _FIELD.search(text)
    field = found[1] if found else ""
    if field == "arm":
        return Reason.WRONG_TYPE, "`arm` must be live, canary, shadow or fallback"
    if "of length" in text:
        return Reason.BAD_ID, f"`{field}` is empty"
    if "out of range" in text:
        return _NUMBERS.get(field, Reason.WRONG_TYPE), f"`{field}` is not a finite number"
    types = _TYPES.search(text)
    if types is None:
        return Reason.WRONG_TYPE, f"`{field}` is of a wrong type"
    subject = f"`{field}`" if field else "the message"
    return Reason.WRONG_TYPE, f"{subject} must be {types[1].replace(' | ', ' or ')}, not {types[2] or 'this'}"
