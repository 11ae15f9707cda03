"""Rounds of a real evaluator, and what they have written."""

from typing import Any

import sqlalchemy as sa

from streams.config import parse
from streams.evaluator import Evaluator, Progress


def run(evaluator: Evaluator) -> Progress:
    """Rounds until nothing is left to do at once."""
    while (progress := evaluator.run_once()).behind:
        pass
    return progress


def run_on(db: sa.Engine, config: str) -> None:
    """An evaluator's rounds on this configuration, those included that compute what is computed afterwards."""
    evaluator = Evaluator(db, parse(config))
    for _ in range(3):
        run(evaluator)


def query(db: sa.Engine, text: str, **values: Any) -> list[Any]:
    """The rows of a query."""
    with db.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(text), values)]
