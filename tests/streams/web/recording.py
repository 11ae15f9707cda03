"""Requests whose answers are the examples of the OpenAPI document: `python -m tests.streams.web.recording` records them.

In order: some change what later ones see. Every operation is also asked without a token (401), with one that may only read
where more is needed (403), and of a service without its database (503), which needs no entry here.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import sqlalchemy as sa
from starlette.testclient import TestClient

from alerts.pictures import PATH, Pictures
from alerts.tables import alert_states, alert_transitions
from monitor.tables import evaluations
from streams.config import parse
from streams.database import engine as make_engine
from streams.keys import PICTURES, shared_key
from streams.settings import ServeConfig, TokenConfig
from streams.tokens import Scope, create
from streams.web import service_app
from streams.web.examples import FILE
from streams.web.runbooks import names
from tests.services.databases import Databases
from tests.streams import seeded

NOBODY = "f" * 32
PUBLIC = "https://fairdrift.example.org"
SETTINGS = parse(f"""
serve: {{requests_per_second: 10000, public_url: "{PUBLIC}"}}
models:
  - {{name: {seeded.MODEL}, value: {{range: [0, 500000]}}, windows: [1h, 1d],
     attributes: {{sex: {{values: [female, male], reference: male}}}}}}
  - {{name: house-price, attributes: {{sex: [female, male]}}, topics: {{predictions: p2, outcomes: o2}}}}
rules:
  - {{name: limit-parity, type: threshold, model: {seeded.MODEL}, metric: mean_value, attributes: [sex], aggregate: ratio,
     method: to_reference, bound: {{min: 0.85}}, window: 1h}}
control:
  plans: [{{model: {seeded.MODEL}, rules: [limit-parity], window: 1h, rest: fallback,
     steps: [{{percent: 0}}, {{percent: 5}}, {{percent: 100}}]}}]
""")
TOKEN = "known-without-a-database"
_SHA = hashlib.sha256(TOKEN.encode()).hexdigest()
_NAMED = (TokenConfig(name="oncall", sha256=_SHA, scope="control"),)
_SERVE = ServeConfig(tokens=_NAMED, requests_per_second=10_000, public_url=PUBLIC)
AWAY = SETTINGS.model_copy(update={"serve": _SERVE})
"""A token of the configuration, which is known while the database is away."""

WHY = {"why": "INC-12"}
MODEL = {"model": seeded.MODEL}
OTHER = {"model": "house-price"}
UNKNOWN = {"model": "typo"}
CONTROL = "/api/v1/control/{model}"
FLAG = "/ofrep/v1/evaluate/flags/{key}"
CONTEXT = {"context": {"targetingKey": "client-4711"}}


@dataclass(frozen=True, slots=True)
class Sent:
    """One request; `path` fills the address, `body` is JSON (a text is sent as it is)."""

    method: str
    address: str
    status: int
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def operation(self) -> str:
        """As examples are kept."""
        return f"{self.method} {self.address}"


def _lists() -> Iterator[Sent]:
    yield Sent("GET", "/health/live", 200)
    yield Sent("GET", "/health/ready", 200)
    yield Sent("GET", "/api/v1/models", 200)
    yield Sent("GET", "/api/v1/models", 400, query={"colour": "blue"})
    shown = {"model": seeded.MODEL, "kind": "disparity", "metric": "mean_value", "window": "1h", "limit": "1"}
    yield Sent(
        "GET",
        "/api/v1/metrics",
        200,
        query={**shown, "attributes": "sex", "aggregate": "ratio", "method": "to_reference"},
    )
    yield Sent("GET", "/api/v1/metrics", 400, query={"window": "soon"})
    yield Sent("GET", "/api/v1/alerts", 200, query={"model": seeded.MODEL, "history": "true", "limit": "1"})
    yield Sent("GET", "/api/v1/alerts", 400, query={"limit": "0"})
    yield Sent("GET", "/api/v1/control", 200, query={"model": seeded.MODEL})
    yield Sent("GET", "/api/v1/control", 400, query={"history": "perhaps"})
    yield Sent("GET", "/api/v1/alerts/open", 200, query={"everything": "true"})
    yield Sent("GET", "/api/v1/alerts/open", 400, query={"everything": "all"})
    yield Sent("GET", "/api/v1/deliveries", 200, query={"alert": seeded.ALERT})
    yield Sent("GET", "/api/v1/deliveries", 400, query={"limit": "0"})
    yield Sent("GET", "/openapi.json", 200)
    yield Sent("GET", "/", 200)
    for name in ("", *(f"/{name}" for name in names())):
        yield Sent("GET", f"/runbooks{name}", 200)
    signed = {"expires": "<expires>", "signature": "<signature>"}
    yield Sent("GET", PATH, 200, {"alert": seeded.ALERT}, signed)
    yield Sent("GET", PATH, 403, {"alert": seeded.ALERT}, {"expires": "1764028800", "signature": "0" * 64})
    yield Sent("GET", PATH, 404, {"alert": NOBODY}, signed)


def _operating() -> Iterator[Sent]:
    ack = "/api/v1/alerts/{alert}/ack"
    yield Sent("POST", ack, 200, {"alert": seeded.ALERT}, body={"comment": "looking", "by": "ada"})
    yield Sent("POST", ack, 400, {"alert": seeded.ALERT}, body={"colour": "blue"})
    yield Sent("POST", ack, 404, {"alert": NOBODY}, body={})
    wanted = {
        "matchers": ['model="credit-limit"', "severity=ticket"],
        "lasts": "2h",
        "comment": "migration",
        "by": "ada",
    }
    yield Sent("POST", "/api/v1/silences", 201, body=wanted)
    yield Sent("POST", "/api/v1/silences", 400, body={"matchers": ["severity=ticket"]})
    yield Sent("GET", "/api/v1/silences", 200)
    yield Sent("GET", "/api/v1/silences", 400, query={"over": "never"})
    yield Sent("DELETE", "/api/v1/silences/{silence}", 200, {"silence": "<silence>"})
    yield Sent("DELETE", "/api/v1/silences/{silence}", 404, {"silence": NOBODY[:12]})
    yield Sent("GET", "/api/v1/audit", 200, query={"limit": "2"})
    yield Sent("GET", "/api/v1/audit", 400, query={"limit": "0"})


def _routes() -> Iterator[Sent]:
    for what in ("freeze", "thaw"):
        yield Sent("POST", f"{CONTROL}/{what}", 200, MODEL, body={"why": "migration tonight", "by": "ada"})
        yield Sent("POST", f"{CONTROL}/{what}", 400, MODEL, body={"why": ""})
        yield Sent("POST", f"{CONTROL}/{what}", 404, UNKNOWN, body=WHY)
    yield Sent(
        "POST", f"{CONTROL}/route", 200, MODEL, body={"route": "fallback", "why": "limits look wrong", "by": "ada"}
    )
    yield Sent("POST", f"{CONTROL}/route", 400, MODEL, body={"route": "canary", "why": "no percent"})
    yield Sent("POST", f"{CONTROL}/route", 404, UNKNOWN, body={"route": "live", **WHY})
    yield Sent("POST", f"{CONTROL}/route", 409, MODEL, body={"route": "live", "epoch": 1, **WHY})
    yield Sent(
        "POST", f"{CONTROL}/plan", 200, MODEL, body={"version": "2026-11-20", "why": "INC-12 repaired", "by": "ada"}
    )
    yield Sent("POST", f"{CONTROL}/plan", 400, MODEL, body={"version": "2026-11-20", "why": ""})
    yield Sent("POST", f"{CONTROL}/plan", 404, UNKNOWN, body={"version": "v", **WHY})
    yield Sent("POST", f"{CONTROL}/plan", 409, OTHER, body={"version": "v", **WHY})
    yield Sent("GET", f"{CONTROL}/plan", 200, MODEL)
    yield Sent("GET", f"{CONTROL}/plan", 404, UNKNOWN)
    for what in ("hold", "advance"):
        yield Sent("POST", f"{CONTROL}/plan/{what}", 200, MODEL, body={"why": "seen enough", "by": "ada"})
        yield Sent("POST", f"{CONTROL}/plan/{what}", 400, MODEL, body={"why": ""})
        yield Sent("POST", f"{CONTROL}/plan/{what}", 404, UNKNOWN, body=WHY)
        yield Sent("POST", f"{CONTROL}/plan/{what}", 409, OTHER, body=WHY)
    yield Sent("GET", f"{CONTROL}/kserve", 200, MODEL)
    yield Sent("GET", f"{CONTROL}/kserve", 404, UNKNOWN)


def _rollouts() -> Iterator[Sent]:
    """The seeded alert fires, so that a gate is shut: the model that has none is told of after the one that has."""
    version = {"version": "2026-11-20"}
    yield Sent("GET", "/gate/{model}", 200, MODEL, version)
    for path, yes in (("/gate/{model}", OTHER), ("/gate/{model}/rollback", MODEL)):
        no = MODEL if yes is OTHER else OTHER
        yield Sent("POST", path, 409, no, version)
        yield Sent("POST", path, 400, no, {"proven": "true"})
        yield Sent("POST", path, 404, UNKNOWN)
    yield Sent("POST", "/gate/{model}", 200, OTHER, version)
    yield Sent("POST", "/gate/{model}/rollback", 200, MODEL, version)
    yield Sent("GET", "/gate/{model}", 400, MODEL, {"proven": "true"})
    yield Sent("GET", "/gate/{model}", 404, UNKNOWN)
    yield Sent("GET", "/flagd/flags.json", 200)
    yield Sent("POST", FLAG, 200, {"key": seeded.MODEL}, body=CONTEXT)
    yield Sent("POST", FLAG, 400, {"key": seeded.MODEL}, body={"context": 1})
    yield Sent("POST", FLAG, 404, {"key": "typo"}, body=CONTEXT)
    yield Sent("POST", "/ofrep/v1/evaluate/flags", 200, body=CONTEXT)
    yield Sent("POST", "/ofrep/v1/evaluate/flags", 400, body={"context": 1})


def requests() -> list[Sent]:
    """All of them, in order."""
    return [*_lists(), *_operating(), *_rollouts(), *_routes()]


class Services:
    """The service over a seeded database whose alert fires, with a token of each scope; and one whose database is away."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        seeded.seed(engine)
        with engine.begin() as conn:
            conn.execute(alert_transitions.delete().where(alert_transitions.c.to_state == "resolved"))
            conn.execute(alert_states.update().values(state="firing", firing_since=seeded.FIRED))
            conn.execute(
                evaluations.insert().values(
                    model="house-price", time_basis="decision", first_end_ms=0, last_end_ms=1, config_version="c1"
                )
            )
            self.reads = create(conn, "grafana", Scope.READ, "ada")
            self.controls = create(conn, "oncall", Scope.CONTROL, "ada")
        self.app = service_app(engine, SETTINGS)
        self.client = TestClient(self.app)
        self.away = TestClient(
            service_app(make_engine("postgresql://127.0.0.1:1/none"), AWAY),
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        self.silence = ""

    def stranger(self, sent: Sent, address: str) -> Any:
        """The answer to somebody without a token; from an address of their own, as guesses are counted by it."""
        asking = TestClient(self.app, client=(address, 1))
        return asking.request(sent.method, self.address(sent), params=sent.query, json=sent.body)

    def address(self, sent: Sent) -> str:
        """With the names in the path; a silence is the one that was made."""
        known = self.silence or NOBODY[:12]
        return sent.address.format(
            **{name: known if value == "<silence>" else value for name, value in sent.path.items()}
        )

    def query(self, sent: Sent) -> dict[str, str]:
        """With what only this service knows: the signature of a picture's address."""
        if "<signature>" not in sent.query.values():
            return dict(sent.query)
        made = Pictures(PUBLIC, shared_key(self.engine, PICTURES)).address(sent.path["alert"], datetime.now(UTC))
        return dict(parse_qsl(urlsplit(made).query))

    def ask(self, sent: Sent, token: str | None = None) -> Any:
        """The answer."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        address, query = self.address(sent), self.query(sent)
        answer = self.client.request(sent.method, address, params=query, json=sent.body, headers=headers)
        if sent.operation == "POST /api/v1/silences" and answer.status_code == 201:
            self.silence = answer.json()["id"]
        return answer


def record(services: Services) -> dict[str, dict[str, Any]]:
    """The examples, by operation and status."""
    found: dict[str, dict[str, Any]] = {}
    for sent in requests():
        answer = services.ask(sent, services.controls)
        assert answer.status_code == sent.status, (sent, answer.text)
        kept = {name: value for name in ("path", "query", "body") if (value := getattr(sent, name))}
        if sent.operation != "GET /openapi.json" and (said := read(answer)) is not None:
            kept["answer"] = said
        found.setdefault(sent.operation, {})[str(sent.status)] = kept
    for path in ("/health/ready", "/"):
        found[f"GET {path}"]["503"] = {"answer": read(services.away.get(path))}
    found["GET /metrics"] = {"200": {"answer": "\n".join(ours(services.ask(METRICS, services.reads).text)[:6])}}
    return found


METRICS = Sent("GET", "/metrics", 200)


def ours(text: str) -> list[str]:
    """The lines of an exposition that are about fairdrift."""
    return [line for line in text.splitlines() if "fairdrift_" in line]


def read(answer: Any) -> Any:
    """JSON, or text; of a page its head, of a picture nothing."""
    kind = answer.headers["content-type"]
    if "json" in kind:
        return answer.json()
    if kind.startswith("image/"):
        return None
    return f"{answer.text.partition('<style')[0]}..." if "html" in kind else answer.text


VOLATILE = re.compile(r"\d{4}-\d{2}-\d{2}T[0-9:.]+(Z|[+-]\d\d:\d\d)|\b[0-9a-f]{12,64}\b")


def settled(value: Any) -> Any:
    """Without what differs from day to day: times and identities in texts."""
    if isinstance(value, dict):
        return {name: settled(each) for name, each in value.items()}
    if isinstance(value, list):
        return [settled(each) for each in value]
    return VOLATILE.sub("*", value) if isinstance(value, str) else value


def main() -> None:
    """Write the file."""
    from streams.embedded import Embedded

    with Embedded() as running, Databases(running.postgres).fresh() as url:
        engine = make_engine(url)
        found = record(Services(engine))
        engine.dispose()
    FILE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
