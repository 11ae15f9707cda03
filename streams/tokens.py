"""Tokens of the HTTP API: who may do what. Only hashes are kept, and a token is shown once.

A token is 256 random bits, so that SHA-256 alone is a fit hash: there is nothing to guess. Those of the configuration
(`serve.tokens`) need no database; those in the database have a name, a scope and perhaps an end, and are revoked at once
(within `FRESH` seconds, for which an answer is remembered).
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from alerts.desk import record
from alerts.tables import tokens
from streams.errors import StreamsError

PREFIX = "fdt_"
FRESH = 5.0
"""Seconds for which an answer of the database is remembered."""

MOST = 1000
"""So many answers are remembered; wrong tokens too, so that guessing costs the database little."""


class Scope(StrEnum):
    """What a token may do: `operate` (acknowledge, silence) includes `read`, `control` (routes) includes both."""

    READ = "read"
    OPERATE = "operate"
    CONTROL = "control"

    def allows(self, needed: "Scope") -> bool:
        """Whether it includes what is needed."""
        order = list(Scope)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token it is, and its scope. `name` is what stands in the audit."""

    name: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class TokenShown:
    """A token as it is listed, without its hash."""

    name: str
    scope: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class TokenExists(StreamsError):
    """A token of that name is there; a name is never used twice, for it stands in the audit."""


def hashed(token: str) -> str:
    """The hash that is kept, in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def create(conn: sa.Connection, name: str, scope: Scope, by: str, lasts: timedelta | None = None) -> str:
    """Makes a token and returns it, for the only time; TokenExists if the name was used."""
    token = PREFIX + secrets.token_urlsafe(32)
    expires = None if lasts is None else sa.func.now() + lasts
    row = {"name": name, "hash": hashed(token), "scope": scope.value, "expires_at": expires}
    if not conn.execute(insert(tokens).values(row).on_conflict_do_nothing()).rowcount:
        raise TokenExists(f"a token is or was named {name}: take another name, for it stands in the audit")
    record(conn, by, "token.create", name, {"scope": scope.value, "lasts": None if lasts is None else str(lasts)})
    return token


def revoke(conn: sa.Connection, name: str, by: str) -> bool:
    """Ends a token; False if there is none of that name that is not ended."""
    ended = sa.update(tokens).where(tokens.c.name == name, tokens.c.revoked_at.is_(None))
    if not conn.execute(ended.values(revoked_at=sa.func.now())).rowcount:
        return False
    record(conn, by, "token.revoke", name)
    return True


def listed(conn: sa.Connection) -> list[TokenShown]:
    """All tokens, by name."""
    c = tokens.c
    query = sa.select(c.name, c.scope, c.created_at, c.expires_at, c.revoked_at).order_by(c.name)
    return [TokenShown(*row) for row in conn.execute(query)]


@dataclass(slots=True)
class Access:
    """Who may: the bearers of the configured tokens, who may read, and those whose token is in the database.

    Without either nobody may.
    """

    tokens: Sequence[str] = field(repr=False)
    engine: sa.Engine | None = field(default=None, repr=False)
    named: Mapping[str, Caller] = field(default_factory=dict, repr=False)
    """those of the configuration that have a name, by their hash"""
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _remembered: dict[str, tuple[float, Caller | None]] = field(default_factory=dict, repr=False)

    def known(self, header: str) -> Caller | None:
        """Whose a header is as far as can be said at once; None too if the database must be asked (`kept`)."""
        return self.configured(header) or self.remembered(header)

    def configured(self, header: str) -> Caller | None:
        """Whose an Authorization header is, if the token is one of the configuration; takes equally long for each."""
        given = _bearer(header)
        if not given:
            return None
        matched = [hmac.compare_digest(given.encode(), token.encode()) for token in self.tokens if token]
        key = hashed(given)
        callers = [caller for kept, caller in self.named.items() if hmac.compare_digest(key, kept)]
        return callers[0] if callers else Caller("token of serve.tokens", Scope.READ) if any(matched) else None

    def remembered(self, header: str) -> Caller | None:
        """Whose it is, if the database was asked a moment ago: needs no thread."""
        found = self._remembered.get(hashed(_bearer(header)))
        return found[1] if found is not None and self.clock() - found[0] <= FRESH else None

    def familiar(self, header: str) -> bool:
        """Whether the database has ever said whose it is: a guess is not."""
        found = self._remembered.get(hashed(_bearer(header)))
        return found is not None and found[1] is not None

    def kept(self, header: str) -> Caller | None:
        """Whose it is, if the token is in the database. May ask it; OperationalError if that does not answer."""
        given = _bearer(header)
        if self.engine is None or not given.startswith(PREFIX) or len(given) > 200:
            return None
        key, now = hashed(given), self.clock()
        found = self._remembered.get(key)
        if found is None or now - found[0] > FRESH:
            if len(self._remembered) >= MOST:
                known = {key: found for key, found in self._remembered.items() if found[1] is not None}
                self._remembered = known if len(known) < MOST else {}
            found = self._remembered[key] = (now, self._asked(self.engine, key))
        return found[1]

    def _asked(self, engine: sa.Engine, key: str) -> Caller | None:
        c = tokens.c
        alive = sa.and_(c.revoked_at.is_(None), sa.or_(c.expires_at.is_(None), c.expires_at > sa.func.now()))
        with engine.connect() as conn:
            row = conn.execute(sa.select(c.name, c.scope).where(c.hash == key, alive)).one_or_none()
        return None if row is None else Caller(f"token:{row.name}", Scope(row.scope))


def _bearer(header: str) -> str:
    scheme, _, given = header.partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""
