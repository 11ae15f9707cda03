"""One round of operating it, by the commands that people use: check, replay, worker, metrics, status, serve's API."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from streams.processes import free_port
from tests.acceptance.running import configuration, run, start
from tests.services.topics import Topics

START = 1_763_632_800_000
ROWS = 1200
TOKEN = "a-token-for-this-test-only"
MODEL = {
    "name": "credit",
    "attributes": {"sex": {"values": ["F", "M"], "reference": "M"}},
    "metrics": ["selection_rate"],
    "windows": ["5m", "1h"],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Twenty minutes: every third woman and every second man is granted."""
    path = tmp_path / "decisions.csv"
    rows = [
        f"{n},{START + n * 1000},{int(n % 6 == 0 if n % 2 == 0 else n % 4 == 1)},{'FM'[n % 2]}\n" for n in range(ROWS)
    ]
    path.write_text("client,at,granted,sex\n" + "".join(rows))
    return path


@pytest.fixture
def config(tmp_path: Path, kafka: str, database: str, topics: Topics) -> Path:
    predictions, outcomes = topics.together("predictions", "outcomes", partitions=2)
    model = MODEL | {"topics": {"predictions": predictions, "outcomes": outcomes}}
    path = configuration(
        tmp_path, kafka, database, [model], topics("letters"), serve={"tokens": [TOKEN], "port": free_port()}
    )
    body = yaml.safe_load(path.read_text())
    body["worker"]["health"]["port"] = free_port()
    path.write_text(yaml.safe_dump(body))
    return path


@pytest.fixture
def worker(config: Path) -> Iterator["subprocess.Popen[str]"]:
    process = start("worker", "--config", str(config))
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def eventually(look: Callable[[], Any], seconds: float = 90) -> Any:
    """What `look` returns once that is true; services that do not answer yet count as false."""
    until = time.monotonic() + seconds
    while True:
        try:
            if found := look():
                return found
        except httpx.TransportError:
            pass
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.2)


def test_operating(config: Path, file: Path, worker: "subprocess.Popen[str]") -> None:
    settings = yaml.safe_load(config.read_text())
    own = f"http://127.0.0.1:{settings['worker']['health']['port']}"
    checked = run("check", "--config", str(config), "--json")
    assert checked.returncode == 0, checked.stdout

    columns = ["--map", "id=client", "--time", "at", "--map", "decision=granted", "--attribute", "sex"]
    replayed = run(
        "replay", str(file), "--config", str(config), "--set", "model=credit", *columns, "--batch", "20", "--json"
    )
    assert json.loads(replayed.stdout)["published"] == ROWS, replayed.stderr
    again = run("replay", str(file), "--config", str(config), "--set", "model=credit", *columns)
    assert again.returncode == 1 and "already holds events" in " ".join(again.stderr.split())

    topic = settings["models"][0]["topics"]["predictions"]
    counted = f'fairdrift_events_total{{outcome="fresh",topic="{topic}"}} {ROWS}.0'
    eventually(lambda: counted in httpx.get(f"{own}/metrics").text)
    assert eventually(lambda: httpx.get(f"{own}/health/ready").status_code == 200)
    text = httpx.get(f"{own}/metrics").text
    assert f'fairdrift_lag_records{{partition="0",topic="{topic}"}} 0.0' in text
    assert "fairdrift_join_store_bytes" in text and 'fairdrift_stalled{activity="consume"} 0.0' in text

    def whole_window() -> Any:
        """The rates by sex, once a window of five minutes is evaluated that has all its decisions.

        At first it may lack those of a partition that was idle until now; they restate it.
        """
        status = run("status", "--config", str(config), "--window", "5m", "--all", "--json")
        groups = [one for window in json.loads(status.stdout)["models"][0]["windows"] for one in window["groups"]]
        found = {one["groups"]["sex"]: one for one in groups if one["attributes"] == ["sex"] and one["n"]}
        return found if sum(one["n"] for one in found.values()) == 300 else None

    rates = eventually(whole_window)
    # 300 s, one a second: every third of the women and every second of the men, as the file was made
    assert rates["F"]["n"] == rates["M"]["n"] == 150
    assert (rates["F"]["value"], rates["M"]["value"]) == (pytest.approx(1 / 3), 0.5)

    serving = start("serve", "--config", str(config))
    try:
        api = f"http://127.0.0.1:{settings['serve']['port']}"
        eventually(lambda: httpx.get(f"{api}/health/ready").status_code == 200)
        assert httpx.get(f"{api}/api/v1/models").status_code == 401
        answer = httpx.get(f"{api}/gate/credit", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.json()["data"]["verdict"] == "promote"
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=20)

    worker.send_signal(signal.SIGTERM)
    _, err = worker.communicate(timeout=40)
    assert worker.returncode == 0, err[-2000:]
