"""`fairdrift migrate`: to head, and once is enough."""

import json
from typing import Any

import pytest

from streams import cli, schema
from streams.database import engine


def migrate(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as left:
        cli.main(["migrate", *words])
    assert left.value.code in (0, None)
    return capsys.readouterr().out.strip()


def test_an_empty_database_comes_to_head(databases: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with databases.empty() as url:
        said = json.loads(migrate(capsys, "--database", url, "--json"))
        assert said == {"before": None, "after": schema.head()}
        assert migrate(capsys, "--database", url) == f"the schema is at revision {schema.head()}, nothing to do"
        made = engine(url)
        schema.require_head(made)
        made.dispose()


def test_a_database_that_stays_away_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["migrate", "--database", "postgresql://nobody@127.0.0.1:1/none", "--wait", "0.3"])
    assert left.value.code not in (0, None)
    told = capsys.readouterr().err
    assert "waiting for the database" in told
    assert "cannot be reached" in told
    assert "Traceback" not in told
