"""The status page: what it says, who may see it, and how a real browser shows it."""

import base64
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
import uvicorn
from starlette.testclient import TestClient

from alerts.tables import alert_transitions, route_changes
from streams.config import parse
from streams.database import engine as make_engine
from streams.settings import Settings
from streams.web import service_app
from tests.streams import seeded
from tests.streams.web.conftest import TOKEN

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

SETTINGS = parse(f"""
serve: {{tokens: [{TOKEN}]}}
models:
  - name: {seeded.MODEL}
    value: {{range: [0, 500000]}}
    attributes: {{sex: {{values: [female, male], reference: male}}}}
  - {{name: house-price, attributes: {{sex: [female, male]}}}}
rules:
  - {{name: limit-parity, type: threshold, model: {seeded.MODEL}, metric: mean_value, attributes: [sex], aggregate: ratio,
      method: to_reference, bound: {{min: 0.85}}, window: 1h}}
""")


def password(token: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"ada:{token}".encode()).decode()}


@pytest.fixture
def page(seeded_engine: sa.Engine) -> Iterator[TestClient]:
    with TestClient(service_app(seeded_engine, SETTINGS)) as made:
        yield made


def test_a_browser_is_asked_for_the_token_as_a_password(page: TestClient) -> None:
    asked = page.get("/")
    assert asked.status_code == 401 and asked.headers["www-authenticate"].startswith("Basic ")
    assert page.get("/", headers=password("wrong")).status_code == 401
    assert page.get("/", headers={"Authorization": "Basic ?"}).status_code == 401
    assert page.get("/", headers=password(TOKEN)).status_code == 200
    assert page.get("/", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_password_opens_the_page_and_nothing_else(page: TestClient) -> None:
    assert page.get("/api/v1/models", headers=password(TOKEN)).status_code == 401


def test_it_loads_nothing_and_runs_nothing(page: TestClient) -> None:
    answer = page.get("/", headers=password(TOKEN))
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script|https?://|src=", answer.text)


def test_parity_with_bound_and_what_there_is_nothing_of(page: TestClient) -> None:
    text = page.get("/", headers=password(TOKEN)).text
    for expected in ("0.950", "≥ 0.85", "0.900 to 1.000", "1,000", "route: live", "female lowest, male highest"):
        assert expected in text, expected
    assert "no event that names the model house-price has come" in text
    assert 'aria-label="0.950, 0.950, 0.700, 0.700, 0.950"' in text


def test_what_fires_comes_first(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(alert_transitions.delete().where(alert_transitions.c.to_state == "resolved"))
        connection.execute(route_changes.delete().where(route_changes.c.epoch == 2))
    with TestClient(service_app(engine, SETTINGS)) as client:
        text = client.get("/", headers=password(TOKEN)).text
    assert "2 models; 1 alert firing" in text and "route: fallback" in text
    assert "Mean limit of women is 0.70 of that of men" in text
    assert text.index(f"<h2>{seeded.MODEL}") < text.index("<h2>house-price")


def test_an_empty_store_says_why_and_what_to_do(database: str) -> None:
    made = make_engine(database)
    try:
        with TestClient(service_app(made, SETTINGS)) as client:
            text = client.get("/", headers=password(TOKEN)).text
    finally:
        made.dispose()
    assert "No worker has counted anything yet" in text and "fairdrift worker" in text
    assert "Nothing of this model is evaluated yet" in text


def test_a_database_that_is_away_is_said_on_the_page() -> None:
    away = make_engine("postgresql://nobody:s3cret@127.0.0.1:1/none")
    with TestClient(service_app(away, SETTINGS)) as client:
        answer = client.get("/", headers=password(TOKEN))
    away.dispose()
    assert answer.status_code == 503 and "The database does not answer" in answer.text
    assert "127.0.0.1" not in answer.text and "s3cret" not in answer.text


@contextmanager
def served(engine: sa.Engine, settings: Settings) -> Iterator[int]:
    """The service on a port of its own."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(service_app(engine, settings), log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()


@pytest.mark.skipif(CHROMIUM is None, reason="CHROMIUM IS NOT INSTALLED: apt-get install chromium")
def test_in_a_real_browser(seeded_engine: sa.Engine, tmp_path: Path) -> None:
    """The policy blocks nothing that the page needs, and the table is a table."""
    with served(seeded_engine, SETTINGS) as port:
        address = f"http://ada:{TOKEN}@127.0.0.1:{port}/"
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--user-data-dir={tmp_path}",
        ]
        command = [str(CHROMIUM), *options, "--enable-logging=stderr", "--dump-dom", address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "Content Security Policy" not in done.stderr
    rows = re.findall(r"<tr.*?</tr>", done.stdout, re.DOTALL)
    words = [re.sub(r"<[^>]+>", " ", row).split() for row in rows]
    assert ["female", "95,000", "400"] in words and ["male", "100,000", "600"] in words
    assert "<svg" in done.stdout and "credit-limit" in done.stdout
