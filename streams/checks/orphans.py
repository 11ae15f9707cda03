"""Alerts that no configured rule is in charge of any more: they stay as they are until somebody ends them."""

from collections.abc import Iterator

import sqlalchemy as sa

from streams.checks.findings import Finding, warning
from streams.database import engine as make_engine
from streams.errors import StreamsError
from streams.retiring import orphaned
from streams.schema import require_head
from streams.settings import Settings


def check(settings: Settings) -> Iterator[Finding]:
    """A finding if there are such alerts; none where the database cannot be asked, which another check says."""
    engine = make_engine(settings, name="fairdrift check", pool_size=1)
    try:
        require_head(engine)
        with engine.connect() as conn:
            found = orphaned(conn, settings)
    except (sa.exc.SQLAlchemyError, StreamsError):
        return
    finally:
        engine.dispose()
    if found:
        alerts = ", ".join(f"{alert[:12]} of {model}" for model, ids in found.items() for alert in ids)
        told = f"no configured rule is in charge of {alerts}: nothing will end what fires there"
        yield warning("alerts", told, "`fairdrift alerts --retire` ends them, once all workers have this configuration")
