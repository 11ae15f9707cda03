"""Histories as they are stored and as files have them, through the command."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from monitor.sums import Basis
from streams.backtest.history import BacktestError
from streams.backtest.stored import Stretch, read_stored
from streams.cli import build_app
from streams.config import parse
from streams.database import engine
from tests.streams.backtest.histories import CONFIG, MINUTE, T0
from tests.streams.counted import Counted


@pytest.fixture
def db(database: str) -> Iterator[sa.Engine]:
    made = engine(database, name="tests")
    yield made
    made.dispose()


def count(db: sa.Engine, panes: int, women: float, men: float, seed: int = 1) -> None:
    """Evidence panes in two partitions."""
    random, counted = np.random.default_rng(seed), Counted(db, parts=2)
    for sex, rate in (("F", women), ("M", men)):
        cell = counted.cell("credit", {"sex": sex, "age": "<40"})
        for minute in range(panes):
            for part in range(2):
                n = int(random.poisson(30))
                sums = {"events": n, "decided": n, "favourable": int(random.binomial(n, rate))}
                counted.set(Basis.EVIDENCE_DECISION, T0 + minute * MINUTE, cell, sums, part)
    for part in range(2):
        counted.commit(T0 + (panes + 1) * MINUTE, part=part)


def test_panes_are_summed_over_the_partitions(db: sa.Engine) -> None:
    counted = Counted(db, parts=2)
    cell = counted.cell("credit", {"sex": "F", "age": "<40"})
    for part, n in ((0, 3), (1, 4)):
        counted.set(Basis.EVIDENCE_DECISION, T0 + 2 * MINUTE, cell, {"events": n, "decided": n, "favourable": 1}, part)
        counted.set(Basis.EVIDENCE_LABEL, T0 + 5 * MINUTE, cell, {"labelled": n, "positive": n, "tp": n}, part)
        counted.commit(T0 + 10 * MINUTE, part=part)
    model = parse(CONFIG).models[0]
    with db.connect() as connection:
        found = read_stored(connection, model, Stretch(), ["true_positive_rate"])
        assert (found.first, found.panes, len(found.cells)) == (T0 + 2 * MINUTE, 4, 1)
        assert found.decisions.column("decided").tolist() == [7]
        assert found.labels is not None
        assert (found.labels.pane.tolist(), found.labels.column("tp").tolist()) == ([3], [7])
        assert read_stored(connection, model, Stretch(high=T0 + 3 * MINUTE), []).labels is None
        with pytest.raises(BacktestError, match="no stored evidence between these times"):
            read_stored(connection, model, Stretch(low=T0 + 60 * MINUTE), [])


def command(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command prints."""
    build_app("backtest")(args=["backtest", *words], standalone_mode=False)
    return capsys.readouterr().out


def test_the_command_over_stored_history(
    db: sa.Engine, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count(db, 300, women=0.2, men=0.35)
    config = tmp_path / "fairdrift.yaml"
    config.write_text(f"postgres: {{url: '{database}'}}\n{CONFIG}")
    other = tmp_path / "loose.yaml"
    other.write_text(
        "rules:\n  - {name: loose, type: threshold, model: credit, metric: selection_rate, attributes: [sex],\n"
        "     aggregate: ratio, method: to_reference, bound: {min: 0.3}, window: 1h}\n"
    )
    picture = tmp_path / "out.html"
    told = command("--config", str(config), "--against", str(other), "--html", str(picture), "--json", capsys=capsys)
    (found,) = json.loads(told)
    strict, loose = found["rule_sets"]
    assert (strict["pages"], loose["pages"]) == (1, 0)
    assert strict["families"][0]["incidents"][0]["groups"] == ["sex=F"]
    assert found["events"] == pytest.approx(300 * 2 * 2 * 30, rel=0.05)
    assert "<svg" in picture.read_text()
    shown = command("--config", str(config), "--against", str(other), capsys=capsys)
    assert "fires 2025-11-20T0" in shown
    assert "side by side" in shown
    assert "nothing would have fired" in shown


def test_the_command_over_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, events = tmp_path / "fairdrift.yaml", tmp_path / "events.csv"
    config.write_text(CONFIG)
    random, rows = np.random.default_rng(2), ["at,sex,age,granted,label"]
    for minute in range(240):
        for sex, rate in (("F", 0.2), ("M", 0.4)):
            for granted in random.random(30) < rate:
                rows.append(f"{T0 + minute * MINUTE},{sex},30,{str(granted).lower()},true")
    events.write_text("\n".join(rows))
    words = ("--file", str(events), "--column", "time=at", "--column", "decision=granted", "--config", str(config))
    (found,) = json.loads(command(*words, "--json", capsys=capsys))
    (family,) = found["rule_sets"][0]["families"]
    assert found["events"] == 240 * 60
    assert [one["groups"] for one in family["incidents"]] == [["sex=F"]]


def test_a_group_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, events = tmp_path / "fairdrift.yaml", tmp_path / "events.csv"
    config.write_text(CONFIG)
    events.write_text(f"time,sex,age,decision\n{T0},F,30,true\n{T0 + MINUTE},M,30,true\n")
    with pytest.raises(BacktestError, match="no cell is of that group; there are F, M"):
        command(
            "--file", str(events), "--config", str(config), "--inject", "ratio=0.5,group=sex:X,from=2025-11-20", capsys=capsys
        )  # fmt: skip
