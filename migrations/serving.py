"""For programs of which revisions the schema works: noted in the database itself, where a program that is older finds it.

Migrations only expand: what an older program reads and writes stays. So while a newer program is rolled out after its
migration, processes of the older one go on, are ready, and may be restarted. They do not know the newer revision; they look
their own up in the comment on Alembic's table, which every upgrade writes.
"""

from collections.abc import Iterable

SINCE = "0001"
"""The oldest revision whose programs work on the newest schema; tests/streams/test_migrations.py writes as each of them does.
A migration that takes something away raises this, and then programs of revisions before it are refused."""

WORDS = "serves programs of revisions"


def note(revisions: Iterable[str]) -> str:
    """The comment, from revisions beginning with the newest: those down to `SINCE`."""
    served = []
    for revision in revisions:
        served.append(revision)
        if revision == SINCE:
            break
    return f"{WORDS} {' '.join(sorted(served))}"


def served(comment: str | None) -> frozenset[str]:
    """The revisions that a comment names."""
    before, words, named = (comment or "").partition(WORDS)
    return frozenset(named.split()) if words and not before else frozenset()
