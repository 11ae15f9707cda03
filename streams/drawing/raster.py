"""An SVG as PNG, for whoever shows only that: mail, chat, pages of others.

It is drawn by resvg in a process of its own, which is nice to the others: the library holds Python's lock while it draws (2026-11: 90 ms
for a chart), and a service that answers a thousand requests a second must not wait for that. The font comes along, since
an image for containers has none: Roboto (Google, Apache-2.0), cut down to Latin, Greek and Cyrillic letters and what charts need.
"""

import subprocess
import sys
from pathlib import Path

from streams.errors import StreamsError

FONT, FAMILY = Path(__file__).with_name("roboto.ttf"), "Roboto"
ZOOM = 1.5
SECONDS = 20

_DRAW = """
import os, sys
import resvg_py
os.nice(10)
font, zoom = sys.argv[1:]
png = resvg_py.svg_to_bytes(svg_string=sys.stdin.read(), skip_system_fonts=True, font_files=[font], zoom=float(zoom))
sys.stdout.buffer.write(png)
"""


class NotDrawn(StreamsError):
    """A picture could not be made."""


def png(svg: str, zoom: float = ZOOM) -> bytes:
    """The picture, so many pixels to one of the SVG. NotDrawn if it cannot be made in time."""
    command = [sys.executable, "-c", _DRAW, str(FONT), f"{zoom:g}"]
    try:
        done = subprocess.run(command, input=svg.encode(), capture_output=True, timeout=SECONDS, check=True)
    except (subprocess.SubprocessError, OSError) as error:
        raise NotDrawn(f"resvg made no picture: {type(error).__name__}") from None
    return done.stdout
