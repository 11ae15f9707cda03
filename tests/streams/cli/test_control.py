"""`fairdrift control` against a real database."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli import build_app

CONFIG = """
postgres: {{url: "{url}"}}
models:
  - {{name: credit, attributes: {{sex: [F, M]}}}}
  - {{name: price, attributes: {{sex: [F, M]}}}}
"""


@pytest.fixture
def config(database: str, tmp_path: Path) -> str:
    path = tmp_path / "fairdrift.yaml"
    path.write_text(CONFIG.format(url=database))
    return str(path)


def control(config: str, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(build_app("control"), ["control", *words, "--config", config])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return 1, str(done.exception)
    return done.exit_code, done.output


def routes(config: str) -> dict[str, tuple[str, int, bool]]:
    _, out = control(config, "show", "--json")
    return {one["model"]: (one["route"], one["epoch"], bool(one["frozen"])) for one in json.loads(out)}


def test_take_out_look_and_restore(config: str) -> None:
    assert routes(config) == {"credit": ("live", 0, False), "price": ("live", 0, False)}
    code, out = control(config, "set", "credit", "fallback", "--why", "limits look wrong", "--by", "ada")
    assert code == 0 and "fallback" in out
    assert routes(config)["credit"] == ("fallback", 1, False)
    assert control(config, "restore", "credit", "--why", "fixed", "--by", "bob", "--epoch", "1")[0] == 0
    _, out = control(config, "history", "credit", "--json")
    told = [(c["from_route"], c["to_route"], c["changed_by"], c["reason"], c["epoch"]) for c in json.loads(out)]
    assert told == [("fallback", "live", "bob", "fixed", 2), ("live", "fallback", "ada", "limits look wrong", 1)]
    assert "limits look wrong" in " ".join(control(config, "history")[1].split())


def test_a_canary_says_how_much_of_what_and_who_does_the_rest(config: str) -> None:
    words = ("set", "credit", "canary", "--percent", "5", "--version", "v7", "--rest", "fallback", "--why", "try it")
    assert control(config, *words)[0] == 0
    assert "canary 5% of v7, rest fallback" in control(config, "show")[1]
    for wrong in (("canary",), ("live", "--percent", "5"), ("canary", "--percent", "100")):
        assert control(config, "set", "credit", *wrong, "--why", "x")[0] == 2


def test_the_kill_switch(config: str) -> None:
    assert control(config, "freeze", "--why", "migration", "--by", "ada")[0] == 0
    assert "FROZEN" in control(config, "show")[1]
    assert routes(config)["price"] == ("live", 0, True)
    assert control(config, "thaw", "--why", "done")[0] == 0
    for nothing in ((), ("credit",)):
        code, out = control(config, "thaw", *nothing, "--why", "done")
        assert code == 1 and "there is no freeze of" in out
    assert control(config, "freeze", "credit", "--why", "only this")[0] == 0
    assert routes(config) == {"credit": ("live", 0, True), "price": ("live", 0, False)}


def test_what_is_refused_says_why(config: str) -> None:
    assert control(config, "set", "nobody", "fallback", "--why", "x") == (1, "no model is called 'nobody'; configured: credit, price")  # fmt: skip
    assert control(config, "restore", "credit", "--why", "x") == (1, "the route of credit is live already")
    assert control(config, "set", "credit", "fallback")[0] == 2
