"""Routes as other people's software reads them: OpenFeature's SDK over OFREP and over flagd's provider, in process."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from openfeature import api
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason
from openfeature.provider import AbstractProvider

from alerts.control import Route
from alerts.operators import Person, Wish
from streams.config import parse
from streams.controls import Controls
from streams.settings import Settings
from streams.web import service_app
from streams.web.protocol import FlagProtocol

TOKEN = "a-token-for-reading-flags"
ADA = Person("ada", "trying it")
KEYS = [f"client-{number}" for number in range(150)]
MODEL = "credit-limit"


@contextmanager
def served(empty_engine: sa.Engine, settings: Settings) -> Iterator[str]:
    """`fairdrift serve` on a free port, in a thread; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            service_app(empty_engine, settings), http=FlagProtocol, log_level="warning", access_log=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def provided(provider: AbstractProvider) -> Iterator[Callable[..., FlagEvaluationDetails[str]]]:
    """OpenFeature's client, with this provider: (model, targeting key) -> details."""
    api.set_provider_and_wait(provider, domain="routes")
    client = api.get_client("routes")

    def details(model: str = MODEL, key: str | None = "client-1") -> FlagEvaluationDetails[str]:
        return client.get_string_details(model, "fallback", EvaluationContext(targeting_key=key))

    try:
        yield details
    finally:
        api.clear_providers()


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until it holds, ten seconds at most."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return parse(f"""
serve: {{tokens: [{TOKEN}], flag_file: {tmp_path / "flags.json"}}}
models:
  - {{name: {MODEL}, attributes: {{sex: [F, M]}}}}
  - {{name: price, attributes: {{sex: [F, M]}}}}
""")


def _at_epoch(ask: Callable[..., FlagEvaluationDetails[str]], epoch: int) -> bool:
    return ask().flag_metadata.get("epoch") == epoch


def headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}"}


def test_an_openfeature_client_over_ofrep(empty_engine: sa.Engine, settings: Settings) -> None:
    controls = Controls(empty_engine, settings)
    with served(empty_engine, settings) as url, provided(OFREPProvider(url, headers_factory=headers)) as ask:
        first = ask()
        assert (first.value, first.variant, first.reason, first.error_code) == ("live", "live", Reason.STATIC, None)
        controls.set(MODEL, Wish(Route.FALLBACK), ADA)
        eventually(lambda: ask().value == "fallback")
        told = ask()
        assert told.flag_metadata == {"epoch": 1, "reason": "trying it", "changed_by": "ada"}
        assert ask("price").value == "live"


def test_a_canary_over_ofrep_is_sticky_and_grows(empty_engine: sa.Engine, settings: Settings) -> None:
    controls = Controls(empty_engine, settings)
    with served(empty_engine, settings) as url, provided(OFREPProvider(url, headers_factory=headers)) as ask:
        chosen: list[set[str]] = []
        for percent in (10.0, 40.0):
            shown = controls.set(MODEL, Wish(Route.CANARY, percent, Route.FALLBACK, "v7"), ADA)
            eventually(partial(_at_epoch, ask, shown.epoch))
            answers = {key: ask(MODEL, key) for key in KEYS}
            assert {one.reason for one in answers.values()} == {Reason.SPLIT}
            assert {one.value for one in answers.values()} == {"canary", "fallback"}
            chosen.append({key for key, one in answers.items() if one.value == "canary"})
        few, more = chosen
        assert few < more
        assert abs(len(few) - 15) < 4 * 3.7 and abs(len(more) - 60) < 4 * 6  # binomial standard deviations
        again = {key for key in KEYS[:20] if ask(MODEL, key).value == "canary"}
        assert again == more & set(KEYS[:20])
        keyless = ask(MODEL, None)
        assert (keyless.value, keyless.error_code) == ("fallback", ErrorCode.TARGETING_KEY_MISSING)


def test_what_an_openfeature_client_is_told_when_it_errs(empty_engine: sa.Engine, settings: Settings) -> None:
    with served(empty_engine, settings) as url:
        with provided(OFREPProvider(url, headers_factory=headers)) as ask:
            unknown = ask("no-such-model")
            assert (unknown.value, unknown.error_code) == ("fallback", ErrorCode.FLAG_NOT_FOUND)
        with provided(OFREPProvider(url)) as ask:
            stranger = ask()
            assert (stranger.value, stranger.error_code) == ("fallback", ErrorCode.GENERAL)


def test_all_flags_at_once_with_an_etag(empty_engine: sa.Engine, settings: Settings) -> None:
    """OFREP's bulk evaluation, as providers in browsers and on phones ask."""
    with served(empty_engine, settings) as url, httpx.Client(base_url=url, headers=headers()) as http:
        asked = {"context": {"targetingKey": "client-1"}}
        first = http.post("/ofrep/v1/evaluate/flags", json=asked)
        tag = {"If-None-Match": first.headers["etag"]}
        assert {flag["key"]: flag["value"] for flag in first.json()["flags"]} == {MODEL: "live", "price": "live"}
        assert http.post("/ofrep/v1/evaluate/flags", json=asked, headers=tag).status_code == 304
        Controls(empty_engine, settings).set(MODEL, Wish(Route.SHADOW), ADA)
        eventually(lambda: http.post("/ofrep/v1/evaluate/flags", json=asked, headers=tag).status_code == 200)


def test_flagd_in_process_follows_the_file_and_agrees_with_ofrep(empty_engine: sa.Engine, settings: Settings) -> None:
    controls, file = Controls(empty_engine, settings), settings.serve.flag_file
    assert file is not None
    with served(empty_engine, settings) as url:
        eventually(file.exists)
        provider = FlagdProvider(resolver_type=ResolverType.FILE, offline_flag_source_path=str(file), deadline_ms=20)
        with provided(provider) as ask:
            assert (ask().value, ask().reason) == ("live", Reason.STATIC)
            controls.set(MODEL, Wish(Route.CANARY, 25.0, Route.FALLBACK, "v7"), ADA)
            eventually(lambda: ask().flag_metadata.get("epoch") == 1)
            by_flagd = {key: ask(MODEL, key).value for key in KEYS[:60]}
            assert set(by_flagd.values()) == {"canary", "fallback"}
            controls.set("price", Wish(Route.FALLBACK), ADA)
            eventually(lambda: ask("price").value == "fallback")
        with provided(OFREPProvider(url, headers_factory=headers)) as ask:
            assert {key: ask(MODEL, key).value for key in KEYS[:60]} == by_flagd


def test_flagd_syncs_over_http(empty_engine: sa.Engine, settings: Settings) -> None:
    """flagd's HTTP sync: it asks at an interval with the ETag it has, and takes a new body over whole."""
    from openfeature.contrib.tools.flagd.core import FlagdCore

    core = FlagdCore()
    seen: list[str] = []
    with served(empty_engine, settings) as url, httpx.Client(base_url=url, headers=headers()) as http:

        def sync() -> str:
            answer = http.get("/flagd/flags.json", headers={"If-None-Match": seen[-1]} if seen else {})
            if answer.status_code == 200:
                seen.append(answer.headers["etag"])
                core.set_flags(json.dumps(answer.json()))
            else:
                assert (answer.status_code, answer.content) == (304, b"")
            value = core.resolve_string_value(MODEL, "none", EvaluationContext(targeting_key="client-1")).value
            return str(value)

        assert [sync(), sync()] == ["live", "live"] and len(seen) == 1
        Controls(empty_engine, settings).set(MODEL, Wish(Route.FALLBACK), ADA)
        eventually(lambda: sync() == "fallback")
        assert len(seen) == 2
