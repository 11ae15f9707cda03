"""The assessment as JSON: the fields of `findings`, unrounded."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from fractions import Fraction
from typing import Any

import msgspec

from streams.report.findings import Assessment


def plain(found: Assessment) -> dict[str, Any]:
    """As dictionaries and lists; sets of attributes as keys are joined by commas."""
    made: dict[str, Any] = _plain(found)
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {",".join(key) if isinstance(key, tuple) else str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum | date):
        return str(value)
    if isinstance(value, Fraction):
        return float(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    fields = getattr(type(value), "__dataclass_fields__", None)
    return value if fields is None else {name: _plain(getattr(value, name)) for name in fields}


def encoded(found: Assessment) -> bytes:
    """One line of JSON."""
    return msgspec.json.encode(plain(found))
