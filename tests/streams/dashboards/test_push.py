"""Pushing, against a server that knows only the documented endpoints of Grafana 11 to 13 and checks what it is sent."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typer.testing import CliRunner

from streams.cli import build_app
from streams.dashboards import BOARDS
from streams.dashboards.provisioning import datasource, prometheus
from streams.dashboards.push import GrafanaError, Target, Wanted, push

TOKEN = "glsa_test"
SOURCE = datasource("postgres:5432", "fairdrift", "s3cret", "disable")
SCRAPED = prometheus("http://prometheus:9090")


@dataclass
class FakeGrafana:
    """What a Grafana remembers of folders, data sources and dashboards."""

    folders: dict[str, str] = field(default_factory=dict)
    datasources: list[dict[str, Any]] = field(default_factory=list)
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    broken: int = 0

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """The status and JSON that Grafana's documentation gives for the call."""
        match method, path.strip("/").split("/"):
            case "GET", ["datasources"]:
                return 200, self.datasources
            case "POST", ["datasources"]:
                assert {"name", "type", "access", "url"} <= set(body)
                self.datasources.append(body)
                return 200, {"id": 1, "message": "Datasource added", "name": body["name"], "datasource": body}
            case "GET", ["folders", uid]:
                if uid not in self.folders:
                    return 404, {"message": "folder not found", "status": "not-found"}
                return 200, {"uid": uid, "title": self.folders[uid]}
            case "POST", ["folders"]:
                if body["uid"] in self.folders:
                    return 412, {"message": "a folder with that uid already exists"}
                self.folders[body["uid"]] = body["title"]
                return 200, {"uid": body["uid"], "title": body["title"]}
            case "POST", ["dashboards", "db"]:
                return self._save(body)
            case "GET", ["search"]:
                kept = self.dashboards.items()
                return 200, [{"uid": uid, "type": "dash-db", "folderUid": one.get("folderUid")} for uid, one in kept]
            case "DELETE", ["dashboards", "uid", uid]:
                if self.dashboards.pop(uid, None) is None:
                    return 404, {"message": "Dashboard not found"}
                return 200, {"message": f"Dashboard {uid} deleted", "uid": uid}
        return 404, {"message": "Not found"}

    def _save(self, body: dict[str, Any]) -> tuple[int, Any]:
        assert set(body) <= {"dashboard", "folderUid", "message", "overwrite"}, set(body)
        board = body["dashboard"]
        if board.get("id") is not None:
            return 404, {"message": "Dashboard not found", "status": "not-found"}
        if not board.get("title"):
            return 400, {"message": "Dashboard title cannot be empty"}
        if body["folderUid"] not in self.folders:
            return 400, {"message": "folder not found"}
        before = self.dashboards.get(board["uid"])
        if before is not None and not body.get("overwrite"):
            return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
        version = 1 if before is None else before["version"] + 1
        self.dashboards[board["uid"]] = board | {"version": version, "folderUid": body["folderUid"]}
        slug = board["title"].lower()
        return 200, {
            "uid": board["uid"],
            "url": f"/d/{board['uid']}/{slug}",
            "status": "success",
            "version": version,
            "slug": slug,
        }


@pytest.fixture
def grafana() -> FakeGrafana:
    return FakeGrafana()


@pytest.fixture
def url(grafana: FakeGrafana) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            grafana.calls.append((self.command, self.path))
            if grafana.broken:
                status, answer = grafana.broken, {"message": "broken"}
            elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, answer = 401, {"message": "Invalid API key"}
            elif not self.path.startswith("/api/"):
                status, answer = 404, {"message": "Not found"}
            else:
                status, answer = grafana.answer(self.command, self.path.removeprefix("/api/").partition("?")[0], body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_first_push_makes_everything(grafana: FakeGrafana, url: str) -> None:
    done = push(Target(url, TOKEN), Wanted(SOURCE, SCRAPED))
    assert [one.name for one in done.pushed] == list(BOARDS)
    assert (done.pushed[0].version, done.pushed[0].url) == (1, f"{url}/d/fairdrift-fleet/fleet")
    assert (done.pruned, done.left_out) == ((), ())
    assert grafana.folders == {"fairdrift": "Fairness"}
    assert grafana.datasources == [SOURCE, SCRAPED]
    assert grafana.dashboards["fairdrift-fleet"]["folderUid"] == "fairdrift"


def test_the_second_push_updates_and_leaves_the_data_source_alone(grafana: FakeGrafana, url: str) -> None:
    push(Target(url, TOKEN), Wanted(SOURCE))
    grafana.calls.clear()
    done = push(Target(f"{url}/", TOKEN), Wanted(SOURCE))
    assert {one.version for one in done.pushed} == {2}
    assert ("POST", "/api/datasources") not in grafana.calls and ("POST", "/api/folders") not in grafana.calls


def test_boards_of_earlier_versions_are_removed_and_those_of_other_people_stay(grafana: FakeGrafana, url: str) -> None:
    push(Target(url, TOKEN), Wanted(SOURCE))
    for uid, folder in (("fairdrift-parity", "fairdrift"), ("fairdrift-mine", "team"), ("team-board", "fairdrift")):
        grafana.dashboards[uid] = {"uid": uid, "title": uid, "folderUid": folder, "version": 1}
    assert push(Target(url, TOKEN), Wanted(prune=False)).pruned == ()
    assert push(Target(url, TOKEN)).pruned == ("fairdrift-parity",)
    assert {"fairdrift-mine", "team-board", "fairdrift-fleet"} <= grafana.dashboards.keys()


def test_without_prometheus_its_board_is_left_out_and_said_so(grafana: FakeGrafana, url: str) -> None:
    done = push(Target(url, TOKEN), Wanted(SOURCE))
    ((name, reason),) = done.left_out
    assert name == "service"
    assert "--create-prometheus" in reason
    assert "fairdrift-service" not in grafana.dashboards


def test_a_missing_data_source_is_told_before_anything_is_changed(grafana: FakeGrafana, url: str) -> None:
    with pytest.raises(GrafanaError, match="--create-datasource"):
        push(Target(url, TOKEN))
    assert not grafana.folders and not grafana.dashboards


def test_a_wrong_token_a_broken_server_and_no_server_are_told_apart(grafana: FakeGrafana, url: str) -> None:
    with pytest.raises(GrafanaError, match="does not know this token"):
        push(Target(url, "wrong"))
    grafana.broken = 403
    with pytest.raises(GrafanaError, match="role Editor"):
        push(Target(url, TOKEN))
    grafana.broken = 503
    with pytest.raises(GrafanaError, match="failed"):
        push(Target(url, TOKEN))
    with pytest.raises(GrafanaError, match="cannot be reached"):
        push(Target("http://127.0.0.1:1", TOKEN))
    with pytest.raises(GrafanaError, match="is not the URL"):
        push(Target("grafana.example.org", TOKEN))


def test_the_token_is_in_no_repr() -> None:
    assert TOKEN not in repr(Target("http://127.0.0.1", TOKEN))


def test_the_command(grafana: FakeGrafana, url: str) -> None:
    arguments = ["dashboards", "push", "--url", url, "--create-datasource", "postgres:5432/fairdrift", "--json"]
    environment = {"GRAFANA_TOKEN": TOKEN, "FAIRDRIFT_READER_PASSWORD": "s3cret"}
    result = CliRunner().invoke(build_app("dashboards"), arguments, env=environment)
    assert result.exit_code == 0, result.output
    first, *others = json.loads(result.stdout)
    assert first == {"name": "fleet", "url": f"{url}/d/fairdrift-fleet/fleet", "version": 1}
    assert "left_out" in others[-1]
    assert grafana.datasources[0]["secureJsonData"] == {"password": "s3cret"}
