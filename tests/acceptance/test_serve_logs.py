"""What `fairdrift serve` logs while it is asked all kinds of things: no attribute's value, no secret, nothing that a client wrote."""

import json
import re
import secrets
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import yaml

from streams.database import engine as make_engine
from streams.processes import free_port
from streams.tokens import Scope, create
from tests.acceptance.running import start
from tests.streams import seeded

TOKEN = f"configured-{secrets.token_hex(8)}"
KEY = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
WRONG = f"guessed-{secrets.token_hex(8)}"
ROUTING_KEY = secrets.token_hex(16)
WRITTEN = "sex=female"
"""What a client writes where it does not belong."""


@dataclass(frozen=True, slots=True)
class World:
    """A configuration full of secrets, over the seeded history."""

    config: Path
    port: int
    password: str
    kept: str
    """A token of the database."""
    engine: sa.Engine

    @property
    def secrets(self) -> list[str]:
        return [TOKEN, KEY, WRONG, ROUTING_KEY, self.password, self.kept]


@pytest.fixture
def world(database: str, tmp_path: Path) -> Iterator[World]:
    engine, password, port = make_engine(database), secrets.token_hex(12), free_port()
    seeded.seed(engine)
    login = f"serve_{secrets.token_hex(4)}"
    with engine.begin() as connection:
        connection.execute(sa.text(f"create role {login} login password '{password}' in role fairdrift_writer"))
        kept = create(connection, "oncall", Scope.CONTROL, "ada")
    url = sa.make_url(database)
    body = {
        "postgres": {"url": f"postgresql://{login}:{password}@{url.host}:{url.port}/{url.database}"},
        "serve": {"tokens": [TOKEN], "public_url": "https://fairdrift.example.org"},
        "models": [{"name": seeded.MODEL, "attributes": {"sex": ["female", "male"]}}],
        "receivers": [
            {"name": "hook", "type": "webhook", "url": "https://hooks.example.org/x", "secret": KEY},
            {"name": "pager", "type": "pagerduty", "routing_key": ROUTING_KEY},
        ],
    }
    config = tmp_path / "fairdrift.yaml"
    config.write_text(yaml.safe_dump(body))
    yield World(config, port, password, kept, engine)
    with engine.begin() as connection:
        connection.execute(
            sa.text("select pg_terminate_backend(pid) from pg_stat_activity where usename = :login"), {"login": login}
        )
        connection.execute(sa.text(f"drop role {login}"))
    engine.dispose()


def test_what_serve_logs(world: World) -> None:
    process = start("serve", "--config", str(world.config), "--port", str(world.port), "--log-format", "json")
    try:
        _wait(world.port)
        _ask(world)
        with world.engine.begin() as connection:  # an error that quotes the statement and its parameters
            connection.execute(sa.text("drop view public.fairness_group cascade"))
        with httpx.Client(base_url=f"http://127.0.0.1:{world.port}", headers=_bearer(TOKEN)) as client:
            assert client.get("/api/v1/metrics", params={"kind": "group", "model": WRITTEN}).status_code >= 500
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert process.returncode in (0, -signal.SIGTERM), err[-2000:]  # uvicorn ends as it was told to
    lines = [json.loads(line) for line in err.splitlines()]
    assert any("serving at" in line["event"] for line in lines)
    assert any("the database failed a request (/api/v1/metrics)" in line["event"] for line in lines), err
    for told in (*world.secrets, "female", "male", "client-4711"):
        assert told not in out + err, f"{told!r} is in the log"
    assert not re.search(r"[0-9a-f]{64}", err), "a hash or a signature is in the log"


def _ask(world: World) -> None:
    """Good questions, bad ones, and what is no HTTP at all."""
    with httpx.Client(base_url=f"http://127.0.0.1:{world.port}") as client:
        context: dict[str, Any] = {"context": {"targetingKey": "client-4711", "sex": "female"}}
        for token in (TOKEN, world.kept, WRONG, ""):
            headers = _bearer(token)
            client.get("/api/v1/metrics", params={"model": seeded.MODEL, "kind": "group"}, headers=headers)
            client.get("/api/v1/metrics", params={"from": WRITTEN}, headers=headers)
            client.get(f"/api/v1/{WRITTEN}", headers=headers)
            client.post(f"/ofrep/v1/evaluate/flags/{WRITTEN}", json=context, headers=headers)
            client.post(f"/ofrep/v1/evaluate/flags/{seeded.MODEL}", content=WRITTEN, headers=headers)
            client.post("/api/v1/silences", json={"matchers": [WRITTEN], "lasts": "2h"}, headers=headers)
            client.post("/api/v1/silences", json={"matchers": [WRITTEN + "("], "lasts": TOKEN}, headers=headers)
            client.post(f"/api/v1/control/{WRITTEN}/route", json={"route": "live", "why": WRITTEN}, headers=headers)
            client.get(f"/gate/{WRITTEN}", params={"version": WRITTEN}, headers=headers)
            client.get(
                f"/pictures/{seeded.ALERT}/chart.png", params={"expires": "1", "signature": "0" * 64}, headers=headers
            )
            client.get("/", auth=("ada", token))
            client.get("/metrics", headers=headers)
    for nonsense in (f"GET /{WRITTEN}\r\n\r\n", f"{WRITTEN} {TOKEN} HTTP/9\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", world.port), timeout=30) as raw:
            raw.sendall(nonsense.encode())
            raw.recv(4096)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _wait(port: int) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "it did not begin to serve"
        time.sleep(0.1)
