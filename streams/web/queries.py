"""From query parameters to a statement over a view: filters, pages, limits. Pure; no row is read here.

Pages are by key, not by number, so that rows which arrive meanwhile neither repeat nor hide others: a cursor holds the
last row's values of the columns that are sorted by.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monitor.errors import MonitorError
from monitor.times import parse_duration, parse_time
from streams.web.endpoints import Parameter, ProblemError

DEFAULT_LIMIT = 100
MOST = 1000
"""The greatest `limit`."""

PAGING = (
    Parameter(
        "limit",
        f"Rows to a page, at most {MOST}",
        {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT},
    ),
    Parameter("cursor", "`next` of the page before", {"type": "string"}),
)


@dataclass(frozen=True, slots=True)
class Source:
    """A view, the columns that name a row in sorting order (with their SQL types), and the filters by equality."""

    view: str
    key: Mapping[str, str]
    equal: tuple[str, ...]
    time: str
    """The column that `from` and `to` restrict, both included."""


@dataclass(slots=True)
class Select:
    """A statement under construction, and its values."""

    source: str
    key: Mapping[str, str]
    where: list[str] = field(default_factory=list)
    values: dict[str, object] = field(default_factory=dict)
    limit: int = DEFAULT_LIMIT

    def restrict(self, condition: str, **values: object) -> None:
        """Add a condition and its values."""
        self.where.append(condition)
        self.values.update(values)

    def sql(self) -> str:
        """The statement; it asks for one row more than the limit, which tells whether there is another page."""
        condition = f" where {' and '.join(self.where)}" if self.where else ""
        order = ", ".join(f"{column} desc" for column in self.key)
        keys = ", ".join(f"({column})::text as key_{number}" for number, column in enumerate(self.key))
        return f"select *, {keys} from {self.source}{condition} order by {order} limit {self.limit + 1}"


def select(source: Source, given: Mapping[str, str], others: Sequence[str] = ()) -> Select:
    """The statement for `source` with the filters that were given; `others` are parameters that the caller treats.

    Raises ProblemError (400) for parameters that are unknown or cannot be read.
    """
    known = {*source.equal, "from", "to", "limit", "cursor", *others}
    unknown = sorted(set(given) - known)
    if unknown:
        raise ProblemError(400, f"unknown parameters: {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    statement = Select(source.view, source.key, limit=_limit(given.get("limit")))
    for column in source.equal:
        if column in given:
            statement.restrict(f"{column} = :{column}", **{column: text(given[column], column)})
    for bound, sign in (("from", ">="), ("to", "<=")):
        if bound in given:
            statement.restrict(
                f"{source.time} {sign} to_timestamp(:{bound}_ms / 1000.0)",
                **{f"{bound}_ms": moment(given[bound], bound)},
            )
    if "cursor" in given:
        _continue_after(statement, given["cursor"])
    return statement


def page(rows: Sequence[Mapping[str, object]], statement: Select) -> dict[str, object]:
    """The rows as an answer: `items`, and `next`, null at the end."""
    shown = rows[: statement.limit]
    keys = [f"key_{number}" for number in range(len(statement.key))]
    items = [{name: value for name, value in row.items() if name not in keys} for row in shown]
    more = len(rows) > statement.limit
    return {"items": items, "next": _encode([str(shown[-1][key]) for key in keys]) if more else None}


def text(value: str, name: str) -> str:
    """The value, if Postgres can hold it (it has no NUL)."""
    if "\x00" in value:
        raise ProblemError(400, f"{name} holds a NUL character")
    return value


def moment(value: str, name: str) -> int:
    """RFC 3339 or epoch milliseconds, as milliseconds."""
    whole = value.removeprefix("-")
    parsed = parse_time(int(value) if whole.isascii() and whole.isdecimal() and len(whole) < 16 else value)
    if parsed is None:
        raise ProblemError(
            400, f"{name}={value!r} is no time: give RFC 3339, such as 2026-11-20T10:00:00Z, or epoch ms"
        )
    return parsed


def seconds(value: str, name: str) -> int:
    """A duration such as `1h`, as whole seconds."""
    try:
        parsed = parse_duration(value) // 1000 if len(value) < 16 else -1
    except MonitorError:
        parsed = -1
    if not 0 <= parsed < 2**31:
        raise ProblemError(400, f"{name}={value!r} is no duration: give for example 5m, 1h or 30d")
    return parsed


def flag(value: str, name: str) -> bool:
    """`true` or `false`."""
    if value not in ("true", "false"):
        raise ProblemError(400, f"{name} is true or false, not {value!r}")
    return value == "true"


def choice(value: str, name: str, among: Sequence[str]) -> str:
    """One of a few words."""
    if value not in among:
        raise ProblemError(400, f"{name} is one of {', '.join(among)}, not {value!r}")
    return value


def _limit(value: str | None) -> int:
    if value is None:
        return DEFAULT_LIMIT
    if not (value.isascii() and value.isdecimal() and len(value) < 6 and 1 <= int(value) <= MOST):
        raise ProblemError(400, f"limit={value!r} is not a whole number from 1 to {MOST}")
    return int(value)


def _encode(key: list[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def _continue_after(statement: Select, cursor: str) -> None:
    try:
        key = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        raise ProblemError(400, "the cursor is not one of this service: give `next` of the page before") from error
    if not isinstance(key, list) or len(key) != len(statement.key) or not all(isinstance(part, str) for part in key):
        raise ProblemError(400, "the cursor belongs to another list: give `next` of the page before")
    names = [f"after_{number}" for number in range(len(key))]
    casts = [f"cast(:{name} as {kind})" for name, kind in zip(names, statement.key.values(), strict=True)]
    values = dict(zip(names, (text(part, "cursor") for part in key), strict=True))
    statement.restrict(f"({', '.join(statement.key)}) < ({', '.join(casts)})", **values)
