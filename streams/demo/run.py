"""Sets the stage, plays, and clears it away: embedded services, the schema, a worker, a receiver, a router."""

import base64
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from streams.config import load as load_settings
from streams.controls import Controls
from streams.database import engine
from streams.demo.bank import MODEL, Bank
from streams.demo.clients import DATA, load, split
from streams.demo.director import Director, Script
from streams.demo.fairness import Fairness
from streams.demo.policy import limits_1, limits_2, limits_3, rules_1
from streams.demo.processes import Worker, migrate, write_config
from streams.demo.publisher import Publisher, create_topics
from streams.demo.receiver import Receiver
from streams.demo.router import router as connected
from streams.demo.scoring import scores, train
from streams.demo.screen import Now, Screen
from streams.demo.story import Account
from streams.demo.timeline import Timeline, ending_last_midnight
from streams.demo.traffic import applications
from streams.demo.world import RealWorld
from streams.embedded import Embedded, run_folder
from streams.processes import free_port

TRAINING = 8_000
"""Clients that the model is trained on; they never apply."""

REST = 9
"""Days that the rest of the story takes: the page, the fallback, and letting the repaired version in."""

BOUND = 0.8
"""As in deploy/demo/fairdrift.yaml."""


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen. `pace`: the least real seconds for a simulated day; 0 is as fast as it goes."""

    days: int = 30
    per_day: int = 5_500
    seed: int = 7
    pace: float = 0.0
    data: Path = DATA


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs: how to reach it, and the world in which the director plays."""

    kafka: str
    postgres: str
    config: Path
    log: Path
    world: RealWorld


def prepare(options: Options) -> tuple[Script, Bank]:
    """Trains the model and works out what would happen without fairdrift: needs no service."""
    training, clients = split(load(options.data), TRAINING, options.seed)
    score = scores(train(training), clients)
    start = ending_last_midnight(datetime.now(UTC), options.days)
    timeline = Timeline(start, options.days, deploy_day=max(2, min(options.days // 2, options.days - REST)))
    script = Script(
        timeline=timeline,
        applications=applications(timeline, options.per_day, len(clients), options.seed),
        before=limits_1(clients, score),
        after=limits_2(clients, score),
        fallback=rules_1(clients),
        repaired=limits_3(clients, score),
        bound=BOUND,
        pace=options.pace,
    )
    return script, Bank(clients, script.before)


@contextmanager
def stage(say: Callable[[str], None]) -> Iterator[Stage]:
    """Starts everything in order, and stops it in reverse; nothing is left behind, however it ends."""
    with ExitStack() as stack:
        began = time.monotonic()
        services = stack.enter_context(Embedded())
        say(f"Kafka and Postgres run after {time.monotonic() - began:.1f} s")
        folder = stack.enter_context(run_folder())
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        receiver = stack.enter_context(Receiver(secret))
        config = write_config(folder, _values(services, receiver, secret, folder))
        create_topics(services.kafka)
        migrate(config)
        worker = Worker(config)
        stack.callback(worker.stop)
        worker.start()
        say("the schema is migrated, and a worker starts")
        publisher = Publisher(services.kafka)
        stack.callback(publisher.close)
        router = connected(services.kafka, MODEL)
        stack.callback(router.close)
        database = engine(services.postgres, name="fairdrift demo")
        stack.callback(database.dispose)
        controls = Controls(database, load_settings(config))
        world = RealWorld(publisher, worker, Fairness(database), receiver, router, controls)
        yield Stage(services.kafka, services.postgres, config, folder / "worker.log", world)


def play(script: Script, bank: Bank, running: Stage, screen: Screen) -> tuple[Account, Now]:
    """Plays the script on the stage: the account, and what the screen shows at the end. The screen is closed in any case."""
    director = Director(script, bank, running.world, screen)
    try:
        return director.play(), director.now
    finally:
        screen.close()


def how_to_connect(running: Stage) -> str:
    """What to type while everything is kept running."""
    return f"""
Everything is still running, until Ctrl-C.

Postgres       psql '{running.postgres}'
Kafka          {running.kafka}, topics predictions, outcomes, fairdrift.control
Configuration  {running.config}
Worker's log   {running.log}

fairdrift status --config {running.config}
fairdrift control history --config {running.config}
fairdrift control plan {MODEL} --config {running.config}

Parity over time:
  select window_end, value, ci_low, ci_high, n from fairness_disparity
  where model = '{MODEL}' and version = '*' and arm = '*' and attribute_set = '{{sex}}' and metric = 'mean_value'
    and aggregate = 'ratio' and method = 'to_reference' order by window_end;
Each version and arm by sex:
  select version, arm, group_values ->> 'sex' as sex, window_end, value, n from fairness_group
  where metric = 'mean_value' and attribute_set = '{{sex}}' and version <> '*' order by window_end desc limit 20;
What was concluded and done:
  select pane_end, from_state, to_state, payload ->> 'summary' as summary from alert_history order by transition_no;
  select effective_at, from_route, to_route, changed_by, reason from control_history;
"""


def _values(services: Embedded, receiver: Receiver, secret: str, folder: Path) -> dict[str, str]:
    return {
        "FAIRDRIFT_DEMO_KAFKA": services.kafka,
        "FAIRDRIFT_DEMO_POSTGRES": services.postgres,
        "FAIRDRIFT_DEMO_WEBHOOK": receiver.url,
        "FAIRDRIFT_DEMO_SECRET": secret,
        "FAIRDRIFT_DEMO_STATE": str(folder / "state"),
        "FAIRDRIFT_DEMO_HEALTH": str(free_port()),
    }


def as_json(account: Account) -> str:
    """The account as one JSON object."""
    return json.dumps(account.json(), indent=2)
