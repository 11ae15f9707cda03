"""Keys that all processes of one database share: made by the first that asks, never shown, never in the configuration."""

import secrets

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from monitor.tables import keys

JOIN_STORE = "join-store"
"""Of the hashes that stand for ids in the join stores."""

PICTURES = "pictures"
"""Of the addresses of pictures."""

BYTES = 32


def shared_key(engine: sa.Engine, name: str) -> bytes:
    """The key of this name."""
    with engine.begin() as connection:
        new = {"name": name, "key": secrets.token_bytes(BYTES)}
        connection.execute(insert(keys).values(new).on_conflict_do_nothing())
        stored = connection.execute(sa.select(keys.c.key).where(keys.c.name == name)).scalar_one()
    return bytes(stored)
