"""What Grafana does to a panel's SQL before Postgres sees it: a port of its variable and macro engines.

Variables: public/app/features/templating (formats `sqlstring`, `csv`, `raw`; the default of an SQL data source).
Macros: pkg/tsdb/grafana-postgresql-datasource/macros.go, whose expression ends a macro at the first `)`.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

Value = str | Sequence[str]

_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)\]\]|\$(?!__)(\w+)")
_MACRO = re.compile(r"\$([_a-zA-Z0-9]+)\(([^\)]*)\)")


class UnknownMacro(Exception):
    """Grafana answers `unknown macro`."""


def expand(sql: str, variables: Mapping[str, Value], start: datetime, end: datetime) -> str:
    """The SQL as Grafana would send it. `__from` and `__to` are the range in milliseconds, as its global variables."""
    ends = {"__from": str(int(start.timestamp() * 1000)), "__to": str(int(end.timestamp() * 1000))}
    return _MACRO.sub(lambda match: _macro(match[1], match[2], start, end), _interpolate(sql, {**variables, **ends}))


def _interpolate(sql: str, variables: Mapping[str, Value]) -> str:
    def one(match: re.Match[str]) -> str:
        name = match[1] or match[3] or match[4]
        return _format(variables[name], match[2])

    return _VARIABLE.sub(one, sql)


def _format(value: Value, how: str | None) -> str:
    values = [value] if isinstance(value, str) else list(value)
    if how == "sqlstring":
        return ",".join("'" + each.replace("'", "''") + "'" for each in values)
    if how in ("csv", "raw"):
        return ",".join(values)
    assert how is None, how
    if isinstance(value, str):
        return value.replace("'", "''")
    return ",".join("'" + each.replace("'", "''") + "'" for each in values)


def _macro(name: str, arguments: str, start: datetime, end: datetime) -> str:
    column = arguments.split(",", maxsplit=1)[0].strip()
    match name:
        case "__timeFilter":
            assert column, "missing time column argument"
            return f"{column} BETWEEN '{_rfc3339(start)}' AND '{_rfc3339(end)}'"
        case "__timeFrom":
            return f"'{_rfc3339(start)}'"
        case "__timeTo":
            return f"'{_rfc3339(end)}'"
        case "__unixEpochFilter":
            return f"{column} >= {int(start.timestamp())} AND {column} <= {int(end.timestamp())}"
    raise UnknownMacro(name)


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
