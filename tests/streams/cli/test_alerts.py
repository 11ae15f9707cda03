"""`fairdrift alerts`, `ack`, `silence`, `token` and `check --send-test` against a real database and a real receiver."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from alerts.outbox import Dispatcher
from alerts.tables import alert_states, alert_transitions
from streams.checks import orphans
from streams.cli import build_app
from streams.config import load
from streams.database import engine as make_engine
from streams.dispatching import channels_of, make_dispatcher
from tests.alerts.receiving import Receiver, Reply, receiver
from tests.alerts.timelines import World

CONFIG = """
postgres: {{url: "{url}"}}
models: [{{name: credit, attributes: {{sex: [F, M]}}}}]
delivery: {{allow: [127.0.0.0/8], allow_http: true}}
receivers:
  - {{name: hook, type: webhook, url: "{hook}/geheim", secret: c2VjcmV0LW9mLTI0LWJ5dGVzLXh4, fallback: other}}
  - {{name: other, type: webhook, url: "{hook}/other", secret: c2VjcmV0LW9mLTI0LWJ5dGVzLXh4}}
routes: [{{receivers: [hook]}}]
"""


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def config(database: str, there: Receiver, tmp_path: Path) -> str:
    path = tmp_path / "fairdrift.yaml"
    path.write_text(CONFIG.format(url=database, hook=there.url))
    return str(path)


@pytest.fixture
def world(database: str) -> Iterator[World]:
    db = make_engine(database)
    with db.connect() as conn:
        now = conn.execute(sa.select(sa.func.now())).scalar_one()
    made = World(db, now, now)
    made.fire("parity", {})
    yield made
    db.dispose()


def dispatcher(world: World, config: str) -> Dispatcher:
    settings = load(config)
    return make_dispatcher(world.db, settings, channels_of(settings))


def run(config: str, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(build_app(words[0]), [*words, "--config", config])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return 1, str(done.exception)
    return done.exit_code, done.output


def test_look_take_over_and_see_it_in_the_audit(config: str, world: World) -> None:
    assert "nobody's" in run(config, "alerts")[1]
    assert run(config, "ack", "parity", "--by", "ada", "--comment", "looking")[0] == 0
    (one,) = json.loads(run(config, "alerts", "--json")[1])
    assert (one["rule"], one["acknowledged_by"]) == ("parity", "ada")
    assert "nothing changed" in run(config, "ack", one["alert"][:8], "--by", "bob")[1]
    assert run(config, "ack", "nobody-knows")[0] == 1
    (row,) = json.loads(run(config, "alerts", "--audit", "--json")[1])
    assert (row["by"], row["action"], row["details"]["comment"]) == ("ada", "alert.acknowledge", "looking")
    world.resolve("parity")
    assert "nothing fires" in run(config, "alerts")[1]
    assert "resolved" in run(config, "alerts", "--all")[1]


def test_a_silence_holds_back_until_it_is_ended(config: str, world: World, there: Receiver) -> None:
    code, out = run(config, "silence", "add", "alertname=parity", "--for", "2h", "--comment", "migration")
    assert code == 0 and "silences 1 of the alerts" in out
    sends = dispatcher(world, config)
    assert sends.run_once() == 0
    (one,) = json.loads(run(config, "alerts", "--json")[1])
    assert (one["silenced_by"], one["held"], one["told"]) == ([out.split()[0]], {"hook": "silenced"}, [])
    assert "silenced" in run(config, "alerts")[1]
    assert "migration" in run(config, "silence", "list")[1]
    assert run(config, "silence", "expire", out.split()[0])[0] == 0
    assert sends.run_once() == 1
    assert len(there.got) == 1
    assert run(config, "silence", "expire", "none")[0] == 1
    assert run(config, "silence", "add", "x!=y", "--for", "2h", "--comment", "all")[0] == 2


def test_silences_of_the_configuration_are_listed_and_ended_there(config: str, world: World) -> None:
    assert "nothing is silenced" in run(config, "silence", "list")[1]
    path = Path(config)
    silences = "silences: [{match: {alertname: parity}, starts: '2020-01-01T00:00:00Z', ends: '2099-01-01T00:00:00Z', by: ada}]"
    path.write_text(path.read_text() + silences)
    (one,) = json.loads(run(config, "silence", "list", "--json")[1])
    assert (one["id"], one["state"], one["matchers"]) == ("configured-1", "active", ['alertname="parity"'])
    (alert,) = json.loads(run(config, "alerts", "--json")[1])
    assert alert["silenced_by"] == ["configured-1"]
    code, out = run(config, "silence", "expire", "configured-1")
    assert code == 1 and "in the configuration" in out


def test_a_receiver_that_fails_for_good_is_stood_in_for_and_that_is_seen(
    config: str, world: World, there: Receiver
) -> None:
    there.answer = lambda request: Reply(410 if "geheim" in request.path else 200)
    sends = dispatcher(world, config)
    while sends.run_once():
        pass
    newest, first = json.loads(run(config, "alerts", "--deliveries", "--json")[1])
    assert (first["receiver"], first["result"], first["attempts"]) == ("hook", "dead", 1)
    assert "answered 410" in first["error"] and "geheim" not in json.dumps(first)
    assert (newest["receiver"], newest["result"], newest["reason"]) == ("other", "sent", "hook could not be told")
    assert [request.path for request in there.got] == ["/geheim", "/other"]
    shown = run(config, "alerts", "--deliveries", "--alert", "parity")[1]
    assert "dead" in shown


def test_what_no_rule_is_in_charge_of_is_ended_by_a_person_and_told(config: str, world: World, there: Receiver) -> None:
    world.fire("gone", {"metric": "selection_rate"})
    world.resolve("parity")
    with world.db.begin() as conn:  # as the evaluator keeps it
        t = alert_transitions.c
        newest = sa.select(t.payload).where(t.alert == world.id("gone")).scalar_subquery()
        conn.execute(sa.update(alert_states).where(alert_states.c.id == world.id("gone")).values(summary=newest))
    sends = dispatcher(world, config)
    while sends.run_once():
        pass
    (found,) = orphans.check(load(config))
    assert world.id("gone")[:12] in found.what and "--retire" in found.remedy
    code, out = run(config, "alerts", "--retire")
    assert code == 0 and world.id("gone")[:12] in out
    while sends.run_once():
        pass
    last = json.loads(there.got[-1].body)
    assert last["type"] == "fairdrift.alert.resolved"
    assert "no longer configured" in last["data"]["description"]
    (row,) = json.loads(run(config, "alerts", "--audit", "--json")[1])
    assert (row["action"], row["subject"]) == ("alert.retire", world.id("gone"))
    assert "nothing to end" in run(config, "alerts", "--retire")[1]
    assert list(orphans.check(load(config))) == []


def test_tokens_are_made_listed_and_revoked(config: str) -> None:
    code, token = run(config, "token", "create", "oncall", "--scope", "operate", "--lasts", "90d")
    assert code == 0 and token.startswith("fdt_")
    (one,) = json.loads(run(config, "token", "list", "--json")[1])
    assert (one["name"], one["scope"], one["revoked_at"]) == ("oncall", "operate", None)
    assert "hash" not in one
    for name in ("", " oncall", "x" * 101):
        assert run(config, "token", "create", name)[0] == 2
    assert run(config, "token", "revoke", "oncall")[0] == 0
    assert run(config, "token", "revoke", "oncall")[0] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("alerts",), "nothing fires"),
        (("alerts", "--all"), "there was never an alert"),
        (("alerts", "--deliveries"), "nothing was sent"),
        (("alerts", "--audit"), "nobody changed anything"),
        (("silence", "list"), "nothing is silenced"),
        (("token", "list"), "there are no tokens"),
        (("control", "history"), "no route was ever changed"),
        (("control", "plan", "credit"), "add one to control.plans"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_an_empty_store_says_so_in_words(config: str, words: tuple[str, ...], said: str) -> None:
    code, out = run(config, *words)
    assert (code, said in out) == (0, True), out


def test_a_test_begins_and_ends_and_says_what_it_is(config: str, there: Receiver) -> None:
    code, out = run(config, "check", "--send-test", "hook")
    assert code == 0, out
    types = [json.loads(request.body) for request in there.got]
    assert [one["type"] for one in types] == ["fairdrift.alert.firing", "fairdrift.alert.resolved"]
    assert all("This is a test" in one["data"]["summary"] for one in types)
    there.answer = lambda request: Reply(401)
    code, out = run(config, "check", "--send-test", "hook")
    assert code == 1 and "answered 401" in out and "geheim" not in out
    assert "no such receiver" in run(config, "check", "--send-test", "nobody")[1]
    assert "it carries routes" in run(config, "check", "--send-test", "fairdrift.control")[1]
