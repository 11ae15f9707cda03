"""Tokens in the database: hashed, scoped, ending."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from streams.database import engine
from streams.tokens import FRESH, Access, Caller, Scope, TokenExists, create, hashed, listed, revoke


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database)
    yield made
    made.dispose()


def test_scopes_include_those_before_them() -> None:
    allowed = [(has.value, needs.value) for has in Scope for needs in Scope if has.allows(needs)]
    assert allowed == [
        ("read", "read"),
        ("operate", "read"), ("operate", "operate"),
        ("control", "read"), ("control", "operate"), ("control", "control"),
    ]  # fmt: skip


def test_only_the_hash_is_kept(db: sa.Engine) -> None:
    with db.begin() as conn:
        token = create(conn, "oncall", Scope.OPERATE, "ada")
        everything = str(conn.execute(sa.text("select * from fairdrift.tokens")).all())
        audited = conn.execute(sa.text("select by, action, subject, details from fairdrift.audit")).all()
    assert token.startswith("fdt_") and len(token) > 40
    assert token not in everything + str(audited) and hashed(token) in everything
    assert audited == [("ada", "token.create", "oncall", {"scope": "operate", "lasts": None})]


def test_a_token_opens_until_it_is_revoked(db: sa.Engine) -> None:
    now = [0.0]
    access = Access((), db, clock=lambda: now[0])
    with db.begin() as conn:
        token = create(conn, "oncall", Scope.OPERATE, "ada")
    assert access.kept(f"Bearer {token}") == Caller("token:oncall", Scope.OPERATE)
    assert access.kept(f"Bearer {token}x") is None
    with db.begin() as conn:
        assert revoke(conn, "oncall", "ada")
        assert not revoke(conn, "oncall", "ada")
        assert [one.revoked_at is not None for one in listed(conn)] == [True]
    now[0] = FRESH + 0.1
    assert access.kept(f"Bearer {token}") is None


def test_a_token_that_is_over_opens_nothing(db: sa.Engine) -> None:
    with db.begin() as conn:
        token = create(conn, "short", Scope.READ, "ada", timedelta(seconds=-1))
    assert Access((), db).kept(f"Bearer {token}") is None


def test_a_name_is_never_used_twice(db: sa.Engine) -> None:
    with db.begin() as conn:
        create(conn, "oncall", Scope.READ, "ada")
        revoke(conn, "oncall", "ada")
        with pytest.raises(TokenExists):
            create(conn, "oncall", Scope.READ, "ada")


def test_named_tokens_of_the_configuration_have_their_scope() -> None:
    access = Access((), None, {hashed("fdt_x"): Caller("token:ci", Scope.CONTROL)})
    assert access.configured("Bearer fdt_x") == Caller("token:ci", Scope.CONTROL)
    assert access.configured("Bearer fdt_y") is None
