"""Grafana's provisioning files: the data sources and the folder of boards.

Grafana runs whatever SQL a viewer sends, so the data source's user must be the role `fairdrift_reader`, which sees the
views only. Its password comes from the environment of Grafana.
"""

from streams.dashboards.prometheus import PROMETHEUS_TYPE, PROMETHEUS_UID
from streams.dashboards.sql import DATASOURCE_TYPE, DATASOURCE_UID

DATASOURCE_NAME = "fairdrift"
PROMETHEUS_NAME = "fairdrift-prometheus"
READER = "fairdrift_reader"
FOLDER_UID = "fairdrift"
FOLDER_TITLE = "Fairness"

BOARDS_PATH = "/var/lib/grafana/dashboards/fairdrift"
"""Where Grafana finds the JSON files; deploy/grafana/dashboards is to be mounted there."""


def datasource(url: str, database: str, password: str, sslmode: str) -> dict[str, object]:
    """The data source, as the files and the HTTP API both take it; `url` is `host:port` without the database."""
    return {
        "name": DATASOURCE_NAME,
        "uid": DATASOURCE_UID,
        "type": DATASOURCE_TYPE,
        "access": "proxy",
        "url": url,
        "user": READER,
        "secureJsonData": {"password": password},
        "jsonData": {
            "database": database,
            "sslmode": sslmode,
            "maxOpenConns": 20,
            "maxIdleConns": 20,
            "connMaxLifetime": 14400,
            "postgresVersion": 1500,
            "timescaledb": False,
            "timeInterval": "1m",
        },
    }


def prometheus(url: str) -> dict[str, object]:
    """The Prometheus that scrapes the workers, likewise; for the board "Service"."""
    return {
        "name": PROMETHEUS_NAME,
        "uid": PROMETHEUS_UID,
        "type": PROMETHEUS_TYPE,
        "access": "proxy",
        "url": url,
        "jsonData": {"timeInterval": "15s", "httpMethod": "POST"},
    }


def datasources_file() -> dict[str, object]:
    """provisioning/datasources/fairdrift.yaml: addresses and password from Grafana's environment."""
    source = datasource(
        "$FAIRDRIFT_PG_ADDRESS", "$FAIRDRIFT_PG_DATABASE", "$FAIRDRIFT_READER_PASSWORD", "$FAIRDRIFT_PG_SSLMODE"
    )
    both = [source, prometheus("$FAIRDRIFT_PROMETHEUS_URL")]
    return {"apiVersion": 1, "datasources": [one | {"editable": False} for one in both]}


def dashboards_file() -> dict[str, object]:
    """provisioning/dashboards/fairdrift.yaml: every board of the mounted folder."""
    provider = {
        "name": "fairdrift",
        "orgId": 1,
        "folder": FOLDER_TITLE,
        "folderUid": FOLDER_UID,
        "type": "file",
        "disableDeletion": True,
        "updateIntervalSeconds": 30,
        "allowUiUpdates": False,
        "options": {"path": BOARDS_PATH, "foldersFromFilesStructure": False},
    }
    return {"apiVersion": 1, "providers": [provider]}
