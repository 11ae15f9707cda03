"""What every board has: identity, links to the others, range, and panels numbered as they come."""

from collections.abc import Iterable, Sequence

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

UIDS = {name: f"fairdrift-{name}" for name in ("fleet", "model", "alert", "service")}
"""File name without its ending -> uid. Links from pages and between boards rest on them."""

TAG = "fairdrift"


def board(name: str, title: str, description: str, since: str) -> builders.Dashboard:
    """An empty board; `since` is the beginning of the range it opens with, as in `now-7d`."""
    return (
        builders.Dashboard(title)
        .uid(UIDS[name])
        .description(description)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .refresh("1m")
        .time(since, "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .links([_link(other) for other in UIDS if other != name])
    )


def _link(name: str) -> builders.DashboardLink:
    link = builders.DashboardLink(name.capitalize()).type(models.DashboardLinkType.LINK).icon("dashboard")
    return link.url(f"/d/{UIDS[name]}").keep_time(name != "alert").include_vars(False).target_blank(False)


Panels = Sequence[Builder[models.Panel]]


def filled(empty: builders.Dashboard, rows: Iterable[tuple[str, Panels]]) -> models.Dashboard:
    """The board with these rows of panels; a row without a title has no heading."""
    number = 0
    for title, panels in rows:
        if title:
            empty.with_row(builders.Row(title))
        for panel in panels:
            number += 1
            panel.id(number)  # type: ignore[attr-defined]
            empty.with_panel(panel)
    return empty.build()
