"""The board "Service": every expression asks a real Prometheus for metrics that workers export, and finds something."""

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from streams.dashboards.files import board
from streams.exporter import METRICS
from tests.streams.dashboards.scraped import Prometheus, prometheus

SUFFIXES = ("_bucket", "_sum", "_count")
QUERIES: list[tuple[str, dict[str, Any]]] = [
    (f"{panel['title']}/{target['refId']}", target)
    for panel in board("service")["panels"]  # type: ignore[attr-defined]
    for target in panel.get("targets", [])
    if "expr" in target
]

each = pytest.mark.parametrize(("where", "target"), QUERIES, ids=[where for where, _ in QUERIES])


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed: on Debian, apt-get install prometheus")
    with prometheus(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


@each
def test_it_asks_for_what_is_exported(where: str, target: dict[str, Any]) -> None:
    known = METRICS.keys() | {f"{name}{suffix}" for name in METRICS for suffix in SUFFIXES}
    assert set(re.findall(r"fairdrift_\w+", target["expr"])) <= known


@each
def test_it_finds_something_and_its_legend_too(scraped: Prometheus, where: str, target: dict[str, Any]) -> None:
    found = scraped.series(target["expr"])
    assert found
    assert all(series["values"] for series in found)
    named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
    assert all(named <= series["metric"].keys() for series in found)


def test_what_a_worker_counts_is_what_the_board_shows(scraped: Prometheus) -> None:
    of = dict(QUERIES)
    (events,) = scraped.series(of["Events/A"]["expr"])
    assert float(events["values"][-1][1]) == pytest.approx(2.0), "two workers, each one event a second"
    (workers,) = scraped.series(of["Workers up/A"]["expr"])
    assert workers["values"][-1][1] == "1"
