"""What `fairdrift status` reads and shows."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from rich.console import Console
from typer.testing import CliRunner

from alerts.tables import alert_transitions, route_changes
from monitor.times import DAY, HOUR
from streams.cli import build_app
from streams.cli.status import _look, _named, render
from streams.config import parse
from streams.database import engine as make_engine
from streams.errors import StreamsError
from streams.settings import Settings
from streams.status import Parity, Status, Wanted, judged_by, read_status, shown_windows
from tests.streams import seeded

CONFIG = f"""
postgres: {{url: "DATABASE"}}
models:
  - name: {seeded.MODEL}
    value: {{range: [0, 500000]}}
    attributes: {{sex: {{values: [female, male], reference: male}}, age: {{bins: [30], reference: ">=30"}}}}
  - {{name: house-price, attributes: {{sex: [female, male]}}}}
rules:
  - name: limit-parity
    type: threshold
    model: {seeded.MODEL}
    metric: mean_value
    attributes: [sex]
    aggregate: ratio
    method: to_reference
    bound: {{min: 0.85}}
    window: 1h
"""


@pytest.fixture
def settings() -> Settings:
    return parse(CONFIG.replace("DATABASE", "postgresql://127.0.0.1/x"))


def shown(found: Status, width: int) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(render(found, width))
    console.file.close()
    return console.export_text()


def test_what_rules_look_at_is_what_is_shown(seeded_engine: sa.Engine, settings: Settings) -> None:
    credit, house = read_status(seeded_engine, settings).models
    assert credit.evaluated_to == {"decision": seeded.END} and credit.route.route == "live"
    (window,) = credit.windows
    (parity,) = window.parity
    assert (window.window, window.time_basis, parity.value, parity.n) == ("1h", "decision", 0.95, 1000)
    assert parity.judged_by == ["limit-parity"] and parity.window_end == seeded.END
    assert (parity.minimum, parity.maximum) == (0.85, None)
    assert parity.trend == [0.95, 0.95, 0.7, 0.7, 0.95]  # the windows that end at 8, 9, 10 (the fall), 11 and 12
    assert [(group.groups["sex"], group.n) for group in window.groups] == [("female", 400), ("male", 600)]
    assert house.windows == [] and house.route.epoch == 0


def test_everything_and_other_windows(seeded_engine: sa.Engine, settings: Settings) -> None:
    wanted = Wanted(seeded.MODEL, (DAY,), everything=True)
    (credit,) = read_status(seeded_engine, settings, wanted).models
    (window,) = credit.windows
    assert [(one.attributes, one.state) for one in window.parity] == [
        (["age", "sex"], "undefined"),
        (["sex"], "measured"),
    ]
    assert len(window.groups) == 4
    assert [group.n for group in window.groups if group.state == "suppressed"] == [None]


@pytest.mark.parametrize(
    ("aggregate", "value", "words"),
    [
        ("ratio", 0.7, "female to male"),
        ("ratio", 1.2, "male to female"),
        ("difference", -0.1, "female to male"),
        ("difference", 0.1, "male to female"),
    ],
)
def test_the_groups_stand_in_the_order_in_which_they_are_compared(aggregate: str, value: float, words: str) -> None:
    sides = ({"sex": "female"}, {"sex": "male"})  # the lower, the higher
    one = Parity(["sex"], "m", aggregate, "to_reference", "measured", value, None, None, 9, *sides, seeded.END, [])
    assert _named(one) == f"sex: m {aggregate}: {words}"


def test_which_windows_are_shown(settings: Settings) -> None:
    credit, house = settings.models
    assert shown_windows(credit, settings.rules, Wanted()) == (HOUR,)
    assert shown_windows(house, settings.rules, Wanted()) == (DAY,)
    assert shown_windows(house, (), Wanted(windows=(HOUR, DAY))) == (HOUR, DAY)


@pytest.mark.parametrize("width", [200, 100, 60, 40, 24])
def test_every_width_shows_value_interval_n_and_route(seeded_engine: sa.Engine, settings: Settings, width: int) -> None:
    text = shown(read_status(seeded_engine, settings), width)
    squeezed = text.replace("\n", "").replace(" ", "")
    for expected in ("credit-limit", "0.950", "0.900to1.000", "1,000", "live", "female", "≥0.85", "██▁▁█"):
        assert expected in squeezed, expected
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width


def test_an_alert_and_a_route_that_changed(database: str, settings: Settings) -> None:
    engine = make_engine(database)
    seeded.seed(engine)
    with engine.begin() as connection:
        connection.execute(alert_transitions.delete().where(alert_transitions.c.to_state == "resolved"))
        connection.execute(route_changes.delete().where(route_changes.c.epoch == 2))
    found = read_status(engine, settings)
    engine.dispose()
    (alert,) = found.models[0].alerts
    assert (alert.state, alert.severity, alert.since) == ("firing", "page", seeded.FIRED)
    text = shown(found, 160)
    assert "firing limit-parity (page) since 2026-03-01 10:30Z: Mean limit of women is 0.70" in text
    assert "route fallback since 2026-03-01 10:30Z (rule:limit-parity: limit-parity fires)" in text


def test_an_empty_database_says_what_to_do(database: str, settings: Settings) -> None:
    engine = make_engine(database)
    text = shown(read_status(engine, settings), 80)
    engine.dispose()
    assert "run `fairdrift worker`" in text and "nothing is evaluated yet" in text


def test_the_command(tmp_path: Path, seeded_engine: sa.Engine) -> None:
    path = tmp_path / "fairdrift.yaml"
    path.write_text(
        CONFIG.replace("DATABASE", seeded_engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
    )
    result = CliRunner().invoke(build_app("status"), ["status", "--config", str(path), "--json", "--window", "1h"])
    assert result.exit_code == 0, result.output
    credit = json.loads(result.stdout)["models"][0]
    assert credit["windows"][0]["parity"][0]["lower_group"] == {"sex": "female"}
    plain = CliRunner().invoke(build_app("status"), ["status", "--config", str(path)])
    assert plain.exit_code == 0 and "mean_value ratio" in plain.stdout
    wrong = CliRunner().invoke(build_app("status"), ["status", "--config", str(path), "--model", "typo"])
    assert isinstance(wrong.exception, StreamsError)
    none = CliRunner().invoke(build_app("status"), ["status", "--config", str(path), "--window", "7m"])
    assert "no model has a window of 7m; there are 5m, 1h" in str(none.exception)
    badly = CliRunner().invoke(build_app("status"), ["status", "--config", str(path), "--window", "soon"])
    assert isinstance(badly.exception, StreamsError)


@pytest.mark.parametrize("options", [["--watch"], ["--watch", "--json"]])
def test_watching_looks_again_until_interrupted(
    tmp_path: Path, seeded_engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    path = tmp_path / "fairdrift.yaml"
    path.write_text(
        CONFIG.replace("DATABASE", seeded_engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
    )
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("streams.cli.status.time.sleep", sleep)
    result = CliRunner().invoke(build_app("status"), ["status", "--config", str(path), "--every", "0.5", *options])
    assert result.exit_code == 0, result.output
    assert pauses == [0.5] * 3
    if "--json" in options:
        assert [json.loads(line)["models"][0]["model"] for line in result.stdout.splitlines()] == [seeded.MODEL] * 3


def test_ctrl_c_ends_watching_on_a_terminal_cleanly(tmp_path: Path, seeded_engine: sa.Engine) -> None:
    path = tmp_path / "fairdrift.yaml"
    path.write_text(
        CONFIG.replace("DATABASE", seeded_engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
    )
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "streams.cli", "status", "--watch", "--config", str(path)]
    environment = {**os.environ, "COLUMNS": "60", "LINES": "40", "TERM": "xterm"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as watching:
        os.close(theirs)
        seen = b""
        while b"to reference" not in seen and b"mean_value ratio" not in seen:
            seen += os.read(ours, 4096)
        watching.send_signal(signal.SIGINT)
        try:
            while more := os.read(ours, 4096):
                seen += more
        except OSError:  # its end of the terminal is closed
            pass
    os.close(ours)
    assert watching.returncode == 0 and b"Traceback" not in seen
    # the screen is as it was, and the cursor is back
    assert b"\x1b[?1049l" in seen[-40:] and b"\x1b[?25h" in seen[-40:]


def test_watching_goes_on_while_the_database_is_away(settings: Settings) -> None:
    away = make_engine("postgresql://127.0.0.1:1/none")
    assert "does not answer" in str(_look(away, settings, Wanted(), 80))
    away.dispose()


def test_a_rule_that_names_its_metric_by_an_alias_is_its_judge() -> None:
    text = CONFIG.replace("metric: mean_value", "metric: mean_prediction")  # Fairlearn's name
    rules = parse(text.replace("DATABASE", "postgresql://127.0.0.1/x")).rules
    point = {"metric": "mean_value", "aggregate": "ratio", "method": "to_reference", "attribute_set": ["sex"]}
    assert [rule.name for rule in judged_by(rules, seeded.MODEL, 3_600_000, point)] == ["limit-parity"]  # type: ignore[arg-type]
