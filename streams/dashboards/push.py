"""Boards into a running Grafana over its HTTP API, through `grafana-api`.

Only calls that Grafana 11, 12 and 13 all answer: folders by uid, data sources listed and created, `dashboards/db`, search by
tag, dashboards deleted by uid. That client also knows calls that are gone (data sources by number, alert notifications); they
are not used. What is pruned lies in our folder, has our tag and a uid that begins as ours do: boards of other people stay.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import (
    GrafanaClientError,
    GrafanaException,
    GrafanaUnauthorizedError,
)
from grafana_api.grafana_face import GrafanaFace

from streams.dashboards import BOARDS, provisioning
from streams.dashboards.board import TAG, UIDS
from streams.dashboards.files import board
from streams.dashboards.prometheus import PROMETHEUS_UID
from streams.dashboards.sql import DATASOURCE_UID
from streams.errors import StreamsError

DEFAULT_PORTS = {"http": 80, "https": 443}


class GrafanaError(StreamsError):
    """Grafana is away or refused."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Target:
    """A Grafana: its URL (a path is kept, for servers below one) and a service account's token."""

    url: str
    token: str = field(repr=False)
    timeout: float = 10.0

    def client(self) -> Any:
        """A `grafana-api` client for it; GrafanaError for what is not an http(s) URL."""
        parts = urlsplit(self.url)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise GrafanaError(f"{self.url!r} is not the URL of a Grafana: say for example https://grafana.example.org")
        prefix = parts.path.strip("/")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return GrafanaFace(
            auth=self.token,
            host=host,
            port=parts.port or DEFAULT_PORTS[parts.scheme],
            url_path_prefix=f"{prefix}/" if prefix else "",
            protocol=parts.scheme,
            timeout=self.timeout,
        )


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was done with one board; `url` is its address in that Grafana."""

    name: str
    url: str
    version: int


@dataclass(frozen=True, slots=True)
class Done:
    """What a push did: boards written, uids of boards removed, and names left out with the reason."""

    pushed: tuple[Pushed, ...]
    pruned: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a push should do beside writing the boards: data sources to make if they are missing; whether to prune."""

    datasource: dict[str, object] | None = None
    prometheus: dict[str, object] | None = None
    message: str = ""
    prune: bool = True


NEEDS_PROMETHEUS = ("service",)


def push(target: Target, wanted: Wanted | None = None) -> Done:
    """Create or update the folder and every board, and remove boards that an earlier version pushed and this one lacks.

    Existing data sources are left as they are. A board that needs Prometheus is left out where Grafana has no data source for it.
    Raises GrafanaError with what to do.
    """
    chosen = wanted or Wanted()
    grafana = target.client()
    try:
        known = _ensure_datasources(grafana, chosen)
        _ensure_folder(grafana)
        names = [name for name in BOARDS if PROMETHEUS_UID in known or name not in NEEDS_PROMETHEUS]
        pushed = tuple(_push_board(grafana, target, name, chosen.message) for name in names)
        pruned = tuple(_prune(grafana)) if chosen.prune else ()
        missing = f"Grafana has no data source with the uid {PROMETHEUS_UID}: create it with --create-prometheus URL"
        return Done(pushed, pruned, tuple((name, missing) for name in BOARDS if name not in names))
    except GrafanaUnauthorizedError as error:
        raise GrafanaError(
            f"Grafana at {target.url} does not know this token: make a service account with the role Editor (Admin to create"
            " the data source) and give its token in GRAFANA_TOKEN"
        ) from error
    except GrafanaClientError as error:
        if error.status_code == 403:
            raise GrafanaError(
                f"Grafana at {target.url} forbids it ({error.message}): the token's service account needs the role Editor,"
                " and Admin to create the data source"
            ) from error
        raise GrafanaError(f"Grafana at {target.url} refused: {error.message}") from error
    except GrafanaException as error:
        raise GrafanaError(f"Grafana at {target.url} failed: {error.message}") from error
    except requests.RequestException as error:
        raise GrafanaError(f"Grafana at {target.url} cannot be reached: {_first_line(error)}") from error


def _ensure_datasources(grafana: Any, wanted: Wanted) -> set[str]:
    """The uids of the data sources that there are, after making what is wanted and missing."""
    known = {str(source.get("uid")) for source in grafana.datasource.list_datasources()}
    if DATASOURCE_UID not in known and wanted.datasource is None:
        raise GrafanaError(
            f"Grafana has no data source with the uid {DATASOURCE_UID}, which the boards read: provision it from"
            " deploy/grafana/provisioning, or let this command create it with --create-datasource HOST:PORT/DATABASE"
        )
    for uid, source in ((DATASOURCE_UID, wanted.datasource), (PROMETHEUS_UID, wanted.prometheus)):
        if source is not None and uid not in known:
            grafana.datasource.create_datasource(source)
            known.add(uid)
    return known


def _ensure_folder(grafana: Any) -> None:
    try:
        grafana.folder.get_folder(provisioning.FOLDER_UID)
    except GrafanaClientError as error:
        if error.status_code != 404:
            raise
        grafana.folder.create_folder(provisioning.FOLDER_TITLE, uid=provisioning.FOLDER_UID)


def _push_board(grafana: Any, target: Target, name: str, message: str) -> Pushed:
    body = {"dashboard": board(name), "folderUid": provisioning.FOLDER_UID, "overwrite": True, "message": message}
    answer = grafana.dashboard.update_dashboard(body)
    parts = urlsplit(target.url)
    return Pushed(name, f"{parts.scheme}://{parts.netloc}{answer['url']}", int(answer["version"]))


def _prune(grafana: Any) -> Iterator[str]:
    """Remove what is ours and no longer made; the uids."""
    for found in grafana.search.search_dashboards(tag=TAG, type_="dash-db"):
        uid = str(found.get("uid"))
        ours = found.get("folderUid") == provisioning.FOLDER_UID and uid.startswith(f"{TAG}-")
        if ours and uid not in UIDS.values():
            grafana.dashboard.delete_dashboard(uid)
            yield uid


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
