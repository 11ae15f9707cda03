import io

import pytest
from rich.console import Console

from streams.demo.picture import Reading
from streams.demo.screen import Now, Picture, Plain, draw, epilogue, save, screen_for
from streams.demo.story import Counts, account
from streams.demo.timeline import DAY


@pytest.fixture
def now(timeline):
    readings = [Reading(timeline.start_ms + day * DAY, 1.0, 0.96, 1.04, 180_000, 178_000) for day in range(1, 15)]
    readings.append(Reading(timeline.start_ms + 15 * DAY, 0.71, 0.68, 0.75, 126_000, 178_000))
    now = Now(timeline, 0.8, timeline.start_ms + 15 * DAY, "limits-2", 60_000, 12.0, readings)
    now.log.append((timeline.deploy_ms, "bold red", "the alert [fires]"))
    return now


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_picture_fits_and_shows_what_matters(now, width):
    console = Console(file=(shown := io.StringIO()), width=width, force_terminal=True, color_system=None)
    console.print(draw(now, width, 24))
    lines = shown.getvalue().splitlines()
    text = "\n".join(lines)
    assert max(len(line) for line in lines) <= width and len(lines) <= 24
    for part in ("day 16", "women", "men", "0.80", "●", "[fires]"):
        assert part in text


def test_the_picture_before_the_first_window(timeline):
    console = Console(file=(shown := io.StringIO()), width=80)
    console.print(draw(Now(timeline, 0.8, timeline.start_ms), 80, 24))
    assert "waiting for the first window" in shown.getvalue()


def test_plain_lines_one_a_day_and_one_an_event(now):
    out = io.StringIO()
    plain = Plain(Console(file=out, width=40))
    plain.show(now)
    plain.show(now)
    plain.tell(now.timeline.deploy_ms, now, "bold red", "the alert fires")
    plain.close()
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert "ratio 0.71 (0.68 to 0.75)" in lines[0]
    assert lines[1] == "day 15, 09:00  * the alert fires"


def test_a_picture_only_on_a_terminal():
    assert isinstance(screen_for(Console(file=io.StringIO())), Plain)
    picture = screen_for(Console(file=io.StringIO(), force_terminal=True))
    assert isinstance(picture, Picture)
    picture.close()


def test_the_epilogue_names_what_is_missing(timeline):
    out = io.StringIO()
    epilogue(account([], Counts({}, 0), timeline), Console(file=out, width=100))
    assert "missing: the alert fired" in out.getvalue()


def test_the_saved_picture_leaves_out_how_long_the_machine_took(now, tmp_path):
    save(now, tmp_path / "demo.svg")
    text = (tmp_path / "demo.svg").read_text()
    assert "12&#160;s<" not in text
    assert "day&#160;16" in text
